/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process has of a shared namespace: see held.h.
 */
#include "shared/held.h"

#include <errno.h>

#include "base/rcu.h"
#include "shared/census.h"
#include "shared/doubt.h"
#include "shared/place.h"

void held_drop_name(struct ksem *ksem, struct reclaim *garbage)
{
	struct name *name = object_cold(ksem)->name;

	if (!name)
		return;
	object_cold(ksem)->name = NULL;
	rcu_enter();
	names_remove(name);
	rcu_leave();
	reclaim_add(garbage, &name->retired, name_bytes(name));
}

void held_forget(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	if (shared_of(ksem)->forgotten)
		return;
	shared_of(ksem)->forgotten = true;
	ids_remove(&shared_ns_of(ns)->held, ksem, garbage);
	held_drop_name(ksem, garbage);
}

/* Has it still the name by which this process knows it? 0; ENOENT: no; or an error of the look into the directory. */
static int ask(struct ksem *ksem)
{
	struct shared *shared = shared_of(ksem);
	struct name *name = object_cold(ksem)->name;

	if (!name)
		return ENOENT;
	return doubt_ask(shared->directory, shared->page, name->bytes, name->length, shared->device, shared->number);
}

bool held_is_nameless(struct ksem *ksem)
{
	return ask(ksem) == ENOENT && !shared_is_dead(ksem);
}

struct name *held_name(struct ksem_ns *ns, const char *bytes, size_t length)
{
	struct name *name;

	rcu_enter();
	name = names_find(ns, bytes, length);
	rcu_leave();
	return name;
}

struct ksem *held_find_name(struct ksem_ns *ns, const char *bytes, size_t length, struct reclaim *garbage)
{
	struct name *name = held_name(ns, bytes, length);
	int error = name ? ask(name->ksem) : ENOENT;

	if (!error)
		return name->ksem;
	if (name && error == ENOENT)
		held_drop_name(name->ksem, garbage);
	return NULL;
}

void held_leave_census(struct ksem_ns *ns, struct shared *shared)
{
	if (!shared->counted)
		return;
	census_remove(shared->directory, shared->number);
	shared->counted = false;
	shared_ns_of(ns)->counted--;
}

/* Under the lock. In the usual case it makes no system call. */
static void tell_refs(struct ksem_ns *ns, struct ksem *ksem)
{
	if (unlikely(!own_record_is_there(&shared_of(ksem)->record)))
		place_need_record(ns, ksem);
	shared_tell_refs(ksem);
}

int held_take(struct ksem_ns *ns, struct ksem *ksem)
{
	int error = life_take(&object_cold(ksem)->life, life_refs(1));

	if (error == EINVAL)
		error = shared_adopt_orphan(ksem);
	if (!error)
		tell_refs(ns, ksem);
	return error;
}

bool held_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less)
{
	bool last;

	pthread_mutex_lock(&ns->lock);
	last = life_drop(&object_cold(ksem)->life, less) && object_abandon(ksem);
	if (!last)
		tell_refs(ns, ksem);
	pthread_mutex_unlock(&ns->lock);
	return last;
}

void held_tell_refs(struct ksem_ns *ns, struct ksem *ksem)
{
	pthread_mutex_lock(&ns->lock);
	tell_refs(ns, ksem);
	pthread_mutex_unlock(&ns->lock);
}
