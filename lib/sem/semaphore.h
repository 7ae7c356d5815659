/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The private semaphore without a line: one atomic word (word/word.h), slots (percpu/percpu.h), and an eventcount on
 * which waiters sleep (wait/eventcount.h). This is the algorithm alone: ids, names and what keeps it alive are in
 * object/, and private/semaphore.h makes it a kind of semaphore.
 *
 * A post or a take is a compare-and-swap on the word, repeated only if another thread changed the word. So some thread
 * always goes on: it is lock-free. A semaphore that is used much also has slots, and then most posts and takes need no
 * compare-and-swap. The first try is inline, so that callers pay no function call for it.
 *
 * A wait takes a permit or registers; then it sleeps and tries to leave, until it can. Taking and registering are
 * alternatives in one compare-and-swap loop, so no thread registers while a permit is available. Leaving is one
 * compare-and-swap that takes a permit and deregisters, so no thread sees a waiter that already has its permit.
 *
 * No wake is lost. A thread registers while the value is 0. Value and waiters are in one word, so each post comes
 * before that, and the thread finds its permit, or after it, and sees the waiter. A post that sees waiters makes sure,
 * after its permits can be taken, that as many threads will look for them (wait/eventcount.h). A waiter leaves without
 * a permit only while the value is 0. So if it got a wake, that was for a permit that another thread has taken. A
 * waiter that renounces leaves whatever the value is, and then wakes others, as a post does.
 *
 * Without waiters, a post doesn't touch the semaphore after its compare-and-swap. With waiters it runs in a read
 * section, which keeps the memory allocated until the post is done.
 */
#ifndef KSEM_SEM_SEMAPHORE_H
#define KSEM_SEM_SEMAPHORE_H

#include "base/compiler.h"
#include "percpu/percpu.h"
#include "wait/eventcount.h"
#include "wait/spin.h"
#include "word/loop.h"

static inline void semaphore_init(struct semaphore *sem, uint32_t value)
{
	struct semaphore_cold *cold = semaphore_cold(sem);

	store_rlx(&sem->word, word_new(value));        /* relaxed: nobody sees the semaphore until it is published */
	store_rlx(&cold->slots, -SLOTS_AFTER_SAMPLES); /* relaxed: as above, all of these */
	store_rlx(&cold->spin, SPIN_MOST);             /* relaxed: as above */
	store_rlx(&cold->eventcount, 0);               /* relaxed: as above */
	store_rlx(&cold->woken, 0);                    /* relaxed: as above */
}

/* As the calls below, but use only the word. */
int semaphore_post_word(struct semaphore *sem, uint32_t n);
int semaphore_take_word(struct semaphore *sem);
int semaphore_take_word_soon(struct semaphore *sem);

/* What both takes call where the semaphore has moved to a line. Its owner (private/semaphore.c) sets it before main. */
extern int (*semaphore_take_moved)(struct semaphore *sem);

/* The inline tries on the word (word/loop.h). A take counts itself; false also if it is a sample (percpu.h). */
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
 * Where sequences work, calls by id have already tried the same in a sequence (object/ids.h). If that failed because
 * another processor changed the word, trying again at once would only take the cache line from it.
 */
static inline bool semaphore_untried(void)
{
	return rseq_processors == 0;
}

/* The first try of a call by id: one permit, in a slot or in the word. False: nothing was done. */
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
 * As semaphore_take, for a thread that will try again. Its EAGAIN costs no fence, and so may be older than what the
 * thread just did to other semaphores.
 */
static inline int semaphore_take_soon(struct semaphore *sem)
{
	if (percpu_is(sem) && percpu_take(sem))
		return 0;
	return semaphore_take_word_soon(sem);
}

/*
 * Takes as many permits as there are, from `least` to `most`, at one instant, and stores how many. 0; EAGAIN: fewer
 * than `least`; EINVAL: dead.
 */
int semaphore_take_some(struct semaphore *sem, uint32_t least, uint32_t most, uint32_t *took);

/* 0: value and waiters as they were at one instant of the call; EINVAL: dead. */
int semaphore_snapshot(struct semaphore *sem, uint32_t *value, uint32_t *waiters);

static inline int semaphore_value(struct semaphore *sem, uint32_t *value)
{
	uint32_t waiters;

	return semaphore_snapshot(sem, value, &waiters);
}

/* 0: took n permits; EAGAIN: registered, and the thread must call semaphore_leave; ESHUTDOWN; EINVAL: dead. */
int semaphore_take_or_register(struct semaphore *sem, uint32_t n);

/*
 * Tries to deregister. 0: with n permits; ECANCELED: without, since there were too few and the thread gives up;
 * ESHUTDOWN: without; EAGAIN: still registered. *last: it was the last waiter of an orphan, and must end the semaphore.
 * Otherwise, after all but EAGAIN the semaphore may already be freed.
 */
int semaphore_leave(struct semaphore *sem, uint32_t n, bool give_up, bool *last);

/* From now on nobody sleeps. 0; EINVAL: dead. */
int semaphore_shut_down(struct semaphore *sem);

/*
 * For a thread that waits for one of several semaphores: after it registered, and before it arms; and instead of
 * semaphore_leave, in a read section, if it doesn't want a permit any more.
 */
void semaphore_mark_several(struct semaphore *sem);
void semaphore_renounce(struct semaphore *sem, bool *last);

/*
 * For a semaphore that moves to a line (private/lined.h): makes the word dead, with `moved`, unless it is dead. Then
 * wakes all sleepers, which the word still counts.
 */
void semaphore_move(struct semaphore *sem);
void semaphore_wake_moved(struct semaphore *sem);

/* Makes the word dead, if no thread waits. 0, or EBUSY. */
int semaphore_kill(struct semaphore *sem);

/*
 * Call it when no reference, name or pin is left. True: there is no waiter, and the caller ends the semaphore; false:
 * the last waiter will.
 */
bool semaphore_abandon(struct semaphore *sem);

/*
 * In a fork's child, which has one thread. `waiting`: that thread waits on this semaphore. True: the semaphore is an
 * orphan, and the caller ends it.
 */
bool semaphore_after_fork(struct semaphore *sem, bool waiting);

#endif
