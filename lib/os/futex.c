/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The futex system calls: see futex.h.
 *
 * A sleep without a deadline is FUTEX_WAIT, which the kernel itself restarts after a handler with SA_RESTART. A timed
 * FUTEX_WAIT isn't restarted but ends with EINTR whatever the handler's flags; futex_waitv (Linux 5.16) with one word
 * is, and its time is absolute, so that nothing is lost over a restart. Where futex_waitv is missing, a timed sleep is
 * FUTEX_WAIT_BITSET, and every handler ends it with EINTR.
 *
 * To futex_waitv a time is two 64-bit numbers on every processor; to futex it is two longs, and where time_t is wider
 * than those, futex_time64 is the call.
 *
 * ThreadSanitizer holds a signal's handler back until the thread next calls something that it intercepts, which a
 * sleeper doesn't. So under ThreadSanitizer sleeps are cut into slices, and between them such a call is made.
 */
#include "os/futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compiler.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
struct futex_waitv {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t __reserved;
};
#define FUTEX_32 2
#endif

/* The futex call that takes a struct timespec. */
#ifdef SYS_futex_time64 /* 32 bits */
#define SYS_FUTEX_TIMED (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define SYS_FUTEX_TIMED SYS_futex
#endif

struct time_of_waitv {
	int64_t seconds, nanoseconds;
};

/* `flag`: FUTEX_PRIVATE_FLAG, or 0. */
static int wait_bitset(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	int op = FUTEX_WAIT_BITSET | flag;

	if (deadline->clock == CLOCK_REALTIME)
		op |= FUTEX_CLOCK_REALTIME;
	if (syscall(SYS_FUTEX_TIMED, word, op, expected, &deadline->time, NULL, FUTEX_BITSET_MATCH_ANY) == 0)
		return 0;
	return errno;
}

static int wait_timed(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	static atomic(bool) missing; /* only ever goes from false to true */
	struct futex_waitv waiter = {.val = expected, .uaddr = (uintptr_t)word, .flags = FUTEX_32 | (uint32_t)flag};
	struct time_of_waitv time = {deadline->time.tv_sec, deadline->time.tv_nsec};

	if (!load_rlx(&missing)) { /* relaxed: a stale false costs one refused call */
		if (syscall(SYS_futex_waitv, &waiter, 1, 0, &time, deadline->clock) >= 0)
			return 0;
		if (errno != ENOSYS && errno != EPERM) /* EPERM: a seccomp filter that doesn't know it */
			return errno;
		store_rlx(&missing, true); /* relaxed: as above */
	}
	return wait_bitset(word, expected, deadline, flag);
}

#ifdef KSEM_TSAN

static bool earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* A sleep in slices; see above. */
static int wait_seen_by_tsan(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	for (;;) {
		struct deadline slice = {deadline ? deadline->clock : CLOCK_MONOTONIC, {0, 0}};
		bool last;
		int error;

		clock_gettime(slice.clock, &slice.time);
		slice.time.tv_nsec += 20 * 1000 * 1000;
		if (slice.time.tv_nsec >= 1000 * 1000 * 1000) {
			slice.time.tv_nsec -= 1000 * 1000 * 1000;
			slice.time.tv_sec++;
		}
		last = deadline && !earlier(&slice.time, &deadline->time);
		error = wait_timed(word, expected, last ? deadline : &slice, flag);
		nanosleep(&(struct timespec){0, 0}, NULL); /* intercepted: handlers that were held back run here */
		if (error != ETIMEDOUT || last)
			return error;
	}
}

#else

static int wait_untimed(atomic(uint32_t) *word, uint32_t expected, int flag)
{
	return syscall(SYS_futex, word, FUTEX_WAIT | flag, expected, NULL) == 0 ? 0 : errno;
}

#endif

static int wait_by_kernel(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	int saved = errno;
	int error;

#ifdef KSEM_TSAN
	error = wait_seen_by_tsan(word, expected, deadline, flag);
#else
	error = deadline ? wait_timed(word, expected, deadline, flag) : wait_untimed(word, expected, flag);
#endif
	errno = saved;
	return error;
}

static int wake_by_kernel(atomic(uint32_t) *word, uint32_t n, int flag)
{
	int saved = errno;
	long woken = syscall(SYS_futex, word, FUTEX_WAKE | flag, n < INT_MAX ? (int)n : INT_MAX);

	errno = saved;
	return (int)woken;
}

static int wait_private(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	return wait_by_kernel(word, expected, deadline, FUTEX_PRIVATE_FLAG);
}

static int wake_private(atomic(uint32_t) *word, uint32_t n)
{
	return wake_by_kernel(word, n, FUTEX_PRIVATE_FLAG);
}

static int wait_shared(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	return wait_by_kernel(word, expected, deadline, 0);
}

static int wake_shared(atomic(uint32_t) *word, uint32_t n)
{
	return wake_by_kernel(word, n, 0);
}

struct futex_ops futex_ops = {wait_private, wake_private, wait_shared, wake_shared};
