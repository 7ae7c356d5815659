/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct semaphore: what a semaphore is made of, in 24 bytes, 5 of which are its owner's. See semaphore.h for what is
 * done with it.
 */
#ifndef KSEM_SEM_STATE_H
#define KSEM_SEM_STATE_H

#include "base/atomic.h"
#include "sem/cells.h"
#include "sem/count.h"
#include "sem/spin.h"

struct semaphore {
	atomic(count_t) word;  /* atomic; changed by read-modify-write only, once the semaphore can be seen by others */
	atomic(cells_t) cells; /* atomic; which cells it has (cells.h). Right behind the word: <ksem/inline.h> */
	atomic(uint8_t) spin;  /* atomic: how long to spin before sleeping, in SPIN_UNITs (spin.h) */
	uint8_t owners_byte;   /* as `owners` below */
	atomic(uint32_t) bell; /* atomic: what waiters sleep on (park.h) */
	atomic(int32_t) woken; /* atomic: sleepers that were woken and haven't looked yet, or less (park.h) */
	uint32_t owners;       /* whose semaphore this is in may use this; nothing here touches them */
};

static inline void semaphore_init(struct semaphore *sem, uint32_t value)
{
	store_rlx(&sem->word, count_new(value));      /* relaxed: nobody sees the semaphore until it is published */
	store_rlx(&sem->cells, -CELLS_AFTER_SAMPLES); /* relaxed: as above, all of these */
	store_rlx(&sem->spin, SPIN_MAX / SPIN_UNIT);  /* relaxed: as above */
	store_rlx(&sem->bell, 0);                     /* relaxed: as above */
	store_rlx(&sem->woken, 0);                    /* relaxed: as above */
}

/* The word as it is at this instant. */
static inline count_t semaphore_word(const struct semaphore *sem)
{
	return load_acq(&sem->word); /* KSEM_ORD_1 acquire */
}

#endif
