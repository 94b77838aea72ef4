/*
 * `daemon on` forks after plugins are loaded. Of the Go runtime only the memory
 * is left in the child, no thread: the first call into Go would hang forever.
 */
#ifndef SECRETWATCH_FORK_H
#define SECRETWATCH_FORK_H

/* Whether this is such a child, in which Go must not be called. */
int sw_forked(void);

/* Says so in the log of a plugin of a kind ("filter"). name may be NULL. */
void sw_refuse_fork(const char *kind, const char *name);

#endif
