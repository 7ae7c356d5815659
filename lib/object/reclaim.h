/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving memory back after readers have left: retired lists and epochs.
 *
 * What has been taken out of every table, but may still be seen by readers, is retired: it joins a list, by its first
 * member (struct retired). A list is plain data under its owner's lock. When a list is full its owner takes the whole
 * of it, lets go of the lock, and reclaims it: waits until an epoch (base/rcu.h) has begun and ended since, and
 * restarts the sequences that are under way (os/rseq.h); then it frees every block.
 *
 * So churn pays a grace period a list, not a callback an object, and what lies retired is bounded: a list a namespace
 * and one for each thread that is reclaiming, each of at most RECLAIM_BLOCKS blocks or (one block more than)
 * RECLAIM_BYTES.
 *
 * Slots that semaphores lost (percpu/slots.h) go back with the next list.
 */
#ifndef KSEM_OBJECT_RECLAIM_H
#define KSEM_OBJECT_RECLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "percpu/slots.h"

#define RECLAIM_BLOCKS 1024
#define RECLAIM_BYTES  (256 * 1024)

#define RECLAIM_NONE ((struct reclaim){NULL, 0, 0, 0, NULL})

struct retired {
	struct retired *next; /* owner of the list only */
};

/* Memory that was mapped, and is to be unmapped; part of a block that is on the same list. */
struct mapping {
	struct mapping *next; /* owner of the list only */
	void *start;
	size_t bytes;
};

struct reclaim {
	struct retired *head;
	size_t blocks, bytes;
	slots_t slots;            /* and slots, chained; 0: none */
	struct mapping *mappings; /* and these */
};

/* Adds a block of that size, whose first member is *retired, to a list. */
void reclaim_add(struct reclaim *list, struct retired *retired, size_t bytes);

/* Moves all of one list to another. */
void reclaim_join(struct reclaim *list, struct reclaim *from);

/* Adds a mapping. */
void reclaim_add_mapping(struct reclaim *list, struct mapping *mapping, void *start, size_t bytes);

/* Adds slots, which are given back after the same epoch. */
void reclaim_add_slots(struct reclaim *list, slots_t slots);

bool reclaim_is_full(const struct reclaim *list);

/* Empties the list; what was in it is the caller's. */
struct reclaim reclaim_take(struct reclaim *list);

/* Waits for an epoch to pass and frees all of it; an empty one costs nothing. May block; not in an RCU read section. */
void reclaim_free(struct reclaim batch);

/* For who gathers much: frees what was gathered whenever the list is full. */
void reclaim_when_full(struct reclaim *list);

#endif
