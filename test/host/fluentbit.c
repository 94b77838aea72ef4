/* The functions that Fluent Bit exports to native filters. */
#include "fluentbit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

int log_level = 3;

void flb_log_print(int type, const char *file, int line, const char *fmt, ...)
{
    static const char *const names[] = { "  off", "error", " warn", " info", "debug", "trace" };
    char text[4096], at[32];
    struct timespec now;
    struct tm tm;
    va_list args;

    (void) file;
    (void) line;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    strftime(at, sizeof(at), "%Y/%m/%d %H:%M:%S", &tm);
    fprintf(stderr, "[%s.%03ld] [%s] %s\n", at, now.tv_nsec / 1000000,
            type >= 0 && type <= 5 ? names[type] : "?????", text);
}

const char *flb_filter_get_property(const char *key, struct filter_instance *ins)
{
    int i;

    for (i = 0; i < ins->property_count; i++) {
        if (strcasecmp(ins->properties[i].key, key) == 0) {
            return ins->properties[i].value;
        }
    }
    return NULL;
}

void flb_filter_set_context(struct filter_instance *ins, void *context)
{
    ins->context = context;
}

const char *flb_filter_name(struct filter_instance *ins)
{
    return ins->name;
}

/* The host's threads share one log level and need nothing else of a worker. */
void *flb_worker_get(void)
{
    return &log_level;
}

int flb_worker_log_level(void *worker)
{
    return *(int *) worker;
}

#ifndef FLUENT_BIT_V2
const char *flb_config_map_get_raw(struct config_map *map)
{
    return map->value.raw;
}
#endif
