/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping on a 32-bit word, and waking those who do.
 *
 * Scopes: the kernel looks for sleepers on a private word in this OS process only. A shared word is found by its place
 * in the file or the memory object, so OS processes that have it mapped meet there.
 *
 * The calls go through futex_ops, so that a test can take the kernel's place: refuse, return early, wake at random,
 * answer EINTR, run a clock of its own. All calls leave errno alone, and may be made from a signal handler.
 */
#ifndef KSEM_OS_FUTEX_H
#define KSEM_OS_FUTEX_H

#include <stdint.h>

#include "base/atomic.h"
#include "os/deadline.h"

enum futex_scope {
	FUTEX_PRIVATE,
	FUTEX_SHARED,
};

struct futex_ops {
	/*
	 * If the word is still `expected`, sleeps until a wake, the deadline (NULL: none) or a signal handler. 0:
	 * woken, perhaps by a wake that was meant for an earlier word at this address. EAGAIN: the word had another
	 * value, and may be as expected again. ETIMEDOUT. EINTR: a handler ran that was installed without
	 * SA_RESTART (but see timed.h).
	 */
	int (*wait)(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline);

	/*
	 * Wakes up to n sleepers, and returns how many it woke. Each of them returns 0 from its wait, and nobody else
	 * does.
	 */
	int (*wake)(atomic(uint32_t) *word, uint32_t n);

	/* The same, of shared words. */
	int (*wait_shared)(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline);
	int (*wake_shared)(atomic(uint32_t) *word, uint32_t n);

	/*
	 * Adds n (at most FUTEX_ADD_MAX) to a shared word and wakes up to `wake` sleepers, in one system call: no
	 * process can be killed in between. Returns how many it woke; less than 0: the kernel refused, and did nothing.
	 */
	int (*add_shared)(atomic(uint32_t) *word, uint32_t n, uint32_t wake);

	/* The same, but sets one bit of the word, by its number, and wakes all sleepers. */
	int (*mark_shared)(atomic(uint32_t) *word, unsigned bit);
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

/* The half of a word of 8 bytes on which threads sleep: its low 32 bits. */
static inline atomic(uint32_t) *futex_half(atomic(uint64_t) *word)
{
	return (atomic(uint32_t) *)word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

static inline int futex_add_shared(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	return futex_ops.add_shared(word, n, wake);
}

static inline int futex_mark_shared(atomic(uint32_t) *word, unsigned bit)
{
	return futex_ops.mark_shared(word, bit);
}

#endif
