/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paths of a semaphore on which somebody sleeps, and its end: see semaphore.h.
 *
 * The end: a semaphore dies by kill (destroy: only without waiters) or by abandon (its last reference, name and pin
 * went). A waiter's delisting is a release and the dying compare-and-swap an acquire (KSEM_ORD_3), so that all a waiter
 * did with the semaphore happens before its memory is given back, whichever of them comes last.
 */
#include "sem/semaphore.h"

/* The semaphore's cells, for who has seen a word in another mode than central. */
static percpu_cells_t own_cells(const struct semaphore *sem)
{
	return load_rlx(&sem->cells); /* relaxed: they were there before the mode was set */
}

int semaphore_post_word(struct semaphore *sem, uint32_t n)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	count_t next;
	uint32_t wake;
	int error;

	for (;;) {
		error = count_post(c, n, &next);
		if (unlikely(error))
			return error;
		if (unlikely(percpu_counts_for_limit(c, next))) {
			error = percpu_post_much(&sem->word, own_cells(sem), c, n);
			if (error != EAGAIN)
				return error;
			c = load_rlx(&sem->word); /* relaxed: as above */
			continue;
		}
		wake = count_to_wake(c, n);
		if (likely(cas_rel(&sem->word, &c, next))) /* KSEM_ORD_1 release */
			break;
	}
	if (unlikely(wake))
		futex_wake(semaphore_futex(sem), wake);
	return 0;
}

int semaphore_take_word(struct semaphore *sem, bool enlist)
{
	count_t c, next;
	int error;

	percpu_sample(&sem->word, &sem->cells);
	c = load_acq(&sem->word); /* KSEM_ORD_1 acquire: an EAGAIN was posted to, and taken from, before */
	for (;;) {
		error = count_take(c, &next);
		if (unlikely(error == EAGAIN && count_mode(c) != COUNT_CENTRAL)) {
			if (percpu_take_or_settle(&sem->word, own_cells(sem), c))
				return 0;
			c = load_acq(&sem->word); /* KSEM_ORD_1 acquire */
			continue;
		}
		if (unlikely(error && !(error == EAGAIN && enlist)))
			return error;
		if (unlikely(error))
			count_enlist(c, &next);            /* can't fail: not dead, no permit, central */
		if (likely(cas_acq(&sem->word, &c, next))) /* KSEM_ORD_1 acquire */
			return error;
	}
}

int semaphore_value(struct semaphore *sem, uint32_t *value)
{
	uint64_t sum = 0;
	count_t c = semaphore_word(sem);
	percpu_cells_t cells = own_cells(sem);

	for (int tries = 0; count_mode(c) != COUNT_CENTRAL && !count_is_dead(c); tries++) {
		if (percpu_sum(&sem->word, cells, &c, &sum))
			break;
		if (tries > 8)
			percpu_settle(&sem->word, cells, c); /* then cells only fall, and will be still */
		sum = 0;
	}
	if (count_is_dead(c))
		return EINVAL;
	*value = (uint32_t)(count_value(c) + sum);
	return 0;
}

int semaphore_leave(struct semaphore *sem, bool give_up, bool *last)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	count_t next;
	int error;

	do {
		error = count_take_enlisted(c, &next);
		if (error) {
			if (!give_up)
				return EAGAIN;
			count_give_up(c, &next); /* can't fail: no permit */
		}
	} while (!cas_acq_rel(&sem->word, &c, next)); /* KSEM_ORD_1 acquire, KSEM_ORD_3 release */
	*last = count_is_orphan(next) && count_is_dead(next);
	return error ? ECANCELED : 0;
}

int semaphore_kill(struct semaphore *sem)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	count_t next;

	do {
		int error = count_kill(c, &next);

		if (error)
			return error;
	} while (!cas_acq(&sem->word, &c, next)); /* KSEM_ORD_3 acquire */
	return 0;
}

bool semaphore_abandon(struct semaphore *sem)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	count_t next;

	do {
		next = count_abandon(c);
	} while (!cas_acq(&sem->word, &c, next)); /* KSEM_ORD_3 acquire */
	return count_is_dead(next);
}

bool semaphore_after_fork(struct semaphore *sem, bool waiting)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the child has one thread */
	count_t next = count_after_fork(c, waiting);
	percpu_cells_t cells = load_rlx(&sem->cells); /* relaxed: as above */

	if (cells > 0)
		percpu_after_fork(cells);
	if (next != c)
		store_rlx(&sem->word, next);                      /* relaxed: as above */
	return count_is_orphan(next) && count_waiters(next) == 0; /* also if its last waiter was about to end it */
}
