/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parking: see park.h.
 */
#include "sem/park.h"

#include <errno.h>

#define STILL      UINT32_C(0)
#define ARMED      UINT32_C(1)
#define RINGING    UINT32_C(2)
#define STATE      UINT32_C(3)
#define GENERATION UINT32_C(4)

static uint32_t with_state(uint32_t bell, uint32_t state)
{
	return (bell & ~STATE) | state;
}

/* The armed bell. */
static uint32_t arm(struct semaphore *sem)
{
	uint32_t bell = load_rlx(&sem->bell); /* relaxed: the compare-and-swap checks it */

	/* KSEM_ORD_14 release, KSEM_ORD_14 acquire: also where it is armed already */
	while (!cas_seq(&sem->bell, &bell, with_state(bell, ARMED)))
		;
	return with_state(bell, ARMED);
}

int park_sleep(struct semaphore *sem, const struct deadline *deadline)
{
	uint32_t bell = arm(sem);
	int error;

	if (count_value(load_seq(&sem->word)) > 0) /* KSEM_ORD_14 release, KSEM_ORD_14 acquire */
		return EAGAIN;
	error = futex_wait(&sem->bell, bell, deadline);
	if (error == 0)
		fetch_sub_seq(&sem->woken, 1); /* KSEM_ORD_15 release, KSEM_ORD_15 acquire */
	return error;
}

/* The ringing bell, or the bell that somebody found still. */
static uint32_t ring(struct semaphore *sem, uint32_t bell)
{
	while ((bell & STATE) == ARMED) {
		uint32_t ringing = with_state(bell + GENERATION, RINGING);

		if (cas_acq_rel(&sem->bell, &bell, ringing)) /* KSEM_ORD_14 release, KSEM_ORD_14 acquire */
			return ringing;
	}
	return bell;
}

/* Will every waiter look? In this order: who enlists in between arms the bell, and who leaves isn't counted on. */
static bool all_are_woken(struct semaphore *sem)
{
	uint32_t waiters = count_waiters(semaphore_word(sem));

	return load_seq(&sem->woken) >= (int32_t)waiters; /* KSEM_ORD_15 release, KSEM_ORD_15 acquire */
}

void park_wake(struct semaphore *sem, count_t posted)
{
	uint32_t bell = load_seq(&sem->bell); /* KSEM_ORD_14 release, KSEM_ORD_14 acquire */
	uint32_t more;
	int found;

	if ((bell & STATE) == STILL)
		return;
	more = count_to_wake(posted, load_seq(&sem->woken)); /* KSEM_ORD_15 release, KSEM_ORD_15 acquire */
	if (more == 0)
		return;
	bell = ring(sem, bell);
	if ((bell & STATE) == STILL)
		return;
	found = futex_wake(&sem->bell, more);
	if (found > 0)
		fetch_add_rlx(&sem->woken, found); /* relaxed: being late makes others wake more, no fewer */
	if ((uint32_t)found < more || all_are_woken(sem))
		cas_rlx(&sem->bell, &bell, with_state(bell, STILL)); /* relaxed: who arms it again sees all before */
}

void park_after_fork(struct semaphore *sem)
{
	uint32_t bell = load_rlx(&sem->bell); /* relaxed: the child has one thread */

	/* relaxed: as above; another generation, should the one thread go on with a sleep that a handler interrupted */
	store_rlx(&sem->bell, with_state(bell + GENERATION, STILL));
	store_rlx(&sem->woken, 0); /* relaxed: as above */
}
