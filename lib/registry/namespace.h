/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A namespace: the semaphores that share ids, names and limits, and the processes that use them.
 *
 * It hands out semaphores (namespace_make) and takes them back (namespace_end). Its lock protects slots, names being
 * made, the list of processes and the retired list; no lock is taken inside it, but for the allocator's and, as an old
 * table is replaced, none.
 *
 * A namespace that was destroyed lives on, unseen, while a pin keeps a semaphore of it.
 */
#ifndef KSEM_REGISTRY_NAMESPACE_H
#define KSEM_REGISTRY_NAMESPACE_H

#include <pthread.h>

#include "object/making.h"
#include "object/object.h"
#include "object/ids.h"
#include "private/numbers.h"

struct sharing;

struct ksem_ns {
	pthread_mutex_t lock;
	struct numbers numbers;       /* under the lock */
	struct reclaim retired;       /* under the lock */
	struct ksem_proc *procs;      /* under the lock: a list through next and prev */
	uint64_t objects;             /* under the lock: semaphores that haven't ended */
	bool closed;                  /* under the lock: destroyed */
	uint32_t max_name;            /* constant, as is sharing */
	struct sharing *sharing;      /* NULL: in this OS process's own memory (sharing.h) */
	struct ksem_ns *next, **prev; /* under namespaces_lock */
};

int namespace_create(const struct ksem_ns_options *wanted, struct ksem_ns **created);
int namespace_destroy(struct ksem_ns *ns);

/* Processes come and go. One that has gone is freed after an epoch, with the garbage that it leaves. */
void namespace_add(struct ksem_ns *ns, struct ksem_proc *proc);
void namespace_remove(struct ksem_ns *ns, struct ksem_proc *proc, struct reclaim *garbage);

/*
 * Makes a semaphore with one reference and enters it in the namespace, having made room for it in the process's ids.
 * EEXIST: the name is there; ENFILE; ENOMEM. Under the lock of the process.
 */
int namespace_make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		   struct reclaim *garbage);

/* Frees a semaphore's place in ids and limits at once, while references and pins keep its memory. */
void namespace_forget(struct ksem_ns *ns, struct ksem *ksem);

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

/* Takes a name away from its semaphore; ENOENT, EPERM. */
int namespace_unlink(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
		     struct reclaim *garbage);

/* May someone with these credentials open and unlink a semaphore of this owner and mode? */
bool namespace_permits(const struct ksem_cred *owner, mode_t mode, const struct ksem_cred *cred);

/*
 * Adds a reference to the semaphore that has the name. ENOENT; EEXIST: `exclusive`; EPERM; ENOMEM; of shared ones more.
 */
int namespace_find(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		   struct reclaim *garbage);

/* What is known of a semaphore. EINVAL: it is dead; ENOMEM: not all can be known. */
int namespace_stat(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info);

int namespace_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);

/* Calls `call` for every namespace there is; in a fork's child, before it can make another call. */
void namespace_for_all(void (*call)(struct ksem_ns *ns));

#endif
