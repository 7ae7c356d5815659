/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This OS process's own record in the file of a shared semaphore (records.h).
 *
 * A program may close the directory's descriptor. Then other processes take this one for dead, and a newcomer may take
 * its record. So nothing is written into the record unless it still has the process's liveness. The process notices at
 * last when it opens the directory again (place.h). It then has a new liveness, and moves the record to that by a
 * compare-and-swap. So a newcomer that saw the old liveness, and found its lock gone, comes too late. If another
 * process was faster, this one takes a further record.
 *
 * Between a look at the record's liveness and the write after it, there is no system call. A newcomer that takes the
 * record in between finds its references, or its number of waiters, changed.
 *
 * Threads begin and end waits without a lock, while another thread moves the record or takes a further one. So each
 * thread remembers in which record it is counted, by the record's generation. KSEM_ORD_22: a thread that sees a further
 * record also sees its generation and liveness.
 */
#ifndef KSEM_SHARED_OWN_RECORD_H
#define KSEM_SHARED_OWN_RECORD_H

#include "shared/directory.h"
#include "shared/records.h"

struct own_record {
	const struct directory *directory; /* constant */
	atomic(struct holder *) holder;    /* atomic, as the next two; changed under the namespace's lock */
	atomic(uint64_t) liveness;         /* as whose the record was taken, or moved last */
	atomic(uint32_t) generation;       /* differs for each record; never 0 */
	uint32_t place;                    /* under the namespace's lock: of the record */
};

void own_record_init(struct own_record *own, const struct directory *directory);

/* The process has this record from now on, of the directory's liveness. */
void own_record_set(struct own_record *own, const struct record *record);

/* It has none. */
void own_record_set_none(struct own_record *own);

/* Does it have one, or has another process taken it, or was there none? */
bool own_record_is_there(const struct own_record *own);

/* Moves the record to the liveness that the directory has by now. False: the process has lost it. */
bool own_record_move(struct own_record *own);

/* Frees it; nothing is counted in it any more. */
void own_record_leave(const struct own_record *own);

/* Writes into it how many references this process has. */
void own_record_tell_refs(const struct own_record *own, uint32_t refs);

/* Writes into it that it is the calling process's. */
void own_record_say_process(const struct own_record *own);

/* Its place; UINT32_MAX: the process has none. */
uint32_t own_record_place(const struct own_record *own);

/*
 * Around a wait of one thread. The first returns in which record the thread is counted, for the other one; 0: in none.
 * own_record_counts: is it counted in the record that the process has by now?
 */
uint32_t own_record_begin_wait(const struct own_record *own);
void own_record_end_wait(const struct own_record *own, uint32_t counted);
bool own_record_counts(const struct own_record *own, uint32_t counted);

/* In which record a wait is counted that begins now. */
uint32_t own_record_generation(const struct own_record *own);

#endif
