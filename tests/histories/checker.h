/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Was this history linearizable: is there one order of all its calls, in which each came after those that had ended
 * before it began, and in which the sequential semaphore gives just these answers?
 *
 * The search is that of Wing and Gong (Testing and verifying concurrent objects, Journal of Parallel and Distributed
 * Computing 17, 1993) with the memory that Lowe gave it (Testing for linearizability, Concurrency and Computation:
 * Practice and Experience 29, 2017): from a set of calls already in order, any call may come next that no call left out
 * has wholly preceded and that the semaphore would have answered so; a set and state that were tried are not tried
 * again.
 *
 * Both are small here. A thread's calls come in its order, so a set is one position a thread, packed into a word. How
 * many permits are taken after a set of calls, whose answers are known, is the same in whatever order they came, and so
 * is whether the semaphore is shut down. The rest of the state is another word: the limit, and who is in line.
 */
#ifndef KSEM_TESTS_HISTORIES_CHECKER_H
#define KSEM_TESTS_HISTORIES_CHECKER_H

#include "history.h"

/* The longest part of a history for which there was an order: how many calls of each thread, and the value then. */
struct furthest {
	unsigned calls;
	unsigned position[HISTORY_THREADS];
	uint32_t value;
	unsigned waiting; /* in line */
};

/* furthest: NULL, or set where the answer is false. */
bool history_is_linearizable(const struct history *history, struct furthest *furthest);

#endif
