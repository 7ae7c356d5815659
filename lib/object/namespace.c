/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Namespaces of any kind: see namespace.h.
 *
 * A semaphore ends in these steps: nothing keeps it alive any more (life.h, word.h); its kind takes it out of its
 * tables; its memory is retired; an epoch passes; its memory is freed.
 */
#include "object/namespace.h"

#include <errno.h>
#include <sys/stat.h>

#include "object/names.h"

static pthread_mutex_t namespaces_lock = PTHREAD_MUTEX_INITIALIZER; /* inside the fork gate; nothing inside it */
static struct ksem_ns *namespaces;                                  /* under namespaces_lock */

void namespace_init(struct ksem_ns *ns, const struct namespace_ops *ops, const struct ksem_ns_options *options)
{
	*ns = (struct ksem_ns){.ops = ops, .max_name = options->max_name, .max_sems = options->max_sems};
	pthread_mutex_init(&ns->lock, NULL);
}

void namespace_fini(struct ksem_ns *ns)
{
	pthread_mutex_destroy(&ns->lock);
}

bool namespace_publish(struct ksem_ns *ns)
{
	bool started;

	pthread_mutex_lock(&namespaces_lock);
	started = names_start();
	slots_start();
	if (started) {
		ns->next = namespaces;
		ns->prev = &namespaces;
		if (ns->next)
			ns->next->prev = &ns->next;
		namespaces = ns;
	}
	pthread_mutex_unlock(&namespaces_lock);
	return started;
}

static void leave_list(struct ksem_ns *ns)
{
	pthread_mutex_lock(&namespaces_lock);
	*ns->prev = ns->next;
	if (ns->next)
		ns->next->prev = ns->prev;
	pthread_mutex_unlock(&namespaces_lock);
}

void namespace_for_all(void (*call)(struct ksem_ns *ns))
{
	for (struct ksem_ns *ns = namespaces, *next; ns; ns = next) {
		next = ns->next;
		call(ns);
	}
}

__attribute__((constructor)) static void start(void)
{
	names_start();
}

static void namespace_free(struct ksem_ns *ns)
{
	leave_list(ns);
	reclaim_free(reclaim_take(&ns->retired));
	ns->ops->free(ns);
}

void namespace_pool(struct ksem_ns *ns, struct reclaim *garbage)
{
	reclaim_join(&ns->retired, garbage);
	if (reclaim_is_full(&ns->retired))
		*garbage = reclaim_take(&ns->retired);
}

bool namespace_reclaim(struct ksem_ns *ns)
{
	struct reclaim garbage;
	bool any;

	pthread_mutex_lock(&ns->lock);
	if (ns->ops->drop_cached)
		ns->ops->drop_cached(ns, &ns->retired);
	garbage = reclaim_take(&ns->retired);
	pthread_mutex_unlock(&ns->lock);
	any = garbage.blocks > 0;
	reclaim_free(garbage);
	return any;
}

void namespace_enter(struct ksem_ns *ns, struct member *member)
{
	pthread_mutex_lock(&ns->lock);
	member->next = ns->members;
	member->prev = &ns->members;
	if (member->next)
		member->next->prev = &member->next;
	ns->members = member;
	pthread_mutex_unlock(&ns->lock);
}

void namespace_leave(struct ksem_ns *ns, struct member *member, struct reclaim *garbage)
{
	pthread_mutex_lock(&ns->lock);
	*member->prev = member->next;
	if (member->next)
		member->next->prev = member->prev;
	namespace_pool(ns, garbage);
	pthread_mutex_unlock(&ns->lock);
}

bool namespace_end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	slots_t slots = percpu_take_slots(&ksem->sem);
	bool last;

	pthread_mutex_lock(&ns->lock);
	ns->ops->end(ns, ksem, garbage);
	if (slots)
		reclaim_add_slots(garbage, slots);
	namespace_pool(ns, garbage);
	last = --ns->objects == 0 && ns->closed;
	pthread_mutex_unlock(&ns->lock);
	if (last)
		namespace_free(ns);
	return last;
}

void namespace_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less, struct reclaim *garbage)
{
	if (ns->ops->drop(ns, ksem, less))
		namespace_end(ns, ksem, garbage);
}

void namespace_unpin(struct ksem *ksem)
{
	struct reclaim garbage = RECLAIM_NONE;

	namespace_drop(object_ns(ksem), ksem, life_keep(), &garbage);
	reclaim_free(garbage);
}

bool namespace_permits(const struct ksem_cred *owner, mode_t mode, const struct ksem_cred *cred)
{
	return (cred->uid == owner->uid && mode & S_IWUSR) || (cred->gid == owner->gid && mode & S_IWGRP) ||
	       mode & S_IWOTH || cred->uid == 0;
}

int namespace_destroy(struct ksem_ns *ns)
{
	struct reclaim garbage = RECLAIM_NONE;
	bool last;

	pthread_mutex_lock(&ns->lock);
	if (ns->members) {
		pthread_mutex_unlock(&ns->lock);
		return EBUSY;
	}
	ns->objects++; /* counts this call */
	ns->closed = true;
	pthread_mutex_unlock(&ns->lock);

	ns->ops->drop_names(ns, &garbage);

	pthread_mutex_lock(&ns->lock);
	reclaim_join(&garbage, &ns->retired);
	last = --ns->objects == 0;
	pthread_mutex_unlock(&ns->lock);
	reclaim_free(garbage);
	if (last)
		namespace_free(ns);
	return 0;
}

/* ---- Around a fork. ---- */

static void before_fork(struct ksem_ns *ns)
{
	if (ns->ops->before_fork)
		ns->ops->before_fork(ns);
}

static void parent_after_fork(struct ksem_ns *ns)
{
	if (ns->ops->parent_after_fork)
		ns->ops->parent_after_fork(ns);
}

static void child_after_fork(struct ksem_ns *ns, bool prepared)
{
	struct reclaim garbage = RECLAIM_NONE;

	ns->ops->child_after_fork(ns, prepared, &garbage);
	reclaim_free(garbage);
}

static void prepared_child_after_fork(struct ksem_ns *ns)
{
	child_after_fork(ns, true);
}

static void unprepared_child_after_fork(struct ksem_ns *ns)
{
	child_after_fork(ns, false);
}

void namespaces_before_fork(void)
{
	namespace_for_all(before_fork);
}

void namespaces_parent_after_fork(void)
{
	namespace_for_all(parent_after_fork);
}

void namespaces_child_after_fork(bool prepared)
{
	namespace_for_all(prepared ? prepared_child_after_fork : unprepared_child_after_fork);
}
