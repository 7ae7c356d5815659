/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The semaphore itself: one atomic word (word.h), and where those sleep who wait for it (wait/eventcount.h).
 *
 * Post and take are a compare-and-swap on the word, tried again only when another thread changed it, so some thread
 * always goes on: lock-free. A semaphore that is used much has slots too, in which most posts and takes need not even
 * that (percpu.h); that first attempt is inline, so that callers pay no call for it.
 *
 * Waiting is: take or register; then, until it works, leave or sleep. Registering and taking are alternatives of one
 * compare-and-swap loop, so no thread registers beside a permit. Leaving is one compare-and-swap that takes a permit
 * and counts the waiter off: nobody sees a waiter that has its permit already.
 *
 * No wake is lost: a thread registers while value is 0 (one word: a post comes before, and there is a permit, or after,
 * and sees the waiter). A post that sees waiters makes sure, after its permits can be taken, that as many threads will
 * look for them (wait/eventcount.h). Whoever leaves without a permit leaves while the value is 0, so the wake that it
 * may have eaten was for a permit that somebody took.
 *
 * A post without waiters touches nothing of the semaphore after its compare-and-swap. One with waiters stands in a read
 * section, which keeps the memory until it has counted.
 */
#ifndef KSEM_SEM_SEMAPHORE_H
#define KSEM_SEM_SEMAPHORE_H

#include "base/compiler.h"
#include "wait/eventcount.h"
#include "percpu/percpu.h"
#include "wait/spin.h"
#include "word/loop.h"

static inline void semaphore_init(struct semaphore *sem, uint32_t value)
{
	store_rlx(&sem->word, word_new(value));       /* relaxed: nobody sees the semaphore until it is published */
	store_rlx(&sem->slots, -SLOTS_AFTER_SAMPLES); /* relaxed: as above, all of these */
	store_rlx(&sem->spin, SPIN_MAX / SPIN_UNIT);  /* relaxed: as above */
	store_rlx(&sem->eventcount, 0);               /* relaxed: as above */
	store_rlx(&sem->woken, 0);                    /* relaxed: as above */
}

/* The same as those below, by the word. */
int semaphore_post_word(struct semaphore *sem, uint32_t n);
int semaphore_take_word(struct semaphore *sem);
int semaphore_take_word_soon(struct semaphore *sem);

/* The inline tries by the word (word/loop.h). A take counts itself; false also if it is one to sample (percpu.h). */
static inline bool semaphore_post_one(struct semaphore *sem)
{
	return word_post_one(&sem->word);
}

static inline bool semaphore_take_one(struct semaphore *sem)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	return likely(word_has_one(c)) && likely(percpu_needs_no_sample()) && word_take_one(&sem->word, c);
}

/*
 * Where sequences work, callers by id have tried just that by one (sequence.h). If it failed because another processor
 * changes the word, one more try at once would only take the line from it.
 */
static inline bool semaphore_untried(void)
{
	return rseq_processors == 0;
}

/* The first try of a caller by id: of one permit, by a slot or by the word. False: nothing was done. */
static inline bool semaphore_post_fast(struct semaphore *sem)
{
	return percpu_is(sem) ? percpu_put(sem) : semaphore_untried() && semaphore_post_one(sem);
}

static inline bool semaphore_take_fast(struct semaphore *sem)
{
	return percpu_is(sem) ? percpu_take(sem) : semaphore_untried() && semaphore_take_one(sem);
}

/* 0, EINVAL: dead, EOVERFLOW. */
static inline int semaphore_post(struct semaphore *sem, uint32_t n)
{
	return n == 1 && semaphore_post_fast(sem) ? 0 : semaphore_post_word(sem, n);
}

/* 0: took a permit; EAGAIN: none; EINVAL: dead. */
static inline int semaphore_take(struct semaphore *sem)
{
	return semaphore_take_fast(sem) ? 0 : semaphore_take_word(sem);
}

/*
 * The same, by a thread that will try again: its EAGAIN may not have seen what the thread did to other semaphores just
 * before, and costs no fence.
 */
static inline int semaphore_take_soon(struct semaphore *sem)
{
	if (percpu_is(sem) && percpu_take(sem))
		return 0;
	return semaphore_take_word_soon(sem);
}

/*
 * Takes as many permits as there are, from `least` to `most`, at one instant. 0: *took of them; EAGAIN: fewer than
 * `least`; EINVAL: dead.
 */
int semaphore_take_some(struct semaphore *sem, uint32_t least, uint32_t most, uint32_t *took);

/* 0: value and waiters as they were at one instant of the call; EINVAL: dead. */
int semaphore_snapshot(struct semaphore *sem, uint32_t *value, uint32_t *waiters);

static inline int semaphore_value(struct semaphore *sem, uint32_t *value)
{
	uint32_t waiters;

	return semaphore_snapshot(sem, value, &waiters);
}

/*
 * Instead of semaphore_take. 0: took a permit; EAGAIN: registered, the thread must leave before it does anything else;
 * EINVAL: dead.
 */
int semaphore_take_or_register(struct semaphore *sem);

/*
 * The end of being registered: with a permit (0), or without if there is none and the thread gives up (ECANCELED).
 * Otherwise EAGAIN, and it is registered still. *last: the semaphore was an orphan and this its last waiter, who must
 * end it; without that, it may be gone already when this returns 0 or ECANCELED.
 */
int semaphore_leave(struct semaphore *sem, bool give_up, bool *last);

/* Ends posts and takes, if nobody waits. 0, or EBUSY. */
int semaphore_kill(struct semaphore *sem);

/*
 * No reference, name or pin is left. True: nor a waiter, so the caller ends the semaphore; false: its last waiter will.
 */
bool semaphore_abandon(struct semaphore *sem);

/*
 * In a fork's child, which has one thread: that thread waits here or not. True: it is an orphan, and the caller ends
 * it.
 */
bool semaphore_after_fork(struct semaphore *sem, bool waiting);

#endif
