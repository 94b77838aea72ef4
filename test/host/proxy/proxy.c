/*
 * Loads an output plugin the way Fluent Bit's proxy for Go plugins does
 * (src/flb_plugin_proxy.c, src/proxy/go/go.c) and delivers records through it:
 *
 *   host-output [--prop NAME=VALUE]... [--next [--prop ...]]... [--records-per-chunk N]
 *               [--workers N] [--retries N] [--reload] [--daemon] PLUGIN < lines
 *
 * Every line becomes a record {"log": line}; every instance gets every chunk. A
 * chunk for which the plugin wants a retry is brought again, after a pause, up to
 * N times (1). With --reload, the instances exit and start anew halfway.
 *
 * Exit status: 0, 1 unreadable input, 2 wrong usage, 3 the plugin could not be
 * loaded or refused its configuration, 4 chunks were not delivered, 5 it wrote
 * beyond a structure of the host.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../convert.h"
#include "../fluentbit.h"

enum { FLB_ERROR, FLB_OK, FLB_RETRY };

#define MAX_INSTANCES 8
#define GUARD 64

struct instance {
    char name[32];
    struct { const char *key, *value; } properties[MAX_PROPERTIES];
    int property_count;
    struct { void *remote_context; void *proxy; } context;
};

/* include/fluent-bit/flb_plugin_proxy.h of v2.2, the smallest there is. Newer
 * hosts have more at its end, which a plugin for both must not touch. */
struct definition {
    int type;
    int proxy;
    int flags;
    char *name;
    char *description;
};

/* include/fluent-bit/flb_api.h: the first member */
struct api {
    const char *(*output_get_property)(const char *, struct instance *);
    void *others[16];
};

/* src/proxy/go/go.h */
struct go_output {
    char *name;
    struct api *api;
    struct instance *o_ins;
    void *context;
    int (*cb_init)(struct go_output *);
    int (*cb_flush_ctx)(void *, const void *, size_t, char *);
    int (*cb_exit_ctx)(void *);
};

static struct instance instances[MAX_INSTANCES];
static int instance_count = 1;
static long per_chunk = 100, workers = 1, retries = 1;

static struct buffer *chunks;
static long chunk_count, end_chunk, next_chunk;
static pthread_mutex_t taking = PTHREAD_MUTEX_INITIALIZER;
static long delivered, retried, failed;
static struct go_output plugin;

static const char *get_property(const char *key, struct instance *ins)
{
    for (int i = 0; i < ins->property_count; i++) {
        if (strcasecmp(ins->properties[i].key, key) == 0) {
            return ins->properties[i].value;
        }
    }
    return NULL;
}

const char *flb_output_name(struct instance *ins)
{
    return ins->name;
}

static void fail(int status, const char *what, const char *detail)
{
    flb_log_print(1, NULL, 0, "[host] %s: %s", what, detail ? detail : "");
    exit(status);
}

static void *symbol(void *handle, const char *name)
{
    void *s = dlsym(handle, name);

    if (!s) {
        fail(3, "no symbol", name);
    }
    return s;
}

static void load(const char *path)
{
    static struct api api = { .output_get_property = get_property };
    unsigned char guarded[sizeof(struct definition) + GUARD];
    struct definition *def = (struct definition *) guarded;
    void *handle = dlopen(path, RTLD_LAZY);
    int (*cb_register)(struct definition *);

    if (!handle) {
        fail(3, "dlopen", dlerror());
    }
    memset(guarded, 0, sizeof(*def));
    memset(guarded + sizeof(*def), 0xa5, GUARD);
    cb_register = (int (*)(struct definition *)) symbol(handle, "FLBPluginRegister");
    if (cb_register(def) == -1 || def->type != 2 || def->proxy != 11 || strcmp(def->name, "secretwatch") != 0) {
        fail(3, "register", path);
    }
    for (int i = 0; i < GUARD; i++) {
        if (guarded[sizeof(*def) + i] != 0xa5) {
            fail(5, "register", "wrote beyond the definition");
        }
    }
    plugin.name = def->name;
    plugin.api = &api;
    plugin.cb_init = (int (*)(struct go_output *)) symbol(handle, "FLBPluginInit");
    plugin.cb_flush_ctx = (int (*)(void *, const void *, size_t, char *)) symbol(handle, "FLBPluginFlushCtx");
    plugin.cb_exit_ctx = (int (*)(void *)) symbol(handle, "FLBPluginExitCtx");
}

static void stop(void)
{
    for (int i = 0; i < instance_count; i++) {
        plugin.cb_exit_ctx(instances[i].context.remote_context);
    }
}

static void start(void)
{
    for (int i = 0; i < instance_count; i++) {
        snprintf(instances[i].name, sizeof(instances[i].name), "%s.%d", plugin.name, i);
        plugin.o_ins = &instances[i];
        plugin.context = &instances[i].context;
        if (plugin.cb_init(&plugin) <= 0) {
            stop(); /* of those without a context as well, as Fluent Bit does */
            fail(3, "failed to initialize", instances[i].name);
        }
    }
}

static void deliver(struct instance *ins, const struct buffer *chunk)
{
    /* An exact copy, so that a memory checker sees reads beyond the chunk. */
    unsigned char *data = malloc(chunk->len);
    char tag[] = "host";
    int result = FLB_RETRY;

    memcpy(data, chunk->data, chunk->len);
    for (long i = 0; i <= retries && result == FLB_RETRY; i++) {
        if (i > 0) {
            struct timespec pause = { 0, 100000000 };

            nanosleep(&pause, NULL);
        }
        result = plugin.cb_flush_ctx(ins->context.remote_context, data, chunk->len, tag);
        __atomic_add_fetch(&retried, result == FLB_RETRY, __ATOMIC_RELAXED);
    }
    free(data);
    __atomic_add_fetch(result == FLB_OK ? &delivered : &failed, 1, __ATOMIC_RELAXED);
}

static void *work(void *unused)
{
    (void) unused;
    for (;;) {
        long n;

        pthread_mutex_lock(&taking);
        n = next_chunk < end_chunk ? next_chunk++ : -1;
        pthread_mutex_unlock(&taking);
        if (n < 0) {
            return NULL;
        }
        for (int i = 0; i < instance_count; i++) {
            deliver(&instances[i], &chunks[n]);
        }
    }
}

/* Delivers chunks up to end. */
static void run(long end)
{
    pthread_t threads[64];

    end_chunk = end;
    for (long i = 0; i < workers; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            fail(1, "thread", strerror(errno));
        }
    }
    for (long i = 0; i < workers; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void read_lines(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    long records = 0;
    struct buffer *chunk = NULL;

    while ((len = getline(&line, &cap, stdin)) >= 0) {
        static const unsigned char time[] = { 0xd7, 0, 0x65, 0, 0, 0, 0, 0, 0, 0 };

        if (records++ % per_chunk == 0) {
            chunks = realloc(chunks, (size_t) (chunk_count + 1) * sizeof(*chunks));
            chunk = &chunks[chunk_count++];
            memset(chunk, 0, sizeof(*chunk));
        }
        if (len > 0 && line[len - 1] == '\n') {
            len--;
        }
        pack_array(chunk, 2);
        pack_array(chunk, 2);
        buffer_add(chunk, time, sizeof(time));
        pack_map(chunk, 0);
        pack_map(chunk, 1);
        pack_string(chunk, "log", 3);
        pack_string(chunk, line, (size_t) len);
    }
    free(line);
    if (ferror(stdin)) {
        fail(1, "stdin", strerror(errno));
    }
}

static long number(const char *text, long low, long high)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (*end || end == text || n < low || n > high) {
        fail(2, "not a usable number", text);
    }
    return n;
}

static void add_property(char *text)
{
    struct instance *ins = &instances[instance_count - 1];
    char *value = strchr(text, '=');

    if (!value || ins->property_count == MAX_PROPERTIES) {
        fail(2, "not NAME=VALUE", text);
    }
    *value++ = '\0';
    ins->properties[ins->property_count].key = text;
    ins->properties[ins->property_count++].value = value;
}

int main(int argc, char **argv)
{
    static int reload, daemonize;
    static const struct option options[] = {
        { "prop", required_argument, NULL, 'p' },
        { "next", no_argument, NULL, 'n' },
        { "records-per-chunk", required_argument, NULL, 'c' },
        { "workers", required_argument, NULL, 'w' },
        { "retries", required_argument, NULL, 'r' },
        { "reload", no_argument, &reload, 1 },
        { "daemon", no_argument, &daemonize, 1 },
        { NULL, 0, NULL, 0 },
    };
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (o) {
        case 0:
            break;
        case 'p':
            add_property(optarg);
            break;
        case 'n':
            if (++instance_count > MAX_INSTANCES) {
                fail(2, "too many instances", NULL);
            }
            break;
        case 'c':
            per_chunk = number(optarg, 1, 1000000);
            break;
        case 'w':
            workers = number(optarg, 1, 64);
            break;
        case 'r':
            retries = number(optarg, 0, 1000000);
            break;
        default:
            return 2;
        }
    }
    if (optind != argc - 1) {
        fail(2, "one plugin is wanted", argv[0]);
    }
    load(argv[optind]);
    if (daemonize) {
        int status;
        pid_t pid = fork();

        if (pid > 0) {
            waitpid(pid, &status, 0);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        }
    }
    start();
    read_lines();
    if (reload) {
        run(chunk_count / 2);
        stop();
        start();
    }
    run(chunk_count);
    stop();
    stop(); /* once more: nothing may happen */
    flb_log_print(3, NULL, 0, "[host] delivered=%ld retried=%ld failed=%ld", delivered, retried, failed);
    return failed ? 4 : 0;
}
