/* What the C and the Go half of the filter know of each other. */
#ifndef SECRETWATCH_FILTER_H
#define SECRETWATCH_FILTER_H

#include <stdint.h>

#include "abi.h"

/* Of one thread that calls the filter, in nanoseconds since the library was
 * loaded: its last call, and when it last passed through Go's scheduler. Belongs
 * to pace.go. */
struct sw_pace {
    int64_t called;
    int64_t passed;
};

/* Calls of the host that Go makes through C, because they are weak or variadic.
 * They do nothing, or return NULL, where the host lacks the function. */
const char *sw_property(struct flb_filter_instance *ins, const char *key);
const char *sw_instance_name(struct flb_filter_instance *ins);
int sw_log_enabled(int level);
void sw_log(int level, const char *line);

#endif
