/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A concurrent history of one semaphore: what each thread called and was answered, in its order, each call with the
 * stamps between which it took effect; and the sequential semaphore that every history is held to.
 *
 * Stamps are numbers of one order for all threads. A call whose end is below another's begin came before it; any other
 * two calls of different threads were concurrent. (How a recorder draws them: recorder.h.)
 *
 * A call takes effect at one instant. A wait on a semaphore that is first in, first out takes effect at two: when it
 * gets in line, and when it ends. Between these it has its place in line. It may end with permits only at the head of
 * the line, and nobody else takes permits while anybody is in line.
 *
 * Plain data of whoever has it.
 */
#ifndef KSEM_TESTS_HISTORIES_HISTORY_H
#define KSEM_TESTS_HISTORIES_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define HISTORY_THREADS 8   /* a checker packs a position of 8 bits for each into a word */
#define HISTORY_CALLS   255 /* of a thread */

enum act {
	POST,
	WAIT,
	TRYWAIT,
	CLOCKWAIT,
	GETVALUE,
	TRYUPTO,
	SETLIMIT,
	SHUTDOWN,
	WAITERS, /* saw so many waiters, or more */
	ACTS
};

struct call {
	enum act act;
	bool pinned;     /* by pin, or by id */
	uint32_t number; /* posted or wanted, or the new limit, or seen */
	uint32_t got;    /* by TRYUPTO */
	int answer;
	uint64_t begin, end;
};

struct history {
	uint32_t initial, limit; /* at first */
	bool fifo;
	unsigned threads;
	struct thread_history {
		unsigned length;
		struct call calls[HISTORY_CALLS];
	} thread[HISTORY_THREADS];
};

/* ---- The sequential semaphore. ---- */

struct sequential {
	bool fifo, shut;
	uint32_t limit, taken; /* taken is above the limit while there is debt */
	unsigned waiting;      /* in line, if it is first in, first out */
	struct in_line {
		uint8_t thread;
		uint32_t need;
	} line[HISTORY_THREADS];
};

struct sequential sequential_at_first(const struct history *history);

/* 0 while there is debt. */
uint32_t sequential_value(const struct sequential *sem);

/* Is it a wait that has a place in line? */
bool sequential_lines_up(const struct sequential *sem, const struct call *call);

void sequential_enter(struct sequential *sem, unsigned thread, const struct call *call);

/* Does the value suffice for the first in line? */
bool sequential_owes_a_grant(const struct sequential *sem);

/*
 * Answers a call, or ends a wait of that thread that is in line. `unfinished`: a call that has taken effect, and that
 * grants permits to those in line or ends their waits, may not have got so far. False: it would have answered
 * otherwise.
 */
bool sequential_would_answer(struct sequential *sem, unsigned thread, const struct call *call, bool unfinished);

void history_print(FILE *file, const struct history *history);

#endif
