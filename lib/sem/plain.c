/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain semaphores: see plain.h.
 */
#include "sem/plain.h"

#include <errno.h>
#include <time.h>

#include "base/compiler.h"
#include "sem/backoff.h"

/* A word in which nobody has set what isn't set here. */
static count_t known(count_t c)
{
	return c & ~COUNT_MODES;
}

/* What waiters sleep on. */
static atomic(uint32_t) *value_half(struct plain *sem)
{
	return (atomic(uint32_t) *)&sem->word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

void plain_init(struct plain *sem, uint32_t value)
{
	store_rlx(&sem->word, count_new(value));     /* relaxed: nobody sees the semaphore until it is published */
	store_rlx(&sem->spin, SPIN_MAX / SPIN_UNIT); /* relaxed: as above */
}

int plain_post(struct plain *sem, uint32_t n, uint32_t most, enum futex_scope scope, bool *nobody)
{
	count_t c, next;
	unsigned pauses = 0;

	for (;;) {
		int error;

		c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
		error = count_post(known(c), n, &next);
		if (unlikely(error))
			return error;
		if (unlikely(count_value(next) > most))
			return EOVERFLOW;
		if (likely(cas_rel(&sem->word, &c, next))) /* KSEM_ORD_1 release */
			break;
		backoff(&pauses);
	}
	if (unlikely(count_waiters(next) > 0) && n > 0)
		*nobody = futex_wake_in(scope, value_half(sem), count_to_wake(next, 0)) <= 0;
	return 0;
}

int plain_take(struct plain *sem)
{
	count_t c, next;
	unsigned pauses = 0;

	for (;;) {
		int error;

		c = load_acq(&sem->word); /* KSEM_ORD_1 acquire: an EAGAIN was posted to, and taken from, before */
		error = count_take(known(c), &next);
		if (unlikely(error))
			return error;
		if (likely(cas_acq(&sem->word, &c, next))) /* KSEM_ORD_1 acquire */
			return 0;
		backoff(&pauses);
	}
}

int plain_spin_take(struct spin *spin, struct plain *sem)
{
	int error;

	if (spin->budget > 0) {
		for (int i = 0; i < SPIN_LOOKS && count_value(plain_word(sem)) == 0; i++)
			cpu_relax();
	}
	error = plain_take(sem);
	if (error == 0)
		spin_paid(spin, &sem->spin);
	return error;
}

int plain_take_spinning(struct plain *sem)
{
	struct spin spin = {0};
	int error;

	while (unlikely((error = plain_spin_take(&spin, sem)) == EAGAIN) && spin_again(&spin, &sem->spin))
		spin_rest(&spin);
	return error;
}

int plain_take_or_enlist(struct plain *sem)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	count_t next;
	int error;

	do {
		error = count_take(known(c), &next);
		if (error && error != EAGAIN)
			return error;
		if (error)
			count_enlist(known(c), &next); /* can't fail: not dead, no permit, central */
	} while (!cas_acq(&sem->word, &c, next));      /* KSEM_ORD_1 acquire */
	return error;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Until the deadline, or until it is time for a look: EAGAIN. */
static int sleep_a_while(struct plain *sem, const struct deadline *deadline)
{
	struct deadline look = {.clock = deadline ? deadline->clock : CLOCK_MONOTONIC};
	int error;

	clock_gettime(look.clock, &look.time);
	look.time.tv_sec += PLAIN_LOOK;
	if (deadline && is_before(&deadline->time, &look.time))
		return futex_wait_in(FUTEX_SHARED, value_half(sem), 0, deadline);
	error = futex_wait_in(FUTEX_SHARED, value_half(sem), 0, &look);
	return error == ETIMEDOUT ? EAGAIN : error;
}

int plain_sleep(struct plain *sem, const struct deadline *deadline, enum futex_scope scope)
{
	if (scope == FUTEX_SHARED)
		return sleep_a_while(sem, deadline);
	return futex_wait_in(scope, value_half(sem), 0, deadline);
}

int plain_leave(struct plain *sem, bool give_up)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	count_t next;
	int error;

	do {
		count_t counted = count_waiters(c) > 0 ? known(c) : known(c) + COUNT_WAITER;

		error = count_take_enlisted(counted, &next);
		if (error) {
			if (!give_up)
				return EAGAIN;
			count_give_up(counted, &next); /* can't fail: no permit */
		}
	} while (!cas_acq_rel(&sem->word, &c, next)); /* KSEM_ORD_1 acquire, KSEM_ORD_3 release */
	return error ? ECANCELED : 0;
}

int plain_park(struct plain *sem, const struct deadline *deadline, enum futex_scope scope)
{
	int woken, left;

	do {
		woken = plain_sleep(sem, deadline, scope);
		left = plain_leave(sem, woken == ETIMEDOUT || woken == EINTR);
	} while (left == EAGAIN);
	return left ? woken : 0;
}

int plain_kill(struct plain *sem)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	count_t next;

	do {
		int error = count_kill(known(c), &next);

		if (error)
			return error;
	} while (!cas_acq(&sem->word, &c, next)); /* KSEM_ORD_3 acquire */
	return 0;
}

void plain_trim_waiters(struct plain *sem, count_t was, uint32_t most)
{
	uint32_t waiters = count_waiters(was);

	/* relaxed: what the dead did needs no order */
	if (waiters > most)
		cas_rlx(&sem->word, &was, was - (waiters - most) * COUNT_WAITER); /* relaxed: as above */
}

void plain_add_waiter(struct plain *sem)
{
	fetch_add_rlx(&sem->word, COUNT_WAITER); /* relaxed: a number; the thread looks at the word before it sleeps */
}
