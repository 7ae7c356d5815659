/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits per processor: the biased semaphore.
 *
 * A locked instruction costs several nanoseconds alone, and a cache line that two processors fight for a hundred. So a
 * semaphore that is posted and taken much gets cells: one for each processor, in which posts and takes of threads on
 * that processor change the permits with plain loads and stores (os/rseq.h). Its value is then the central one in the
 * word plus what the cells hold. Where the cells are empty, full or out of use, the central value serves; so nobody
 * ever waits for anybody, and a semaphore without cells costs nothing.
 *
 * The mode, in the word, says who may touch the cells:
 *
 *   central    nobody; they are all 0. Only here can a thread enlist as a waiter, and EAGAIN is read off the value.
 *   percpu     sequences, each its own processor's. Nobody waits. value <= PERCPU_VALUE_MAX, so that no sequence can
 *              overflow.
 *   revoking   sequences that began in percpu may still be under way. Whoever comes: a membarrier, then draining.
 *   draining   takers, by compare-and-swap; cells only fall. Who saw them all 0 makes it central.
 *   preparing  nobody: the thread that will make it percpu looks whether any visitor is left.
 *
 * From mode to mode, each by one compare-and-swap on the word:
 *
 *   central, draining -> preparing -> percpu          by a thread that has the `preparer` flag, when it would profit
 *   preparing -> draining                             by that thread if there are visitors, or by any that needs what
 *                                                     may be in the cells
 *   percpu -> revoking -> draining -> central         by any thread that found its own cell and the value empty
 *
 * Visitors. A thread that works on the cells other than in a sequence counts itself in `visitors` first and looks at
 * the mode after that. The preparer sets preparing first and looks at `visitors` after that. Both are
 * read-modify-writes on one word, so one of them sees the other (KSEM_ORD_11): a compare-and-swap that was meant for
 * draining never meets a plain store of percpu, and a membarrier that was made for one revocation never ends another. A
 * visitor that is stopped in there only keeps the semaphore from becoming percpu again.
 *
 * What profits: a semaphore of which takes from the word are sampled often gets cells. A revocation that came after few
 * sequences doubles the number of samples that it takes to become percpu again; one after many halves it.
 */
#ifndef KSEM_SEM_PERCPU_H
#define KSEM_SEM_PERCPU_H

#include <stdbool.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "os/rseq.h"
#include "sem/count.h"

#define PERCPU_CELL_MAX  8                     /* permits that a cell takes; more go to the central value */
#define PERCPU_VALUE_MAX (COUNT_VALUE_MAX / 2) /* the highest central value in percpu mode */

/*
 * Which cells a semaphore has: their number, above 0. 0 and below: none, and how often it was sampled. Changed once
 * from none to a number, and never again.
 */
typedef int32_t percpu_cells_t;

/* Constant after percpu_start: cell n of processor p is at p * RSEQ_STRIDE / 8 + n. */
extern atomic(uint64_t) *percpu_memory;

/* Gets ready, if this machine can. Once, under a lock of the caller's; costs nothing the second time. */
void percpu_start(void);

/* The guard of a sequence: the upper byte of the word. */
static inline const atomic(uint8_t) *percpu_guard(const atomic(count_t) *word)
{
	return (const atomic(uint8_t) *)word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 0 : 7);
}

/*
 * One permit into, or out of, this processor's cell. False: it must be had from, or given to, the word. One try: a
 * sequence that was aborted is as good as refused, and rare, but under a debugger that steps through it.
 */
static inline bool percpu_put(const atomic(count_t) *word, percpu_cells_t cells)
{
	return rseq_put(percpu_guard(word), COUNT_GUARD_PERCPU, percpu_memory + cells, PERCPU_CELL_MAX);
}

static inline bool percpu_take(const atomic(count_t) *word, percpu_cells_t cells)
{
	return rseq_take(percpu_guard(word), COUNT_GUARD_PERCPU, percpu_memory + cells);
}

/* Before a take from the word: every so often, considers making the semaphore percpu. */
void percpu_sample(atomic(count_t) *word, atomic(percpu_cells_t) *cells);

/*
 * One step from a mode other than central towards central, for a thread that found no permit in the word `c`. True: it
 * took a permit out of a cell. False: look at the word again.
 */
bool percpu_take_or_settle(atomic(count_t) *word, percpu_cells_t cells, count_t c);

/* Does what the cells hold count, when this word goes to that by a post? */
static inline bool percpu_counts_for_limit(count_t c, count_t next)
{
	return unlikely(count_mode(c) != COUNT_CENTRAL) && count_value(next) > PERCPU_VALUE_MAX;
}

/*
 * Posts n permits to a word in another mode than central, of which the value would pass PERCPU_VALUE_MAX: there, what
 * the cells hold counts for the limit. 0, EINVAL, EOVERFLOW; EAGAIN: look at the word again.
 */
int percpu_post_much(atomic(count_t) *word, percpu_cells_t cells, count_t c, uint32_t n);

/* One step towards draining, whatever the value: for who needs the cells to be still. In draining they only fall. */
void percpu_settle(atomic(count_t) *word, percpu_cells_t cells, count_t c);

/* What the cells hold, if they held it all at one instant, at which *word was *c; false: they moved meanwhile. */
bool percpu_sum(const atomic(count_t) *word, percpu_cells_t cells, count_t *c, uint64_t *sum);

/* Gives cells back that nobody can see any more. Until then their owner may chain them by percpu_next. */
void percpu_release(percpu_cells_t cells);
percpu_cells_t *percpu_next(percpu_cells_t cells);

/* In a fork's child, which has one thread: nobody is visiting or preparing. */
void percpu_after_fork(percpu_cells_t cells);

#endif
