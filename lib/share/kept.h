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
#ifndef KSEM_SHARE_KEPT_H
#define KSEM_SHARE_KEPT_H

#include "share/shared.h"

#define KEPT_PAGES 8

struct kept {
	struct shared *all[KEPT_PAGES]; /* NULL: none */
	unsigned latest;
};

/* Gives one that has ended to the list, page and all. */
void kept_not(struct shared *shared, struct reclaim *garbage);

/* Keeps its page instead. The one that was kept longest goes to the list. */
void kept_add(struct kept *kept, struct shared *shared, struct reclaim *garbage);

/* Can it be that one is here that was found by a name of this hash? */
bool kept_may_have(const struct kept *kept, uint32_t name_hash);

/* The page of that file; NULL: not here. */
struct page *kept_find(const struct kept *kept, dev_t device, ino_t number);

/* The page is in use again: what it had goes to the list without it. */
void kept_use(struct kept *kept, const struct page *page, struct reclaim *garbage);

/* It isn't kept any more. */
void kept_drop(struct kept *kept, const struct page *page, struct reclaim *garbage);
void kept_drop_all(struct kept *kept, struct reclaim *garbage);

#endif
