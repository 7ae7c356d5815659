/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots: memory for per-CPU permits. A semaphore gets 8 bytes in the chunk of each processor, from a pool.
 *
 * The slot number of a semaphore is the index of its slots in each chunk. A struct slots_control has what belongs to
 * all slots of a semaphore together (percpu.c).
 *
 * The pool is two lock-free stacks. One has free slots. The other has slots that semaphores have lost, but at which
 * other threads may still be looking. A thread that waits for an epoch (object/reclaim.c) takes the lost ones before
 * it, and frees them after it.
 */
#ifndef KSEM_PERCPU_SLOTS_H
#define KSEM_PERCPU_SLOTS_H

#include <stdbool.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "os/rseq.h"
#include "word/state.h"

#define SLOTS_AFTER_SAMPLES 4
#define SLOTS_LOST          (-(1 << 14))
#define SLOTS_PER_CHUNK     ((1 << KSEM_INLINE_STRIDE) / (int)sizeof(uint64_t)) /* the first isn't used */

_Static_assert(SLOTS_PER_CHUNK - 1 == INT16_MAX, "every number is a slots_t");

struct slots_control {
	_Alignas(KSEM_CACHE_LINE) atomic(uint32_t) in_flight; /* atomic, as are the rest but next; see percpu.h */
	atomic(uint32_t) preparer;                            /* 1: a thread prepares, or takes them away */
	atomic(uint32_t) let_pass; /* samples to let pass, weighed, before it may become percpu */
	atomic(uint32_t) back_off; /* a power of two */
	atomic(uint64_t) changes;  /* of all the slots, when it last became percpu */
	atomic(slots_t) next;      /* the next in a stack, or in a chain of the thread that took them off it */
};

/* Gets ready, if this machine can. Once, under a lock of the caller's; costs nothing the second time. */
void slots_start(void);

/* Did that work? */
bool slots_started(void);

struct slots_control *slots_control(slots_t slots);

static inline atomic(uint64_t) *slots_of(uint32_t processor, slots_t slots)
{
	return (atomic(uint64_t) *)(rseq_slots + ((size_t)processor << KSEM_INLINE_STRIDE)) + slots;
}

static inline uint32_t slot_permits(uint64_t slot)
{
	return (uint32_t)slot - (uint32_t)(slot >> 32);
}

static inline uint32_t slot_changes(uint64_t slot)
{
	return (uint32_t)slot + (uint32_t)(slot >> 32);
}

/* The slot with all its permits taken. */
static inline uint64_t slot_emptied(uint64_t slot)
{
	return (uint32_t)slot | slot << 32;
}

/* Slots for one semaphore, all of them 0; 0: none are left. */
slots_t slots_take(void);

/* Would slots_take succeed? A hint. */
bool slots_are_left(void);

/* Gives back slots that nobody can see any more. */
void slots_give(slots_t slots);

/* Puts slots on the stack of lost ones. */
void slots_lose(slots_t slots);

/* Are so many lost that freeing them is worth an epoch? */
bool slots_many_lost(void);

/* Takes all lost slots, as a chain; 0: the end. The thread that has a chain owns its slots. */
slots_t slots_take_lost(void);
void slots_set_next(slots_t slots, slots_t next);
slots_t slots_next(slots_t slots);

#endif
