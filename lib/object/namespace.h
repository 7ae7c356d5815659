/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all namespaces have in common: a lock, a retired list, the id tables of their processes, a count of their
 * semaphores, and how they end.
 *
 * The lock protects the tables of the namespace's kind (kind.h), too. It nests inside a process's lock and inside the
 * lock of makers near a shared namespace's limit (shared/limit.h). Inside it are taken directories_lock
 * (shared/directory.c) and the locks of the allocator and of liburcu.
 *
 * After a namespace was destroyed, its memory stays while a pin or a waiter keeps one of its semaphores alive.
 */
#ifndef KSEM_OBJECT_NAMESPACE_H
#define KSEM_OBJECT_NAMESPACE_H

#include <pthread.h>

#include "object/ids.h"
#include "object/kind.h"
#include "object/object.h"

/* A process, as its namespace knows it. */
struct member {
	struct ids *ids;             /* constant; what is in it is under the process's lock */
	struct member *next, **prev; /* under the namespace's lock */
};

struct ksem_ns {
	const struct namespace_ops *ops; /* constant, as are the next two; apart from what is written to */
	uint32_t max_name, max_sems;
	_Alignas(KSEM_CACHE_LINE) pthread_mutex_t lock;
	struct reclaim retired;       /* under the lock */
	struct member *members;       /* under the lock */
	uint64_t objects;             /* under the lock: semaphores that haven't ended */
	bool closed;                  /* under the lock: destroyed */
	struct ksem_ns *next, **prev; /* under namespaces_lock */
};

/* What the semaphore's kind does. Inline, or posts save a register around the call. */
static ALWAYS_INLINE const struct semaphore_ops *semaphore_ops(const struct ksem *ksem)
{
	const struct object_home *home = object_home(ksem);

	return unlikely(object_has_line(ksem)) ? home->semaphores[OBJECT_LINE] : home->semaphores[OBJECT_BARGING];
}

/* A take by id, and one by a thread that will try again. The common case passes no process. */
static inline int semaphore_take_by(struct ksem *ksem, const struct ksem_proc *by)
{
	const struct object_home *home = object_home(ksem);

	return unlikely(object_has_line(ksem)) ? home->semaphores[OBJECT_LINE]->take_by(ksem, by) :
						 home->semaphores[OBJECT_BARGING]->take(ksem);
}

static inline int semaphore_take_soon_by(struct ksem *ksem, const struct ksem_proc *by)
{
	const struct object_home *home = object_home(ksem);

	return unlikely(object_has_line(ksem)) ? home->semaphores[OBJECT_LINE]->take_by(ksem, by) :
						 home->semaphores[OBJECT_BARGING]->take_soon(ksem);
}

/* Initializes a new namespace, except for what its kind adds. Defaults have been filled into the options. */
void namespace_init(struct ksem_ns *ns, const struct namespace_ops *ops, const struct ksem_ns_options *options);

/* Undoes namespace_init. */
void namespace_fini(struct ksem_ns *ns);

/* Puts a new namespace on the list of all. False: no memory for the tables that all namespaces share. */
bool namespace_publish(struct ksem_ns *ns);

/* EBUSY: it has a process. Inside the fork gate. */
int namespace_destroy(struct ksem_ns *ns);

/* Add and remove a process. When it is removed, its memory goes to *garbage, and is freed after an epoch. */
void namespace_enter(struct ksem_ns *ns, struct member *member);
void namespace_leave(struct ksem_ns *ns, struct member *member, struct reclaim *garbage);

/* Moves *garbage to the namespace's retired list; if that is full, *garbage gets all of it. Under its lock. */
void namespace_pool(struct ksem_ns *ns, struct reclaim *garbage);

/* For a call that found no memory: frees retired and cached memory. False: there was none. */
bool namespace_reclaim(struct ksem_ns *ns);

/*
 * Drops references or a keep (life_refs(n), life_keep()), and ends the semaphore if nothing keeps it alive any more.
 * Then moves *garbage to the namespace's retired list; if that is full, moves all of it to *garbage. The caller passes
 * *garbage to reclaim_free after its last use of the namespace, which may be part of it.
 */
void namespace_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less, struct reclaim *garbage);

/* The same for an orphan whose last waiter has deregistered. True: that was the end of a destroyed namespace. */
bool namespace_end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage);

/* Drops a pin, and ends the semaphore if nothing else keeps it. May free the namespace, if that was destroyed. */
void namespace_unpin(struct ksem *ksem);

/* May someone with these credentials open and unlink a semaphore of this owner and mode? */
bool namespace_permits(const struct ksem_cred *owner, mode_t mode, const struct ksem_cred *cred);

/* Calls `call` for every namespace; it may free the namespace. With the fork gate shut. */
void namespace_for_all(void (*call)(struct ksem_ns *ns));

/* Around a fork (os/fork.h): calls the kind of each namespace. */
void namespaces_before_fork(void);
void namespaces_parent_after_fork(void);
void namespaces_child_after_fork(bool prepared);

#endif
