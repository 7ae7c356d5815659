/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A concurrent history of one semaphore: what each thread called and was answered, in its order, each call with the
 * stamps between which it took effect; and the sequential semaphore that every history is held to.
 *
 * Stamps are numbers of one order for all threads. A call whose end is below another's begin came before it; any other
 * two calls of different threads were concurrent. (How a recorder draws them: recorder.h.)
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

enum act { POST, WAIT, TRYWAIT, CLOCKWAIT, GETVALUE, ACTS };

struct call {
	enum act act;
	bool pinned;     /* by pin, or by id */
	uint32_t number; /* posted, or seen by getvalue */
	int answer;
	uint64_t begin, end;
};

struct history {
	uint32_t initial;
	unsigned threads;
	struct thread_history {
		unsigned length;
		struct call calls[HISTORY_CALLS];
	} thread[HISTORY_THREADS];
};

/* The sequential semaphore: a value, and one answer to each call. False: it would have answered another. */
bool semaphore_would_answer(uint32_t *value, const struct call *call);

void history_print(FILE *file, const struct history *history);

#endif
