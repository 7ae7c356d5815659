/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots: memory for per-CPU permits. A semaphore gets 8 bytes in the chunk of each processor, from a pool.
 *
 * The number of a semaphore's slots is their place in each chunk. percpu.c keeps what belongs to all slots of a
 * semaphore in a struct slots_control.
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
	atomic(slots_t) next;      /* in a stack, or of whoever took them off it */
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

/* The same with all of them taken. */
static inline uint64_t slot_emptied(uint64_t slot)
{
	return (uint32_t)slot | slot << 32;
}

/* Slots for one semaphore, all of them 0; 0: none are left. */
slots_t slots_take(void);

/* Would that give some? A number to go by. */
bool slots_are_left(void);

/* Gives back slots that nobody can see any more. */
void slots_give(slots_t slots);

/* Puts them with the lost ones. */
void slots_lose(slots_t slots);

/* Are so many lost that it's worth an epoch? */
bool slots_many_lost(void);

/* The lost ones, or others, chained; 0: the end. Whoever chains them owns them. */
slots_t slots_take_lost(void);
void slots_set_next(slots_t slots, slots_t next);
slots_t slots_next(slots_t slots);

#endif
