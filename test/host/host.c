/*
 * Loads a native Fluent Bit filter the way Fluent Bit does and runs records
 * through it, where no Fluent Bit is installed or where a test needs what
 * Fluent Bit does not offer: chunks of chosen bytes, many threads, reloads at
 * chosen places. See usage() for the options.
 *
 * Exit status: 0, 1 unreadable input, 2 wrong usage, 3 the plugin could not be
 * loaded or refused its configuration, 4 it returned a broken chunk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "convert.h"
#include "fluentbit.h"

#define MAX_INSTANCES 16

static struct {
    const char *path;           /* of the plugin */
    const char *wrap;           /* key that holds a line */
    int structured;             /* lines become maps */
    int legacy;                 /* records without metadata */
    int raw;                    /* a file is a chunk */
    int envelope;               /* print time and metadata too */
    int quiet;                  /* print nothing */
    int flush;                  /* print each chunk at once */
    int dialog;                 /* chunks end at empty lines, and are answered at once */
    int fork_after_load;
    int help;
    int threads;
    long records_per_chunk;
    long reload_every;
    long repeat;
    size_t stack;               /* bytes of a coroutine, 0 for the thread's own */
} opt = { .wrap = "log", .threads = 1, .records_per_chunk = 100, .repeat = 1 };

static struct filter_instance instances[MAX_INSTANCES];
static int instance_count = 1;

/* Input: files are read in turn. reading guards what follows. */
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static char **files;
static int file_count, next_file;
static FILE *input;
static char *line;
static size_t line_cap;
static long lines_read;
static int read_failed;

/* Output. writing guards stdout and the counters. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static long chunks, modified_chunks, records_in, records_out;
static int broken;

static void usage(FILE *to)
{
    fprintf(to,
            "usage: host [options] /path/flb-filter_NAME.so [FILE...]\n"
            "Runs JSON lines of the files (or of standard input, also -) through the filter\n"
            "and prints the records that come back as JSON lines.\n"
            "  -h                      print the plugin's properties\n"
            "  --prop NAME=VALUE       set a property\n"
            "  --next                  begin a further instance, which gets the first one's output\n"
            "  --records-per-chunk N   default 100\n"
            "  --wrap KEY              a line becomes {KEY: line}; default log\n"
            "  --structured            a line becomes the map it describes\n"
            "  --legacy                records of the form [time, map], without metadata\n"
            "  --raw                   each file is one chunk as it is; chunks are printed as they are\n"
            "  --envelope              print [[time, metadata], map]\n"
            "  --quiet                 print no records\n"
            "  --flush                 print the records of a chunk before the next is read\n"
            "  --dialog                also end a chunk at an empty line, of which there may be several;\n"
            "                          its records are printed at once, and behind them a line\n"
            "                          {\"nanoseconds\":N} that says how long the filter took\n"
            "  --threads N             call the filter from N threads; order is lost\n"
            "  --reload-every N        reload after every N chunks; one thread only\n"
            "  --repeat N              read the files N times\n"
            "  --stack KB              call the filter on a coroutine stack of that size\n"
            "  --daemon                fork between load and init\n"
            "  --log-level N           1 error to 4 debug, default 3\n");
}

static void fail(int status, const char *what, const char *detail)
{
    flb_log_print(1, NULL, 0, "[host] %s: %s", what, detail);
    exit(status);
}

/* flb_plugin_load of src/flb_plugin.c: dlopen, the symbol composed from the file
 * name, a copy of the structure in the host's size. */
static struct filter_plugin load(void)
{
    struct filter_plugin plugin;
    char path[PATH_MAX], symbol[PATH_MAX];
    const char *base;
    void *handle, *found;

    snprintf(path, sizeof(path), "%s", opt.path);
    base = basename(path);
    if (strncmp(base, "flb-filter_", 11) != 0 || strlen(base) < 14 || strcmp(base + strlen(base) - 3, ".so") != 0) {
        fail(3, "not named flb-filter_NAME.so", opt.path);
    }
    handle = dlopen(opt.path, RTLD_LAZY);
    if (!handle) {
        fail(3, "dlopen", dlerror());
    }
    snprintf(symbol, sizeof(symbol), "%.*s_plugin", (int) strlen(base) - 7, base + 4);
    found = dlsym(handle, symbol);
    if (!found) {
        fail(3, "no symbol", symbol);
    }
    memcpy(&plugin, found, sizeof(plugin));
    return plugin;
}

static struct config_map *find_property(struct config_map *map, const char *key)
{
    for (; map && map->name; map++) {
        if (strcasecmp(map->name, key) == 0) {
            return map;
        }
    }
    return NULL;
}

/* flb_config_map_properties_check of src/flb_config_map.c */
static void check_properties(struct filter_instance *ins)
{
    struct config_map *map = ins->plugin.config_map, *m;
    int i, j, count;

    for (i = 0; i < ins->property_count; i++) {
        if (!find_property(map, ins->properties[i].key)) {
            struct buffer allowed = { 0 };

            for (m = map; m && m->name; m++) {
                buffer_add(&allowed, m == map ? "" : ", ", m == map ? 0 : 2);
                buffer_add(&allowed, m->name, strlen(m->name));
            }
            buffer_byte(&allowed, 0);
            flb_log_print(1, NULL, 0, "[config] %s: unknown configuration property '%s'. "
                          "The following properties are allowed: %s.",
                          ins->plugin.name, ins->properties[i].key, (char *) allowed.data);
            exit(3);
        }
        for (count = 0, j = 0; j < ins->property_count; j++) {
            count += strcasecmp(ins->properties[j].key, ins->properties[i].key) == 0;
        }
        if (count > 1) {
            fail(3, "property is set more than once", ins->properties[i].key);
        }
    }
}

static void start(struct filter_plugin plugin)
{
    int i;

    for (i = 0; i < instance_count; i++) {
        struct filter_instance *ins = &instances[i];

        ins->plugin = plugin;
        ins->context = NULL;
        snprintf(ins->name, sizeof(ins->name), "%s.%d", plugin.name, i);
        check_properties(ins);
        if (plugin.cb_pre_run && plugin.cb_pre_run(ins, NULL, NULL) != 0) {
            fail(3, "failed pre_run of filter", ins->name);
        }
        if (plugin.cb_init(ins, NULL, NULL) != 0) {
            fail(3, "failed to initialize filter", ins->name);
        }
    }
}

static void stop(void)
{
    int i;

    for (i = 0; i < instance_count; i++) {
        if (instances[i].plugin.cb_exit && instances[i].context) {
            instances[i].plugin.cb_exit(instances[i].context, NULL);
        }
    }
}

/* As flb_reload of src/flb_reload.c: load, check, old exit, new init. */
static void reload(void)
{
    struct filter_plugin plugin = load();

    stop();
    start(plugin);
}

static void print_help(const struct filter_plugin *plugin)
{
    struct config_map *m;

    printf("%s\n%s\n", plugin->name, plugin->description);
    for (m = plugin->config_map; m && m->name; m++) {
        printf("%s\n    %s\n    default: %s, type: %d\n", m->name, m->desc ? m->desc : "",
               m->def_value ? m->def_value : "none", m->type);
    }
}

/* One call of a filter, made on another stack if wanted. */
struct call {
    struct filter_instance *ins;
    const void *data;
    size_t size;
    void *out;
    size_t out_size;
    int result;
    ucontext_t caller, callee;
};

static __thread struct call *pending;

static void make_call(void)
{
    struct call *c = pending;

    c->result = c->ins->plugin.cb_filter(c->data, c->size, "host", 4, &c->out, &c->out_size,
                                         c->ins, NULL, c->ins->context, NULL);
}

static void filter(struct call *c, char *stack)
{
    pending = c;
    if (!stack) {
        make_call();
        return;
    }
    getcontext(&c->callee);
    c->callee.uc_stack.ss_sp = stack;
    c->callee.uc_stack.ss_size = opt.stack;
    c->callee.uc_link = &c->caller;
    makecontext(&c->callee, make_call, 0);
    swapcontext(&c->caller, &c->callee);
}

/* A coroutine stack above a page that must not be touched. */
static char *new_stack(void)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    char *p;

    if (opt.stack == 0) {
        return NULL;
    }
    p = mmap(NULL, opt.stack + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p, page, PROT_NONE) != 0) {
        fail(1, "stack", strerror(errno));
    }
    return p + page;
}

/* Opens the next file; returns 0 if there is none. */
static int open_next(void)
{
    const char *name;

    if (next_file == file_count * opt.repeat) {
        return 0;
    }
    name = files[next_file++ % file_count];
    input = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    if (!input) {
        flb_log_print(1, NULL, 0, "[host] %s: %s", name, strerror(errno));
        read_failed = 1;
        next_file = file_count * opt.repeat;
        return 0;
    }
    return 1;
}

static void close_input(void)
{
    if (input != stdin) {
        fclose(input);
    }
    input = NULL;
}

/* Appends the beginning of an array of two, or of a map, in the form of Fluent
 * Bit's encoder, which leaves room for lengths that it does not know yet. */
static void open_pair(struct buffer *chunk)
{
#ifdef FLUENT_BIT_V2
    buffer_add(chunk, "\xdd\0\0\0\2", 5);
#else
    pack_array(chunk, 2);
#endif
}

static void open_map(struct buffer *chunk, char members)
{
    buffer_add(chunk, "\xdf\0\0\0", 4);
    buffer_byte(chunk, (unsigned char) members);
}

/* Appends one record: FLB_LOG_EVENT_FORMAT_FLUENT_BIT_V2, or V1 with --legacy. */
static void add_record(struct buffer *chunk, const char *text, size_t len)
{
    uint32_t seconds = (uint32_t) (1700000000 + lines_read++);
    unsigned char time[] = { 0xd7, 0x00, (unsigned char) (seconds >> 24), (unsigned char) (seconds >> 16),
                             (unsigned char) (seconds >> 8), (unsigned char) seconds, 0, 0, 0, 0 };

    open_pair(chunk);
    if (!opt.legacy) {
        open_pair(chunk);
    }
    buffer_add(chunk, time, sizeof(time));
    if (!opt.legacy) {
        open_map(chunk, 0);
    }
    /* What is no object stays a line, as with Fluent Bit's JSON parser. */
    if (opt.structured && len > 0 && text[0] == '{' && json_to_msgpack(text, len, chunk) == 0) {
        return;
    }
    open_map(chunk, 1);
    pack_string(chunk, opt.wrap, strlen(opt.wrap));
    pack_string(chunk, text, len);
}

/* Fills chunk with the next lines or, with --raw, the next file. Returns the
 * number of records, 0 at the end, and -1 for a raw chunk. */
static long read_chunk(struct buffer *chunk)
{
    long count = 0;

    chunk->len = 0;
    pthread_mutex_lock(&reading);
    while (count < opt.records_per_chunk && (input || open_next())) {
        if (opt.raw) {
            size_t got;

            do {
                size_t at = buffer_room(chunk, 65536);

                got = fread(chunk->data + at, 1, 65536, input);
                chunk->len = at + got;
            } while (got > 0);
            close_input();
            count = -1;
            break;
        }
        ssize_t len = getline(&line, &line_cap, input);

        if (len < 0) {
            close_input();
            continue;
        }
        if (len > 0 && line[len - 1] == '\n') {
            len--;
        }
        if (opt.dialog && len == 0) {
            if (count > 0) {
                break;
            }
            continue;
        }
        add_record(chunk, line, (size_t) len);
        count++;
    }
    pthread_mutex_unlock(&reading);
    return count;
}

/* Appends the records of a chunk as JSON lines; returns their number or -1 if
 * the chunk is broken. */
static long print_records(const unsigned char *data, size_t size, struct buffer *out)
{
    long count = 0;
    size_t at = 0, len, body;

    for (; at < size; at += len, count++) {
        len = msgpack_size(data + at, size - at);
        body = len ? msgpack_enter_array(data + at, 2) : 0;
        if (body == 0) {
            return -1;
        }
        body += msgpack_size(data + at + body, size - at - body);
        msgpack_to_json(data + at + (opt.envelope ? 0 : body), out);
        buffer_byte(out, '\n');
    }
    return count;
}

static void run_chunk(const struct buffer *chunk, long count, char *stack)
{
    struct buffer text = { 0 };
    unsigned char *data = chunk->data;
    size_t size = chunk->len;
    int i, changed = 0;
    long returned;
    struct timespec began, ended;

    clock_gettime(CLOCK_MONOTONIC, &began);
    for (i = 0; i < instance_count && size > 0; i++) {
        struct call c = { .ins = &instances[i], .data = data, .size = size };

        filter(&c, stack);
        if (c.result == FILTER_MODIFIED) {
            if (changed) {
                free(data);
            }
            changed = 1;
            data = c.out;
            size = c.out_size;
        }
        else if (c.result != FILTER_NOTOUCH) {
            fail(4, "the filter returned neither modified nor no touch", instances[i].name);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    if (opt.raw) {
        returned = 0;
        count = 0;
        buffer_add(&text, data, size);
    }
    else {
        returned = print_records(data, size, &text);
    }
    if (opt.dialog) {
        char took[64];

        buffer_add(&text, took, (size_t) snprintf(took, sizeof(took), "{\"nanoseconds\":%lld}\n",
                   (ended.tv_sec - began.tv_sec) * 1000000000LL + ended.tv_nsec - began.tv_nsec));
    }
    pthread_mutex_lock(&writing);
    if (returned < 0) {
        flb_log_print(1, NULL, 0, "[host] the filter returned a broken chunk");
        broken = 1;
    }
    else {
        records_out += returned;
    }
    records_in += count;
    chunks++;
    modified_chunks += changed;
    if (!opt.quiet && fwrite(text.data, 1, text.len, stdout) != text.len) {
        fail(1, "stdout", strerror(errno));
    }
    if ((opt.flush || opt.dialog) && fflush(stdout) != 0) {
        fail(1, "stdout", strerror(errno));
    }
    pthread_mutex_unlock(&writing);
    buffer_free(&text);
    if (changed) {
        free(data);
    }
}

static void *work(void *unused)
{
    struct buffer chunk = { 0 };
    char *stack = new_stack();
    long count, done = 0;

    (void) unused;
    while ((count = read_chunk(&chunk)) != 0) {
        if (opt.reload_every > 0 && done > 0 && done % opt.reload_every == 0) {
            reload();
        }
        /* An exact copy, so that a memory checker sees reads beyond the chunk. */
        struct buffer exact = { malloc(chunk.len ? chunk.len : 1), chunk.len, chunk.len };

        if (!exact.data) {
            fail(1, "chunk", strerror(errno));
        }
        memcpy(exact.data, chunk.data, chunk.len);
        run_chunk(&exact, count, stack);
        free(exact.data);
        done++;
    }
    buffer_free(&chunk);
    if (stack) {
        size_t page = (size_t) sysconf(_SC_PAGESIZE);

        munmap(stack - page, opt.stack + page);
    }
    return NULL;
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
    struct filter_instance *ins = &instances[instance_count - 1];
    char *value = strchr(text, '=');

    if (!value || ins->property_count == MAX_PROPERTIES) {
        fail(2, "not NAME=VALUE", text);
    }
    *value++ = '\0';
    ins->properties[ins->property_count].key = text;
    ins->properties[ins->property_count++].value = value;
}

static void parse_options(int argc, char **argv)
{
    static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { "prop", required_argument, NULL, 'p' },
        { "next", no_argument, NULL, 'n' },
        { "records-per-chunk", required_argument, NULL, 'c' },
        { "wrap", required_argument, NULL, 'w' },
        { "structured", no_argument, &opt.structured, 1 },
        { "legacy", no_argument, &opt.legacy, 1 },
        { "raw", no_argument, &opt.raw, 1 },
        { "envelope", no_argument, &opt.envelope, 1 },
        { "quiet", no_argument, &opt.quiet, 1 },
        { "flush", no_argument, &opt.flush, 1 },
        { "dialog", no_argument, &opt.dialog, 1 },
        { "daemon", no_argument, &opt.fork_after_load, 1 },
        { "threads", required_argument, NULL, 't' },
        { "reload-every", required_argument, NULL, 'r' },
        { "repeat", required_argument, NULL, 'R' },
        { "stack", required_argument, NULL, 's' },
        { "log-level", required_argument, NULL, 'l' },
        { NULL, 0, NULL, 0 },
    };
    int o;

    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (o) {
        case 0:
            break;
        case 'h':
            opt.help = 1;
            break;
        case 'p':
            add_property(optarg);
            break;
        case 'n':
            if (++instance_count > MAX_INSTANCES) {
                fail(2, "too many instances", argv[0]);
            }
            break;
        case 'c':
            opt.records_per_chunk = number(optarg, 1, LONG_MAX);
            break;
        case 'w':
            opt.wrap = optarg;
            break;
        case 't':
            opt.threads = (int) number(optarg, 1, 256);
            break;
        case 'r':
            opt.reload_every = number(optarg, 1, LONG_MAX);
            break;
        case 'R':
            opt.repeat = number(optarg, 1, 1000000);
            break;
        case 's':
            opt.stack = (size_t) number(optarg, 16, 65536) * 1024;
            break;
        case 'l':
            log_level = (int) number(optarg, 1, 5);
            break;
        default:
            usage(stderr);
            exit(2);
        }
    }
    if (optind == argc || (opt.threads > 1 && opt.reload_every > 0)) {
        usage(stderr);
        exit(2);
    }
    opt.path = argv[optind++];
    files = argv + optind;
    file_count = argc - optind;
    if (file_count == 0) {
        static char *standard_input[] = { "-" };

        files = standard_input;
        file_count = 1;
    }
}

/* What `daemon on` does between load and init; the parent waits only here. */
static void become_daemon(void)
{
    int status;
    pid_t pid = fork();

    if (pid == -1) {
        fail(1, "fork", strerror(errno));
    }
    if (pid > 0) {
        waitpid(pid, &status, 0);
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    fclose(stderr);
    fclose(stdout);
}

int main(int argc, char **argv)
{
    struct filter_plugin plugin;
    pthread_t threads[256];
    int i;

    parse_options(argc, argv);
    plugin = load();
    if (opt.help) {
        print_help(&plugin);
        return 0;
    }
    if (opt.fork_after_load) {
        become_daemon();
    }
    start(plugin);
    for (i = 0; i < opt.threads; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            fail(1, "thread", strerror(errno));
        }
    }
    for (i = 0; i < opt.threads; i++) {
        pthread_join(threads[i], NULL);
    }
    stop();
    free(line);
    if (fflush(stdout) != 0) {
        fail(1, "stdout", strerror(errno));
    }
    flb_log_print(3, NULL, 0, "[host] chunks=%ld modified=%ld records_in=%ld records_out=%ld",
                  chunks, modified_chunks, records_in, records_out);
    return broken ? 4 : read_failed ? 1 : 0;
}
