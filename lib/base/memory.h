/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory. Everything that the library allocates comes from memory_alloc() and goes back through memory_free().
 *
 * Where the host has jemalloc, its non-standard API serves, from an arena of the library's own; else libc does. What
 * serves is settled once, before main. memory_ops is the seam: a test puts its own functions there, before the library
 * is used, to count, to fail or to age what is freed.
 *
 * Both calls leave errno alone.
 */
#ifndef KSEM_BASE_MEMORY_H
#define KSEM_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct memory_ops {
	/* Zeroed memory at a multiple of align (a power of two), or NULL. */
	void *(*alloc)(size_t size, size_t align);
	void (*free)(void *block);
	/* May so many bytes of a reserved range be used? NULL: yes. */
	bool (*may_commit)(size_t size);
	/* Is told what memory_rest is. NULL: nobody is. */
	void (*rests)(const void *start);
};

extern struct memory_ops memory_ops; /* constant once a thread uses the library */

void *memory_alloc(size_t size, size_t align);
void memory_free(void *block); /* NULL: nothing */

/*
 * A range of addresses, a whole number of pages: all of it can be read, and is 0. It takes no memory, until parts of it
 * are made writable. NULL: there is none.
 */
void *memory_reserve(size_t size);
bool memory_commit(void *start, size_t size); /* false: no memory. What is on the same pages is committed, too */
void memory_release(void *range, size_t size);

/*
 * Of memory that stays, and is used again: nobody looks there until memory_use. AddressSanitizer is told so. Whole
 * words.
 */
void memory_rest(void *start, size_t size);
void memory_use(void *start, size_t size);

/*
 * An array of `count` elements of that size with room for one more: itself, or a larger one in its place, of *room.
 * NULL: no memory, and it is as it was.
 */
static inline void *memory_grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *larger;

	if (count < *room)
		return array;
	larger = memory_alloc(more * size, _Alignof(max_align_t));
	if (!larger)
		return NULL;
	if (count > 0)
		memcpy(larger, array, count * size);
	memory_free(array);
	*room = more;
	return larger;
}

#endif
