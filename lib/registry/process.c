/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: see process.h.
 *
 * `waiting` counts the threads that wait by id: exec and exit fail while there are any. They set the upper bit of
 * `waiting` while they drop the references. A wait that begins meanwhile fails, as if the references were already
 * dropped.
 *
 * A call that drops references collects in `garbage` what must be freed. It frees that last, when it has no lock. Exec
 * and exit of a process with very many references free full lists on the way, under the process's lock.
 */
#include "registry/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/rcu.h"

#define LEAVING (UINT32_C(1) << 31)

/* What <ksem/inline.h> knows, layout 2. A change here is another layout, for which there must be no ksem_inline_2. */
#if KSEM_INLINE_WORKS
_Static_assert(offsetof(struct ksem_proc, ids.base) == KSEM_INLINE_BASE, "layout 2");
_Static_assert(offsetof(struct ksem_proc, ids.mask) == KSEM_INLINE_MASK, "layout 2");
_Static_assert(offsetof(struct ksem_proc, ids.holder) == KSEM_INLINE_HOLDER, "layout 2");
_Static_assert(offsetof(struct ksem_proc, ids.table) == KSEM_INLINE_TABLE, "layout 2");
_Static_assert(offsetof(struct ids_table, mask) == KSEM_INLINE_MASK, "layout 2");
_Static_assert(offsetof(struct ids_table, home) == KSEM_INLINE_HOMES, "layout 2");
_Static_assert(offsetof(struct ids_entry, ksem) == 0, "layout 2");
_Static_assert(offsetof(struct ksem, sem.word) == 0, "layout 2");
_Static_assert(offsetof(struct semaphore_unit, sem) - offsetof(struct semaphore_unit, tag) == 8, "layout 2");
_Static_assert((word_t)KSEM_INLINE_PERCPU << 56 == (word_t)WORD_PERCPU << WORD_MODE_SHIFT, "layout 2");
_Static_assert(KSEM_INLINE_USUAL == WORD_USUAL, "layout 2");
#endif

bool process_begin_wait(struct ksem_proc *proc)
{
	uint32_t waiting = load_rlx(&proc->waiting); /* relaxed: the compare-and-swap checks it */

	do {
		if (waiting & LEAVING)
			return false;
	} while (!cas_rlx(&proc->waiting, &waiting, waiting + 1)); /* relaxed: one word decides who was first */
	return true;
}

void process_end_wait(struct ksem_proc *proc)
{
	fetch_sub_rel(&proc->waiting, 1); /* KSEM_ORD_5 release */
}

/* Makes new waits fail. EBUSY: a thread waits. */
static int begin_leaving(struct ksem_proc *proc)
{
	uint32_t none = 0;

	while (!cas_acq(&proc->waiting, &none, LEAVING)) { /* KSEM_ORD_5 acquire */
		if (none)
			return EBUSY;
	}
	return 0;
}

static void end_leaving(struct ksem_proc *proc)
{
	store_rel(&proc->waiting, 0); /* KSEM_ORD_5 release */
}

void process_after_fork(struct ksem_proc *proc, uint32_t waiting)
{
	store_rlx(&proc->waiting, waiting); /* relaxed: the child has one thread */
}

/* Exec is in progress only under the lock. */
void process_begin_queue(struct ksem_proc *proc)
{
	pthread_mutex_lock(&proc->lock);
	while (!process_begin_wait(proc))
		;
	pthread_mutex_unlock(&proc->lock);
}

static struct retired *block_of(const struct ksem_proc *proc)
{
	return (void *)((uintptr_t)proc - (process_is_private(proc) ? PROCESS_PRIVATE_AT : PROCESS_ELSEWHERE_AT));
}

/* A process in no list. NULL: no memory. */
static struct ksem_proc *process_new(struct ksem_ns *ns, const struct ksem_cred *cred)
{
	char *block = memory_alloc(PROCESS_BYTES, KSEM_CACHE_LINE);
	struct ksem_proc *proc;

	if (!block)
		return NULL;
	proc = (void *)(block + (ns->ops->enter ? PROCESS_PRIVATE_AT : PROCESS_ELSEWHERE_AT));
	ids_init(&proc->ids);
	proc->ns = ns;
	proc->cred = *cred;
	proc->member.ids = &proc->ids;
	if (ns->ops->enter && ns->ops->enter(ns, &proc->ids, &proc->number) != 0) {
		memory_free(block);
		return NULL;
	}
	pthread_mutex_init(&proc->lock, NULL);
	return proc;
}

/* Gives it to the garbage; nobody finds it any more. */
static void process_retire(struct ksem_proc *proc, struct reclaim *garbage)
{
	pthread_mutex_destroy(&proc->lock);
	if (proc->number)
		reclaim_add_ended(garbage, proc->number, 0);
	reclaim_add(garbage, block_of(proc), PROCESS_BYTES);
}

static void process_discard(struct ksem_proc *proc)
{
	struct reclaim garbage = RECLAIM_NONE;

	process_retire(proc, &garbage);
	reclaim_free(garbage);
}

int process_create(struct ksem_ns *ns, const struct ksem_cred *cred, struct ksem_proc **created)
{
	struct ksem_cred self = {geteuid(), getegid()};
	struct ksem_proc *proc = process_new(ns, cred ? cred : &self);

	if (!proc)
		return ENOMEM;
	namespace_enter(ns, &proc->member);
	*created = proc;
	return 0;
}

/* The process has a reference, perhaps its first. 0, ENOMEM, ENOSPC. Under its lock. */
static int come(struct ksem_proc *proc, struct ksem *ksem)
{
	return semaphore_ops(ksem)->add_holder ? semaphore_ops(ksem)->add_holder(ksem, proc) : 0;
}

/* It is about to drop one. If that is its last, what it holds goes back. EBUSY: one of its threads waits. */
static int go(struct ksem_proc *proc, struct ksem *ksem, struct reclaim *garbage)
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

/* Calls `come` for each semaphore of a new process. */
static int come_to_all(struct ksem_proc *proc)
{
	const struct ids_table *table = load_rlx(&proc->ids.table); /* relaxed: as above */
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;
	int error = 0;

	while (!error && (ksem = ids_next(table, &cursor, &refs)))
		error = come(proc, ksem);
	return error;
}

/* Drops every reference. EBUSY: a thread waits. New waits fail until end_leaving. Under the lock. */
static int drop_all(struct ksem_proc *proc, struct reclaim *garbage)
{
	struct ids_table *table;
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;
	int error = begin_leaving(proc);

	if (error)
		return error;
	table = ids_take_all(&proc->ids);
	while ((ksem = ids_next(table, &cursor, &refs))) {
		if (semaphore_ops(ksem)->drop_holder)
			semaphore_ops(ksem)->drop_holder(ksem, proc, garbage); /* no thread waits */
		ids_disown(ksem);
		namespace_drop(proc->ns, ksem, life_refs(refs), garbage);
		reclaim_when_full(garbage);
	}
	ids_retire(table, garbage);
	return 0;
}

int process_fork(struct ksem_proc *parent, struct ksem_proc **created)
{
	struct ksem_proc *child = process_new(parent->ns, &parent->cred);
	struct reclaim garbage = RECLAIM_NONE;
	int error;

	if (!child)
		return ENOMEM;
	pthread_mutex_lock(&parent->lock);
	error = ids_copy(&child->ids, &parent->ids);
	pthread_mutex_unlock(&parent->lock);
	if (!error) {
		error = come_to_all(child) ? ENOMEM : 0;
		if (error)
			drop_all(child, &garbage);
	}
	if (error) {
		reclaim_free(garbage);
		process_discard(child);
		return error;
	}
	tell_of_all(child);
	namespace_enter(parent->ns, &child->member);
	*created = child;
	return 0;
}

int process_exec(struct ksem_proc *proc)
{
	struct reclaim garbage = RECLAIM_NONE;
	int error;

	pthread_mutex_lock(&proc->lock);
	error = drop_all(proc, &garbage);
	if (!error)
		end_leaving(proc);
	pthread_mutex_unlock(&proc->lock);
	reclaim_free(garbage);
	return error;
}

int process_exit(struct ksem_proc *proc)
{
	struct reclaim garbage = RECLAIM_NONE;
	int error;

	pthread_mutex_lock(&proc->lock);
	error = drop_all(proc, &garbage);
	pthread_mutex_unlock(&proc->lock);
	if (error)
		return error;
	process_retire(proc, &garbage);
	namespace_leave(proc->ns, &proc->member, &garbage);
	reclaim_free(garbage);
	return 0;
}

/* Did a call fail for lack of memory, and could retired memory be freed? Then it should try again. */
static bool found_memory(struct ksem_ns *ns, int error)
{
	return (error == ENOMEM || error == ENOSPC) && namespace_reclaim(ns);
}

/* Calls `come` for a semaphore that the process has just made. If that fails, the semaphore ends. */
static int come_to_made(struct ksem_proc *proc, const struct making *making, struct ksem *ksem, struct reclaim *garbage)
{
	int error = come(proc, ksem);

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
		error = come_to_made(proc, making, ksem, &garbage);
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
	error = go(proc, ksem, garbage);
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
	go(proc, ksem, garbage); /* nobody waits */
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
	error = go(proc, ksem, garbage);
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
	error = come(proc, ksem);
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
			error = come_to_made(proc, making, ksem, garbage);
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
