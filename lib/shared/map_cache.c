/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map cache: see map_cache.h.
 */
#include "shared/map_cache.h"

void map_cache_skip(struct shared *shared, struct reclaim *garbage)
{
	reclaim_add_mapping(garbage, &shared->mapping, shared->page, PAGE_BYTES);
	shared_retire(&shared->object.ksem, garbage);
}

void map_cache_add(struct map_cache *cache, struct shared *shared, struct reclaim *garbage)
{
	cache->latest = (cache->latest + 1) % MAP_CACHE_PAGES;
	if (cache->all[cache->latest])
		map_cache_skip(cache->all[cache->latest], garbage);
	cache->all[cache->latest] = shared;
}

static bool may_have(const struct map_cache *cache, uint32_t name_hash)
{
	for (int i = 0; i < MAP_CACHE_PAGES; i++) {
		if (cache->all[i] && cache->all[i]->name_hash == name_hash)
			return true;
	}
	return false;
}

struct page *map_cache_find(const struct map_cache *cache, dev_t device, ino_t number)
{
	for (int i = 0; i < MAP_CACHE_PAGES; i++) {
		const struct shared *shared = cache->all[i];

		if (shared && shared->device == device && shared->number == number)
			return shared->page;
	}
	return NULL;
}

/* Finds the page of the name's file without opening the file. NULL: open it. */
static struct page *find_by_name(const struct map_cache *cache, const struct directory *directory, const char *name,
				 size_t length, struct file *file)
{
	if (!may_have(cache, (uint32_t)file_name_hash(name, length)) || file_look(directory, name, length, file) != 0)
		return NULL;
	return map_cache_find(cache, file->device, file->number);
}

int map_cache_open(const struct map_cache *cache, const struct directory *directory, const char *name, size_t length,
		   struct file *file)
{
	struct page *page = find_by_name(cache, directory, name, length, file);
	int fd, error;

	if (page)
		return file_use(file, page);
	error = file_open(directory, name, length, file, &fd);
	if (error)
		return error;
	page = map_cache_find(cache, file->device, file->number);
	error = page ? file_use(file, page) : file_map(fd, file);
	file_end(fd, file);
	return error;
}

/* NULL: it isn't in the cache. */
static struct shared *take(struct map_cache *cache, const struct page *page)
{
	for (int i = 0; i < MAP_CACHE_PAGES; i++) {
		struct shared *shared = cache->all[i];

		if (shared && shared->page == page) {
			cache->all[i] = NULL;
			return shared;
		}
	}
	return NULL;
}

void map_cache_use(struct map_cache *cache, const struct page *page, struct reclaim *garbage)
{
	struct shared *shared = take(cache, page);

	if (shared)
		shared_retire(&shared->object.ksem, garbage);
}

void map_cache_drop(struct map_cache *cache, const struct page *page, struct reclaim *garbage)
{
	struct shared *shared = take(cache, page);

	if (shared)
		map_cache_skip(shared, garbage);
}

void map_cache_drop_all(struct map_cache *cache, struct reclaim *garbage)
{
	for (int i = 0; i < MAP_CACHE_PAGES; i++) {
		if (cache->all[i])
			map_cache_skip(cache->all[i], garbage);
		cache->all[i] = NULL;
	}
}
