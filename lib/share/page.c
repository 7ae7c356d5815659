/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages: see page.h.
 */
#include "share/page.h"

#include <string.h>
#include <time.h>

#include "share/directory.h"

#define PAGE_VERSION  2
#define PAGE_ORDER    UINT32_C(0x01020304)
#define PAGE_SOMEBODY UINT64_MAX /* the presence of record 0 */
#define TRIES         8          /* to sum up while nobody comes or goes */

static const char page_magic[8] = "ksem\r\n\1";

void page_init(struct page *page, uint32_t value, mode_t mode)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	memcpy(page->magic, page_magic, sizeof(page_magic));
	page->version = PAGE_VERSION;
	page->order = PAGE_ORDER;
	store_rlx(&page->mode, mode); /* relaxed: nobody sees the page yet */
	page->made = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
	store_rlx(&page->doubt, PAGE_IN_DOUBT); /* relaxed: nobody sees the page yet */
	plain_init(&page->sem, value);
	store_rlx(&page->holders[0].presence, PAGE_SOMEBODY); /* relaxed: nobody sees the page yet */
}

bool page_is_semaphore(const struct page *page)
{
	return memcmp(page->magic, page_magic, sizeof(page_magic)) == 0 && page->version == PAGE_VERSION &&
	       page->order == PAGE_ORDER;
}

static bool is_there(uint64_t presence, const struct directory *directory)
{
	return presence == PAGE_SOMEBODY || (presence != 0 && directory_is_present(directory, presence));
}

/* Makes the record the caller's, if it is free or its process is gone. */
static bool take_record(struct holder *holder, const struct directory *directory, bool from_the_dead)
{
	uint64_t had = load_rlx(&holder->presence); /* relaxed: the compare-and-swap checks it */
	uint32_t begun;

	if (had != 0 && !(from_the_dead && !is_there(had, directory)))
		return false;
	if (!cas_seq(&holder->presence, &had, directory->presence)) /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
		return false;
	begun = load_rlx(&holder->begun); /* relaxed: the dead one changes it no more */
	store_rlx(&holder->ended, begun); /* relaxed: too many waiters for a moment, never too few */
	store_rlx(&holder->refs, 0);      /* relaxed: a number to show */
	store_rlx(&holder->pid, (uint32_t)directory->process); /* relaxed: as above */
	return true;
}

struct holder *page_enter(struct page *page, struct directory *directory)
{
	for (int pass = 0; directory->presence && pass < 2; pass++) {
		for (int i = 1; i < PAGE_HOLDERS; i++) {
			if (take_record(&page->holders[i], directory, pass == 1))
				return &page->holders[i];
		}
	}
	return &page->holders[0];
}

void page_leave(struct page *page, struct holder *holder)
{
	if (holder == &page->holders[0])
		return;
	store_rlx(&holder->refs, 0);     /* relaxed: a number to show */
	store_rel(&holder->presence, 0); /* KSEM_ORD_17 release */
}

uint32_t page_refs(struct page *page, const struct holder *except, struct directory *directory)
{
	uint32_t refs = 0;

	for (int i = 0; i < PAGE_HOLDERS; i++) {
		struct holder *holder = &page->holders[i];
		uint32_t more = load_rlx(&holder->refs); /* relaxed: a number to show */

		/* relaxed: as above */
		if (holder != except && more > 0 && is_there(load_rlx(&holder->presence), directory))
			refs += more;
	}
	return refs;
}

void holder_begin_wait(struct holder *holder)
{
	fetch_add_seq(&holder->begun, 1); /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
}

void holder_end_wait(struct holder *holder)
{
	fetch_add_seq(&holder->ended, 1); /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
}

struct sum {
	uint32_t waiters;
	uint64_t changes; /* differs if any record of the living does */
};

static struct sum sum_up(struct page *page, struct directory *directory)
{
	struct sum sum = {0, 0};

	for (int i = 0; i < PAGE_HOLDERS; i++) {
		struct holder *holder = &page->holders[i];
		uint64_t presence = load_seq(&holder->presence); /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
		uint32_t ended = load_seq(&holder->ended);       /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
		uint32_t begun = load_seq(&holder->begun);       /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */

		if (begun != ended && !is_there(presence, directory))
			continue;
		sum.waiters += begun - ended;
		sum.changes = (sum.changes + presence) * 31 + begun;
		sum.changes = sum.changes * 31 + ended;
	}
	return sum;
}

void page_count_off_dead(struct page *page, struct directory *directory)
{
	if (count_waiters(plain_word(&page->sem)) == 0)
		return;
	for (int i = 0; i < TRIES; i++) {
		struct sum before = sum_up(page, directory);
		count_t word = load_seq(&page->sem.word); /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
		struct sum after = sum_up(page, directory);

		if (before.waiters == after.waiters && before.changes == after.changes) {
			plain_trim_waiters(&page->sem, word, after.waiters);
			return;
		}
	}
}
