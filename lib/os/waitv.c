/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timed sleeps that go on after a handler with SA_RESTART: see timed.h, waitv.h.
 *
 * Where futex_waitv doesn't work, the thread uses FUTEX_WAIT_BITSET, and every handler ends the sleep. Two test calls
 * find out whether it works. They never sleep, and have different correct answers, so a sandbox that refuses all calls
 * with one error number can't give both. The library makes them before the first sleep, and again after an answer that
 * may have been a refusal: a process may enter its sandbox at any time.
 *
 * futex_waitv takes an absolute time, as two 64-bit numbers on every processor. So a restarted sleep ends no later.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compiler.h"
#include "os/timed.h"
#include "os/waitv.h"

static int waitv(const atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	struct futex_waitv waiter = {.val = expected, .uaddr = (uintptr_t)word, .flags = FUTEX_32 | (uint32_t)flag};
	struct time_of_waitv time = {deadline->time.tv_sec, deadline->time.tv_nsec};

	return syscall(SYS_futex_waitv, &waiter, 1, 0, &time, deadline->clock) >= 0 ? 0 : errno;
}

static bool serves(void)
{
	static const atomic(uint32_t) word;
	static const struct deadline past = {CLOCK_MONOTONIC, {0, 0}};

	return waitv(&word, 1, &past, FUTEX_PRIVATE_FLAG) == EAGAIN && /* the word is 0 */
	       syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == -1 && errno == EINVAL;
}

static atomic(int) known; /* 0: nothing yet; 1: it works; -1: it doesn't, and is never tried again */

bool waitv_may_serve(void)
{
	int now = load_rlx(&known); /* relaxed: all threads find the same, and a stale value costs one refused call */

	if (unlikely(now == 0)) {
		now = serves() ? 1 : -1;
		store_rlx(&known, now); /* relaxed: as above */
	}
	return now > 0;
}

bool waitv_serves_still(void)
{
	if (serves())
		return true;
	store_rlx(&known, -1); /* relaxed: as above */
	return false;
}

int futex_timed(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	int error;

	if (!waitv_may_serve())
		return futex_bitset(word, expected, deadline, flag);
	do {
		error = waitv(word, expected, deadline, flag);
		if (likely(error != EINTR && futex_is_answer(error, word, expected, deadline)))
			return error;
		if (!waitv_serves_still())
			return futex_bitset(word, expected, deadline, flag);
	} while (error == EAGAIN || error == ETIMEDOUT); /* the word changed back, or the clock was set back */
	return error;
}
