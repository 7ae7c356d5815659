/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map cache: a few pages stay mapped after this process has dropped its last reference. Opening one of them again
 * needs no new mapping, which is most of the cost of opening. Only pages of semaphores that still have their name stay.
 *
 * The page's struct shared stays with it, though it has ended: it is needed to unmap the page after an epoch, since
 * readers may still have found it.
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

/* Doesn't keep an ended one: puts it and its page on the list, to be freed. */
void map_cache_skip(struct shared *shared, struct reclaim *garbage);

/* Keeps its page in the cache instead. The page that has been there longest goes to the list. */
void map_cache_add(struct map_cache *cache, struct shared *shared, struct reclaim *garbage);

/*
 * As file_find, but if the page of the name's file is in the cache, uses that page, and doesn't even open the file if
 * the kernel would allow it.
 */
int map_cache_open(const struct map_cache *cache, const struct directory *directory, const char *name, size_t length,
		   struct file *file);

/* The page of that file; NULL: it isn't in the cache. */
struct page *map_cache_find(const struct map_cache *cache, dev_t device, ino_t number);

/* The page is used again: its old struct shared goes to the list, without the page. */
void map_cache_use(struct map_cache *cache, const struct page *page, struct reclaim *garbage);

/* Takes a page, or all, out of the cache and puts it on the list. */
void map_cache_drop(struct map_cache *cache, const struct page *page, struct reclaim *garbage);
void map_cache_drop_all(struct map_cache *cache, struct reclaim *garbage);

#endif
