/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of a shared semaphore: the first page of its file.
 *
 * It has a header, the semaphore itself (word/plain.h), and a record for each OS process that has it (records.h). The
 * file has room for more records in further pages. A semaphore that was made with other than the default attributes has
 * a line (shared/lined.h), at PAGE_LINE_AT in the file; the word here is dead then.
 *
 * Every process that may open the semaphore may write anything to it. So the library uses nothing in it as an address
 * or as an unchecked index: it shows and compares numbers. Only `more` is an index, and the file's length bounds it.
 */
#ifndef KSEM_SHARED_PAGE_H
#define KSEM_SHARED_PAGE_H

#include <sys/types.h>

#include "base/compiler.h"
#include "ksem/ksem.h"
#include "line/state.h"
#include "object/making.h"
#include "object/metrics.h"
#include "wait/plain.h"

#define PAGE_VERSION 8 /* of this layout */
#define PAGE_BYTES   4096
#define PAGE_HOLDERS 120
#define MORE_HOLDERS 127

#define FILE_BYTES   (UINT32_C(16) << 20) /* sparse; has records for half a million processes */
#define PAGE_LINE_AT (UINT32_C(8) << 20)  /* in a file with a line, what is left of records ends there */

struct holder {
	atomic(uint64_t) liveness;     /* atomic, as are the rest: its process's; 0: the record is free */
	atomic(uint32_t) pid;          /* to show */
	atomic(uint32_t) refs;         /* references of all ksem_procs in that OS process */
	atomic(uint32_t) begun, ended; /* waits; of one that has a line: both say how often the record was taken */
	atomic(uint64_t) lifetime;     /* of the process, if its liveness is joint (records.h); 0: not written yet */
};

#define PAGE_IN_DOUBT UINT64_C(1)

struct page {
	char magic[8];            /* constant once the page can be found, as are the next three */
	uint32_t version;         /* of the layout: PAGE_VERSION */
	uint32_t order;           /* of bytes: PAGE_ORDER */
	atomic(uint32_t) mode;    /* as given to open; atomic, so that it is read only once */
	uint64_t made;            /* constant, too: nanoseconds of CLOCK_REALTIME */
	atomic(uint64_t) doubt;   /* atomic: must processes ask whether it still has its name? (doubt.h) */
	atomic(uint32_t) more;    /* atomic: further pages that are in use */
	atomic(uint32_t) entered; /* atomic: counts each time that a record was taken */
	_Alignas(KSEM_CACHE_LINE) struct plain sem;
	_Alignas(KSEM_CACHE_LINE) struct {
		atomic(uint32_t) limit, order, flags, limited;
	} made_with; /* constant once the page can be found: as struct attributes; atomic, as mode */
	uint64_t unused[14];
	struct holder holders[PAGE_HOLDERS];
};

_Static_assert(sizeof(struct page) == PAGE_BYTES, "a page holds it all");

/* A further page of the file. */
struct more {
	uint64_t touched[4]; /* the kernel writes here first (records.c) */
	struct holder holders[MORE_HOLDERS];
};

_Static_assert(sizeof(struct more) == PAGE_BYTES, "a page of records");

/* What a file with a line has at PAGE_LINE_AT, to its end (lined.h). */
struct page_line {
	struct line line;
	struct lined_metrics metrics;
	_Alignas(1024) struct line_entry entries[LINE_ENTRIES];
};

_Static_assert(offsetof(struct page_line, entries) == 1024, "a chunk of entries begins a page, or shares the first");
_Static_assert(sizeof(struct page_line) == FILE_BYTES - PAGE_LINE_AT, "to the end of the file");

/* Is nothing in it yet? */
bool page_is_blank(const struct page *page);

/* Fills a page of zeroes that nobody sees yet. */
void page_init(struct page *page, const struct making *making);

/* The same of its line: of the first PAGE_BYTES of it. */
void page_init_line(struct page_line *line, const struct making *making);

/*
 * Copies a line from its file: as much as is in use. The caller frees *line by memory_free, also after an error. 0,
 * ENOMEM, EINVAL: the file has none; or the kernel's error.
 */
int page_read_line(int fd, struct page_line **line, size_t *bytes);

/* What the semaphore was made with. False: there are no such semaphores in this version, or on this processor. */
bool page_attributes(const struct page *page, struct attributes *attributes);

/* The version of a semaphore's layout, this or another; 0: it is no semaphore, or of another byte order. */
uint32_t page_version(const struct page *page);

/* Is this a semaphore of this layout and byte order? */
bool page_is_semaphore(const struct page *page);

#endif
