/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots: memory for permits, 8 bytes of each processor's chunk to a semaphore, from a pool.
 *
 * A semaphore's slots are known by where they stand in every processor's chunk. What goes with them whatever the
 * processor, a semaphore's percpu.c keeps in their struct slots_control.
 *
 * The pool is two lock-free stacks. Slots that nobody can see go back to the free ones. Those that a semaphore lost
 * while others may still be looking at them are put with the lost ones; whoever next waits for an epoch
 * (object/reclaim.c) takes the lost ones before it, and frees them after it.
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
