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
#include "object/own_wait.h"
#include "shared/held.h"
#include "shared/census.h"
#include "shared/deaths.h"
#include "shared/liveness.h"
#include "shared/place.h"
#include "shared/semaphore.h"

void shared_ns_before_fork(struct ksem_ns *ns)
{
	place_refresh_locked(ns); /* with the gate shut, it needs no lock */
	for (struct directory *at = shared_ns_directory(shared_ns_of(ns)); at; at = at->older)
		liveness_before_fork(at);
	for (struct shared *shared = shared_ns_of(ns)->all; shared; shared = shared->next)
		shared_before_fork(&shared->object.ksem);
}

void shared_ns_parent_after_fork(struct ksem_ns *ns)
{
	for (struct shared *shared = shared_ns_of(ns)->all; shared; shared = shared->next)
		shared_after_fork(&shared->object.ksem);
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

static void come_into_census(struct shared_ns *shared_ns, struct shared *shared, bool prepared)
{
	if (!shared->counted || (prepared && shared->heir_counted) ||
	    (!liveness_is_joint(directory_liveness(shared->directory)) &&
	     census_add(shared->directory, shared->number)))
		return; /* with a shared description, the parent's drop would take the lock away */
	shared->counted = false;
	shared_ns->counted--;
}

void shared_ns_child_after_fork(struct ksem_ns *ns, bool prepared, struct reclaim *garbage)
{
	const struct own_wait *own;
	struct shared *next;

	for (struct directory *at = shared_ns_directory(shared_ns_of(ns)); at; at = at->older) {
		liveness_child_after_fork(at, prepared);
		deaths_child_after_fork(at);
	}
	for (struct shared *shared = shared_ns_of(ns)->all; shared; shared = next) {
		struct ksem *ksem = &shared->object.ksem;

		next = shared->next;
		come_into_census(shared_ns_of(ns), shared, prepared);
		own = own_wait_of(ksem);
		if (shared_in_child(ksem, prepared, own, own && own->registered) ?
			    namespace_end(ns, ksem, garbage) :
			    shared_is_lost(ksem) && lose(ns, ksem, garbage))
			return;
	}
}
