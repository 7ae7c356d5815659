/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages: see page.h.
 */
#include "shared/page.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "line/entries.h"
#include "line/line.h"

#define PAGE_ORDER UINT32_C(0x01020304)

static const char page_magic[8] = "ksem\r\n\1";

bool page_is_blank(const struct page *page)
{
	const char *bytes = (const char *)page;

	return bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0;
}

void page_init(struct page *page, const struct making *making)
{
	const struct attributes *attributes = making->attributes;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	memcpy(page->magic, page_magic, sizeof(page_magic));
	page->version = PAGE_VERSION;
	page->order = PAGE_ORDER;
	store_rlx(&page->mode, making->mode); /* relaxed: nobody sees the page yet */
	page->made = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
	store_rlx(&page->doubt, PAGE_IN_DOUBT);                   /* relaxed: nobody sees the page yet */
	store_rlx(&page->made_with.limit, attributes->limit);     /* relaxed: as above */
	store_rlx(&page->made_with.order, attributes->order);     /* relaxed: as above */
	store_rlx(&page->made_with.flags, attributes->flags);     /* relaxed: as above */
	store_rlx(&page->made_with.limited, attributes->limited); /* relaxed: as above */
	plain_init(&page->sem, making->value, FUTEX_SHARED);
	if (!attributes_are_default(attributes))
		plain_kill(&page->sem);
}

uint32_t page_version(const struct page *page)
{
	bool is_ours = memcmp(page->magic, page_magic, sizeof(page_magic)) == 0 && page->order == PAGE_ORDER;

	return is_ours ? page->version : 0;
}

bool page_is_semaphore(const struct page *page)
{
	return page_version(page) == PAGE_VERSION;
}

void page_init_line(struct page_line *line, const struct making *making)
{
	line_init(&line->line, making->value, making->attributes->limit, making->attributes->order);
}

/* First its first page; then also the chunks of entries that were ever used, if they are in further ones. */
int page_read_line(int fd, struct page_line **line, size_t *bytes)
{
	uint32_t used;

	for (*bytes = PAGE_BYTES;; *bytes = offsetof(struct page_line, entries[used])) {
		ssize_t got;

		*line = memory_alloc(*bytes, _Alignof(struct page_line));
		if (!*line)
			return ENOMEM;
		got = pread(fd, *line, *bytes, PAGE_LINE_AT);
		if (got != (ssize_t)*bytes)
			return got < 0 ? errno : EINVAL;
		used = load_rlx(&(*line)->line.used); /* relaxed: of a copy */
		used = entries_in_chunks(used < LINE_ENTRIES ? used : LINE_ENTRIES);
		if (*bytes >= offsetof(struct page_line, entries[used]))
			return 0;
		memory_free(*line);
	}
}

bool page_attributes(const struct page *page, struct attributes *attributes)
{
	attributes->limit = load_rlx(&page->made_with.limit);          /* relaxed: constant, as are all of these */
	attributes->order = load_rlx(&page->made_with.order);          /* relaxed: as above */
	attributes->flags = load_rlx(&page->made_with.flags);          /* relaxed: as above */
	attributes->limited = load_rlx(&page->made_with.limited) != 0; /* relaxed: as above */
	return attributes->order <= KSEM_LIFO && (attributes->flags & ~(KSEM_UNDO | KSEM_METRICS)) == 0 &&
	       (!(attributes->flags & KSEM_UNDO) || attributes->limited) &&
	       attributes->limit <= attributes_highest(attributes->order) &&
	       (attributes_are_default(attributes) || line_works());
}
