/*
 * The output as Fluent Bit's proxy for Go plugins sees it (src/proxy/go/go.c):
 * functions it looks up by name. FLBPluginRegister is Go; those here stand
 * before Go because the host also calls them where Go must not run.
 */
#include <pthread.h>

#include "fork.h"
#include "output.h"
#include "_cgo_export.h"

#define EXPORT __attribute__((visibility("default")))

/* The thread that initialises instances, the host's engine, on which an output
 * without workers is flushed as well. Not a thread-local variable: that would
 * make the library need the dynamic linker's symbols. */
static _Atomic pthread_t engine;

const char *sw_output_name(void *plugin)
{
    return flb_output_name ? flb_output_name(((struct sw_go_output_plugin *) plugin)->o_ins) : NULL;
}

EXPORT int FLBPluginInit(void *plugin)
{
    if (sw_forked()) {
        sw_refuse_fork("output", sw_output_name(plugin));
        return FLB_ERROR;
    }
    engine = pthread_self();
    return secretwatchOutputInit(plugin);
}

/* Called on as many threads as the output has workers, at once. */
EXPORT int FLBPluginFlushCtx(void *context, void *data, size_t size, char *tag)
{
    return secretwatchFlush(context, data, size, tag, pthread_equal(engine, pthread_self()));
}

/* Called for each instance, also for those whose FLBPluginInit failed. */
EXPORT int FLBPluginExitCtx(void *context)
{
    if (!sw_forked()) {
        secretwatchOutputExit(context);
    }
    return FLB_OK;
}
