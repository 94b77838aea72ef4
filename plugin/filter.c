/*
 * The native filter as Fluent Bit sees it: the exported plugin structure and
 * callbacks that only cross into Go. The loader composes the symbol's name from
 * the file name flb-filter_secretwatch.so (src/flb_plugin.c).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <time.h>

#include "filter.h"
#include "fork.h"
#include "quiet/quiet.h"
#include "_cgo_export.h"

#define SW_PROPERTY(kind, name, def, desc) \
    { FLB_CONFIG_MAP_##kind, name, def, 0, 0, 0, desc, { 0 }, { 0 } },

static struct flb_config_map_v2 config_map_v2[] = {
#include "config_map.inc"
    { 0 }
};

static struct flb_config_map_v5 config_map_v5[] = {
#include "config_map.inc"
    { 0 }
};

const char *sw_property(struct flb_filter_instance *ins, const char *key)
{
    return flb_filter_get_property ? flb_filter_get_property(key, ins) : NULL;
}

const char *sw_instance_name(struct flb_filter_instance *ins)
{
    return flb_filter_name ? flb_filter_name(ins) : NULL;
}

/* As flb_log_check of include/fluent-bit/flb_log.h, which is inline. */
int sw_log_enabled(int level)
{
    struct flb_worker *w;

    if (!flb_log_print) {
        return 0;
    }
    w = flb_worker_get ? flb_worker_get() : NULL;
    if (!w || !flb_worker_log_level) {
        return level <= FLB_LOG_INFO;
    }
    return level <= flb_worker_log_level(w);
}

void sw_log(int level, const char *line)
{
    if (flb_log_print) {
        flb_log_print(level, NULL, 0, "%s", line);
    }
}

static int cb_init(struct flb_filter_instance *ins, struct flb_config *config, void *data)
{
    uintptr_t handle;

    (void) config;
    (void) data;
    if (sw_forked()) {
        sw_refuse_fork("filter", sw_instance_name(ins));
        return -1;
    }
    if (!flb_filter_set_context) {
        return -1;
    }
    handle = secretwatchInit(ins);
    if (handle == 0) {
        return -1;
    }
    flb_filter_set_context(ins, (void *) handle);
    return 0;
}

/* In the static block of thread-local memory, as Go's own: any other would make
 * the library need the dynamic linker's symbols. */
static __thread __attribute__((tls_model("initial-exec"))) struct sw_pace pace = { .mean = SW_PACE_LONG };

/* Notes that the thread has a chunk. */
static void note_chunk(uintptr_t handle)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    sw_pace_note(&pace, handle, t.tv_sec * INT64_C(1000000000) + t.tv_nsec);
}

/* Instances have a place by their handle. There seldom are as many. */
#define SW_PLACES 64

/* What may pass of an instance, in bytes, before Go is to know of it. */
#define SW_QUIET_MOST 10000000

static struct place {
    _Alignas(64) _Atomic uintptr_t handle; /* 0 for none */
    atomic_int count;
    _Atomic uint64_t chunks, bytes, records;
} places[SW_PLACES];

static struct place *place_of(uintptr_t handle)
{
    struct place *p = &places[handle % SW_PLACES];

    return handle != 0 && atomic_load_explicit(&p->handle, memory_order_acquire) == handle ? p : NULL;
}

void sw_quiet_open(uintptr_t handle, int count)
{
    struct place *p = &places[handle % SW_PLACES];

    if (atomic_load(&p->handle) == 0) {
        atomic_store(&p->chunks, 0);
        atomic_store(&p->bytes, 0);
        atomic_store(&p->records, 0);
        atomic_store(&p->count, count);
        atomic_store(&p->handle, handle);
    }
}

void sw_quiet_close(uintptr_t handle)
{
    struct place *p = place_of(handle);

    if (p) {
        atomic_store(&p->handle, 0);
    }
}

struct sw_passed sw_quiet_take(uintptr_t handle)
{
    struct place *p = place_of(handle);
    struct sw_passed passed = { 0, 0, 0 };

    if (p) {
        passed.chunks = atomic_exchange(&p->chunks, 0);
        passed.bytes = atomic_exchange(&p->bytes, 0);
        passed.records = atomic_exchange(&p->records, 0);
    }
    return passed;
}

static int is_full(struct place *p)
{
    return atomic_load_explicit(&p->bytes, memory_order_relaxed) >= SW_QUIET_MOST;
}

int sw_quiet_full(uintptr_t handle)
{
    struct place *p = place_of(handle);

    return p && is_full(p);
}

int sw_quiet_passes(uintptr_t handle, const void *data, size_t bytes)
{
    struct place *p = place_of(handle);

    if (!p || !data || is_full(p) || !sw_quiet(data, bytes)) {
        return 0;
    }
    atomic_fetch_add_explicit(&p->chunks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->bytes, bytes, memory_order_relaxed);
    if (atomic_load_explicit(&p->count, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&p->records, sw_quiet_records(data, bytes), memory_order_relaxed);
    }
    return 1;
}

static int cb_filter(const void *data, size_t bytes, const char *tag, int tag_len,
                     void **out, size_t *out_size, struct flb_filter_instance *ins,
                     struct flb_input_instance *in, void *context, struct flb_config *config)
{
    (void) tag;
    (void) tag_len;
    (void) ins;
    (void) in; /* an output instance in disguise when run as an output's processor */
    (void) config;
    note_chunk((uintptr_t) context);
    if (pace.mean >= SW_QUIET_PAUSE && sw_quiet_passes((uintptr_t) context, data, bytes)) {
        return FLB_FILTER_NOTOUCH;
    }
    pace.full = sw_quiet_full((uintptr_t) context);
    return secretwatchFilter((uintptr_t) context, (void *) data, bytes, out, out_size, &pace);
}

static int cb_exit(void *context, struct flb_config *config)
{
    (void) config;
    if (!sw_forked()) {
        secretwatchExit((uintptr_t) context);
    }
    return 0;
}

__attribute__((visibility("default")))
struct flb_filter_plugin filter_secretwatch_plugin = {
    .event_type = FLB_FILTER_LOGS,
    .name = "secretwatch",
    .description = "Tag unusual accesses to Kubernetes secrets in audit events",
    .config_map = config_map_v2,
    .cb_init = cb_init,
    .cb_filter = cb_filter,
    .cb_exit = cb_exit,
};

/* Runs before the host reads the structure above. */
__attribute__((constructor))
static void on_load(void)
{
    /* A function that came with the larger config map, in v5.0.3. */
    if (dlsym(RTLD_DEFAULT, "flb_config_map_get_raw")) {
        filter_secretwatch_plugin.config_map = config_map_v5;
    }
}
