/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table: see table.h.
 *
 * It grows to as many chains as it has elements. If there is no memory for that, chains get longer.
 */
#include "queue/table.h"

#include "base/memory.h"

#define FIRST_ROOM 16

static struct link **chain_of(const struct table *table, uint64_t key)
{
	uint64_t mixed = key * UINT64_C(0x9E3779B97F4A7C15);

	return &table->chains[(mixed ^ mixed >> 32) & (table->room - 1)];
}

static void put(struct table *table, struct link *link)
{
	struct link **chain = chain_of(table, link->key);

	link->next = *chain;
	link->prev = chain;
	if (*chain)
		(*chain)->prev = &link->next;
	*chain = link;
}

bool table_reserve(struct table *table)
{
	struct table larger = {.count = table->count, .room = table->room ? 2 * table->room : FIRST_ROOM};

	if (table->count < table->room)
		return true;
	larger.chains = memory_alloc(larger.room * sizeof(struct link *), _Alignof(max_align_t));
	if (!larger.chains)
		return table->room != 0;
	for (size_t i = 0; i < table->room; i++) {
		for (struct link *link = table->chains[i], *next; link; link = next) {
			next = link->next;
			put(&larger, link);
		}
	}
	memory_free(table->chains);
	*table = larger;
	return true;
}

void table_add(struct table *table, struct link *link, uint64_t key)
{
	link->key = key;
	put(table, link);
	table->count++;
}

void table_remove(struct table *table, struct link *link)
{
	*link->prev = link->next;
	if (link->next)
		link->next->prev = link->prev;
	table->count--;
}

static struct link *first_of(struct link *link, uint64_t key)
{
	while (link && link->key != key)
		link = link->next;
	return link;
}

struct link *table_find(const struct table *table, uint64_t key)
{
	return table->room ? first_of(*chain_of(table, key), key) : NULL;
}

struct link *table_find_next(const struct link *link)
{
	return first_of(link->next, link->key);
}

void table_for_all(const struct table *table, void (*visit)(struct link *link, void *arg), void *arg)
{
	for (size_t i = 0; i < table->room; i++) {
		for (struct link *link = table->chains[i], *next; link; link = next) {
			next = link->next;
			visit(link, arg);
		}
	}
}

void table_end(struct table *table)
{
	memory_free(table->chains);
	*table = (struct table){0};
}
