/* What the C and the Go half of the filter know of each other. */
#ifndef SECRETWATCH_FILTER_H
#define SECRETWATCH_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"

/* How much counts of the time between two calls, and over how many the mean is taken,
 * about. */
#define SW_PACE_LONG INT64_C(20000000)
#define SW_PACE_OF 8

/* Of how many instances a thread knows when they had their last chunks. */
#define SW_PACE_INSTANCES 8

/* Of one thread that calls the filter; times are CLOCK_MONOTONIC, in nanoseconds. */
struct sw_pace {
    int64_t now;  /* of its last chunk */
    int64_t mean; /* time between its chunks, however many instances have each */
    int64_t full; /* whether the counts of this chunk's instance are to be taken */
    int64_t had[SW_PACE_INSTANCES]; /* by handle: times of their last chunks */
    /* Belongs to pace.go: its last call into Go, the mean time between these, and when
     * it last passed through Go's scheduler. */
    int64_t called;
    int64_t gap;
    int64_t passed;
};

/* Notes that the thread has a chunk for an instance. */
static inline void sw_pace_note(struct sw_pace *p, uintptr_t handle, int64_t now)
{
    int64_t *had = &p->had[handle % SW_PACE_INSTANCES], gap = now - *had;

    *had = p->now = now;
    p->mean += ((gap < SW_PACE_LONG ? gap : SW_PACE_LONG) - p->mean) / SW_PACE_OF;
}

/* Of one instance: what has passed without a call into Go since it was last asked
 * for. Belongs to quiet.go. */
struct sw_passed {
    uint64_t chunks;
    uint64_t bytes;
    uint64_t records; /* 0 unless they are counted */
};

/* From open to close, chunks with nothing of interest do not reach the instance of
 * that handle. There may be no room for it, which costs only time. With count, their
 * records are counted. */
void sw_quiet_open(uintptr_t handle, int count);
void sw_quiet_close(uintptr_t handle);
struct sw_passed sw_quiet_take(uintptr_t handle);
/* Whether a chunk does not reach the instance. It is counted if it does not. */
int sw_quiet_passes(uintptr_t handle, const void *data, size_t bytes);
/* Whether so much has passed that nothing more does until it is taken. */
int sw_quiet_full(uintptr_t handle);

/* Calls of the host that Go makes through C, because they are weak or variadic.
 * They do nothing, or return NULL, where the host lacks the function. */
const char *sw_property(struct flb_filter_instance *ins, const char *key);
const char *sw_instance_name(struct flb_filter_instance *ins);
int sw_log_enabled(int level);
void sw_log(int level, const char *line);

#endif
