/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A binary heap: see heap.h.
 */
#include "queue/heap.h"

#include "base/memory.h"

bool heap_reserve(struct heap *heap, size_t others)
{
	struct timed **at = memory_grow(heap->at, others, &heap->room, sizeof(struct timed *));

	if (!at)
		return false;
	heap->at = at;
	return true;
}

static void set(struct heap *heap, size_t place, struct timed *timed)
{
	heap->at[place - 1] = timed;
	timed->place = place;
}

/* Moves it up from that place, which is free, while it is earlier than what is above. */
static void rise(struct heap *heap, size_t place, struct timed *timed)
{
	while (place > 1 && timed->due < heap->at[place / 2 - 1]->due) {
		set(heap, place, heap->at[place / 2 - 1]);
		place /= 2;
	}
	set(heap, place, timed);
}

/* The same, down. */
static void sink(struct heap *heap, size_t place, struct timed *timed)
{
	for (size_t child; (child = 2 * place) <= heap->count; place = child) {
		if (child < heap->count && heap->at[child]->due < heap->at[child - 1]->due)
			child++;
		if (timed->due <= heap->at[child - 1]->due)
			break;
		set(heap, place, heap->at[child - 1]);
	}
	set(heap, place, timed);
}

void heap_add(struct heap *heap, struct timed *timed)
{
	rise(heap, ++heap->count, timed);
}

void heap_remove(struct heap *heap, struct timed *timed)
{
	size_t place = timed->place;
	struct timed *last = heap->at[--heap->count];

	timed->place = 0;
	if (last == timed)
		return;
	if (place > 1 && last->due < heap->at[place / 2 - 1]->due)
		rise(heap, place, last);
	else
		sink(heap, place, last);
}

void heap_end(struct heap *heap)
{
	memory_free(heap->at);
	*heap = (struct heap){0};
}
