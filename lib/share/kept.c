/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kept pages: see kept.h.
 */
#include "share/kept.h"

void kept_not(struct shared *shared, struct reclaim *garbage)
{
	reclaim_add_mapping(garbage, &shared->mapping, shared->page, PAGE_BYTES);
	shared_retire(&shared->ksem, garbage);
}

void kept_add(struct kept *kept, struct shared *shared, struct reclaim *garbage)
{
	kept->latest = (kept->latest + 1) % KEPT_PAGES;
	if (kept->all[kept->latest])
		kept_not(kept->all[kept->latest], garbage);
	kept->all[kept->latest] = shared;
}

bool kept_may_have(const struct kept *kept, uint32_t name_hash)
{
	for (int i = 0; i < KEPT_PAGES; i++) {
		if (kept->all[i] && kept->all[i]->name_hash == name_hash)
			return true;
	}
	return false;
}

struct page *kept_find(const struct kept *kept, dev_t device, ino_t number)
{
	for (int i = 0; i < KEPT_PAGES; i++) {
		const struct shared *shared = kept->all[i];

		if (shared && shared->device == device && shared->number == number)
			return shared->page;
	}
	return NULL;
}

/* NULL: it isn't here. */
static struct shared *take(struct kept *kept, const struct page *page)
{
	for (int i = 0; i < KEPT_PAGES; i++) {
		struct shared *shared = kept->all[i];

		if (shared && shared->page == page) {
			kept->all[i] = NULL;
			return shared;
		}
	}
	return NULL;
}

void kept_use(struct kept *kept, const struct page *page, struct reclaim *garbage)
{
	struct shared *shared = take(kept, page);

	if (shared)
		shared_retire(&shared->ksem, garbage);
}

void kept_drop(struct kept *kept, const struct page *page, struct reclaim *garbage)
{
	struct shared *shared = take(kept, page);

	if (shared)
		kept_not(shared, garbage);
}

void kept_drop_all(struct kept *kept, struct reclaim *garbage)
{
	for (int i = 0; i < KEPT_PAGES; i++) {
		if (kept->all[i])
			kept_not(kept->all[i], garbage);
		kept->all[i] = NULL;
	}
}
