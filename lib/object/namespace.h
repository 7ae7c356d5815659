/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all namespaces have: a lock, a retired list, the id tables of their processes, a count of their semaphores, and
 * an end.
 *
 * The lock protects the tables of the namespace's kind (kind.h), too. It nests inside a process's lock and inside the
 * lock of makers near a shared namespace's limit (shared/limit.h). Inside it are taken directories_lock
 * (shared/directory.c) and the locks of the allocator and of liburcu.
 *
 * A namespace that was destroyed lives on, unseen, while a pin or a waiter keeps a semaphore of it.
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

/* What the semaphore's kind does. */
static inline const struct semaphore_ops *semaphore_ops(const struct ksem *ksem)
{
	return ksem->ns->ops->semaphores[object_order(ksem)];
}

/* All of a new namespace but what its kind adds. The options have no defaults any more. */
void namespace_init(struct ksem_ns *ns, const struct namespace_ops *ops, const struct ksem_ns_options *options);

/* Undoes it. */
void namespace_fini(struct ksem_ns *ns);

/* Enters a new namespace in the list of all. False: there is no memory for what all of them share. */
bool namespace_publish(struct ksem_ns *ns);

/* EBUSY: it has a process. Inside the fork gate. */
int namespace_destroy(struct ksem_ns *ns);

/* Processes come and go. Of one that goes *garbage has the memory; it is freed after an epoch. */
void namespace_enter(struct ksem_ns *ns, struct member *member);
void namespace_leave(struct ksem_ns *ns, struct member *member, struct reclaim *garbage);

/* For a call that found no memory: frees what lies retired, and what is cached. False: there is nothing. */
bool namespace_reclaim(struct ksem_ns *ns);

/*
 * Drops what kept a semaphore (life_refs(n) or life_keep()), and ends it if nothing does any more. What *garbage has
 * gathered then joins the namespace's retired list; when that is full, *garbage gets all of it. The caller gives it to
 * reclaim_free, after the last look at the namespace, which may be part of it.
 */
void namespace_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less, struct reclaim *garbage);

/*
 * The same for a semaphore whose last waiter has gone, when nothing else kept it. True: that was the end of a destroyed
 * ns.
 */
bool namespace_end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage);

/* Drops a pin, and ends the semaphore if nothing else keeps it. May free the namespace, if that was destroyed. */
void namespace_unpin(struct ksem *ksem);

/* May someone with these credentials open and unlink a semaphore of this owner and mode? */
bool namespace_permits(const struct ksem_cred *owner, mode_t mode, const struct ksem_cred *cred);

/* Calls `call` for every namespace there is, which may free it. With the fork gate shut. */
void namespace_for_all(void (*call)(struct ksem_ns *ns));

/* Around a fork (os/fork.h): each namespace as its kind does. */
void namespaces_before_fork(void);
void namespaces_parent_after_fork(void);
void namespaces_child_after_fork(bool prepared);

#endif
