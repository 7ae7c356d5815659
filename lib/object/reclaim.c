/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Retired lists and epochs: see reclaim.h.
 *
 * Epochs are grace periods, numbered from 1. `begun` counts those that began, `ended` those that ended. A thread that
 * comes when n have begun needs one that begins later: number n + 1. It gets in line at the lock; who holds the lock
 * runs one grace period; who then finds its number ended goes on without one of its own.
 *
 * Reading `begun` is a release and beginning an epoch an acquire on the same word (KSEM_ORD_8): an epoch that a thread
 * counts on begins after all that the thread took out of tables. KSEM_ORD_10 joins the end of an epoch to those who see
 * it ended.
 */
#include "object/reclaim.h"

#include <pthread.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/memory.h"
#include "base/rcu.h"

static pthread_mutex_t epoch_lock = PTHREAD_MUTEX_INITIALIZER; /* held over a grace period */
static atomic(uint64_t) begun, ended;                          /* atomic; changed under epoch_lock */

static void wait_an_epoch(void)
{
	uint64_t needed = fetch_add_rel(&begun, 0) + 1; /* KSEM_ORD_8 release */

	pthread_mutex_lock(&epoch_lock);
	if (load_acq(&ended) < needed) {                       /* KSEM_ORD_10 acquire */
		uint64_t epoch = fetch_add_acq(&begun, 1) + 1; /* KSEM_ORD_8 acquire */

		rcu_wait_readers();
		store_rel(&ended, epoch); /* KSEM_ORD_10 release */
	}
	pthread_mutex_unlock(&epoch_lock);
}

void reclaim_add(struct reclaim *list, struct retired *retired, size_t bytes)
{
	retired->next = list->head;
	list->head = retired;
	list->blocks++;
	list->bytes += bytes;
}

void reclaim_join(struct reclaim *list, struct reclaim *from)
{
	struct retired **end = &from->head;
	percpu_cells_t *cells_end = &from->cells;

	while (*end)
		end = &(*end)->next;
	while (*cells_end)
		cells_end = percpu_next(*cells_end);
	*end = list->head;
	*cells_end = list->cells;
	list->head = from->head;
	list->cells = from->cells;
	list->blocks += from->blocks;
	list->bytes += from->bytes;
	*from = RECLAIM_NONE;
}

void reclaim_add_cells(struct reclaim *list, percpu_cells_t cells)
{
	*percpu_next(cells) = list->cells;
	list->cells = cells;
}

bool reclaim_is_full(const struct reclaim *list)
{
	return list->blocks >= RECLAIM_BLOCKS || list->bytes >= RECLAIM_BYTES;
}

struct reclaim reclaim_take(struct reclaim *list)
{
	struct reclaim batch = *list;

	*list = RECLAIM_NONE;
	return batch;
}

void reclaim_free(struct reclaim batch)
{
	if (batch.head || batch.cells)
		wait_an_epoch();
	while (batch.cells) {
		percpu_cells_t cells = batch.cells;

		batch.cells = *percpu_next(cells);
		percpu_release(cells);
	}
	while (batch.head) {
		struct retired *retired = batch.head;

		batch.head = retired->next;
		memory_free(retired);
	}
}

void reclaim_when_full(struct reclaim *list)
{
	if (reclaim_is_full(list))
		reclaim_free(reclaim_take(list));
}
