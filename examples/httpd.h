/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of httpd have in common: see httpd.c.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <ksem/ksem.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WORKERS_MAX     64
#define CONNECTIONS_MAX 64 /* of a worker */

/* ---- The books: memory that all processes share (httpd_books.c). ---- */

/*
 * Where a request is. What stands in a slot, a state and above its bits a count of changes, is what is left of a worker
 * that was killed.
 */
enum state {
	FREE,   /* there is no request here */
	IDLE,   /* one that has no permit */
	TAKING, /* it may have one, and `inside` may count it */
	INSIDE, /* it has one, and `inside` counts it */
	GIVING, /* it may have one still, and `inside` may count it */
};

struct slot {
	_Atomic uint64_t what;
};

struct worker {
	_Atomic pid_t pid; /* 0: none just now */
	_Atomic unsigned restarts;
	struct slot slots[CONNECTIONS_MAX];
};

struct books {
	unsigned limit, workers, connections; /* constant before the first worker, as are wait_ms and name */
	unsigned wait_ms;                     /* how long a request waits for a permit */
	char name[KSEM_NAME_MAX + 1];
	_Atomic bool pause;      /* no slot may go from FREE to TAKING */
	_Atomic unsigned inside; /* requests in progress, counted apart from the semaphore */
	_Atomic unsigned most;   /* the highest that was */
	_Atomic unsigned long served, refused, made_good;
	struct worker all[WORKERS_MAX];
};

/* A slot for a request, IDLE; NULL: all are taken. */
struct slot *books_claim(struct worker *worker, unsigned slots);
void books_release(struct slot *slot);

/* Waits for a permit for as long as a request waits. False: there was none. The slot is INSIDE, or IDLE still. */
bool books_enter(struct books *books, struct slot *slot, struct ksem *sem);

/* Gives it back. */
void books_leave(struct books *books, struct slot *slot, struct ksem *sem);

/* Of all workers: slots in that state. */
unsigned books_count(struct books *books, enum state state);

/* The worker is dead. */
void books_forget(struct worker *worker);

/*
 * Gives back what the forgotten ones held, if all others are at rest; call it, with `pause` set, until it answers true.
 */
bool books_settle(struct books *books, struct ksem *sem);

/* ---- A worker (httpd_worker.c). ---- */

/* Serves on the listening socket until SIGTERM, and returns the exit status. */
int worker_run(struct books *books, struct worker *self, int listener);

/* The semaphore of that name, opened and pinned; ends the program if that can't be. `oflag`: 0, or O_CREAT | O_EXCL. */
struct ksem *open_limit(const char *name, int oflag, unsigned value);

#endif
