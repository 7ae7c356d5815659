/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sleeps until a deadline have in common: see timed.h.
 *
 * The futex call takes a time as two longs. Where time_t is wider than a long, futex_time64 is used instead.
 */
#include "os/timed.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/clock.h"

/* The futex call that takes a struct timespec. */
#ifdef SYS_futex_time64 /* 32 bits */
#define SYS_FUTEX_TIMED (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define SYS_FUTEX_TIMED SYS_futex
#endif

int futex_bitset(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	int op = FUTEX_WAIT_BITSET | flag;
	const struct timespec *time = deadline ? &deadline->time : NULL;

	if (deadline && deadline->clock == CLOCK_REALTIME)
		op |= FUTEX_CLOCK_REALTIME;
	return syscall(SYS_FUTEX_TIMED, word, op, expected, time, NULL, FUTEX_BITSET_MATCH_ANY) == 0 ? 0 : errno;
}

struct deadline futex_slice(const struct deadline *deadline, int64_t ns, bool *last)
{
	struct deadline slice = deadline_after(deadline ? deadline->clock : CLOCK_MONOTONIC, ns);

	*last = deadline && !clock_is_before(&slice.time, &deadline->time);
	return *last ? *deadline : slice;
}

bool futex_is_answer(int error, const atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	struct timespec now;

	if (error == EAGAIN)
		return load_rlx(word) != expected; /* relaxed: the caller looks again */
	if (error != ETIMEDOUT)
		return error == 0 || error == EINTR;
	if (!deadline)
		return false;
	now = clock_now(deadline->clock);
	return !clock_is_before(&now, &deadline->time);
}
