/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shared semaphore in this OS process: a struct ksem, and the page that all processes share (page.h). This is the
 * other kind beside private/semaphore.h. Its algorithm is that of the plain semaphore (word/plain.h, wait/plain.h), on
 * the page's word.
 *
 * Callers tell such a semaphore from a private one by a bit of its address, or of its process's (KSEM_INLINE_PRIVATE).
 * They look at that bit first, and then use the page's word. <ksem/inline.h> calls the library.
 *
 * If it has a line (lined.h), that is in the file, and the page's word is dead.
 *
 * The word of the struct ksem itself is dead from the start. The rest of it counts the waiters of this process, and
 * says whether anything but waiters keeps the semaphore alive here (`orphan`). Both are in one word, so a waiter leaves
 * by one atomic operation, without a lock, and a fork's child finds no wait half counted. The last waiter of an orphan
 * ends it, unless somebody opens the file again before that.
 */
#ifndef KSEM_SHARED_SEMAPHORE_H
#define KSEM_SHARED_SEMAPHORE_H

#include "object/object.h"
#include "shared/file.h"
#include "shared/own_record.h"
#include "shared/lined.h"
#include "shared/records.h"

struct shared {
	struct object_shared object; /* its `sem` is the page's */
	struct mapping mapping;         /* as object.retired */
	struct mapping wide_mapping;
	struct page *page;           /* constant after creation, as are device, number and directory */
	struct records records;      /* of the file */
	struct own_record record;    /* this process's */
	struct record heir;          /* the child's, from before a fork to after it; holder NULL: none */
	bool heir_counted;           /* the child has a census lock, too */
	struct shared *next, **prev; /* under the namespace's lock: all that haven't ended */
	struct directory *directory;
	dev_t device;
	ino_t number;
	uint32_t name_hash;      /* constant: of the name by which it was found; 0: by none */
	bool forgotten;          /* under the namespace's lock: out of its tables */
	bool counted;            /* the same: this process has a census lock for it (census.h) */
	atomic(uint32_t) tidied; /* atomic: the second in which dead waiters were last looked for */
	atomic(uint32_t) queued; /* atomic: how many waits of queues are registered in the page's word (queued.h) */
};

_Static_assert(offsetof(struct shared, object) == 0, "it is such an object");

/* One that has a line. */
struct shared_with_line {
	struct shared shared;
	struct shared_lined lined;
};

static inline struct shared *shared_of(struct ksem *ksem)
{
	return (struct shared *)object_shared_of(ksem);
}

/*
 * Makes one with one reference, for a file that was opened or made. The caller sets the name, and puts it into the
 * tables. ENOMEM; ENOSPC: there is no room for this process's record.
 */
int shared_new(struct ksem_ns *ns, struct directory *directory, const struct file *file, bool named,
	       struct ksem **made);

/* Undoes shared_new, while no other thread has seen the object. The file stays mapped. */
void shared_discard(struct ksem *ksem);

/* Ends it in this process: frees the record. The caller frees the memory and the page (map_cache.h). */
void shared_end(struct ksem *ksem);

/* Puts its memory on the list, but not its page. */
void shared_retire(struct ksem *ksem, struct reclaim *garbage);

/* How many references this process has. Under the namespace's lock, or with the fork gate shut. */
uint32_t shared_own_refs(const struct ksem *ksem);

/* The process has this record from now on. */
void shared_enter_record(struct shared *shared, const struct record *record);

/* Takes a further record, since another process has taken the one before. False: there is no room. */
bool shared_replace_record(struct shared *shared);

/* Writes into the record how many references this process has, if it has one. Under the namespace's lock. */
void shared_tell_refs(struct ksem *ksem);

/* References in all processes. ENOMEM. */
int shared_refs(struct ksem *ksem, uint32_t *refs);

/*
 * For the last reference in this process: makes the word dead, if no other process has a reference. 0: the reference
 * counts as dropped. EBUSY: a thread waits; ENOMEM: unknown, since records can't be mapped; the reference stays. Under
 * the namespace's lock.
 */
int shared_kill(struct ksem *ksem);

/* As the operations (object/kind.h). */
int shared_post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by);
int shared_take(struct ksem *ksem);
int shared_take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by);
int shared_take_soon(struct ksem *ksem);
int shared_value(struct ksem *ksem, uint32_t *value);
int shared_shut_down(struct ksem *ksem);

/* Value, waiters that live, limit, order and flags, at one instant of the call. EINVAL: it is dead. */
int shared_describe(struct ksem *ksem, struct ksem_info *info);

/* Can nothing be posted or taken any more? */
bool shared_is_dead(struct ksem *ksem);

/* The number of living waiters. */
uint32_t shared_waiters(struct ksem *ksem);

/*
 * The wait itself, as plain_take_or_register, plain_arm_shared and plain_leave. This process's record counts the
 * thread while it is registered, where *counted says. It wants n permits. shared_deregister is EINVAL if the semaphore
 * is dead nevertheless.
 *
 * `seen`: shared_is_present, and shared_count_again was called since. If not, other processes may count the thread off
 * at any time. Then the thread looks for permits by itself, and doesn't count itself off, since that could count off
 * another waiter.
 */
int shared_take_or_register(struct ksem *ksem, uint32_t n, uint32_t *counted);
int shared_arm(struct ksem *ksem, struct waiter *waiter, bool seen);
int shared_deregister(struct ksem *ksem, uint32_t n, bool give_up, bool seen, uint32_t counted);

/* As plain_renounce. */
void shared_renounce(struct ksem *ksem, bool seen, uint32_t counted);

/* Takes one reference to an orphan. EINVAL: it is being ended. Under the namespace's lock. */
int shared_adopt_orphan(struct ksem *ksem);

/* Does this process have its liveness lock, and a record? */
bool shared_is_present(struct ksem *ksem);

/*
 * Call it when this process has another liveness, after it had none for a while. If another process has taken its
 * record meanwhile, takes a further one, and wakes its waiters, so that they count themselves again. If there is no
 * room, the process has no record, until a later call finds room. Under the namespace's lock.
 */
void shared_come_back(struct ksem *ksem);

/* Counts a waiter again that is registered, but isn't counted in the record that the process has by now. */
void shared_count_again(struct ksem *ksem, uint32_t want, uint32_t *counted);

/*
 * Has this fork's child lost the semaphore, because there is no record for it? Calls that still find it return EINVAL,
 * and so does a wait that was in progress.
 */
bool shared_is_lost(struct ksem *ksem);

#endif
