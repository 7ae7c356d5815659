/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which OS processes have a shared semaphore: a record for each process (page.h), with the number of its references,
 * and of the waits that it began and ended. A process that opened the directory twice has two.
 *
 * A process that is killed leaves its record as it was. The record names the process's liveness (liveness.h), by which
 * others see that the process has ended. So nobody must clean up: numbers are sums over the records of living
 * processes. A new process takes a free record, or that of a dead process.
 *
 * The lock of a joint liveness may outlast its process. So the record also has the process's lifetime (os/lifetime.h),
 * with 10 bits of the liveness beside it, which tell it from the lifetime of the record's previous owner. A liveness
 * that isn't joint needs no lifetime. There those 10 bits say in which pid namespace the process has its pid; that of a
 * joint liveness says so itself.
 *
 * The first page of the file has the first records. When all of these are taken, the further pages are used, one after
 * another. The file has its full length from the start, but only pages that were written take memory. A process maps
 * further pages when the first page says that they are used. It needs no descriptor for that: the kernel makes a
 * second, longer mapping from the first one.
 *
 * KSEM_ORD_17: a waiter is counted in its process's record before it registers in the word, and counted off after it
 * has deregistered. So if no record changed while the sum was taken, the sum is no lower than the number of living
 * waiters. If the word has more waiters, some are dead (records_count_off_dead).
 */
#ifndef KSEM_SHARED_RECORDS_H
#define KSEM_SHARED_RECORDS_H

#include "shared/page.h"

struct directory;

/* The records of a file, as this process sees them. */
struct records {
	struct page *page; /* constant, as is bytes: mapped, or a copy */
	size_t bytes;      /* of the file, or of the copy */
	uint32_t pages;    /* that can have records, the first one included */
	atomic(struct page *)
		wide; /* atomic: a mapping of the whole file; NULL: not yet; MAP_FAILED: never. For a copy: the copy */
	uint32_t asks; /* of a copy: how many more questions whether a process lives may be asked */
};

/* A record of a process. */
struct record {
	struct holder *holder;
	uint32_t place; /* its index among the records of the file */
};

/* For a file whose first page is mapped. Records may be in its first `room` bytes. */
void records_init(struct records *records, struct page *page, size_t bytes, size_t room);

/*
 * For a copy of a file, which may lack pages at its end. All calls for it together ask for at most 8,192 processes
 * whether they live, and believe the other records.
 */
void records_init_copy(struct records *records, struct page *copy, size_t bytes);

/* Maps the whole file, if it isn't yet. It stays mapped until the records are closed. NULL: it can't be mapped. */
struct page *records_map(struct records *records);

/* From now on no call maps more. Returns the longer mapping, which the caller must unmap; NULL: there is none. */
struct page *records_close(struct records *records);

/* The same, if no other thread uses it: unmaps it, too. */
void records_discard(struct records *records);

/*
 * Takes a record for the process of that liveness, with that many references. ENOMEM: further records can't be mapped;
 * ENOSPC: the file system has no memory for them, or the file is full.
 */
int records_enter(struct records *records, const struct directory *directory, uint64_t liveness, uint32_t refs,
		  struct record *record);

/* Writes into the record of that liveness that it is the calling process's. */
void holder_say_process(struct holder *holder, const struct directory *directory, uint64_t liveness);

/* The number of its process in the caller's pid namespace; 0: it has none there, or nobody has written it yet. */
pid_t holder_pid(const struct holder *holder, const struct directory *directory);

/* Replaces the liveness of a record; 0 frees it. False: it has another one by now, which another process wrote. */
bool holder_change_liveness(struct holder *holder, uint64_t from, uint64_t to);

/*
 * A number for the process of a record, which the record's next owner doesn't get: for the entries of a line. The owner
 * calls records_renumber once, before it uses the number. records_is_gone: has the process of that number ended, or
 * lost its record? False also if that can't be found out.
 */
#define RECORD_PLACE_BITS 18

/* The place of its record. */
static inline uint32_t records_place_of(uint32_t number)
{
	return number & ((1u << RECORD_PLACE_BITS) - 1);
}

void records_renumber(const struct record *record);
uint32_t records_number(const struct record *record);
bool records_is_gone(struct records *records, const struct directory *directory, uint32_t number);

/* The references of all living processes. ENOMEM: further records can't be mapped. */
int records_refs(struct records *records, const struct directory *directory, uint32_t *refs);

/*
 * Has a living process a reference, apart from the caller's own record, at that place? UINT32_MAX: it has none. ENOMEM,
 * as above. If processes drop the last references at the same time, each first writing that it has none, at least one
 * of them sees that there are no others.
 */
int records_have_others(struct records *records, uint32_t own, const struct directory *directory, bool *others);

/*
 * Visits the record of each living process, in the order of their places. One that has no reference may still wait.
 * ENOMEM, as above.
 */
int records_for_all(struct records *records, const struct directory *directory,
		    void (*visit)(const struct record *record, void *arg), void *arg);

/* The waits that ever began on a semaphore without a line. Each record counts up to 2^32, and then begins anew. */
uint64_t records_waits(struct records *records);

/* How many of its threads wait on a semaphore without a line. */
uint32_t holder_waiting(const struct holder *holder);

/* Around a wait. */
void holder_begin_wait(struct holder *holder);
void holder_end_wait(struct holder *holder);

/* Counts dead waiters off, if all records can be read. */
void records_count_off_dead(struct records *records, const struct directory *directory);

#endif
