/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of <semaphore.h> on an existing semaphore: each calls wait/plain.h, and sets errno.
 *
 * sem_post reads everything that it needs from the sem_t before its permit can be taken, and doesn't touch the sem_t
 * after that: the thread that takes the permit may free or unmap it. It may be called from a signal handler.
 *
 * A waiter enables asynchronous cancellation only while it sleeps, when it changes nothing. If it is cancelled, its
 * cleanup handler deregisters it. If there is a permit then, deregistering takes it, and the handler posts it again. So
 * the waiter isn't counted any more, no permit is lost, and another waiter gets the wake.
 *
 * sem_destroy does nothing, as in glibc: many programs call it while threads wait, and expect success.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/watch.h"
#include "posix/faked.h"
#include "posix/standard.h"

static inline enum futex_scope scope_of(const struct plain *sem)
{
	return sem->shared ? FUTEX_SHARED : FUTEX_PRIVATE;
}

static inline int answer(int error)
{
	if (likely(error == 0))
		return 0;
	errno = error;
	return -1;
}

PUBLIC int sem_init(sem_t *sem, int pshared, unsigned int value)
{
	if (value > SEM_VALUE_MAX)
		return answer(EINVAL);
	plain_init(standard_of(sem), value, pshared ? FUTEX_SHARED : FUTEX_PRIVATE);
	return 0;
}

PUBLIC int sem_destroy(sem_t *sem)
{
	(void)sem;
	return 0;
}

PUBLIC int sem_getvalue(sem_t *restrict sem, int *restrict sval)
{
	uint32_t now = word_value(plain_word(standard_of(sem)));

	*sval = now < SEM_VALUE_MAX ? (int)now : SEM_VALUE_MAX; /* more only if somebody overwrote it */
	return 0;
}

_Static_assert(WORD_USUAL <= SEM_VALUE_MAX, "plain_post_one goes no further");

PUBLIC int sem_post(sem_t *sem)
{
	struct plain *own = standard_of(sem);
	struct plain_after after;

	if (likely(plain_post_one(own)))
		return 0;
	return answer(plain_post(own, 1, SEM_VALUE_MAX, scope_of(own), &after));
}

PUBLIC int sem_trywait(sem_t *sem)
{
	return answer(plain_take(standard_of(sem)));
}

/* ---- Waiting. ---- */

/* The cleanup handler of a sleeper that was cancelled. */
static void leave_cancelled(void *arg)
{
	struct plain *sem = arg;
	struct plain_after after;

	if (plain_leave(sem, 1, true) == 0)
		plain_post(sem, 1, WORD_VALUE_MAX, scope_of(sem), &after); /* it was there before, so it fits */
}

static int set_cancel_type(int type)
{
	int before = type;

	/*
	 * Asynchronous cancellation could interrupt ThreadSanitizer's runtime, and under it a sleep has cancellation
	 * points anyway.
	 */
	if (!watch_holds_signals())
		pthread_setcanceltype(type, &before);
	return before;
}

static int enter(struct waiter *waiter)
{
	return plain_take_or_register(waiter->sem, 1);
}

static int arm(struct waiter *waiter)
{
	/* It never looks by itself, even if the semaphore is shared: a handler must always end its sleep. */
	waiter->signal = plain_signal(waiter->sem, scope_of(waiter->sem));
	return 0;
}

/* A call of its own: the unwinder runs the cleanup handler of a caller only for what happens in a call. */
static __attribute__((noinline)) int sleep_asynchronously(struct waiter *waiter)
{
	int type = set_cancel_type(PTHREAD_CANCEL_ASYNCHRONOUS);
	int woken = signal_sleep(waiter);

	set_cancel_type(type);
	return woken;
}

/*
 * Built with -fexceptions, so the handler is in the unwinder's tables. A list of handlers would still have it after a
 * signal handler left the wait by siglongjmp.
 */
static int sleep_cancellably(struct waiter *waiter)
{
	int woken;

	pthread_cleanup_push(leave_cancelled, waiter->sem);
	woken = sleep_asynchronously(waiter);
	pthread_cleanup_pop(0);
	return woken;
}

static int leave(struct waiter *waiter, bool give_up)
{
	return plain_leave(waiter->sem, 1, give_up);
}

static const struct wait_policy policy = {enter, arm, sleep_cancellably, leave};

static int wait_until(struct plain *sem, const struct deadline *deadline)
{
	struct waiter waiter = {.policy = &policy, .sem = sem, .want = 1, .deadline = deadline};
	int error;

	pthread_testcancel(); /* a cancellation point, whether it sleeps or not */
	if (likely(plain_take_one(sem)))
		return 0;
	error = plain_take_spinning(sem, scope_of(sem));
	if (likely(error != EAGAIN))
		return error;
	error = enter(&waiter);
	return error == EAGAIN ? waiter_wait(&waiter) : error;
}

static int wait_timed(sem_t *sem, clockid_t clock, const struct timespec *time, bool faked)
{
	struct deadline deadline;

	if (deadline_read(&deadline, clock, time))
		return EINVAL;
	if (unlikely(faked))
		faked_to_kernel(&deadline);
	return wait_until(standard_of(sem), &deadline);
}

PUBLIC int sem_wait(sem_t *sem)
{
	return answer(wait_until(standard_of(sem), NULL));
}

PUBLIC int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict time)
{
	return answer(wait_timed(sem, CLOCK_REALTIME, time, faked_timedwait));
}

PUBLIC int sem_clockwait(sem_t *restrict sem, clockid_t clock, const struct timespec *restrict time)
{
	return answer(wait_timed(sem, clock, time, faked_clockwait));
}
