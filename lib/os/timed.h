/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sleep until a deadline, by one of two system calls.
 *
 * libc's semaphores sleep by FUTEX_WAIT_BITSET, which every handler ends with EINTR, even one with SA_RESTART.
 * futex_waitv with one word goes on after a handler with SA_RESTART. But it is new (Linux 5.16), and a sandbox that
 * doesn't list it may kill the process. Each library has one file that defines futex_timed: waitv.c for <ksem/ksem.h>,
 * which promises SA_RESTART; bitset.c for <semaphore.h>, which must do what libc does.
 */
#ifndef KSEM_OS_TIMED_H
#define KSEM_OS_TIMED_H

#include <pthread.h>
#include <stdbool.h>

#include "os/clock.h"
#include "os/futex.h"

/*
 * Sleeps; `flag`: FUTEX_PRIVATE_FLAG, or 0. 0, EAGAIN, ETIMEDOUT, EINTR: as futex_ops.wait, but the word may be as
 * expected again; another number: the call was refused. May change errno.
 */
int futex_timed(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag);

/* The same by FUTEX_WAIT_BITSET, also without a deadline (NULL); and by FUTEX_WAIT, without a deadline. */
int futex_bitset(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag);
int futex_untimed(atomic(uint32_t) *word, uint32_t expected, int flag);

/*
 * Does the error number tell how the sleep ended? False: the call was refused; or it is EAGAIN, and the word has
 * changed back.
 */
bool futex_is_answer(int error, const atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline);

#define FUTEX_WATCHED_NS (20 * 1000 * 1000) /* a slice under ThreadSanitizer (futex.c) */

/* For a sleep in slices: that many nanoseconds from now, or the deadline, if that isn't later (*last). */
struct deadline futex_slice(const struct deadline *deadline, int64_t ns, bool *last);

/*
 * After each slice under ThreadSanitizer: delayed handlers run in the call that it intercepts. This must not sleep. A
 * handler that ended a sleep here would not end the wait. It is a cancellation point, unless the caller has disabled
 * cancellation.
 */
static inline void futex_run_handlers(void)
{
	(void)clock_hint(CLOCK_MONOTONIC);
	pthread_testcancel();
}

#endif
