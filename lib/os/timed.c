/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sleeps until a deadline have in common: see timed.h.
 *
 * The kernel says EAGAIN if the word wasn't as expected. If it is when the library looks, then either it has changed
 * back, or a sandbox refuses the call with that number. A test call tells the two apart. It never sleeps, and the
 * kernel answers it with EINVAL; a sandbox that refuses all calls of its kind gives EAGAIN again. A word that has
 * changed back is no refusal: what a thread does after one, a handler with SA_RESTART would end.
 *
 * The futex call takes a time as two longs. Where time_t is wider than a long, futex_time64 is used instead.
 */
#include "os/timed.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compiler.h"
#include "os/clock.h"

/* The futex call that takes a struct timespec. */
#ifdef SYS_futex_time64 /* 32 bits */
#define SYS_FUTEX_TIMED (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define SYS_FUTEX_TIMED SYS_futex
#endif

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

static int call(long number, const void *word, int op, uint32_t expected, const struct timespec *time)
{
	return syscall(number, word, op, expected, time, NULL, FUTEX_BITSET_MATCH_ANY) == 0 ? 0 : errno;
}

/* Is EAGAIN the answer even to a call with an address that no word can have? */
static bool refuses(long number, int op)
{
	static const uint32_t words[2];

	return call(number, (const char *)words + 1, op, 1, NULL) == EAGAIN;
}

/* Makes the call; ENOSYS for what is no answer. */
static int sleep_by(long number, int op, atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	int error = call(number, word, op, expected, deadline ? &deadline->time : NULL);

	if (likely(futex_is_answer(error, word, expected, deadline)))
		return error;
	return error == EAGAIN && !refuses(number, op) ? EAGAIN : ENOSYS;
}

int futex_bitset(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	int op = FUTEX_WAIT_BITSET | flag;

	if (deadline && deadline->clock == CLOCK_REALTIME)
		op |= FUTEX_CLOCK_REALTIME;
	return sleep_by(SYS_FUTEX_TIMED, op, word, expected, deadline);
}

int futex_untimed(atomic(uint32_t) *word, uint32_t expected, int flag)
{
	return sleep_by(SYS_futex, FUTEX_WAIT | flag, word, expected, NULL);
}
