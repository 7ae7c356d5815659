/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a semaphore: struct semaphore is the word, and struct semaphore_cold what only waits and changes of the
 * mode need. sem/semaphore.h says what is done with them.
 *
 * Semaphores are in blocks of 64 units. A unit is 16 bytes, the hot part of a semaphore: a tag and a word, which are
 * all that a post or take by id reads. The cold parts of a block, COLD_BYTES for each unit, are elsewhere. The first
 * unit of a block is no semaphore, but says where the cold parts are. Blocks are aligned to their size, so the address
 * of a word leads to that unit, and with it to the cold part.
 */
#ifndef KSEM_WORD_STATE_H
#define KSEM_WORD_STATE_H

#include "base/atomic.h"
#include "word/word.h"

/*
 * Above 0: a slot number, the index of the semaphore's slots in the chunk of each processor (percpu/slots.h). Otherwise
 * it has none. Below 0: it will be given some after so many samples (percpu/percpu.h). At SLOTS_LOST and below: it has
 * lost some, and an epoch must pass first.
 */
typedef int16_t slots_t;

struct semaphore {
	atomic(word_t) word; /* atomic; changed by read-modify-write only, once the semaphore can be seen by others */
};

struct semaphore_cold {
	union {
		struct {
			atomic(uint32_t) eventcount; /* atomic: what waiters sleep on (wait/eventcount.h) */

			/* atomic: sleepers that were woken and haven't looked yet, or less (wait/eventcount.h) */
			atomic(int32_t) woken;
		};
		void *instead; /* constant: of one whose word is dead from the start, what its owner has instead */
	};
	atomic(slots_t) slots;       /* atomic; which slots it has (percpu/slots.h) */
	atomic(uint8_t) spin;        /* atomic: how long to spin before sleeping, in SPIN_UNITs (wait/spin.h) */
	atomic(uint8_t) owners_byte; /* atomic; as `owners` below */
	uint32_t owners;             /* for the struct that this one is the first member of; nothing here touches it */
};

struct semaphore_unit {
	atomic(uint64_t) tag; /* atomic: who may find it by id (object/ids.h) */
	struct semaphore sem;
};

#define BLOCK_UNITS 64
#define BLOCK_BYTES (BLOCK_UNITS * sizeof(struct semaphore_unit))
#define COLD_BYTES  48 /* a struct semaphore_cold, and what object/object.h adds */

/* A block's first unit. */
struct semaphore_block {
	uint64_t no_tag; /* 0; no process expects that here */
	char *cold;      /* the cold parts of the units, of this one, too */
};

static inline char *semaphore_block_cold(const struct semaphore *sem)
{
	const struct semaphore_block *block = (const void *)((uintptr_t)sem & ~(uintptr_t)(BLOCK_BYTES - 1));

	return block->cold;
}

static inline struct semaphore_cold *semaphore_cold(const struct semaphore *sem)
{
	size_t unit = ((uintptr_t)sem & (BLOCK_BYTES - 1)) / sizeof(struct semaphore_unit);

	return (void *)(semaphore_block_cold(sem) + unit * COLD_BYTES);
}

/* The word as it is at this instant. */
static inline word_t semaphore_word(const struct semaphore *sem)
{
	return load_acq(&sem->word); /* KSEM_ORD_1 acquire */
}

#endif
