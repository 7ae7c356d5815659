/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of a namespace: where its semaphores stand, how many it may have, which ids they get, and a way to visit
 * them all.
 *
 * A number is a unit of the namespace's blocks (word/state.h). Number n's word stands n units behind number 0's: a
 * range of addresses is reserved for the namespace when it is made, which takes memory only as numbers are used. So who
 * has an id need only compute where the semaphore is (object/ids.h). Where no range can be had, or for numbers beyond
 * it, blocks stand anywhere, and their semaphores are found by tables alone.
 *
 * An id is the number in its low bits, as a distance in bytes, and above it how often the number was used. Ids of
 * semaphores that live at the same time are dense in their low bits; an id is never 0, because uses count from 1; and
 * none comes twice: a number whose uses are up is never used again.
 *
 * A number that was used is free again only after an epoch (object/reclaim.h): until then readers may still see what
 * stood there. Processes have numbers, too, at which no semaphore stands.
 *
 * All of it is under the namespace's lock, but for numbers_give_back.
 */
#ifndef KSEM_PRIVATE_NUMBERS_H
#define KSEM_PRIVATE_NUMBERS_H

#include <stdbool.h>

#include "object/ids.h"

#define NUMBERS_FIRST  BLOCK_UNITS /* numbers of the first chunk; all chunks up to one have as many as the next */
#define NUMBERS_CHUNKS 28          /* enough for 2^33 numbers */

struct numbers_chunk {
	struct semaphore_unit *units; /* NULL: none yet */
	char *cold;
};

struct numbers {
	struct ksem_ns *ns;           /* constant, as are the next four */
	struct semaphore_unit *range; /* NULL: none */
	uint64_t reserved;            /* numbers that it has room for, a power of two; 0: no range */
	uint32_t max;                 /* how many semaphores there may be */
	unsigned bits;                /* of an id, below the uses */
	uint32_t live;                /* semaphores that count for max */
	uint64_t made;                /* numbers that were ever taken; the next one is numbers_nth(made) */
	struct numbers_chunk chunks[NUMBERS_CHUNKS]; /* as far as they were made */
	atomic(uint64_t) free;                       /* atomic: the last that became free; 0: none */
	atomic(uint64_t) users;                      /* atomic: numbers that are out, and the namespace */
};

/* For a namespace with so many semaphores at most. NULL: no memory. */
struct numbers *numbers_new(struct ksem_ns *ns, uint32_t max);

/* The namespace goes. Its semaphores' memory stays until all numbers have been given back. */
void numbers_drop(struct numbers *numbers);

/* A number for a semaphore, which has the id in its cold half. 0; ENFILE: there are max; ENOMEM. */
int numbers_take(struct numbers *numbers, struct ksem **ksem, ksem_id_t *id);

/* Undoes that, if nobody has seen it and nothing was taken since: no memory of it is left. */
void numbers_untake(struct numbers *numbers, struct ksem *ksem);

/* One for a process, of which *ids then knows. 0; ENOMEM. *ksem NULL: none is left, and *ids does without. */
int numbers_take_holder(struct numbers *numbers, struct ids *ids, struct ksem **ksem);

/* From now on numbers_next visits it. */
void numbers_list(struct ksem *ksem);

/* It no longer counts for the limit, and isn't visited. Once, or more often. */
void numbers_unlist(struct numbers *numbers, struct ksem *ksem);

/* The first listed semaphore from *cursor on, which moves past it; NULL: none. Begin with 0. */
struct ksem *numbers_next(const struct numbers *numbers, uint64_t *cursor);

#endif
