/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eventcounts: see eventcount.h.
 */
#include "wait/eventcount.h"

#include <errno.h>

#include "base/compiler.h"

#define STILL      UINT32_C(0)
#define ARMED      UINT32_C(1)
#define RINGING    UINT32_C(2)
#define ENDED      UINT32_C(3)
#define STATE      UINT32_C(3)
#define GENERATION UINT32_C(4)

static uint32_t with_state(uint32_t eventcount, uint32_t state)
{
	return (eventcount & ~STATE) | state;
}

/* Arms the eventcount, unless it has ended, and returns it. */
static uint32_t arm(struct semaphore_cold *cold)
{
	uint32_t eventcount = load_rlx(&cold->eventcount); /* relaxed: the compare-and-swap checks it */
	uint32_t armed;

	do {
		armed = (eventcount & STATE) == ENDED ? eventcount : with_state(eventcount, ARMED);
		/* KSEM_ORD_14 release, KSEM_ORD_14 acquire: even if it is armed already */
	} while (!cas_seq(&cold->eventcount, &eventcount, armed));
	return armed;
}

int eventcount_arm(struct semaphore *sem, uint32_t want, struct signal *signal)
{
	struct semaphore_cold *cold = semaphore_cold(sem);
	uint32_t eventcount = arm(cold);

	if (unlikely((eventcount & STATE) == ENDED))
		return ESHUTDOWN;
	if (word_ends_wait(load_seq(&sem->word), want)) /* KSEM_ORD_14 release, KSEM_ORD_14 acquire */
		return EAGAIN;
	*signal = (struct signal){.word = &cold->eventcount, .expected = eventcount, .scope = FUTEX_PRIVATE};
	return 0;
}

void eventcount_woke(struct semaphore *sem)
{
	fetch_sub_seq(&semaphore_cold(sem)->woken, 1); /* KSEM_ORD_15 release, KSEM_ORD_15 acquire */
}

/* Makes an armed eventcount ringing, and returns it; or returns it as it is, if it isn't armed. */
static uint32_t ring(struct semaphore_cold *cold, uint32_t eventcount)
{
	while ((eventcount & STATE) == ARMED) {
		uint32_t ringing = with_state(eventcount + GENERATION, RINGING);

		if (cas_acq_rel(&cold->eventcount, &eventcount, ringing)) /* KSEM_ORD_14 release, KSEM_ORD_14 acquire */
			return ringing;
	}
	return eventcount;
}

/*
 * Will every waiter look? The order of the two loads matters: a thread that registers in between arms the eventcount,
 * and one that deregisters is no longer in `woken`.
 */
static bool all_are_woken(const struct semaphore *sem, struct semaphore_cold *cold)
{
	uint32_t waiters = word_waiters(semaphore_word(sem));

	return load_seq(&cold->woken) >= (int32_t)waiters; /* KSEM_ORD_15 release, KSEM_ORD_15 acquire */
}

/*
 * Wakes as many of the sleepers whose wakes aren't counted as can go on; all, if some want several permits. Returns how
 * many of the permits they will take if no others do. *all: that was all of them.
 */
static uint32_t wake_uncounted(struct semaphore_cold *cold, word_t posted, bool *all)
{
	uint32_t more = posted & (WORD_SEVERAL | WORD_WIDE) ? word_to_wake(posted, 0) : 0;
	int found = more > 0 ? futex_wake_in(FUTEX_SHARED, &cold->eventcount, more) : 0; /* -1: the kernel refused */

	if (found > 0)
		fetch_add_acq_rel(&cold->eventcount, 0); /* KSEM_ORD_14 release, KSEM_ORD_14 acquire: of these */
	*all = more == 0 || (found >= 0 && (uint32_t)found < more);
	return found > 0 && more != WORD_WAKE_ALL ? (uint32_t)found : 0;
}

/*
 * Wakes sleepers whose wakes are counted, and counts them. If that is late, others wake more waiters, never fewer.
 * Returns how many; UINT32_MAX: the kernel refused.
 */
static uint32_t wake(struct semaphore_cold *cold, uint32_t more)
{
	int found = more > 0 ? futex_wake(&cold->eventcount, more) : 0;

	if (found > 0)
		fetch_add_acq_rel(&cold->woken, found); /* KSEM_ORD_15 release, KSEM_ORD_15 acquire */
	return (uint32_t)found;
}

/* Has a waiter of that kind come since the post? */
static bool has_come(const struct semaphore *sem, word_t posted, word_t kind)
{
	return (semaphore_word(sem) & ~posted & kind) != 0;
}

/*
 * The wakes of an eventcount that rings. True: whoever sleeps there was woken, or is about to look.
 *
 * A waiter that wants several permits, and has come since the post, may have taken an uncounted wake that was for
 * another: then all must look, and no permit is taken for certain. One that came even later, or wasn't woken, needs the
 * wake of the next post.
 */
static bool wake_all_who_can_go(struct semaphore *sem, struct semaphore_cold *cold, word_t posted, uint32_t more)
{
	bool all;
	uint32_t uncounted = wake_uncounted(cold, posted, &all);
	uint32_t found;

	if (uncounted > 0 && has_come(sem, posted, WORD_WIDE))
		uncounted = wake_uncounted(cold, posted | WORD_WIDE, &all);
	more = more > uncounted ? more - uncounted : 0;
	found = wake(cold, more);
	all = all && !has_come(sem, posted, WORD_SEVERAL | WORD_WIDE);
	return (found < more && all) || all_are_woken(sem, cold);
}

void eventcount_wake(struct semaphore *sem, word_t posted)
{
	struct semaphore_cold *cold = semaphore_cold(sem);
	uint32_t eventcount = load_seq(&cold->eventcount); /* KSEM_ORD_14 release, KSEM_ORD_14 acquire */
	uint32_t more;

	if ((eventcount & STATE) == STILL)
		return;
	/* KSEM_ORD_15 release, KSEM_ORD_15 acquire */
	more = word_to_wake(posted & ~WORD_WIDE, load_seq(&cold->woken));
	if (more == 0 && !(posted & (WORD_SEVERAL | WORD_WIDE)))
		return;
	eventcount = ring(cold, eventcount);
	if ((eventcount & STATE) == STILL)
		return;
	/* relaxed: a thread that arms it again sees all that was before */
	if (wake_all_who_can_go(sem, cold, posted, more) && (eventcount & STATE) != ENDED)
		cas_rlx(&cold->eventcount, &eventcount, with_state(eventcount, STILL));
}

void eventcount_end(struct semaphore *sem)
{
	struct semaphore_cold *cold = semaphore_cold(sem);
	uint32_t eventcount = load_acq(&cold->eventcount); /* KSEM_ORD_14 acquire: of whoever has ended it */

	while ((eventcount & STATE) != ENDED) {
		/* KSEM_ORD_14 release, KSEM_ORD_14 acquire */
		if (cas_seq(&cold->eventcount, &eventcount, with_state(eventcount + GENERATION, ENDED)))
			break;
	}
	wake_all_who_can_go(sem, cold, semaphore_word(sem) | WORD_SHUT, WORD_WAKE_ALL);
}

void eventcount_after_fork(struct semaphore *sem)
{
	struct semaphore_cold *cold = semaphore_cold(sem);
	uint32_t eventcount = load_rlx(&cold->eventcount); /* relaxed: the child has one thread */

	/* relaxed: as above; a new generation, in case the thread goes on with a sleep that a handler interrupted */
	store_rlx(&cold->eventcount, with_state(eventcount + GENERATION, STILL));
	store_rlx(&cold->woken, 0); /* relaxed: as above */
}
