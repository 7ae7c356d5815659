/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain semaphores: see plain.h.
 */
#include "sem/plain.h"

#include <errno.h>
#include <limits.h>

#include "base/compiler.h"
#include "os/clock.h"
#include "wait/backoff.h"

/* A word in which nobody has set what isn't set here. */
static word_t known(word_t c)
{
	return c & ~WORD_MODES;
}

/* What waiters sleep on. */
static atomic(uint32_t) *value_half(struct plain *sem)
{
	return (atomic(uint32_t) *)&sem->word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

void plain_init(struct plain *sem, uint32_t value, enum futex_scope scope)
{
	store_rlx(&sem->word, word_new(value)); /* relaxed: nobody sees the semaphore until it is published */
	sem->shared = scope == FUTEX_SHARED ? PLAIN_SHARED : 0;
	store_rlx(&sem->spin, SPIN_MAX / SPIN_UNIT); /* relaxed: as above */
}

/*
 * A post to a shared semaphore on which somebody waits: by the kernel, permit and wake call in one. False: nothing was
 * done. The kernel doesn't look how far it goes. So it is only asked where the value is so low that all threads that
 * Linux can have may do the same at once. For all permits that were seen, as ever; how many wait may have changed.
 */
static bool post_by_kernel(struct plain *sem, word_t c, uint32_t n, uint32_t most, bool *nobody)
{
	uint32_t value = word_value(c);
	int woken;

	if (n > FUTEX_ADD_MAX || value > most / 2 || n > most / 2 / WORD_WAITERS_MAX)
		return false;
	woken = futex_add_shared(value_half(sem), n, value + n); /* a release too, and more */
	*nobody = woken == 0;
	return woken >= 0;
}

/* Before such a post that the kernel doesn't make: sees to it that sleepers look. False: they do. */
static bool warn_sleepers(struct plain *sem, word_t c)
{
	if (c & PLAIN_WARNED)
		return false;
	if (cas_rlx(&sem->word, &c, c | PLAIN_WARNED)) /* relaxed: who is woken sees it, who isn't registers after it */
		futex_wake_in(FUTEX_SHARED, value_half(sem), INT_MAX);
	return true;
}

int plain_post(struct plain *sem, uint32_t n, uint32_t most, enum futex_scope scope, bool *nobody)
{
	word_t c, next;
	unsigned pauses = 0;

	for (;;) {
		int error;

		c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
		error = word_post(known(c), n, &next);
		if (unlikely(error))
			return error;
		if (unlikely(word_value(next) > most))
			return EOVERFLOW;
		if (unlikely(word_waiters(c) > 0) && scope == FUTEX_SHARED && n > 0) {
			if (post_by_kernel(sem, c, n, most, nobody))
				return 0;
			if (warn_sleepers(sem, c))
				continue;
		}
		if (likely(cas_rel(&sem->word, &c, next))) /* KSEM_ORD_1 release */
			break;
		backoff(&pauses);
	}
	if (unlikely(word_waiters(next) > 0) && n > 0)
		*nobody = futex_wake_in(scope, value_half(sem), word_to_wake(next, 0)) <= 0;
	return 0;
}

int plain_take(struct plain *sem)
{
	word_t c, next;
	unsigned pauses = 0;

	for (;;) {
		int error;

		c = load_acq(&sem->word); /* KSEM_ORD_1 acquire: an EAGAIN was posted to, and taken from, before */
		error = word_take(known(c), &next);
		if (unlikely(error))
			return error;
		if (likely(cas_acq(&sem->word, &c, next))) /* KSEM_ORD_1 acquire */
			return 0;
		backoff(&pauses);
	}
}

int plain_take_some(struct plain *sem, uint32_t least, uint32_t most, uint32_t *took)
{
	unsigned pauses = 0;

	for (;;) {
		word_t c =
			load_acq(&sem->word); /* KSEM_ORD_1 acquire: an EAGAIN was posted to, and taken from, before */
		word_t next;
		int error = word_take_some(known(c), least, most, &next);

		if (error)
			return error;
		if (likely(next == c || cas_acq(&sem->word, &c, next))) { /* KSEM_ORD_1 acquire */
			*took = word_value(c) - word_value(next);
			return 0;
		}
		backoff(&pauses);
	}
}

int plain_spin_take(struct spin *spin, struct plain *sem)
{
	int error;

	if (spin->budget > 0) {
		for (int i = 0; i < SPIN_LOOKS && word_value(plain_word(sem)) == 0; i++)
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

int plain_take_or_register(struct plain *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;
	int error;

	do {
		error = word_take(known(c), &next);
		if (error && error != EAGAIN)
			return error;
		if (error)
			word_register(known(c), &next); /* can't fail: not dead, no permit, central */
	} while (!cas_acq(&sem->word, &c, next));       /* KSEM_ORD_1 acquire */
	return error;
}

int plain_sleep(struct plain *sem, const struct deadline *deadline, enum futex_scope scope)
{
	return futex_wait_in(scope, value_half(sem), 0, deadline);
}

/*
 * From half a PLAIN_LOOK to one and a half, by no rule: a signal at the very end of such a sleep is one after it, for
 * which the wait goes on, and programs' own timers fire at whole seconds.
 */
static int64_t time_to_look(const struct timespec *now)
{
	uint64_t mixed = (uint64_t)now->tv_nsec * UINT64_C(0x9E3779B97F4A7C15);

	return PLAIN_LOOK / 2 + (int64_t)((mixed >> 32) * PLAIN_LOOK >> 32);
}

int plain_sleep_and_look(struct plain *sem, const struct deadline *deadline)
{
	struct deadline look = {CLOCK_MONOTONIC, clock_now(CLOCK_MONOTONIC)};
	int64_t length = time_to_look(&look.time);
	int error;

	if (deadline) {
		struct timespec now = clock_now(deadline->clock);

		length = clock_between(&now, &deadline->time, length);
		if (length == 0)
			return plain_sleep(sem, deadline, FUTEX_SHARED);
	}
	look.time = clock_after(&look.time, length);
	error = plain_sleep(sem, &look, FUTEX_SHARED);
	return error == ETIMEDOUT ? EAGAIN : error;
}

int plain_sleep_shared(struct plain *sem, const struct deadline *deadline)
{
	word_t c = plain_word(sem);

	if (word_waiters(c) > 1 || (c & PLAIN_WARNED))
		return plain_sleep_and_look(sem, deadline);
	return plain_sleep(sem, deadline, FUTEX_SHARED);
}

int plain_leave(struct plain *sem, bool give_up)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;
	int error;

	do {
		word_t counted = word_waiters(c) > 0 ? known(c) : word_waiter_more(known(c));

		error = word_take_registered(counted, &next);
		if (error) {
			if (!give_up)
				return EAGAIN;
			word_give_up(counted, &next); /* can't fail: no permit */
		}
		if (word_waiters(next) == 0)
			next &= ~PLAIN_WARNED;
	} while (!cas_acq_rel(&sem->word, &c, next)); /* KSEM_ORD_1 acquire, KSEM_ORD_3 release */
	return error ? ECANCELED : 0;
}

int plain_kill(struct plain *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;

	do {
		int error = word_kill(known(c), &next);

		if (error)
			return error;
	} while (!cas_acq(&sem->word, &c, next)); /* KSEM_ORD_3 acquire */
	return 0;
}

bool plain_trim_waiters(struct plain *sem, word_t was, uint32_t most)
{
	uint32_t waiters = word_waiters(was);

	if (waiters == WORD_WAITERS_MAX) { /* a stuck count doesn't tell whether somebody has come meanwhile */
		cas_rlx(&sem->word, &was, was - WORD_WAITER); /* relaxed: what the dead did needs no order */
		return false;
	}
	if (waiters > most) {
		word_t next = was - (waiters - most) * WORD_WAITER;

		/* relaxed: as above */
		if (cas_rlx(&sem->word, &was, most > 0 ? next : next & ~PLAIN_WARNED))
			futex_wake_in(FUTEX_SHARED, value_half(sem), INT_MAX);
	}
	return true;
}

void plain_add_waiter(struct plain *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	while (!cas_rlx(&sem->word, &c, word_waiter_more(c))) /* relaxed: a number; the thread looks before it sleeps */
		;
}

void plain_count_again(struct plain *sem, uint32_t n)
{
	for (; n > 0; n--)
		plain_add_waiter(sem);
	futex_wake_in(FUTEX_SHARED, value_half(sem), INT_MAX);
}
