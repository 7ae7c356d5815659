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
 * Where a request is. A slot holds a state, and in the bits above it a count of changes. When a worker is killed, its
 * slots still say what its requests were doing.
 */
enum state {
	FREE,   /* no request uses the slot */
	IDLE,   /* the request has no permit */
	TAKING, /* the request may have one, and `inside` may count it */
	INSIDE, /* the request has one, and `inside` counts it */
	GIVING, /* the request may still have one, and `inside` may still count it */
};

struct slot {
	_Atomic uint64_t what;
};

struct worker {
	_Atomic pid_t pid; /* 0: none just now */
	_Atomic unsigned restarts;
	time_t not_before; /* the master's: when it may start again */
	struct slot slots[CONNECTIONS_MAX];
};

struct books {
	unsigned limit, workers, connections; /* constant before the first worker, as are wait_ms and name */
	unsigned wait_ms;                     /* how long a request waits for a permit */
	char name[KSEM_NAME_MAX + 1];
	_Atomic bool pause;      /* no slot may go from FREE to TAKING */
	_Atomic unsigned inside; /* requests in progress, counted apart from the semaphore */
	_Atomic unsigned most;   /* the highest that `inside` has been */
	_Atomic unsigned long served, refused, made_good;
	struct worker all[WORKERS_MAX];
};

/* Finds a slot for a request, and makes it IDLE. NULL: all slots are taken. */
struct slot *books_claim(struct worker *worker, unsigned slots);
void books_release(struct slot *slot);

/* Waits for a permit, at most `wait_ms`. True: the slot is INSIDE. False: no permit came, and the slot is IDLE. */
bool books_enter(struct books *books, struct slot *slot, struct ksem *sem);

/* Posts the permit; the slot is IDLE again. */
void books_leave(struct books *books, struct slot *slot, struct ksem *sem);

/* How many slots of all workers are in that state. */
unsigned books_count(struct books *books, enum state state);

/* Forgets a worker that has died: its slots are FREE. */
void books_forget(struct worker *worker);

/*
 * Posts the permits that dead workers held. It can do that only while no slot changes: set `pause`, and call it until
 * it returns true.
 */
bool books_settle(struct books *books, struct ksem *sem);

/* ---- A worker (httpd_worker.c). ---- */

/* Serves requests from the listening socket until SIGTERM. Returns the exit status. */
int worker_run(struct books *books, struct worker *self, int listener);

/* Opens and pins the semaphore of that name; ends the program if it can't. `oflag`: 0, or O_CREAT | O_EXCL. */
struct ksem *open_limit(const char *name, int oflag, unsigned value);

#endif
