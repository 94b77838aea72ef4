/*
 * One library for all hosts, however old their glibc: Fluent Bit 2.2's official
 * image has 2.31, RHEL 8 has 2.28.
 *
 * glibc gave these functions new versions in 2.32 to 2.34, when they moved from
 * libpthread and libdl into libc; what they do is what it was. A library that is
 * linked on a newer system asks for the new versions and is refused by an older
 * one. The linker's -wrap (glibc.go) sends all calls here, those of the Go runtime
 * included, and from here they go to the versions of the first glibc for the
 * architecture, which every later one still has. scripts/checklib looks at
 * the result.
 *
 * On the older systems the functions are found in libpthread and libdl, which
 * Fluent Bit itself needs.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __GLIBC__
#error "needs glibc: Go's shared libraries do not work with others, such as musl"
#endif

/* The oldest version there is: sysdeps/unix/sysv/linux/<architecture>/shlib-versions. */
#if defined(__x86_64__)
#define FIRST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define FIRST "GLIBC_2.17"
#else
#error "first glibc of this architecture unknown"
#endif

#define HIDDEN __attribute__((visibility("hidden")))

/* FORWARD defines __wrap_NAME, which calls NAME's first version. */
#define FORWARD(result, name, parameters, arguments)         \
    __asm__(".symver first_" #name ", " #name "@" FIRST);    \
    extern result first_##name parameters;                   \
    HIDDEN result __wrap_##name parameters;                  \
    HIDDEN result __wrap_##name parameters                   \
    {                                                        \
        return first_##name arguments;                       \
    }

FORWARD(void *, dlsym, (void *handle, const char *name), (handle, name))
FORWARD(int, pthread_attr_getstack, (const pthread_attr_t *a, void **addr, size_t *size), (a, addr, size))
FORWARD(int, pthread_attr_getstacksize, (const pthread_attr_t *a, size_t *size), (a, size))
FORWARD(int, pthread_create, (pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg), (t, a, f, arg))
FORWARD(int, pthread_getattr_np, (pthread_t t, pthread_attr_t *a), (t, a))
FORWARD(int, pthread_key_create, (pthread_key_t *key, void (*f)(void *)), (key, f))
FORWARD(int, pthread_setspecific, (pthread_key_t key, const void *value), (key, value))
FORWARD(int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *old), (how, set, old))

/* Before 2.33 fstat was an inline function. The kernel's struct stat is glibc's on
 * these architectures. */
HIDDEN int __wrap_fstat(int fd, struct stat *st);
HIDDEN int __wrap_fstat(int fd, struct stat *st)
{
    return (int)syscall(SYS_fstat, fd, st);
}
