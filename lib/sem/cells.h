/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cells: memory for permits, 8 bytes of each processor's chunk to a semaphore, from a pool.
 *
 * A semaphore's cells are known by where they stand in every processor's chunk. What goes with them whatever the
 * processor, a semaphore's percpu.c keeps in their struct cells_control.
 *
 * The pool is two lock-free stacks. Cells that nobody can see go back to the free ones. Those that a semaphore lost
 * while others may still be looking at them are put with the lost ones; whoever next waits for an epoch
 * (object/reclaim.c) takes the lost ones before it, and frees them after it.
 */
#ifndef KSEM_SEM_CELLS_H
#define KSEM_SEM_CELLS_H

#include <stdbool.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "os/rseq.h"

/*
 * Above 0: a semaphore's cells, by their number in a processor's chunk. Otherwise it has none: below 0 it will be given
 * some after so many samples (percpu.h); at CELLS_LOST and below it has lost some, and first an epoch must pass.
 */
typedef int16_t cells_t;

#define CELLS_AFTER_SAMPLES 4
#define CELLS_LOST          (-(1 << 14))
#define CELLS_PER_CHUNK     ((1 << KSEM_INLINE_STRIDE) / (int)sizeof(uint64_t)) /* the first isn't used */

_Static_assert(CELLS_PER_CHUNK - 1 == INT16_MAX, "every number is a cells_t");

struct cells_control {
	_Alignas(KSEM_CACHE_LINE) atomic(uint32_t) visitors; /* atomic, as are the rest but next; see percpu.h */
	atomic(uint32_t) preparer;                           /* 1: a thread prepares, or takes them away */
	atomic(uint32_t) let_pass; /* samples to let pass, weighed, before it may become percpu */
	atomic(uint32_t) back_off; /* a power of two */
	atomic(uint64_t) changes;  /* of all the cells, when it last became percpu */
	atomic(cells_t) next;      /* in a stack, or of whoever took them off it */
};

/* Gets ready, if this machine can. Once, under a lock of the caller's; costs nothing the second time. */
void cells_start(void);

/* Did that work? */
bool cells_started(void);

struct cells_control *cells_control(cells_t cells);

static inline atomic(uint64_t) *cells_of(uint32_t processor, cells_t cells)
{
	return (atomic(uint64_t) *)(rseq_cells + ((size_t)processor << KSEM_INLINE_STRIDE)) + cells;
}

static inline uint32_t cell_permits(uint64_t cell)
{
	return (uint32_t)cell - (uint32_t)(cell >> 32);
}

static inline uint32_t cell_changes(uint64_t cell)
{
	return (uint32_t)cell + (uint32_t)(cell >> 32);
}

/* Cells for one semaphore, all of them 0; 0: none are left. */
cells_t cells_take(void);

/* Gives back cells that nobody can see any more. */
void cells_give(cells_t cells);

/* Puts them with the lost ones. */
void cells_lose(cells_t cells);

/* Are so many lost that it's worth an epoch? */
bool cells_many_lost(void);

/* The lost ones, or others, chained; 0: the end. Whoever chains them owns them. */
cells_t cells_take_lost(void);
void cells_set_next(cells_t cells, cells_t next);
cells_t cells_next(cells_t cells);

#endif
