/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The id table of a process: see ids.h.
 *
 * Sizes. There are at least as many homes as entries, and at most eight times as many. spill has room for at least
 * twice as many entries as are in it, removed ones included. If a table has no room for one entry more, it is replaced
 * by one with room for half as many again, or more; so an insertion costs constant time on average. Removals leave
 * `ids_absent` in spill, so that a probe goes on past them.
 *
 * An empty process has the table ids_none, which has no room and is never written. So emptying a process can't fail.
 */
#include "object/ids.h"

#include <stdbool.h>
#include <string.h>

#define IDS_MIN IDS_HOMES_LEAST

static struct plain dead = {.word = WORD_DEAD}; /* constant */

struct object_shared ids_nothing = {
	.block.cold = ids_nothing.unit[0].bytes, .ksem.sem.word = WORD_DEAD, .sem = &dead};

static struct ids_table ids_none = {.home = {{.ksem = &ids_nothing.ksem}}}; /* constant */

void ids_init(struct ids *ids)
{
	*ids = (struct ids){.base = (char *)ids_absent, .holder = 1}; /* no tag is an id + 1 */
	store_rlx(&ids->table, &ids_none);                            /* relaxed: nobody sees the process yet */
}

void ids_init_holder(struct ids *ids, char *base, uint64_t mask, uint64_t number)
{
	ids_init(ids);
	ids->base = base;
	ids->mask = mask;
	ids->holder = -(number << IDS_NUMBER_SHIFT);
}

void ids_own(const struct ids *ids, struct ksem *ksem, ksem_id_t id)
{
	object_cold(ksem)->id = id;
	store_rel(object_tag(ksem), ids->mask ? id + ids->holder : id); /* KSEM_ORD_2 release */
}

/* Is the tag that of this process, which alone has references? */
static bool owns(const struct ids *ids, const struct ksem *ksem)
{
	/* relaxed: this process set it */
	return ids->mask && load_rlx(object_tag(ksem)) == object_id(ksem) + ids->holder;
}

void ids_disown(struct ksem *ksem)
{
	store_rlx(object_tag(ksem), object_id(ksem)); /* relaxed: a thread that must not find it knows of this call */
}

static size_t spill_hash(ksem_id_t id)
{
	return (size_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> 16);
}

struct ksem *ids_find_spilled(const struct ids_table *table, ksem_id_t id)
{
	size_t at = spill_hash(id);

	/* relaxed: a thread that must find an entry knows that it was counted */
	if (load_rlx(&table->spilled) == 0 || id == 0)
		return NULL;
	for (size_t probes = 0; probes <= table->spill_mask; probes++, at++) {
		struct ksem *ksem = load_acq(&table->spill[at & table->spill_mask].ksem); /* KSEM_ORD_2 acquire */

		if (!ksem)
			return NULL;
		if (object_id(ksem) == id)
			return ksem;
	}
	return NULL;
}

/* ---- Changes. They are made under the process's lock, so they may read entries relaxed. ---- */

static struct ids_table *own_table(const struct ids *ids)
{
	return load_rlx(&ids->table); /* relaxed: changed under the lock only */
}

static struct ksem *own_ksem(const struct ids_entry *entry)
{
	return load_rlx(&entry->ksem); /* relaxed: changed under the lock only */
}

static size_t own_spilled(const struct ids_table *table)
{
	return load_rlx(&table->spilled); /* relaxed: changed under the lock only */
}

static void publish(struct ids_entry *entry, struct ksem *ksem)
{
	store_rel(&entry->ksem, ksem); /* KSEM_ORD_2 release */
}

static size_t power_of_two(size_t least)
{
	size_t power = IDS_MIN;

	while (power < least)
		power *= 2;
	return power;
}

static uint64_t mask_for(size_t homes)
{
	return (uint64_t)(homes - 1) << IDS_NUMBER_SHIFT;
}

static size_t homes_of(const struct ids_table *table)
{
	return (size_t)(table->mask >> IDS_NUMBER_SHIFT) + 1;
}

static struct ids_table *table_new(size_t homes, size_t spills)
{
	size_t bytes = sizeof(struct ids_table) + (homes + spills) * sizeof(struct ids_entry);
	struct ids_table *table = memory_alloc(bytes, KSEM_CACHE_LINE);

	if (!table)
		return NULL;
	table->mask = mask_for(homes);
	table->spill_mask = spills - 1;
	table->spill = table->home + homes;
	table->bytes = bytes;
	for (size_t at = 0; at < homes; at++)
		store_rlx(&table->home[at].ksem, ids_absent); /* relaxed: nobody sees the table yet */
	return table;
}

/* The entry of a semaphore. NULL: none. */
static struct ids_entry *locate(struct ids_table *table, const struct ksem *ksem)
{
	ksem_id_t id = object_id(ksem);
	struct ids_entry *entry = ids_home(table, id);
	size_t at = spill_hash(id);

	if (own_ksem(entry) == ksem)
		return entry;
	for (size_t probes = 0; probes <= table->spill_mask; probes++, at++) {
		entry = &table->spill[at & table->spill_mask];
		if (own_ksem(entry) == ksem)
			return entry;
		if (!own_ksem(entry))
			break;
	}
	return NULL;
}

/* Adds an entry, for which there is room. */
static void insert(struct ids_table *table, struct ksem *ksem, uint32_t refs)
{
	struct ids_entry *entry = ids_home(table, object_id(ksem));
	size_t at = spill_hash(object_id(ksem)) & table->spill_mask;

	if (own_ksem(entry) != ids_absent) {
		while (own_ksem(&table->spill[at]) && own_ksem(&table->spill[at]) != ids_absent)
			at = (at + 1) & table->spill_mask;
		entry = &table->spill[at];
		/* relaxed: counted before the entry is published */
		if (!own_ksem(entry))
			store_rlx(&table->spilled, own_spilled(table) + 1);
	}
	entry->refs = refs;
	publish(entry, ksem);
}

/*
 * How many entries would find their home taken, in a table with so many homes. SIZE_MAX: no memory to find out.
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
		size_t at = (size_t)(object_id(ksem) >> IDS_NUMBER_SHIFT) & (homes - 1);

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

	if (ids->count < homes_of(table) && 2 * (own_spilled(table) + 1) <= table->spill_mask + 1)
		return 0;
	return rebuild(ids, old);
}

void ids_add(struct ids *ids, struct ksem *ksem)
{
	struct ids_table *table = own_table(ids);
	struct ids_entry *entry = locate(table, ksem);

	if (entry) {
		entry->refs++;
		return;
	}
	if (!owns(ids, ksem))
		ids_disown(ksem);
	insert(table, ksem, 1);
	ids->count++;
}

uint32_t ids_refs(const struct ids *ids, const struct ksem *ksem)
{
	return locate(own_table(ids), ksem)->refs;
}

void ids_remove(struct ids *ids, struct ksem *ksem, struct reclaim *old)
{
	struct ids_table *table = own_table(ids);
	struct ids_entry *entry = locate(table, ksem);

	if (--entry->refs > 0)
		return;
	ids_disown(ksem);
	publish(entry, ids_absent);
	ids->count--;
	if (homes_of(table) > IDS_MIN && ids->count < homes_of(table) / 8)
		rebuild(ids, old); /* if there's no memory, the large table serves on */
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
	copy = table_new(homes_of(table), table->spill_mask + 1);
	if (!copy)
		return ENOMEM;
	while ((ksem = ids_next(table, &cursor, &refs))) {
		if (life_take(&object_cold(ksem)->life, life_refs(refs)))
			goto undo; /* more references than can be counted */
		ids_disown(ksem);
		insert(copy, ksem, refs);
	}
	store_rel(&to->table, copy); /* KSEM_ORD_2 release */
	to->count = from->count;
	return 0;
undo:
	for (cursor = 0; (ksem = ids_next(copy, &cursor, &refs));)
		life_drop(&object_cold(ksem)->life, life_refs(refs)); /* never the last: `from` has some */
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
	while (table != &ids_none && *cursor < homes_of(table) + table->spill_mask + 1) {
		const struct ids_entry *entry = &table->home[(*cursor)++]; /* spill follows home */
		struct ksem *ksem = own_ksem(entry);

		if (ksem && ksem != ids_absent) {
			*refs = entry->refs;
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
