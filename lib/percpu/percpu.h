/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits per processor: the biased semaphore.
 *
 * A locked instruction costs several nanoseconds alone, and a cache line that two processors fight for a hundred. So a
 * semaphore that is posted and taken much gets slots: one for each processor, in which posts and takes of threads on
 * that processor change the permits with plain loads and stores (os/rseq.h). Its value is then the central one in the
 * word plus what the slots hold. Where the slots are empty, full or out of use, the central value serves; so nobody
 * ever waits for anybody, and a semaphore without slots costs nothing.
 *
 * The mode, in the word, says who may touch the slots:
 *
 *   central    nobody; they are all 0. Only here can a thread register as a waiter.
 *   percpu     sequences, each its own processor's. Nobody waits. value <= WORD_PERCPU_MAX, so that no sequence can
 *              overflow.
 *   revoking   sequences that began in percpu may still be under way. Whoever comes makes a membarrier. After it the
 *              slots stand still, and one compare-and-swap adds all that they hold to the value: emptying.
 *   emptying   whoever comes makes each slot 0, by compare-and-swap, and then the mode central. What a slot still holds
 *              counts no more.
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
 * So permits move from the slots to the word at one instant. Nobody ever sees them in neither, and a take of several
 * finds all that there are in one place.
 *
 * In flight. A thread that works on the slots other than in a sequence counts itself in `in_flight` first and looks at
 * the mode after that. The preparer sets preparing first and looks at `in_flight` after that. Both are
 * read-modify-writes on one word, so one of them sees the other (KSEM_ORD_11). So while a thread is in flight, there is
 * no percpu again: a sum that was gathered for one revocation is never added in another, a compare-and-swap that
 * empties a slot never meets a plain store, and a membarrier that was made for one revocation never ends another. A
 * thread that is stopped while in flight only keeps the semaphore from becoming percpu again.
 *
 * Which slots a semaphore has may change under who works on them, but not for another's: it loses them while it is
 * central, by the preparer's flag, so that it stays that; and it gets no others, nor another semaphore these, until an
 * epoch has passed. So in one read section the slots are what they were when the semaphore was last not central, or
 * they are lost and it is central for as long as the section lasts. Everything here that looks at slots, but for
 * sequences, stands in one.
 *
 * What profits: a semaphore of which takes from the word are sampled often gets slots. A revocation that came after few
 * sequences doubles the number of samples that it takes to become percpu again; one after many halves it. One for which
 * it was doubled BACK_OFF_MAX times doesn't profit, and loses its slots. Samples that took the last permit count for
 * much less: where processors compete for one permit, the next that finds none in its slot revokes.
 */
#ifndef KSEM_PERCPU_PERCPU_H
#define KSEM_PERCPU_PERCPU_H

#include <stdbool.h>

#include "percpu/slots.h"

/*
 * One permit into, or out of, this processor's slot. False: it must be given to, or had from, the word. One try: a
 * sequence that was aborted is as good as refused, and rare, but under a debugger that steps through it.
 */
static inline bool percpu_put(struct semaphore *sem)
{
#if KSEM_INLINE_WORKS
	__asm__ goto(KSEM_INLINE_SEQUENCE("", "%[sem]", KSEM_INLINE_PUT)
		     :
		     : RSEQ_INPUTS, [sem] "r"(sem), [word_at] "i"(offsetof(struct semaphore, word))
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
	__asm__ goto(KSEM_INLINE_SEQUENCE("", "%[sem]", KSEM_INLINE_TAKE)
		     :
		     : RSEQ_INPUTS, [sem] "r"(sem), [word_at] "i"(offsetof(struct semaphore, word))
		     : KSEM_INLINE_CLOBBERS
		     : refused);
	return true;
refused:
#endif
	(void)sem;
	return false;
}

/* Is it worth trying? */
static inline bool percpu_is(const struct semaphore *sem)
{
	return word_mode(load_rlx(&sem->word)) == WORD_PERCPU; /* relaxed: the sequence looks again */
}

#define PERCPU_SAMPLE_PERIOD 16 /* takes of a thread from words to one sample */

/* Owner only, and its signal handlers: it needn't be exact. sequence.h knows it by its name. */
extern HIDDEN _Thread_local uint32_t percpu_takes;

/* Before a take from the word: every so often, considers making the semaphore percpu. */
void percpu_sample(struct semaphore *sem);

/* Counts that take; or false, if it is one to sample. */
static inline bool percpu_needs_no_sample(void)
{
	if ((percpu_takes + 1) % PERCPU_SAMPLE_PERIOD == 0)
		return false;
	percpu_takes++;
	return true;
}

/* Makes a semaphore central that was seen in another mode: all permits are in the word then. Look at it again. */
void percpu_settle(struct semaphore *sem);

/*
 * The value of a semaphore that was seen in another mode than central. 0; EINVAL: dead; EAGAIN: look at the word again.
 */
int percpu_value(struct semaphore *sem, uint32_t *value);

/* The slots of a semaphore at its end, which are the caller's now; 0: none. */
slots_t percpu_take_slots(struct semaphore *sem);

/* In a fork's child, which has one thread: nobody is visiting or preparing. */
void percpu_after_fork(struct semaphore *sem);

#endif
