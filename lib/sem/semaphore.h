/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The semaphore itself: one atomic word (count.h), and sleeping on its lower half.
 *
 * Post and take are a compare-and-swap on the word, tried again only when another thread changed it, so some thread
 * always goes on: lock-free. A semaphore that is used much has cells too, in which most posts and takes need not even
 * that (percpu.h); that first attempt is inline, so that callers pay no call for it.
 *
 * Waiting is: take or enlist; then, until it works, leave or sleep. Enlisting and taking are alternatives of one
 * compare-and-swap loop, so no thread enlists beside a permit. Leaving is one compare-and-swap that takes a permit and
 * counts the waiter off: nobody sees a waiter that has its permit already.
 *
 * No wake is lost: a thread enlists while value is 0 (one word: a post comes before, and there is a permit, or after,
 * and sees the waiter). A post that sees waiters wakes as many as its permits, after they can be taken. The kernel puts
 * a thread to sleep only while the value is 0. Whoever leaves without a permit leaves while the value is 0, so the wake
 * that it may have eaten was for a permit that somebody took.
 *
 * A post touches nothing of the semaphore after its compare-and-swap but the address that it wakes, which may be memory
 * that is gone by then: the kernel doesn't read it, and a stranger it may wake there sees a stray wake, for which every
 * futex user is prepared.
 *
 * Orders: KSEM_ORD_1 joins a post to the take of its permit. Every change of the word is a read-modify-write, so each
 * post heads a release sequence that all later words belong to: a take acquires from every post before it, whichever
 * permit it thinks it took.
 */
#ifndef KSEM_SEM_SEMAPHORE_H
#define KSEM_SEM_SEMAPHORE_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "os/futex.h"
#include "sem/count.h"
#include "sem/percpu.h"

#define SPIN_MAX 20000 /* ns (spin.h) */

struct semaphore {
	atomic(count_t) word; /* atomic; changed by read-modify-write only, once the semaphore can be seen by others */
	atomic(percpu_cells_t) cells; /* atomic; set once */
	atomic(uint32_t) spin;        /* atomic: nanoseconds to spin before sleeping (spin.h) */
};

static inline void semaphore_init(struct semaphore *sem, uint32_t value)
{
	store_rlx(&sem->word, count_new(value)); /* relaxed: nobody sees the semaphore until it is published */
	store_rlx(&sem->cells, 0);               /* relaxed: as above */
	store_rlx(&sem->spin, SPIN_MAX);         /* relaxed: as above */
}

/* The half of the word that a futex sleeps on: the value. */
static inline atomic(uint32_t) *semaphore_futex(struct semaphore *sem)
{
	return (atomic(uint32_t) *)&sem->word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

/* The same as the two below, by the word. semaphore_take_word with `enlist`: semaphore_take_or_enlist. */
int semaphore_post_word(struct semaphore *sem, uint32_t n);
int semaphore_take_word(struct semaphore *sem, bool enlist);

/* 0, EINVAL: dead, EOVERFLOW. */
static inline int semaphore_post(struct semaphore *sem, uint32_t n)
{
	percpu_cells_t cells = load_acq(&sem->cells); /* KSEM_ORD_12 acquire */

	if (cells > 0 && n == 1 && percpu_put(&sem->word, cells))
		return 0;
	return semaphore_post_word(sem, n);
}

/* 0: took a permit; EAGAIN: none; EINVAL: dead. */
static inline int semaphore_take(struct semaphore *sem)
{
	percpu_cells_t cells = load_acq(&sem->cells); /* KSEM_ORD_12 acquire */

	if (cells > 0 && percpu_take(&sem->word, cells))
		return 0;
	return semaphore_take_word(sem, false);
}

/* The word as it is at this instant. */
static inline count_t semaphore_word(const struct semaphore *sem)
{
	return load_acq(&sem->word); /* KSEM_ORD_1 acquire */
}

/* The cells of a semaphore that nobody uses any more; 0 or below: none. */
static inline percpu_cells_t semaphore_cells(const struct semaphore *sem)
{
	return load_acq(&sem->cells); /* KSEM_ORD_12 acquire */
}

/* 0: *value is what it was at an instant of the call; EINVAL: dead. */
int semaphore_value(struct semaphore *sem, uint32_t *value);

/*
 * Instead of semaphore_take. 0: took a permit; EAGAIN: enlisted, the thread must leave before it does anything else;
 * EINVAL: dead.
 */
static inline int semaphore_take_or_enlist(struct semaphore *sem)
{
	return semaphore_take_word(sem, true);
}

/*
 * The end of being enlisted: with a permit (0), or without if there is none and the thread gives up (ECANCELED).
 * Otherwise EAGAIN, and it is enlisted still. *last: the semaphore was an orphan and this its last waiter, who must end
 * it; without that, it may be gone already when this returns 0 or ECANCELED.
 */
int semaphore_leave(struct semaphore *sem, bool give_up, bool *last);

/* Sleeps while there is no permit; of threads that have enlisted only. 0 or EAGAIN: try to leave; ETIMEDOUT; EINTR. */
static inline int semaphore_sleep(struct semaphore *sem, const struct deadline *deadline)
{
	return futex_wait(semaphore_futex(sem), 0, deadline);
}

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
