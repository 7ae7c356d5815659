/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds a semaphore that OS processes share: a record for each process (page.h), with how many references it has
 * and how many waits it began and ended.
 *
 * A process that was killed leaves its record as it was. The record names the process's liveness (directory.h), by
 * which everybody can see that the process is gone. So nobody has to tidy up: numbers are sums over the records of the
 * living. A process that comes takes a record that is free, or one of a dead process.
 *
 * The lock of a joint liveness may outlast its process. So the record also says the process's lifetime (os/lifetime.h),
 * and 10 bits of the liveness beside it. These tell a process's lifetime from that of the record's previous owner.
 *
 * The first page of the file has the first records. When they are all taken, the file's further pages serve, one after
 * another; the file is as long as all of them from the start, and the file system gives memory to those that were
 * written to. A process maps them when the first page says that they are used. It needs no descriptor for that: the
 * kernel makes a second, longer mapping of the file from the first.
 *
 * KSEM_ORD_17: a waiter is counted in its record before it registers in the word, and counted off after it left. So a
 * sum over the records that nothing changed under is no lower than the number of waiters who live, and a word that has
 * more counts dead ones (records_count_off_dead).
 */
#ifndef KSEM_SHARED_RECORDS_H
#define KSEM_SHARED_RECORDS_H

#include "shared/page.h"

struct directory;

/* The records of a file, as this process sees them. */
struct records {
	struct page *page; /* constant, as is bytes: mapped, or a copy */
	size_t bytes;      /* of the file, or of the copy */
	atomic(struct page *)
		wide; /* atomic: maps all of the file; NULL: not yet; MAP_FAILED: never. Of a copy: itself */
};

/* A record of a process. */
struct record {
	struct holder *holder;
	uint32_t place; /* among the records of the file */
};

/* Of a file whose first page is mapped. */
void records_init(struct records *records, struct page *page, size_t bytes);

/* Of a copy of a file, whole or but for the pages at its end. */
void records_init_copy(struct records *records, struct page *copy, size_t bytes);

/* No look maps more from now on. What was mapped is the caller's to unmap: NULL, or that many bytes. */
struct page *records_close(struct records *records);

/* The same, where nobody else has it: unmaps. */
void records_discard(struct records *records);

/*
 * Takes a record for the process of that liveness, with so many references. ENOMEM: it can't be mapped; ENOSPC: there
 * is no memory for further records in the file system, or the file is full.
 */
int records_enter(struct records *records, const struct directory *directory, uint64_t liveness, uint32_t refs,
		  struct record *record);

/* Says that the record of that liveness is the calling process's. */
void records_say_process(const struct record *record, uint64_t liveness);

/* Makes another liveness of the calling process the record's. */
void records_change_liveness(const struct record *record, uint64_t liveness);

/* Gives one back, in which nothing is counted any more. */
void records_leave(struct record *record);

/* The references of all living processes. ENOMEM: further records can't be mapped. */
int records_refs(struct records *records, const struct directory *directory, uint32_t *refs);

/*
 * Has a living process a reference, besides what the caller's own record says? ENOMEM, as above. If the record says
 * that the caller has none (any more), then of processes that drop the last references at once one sees that.
 */
int records_have_others(struct records *records, const struct record *own, const struct directory *directory,
			bool *others);

/* Visits the record of each living process that has references. ENOMEM, as above. */
int records_for_all(struct records *records, const struct directory *directory,
		    void (*visit)(const struct holder *holder, void *arg), void *arg);

/* Around a wait. */
void holder_begin_wait(struct holder *holder);
void holder_end_wait(struct holder *holder);

/* Counts off the waiters that died waiting, if all records can be seen. */
void records_count_off_dead(struct records *records, const struct directory *directory);

#endif
