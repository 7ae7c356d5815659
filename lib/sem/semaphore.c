/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paths of a semaphore on which somebody sleeps, and its end: see semaphore.h.
 *
 * The end: a semaphore dies by kill (destroy: only without waiters) or by abandon (its last reference, name and pin
 * went). A waiter's delisting is a release and the dying compare-and-swap an acquire (KSEM_ORD_3), so that all a waiter
 * did with the semaphore happens before its memory is given back, whichever of them comes last.
 */
#include "sem/semaphore.h"

int semaphore_take_or_enlist(struct semaphore *sem)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	count_t next;
	int error;

	do {
		error = count_take(c, &next);
		if (error == EINVAL)
			return error;
		if (error == EAGAIN)
			count_enlist(c, &next);   /* can't fail: not dead, and no permit */
	} while (!cas_acq(&sem->word, &c, next)); /* KSEM_ORD_1 acquire */
	return error;
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

	if (next != c)
		store_rlx(&sem->word, next);                      /* relaxed: as above */
	return count_is_orphan(next) && count_waiters(next) == 0; /* also if its last waiter was about to end it */
}
