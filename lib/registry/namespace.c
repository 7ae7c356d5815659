/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Namespaces: see namespace.h.
 *
 * Making a named semaphore is looking for the name and adding it, under the namespace's lock. A race to create could be
 * had without (adding to the table of names is lock-free, and one wins), but the losers would have taken places under
 * max_sems meanwhile, and at the limit somebody would be refused for a semaphore that nobody made.
 *
 * The end of a semaphore, in order: nothing keeps it (life, and its word, say so: see life.h, word.h), its slot is
 * free, its memory is retired, an epoch passes, its memory is freed.
 */
#include "registry/namespace.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rcu.h"
#include "base/sized.h"
#include "os/fork.h"
#include "object/names.h"
#include "registry/process.h"
#include "shared/sharing.h"

#define MAX_SEMS_DEFAULT (UINT32_C(1) << 20)

static pthread_mutex_t namespaces_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ksem_ns *namespaces; /* under namespaces_lock */

/* False: there is no memory for what all namespaces share. */
static bool enter_list(struct ksem_ns *ns)
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

/* What the caller wants, in *options; NULL: the defaults. EINVAL. */
static int read_options(const struct ksem_ns_options *wanted, struct ksem_ns_options *options)
{
	static const size_t ends[] = {
		SIZED_END(struct ksem_ns_options, size),
		SIZED_END(struct ksem_ns_options, dir),
		SIZED_END(struct ksem_ns_options, max_sems),
		SIZED_END(struct ksem_ns_options, max_name),
	};

	*options = (struct ksem_ns_options){0};
	if (wanted && sized_read(SIZED(ends), options, wanted) != 0)
		return EINVAL;
	if (options->max_name == 1 || options->max_name > KSEM_NAME_MAX)
		return EINVAL;
	if (!options->max_sems)
		options->max_sems = MAX_SEMS_DEFAULT;
	if (!options->max_name)
		options->max_name = KSEM_NAME_MAX;
	return 0;
}

int namespace_create(const struct ksem_ns_options *wanted, struct ksem_ns **created)
{
	struct ksem_ns_options options;
	struct ksem_ns *ns;
	int error = read_options(wanted, &options);

	if (error)
		return error;
	ns = memory_alloc(sizeof(*ns), KSEM_CACHE_LINE);
	if (!ns)
		return ENOMEM;
	pthread_mutex_init(&ns->lock, NULL);
	numbers_init(&ns->numbers, options.max_sems);
	ns->max_name = options.max_name;
	error = options.dir ? sharing_new(options.dir, &ns->sharing) : 0;
	if (error)
		goto no_directory;
	error = ENOMEM;
	if (!enter_list(ns))
		goto no_names;
	*created = ns;
	return 0;

no_names:
	if (ns->sharing)
		sharing_free(ns->sharing);
no_directory:
	pthread_mutex_destroy(&ns->lock);
	memory_free(ns);
	return error;
}

static void namespace_free(struct ksem_ns *ns)
{
	leave_list(ns);
	reclaim_free(reclaim_take(&ns->retired));
	if (ns->sharing)
		sharing_free(ns->sharing);
	numbers_fini(&ns->numbers);
	pthread_mutex_destroy(&ns->lock);
	memory_free(ns);
}

/* Adds the caller's garbage to the namespace's, of which a full list becomes the caller's. */
static void pool_garbage(struct ksem_ns *ns, struct reclaim *garbage)
{
	reclaim_join(&ns->retired, garbage);
	if (reclaim_is_full(&ns->retired))
		*garbage = reclaim_take(&ns->retired);
}

void namespace_add(struct ksem_ns *ns, struct ksem_proc *proc)
{
	pthread_mutex_lock(&ns->lock);
	proc->next = ns->procs;
	proc->prev = &ns->procs;
	if (proc->next)
		proc->next->prev = &proc->next;
	ns->procs = proc;
	pthread_mutex_unlock(&ns->lock);
}

void namespace_remove(struct ksem_ns *ns, struct ksem_proc *proc, struct reclaim *garbage)
{
	pthread_mutex_lock(&ns->lock);
	*proc->prev = proc->next;
	if (proc->next)
		proc->next->prev = proc->prev;
	reclaim_add(garbage, &proc->retired, sizeof(*proc));
	pool_garbage(ns, garbage);
	pthread_mutex_unlock(&ns->lock);
}

bool namespace_end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	slots_t slots = percpu_take_slots(&ksem->sem);
	bool last;

	pthread_mutex_lock(&ns->lock);
	if (ns->sharing) {
		sharing_end(ns, ksem, garbage);
	} else {
		numbers_give(&ns->numbers, ksem->id);
		reclaim_add(garbage, &ksem->retired, sizeof(*ksem));
	}
	if (slots)
		reclaim_add_slots(garbage, slots);
	pool_garbage(ns, garbage);
	last = --ns->objects == 0 && ns->closed;
	pthread_mutex_unlock(&ns->lock);
	if (last)
		namespace_free(ns);
	return last;
}

void namespace_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less, struct reclaim *garbage)
{
	bool last = ns->sharing ? sharing_drop(ns, ksem, less) :
				  life_drop(&ksem->life, less) && semaphore_abandon(&ksem->sem);

	if (last)
		namespace_end(ns, ksem, garbage);
}

void namespace_unpin(struct ksem *ksem)
{
	struct reclaim garbage = RECLAIM_NONE;

	namespace_drop(ksem->ns, ksem, life_keep(), &garbage);
	reclaim_free(garbage);
}

void namespace_forget(struct ksem_ns *ns, struct ksem *ksem)
{
	if (ns->sharing) {
		sharing_forget(ns, ksem);
		return;
	}
	pthread_mutex_lock(&ns->lock);
	numbers_give(&ns->numbers, ksem->id);
	pthread_mutex_unlock(&ns->lock);
}

static bool name_exists(const struct ksem_ns *ns, const char *name, size_t length)
{
	bool exists;

	rcu_enter();
	exists = names_find(ns, name, length) != NULL;
	rcu_leave();
	return exists;
}

/* The parts of a new semaphore that can be refused, each undone when a later one is. Under the lock. */
static int make_locked(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		       struct reclaim *garbage)
{
	struct ksem *ksem;
	ksem_id_t id;
	int error;

	if (making->name && name_exists(ns, making->name, making->length))
		return EEXIST;
	error = numbers_take(&ns->numbers, &id);
	if (error)
		return error;
	error = ENOMEM;
	ksem = object_new(ns, making->owner, making->name, making->mode, making->value);
	if (!ksem)
		goto no_object;
	if (making->name) {
		ksem->name = name_new(ns, ksem, making->name, making->length);
		if (!ksem->name)
			goto no_name;
		life_take(&ksem->life, life_keep());
	}
	if (ids_reserve(ids, garbage))
		goto no_room;
	ksem->id = id;
	ns->objects++;
	numbers_fill(&ns->numbers, id, ksem);
	if (ksem->name)
		names_add(ksem->name);
	*made = ksem;
	return 0;

no_room:
	memory_free(ksem->name);
no_name:
	memory_free(ksem);
no_object:
	numbers_untake(&ns->numbers, id);
	return error;
}

int namespace_make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		   struct reclaim *garbage)
{
	int error;

	if (ns->sharing)
		return sharing_make(ns, making, ids, made, garbage);
	pthread_mutex_lock(&ns->lock);
	error = make_locked(ns, making, ids, made, garbage);
	pthread_mutex_unlock(&ns->lock);
	if (!error && making->name)
		names_make_room();
	return error;
}

bool namespace_permits(const struct ksem_cred *owner, mode_t mode, const struct ksem_cred *cred)
{
	return (cred->uid == owner->uid && mode & S_IWUSR) || (cred->gid == owner->gid && mode & S_IWGRP) ||
	       mode & S_IWOTH || cred->uid == 0;
}

static bool permits(const struct ksem *ksem, const struct ksem_cred *cred)
{
	return namespace_permits(&ksem->owner, object_mode(ksem), cred);
}

static int find_in_memory(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found)
{
	int error;

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
			error = life_take(&(*found)->life, life_refs(1));
	} while (error == EINVAL); /* it was unlinked, and ended, since it was found */
	rcu_leave();
	return error;
}

int namespace_find(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		   struct reclaim *garbage)
{
	if (ns->sharing)
		return sharing_find(ns, making, exclusive, found, garbage);
	return find_in_memory(ns, making, exclusive, found);
}

/* Forgets a name that was taken out of the table, and drops what it kept. */
static void drop_name(struct ksem_ns *ns, struct name *name, struct reclaim *garbage)
{
	struct ksem *ksem = name->ksem;

	pthread_mutex_lock(&ns->lock);
	ksem->name = NULL;
	pthread_mutex_unlock(&ns->lock);
	reclaim_add(garbage, &name->retired, name_bytes(name));
	namespace_drop(ns, ksem, life_keep(), garbage);
}

int namespace_unlink(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
		     struct reclaim *garbage)
{
	struct name *name;
	int error = 0;

	if (ns->sharing)
		return sharing_unlink(ns, cred, bytes, length, garbage);
	rcu_enter();
	do {
		name = names_find(ns, bytes, length);
		if (!name)
			error = ENOENT;
		else if (!permits(name->ksem, cred))
			error = EPERM;
	} while (!error && !names_remove(name)); /* another took it out: it may be there anew */
	rcu_leave();
	if (!error)
		drop_name(ns, name, garbage);
	return error;
}

/* A name that is left, or NULL. */
static struct name *any_name(struct ksem_ns *ns, uint64_t *cursor)
{
	struct name *name = NULL;
	struct ksem *ksem;

	pthread_mutex_lock(&ns->lock);
	while (!name && (ksem = numbers_next(&ns->numbers, cursor)))
		name = ksem->name;
	pthread_mutex_unlock(&ns->lock);
	return name;
}

int namespace_destroy(struct ksem_ns *ns)
{
	struct reclaim garbage = RECLAIM_NONE;
	uint64_t cursor = 0;
	struct name *name;
	bool last;

	pthread_mutex_lock(&ns->lock);
	if (ns->procs) {
		pthread_mutex_unlock(&ns->lock);
		return EBUSY;
	}
	ns->objects++; /* stands for this call */
	ns->closed = true;
	pthread_mutex_unlock(&ns->lock);

	while ((name = any_name(ns, &cursor))) {
		rcu_enter();
		names_remove(name); /* without processes, nobody else can */
		rcu_leave();
		drop_name(ns, name, &garbage);
		reclaim_when_full(&garbage);
	}

	pthread_mutex_lock(&ns->lock);
	reclaim_join(&garbage, &ns->retired);
	last = --ns->objects == 0;
	pthread_mutex_unlock(&ns->lock);
	reclaim_free(garbage);
	if (last)
		namespace_free(ns);
	return 0;
}

/* Under the lock. False: it is dead. */
static bool describe(struct ksem *ksem, struct ksem_info *info)
{
	memset(info, 0, sizeof(*info));
	if (semaphore_value(&ksem->sem, &info->value) != 0)
		return false;
	info->id = ksem->id;
	if (ksem->name)
		memcpy(info->name, ksem->name->bytes, ksem->name->length);
	info->waiters = word_waiters(semaphore_word(&ksem->sem));
	info->refs = life_count_refs(load_rlx(&ksem->life)); /* relaxed: a number to show */
	info->uid = ksem->owner.uid;
	info->gid = ksem->owner.gid;
	info->mode = object_mode(ksem);
	return true;
}

int namespace_stat(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info)
{
	bool alive;

	if (ns->sharing)
		return sharing_stat(ns, ksem, info);
	pthread_mutex_lock(&ns->lock);
	alive = describe(ksem, info);
	pthread_mutex_unlock(&ns->lock);
	return alive ? 0 : EINVAL;
}

int namespace_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg)
{
	uint64_t cursor = 0;
	struct ksem *ksem;
	struct ksem_info info;
	bool alive;
	int result;

	if (ns->sharing)
		return sharing_foreach(ns, visit, arg);
	for (;;) {
		fork_gate_enter();
		pthread_mutex_lock(&ns->lock);
		ksem = numbers_next(&ns->numbers, &cursor);
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
