/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frees memory when no reader can see it any more: retired lists and epochs.
 *
 * A block that was taken out of every table, but may still be seen by readers, is retired: it joins a list, by its
 * first member (struct retired). A list is plain data under its owner's lock. When a list is full, its owner takes all
 * of it, releases the lock, and reclaims it: it waits for an epoch (base/rcu.h) that begins after that, restarts all
 * running sequences (os/rseq.h), and then frees every block.
 *
 * So there is one grace period for each list, not one callback for each object. The retired memory is bounded: one list
 * for each namespace, and one for each thread that is reclaiming. Each list has at most RECLAIM_BLOCKS blocks, and at
 * most RECLAIM_BYTES and one block more.
 *
 * Slots that semaphores have lost (percpu/slots.h) are freed with the next list.
 */
#ifndef KSEM_OBJECT_RECLAIM_H
#define KSEM_OBJECT_RECLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "percpu/slots.h"

#define RECLAIM_BLOCKS 1024
#define RECLAIM_BYTES  (256 * 1024)

#define RECLAIM_NONE ((struct reclaim){NULL, 0, 0, 0, NULL, NULL})

struct ksem;

struct retired {
	struct retired *next; /* owner of the list only */
};

/* A mapping that is to be unmapped. The struct is part of a block that is on the same list. */
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
	struct ksem *ended;       /* and semaphores in their namespace's memory, chained */
};

/* Waits until no read section and no sequence can see what was taken out of all tables before the call. */
void reclaim_wait_epoch(void);

/* Adds a block of that size, whose first member is *retired, to a list. */
void reclaim_add(struct reclaim *list, struct retired *retired, size_t bytes);

/* Adds a semaphore that has ended, in its namespace's memory: its number is to be free again, and so many bytes. */
void reclaim_add_ended(struct reclaim *list, struct ksem *ksem, size_t bytes);

/* Moves all of one list to another. */
void reclaim_join(struct reclaim *list, struct reclaim *from);

/* Adds a mapping, which counts with its bytes. */
void reclaim_add_mapping(struct reclaim *list, struct mapping *mapping, void *start, size_t bytes);

/* Adds slots, which are freed after the same epoch. */
void reclaim_add_slots(struct reclaim *list, slots_t slots);

bool reclaim_is_full(const struct reclaim *list);

/* Empties the list, and returns what was in it. */
struct reclaim reclaim_take(struct reclaim *list);

/* Waits for an epoch, and frees everything. An empty list costs nothing. May block; not in a read section. */
void reclaim_free(struct reclaim batch);

/* For a caller that retires much: frees the list whenever it is full. */
void reclaim_when_full(struct reclaim *list);

#endif
