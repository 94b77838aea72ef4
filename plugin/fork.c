#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "fork.h"

/* The process that loaded the library, and with it started the Go runtime. */
static pid_t loader;
/* A copy of the loader's standard error for the one message of sw_refuse_fork:
 * the host closes its own before, and the descriptor is soon used otherwise. */
static int loader_stderr = -1;

__attribute__((constructor))
static void on_load(void)
{
    loader = getpid();
    loader_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

int sw_forked(void)
{
    return getpid() != loader;
}

static int stderr_was_closed(void)
{
    struct stat then, now;

    if (loader_stderr == -1 || fstat(loader_stderr, &then) == -1) {
        return 0;
    }
    return fstat(STDERR_FILENO, &now) == -1 || then.st_dev != now.st_dev || then.st_ino != now.st_ino;
}

void sw_refuse_fork(const char *kind, const char *name)
{
    static const char message[] =
        "the process was forked after the plugin was loaded, which Go libraries do not survive: "
        "set daemon off (and leave backgrounding to systemd or the container runtime)";

    if (!name) {
        name = "secretwatch";
    }
    if (flb_log_print) {
        flb_log_print(FLB_LOG_ERROR, NULL, 0, "[%s:secretwatch:%s] %s", kind, name, message);
    }
    if (stderr_was_closed()) {
        dprintf(loader_stderr, "[error] [%s:secretwatch:%s] %s\n", kind, name, message);
    }
}
