/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages: see page.h.
 */
#include "shared/page.h"

#include <string.h>
#include <time.h>

#define PAGE_VERSION 3
#define PAGE_ORDER   UINT32_C(0x01020304)

static const char page_magic[8] = "ksem\r\n\1";

bool page_is_blank(const struct page *page)
{
	const char *bytes = (const char *)page;

	return bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0;
}

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
	plain_init(&page->sem, value, FUTEX_SHARED);
}

bool page_is_semaphore(const struct page *page)
{
	return memcmp(page->magic, page_magic, sizeof(page_magic)) == 0 && page->version == PAGE_VERSION &&
	       page->order == PAGE_ORDER;
}
