/*
 * The part of Fluent Bit's binary interface that a native filter touches,
 * declared here so that the library builds without Fluent Bit and fits several
 * versions of it. Sources are paths in the repository fluent/fluent-bit,
 * compared in v2.2.0 to v2.2.3, v3.2.0 to v3.2.10, v4.2.0 to v4.2.8 and v5.0.0
 * to v5.1.1.
 */
#ifndef SECRETWATCH_ABI_H
#define SECRETWATCH_ABI_H

#include <stddef.h>
#include <stdint.h>

/* Opaque: their layout changes between versions, no field is ever read. */
struct flb_config;
struct flb_filter_instance;
struct flb_input_instance;
struct flb_output_instance;
struct flb_worker;

/* lib/monkey/include/monkey/mk_core/mk_list.h, all versions */
struct mk_list {
    struct mk_list *prev;
    struct mk_list *next;
};

/* include/fluent-bit/flb_filter.h, all versions */
#define FLB_FILTER_MODIFIED 1
#define FLB_FILTER_NOTOUCH  2
#define FLB_FILTER_LOGS     1

/* include/fluent-bit/flb_log.h, all versions */
#define FLB_LOG_ERROR 1
#define FLB_LOG_WARN  2
#define FLB_LOG_INFO  3
#define FLB_LOG_DEBUG 4

/* include/fluent-bit/flb_config_map.h, all versions */
#define FLB_CONFIG_MAP_STR  0
#define FLB_CONFIG_MAP_INT  2
#define FLB_CONFIG_MAP_BOOL 3

/*
 * include/fluent-bit/flb_config_map.h up to v5.0.2. The host walks the array up
 * to a NULL name and copies name, default and type; it keeps the pointer desc.
 * What follows desc is its own scratch space.
 */
struct flb_config_map_v2 {
    int type;
    const char *name;
    const char *def_value;
    int flags;
    int set_property;
    uintptr_t offset;
    const char *desc;
    struct {
        uint64_t val;
        struct mk_list *mult;
        struct mk_list _head;
    } value;
    struct mk_list _head;
};

/* The same from v5.0.3 on: the value has gained the pointer raw. */
struct flb_config_map_v5 {
    int type;
    const char *name;
    const char *def_value;
    int flags;
    int set_property;
    uintptr_t offset;
    const char *desc;
    struct {
        uint64_t val;
        const char *raw;
        struct mk_list *mult;
        struct mk_list _head;
    } value;
    struct mk_list _head;
};

/*
 * include/fluent-bit/flb_filter.h, v3.2.0 on. v2.2 and v3.0 lack
 * cb_notification; the host copies its own, smaller size from the start, and
 * _head, which then lies where cb_notification is here, is written before it is
 * read. Versions before v2.2 lack cb_pre_run and cannot load this library.
 */
struct flb_filter_plugin {
    int event_type;
    int flags;
    const char *name;
    const char *description;
    void *config_map; /* struct flb_config_map_v2 or _v5 */
    int (*cb_pre_run)(struct flb_filter_instance *, struct flb_config *, void *);
    int (*cb_init)(struct flb_filter_instance *, struct flb_config *, void *);
    int (*cb_filter)(const void *data, size_t bytes,
                     const char *tag, int tag_len,
                     void **out, size_t *out_size,
                     struct flb_filter_instance *ins,
                     struct flb_input_instance *in,
                     void *context, struct flb_config *config);
    int (*cb_exit)(void *context, struct flb_config *config);
    int (*cb_notification)(struct flb_filter_instance *, struct flb_config *, void *);
    struct mk_list _head;
};

/* include/fluent-bit/flb_output.h, all versions */
#define FLB_ERROR 0
#define FLB_OK    1
#define FLB_RETRY 2

/*
 * The beginning of struct flbgo_output_plugin of src/proxy/go/go.h, all versions:
 * what FLBPluginInit is called with. fluent-bit-go declares it too, but keeps
 * the instance to itself, whose name the log lines need.
 */
struct sw_go_output_plugin {
    char *name;
    void *api;
    struct flb_output_instance *o_ins;
};

#if UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(struct flb_config_map_v2) == 96, "stride up to v5.0.2");
_Static_assert(sizeof(struct flb_config_map_v5) == 104, "stride from v5.0.3");
_Static_assert(sizeof(struct flb_filter_plugin) == 88, "size from v3.2.0");
#else
#error "only 64-bit hosts have been checked"
#endif

/*
 * Functions of the host. Weak, so that the library can also be loaded where
 * they are absent (by a symbol checker, say): then they are NULL.
 */
#define SW_HOST extern __attribute__((weak))

/* src/flb_filter.c: the text of a property or NULL if it is not set; owned by
 * the instance. Environment variables in it have been replaced. */
SW_HOST const char *flb_filter_get_property(const char *key, struct flb_filter_instance *ins);
/* src/flb_filter.c: context is handed to cb_filter and cb_exit; cb_exit is not
 * called without one. */
SW_HOST void flb_filter_set_context(struct flb_filter_instance *ins, void *context);
/* src/flb_filter.c: alias or numbered name; owned by the instance. */
SW_HOST const char *flb_filter_name(struct flb_filter_instance *ins);
/* src/flb_output.c: as flb_filter_name. */
SW_HOST const char *flb_output_name(struct flb_output_instance *ins);
/* src/flb_log.c: any thread; copies, cuts at 4 KB, adds time and level. */
SW_HOST void flb_log_print(int type, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* src/flb_worker.c: NULL on threads that are not the host's. */
SW_HOST struct flb_worker *flb_worker_get(void);
/* src/flb_worker.c: log_level of the service section. */
SW_HOST int flb_worker_log_level(struct flb_worker *worker);

#endif
