/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines, the earliest first: a binary heap. Its owner's lock protects it.
 */
#ifndef KSEM_QUEUE_HEAP_H
#define KSEM_QUEUE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timed {
	uint64_t due; /* constant while it is in a heap */
	size_t place; /* 0: in none */
};

/* All zero: empty. */
struct heap {
	struct timed **at; /* at[place - 1] */
	size_t count, room;
};

/*
 * Makes sure that one more can be added beside `others`, for each of which this was called before: those that are in
 * the heap, and those that its owner may still add. False: no memory.
 */
bool heap_reserve(struct heap *heap, size_t others);

/* Of one for which heap_reserve was called. Cannot fail. */
void heap_add(struct heap *heap, struct timed *timed);
void heap_remove(struct heap *heap, struct timed *timed);

static inline struct timed *heap_first(const struct heap *heap)
{
	return heap->count ? heap->at[0] : NULL;
}

/* Frees what it has allocated. */
void heap_end(struct heap *heap);

#endif
