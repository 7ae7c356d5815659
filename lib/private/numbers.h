/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of a private namespace: where its semaphores are, how many it may have, which ids they get, and a way to
 * visit them all.
 *
 * A number says which unit of the namespace's blocks a semaphore has (word/state.h). Number n is n units behind number
 * 0, in a range of addresses that is reserved when the namespace is made. The range takes memory only as numbers are
 * used, and keeps that memory until the namespace is destroyed and the last of its semaphores has ended. So an id is
 * enough to compute where its semaphore is (object/ids.h). If the kernel refuses the range, and for numbers beyond it,
 * blocks are allocated, and only tables find their semaphores.
 *
 * An id has the number in its low bits, as an offset in bytes, and above that the uses: how often the number was taken.
 * So ids of semaphores that live at the same time are dense in their low bits. An id is never 0, because uses count
 * from 1. No id comes twice: a number whose uses are up is never used again.
 *
 * A number is free again only an epoch after its semaphore has ended (object/reclaim.h), since readers may still look
 * there. Each process has a number, too, so that no semaphore is there.
 *
 * All of this is under the namespace's lock, except that a number is given back without it.
 */
#ifndef KSEM_PRIVATE_NUMBERS_H
#define KSEM_PRIVATE_NUMBERS_H

#include <stdbool.h>

#include "object/ids.h"

#define NUMBERS_FIRST  BLOCK_UNITS /* numbers of the first chunk; each later one has as many as all before it */
#define NUMBERS_CHUNKS 28          /* enough for 2^33 numbers */

struct numbers_chunk {
	struct semaphore_unit *units; /* NULL: not made yet */
	char *cold;                   /* their cold parts */
};

struct numbers {
	struct ksem_ns *ns;           /* constant, as are the next four */
	struct semaphore_unit *range; /* NULL: the kernel refused it */
	uint64_t reserved;            /* numbers that the range has room for, a power of two; 0: no range */
	uint32_t max;                 /* most semaphores at a time */
	unsigned bits;                /* of an id, below the uses */
	uint32_t live;                /* semaphores that count for max */
	uint64_t made;                /* how many numbers were ever taken; the next new one is numbers_nth(made) */
	struct ksem *unfit;           /* taken for processes, which they don't fit: semaphores get them first */
	struct numbers_chunk chunks[NUMBERS_CHUNKS]; /* made in turn */
	atomic(uint64_t) free;                       /* atomic: top of the stack of free numbers; 0: none */
	atomic(uint64_t) users;                      /* atomic: numbers that are taken, and 1 for the namespace */
};

/* For a namespace that may have `max` semaphores. NULL: no memory. */
struct numbers *numbers_new(struct ksem_ns *ns, uint32_t max);

/* Call it when the namespace is freed. The memory is freed when all numbers have been given back. */
void numbers_drop(struct numbers *numbers);

/* Takes a number for a semaphore; its cold part then has the id. 0; ENFILE: limit reached, or none free; ENOMEM. */
int numbers_take(struct numbers *numbers, struct ksem **ksem, ksem_id_t *id);

/* Undoes the last numbers_take, whose semaphore nobody has seen. Frees the memory that was made for it. */
void numbers_untake(struct numbers *numbers, struct ksem *ksem);

/* Takes a number for a process, and tells *ids. 0; ENOMEM. *taken NULL: the range has none left; *ids works without. */
int numbers_take_holder(struct numbers *numbers, struct ids *ids, struct ksem **taken);

/* From now on numbers_next returns it. */
void numbers_list(struct ksem *ksem);

/* From now on it doesn't count for the limit, and numbers_next skips it. May be called twice. */
void numbers_unlist(struct numbers *numbers, struct ksem *ksem);

/* Returns the first listed semaphore from *cursor on, and moves *cursor past it; NULL: none. Begin with *cursor 0. */
struct ksem *numbers_next(const struct numbers *numbers, uint64_t *cursor);

/*
 * The same in a fork's child, and also those that were destroyed while a thread was about to wait in their line. That
 * thread would have ended them.
 */
struct ksem *numbers_next_in_child(const struct numbers *numbers, uint64_t *cursor);

#endif
