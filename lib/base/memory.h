/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory. Everything that the library allocates comes from memory_alloc() and goes back through memory_free(), except
 * ranges of addresses (below).
 *
 * If the program has jemalloc, the library allocates from a jemalloc arena of its own; otherwise it uses malloc. This
 * is decided once, before main. All calls go through memory_ops. A test may put its own functions there before the
 * library is used, to count allocations, to let them fail, or to see late uses of freed memory.
 *
 * All calls leave errno alone.
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
	/* May so many bytes of a reserved range be made writable? NULL instead of a function: always. */
	bool (*may_commit)(size_t size);
	/* Called by memory_rest. NULL instead of a function: nothing is called. */
	void (*rests)(const void *start);
};

extern struct memory_ops memory_ops; /* constant once a thread uses the library */

void *memory_alloc(size_t size, size_t align);
void memory_free(void *block); /* NULL: nothing */

/*
 * Reserves a range of addresses. `size` is a whole number of pages. All of the range can be read, and is 0. It takes no
 * memory until parts of it are made writable by memory_commit. NULL: the kernel refuses.
 */
void *memory_reserve(size_t size);
bool memory_commit(void *start, size_t size); /* makes the pages of these bytes writable; false: no memory */
void memory_release(void *range, size_t size);

/*
 * Memory that isn't freed, but used again later: between memory_rest and memory_use nobody may look there, and
 * AddressSanitizer reports threads that do. `start` and `size` are multiples of 8.
 */
void memory_rest(void *start, size_t size);
void memory_use(void *start, size_t size);

/*
 * Makes room for one element more in an array of `count` elements of `size` bytes that has room for *room. Returns the
 * array, or a larger one that replaces it. NULL: no memory; the array is as it was.
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
