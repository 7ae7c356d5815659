/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A semaphore that OS processes share, as this one has it: a struct ksem of its own, with the page (page.h) behind it.
 *
 * The word of that struct ksem is dead from the start: so who goes by it, as the sequences of <ksem/inline.h> do, is
 * refused. Those of ids.h look first whether it is a shared one, and go on in the page.
 *
 * The rest of that word counts this process's threads that wait, once they have spun, and says whether anything but
 * them keeps the semaphore (`orphan`). One word holds both, so a waiter leaves by one atomic operation, without a lock,
 * and a fork's child finds no wait half counted. The last waiter of an orphan ends it. Who opens the file again
 * before that takes the orphan back.
 */
#ifndef KSEM_SHARED_SEMAPHORE_H
#define KSEM_SHARED_SEMAPHORE_H

#include "object/object.h"
#include "shared/file.h"
#include "shared/records.h"

struct shared {
	struct object_elsewhere object; /* its `sem` is the page's */
	struct mapping mapping;         /* as object.ksem.retired */
	struct mapping wide_mapping;
	struct page *page;           /* constant after creation, as are device, number and directory */
	struct records records;      /* of the page */
	struct record record;        /* constant, but in a fork's child: this process's */
	struct record heir;          /* while a fork is under way: the child's; holder NULL: none */
	bool heir_counted;           /* the child has its census lock, too */
	struct shared *next, **prev; /* under the namespace's lock: all that haven't ended */
	struct directory *directory;
	dev_t device;
	ino_t number;
	uint32_t name_hash;      /* constant: of the name by which it was found; 0: by none */
	bool forgotten;          /* under the namespace's lock: out of its tables */
	bool counted;            /* the same: this process has its census lock (census.h) */
	atomic(uint32_t) tidied; /* atomic: the second in which dead waiters were last looked for */
};

_Static_assert(offsetof(struct shared, object.ksem) == 0, "it is a struct ksem");

static inline struct shared *shared_of(struct ksem *ksem)
{
	return (struct shared *)ksem;
}

/*
 * One with one reference, for a file that was opened or made; name and namespace's tables are the caller's. ENOMEM;
 * ENOSPC: no record can be had for this process.
 */
int shared_new(struct ksem_ns *ns, struct directory *directory, const struct file *file, bool named,
	       struct ksem **made);

/* Undoes it, while nobody else has seen it. The file stays mapped. */
void shared_discard(struct ksem *ksem);

/*
 * Its end in this process: gives the record back. The caller gives back its memory and its page (map_cache.h).
 */
void shared_end(struct ksem *ksem);

/* Gives to the list what it has but for its page. */
void shared_retire(struct ksem *ksem, struct reclaim *garbage);

/* Says in the page how many references this process has. Under the namespace's lock. */
void shared_tell_refs(struct ksem *ksem);

/* References in all processes. ENOMEM. */
int shared_refs(struct ksem *ksem, uint32_t *refs);

/*
 * Of the last reference in this process: ends posts and takes, if no process has another. 0; EBUSY: a thread waits;
 * ENOMEM: it can't be found out. Where it fails the reference is as it was, else as if it had been dropped. Under the
 * namespace's lock.
 */
int shared_kill(struct ksem *ksem);

/* As the calls of the contract. In a read section, or pinned. */
int shared_post(struct ksem *ksem, uint32_t n);
int shared_take(struct ksem *ksem);
int shared_take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took); /* as semaphore_take_some */

/* As the operations take_soon and spin_again. */
int shared_take_soon(struct ksem *ksem, struct spin *spin);
bool shared_spin_again(struct ksem *ksem, struct spin *spin);

int shared_value(struct ksem *ksem, uint32_t *value);

/* 0: value, and waiters that live, at one instant of the call; EINVAL. */
int shared_snapshot(struct ksem *ksem, uint32_t *value, uint32_t *waiters);

/* Waiters that live. */
uint32_t shared_waiters(struct ksem *ksem);

/*
 * Around a wait, of one thread, once it has spun. Enter: 0; EINVAL: it is being ended. Leave is true where nothing else
 * keeps the semaphore: the caller ends it.
 */
int shared_enter(struct ksem *ksem);
bool shared_leave(struct ksem *ksem);

/*
 * The wait itself, as plain_take_or_register, plain_sleep_shared and plain_leave; this process's record counts the
 * thread for as long as it is registered. shared_deregister is EINVAL where the semaphore is dead all the same.
 *
 * `seen`: this process holds its liveness lock. If it doesn't, other processes may count the thread off at any time:
 * so it looks for permits by itself, and doesn't count itself off, for that could count off another.
 */
int shared_take_or_register(struct ksem *ksem);
int shared_sleep(struct ksem *ksem, const struct deadline *deadline, bool seen);
int shared_deregister(struct ksem *ksem, bool give_up, bool seen);

/* Nothing but waiters keeps it any more. True: nor do they, and the caller ends it. Under the namespace's lock. */
bool shared_abandon(struct ksem *ksem);

/* One reference to what only waiters keep. EINVAL: it is being ended. Under the namespace's lock. */
int shared_take_back(struct ksem *ksem);

/*
 * This process's liveness had gone for a while, and is there again. Others may have taken its record meanwhile, and
 * counted its waiters off: takes another record, and counts them again. Under the namespace's lock. ENOMEM, ENOSPC.
 */
int shared_come_back(struct ksem *ksem);

/*
 * Before a fork: a record for the child, with as many references as this process has; from then on the child has them,
 * whatever this process does. After it, in the parent: forgets that.
 */
void shared_before_fork(struct ksem *ksem);
void shared_after_fork(struct ksem *ksem);

/*
 * In the child, whose one thread is in a wait here or not, and registered or not. `prepared`: shared_before_fork ran
 * for it. True: it is an orphan, and the caller ends it.
 */
bool shared_in_child(struct ksem *ksem, bool prepared, bool waiting, bool registered);

/*
 * In a child for which there is no record: it hasn't the semaphore. Calls that still find it are answered EINVAL, and a
 * wait that is under way ends so.
 */
bool shared_is_lost(struct ksem *ksem);

#endif
