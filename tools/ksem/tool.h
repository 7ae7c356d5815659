/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of ksem have in common: see ksem(1).
 */
#ifndef KSEM_TOOL_H
#define KSEM_TOOL_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <ksem/ksem.h>

enum exit_code {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
	NO_PERMIT = 3, /* in time */
};

struct options {
	const char *directory; /* constant after enter(), as is all */
	const char *name;
	bool json;
	unsigned int value, count;
	mode_t mode;
	double timeout;     /* seconds; below 0: none */
	double interval;    /* seconds */
	unsigned int times; /* 0: for ever */
};

extern struct options options;
extern struct ksem_ns *ns;
extern struct ksem_proc *proc;

__attribute__((noreturn, format(printf, 2, 3))) void die(enum exit_code code, const char *format, ...);

/* Ends the program where a call for `what` failed. */
void must(int error, const char *what);

/* ---- Showing (show.c, watch.c). ---- */

/* All semaphores with names, or those of options.name, as text or JSON. How many there were. */
unsigned int print_all(FILE *to);

int list(void);
int show(void);
int watch(void);

/* Who has a semaphore open, and since when it is there (holders.c). */
struct holders {
	double made; /* seconds of CLOCK_REALTIME; 0: unknown */
	unsigned int count;
	pid_t pids[128]; /* as they call themselves: in another pid namespace they have other numbers */
	bool more;       /* there are some more, or some whose number nobody noted yet */
};

void find_holders(const char *name, struct holders *holders);

/* ---- Using (ksem.c, run.c). ---- */

/* The semaphore options.name. Ends the program if that can't be. */
ksem_id_t open_name(int flags);

/* Takes a permit by options.timeout. 0, ETIMEDOUT, ... */
int take(ksem_id_t id);

/* Runs a program while holding a permit; the exit status. */
int run(char **command);

#endif
