/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The futex system calls: see futex.h.
 *
 * A sleep without a deadline is FUTEX_WAIT, which the kernel itself restarts after a handler with SA_RESTART.
 * futex_timed sleeps until a deadline (timed.h).
 *
 * A sandbox may refuse any of these calls with any error number, even with one that has a meaning here. So the answer
 * is checked: an ETIMEDOUT before the deadline is a refusal, as is any unknown number; for EAGAIN see timed.c. After a
 * refusal the thread tries FUTEX_WAIT_BITSET, which libc's semaphores use. If that is refused as well, the thread naps
 * for a millisecond, and the caller looks at the word again. So a wait that can't sleep looks a thousand times a
 * second, and still ends at its deadline.
 *
 * ThreadSanitizer delays a signal handler until the thread next calls a function that it intercepts; a sleeper calls
 * none. So where it watches (base/watch.h), a sleep is cut into slices, with an intercepted call after each. A library
 * that is built with ThreadSanitizer changes the word itself before the wake call, since the tool doesn't see what the
 * kernel changes.
 */
#include "os/futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/probe.h"
#include "base/watch.h"
#include "os/clock.h"
#include "os/timed.h"

#define NAP_NS (1000 * 1000)

/* The ppoll call that takes a struct timespec. */
#ifdef SYS_ppoll_time64 /* 32 bits */
#define SYS_PPOLL (sizeof(time_t) > sizeof(long) ? SYS_ppoll_time64 : SYS_ppoll)
#else
#define SYS_PPOLL SYS_ppoll
#endif

/*
 * A short sleep, for a thread that the kernel doesn't let sleep on the word. 0, as after a stray wake; ETIMEDOUT;
 * EINTR.
 */
static int nap(const struct deadline *deadline)
{
	struct timespec now, time = {0, NAP_NS};

	if (deadline) {
		now = clock_now(deadline->clock);
		time.tv_nsec = (long)clock_between(&now, &deadline->time, NAP_NS);
		if (time.tv_nsec == 0)
			return ETIMEDOUT;
	}
	if (syscall(SYS_PPOLL, NULL, 0, &time, NULL, 0) == 0)
		return 0;
	if (errno == EINTR)
		return EINTR;
	return nanosleep(&time, NULL) != 0 && errno == EINTR ? EINTR : 0;
}

/* A sleep in slices; see above. */
static int wait_in_slices(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	for (;;) {
		bool last;
		struct deadline slice = futex_slice(deadline, FUTEX_WATCHED_NS, &last);
		int error = futex_timed(word, expected, &slice, flag);

		futex_run_handlers();
		if (error != ETIMEDOUT || last)
			return error;
	}
}

static int wait_once(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	if (watch_holds_signals())
		return wait_in_slices(word, expected, deadline, flag);
	if (deadline)
		return futex_timed(word, expected, deadline, flag);
	return futex_untimed(word, expected, flag);
}

static bool is_refused(int error)
{
	return error != 0 && error != EAGAIN && error != ETIMEDOUT && error != EINTR;
}

/* `flag`: FUTEX_PRIVATE_FLAG, or 0. */
static int wait_by_kernel(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	int saved = errno;
	int error;

	PROBE(sleep__begin, word);
	error = wait_once(word, expected, deadline, flag);
	if (unlikely(is_refused(error)))
		error = futex_bitset(word, expected, deadline, flag);
	if (unlikely(is_refused(error)))
		error = nap(deadline);
	PROBE(sleep__end, word, error);
	errno = saved;
	return error;
}

static int wake_by_kernel(atomic(uint32_t) *word, uint32_t n, int flag)
{
	int saved = errno;
	long woken;

	PROBE(wake__begin, word, n);
	woken = syscall(SYS_futex, word, FUTEX_WAKE | flag, n < INT_MAX ? (int)n : INT_MAX);
	PROBE(wake__end, word, woken);
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

#ifdef KSEM_TSAN

static int add_shared(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	fetch_add_rel(word, n); /* KSEM_ORD_1 release: instead of the kernel */
	return wake_by_kernel(word, wake, 0);
}

static int mark_shared(atomic(uint32_t) *word, unsigned bit)
{
	/* instead of the kernel */
	fetch_or_seq(word, UINT32_C(1) << bit); /* KSEM_ORD_1 release, KSEM_ORD_1 acquire */
	return wake_by_kernel(word, INT_MAX, 0);
}

#else

/* The kernel's change of the word is a full barrier, as its wake call is: KSEM_ORD_1 release. */
static int change_shared(atomic(uint32_t) *word, uint32_t op, uint32_t wake)
{
	int saved = errno;
	long woken;

	PROBE(wake__begin, word, wake);
	woken = syscall(SYS_futex, word, FUTEX_WAKE_OP, wake < INT_MAX ? (int)wake : INT_MAX, 0L, word, op);
	PROBE(wake__end, word, woken);
	errno = saved;
	return (int)woken;
}

/* The second wake is unwanted: it wakes nobody, and only if the word was less than the lowest number that fits. */
static int add_shared(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	return change_shared(word, FUTEX_OP(FUTEX_OP_ADD, n, FUTEX_OP_CMP_LT, -2048), wake);
}

static int mark_shared(atomic(uint32_t) *word, unsigned bit)
{
	uint32_t op = FUTEX_OP((uint32_t)(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), bit, FUTEX_OP_CMP_LT, -2048);

	return change_shared(word, op, INT_MAX);
}

#endif

struct futex_ops futex_ops = {wait_private, wake_private, wait_shared, wake_shared, add_shared, mark_shared};
