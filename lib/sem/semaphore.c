/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paths of a semaphore on which somebody sleeps, and its end: see semaphore.h.
 *
 * The end: a semaphore dies by kill (destroy: only without waiters) or by abandon (its last reference, name and pin
 * went). A waiter's deregistering is a release and the dying compare-and-swap an acquire (KSEM_ORD_3), so that all a
 * waiter did with the semaphore happens before its memory is given back, whichever of them comes last.
 */
#include "sem/semaphore.h"

#include "base/rcu.h"
#include "wait/backoff.h"

/* The word, for an answer that changes nothing: not before this thread's own puts and takes elsewhere are seen. */
static word_t look_again(const struct semaphore *sem)
{
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	return semaphore_word(sem);
}

/* Tries to make the word `c`, which has waiters, `next`, by a post. */
static __attribute__((noinline)) bool post_to_waiters(struct semaphore *sem, word_t c, word_t next)
{
	bool posted;

	rcu_enter();
	/* KSEM_ORD_1 release, KSEM_ORD_14 release, KSEM_ORD_14 acquire, KSEM_ORD_15 release, KSEM_ORD_15 acquire */
	posted = cas_seq(&sem->word, &c, next);
	if (posted)
		eventcount_wake(sem, next);
	rcu_leave();
	return posted;
}

int semaphore_post_word(struct semaphore *sem, uint32_t n)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;
	unsigned pauses = 0;
	bool fenced = false;
	int error;

	for (;;) {
		error = word_post(c, n, &next);
		if (unlikely(error == EOVERFLOW && !fenced)) {
			c = look_again(sem);
			fenced = true;
			continue;
		}
		if (unlikely(error))
			return error;
		if (unlikely(percpu_counts_for_limit(c, next))) {
			percpu_settle(sem);
		} else if (unlikely(word_waiters(c) > 0)) {
			if (post_to_waiters(sem, c, next))
				return 0;
			backoff(&pauses);
		} else if (likely(cas_rel(&sem->word, &c, next))) { /* KSEM_ORD_1 release */
			return 0;
		} else {
			backoff(&pauses);
		}
		c = load_rlx(&sem->word); /* relaxed: as above */
	}
}

/* Takes a permit, or else registers, or is answered EAGAIN. */
static int take(struct semaphore *sem, bool registers)
{
	word_t c = load_acq(&sem->word); /* KSEM_ORD_1 acquire: an EAGAIN was posted to, and taken from, before */
	word_t next;
	unsigned pauses = 0;
	int error;

	for (;;) {
		error = word_take(c, &next);
		if (unlikely(error == EAGAIN && word_mode(c) != WORD_CENTRAL)) {
			percpu_settle(sem);
		} else {
			if (unlikely(error && !(error == EAGAIN && registers)))
				return error;
			if (unlikely(error))
				word_register(c, &next);           /* can't fail: not dead, no permit, central */
			if (likely(cas_acq(&sem->word, &c, next))) /* KSEM_ORD_1 acquire */
				return error;
			backoff(&pauses);
		}
		c = load_acq(&sem->word); /* KSEM_ORD_1 acquire */
	}
}

int semaphore_take_word(struct semaphore *sem)
{
	int error;

	percpu_sample(sem);
	error = take(sem, false);
	if (likely(error != EAGAIN))
		return error;
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	return take(sem, false);
}

int semaphore_take_word_soon(struct semaphore *sem)
{
	percpu_sample(sem);
	return take(sem, false);
}

int semaphore_take_or_register(struct semaphore *sem)
{
	percpu_sample(sem);
	return take(sem, true);
}

/*
 * One compare-and-swap takes them all; so what slots hold is brought to the word first, where the value alone isn't
 * `most`.
 */
static int take_some(struct semaphore *sem, uint32_t least, uint32_t most, uint32_t *took)
{
	unsigned pauses = 0;

	for (;;) {
		word_t c =
			load_acq(&sem->word); /* KSEM_ORD_1 acquire: an EAGAIN was posted to, and taken from, before */
		word_t next;
		int error = word_take_some(c, least, most, &next);

		if (error == EINVAL)
			return EINVAL;
		if (unlikely(word_value(c) < most && word_slots_count(c))) {
			percpu_settle(sem);
			continue;
		}
		if (error)
			return error;
		if (likely(next == c || cas_acq(&sem->word, &c, next))) { /* KSEM_ORD_1 acquire */
			*took = word_value(c) - word_value(next);
			return 0;
		}
		backoff(&pauses);
	}
}

int semaphore_take_some(struct semaphore *sem, uint32_t least, uint32_t most, uint32_t *took)
{
	if (least == most) {
		int error = take_some(sem, least, most, took);

		if (likely(error != EAGAIN))
			return error;
	}
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	return take_some(sem, least, most, took);
}

int semaphore_snapshot(struct semaphore *sem, uint32_t *value, uint32_t *waiters)
{
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	for (;;) {
		word_t c = semaphore_word(sem);
		int error;

		if (word_is_dead(c))
			return EINVAL;
		if (word_mode(c) == WORD_CENTRAL) {
			*value = word_value(c);
			*waiters = word_waiters(c);
			return 0;
		}
		*waiters = 0; /* nobody registers while slots are in use */
		error = percpu_value(sem, value);
		if (error != EAGAIN)
			return error;
	}
}

int semaphore_leave(struct semaphore *sem, bool give_up, bool *last)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;
	int error;

	do {
		error = word_take_registered(c, &next);
		if (error) {
			if (!give_up)
				return EAGAIN;
			word_give_up(c, &next); /* can't fail: no permit */
		}
	} while (!cas_acq_rel(&sem->word, &c, next)); /* KSEM_ORD_1 acquire, KSEM_ORD_3 release */
	*last = word_is_orphan(next) && word_is_dead(next);
	return error ? ECANCELED : 0;
}

int semaphore_kill(struct semaphore *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;

	do {
		int error = word_kill(c, &next);

		if (error)
			return error;
	} while (!cas_acq(&sem->word, &c, next)); /* KSEM_ORD_3 acquire */
	return 0;
}

bool semaphore_abandon(struct semaphore *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	word_t next;

	do {
		next = word_abandon(c);
	} while (!cas_acq(&sem->word, &c, next)); /* KSEM_ORD_3 acquire */
	return word_is_dead(next);
}

bool semaphore_after_fork(struct semaphore *sem, bool waiting)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the child has one thread */
	word_t next = word_after_fork(c, waiting);

	percpu_after_fork(sem);
	eventcount_after_fork(sem);
	if (next != c)
		store_rlx(&sem->word, next);                    /* relaxed: as above */
	return word_is_orphan(next) && word_waiters(next) == 0; /* also if its last waiter was about to end it */
}
