/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of a semaphore that OS processes share: one file, or one piece of memory that is inherited over fork().
 *
 * A header that says what it is, the semaphore itself (sem/plain.h), and who holds it: a record for each OS process
 * (records.h). The file goes on behind this page with room for more records, in as many pages as are needed.
 *
 * Every process that may open the semaphore may write all of this. So nothing here is believed that could lead out of
 * the file: numbers are shown and compared, never used as places, but for `more`, which the file's length bounds.
 */
#ifndef KSEM_SHARED_PAGE_H
#define KSEM_SHARED_PAGE_H

#include <sys/types.h>

#include "base/compiler.h"
#include "ksem/ksem.h"
#include "sem/plain.h"

#define PAGE_BYTES   4096
#define PAGE_HOLDERS 120
#define MORE_HOLDERS 127

#define FILE_BYTES \
	(UINT32_C(16) << 20) /* memory is given to what was written to; records for half a million processes */

struct holder {
	atomic(uint64_t) liveness;     /* atomic, as are the rest: whose; 0: free */
	atomic(uint32_t) pid;          /* to show */
	atomic(uint32_t) refs;         /* of the processes of the contract in that OS process */
	atomic(uint32_t) begun, ended; /* waits */
	atomic(uint64_t) lifetime;     /* of the process, if its liveness is a joint one (records.h); 0: not said yet */
};

#define PAGE_IN_DOUBT UINT64_C(1)

struct page {
	char magic[8];            /* constant once the page can be found, as are the next three */
	uint32_t version;         /* of this layout */
	uint32_t order;           /* of bytes: PAGE_ORDER */
	atomic(uint32_t) mode;    /* as given to open; atomic, for it is read once */
	uint64_t made;            /* constant, too: nanoseconds of CLOCK_REALTIME */
	atomic(uint64_t) doubt;   /* atomic: must those who have it ask whether its name stands? (doubt.h) */
	atomic(uint32_t) more;    /* atomic: further pages that are in use */
	atomic(uint32_t) entered; /* atomic: records that were taken, ever */
	_Alignas(KSEM_CACHE_LINE) struct plain sem;
	_Alignas(KSEM_CACHE_LINE) uint64_t unused[16];
	struct holder holders[PAGE_HOLDERS];
};

_Static_assert(sizeof(struct page) == PAGE_BYTES, "a page holds it all");

/* A further page of the file. */
struct more {
	uint64_t touched[4]; /* the kernel writes here first (records.c) */
	struct holder holders[MORE_HOLDERS];
};

_Static_assert(sizeof(struct more) == PAGE_BYTES, "a page of records");

/* Fills a page of zeroes that nobody sees yet. */
void page_init(struct page *page, uint32_t value, mode_t mode);

/* Is this a semaphore, of this layout and these words? */
bool page_is_semaphore(const struct page *page);

#endif
