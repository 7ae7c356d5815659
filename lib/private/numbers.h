/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places of a namespace: how many semaphores it may have, which ids they get, and a way to visit them all.
 *
 * A slot holds a semaphore or is free. An id is the slot's number in its low bits and, above them, how often the slot
 * was used. So ids of semaphores that live at the same time are dense in their low bits, which is what a process's id
 * table wants (ids.h); an id is never 0, because uses count from 1; and none comes twice: a slot whose count is full is
 * never used again.
 *
 * All of it is under the namespace's lock.
 */
#ifndef KSEM_PRIVATE_NUMBERS_H
#define KSEM_PRIVATE_NUMBERS_H

#include <stdbool.h>

#include "ksem/ksem.h"

#define NUMBERS_FIRST  64 /* numbers of the first chunk; each chunk after it has twice as many as the last */
#define NUMBERS_CHUNKS 28 /* enough for 2^33 numbers */

struct number {
	uint64_t uses; /* this one included */
	uintptr_t
		holds; /* a semaphore; 0: taken, not yet filled; odd: free, and twice the number of the next free + 1 */
};

struct numbers {
	struct number *chunks[NUMBERS_CHUNKS];
	uint64_t made;      /* numbers that were ever used */
	uint64_t free;      /* the first free slot of those; NUMBERS_NONE: none */
	uint32_t live, max; /* numbers taken; how many may be */
	unsigned bits;      /* of an id, for the slot's number */
};

void numbers_init(struct numbers *numbers, uint32_t max);
void numbers_fini(struct numbers *numbers);

/* A slot, and the id that its semaphore will have. 0, ENFILE: max are taken, ENOMEM. */
int numbers_take(struct numbers *numbers, ksem_id_t *id);

/* Undoes numbers_take, for an id that nobody has seen, if nothing was taken since: no memory of it is left. */
void numbers_untake(struct numbers *numbers, ksem_id_t id);

/* Fills a slot that was taken: now numbers_next visits it. */
void numbers_fill(struct numbers *numbers, ksem_id_t id, struct ksem *ksem);

/* Gives a slot back, by the id that it was taken with. False: it had been given back. */
bool numbers_give(struct numbers *numbers, ksem_id_t id);

/* The semaphore in the first filled slot from *cursor on, which moves past it; NULL: none. Begin with 0. */
struct ksem *numbers_next(const struct numbers *numbers, uint64_t *cursor);

#endif
