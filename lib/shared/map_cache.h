/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that stay mapped after this process's last reference went, the few latest: who opens one of them again needn't
 * map it, which is most of what opening costs. Only those whose name stands are kept.
 *
 * The struct shared that the page had stays with it, ended, for what it takes to give the mapping back after an epoch;
 * readers may have found it still.
 *
 * All of it is under the namespace's lock.
 */
#ifndef KSEM_SHARED_MAP_CACHE_H
#define KSEM_SHARED_MAP_CACHE_H

#include "shared/shared.h"

#define MAP_CACHE_PAGES 8

struct map_cache {
	struct shared *all[MAP_CACHE_PAGES]; /* NULL: none */
	unsigned latest;
};

/* Gives one that has ended to the list, page and all. */
void map_cache_not(struct shared *shared, struct reclaim *garbage);

/* Keeps its page instead. The one that was kept longest goes to the list. */
void map_cache_add(struct map_cache *kept, struct shared *shared, struct reclaim *garbage);

/* Can it be that one is here that was found by a name of this hash? */
bool map_cache_may_have(const struct map_cache *kept, uint32_t name_hash);

/* The page of that file; NULL: not here. */
struct page *map_cache_find(const struct map_cache *kept, dev_t device, ino_t number);

/* The page is in use again: what it had goes to the list without it. */
void map_cache_use(struct map_cache *kept, const struct page *page, struct reclaim *garbage);

/* It isn't kept any more. */
void map_cache_drop(struct map_cache *kept, const struct page *page, struct reclaim *garbage);
void map_cache_drop_all(struct map_cache *kept, struct reclaim *garbage);

#endif
