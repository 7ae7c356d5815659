/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of a semaphore that OS processes share: one file, or one piece of memory that is inherited over fork().
 *
 * A header that says what it is, the semaphore itself (sem/plain.h), and who holds it: a record for each OS process,
 * with how many references it has and how many waits it began and ended. A process that was killed leaves its record
 * as it was; the record names the process's presence (share/directory.h), by which everybody can see that it is gone.
 * So what the dead held is counted no more, without anybody's having to tidy up: numbers are sums over the records of
 * the living. Who comes takes a record that is free, or a dead one's. When all are taken, it shares record 0, which
 * belongs to nobody in particular and whose numbers are never given up.
 *
 * Every process that may open the semaphore may write all of this. So nothing here is believed that could lead out of
 * the page: numbers are shown and compared, never used as places.
 *
 * KSEM_ORD_17: a waiter is counted in its record before it enlists in the word, and counted off after it left. So a sum
 * over the records that nothing changed under is no lower than the number of waiters who live, and a word that has more
 * counts dead ones (page_count_off_dead).
 */
#ifndef KSEM_SHARE_PAGE_H
#define KSEM_SHARE_PAGE_H

#include <sys/types.h>

#include "base/compiler.h"
#include "ksem/ksem.h"
#include "sem/plain.h"

#define PAGE_BYTES   4096
#define PAGE_HOLDERS 123

struct holder {
	atomic(uint64_t) presence;     /* atomic, as are the rest: whose; 0: free */
	atomic(uint32_t) pid;          /* to show */
	atomic(uint32_t) refs;         /* of the processes of the contract in that OS process */
	atomic(uint32_t) begun, ended; /* waits */
};

#define PAGE_IN_DOUBT UINT64_C(1)

struct page {
	char magic[8];          /* constant once the page can be found, as are the next three */
	uint32_t version;       /* of this layout */
	uint32_t order;         /* of bytes: PAGE_ORDER */
	atomic(uint32_t) mode;  /* as given to open; atomic, for it is read once */
	uint64_t made;          /* constant, too: nanoseconds of CLOCK_REALTIME */
	atomic(uint64_t) doubt; /* atomic: must those who have it ask whether its name stands? (doubt.h) */
	_Alignas(KSEM_CACHE_LINE) struct plain sem;
	_Alignas(KSEM_CACHE_LINE) struct holder holders[PAGE_HOLDERS];
};

_Static_assert(sizeof(struct page) <= PAGE_BYTES, "a page holds it all");

/* Fills a page of zeroes that nobody sees yet. */
void page_init(struct page *page, uint32_t value, mode_t mode);

/* Is this a semaphore, of this layout and these words? */
bool page_is_semaphore(const struct page *page);

/* Tells whether the process of that presence is there; `directory` is what the caller knows it by. */
struct directory;

/* A record for this OS process. Never fails. */
struct holder *page_enter(struct page *page, struct directory *directory);

/* Gives the record back, in which nothing is counted any more. */
void page_leave(struct page *page, struct holder *holder);

/* References of the living, `except` one record. */
uint32_t page_refs(struct page *page, const struct holder *except, struct directory *directory);

/* Around a wait. */
void holder_begin_wait(struct holder *holder);
void holder_end_wait(struct holder *holder);

/* Counts off the waiters that died waiting. */
void page_count_off_dead(struct page *page, struct directory *directory);

#endif
