/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kept pages: see map_cache.h.
 */
#include "shared/map_cache.h"

void map_cache_not(struct shared *shared, struct reclaim *garbage)
{
	reclaim_add_mapping(garbage, &shared->mapping, shared->page, PAGE_BYTES);
	shared_retire(&shared->object.ksem, garbage);
}

void map_cache_add(struct map_cache *kept, struct shared *shared, struct reclaim *garbage)
{
	kept->latest = (kept->latest + 1) % MAP_CACHE_PAGES;
	if (kept->all[kept->latest])
		map_cache_not(kept->all[kept->latest], garbage);
	kept->all[kept->latest] = shared;
}

bool map_cache_may_have(const struct map_cache *kept, uint32_t name_hash)
{
	for (int i = 0; i < MAP_CACHE_PAGES; i++) {
		if (kept->all[i] && kept->all[i]->name_hash == name_hash)
			return true;
	}
	return false;
}

struct page *map_cache_find(const struct map_cache *kept, dev_t device, ino_t number)
{
	for (int i = 0; i < MAP_CACHE_PAGES; i++) {
		const struct shared *shared = kept->all[i];

		if (shared && shared->device == device && shared->number == number)
			return shared->page;
	}
	return NULL;
}

/* NULL: it isn't here. */
static struct shared *take(struct map_cache *kept, const struct page *page)
{
	for (int i = 0; i < MAP_CACHE_PAGES; i++) {
		struct shared *shared = kept->all[i];

		if (shared && shared->page == page) {
			kept->all[i] = NULL;
			return shared;
		}
	}
	return NULL;
}

void map_cache_use(struct map_cache *kept, const struct page *page, struct reclaim *garbage)
{
	struct shared *shared = take(kept, page);

	if (shared)
		shared_retire(&shared->object.ksem, garbage);
}

void map_cache_drop(struct map_cache *kept, const struct page *page, struct reclaim *garbage)
{
	struct shared *shared = take(kept, page);

	if (shared)
		map_cache_not(shared, garbage);
}

void map_cache_drop_all(struct map_cache *kept, struct reclaim *garbage)
{
	for (int i = 0; i < MAP_CACHE_PAGES; i++) {
		if (kept->all[i])
			map_cache_not(kept->all[i], garbage);
		kept->all[i] = NULL;
	}
}
