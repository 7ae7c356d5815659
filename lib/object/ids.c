/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The id table of a process: see ids.h.
 *
 * Sizes. `home` has at least as many places as there are entries, and at most eight times as many. `spill` has at least
 * twice as many places as entries, counting removed ones. If one more entry would break this, the table is replaced by
 * a larger one, so an insertion takes constant time on average. A removal leaves `ids_absent` in `spill`, so that a
 * probe goes on past it.
 *
 * An empty process has the table ids_none, which has no room and is never written. So emptying a process can't fail.
 */
#include "object/ids.h"

#include <stdbool.h>
#include <string.h>

#define IDS_MIN 8

struct ksem ids_absent = {.sem.word = WORD_DEAD};

static struct ids_table ids_none = {.home = {&ids_absent}}; /* constant */

void ids_init(struct ids *ids)
{
	store_rlx(&ids->table, &ids_none); /* relaxed: nobody sees the process yet */
	ids->count = 0;
}

static size_t spill_hash(ksem_id_t id)
{
	return (size_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> 16);
}

struct ksem *ids_find_spilled(const struct ids_table *table, ksem_id_t id)
{
	size_t at = spill_hash(id);

	if (load_rlx(&table->spilled) == 0 ||
	    id == 0) /* relaxed: whoever must find an entry knows that it was counted */
		return NULL;
	for (size_t probes = 0; probes <= table->spill_mask; probes++, at++) {
		struct ksem *ksem = load_acq(&table->spill[at & table->spill_mask]); /* KSEM_ORD_2 acquire */

		if (!ksem)
			return NULL;
		if (ksem->id == id)
			return ksem;
	}
	return NULL;
}

/* ---- Changes. They are made under the process's lock, so they may read entries relaxed. ---- */

static struct ids_table *own_table(const struct ids *ids)
{
	return load_rlx(&ids->table); /* relaxed: changed under the lock only */
}

static struct ksem *own_entry(const atomic(ids_entry) *entry)
{
	return load_rlx(entry); /* relaxed: changed under the lock only */
}

static size_t own_spilled(const struct ids_table *table)
{
	return load_rlx(&table->spilled); /* relaxed: changed under the lock only */
}

static void publish(atomic(ids_entry) *entry, struct ksem *ksem)
{
	store_rel(entry, ksem); /* KSEM_ORD_2 release */
}

static size_t power_of_two(size_t least)
{
	size_t power = IDS_MIN;

	while (power < least)
		power *= 2;
	return power;
}

static struct ids_table *table_new(size_t homes, size_t spills)
{
	size_t bytes = sizeof(struct ids_table) + (homes + spills) * (sizeof(ids_entry) + sizeof(uint32_t));
	struct ids_table *table = memory_alloc(bytes, KSEM_CACHE_LINE);

	if (!table)
		return NULL;
	table->mask = homes - 1;
	table->spill_mask = spills - 1;
	table->spill = table->home + homes;
	table->refs = (void *)((char *)table + bytes - (homes + spills) * sizeof(uint32_t));
	table->bytes = bytes;
	for (size_t at = 0; at < homes; at++)
		store_rlx(&table->home[at], &ids_absent); /* relaxed: nobody sees the table yet */
	return table;
}

static uint32_t *home_refs(const struct ids_table *table, size_t at)
{
	return &table->refs[at];
}

static uint32_t *spill_refs(const struct ids_table *table, size_t at)
{
	return &table->refs[table->mask + 1 + at];
}

/* Finds the entry of a semaphore, and returns the place of its count of references. NULL: there is no entry. */
static uint32_t *locate(struct ids_table *table, const struct ksem *ksem, atomic(ids_entry) **entry)
{
	size_t at = ksem->id & table->mask;

	*entry = &table->home[at];
	if (own_entry(*entry) == ksem)
		return home_refs(table, at);
	at = spill_hash(ksem->id);
	for (size_t probes = 0; probes <= table->spill_mask; probes++, at++) {
		*entry = &table->spill[at & table->spill_mask];
		if (own_entry(*entry) == ksem)
			return spill_refs(table, at & table->spill_mask);
		if (!own_entry(*entry))
			break;
	}
	return NULL;
}

/* Adds an entry, for which there is room. */
static void insert(struct ids_table *table, struct ksem *ksem, uint32_t refs)
{
	size_t at = ksem->id & table->mask;

	if (own_entry(&table->home[at]) == &ids_absent) {
		*home_refs(table, at) = refs;
		publish(&table->home[at], ksem);
		return;
	}
	at = spill_hash(ksem->id) & table->spill_mask;
	while (own_entry(&table->spill[at]) && own_entry(&table->spill[at]) != &ids_absent)
		at = (at + 1) & table->spill_mask;
	if (!own_entry(&table->spill[at]))
		store_rlx(&table->spilled, own_spilled(table) + 1); /* relaxed: counted before the entry is published */
	*spill_refs(table, at) = refs;
	publish(&table->spill[at], ksem);
}

/*
 * How many entries would find their place in `home` taken, in a table with that many. SIZE_MAX: no memory to find out.
 */
static size_t count_collisions(const struct ids_table *table, size_t homes)
{
	uint64_t *taken = memory_alloc((homes + 63) / 64 * sizeof(*taken), _Alignof(uint64_t));
	size_t collisions = 0;
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;

	if (!taken)
		return SIZE_MAX;
	while ((ksem = ids_next(table, &cursor, &refs))) {
		size_t at = ksem->id & (homes - 1);

		collisions += taken[at / 64] >> at % 64 & 1;
		taken[at / 64] |= UINT64_C(1) << at % 64;
	}
	memory_free(taken);
	return collisions;
}

/* Replaces the table by one with room for its entries and half as many more. */
static int rebuild(struct ids *ids, struct reclaim *old)
{
	struct ids_table *from = own_table(ids);
	size_t homes = power_of_two(ids->count + 1 + ids->count / 2);
	size_t collisions = count_collisions(from, homes);
	struct ids_table *to;
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;

	if (collisions == SIZE_MAX)
		return ENOMEM;
	to = table_new(homes, power_of_two(4 * (collisions + 1)));
	if (!to)
		return ENOMEM;
	while ((ksem = ids_next(from, &cursor, &refs)))
		insert(to, ksem, refs);
	store_rel(&ids->table, to); /* KSEM_ORD_2 release */
	ids_retire(from, old);
	return 0;
}

int ids_reserve(struct ids *ids, struct reclaim *old)
{
	const struct ids_table *table = own_table(ids);

	if (ids->count <= table->mask && 2 * (own_spilled(table) + 1) <= table->spill_mask + 1)
		return 0;
	return rebuild(ids, old);
}

void ids_add(struct ids *ids, struct ksem *ksem)
{
	struct ids_table *table = own_table(ids);
	atomic(ids_entry) *entry;
	uint32_t *refs = locate(table, ksem, &entry);

	if (refs) {
		(*refs)++;
		return;
	}
	insert(table, ksem, 1);
	ids->count++;
}

void ids_remove(struct ids *ids, struct ksem *ksem, struct reclaim *old)
{
	struct ids_table *table = own_table(ids);
	atomic(ids_entry) *entry;
	uint32_t *refs = locate(table, ksem, &entry);

	if (--*refs > 0)
		return;
	publish(entry, &ids_absent);
	ids->count--;
	if (table->mask + 1 > IDS_MIN && ids->count < (table->mask + 1) / 8)
		rebuild(ids, old); /* without memory, the large table stays in use */
}

int ids_copy(struct ids *to, const struct ids *from)
{
	const struct ids_table *table = own_table(from);
	struct ids_table *copy;
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;

	if (from->count == 0)
		return 0;
	copy = table_new(table->mask + 1, table->spill_mask + 1);
	if (!copy)
		return ENOMEM;
	while ((ksem = ids_next(table, &cursor, &refs))) {
		if (life_take(&ksem->life, life_refs(refs)))
			goto undo; /* more references than can be counted */
		insert(copy, ksem, refs);
	}
	store_rel(&to->table, copy); /* KSEM_ORD_2 release */
	to->count = from->count;
	return 0;
undo:
	for (cursor = 0; (ksem = ids_next(copy, &cursor, &refs));)
		life_drop(&ksem->life, life_refs(refs)); /* never the last: `from` has some */
	memory_free(copy);
	return ENOMEM;
}

struct ids_table *ids_take_all(struct ids *ids)
{
	struct ids_table *table = own_table(ids);

	store_rel(&ids->table, &ids_none); /* KSEM_ORD_2 release */
	ids->count = 0;
	return table;
}

struct ksem *ids_next(const struct ids_table *table, size_t *cursor, uint32_t *refs)
{
	size_t homes = table->mask + 1;

	while (table != &ids_none && *cursor < homes + table->spill_mask + 1) {
		size_t at = (*cursor)++;
		struct ksem *ksem = own_entry(&table->home[at]); /* spill follows home */

		if (ksem && ksem != &ids_absent) {
			*refs = table->refs[at];
			return ksem;
		}
	}
	return NULL;
}

void ids_retire(struct ids_table *table, struct reclaim *list)
{
	if (table != &ids_none)
		reclaim_add(list, &table->retired, table->bytes);
}
