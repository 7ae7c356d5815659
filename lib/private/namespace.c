/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private namespaces: see namespace.h.
 *
 * Making a named semaphore looks for the name and adds it, under the namespace's lock. The table of names could decide
 * a race without the lock, but the losers would have taken places under max_sems meanwhile. Then at the limit, a call
 * could be refused because of a semaphore that is never made.
 */
#include "private/namespace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/rcu.h"
#include "object/holders.h"
#include "object/holder.h"
#include "object/names.h"
#include "object/own_wait.h"
#include "os/fork.h"
#include "private/lined.h"
#include "private/semaphore.h"

static struct numbers *numbers_of(struct ksem_ns *ns)
{
	return ((struct private_ns *)ns)->numbers;
}

static int enter(struct ksem_ns *ns, struct ids *ids, struct ksem **number)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	error = numbers_take_holder(numbers_of(ns), ids, number);
	pthread_mutex_unlock(&ns->lock);
	return error;
}

static bool name_exists(const struct ksem_ns *ns, const char *name, size_t length)
{
	bool exists;

	rcu_enter();
	exists = names_find(ns, name, length) != NULL;
	rcu_leave();
	return exists;
}

/* The steps that can fail. If one fails, the earlier ones are undone. Under the lock. */
static int make_locked(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		       struct reclaim *garbage)
{
	struct lined *lined = NULL;
	struct name *name = NULL;
	struct ksem *ksem;
	ksem_id_t id;
	int error;

	if (making->name && name_exists(ns, making->name, making->length))
		return EEXIST;
	error = numbers_take(numbers_of(ns), &ksem, &id);
	if (error)
		return error;
	if (making->name) {
		name = name_new(ns, ksem, making->name, making->length);
		if (!name)
			goto no_name;
	}
	if (!attributes_are_default(making->attributes)) {
		lined = private_lined_new(making);
		if (!lined)
			goto no_line;
	}
	if (ids_reserve(ids, garbage))
		goto no_room;
	object_init(ksem, making->owner, making->name, making->mode, making->value);
	if (lined)
		lined_attach(lined, ksem);
	if (name)
		life_take(&object_cold(ksem)->life, life_keep());
	object_cold(ksem)->name = name;
	ns->objects++;
	numbers_list(ksem);
	ids_own(ids, ksem, id);
	if (name)
		names_add(name);
	*made = ksem;
	return 0;

no_room:
	if (lined)
		private_lined_free(lined);
no_line:
	memory_free(name);
no_name:
	numbers_untake(numbers_of(ns), ksem);
	return ENOMEM;
}

static int make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		struct reclaim *garbage)
{
	int error;

	if (!attributes_are_default(making->attributes) && !line_works())
		return ENOTSUP;
	pthread_mutex_lock(&ns->lock);
	error = make_locked(ns, making, ids, made, garbage);
	pthread_mutex_unlock(&ns->lock);
	if (!error && making->name)
		names_make_room();
	return error;
}

static bool permits(const struct ksem *ksem, const struct ksem_cred *cred)
{
	return namespace_permits(&object_cold(ksem)->owner, object_mode(ksem), cred);
}

static int find(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		struct reclaim *garbage)
{
	int error;

	(void)garbage;
	rcu_enter();
	do {
		struct name *name = names_find(ns, making->name, making->length);

		*found = name ? name->ksem : NULL;
		if (!name)
			error = ENOENT;
		else if (exclusive)
			error = EEXIST;
		else if (!permits(*found, making->owner))
			error = EPERM;
		else
			error = life_take(&object_cold(*found)->life, life_refs(1));
	} while (error == EINVAL); /* after it was found, it was unlinked, and ended */
	rcu_leave();
	return error;
}

/* Frees a name that was taken out of the table, and drops its keep. */
static void drop_name(struct ksem_ns *ns, struct name *name, struct reclaim *garbage)
{
	struct ksem *ksem = name->ksem;

	pthread_mutex_lock(&ns->lock);
	object_cold(ksem)->name = NULL;
	pthread_mutex_unlock(&ns->lock);
	reclaim_add(garbage, &name->retired, name_bytes(name));
	namespace_drop(ns, ksem, life_keep(), garbage);
}

static int unlink_name(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
		       struct reclaim *garbage)
{
	struct name *name;
	int error = 0;

	rcu_enter();
	do {
		name = names_find(ns, bytes, length);
		if (!name)
			error = ENOENT;
		else if (!permits(name->ksem, cred))
			error = EPERM;
	} while (!error && !names_remove(name)); /* another thread took it out; there may be a new one */
	rcu_leave();
	if (!error)
		drop_name(ns, name, garbage);
	return error;
}

/* Any name that is left; NULL: none. */
static struct name *any_name(struct ksem_ns *ns, uint64_t *cursor)
{
	struct name *name = NULL;
	struct ksem *ksem;

	pthread_mutex_lock(&ns->lock);
	while (!name && (ksem = numbers_next(numbers_of(ns), cursor)))
		name = object_cold(ksem)->name;
	pthread_mutex_unlock(&ns->lock);
	return name;
}

static void drop_names(struct ksem_ns *ns, struct reclaim *garbage)
{
	uint64_t cursor = 0;
	struct name *name;

	while ((name = any_name(ns, &cursor))) {
		rcu_enter();
		names_remove(name); /* there is no process, so nobody else removes names */
		rcu_leave();
		drop_name(ns, name, garbage);
		reclaim_when_full(garbage);
	}
}

/* Under the lock. False: it is dead. */
static bool describe(struct ksem *ksem, struct ksem_info *info)
{
	const struct object_cold *cold = object_cold(ksem);

	memset(info, 0, sizeof(*info));
	info->limit = KSEM_VALUE_MAX;
	info->order = KSEM_BARGING;
	if ((object_has_line(ksem) || semaphore_snapshot(&ksem->sem, &info->value, &info->waiters)) &&
	    (!object_has_line(ksem) || private_lined_describe(ksem, info)))
		return false;
	if (word_is_shut(semaphore_word(&ksem->sem)))
		info->flags |= KSEM_SHUTDOWN;
	info->id = cold->id;
	if (cold->name)
		memcpy(info->name, cold->name->bytes, cold->name->length);
	info->refs = life_count_refs(load_rlx(&cold->life)); /* relaxed: a number to show */
	info->uid = cold->owner.uid;
	info->gid = cold->owner.gid;
	info->mode = object_mode(ksem);
	return true;
}

static int stat_of(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info)
{
	bool alive;

	pthread_mutex_lock(&ns->lock);
	alive = describe(ksem, info);
	pthread_mutex_unlock(&ns->lock);
	return alive ? 0 : EINVAL;
}

/* There is only one. */
static struct holders_process *this_process(struct holders *holders, uint32_t number)
{
	(void)number;
	return &holders->processes[0];
}

static int holders_of(struct ksem_ns *ns, struct ksem *ksem, struct holders *holders)
{
	struct holders_process *process = holders_add(holders);
	struct ksem_info info;
	bool alive;

	if (!process)
		return ENOMEM;
	pthread_mutex_lock(&ns->lock);
	alive = describe(ksem, &info);
	if (alive && object_has_line(ksem))
		holders_read_line(holders, &lined_of(ksem)->view, this_process);
	pthread_mutex_unlock(&ns->lock);
	if (!alive)
		return EINVAL;
	process->shown.pid = getpid();
	process->shown.refs = info.refs;
	process->shown.waiting = info.waiters;
	return 0;
}

static int foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg)
{
	uint64_t cursor = 0;
	struct ksem *ksem;
	struct ksem_info info;
	bool alive;
	int result;

	for (;;) {
		fork_gate_enter();
		pthread_mutex_lock(&ns->lock);
		ksem = numbers_next(numbers_of(ns), &cursor);
		alive = ksem && describe(ksem, &info);
		pthread_mutex_unlock(&ns->lock);
		fork_gate_leave();
		if (!ksem)
			return 0;
		result = alive ? visit(&info, arg) : 0;
		if (result)
			return result;
	}
}

/* ---- Ending. ---- */

static bool drop(struct ksem_ns *ns, struct ksem *ksem, life_t less)
{
	(void)ns;
	if (!life_drop(&object_cold(ksem)->life, less))
		return false;
	return object_has_line(ksem) ? object_abandon(ksem) : semaphore_abandon(&ksem->sem);
}

static void forget(struct ksem_ns *ns, struct ksem *ksem)
{
	pthread_mutex_lock(&ns->lock);
	numbers_unlist(numbers_of(ns), ksem);
	pthread_mutex_unlock(&ns->lock);
}

static void end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	numbers_unlist(numbers_of(ns), ksem);
	if (object_has_line(ksem))
		lined_retire_holders(lined_of(ksem), garbage);
	reclaim_add_ended(garbage, ksem, object_has_line(ksem) ? sizeof(struct private_lined) : 0);
}

static void free_all(struct ksem_ns *ns)
{
	numbers_drop(numbers_of(ns));
	namespace_fini(ns);
	memory_free(ns);
}

/* Counts off the waiters that the child hasn't got: it has one thread. */
static void child_after_fork(struct ksem_ns *ns, bool prepared, struct reclaim *garbage)
{
	uint64_t cursor = 0;
	struct ksem *ksem;

	(void)prepared;
	while ((ksem = numbers_next_in_child(numbers_of(ns), &cursor))) {
		bool ends = object_has_line(ksem) ? private_lined_after_fork(ksem) :
						    semaphore_after_fork(&ksem->sem, own_wait_of(ksem) != NULL);

		if (ends && namespace_end(ns, ksem, garbage))
			return;
	}
}

static const struct namespace_ops private_namespace_ops = {
	.semaphores = {[OBJECT_BARGING] = &private_semaphore_ops, [OBJECT_LINE] = &private_lined_ops},
	.enter = enter,
	.make = make,
	.find = find,
	.unlink = unlink_name,
	.drop = drop,
	.forget = forget,
	.end = end,
	.drop_names = drop_names,
	.free = free_all,
	.stat = stat_of,
	.holders = holders_of,
	.foreach = foreach,
	.child_after_fork = child_after_fork,
};

int private_namespace_new(const struct ksem_ns_options *options, struct ksem_ns **made)
{
	struct private_ns *ns = memory_alloc(sizeof(*ns), KSEM_CACHE_LINE);

	if (!ns)
		return ENOMEM;
	ns->numbers = numbers_new(&ns->ns, options->max_sems);
	if (!ns->numbers) {
		memory_free(ns);
		return ENOMEM;
	}
	namespace_init(&ns->ns, &private_namespace_ops, options);
	*made = &ns->ns;
	return 0;
}
