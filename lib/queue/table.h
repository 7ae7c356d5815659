/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table whose elements have their links in them. Several elements may have the same key. Its owner's lock
 * protects it.
 */
#ifndef KSEM_QUEUE_TABLE_H
#define KSEM_QUEUE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
	uint64_t key;
	struct link *next, **prev;
};

/* All zero: empty. */
struct table {
	struct link **chains;
	size_t count, room; /* room: how many chains, a power of two; 0: none yet */
};

/* Makes sure that one more can be added. False: no memory. */
bool table_reserve(struct table *table);

/* After table_reserve. Cannot fail. */
void table_add(struct table *table, struct link *link, uint64_t key);
void table_remove(struct table *table, struct link *link);

/* The first with that key, and the next one; NULL: there is none. */
struct link *table_find(const struct table *table, uint64_t key);
struct link *table_find_next(const struct link *link);

/* Calls `visit` for each element; it may remove that. */
void table_for_all(const struct table *table, void (*visit)(struct link *link, void *arg), void *arg);

/* Frees what it has allocated. */
void table_end(struct table *table);

#endif
