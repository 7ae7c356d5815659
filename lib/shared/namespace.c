/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared namespaces: see namespace.h.
 */
#include "shared/namespace.h"

#include <errno.h>

#include "shared/held.h"
#include "shared/wait.h"
#include "shared/place.h"
#include "shared/listing.h"

static void forget(struct ksem_ns *ns, struct ksem *ksem)
{
	pthread_mutex_lock(&ns->lock);
	if (shared_is_dead(ksem)) /* else other processes have references to it */
		held_leave_census(ns, shared_of(ksem));
	pthread_mutex_unlock(&ns->lock);
}

/*
 * The census lock of an object that ends is dropped, or passed on to the newer object that this process has of the same
 * file.
 */
static void pass_on_census(struct ksem_ns *ns, struct shared *shared)
{
	struct ksem *ksem = ids_find_listed(&shared_ns_of(ns)->held, object_id(&shared->object.ksem));
	struct shared *next = ksem && shared_of(ksem)->number == shared->number ? shared_of(ksem) : NULL;

	if (!next) {
		held_leave_census(ns, shared);
	} else if (shared->counted) {
		shared_ns_of(ns)->counted -= next->counted;
		next->counted = true;
	}
}

static void end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	bool named = object_is_named(ksem) && !held_is_nameless(ksem);

	held_forget(ns, ksem, garbage);
	*shared_of(ksem)->prev = shared_of(ksem)->next;
	if (shared_of(ksem)->next)
		shared_of(ksem)->next->prev = shared_of(ksem)->prev;
	pass_on_census(ns, shared_of(ksem));
	shared_end(ksem);
	if (named)
		map_cache_add(&shared_ns_of(ns)->map_cache, shared_of(ksem), garbage);
	else
		map_cache_skip(shared_of(ksem), garbage);
}

/* The names stay in the directory. This process's table loses them with the semaphores. */
static void keep_names(struct ksem_ns *ns, struct reclaim *garbage)
{
	(void)ns, (void)garbage;
}

static void drop_cached(struct ksem_ns *ns, struct reclaim *garbage)
{
	map_cache_drop_all(&shared_ns_of(ns)->map_cache, garbage);
}

static void free_all(struct ksem_ns *ns)
{
	struct shared_ns *shared_ns = shared_ns_of(ns);
	struct reclaim garbage = RECLAIM_NONE;

	ids_retire(ids_take_all(&shared_ns->held), &garbage);
	map_cache_drop_all(&shared_ns->map_cache, &garbage);
	reclaim_free(garbage);
	place_close(shared_ns);
	pthread_mutex_destroy(&shared_ns->limit);
	namespace_fini(ns);
	memory_free(shared_ns);
}

static const struct namespace_ops shared_namespace_ops = {
	.semaphores = {[OBJECT_BARGING] = &shared_semaphore_ops, [OBJECT_LINE] = &shared_lined_ops},
	.with_ledger = &shared_ledger_ops,
	.has_common_ids = true,
	.make = shared_ns_make,
	.find = shared_ns_find,
	.unlink = shared_ns_unlink,
	.tell_refs = held_tell_refs,
	.drop = held_drop,
	.forget = forget,
	.end = end,
	.drop_names = keep_names,
	.drop_cached = drop_cached,
	.free = free_all,
	.stat = shared_ns_stat,
	.holders = shared_ns_holders,
	.foreach = shared_ns_foreach,
	.before_fork = shared_ns_before_fork,
	.parent_after_fork = shared_ns_parent_after_fork,
	.child_after_fork = shared_ns_child_after_fork,
};

int shared_namespace_new(const struct ksem_ns_options *options, struct ksem_ns **made)
{
	struct shared_ns *new = memory_alloc(sizeof(*new), KSEM_CACHE_LINE);
	int error;

	if (!new)
		return ENOMEM;
	namespace_init(&new->ns, &shared_namespace_ops, options);
	pthread_mutex_init(&new->limit, NULL);
	ids_init(&new->held);
	error = place_open(new, options->dir);
	if (error) {
		pthread_mutex_destroy(&new->limit);
		namespace_fini(&new->ns);
		memory_free(new);
		return error;
	}
	*made = &new->ns;
	return 0;
}
