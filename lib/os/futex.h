/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping on a 32-bit word, and waking those who do.
 *
 * Scopes: a private word is looked for in this OS process's memory only; a shared one by where it is, so that other
 * processes which have it mapped meet there.
 *
 * The calls go through futex_ops, so that a test can play the kernel: refuse, return early, wake at random, deliver
 * EINTR, run a clock of its own. All leave errno alone and may be called from a signal handler.
 */
#ifndef KSEM_OS_FUTEX_H
#define KSEM_OS_FUTEX_H

#include <stdint.h>
#include <time.h>

#include "base/atomic.h"

/* An absolute time of CLOCK_REALTIME or CLOCK_MONOTONIC. */
struct deadline {
	clockid_t clock;
	struct timespec time;
};

enum futex_scope {
	FUTEX_PRIVATE,
	FUTEX_SHARED,
};

struct futex_ops {
	/*
	 * Sleeps if the word is still `expected`, until a wake, the deadline (NULL: never) or a signal handler. 0:
	 * woken, perhaps by a stranger who meant what was at this address before; EAGAIN: the word had another value;
	 * ETIMEDOUT; EINTR: a handler ran that was installed without SA_RESTART (but see timed.h).
	 */
	int (*wait)(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline);

	/* Wakes up to n sleepers; how many there were. Each of them returns 0 from its wait, and nobody else does. */
	int (*wake)(atomic(uint32_t) *word, uint32_t n);

	/* The same, of shared words. */
	int (*wait_shared)(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline);
	int (*wake_shared)(atomic(uint32_t) *word, uint32_t n);

	/*
	 * Adds n (at most FUTEX_ADD_MAX) to a shared word and wakes up to `wake` sleepers, in one call of the kernel:
	 * nobody is killed in between. How many there were; less than 0: it can't, and nothing was done.
	 */
	int (*add_shared)(atomic(uint32_t) *word, uint32_t n, uint32_t wake);
};

#define FUTEX_ADD_MAX 1023

extern struct futex_ops futex_ops; /* constant once a thread uses the library */

static inline int futex_wait(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	return futex_ops.wait(word, expected, deadline);
}

static inline int futex_wake(atomic(uint32_t) *word, uint32_t n)
{
	return futex_ops.wake(word, n);
}

static inline int futex_wait_in(enum futex_scope scope, atomic(uint32_t) *word, uint32_t expected,
				const struct deadline *deadline)
{
	return (scope == FUTEX_SHARED ? futex_ops.wait_shared : futex_ops.wait)(word, expected, deadline);
}

static inline int futex_wake_in(enum futex_scope scope, atomic(uint32_t) *word, uint32_t n)
{
	return (scope == FUTEX_SHARED ? futex_ops.wake_shared : futex_ops.wake)(word, n);
}

static inline int futex_add_shared(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	return futex_ops.add_shared(word, n, wake);
}

#endif
