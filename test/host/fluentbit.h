/*
 * The host's half of Fluent Bit's interface for native filters, declared anew
 * from Fluent Bit's headers and not shared with the plugin, so that a mistake in
 * the plugin's own declarations shows. With FLUENT_BIT_V2 it is that of v2.2,
 * without it that of v5.1.
 */
#ifndef FLUENTBIT_H
#define FLUENTBIT_H

#include <stddef.h>
#include <stdint.h>

struct list {
    struct list *prev;
    struct list *next;
};

/* include/fluent-bit/flb_config_map.h */
struct config_map {
    int type;
    char *name;
    char *def_value;
    int flags;
    int set_property;
    uintptr_t offset;
    char *desc;
    struct {
        union {
            int i_num;
            char boolean;
            double d_num;
            size_t s_num;
            char *str;
            struct list *list;
        } val;
#ifndef FLUENT_BIT_V2
        char *raw;
#endif
        struct list *mult;
        struct list head;
    } value;
    struct list head;
};

struct filter_instance;

/* include/fluent-bit/flb_filter.h */
struct filter_plugin {
    int event_type;
    int flags;
    char *name;
    char *description;
    struct config_map *config_map;
    int (*cb_pre_run)(struct filter_instance *, void *config, void *data);
    int (*cb_init)(struct filter_instance *, void *config, void *data);
    int (*cb_filter)(const void *, size_t, const char *, int, void **, size_t *,
                     struct filter_instance *, void *input, void *context, void *config);
    int (*cb_exit)(void *context, void *config);
#ifndef FLUENT_BIT_V2
    int (*cb_notification)(struct filter_instance *, void *config, void *data);
#endif
    struct list head;
};

#define FILTER_MODIFIED 1
#define FILTER_NOTOUCH  2

#define MAX_PROPERTIES 64

/* A configured filter. The plugin must treat it as opaque. */
struct filter_instance {
    struct filter_plugin plugin;
    char name[32];
    void *context;
    struct {
        const char *key;
        const char *value;
    } properties[MAX_PROPERTIES];
    int property_count;
};

/* Highest level that is logged, 1 error to 4 debug. */
extern int log_level;

/* Writes "[time] [level] text" to standard error. Called by plugins as well. */
void flb_log_print(int type, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
