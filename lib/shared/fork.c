/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a fork's child inherits of a shared namespace.
 *
 * The child has what the parent had at the instant of the fork, whatever the parent does next. So the parent makes the
 * child's liveness lock, census locks and records before the fork. If the fork fails, the parent closes the spare, the
 * kernel drops the locks, and the records are those of a dead process.
 *
 * The child of a fork without handlers gets its locks and records at its first call that changes tables or sleeps.
 *
 * If the file system has no memory for a record, the child loses that semaphore: it is taken out of all tables, and
 * calls that still find it return EINVAL. A child without a liveness loses all semaphores.
 *
 * All of it runs with the fork gate shut: nobody else changes the tables.
 */
#include "object/holder.h"
#include "object/own_wait.h"
#include "shared/held.h"
#include "shared/census.h"
#include "shared/deaths.h"
#include "shared/liveness.h"
#include "shared/place.h"
#include "shared/semaphore.h"

/* Makes the child's record, with as many references as this process has. */
static void make_heir(struct ksem *ksem)
{
	struct shared *shared = shared_of(ksem);
	struct directory *directory = shared->directory;
	uint32_t refs = shared_own_refs(ksem);

	if (directory->heir && !shared_is_lost(ksem)) /* the liveness may have become joint */
		(void)own_record_move(&shared->record);
	shared->heir.holder = NULL;
	if (!directory->heir || records_enter(&shared->records, directory, directory->heir, refs, &shared->heir) != 0)
		shared->heir.holder = NULL;
	shared->heir_counted = shared->counted && census_add_heir(directory, shared->number);
}

void shared_ns_before_fork(struct ksem_ns *ns)
{
	place_refresh_locked(ns); /* with the gate shut, it needs no lock */
	for (struct directory *at = shared_ns_directory(shared_ns_of(ns)); at; at = at->older)
		liveness_before_fork(at);
	for (struct shared *shared = shared_ns_of(ns)->all; shared; shared = shared->next)
		make_heir(&shared->object.ksem);
}

void shared_ns_parent_after_fork(struct ksem_ns *ns)
{
	for (struct shared *shared = shared_ns_of(ns)->all; shared; shared = shared->next)
		shared->heir.holder = NULL;
	for (struct directory *at = shared_ns_directory(shared_ns_of(ns)); at; at = at->older)
		liveness_parent_after_fork(at);
}

/* Drops all references to a semaphore that this process has lost. True: that was the end of the namespace. */
static bool lose(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	uint32_t refs = life_count_refs(load_rlx(&object_cold(ksem)->life)); /* relaxed: the child has one thread */

	held_forget(ns, ksem, garbage);
	for (struct member *member = ns->members; member; member = member->next) {
		while (ids_find_listed(member->ids, object_id(ksem)) == ksem)
			ids_remove(member->ids, ksem, garbage);
	}
	return refs > 0 && held_drop(ns, ksem, life_refs(refs)) && namespace_end(ns, ksem, garbage);
}

/*
 * All entries in the line are the parent's. A thread that waits gets in line for itself when it looks next, if the
 * signal handler that forked returns. It must not do so before: the child may end in the handler, or execute a program,
 * and would take along what it was granted.
 */
static void come_into_line(struct shared *shared)
{
	struct ksem *ksem = &shared->object.ksem;
	struct own_wait *own = own_wait_of(ksem);

	if (!object_has_line(ksem))
		return;
	if (shared_is_lost(ksem))
		shared_lined_lose(shared_lined_of(ksem));
	if (lined_has_ledger(lined_of(ksem)))
		lined_new_accounts(lined_of(ksem), own);
	if (own)
		own->slot = 0;
}

/* Makes the heir's record the child's. Without one, uses no record, and a dead word. */
static void come_into_record(struct shared *shared)
{
	static struct plain dead = {.word = WORD_DEAD};

	if (shared->heir.holder)
		shared_enter_record(shared, &shared->heir);
	else if (!directory_liveness(shared->directory) || !shared_replace_record(shared)) {
		own_record_set_none(&shared->record);
		shared->object.sem = &dead;
	}
	shared->heir.holder = NULL;
	come_into_line(shared);
}

static void come_into_census(struct shared_ns *shared_ns, struct shared *shared, bool prepared)
{
	if (!shared->counted || (prepared && shared->heir_counted) ||
	    (!liveness_is_joint(directory_liveness(shared->directory)) &&
	     census_add(shared->directory, shared->number)))
		return; /* with a shared description, the parent's drop would take the lock away */
	shared->counted = false;
	shared_ns->counted--;
}

/*
 * `own`: of the child's only thread, if that waits on this semaphore; else NULL. `prepared`: make_heir ran. True: the
 * semaphore is an orphan, and the caller ends it.
 */
static bool inherit(struct ksem *ksem, bool prepared, struct own_wait *own)
{
	struct shared *shared = shared_of(ksem);
	bool waiting = own != NULL;
	word_t word = load_rlx(&ksem->sem.word); /* relaxed: the child has one thread */

	store_rlx(&shared->queued, 0); /* relaxed: as above; the queues are the parent's */
	if (!prepared)
		shared->heir.holder = NULL; /* another child's: another thread of the parent was about to fork */
	come_into_record(shared);
	if (word_is_orphan(word) && word_waiters(word) == 0)
		return !waiting; /* else that thread is about to end it, and will do so */
	store_rlx(&ksem->sem.word, word_after_fork(word, waiting)); /* relaxed: as above */
	if (word_is_orphan(word) && !waiting)
		return true;
	if (waiting && own->registered && !shared_is_lost(ksem)) {
		own->counted = own_record_begin_wait(&shared->record);
		plain_add_waiter(shared->object.sem, own->want);
	}
	return false;
}

void shared_ns_child_after_fork(struct ksem_ns *ns, bool prepared, struct reclaim *garbage)
{
	struct shared *next;
	bool ended = false;

	for (struct directory *at = shared_ns_directory(shared_ns_of(ns)); at; at = at->older) {
		liveness_child_after_fork(at, prepared);
		deaths_child_after_fork(at);
	}
	for (struct shared *shared = shared_ns_of(ns)->all; shared && !ended; shared = next) {
		struct ksem *ksem = &shared->object.ksem;

		next = shared->next;
		come_into_census(shared_ns_of(ns), shared, prepared);
		if (inherit(ksem, prepared, own_wait_of(ksem)))
			ended = namespace_end(ns, ksem, garbage);
		else if (shared_is_lost(ksem))
			ended = lose(ns, ksem, garbage);
	}
}
