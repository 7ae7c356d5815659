/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map cache: a few pages stay mapped after this process dropped its last reference. To open one of them again needs
 * no mapping, which is most of what opening costs. Only pages of semaphores that have their name stay.
 *
 * The struct shared that the page had stays with it, ended, for what it takes to give the mapping back after an epoch;
 * readers may have found it still.
 *
 * All of it is under the namespace's lock.
 */
#ifndef KSEM_SHARED_MAP_CACHE_H
#define KSEM_SHARED_MAP_CACHE_H

#include "shared/semaphore.h"

#define MAP_CACHE_PAGES 8

struct map_cache {
	struct shared *all[MAP_CACHE_PAGES]; /* NULL: none */
	unsigned latest;
};

/* Gives one that has ended to the list, page and all. */
void map_cache_not(struct shared *shared, struct reclaim *garbage);

/* Has its page stay instead. The one that stayed longest goes to the list. */
void map_cache_add(struct map_cache *cache, struct shared *shared, struct reclaim *garbage);

/*
 * As file_find, but with a page that is here, if it has the name's; and without opening the file, if the kernel would
 * let this process.
 */
int map_cache_open(const struct map_cache *cache, const struct directory *directory, const char *name, size_t length,
		   struct file *file);

/* The page of that file; NULL: not here. */
struct page *map_cache_find(const struct map_cache *cache, dev_t device, ino_t number);

/* The page is in use again: what it had goes to the list without it. */
void map_cache_use(struct map_cache *cache, const struct page *page, struct reclaim *garbage);

/* It doesn't stay any more. */
void map_cache_drop(struct map_cache *cache, const struct page *page, struct reclaim *garbage);
void map_cache_drop_all(struct map_cache *cache, struct reclaim *garbage);

#endif
