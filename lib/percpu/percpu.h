/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU permits: the biased semaphore.
 *
 * A locked instruction costs several nanoseconds, and a cache line that two processors compete for costs a hundred. So
 * a semaphore that is used much gets slots: one for each processor. Threads on that processor put permits there and
 * take them with plain loads and stores (os/rseq.h). The semaphore's value is then the value in the word plus what the
 * slots hold. If a slot is empty, full or out of use, a thread uses the word. So no thread ever waits for another, and
 * a semaphore without slots pays nothing.
 *
 * The mode, in the word, says who may touch the slots:
 *
 *   central    nobody; they are all 0. Only here can a thread register as a waiter.
 *   percpu     sequences, each its own processor's. Nobody waits. value <= WORD_PERCPU_MAX, so that no sequence can
 *              overflow.
 *   revoking   sequences that began in percpu may still be under way. Each thread that comes makes a membarrier. After
 *              it the slots don't change, and one compare-and-swap adds all that they hold to the value: emptying.
 *   emptying   each thread that comes makes each slot 0, by compare-and-swap, and then the mode central. The permits
 *              that a slot still holds no longer count.
 *   preparing  nobody; they are all 0. The thread that will make it percpu looks whether any thread is in flight.
 *
 * From mode to mode, each by one compare-and-swap on the word:
 *
 *   central -> preparing -> percpu                    by a thread that has the `preparer` flag, when it would profit
 *   preparing -> central                              by that thread if any are in flight, or by any that needs the
 *                                                     whole value in the word
 *   percpu -> revoking -> emptying -> central         by any thread that found too few permits in its own slot and the
 *                                                     value
 *
 * So all permits move from the slots to the word at one instant. No thread sees them in neither place, and a take of
 * several finds all permits in one place.
 *
 * In flight. A thread that works on the slots other than in a sequence first counts itself in `in_flight`, and then
 * looks at the mode. The preparer first sets the mode to preparing, and then looks at `in_flight`. Both are
 * read-modify-writes on one word, so one of them sees the other (KSEM_ORD_11). So while a thread is in flight, the mode
 * doesn't become percpu again: the sum of one revocation is never added in another, a compare-and-swap that empties a
 * slot never meets a plain store, and the membarrier of one revocation never ends another. A thread that is stopped
 * while in flight only keeps the semaphore from becoming percpu again.
 *
 * A semaphore may lose its slots while a thread works on them. It loses them only in central mode, with the preparer's
 * flag, so that it stays central. Until an epoch has passed, it gets no other slots, and no other semaphore gets these.
 * So within one read section, the slots are those that the semaphore had when it was last not central, or they are lost
 * and the semaphore is central until the section ends. All code here that looks at slots runs in a read section, except
 * sequences.
 *
 * Which semaphores profit? One of every few takes from the word is a sample; a semaphore with many samples gets slots.
 * If a revocation comes after few sequences, twice as many samples are needed before the semaphore becomes percpu
 * again; after many sequences, half as many. If the number was doubled BACK_OFF_MAX times, the semaphore doesn't
 * profit, and loses its slots. Samples that took the last permit count for much less: if processors compete for one
 * permit, the next take would revoke at once.
 */
#ifndef KSEM_PERCPU_PERCPU_H
#define KSEM_PERCPU_PERCPU_H

#include <stdbool.h>

#include "percpu/slots.h"

/*
 * Puts a permit into this processor's slot, or takes one. False: use the word. There is only one try: aborted sequences
 * count as refused. They are rare, except under a debugger that steps through them.
 */
static inline bool percpu_put(struct semaphore *sem)
{
#if KSEM_INLINE_WORKS
	__asm__ goto(KSEM_INLINE_PINNED_SEQUENCE(KSEM_INLINE_PUT)
		     :
		     : RSEQ_INPUTS, [sem] "r"(sem)
		     : KSEM_INLINE_CLOBBERS
		     : refused);
	return true;
refused:
#endif
	(void)sem;
	return false;
}

static inline bool percpu_take(struct semaphore *sem)
{
#if KSEM_INLINE_WORKS
	__asm__ goto(KSEM_INLINE_PINNED_SEQUENCE(KSEM_INLINE_TAKE)
		     :
		     : RSEQ_INPUTS, [sem] "r"(sem)
		     : KSEM_INLINE_CLOBBERS
		     : refused);
	return true;
refused:
#endif
	(void)sem;
	return false;
}

/* Is the mode percpu? */
static inline bool percpu_is(const struct semaphore *sem)
{
	return word_mode(load_rlx(&sem->word)) == WORD_PERCPU; /* relaxed: the sequence looks again */
}

#define PERCPU_SAMPLE_PERIOD KSEM_INLINE_PERIOD /* every that many takes of a thread from words, one is a sample */

/* A sample: considers making the semaphore percpu. */
void percpu_consider(struct semaphore *sem);

/* Called before a take from the word, which may be a sample. */
static inline void percpu_sample(struct semaphore *sem)
{
	if (unlikely(++percpu_takes % PERCPU_SAMPLE_PERIOD == 0))
		percpu_consider(sem);
}

/* Counts a take. False: it is a sample. */
static inline bool percpu_needs_no_sample(void)
{
	if ((percpu_takes + 1) % PERCPU_SAMPLE_PERIOD == 0)
		return false;
	percpu_takes++;
	return true;
}

/*
 * Call it if the mode isn't central. Makes the semaphore central, so that all permits are in the word; then look at the
 * word again.
 */
void percpu_settle(struct semaphore *sem);

/* The value, if the mode isn't central. 0; EINVAL: dead; EAGAIN: look at the word again. */
int percpu_value(struct semaphore *sem, uint32_t *value);

/* Takes the slots of a semaphore that ends; 0: none. */
slots_t percpu_take_slots(struct semaphore *sem);

/* In a fork's child, which has one thread: no thread is in flight or preparing. */
void percpu_after_fork(struct semaphore *sem);

#endif
