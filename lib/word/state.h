/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct semaphore: what a semaphore is made of, in 24 bytes, 5 of which are its owner's. See sem/semaphore.h for what
 * is done with it.
 */
#ifndef KSEM_WORD_STATE_H
#define KSEM_WORD_STATE_H

#include "base/atomic.h"
#include "word/word.h"

/*
 * Above 0: a semaphore's slots, by their number in a processor's chunk (percpu/slots.h). Otherwise it has none: below 0
 * it will be given some after so many samples (percpu/percpu.h); at SLOTS_LOST and below it has lost some, and first an
 * epoch must pass.
 */
typedef int16_t slots_t;

struct semaphore {
	atomic(word_t) word;   /* atomic; changed by read-modify-write only, once the semaphore can be seen by others */
	atomic(slots_t) slots; /* atomic; which slots it has (percpu/slots.h). Right behind the word: <ksem/inline.h> */
	atomic(uint8_t) spin;  /* atomic: how long to spin before sleeping, in SPIN_UNITs (wait/spin.h) */
	uint8_t owners_byte;   /* as `owners` below */
	atomic(uint32_t) eventcount; /* atomic: what waiters sleep on (wait/eventcount.h) */
	atomic(int32_t)
		woken;   /* atomic: sleepers that were woken and haven't looked yet, or less (wait/eventcount.h) */
	uint32_t owners; /* whose semaphore this is in may use this; nothing here touches them */
};

/* The word as it is at this instant. */
static inline word_t semaphore_word(const struct semaphore *sem)
{
	return load_acq(&sem->word); /* KSEM_ORD_1 acquire */
}

#endif
