/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: see process.h.
 *
 * `waiting` counts the threads that wait by id: exec and exit fail while there are any. They set the upper bit of
 * `waiting` while they drop the references. A wait that begins meanwhile fails, as if the references were already
 * dropped.
 */
#include "registry/process.h"

#include <errno.h>
#include <unistd.h>

#include "base/rcu.h"
#include "registry/references.h"

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

void process_begin_queue(struct ksem_proc *proc)
{
	pthread_mutex_lock(&proc->lock);
	process_begin_wait(proc); /* can't fail: exec has the lock while it is in progress */
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

int process_fork(struct ksem_proc *parent, struct ksem_proc **created)
{
	struct ksem_proc *child = process_new(parent->ns, &parent->cred);
	struct reclaim garbage = RECLAIM_NONE;
	int error;

	if (!child)
		return ENOMEM;
	error = references_copy(child, parent, &garbage);
	reclaim_free(garbage);
	if (error) {
		process_discard(child);
		return error;
	}
	namespace_enter(parent->ns, &child->member);
	*created = child;
	return 0;
}

/* Drops every reference. EBUSY: a thread waits. New waits fail until end_leaving. Under the lock. */
static int drop_all(struct ksem_proc *proc, struct reclaim *garbage)
{
	int error = begin_leaving(proc);

	if (!error)
		references_drop_all(proc, garbage);
	return error;
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
