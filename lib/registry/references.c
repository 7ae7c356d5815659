/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The references of a process: see process.h and references.h.
 *
 * A call that drops references collects in `garbage` what must be freed. It frees that last, when it has no lock.
 */
#include "registry/references.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The process has a reference, perhaps its first. 0, ENOMEM, ENOSPC. Under its lock. */
static int add_holder(struct ksem_proc *proc, struct ksem *ksem)
{
	return semaphore_ops(ksem)->add_holder ? semaphore_ops(ksem)->add_holder(ksem, proc) : 0;
}

/* It is about to drop one. If that is its last, what it holds goes back. EBUSY: one of its threads waits. */
static int drop_holder(struct ksem_proc *proc, struct ksem *ksem, struct reclaim *garbage)
{
	if (!semaphore_ops(ksem)->drop_holder || ids_refs(&proc->ids, ksem) > 1)
		return 0;
	return semaphore_ops(ksem)->drop_holder(ksem, proc, garbage);
}

/* Tells the namespace of the references of a new process, which no other thread has yet. */
static void tell_of_all(struct ksem_proc *proc)
{
	const struct ids_table *table = load_rlx(&proc->ids.table); /* relaxed: nobody else has it yet */
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;

	while (proc->ns->ops->tell_refs && (ksem = ids_next(table, &cursor, &refs)))
		proc->ns->ops->tell_refs(proc->ns, ksem);
}

/* Calls add_holder for each semaphore of a new process. */
static int add_holder_to_all(struct ksem_proc *proc)
{
	const struct ids_table *table = load_rlx(&proc->ids.table); /* relaxed: as above */
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;
	int error = 0;

	while (!error && (ksem = ids_next(table, &cursor, &refs)))
		error = add_holder(proc, ksem);
	return error;
}

void references_drop_all(struct ksem_proc *proc, struct reclaim *garbage)
{
	struct ids_table *table = ids_take_all(&proc->ids);
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;

	while ((ksem = ids_next(table, &cursor, &refs))) {
		if (semaphore_ops(ksem)->drop_holder)
			semaphore_ops(ksem)->drop_holder(ksem, proc, garbage); /* no thread waits */
		ids_disown(ksem);
		namespace_drop(proc->ns, ksem, life_refs(refs), garbage);
		reclaim_when_full(garbage);
	}
	ids_retire(table, garbage);
}

int references_copy(struct ksem_proc *child, struct ksem_proc *parent, struct reclaim *garbage)
{
	int error;

	pthread_mutex_lock(&parent->lock);
	error = ids_copy(&child->ids, &parent->ids);
	pthread_mutex_unlock(&parent->lock);
	if (error)
		return error;
	if (add_holder_to_all(child) != 0) {
		references_drop_all(child, garbage);
		return ENOMEM;
	}
	tell_of_all(child);
	return 0;
}

/* Did a call fail for lack of memory, and could retired memory be freed? Then it should try again. */
static bool found_memory(struct ksem_ns *ns, int error)
{
	return (error == ENOMEM || error == ENOSPC) && namespace_reclaim(ns);
}

/* Calls add_holder for a semaphore that the process has just made. If that fails, the semaphore ends. */
static int add_holder_to_made(struct ksem_proc *proc, const struct making *making, struct ksem *ksem,
			      struct reclaim *garbage)
{
	int error = add_holder(proc, ksem);

	if (!error)
		return 0;
	if (making->name)
		proc->ns->ops->unlink(proc->ns, &proc->cred, making->name, making->length, garbage);
	namespace_drop(proc->ns, ksem, life_refs(1), garbage);
	return error;
}

static int try_init(struct ksem_proc *proc, const struct making *making, ksem_id_t *id)
{
	struct reclaim garbage = RECLAIM_NONE;
	struct ksem *ksem;
	int error;

	pthread_mutex_lock(&proc->lock);
	error = proc->ns->ops->make(proc->ns, making, &proc->ids, &ksem, &garbage);
	if (!error)
		error = add_holder_to_made(proc, making, ksem, &garbage);
	if (!error) {
		ids_add(&proc->ids, ksem);
		*id = object_id(ksem);
	}
	pthread_mutex_unlock(&proc->lock);
	reclaim_free(garbage);
	return error;
}

int process_init(struct ksem_proc *proc, const struct attributes *attributes, uint32_t value, ksem_id_t *id)
{
	/* mode 0: nobody opens it */
	const struct making making = {.owner = &proc->cred, .value = value, .attributes = attributes};
	int error = try_init(proc, &making, id);

	return found_memory(proc->ns, error) ? try_init(proc, &making, id) : error;
}

/*
 * Drops the reference if another process has one, too; else EAGAIN. The semaphore is kept alive until it is out of this
 * process's table. Otherwise the other process could end it, and a reader that begins after the epoch has begun could
 * still find it in the table.
 */
static int destroy_reference(struct ksem_proc *proc, struct ksem *ksem, struct reclaim *garbage)
{
	int error = life_keep_unless_last(&object_cold(ksem)->life);

	if (error)
		return error;
	error = drop_holder(proc, ksem, garbage);
	if (error) {
		namespace_drop(proc->ns, ksem, life_keep() - life_refs(1), garbage);
		return error;
	}
	ids_remove(&proc->ids, ksem, garbage);
	namespace_drop(proc->ns, ksem, life_keep(), garbage);
	return 0;
}

/*
 * While other processes have references, the call first looks for waiters, and then drops the reference. The last
 * reference is different: marking the word dead checks for waiters in the same step.
 */
static int destroy_locked(struct ksem_proc *proc, ksem_id_t id, struct reclaim *garbage)
{
	struct ksem *ksem = ids_find_listed(&proc->ids, id);
	int error;

	if (!ksem || object_is_named(ksem))
		return EINVAL;
	if (semaphore_ops(ksem)->waiters(ksem) > 0)
		return EBUSY;
	error = destroy_reference(proc, ksem, garbage);
	if (error != EAGAIN)
		return error;
	error = semaphore_ops(ksem)->kill(ksem);
	if (error)
		return error;
	drop_holder(proc, ksem, garbage); /* nobody waits */
	ids_remove(&proc->ids, ksem, garbage);
	proc->ns->ops->forget(proc->ns, ksem);
	namespace_drop(proc->ns, ksem, life_refs(1), garbage);
	return 0;
}

static int close_locked(struct ksem_proc *proc, ksem_id_t id, struct reclaim *garbage)
{
	struct ksem *ksem = ids_find_listed(&proc->ids, id);
	int error;

	if (!ksem || !object_is_named(ksem))
		return EINVAL;
	error = drop_holder(proc, ksem, garbage);
	if (error)
		return error;
	ids_remove(&proc->ids, ksem, garbage);
	namespace_drop(proc->ns, ksem, life_refs(1), garbage);
	return 0;
}

static int dropping(struct ksem_proc *proc, ksem_id_t id, int (*drop)(struct ksem_proc *, ksem_id_t, struct reclaim *))
{
	struct reclaim garbage = RECLAIM_NONE;
	int error;

	pthread_mutex_lock(&proc->lock);
	error = drop(proc, id, &garbage);
	pthread_mutex_unlock(&proc->lock);
	reclaim_free(garbage);
	return error;
}

int process_destroy(struct ksem_proc *proc, ksem_id_t id)
{
	return dropping(proc, id, destroy_locked);
}

int process_close(struct ksem_proc *proc, ksem_id_t id)
{
	return dropping(proc, id, close_locked);
}

static int open_existing(struct ksem_proc *proc, const struct making *making, int oflag, struct ksem **opened,
			 struct reclaim *garbage)
{
	struct ksem *ksem;
	int error = proc->ns->ops->find(proc->ns, making, (oflag & O_EXCL) != 0, &ksem, garbage);

	if (error)
		return error;
	if (ids_find_listed(&proc->ids, object_id(ksem)) != ksem && ids_reserve(&proc->ids, garbage)) {
		namespace_drop(proc->ns, ksem, life_refs(1), garbage);
		return ENOMEM;
	}
	error = add_holder(proc, ksem);
	if (error) {
		namespace_drop(proc->ns, ksem, life_refs(1), garbage);
		return error;
	}
	*opened = ksem;
	return 0;
}

static bool name_is_valid(const struct making *making)
{
	return making->length >= 2 && making->name[0] == '/' && !memchr(making->name + 1, '/', making->length - 1);
}

static int open_locked(struct ksem_proc *proc, const struct making *making, int oflag, ksem_id_t *id,
		       struct reclaim *garbage)
{
	struct ksem *ksem = NULL;
	int error;

	do {
		error = open_existing(proc, making, oflag, &ksem, garbage);
		if (error != ENOENT || !(oflag & O_CREAT))
			break;
		if (!name_is_valid(making))
			return EINVAL;
		error = proc->ns->ops->make(proc->ns, making, &proc->ids, &ksem, garbage);
		if (!error)
			error = add_holder_to_made(proc, making, ksem, garbage);
	} while (error == EEXIST); /* another thread made it meanwhile */
	if (error)
		return error;
	ids_add(&proc->ids, ksem);
	*id = object_id(ksem);
	return 0;
}

static int try_open(struct ksem_proc *proc, const struct making *making, int oflag, ksem_id_t *id)
{
	struct reclaim garbage = RECLAIM_NONE;
	int error;

	pthread_mutex_lock(&proc->lock);
	error = open_locked(proc, making, oflag, id, &garbage);
	pthread_mutex_unlock(&proc->lock);
	reclaim_free(garbage);
	return error;
}

int process_open(struct ksem_proc *proc, const char *name, int oflag, mode_t mode, const struct attributes *attributes,
		 uint32_t value, ksem_id_t *id)
{
	size_t max = proc->ns->max_name;
	const struct making making = {.owner = &proc->cred,
				      .name = name,
				      .length = strnlen(name, max + 1),
				      .mode = mode,
				      .value = value,
				      .attributes = attributes};
	int error;

	if (making.length > max)
		return ENAMETOOLONG;
	error = try_open(proc, &making, oflag, id);
	return found_memory(proc->ns, error) ? try_open(proc, &making, oflag, id) : error;
}

int process_unlink(struct ksem_proc *proc, const char *name)
{
	size_t max = proc->ns->max_name;
	size_t length = strnlen(name, max + 1);
	struct reclaim garbage = RECLAIM_NONE;
	int error;

	if (length > max)
		return ENAMETOOLONG;
	error = proc->ns->ops->unlink(proc->ns, &proc->cred, name, length, &garbage);
	reclaim_free(garbage);
	return error;
}
