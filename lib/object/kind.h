/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of namespaces and of semaphores: a table of operations for each.
 *
 * What all namespaces have in common is in object/namespace.h, what all semaphores have in object/object.h. A kind does
 * the rest in its own way: private/ in this OS process's memory, shared/ in a directory that OS processes have in
 * common. The kind of a namespace is chosen as it is made (api/create.c) and never changes; nothing else knows both.
 *
 * A post or a take first tries inline what it mostly does (api/permits.h). Only a miss goes through the table.
 */
#ifndef KSEM_OBJECT_KIND_H
#define KSEM_OBJECT_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "ksem/ksem.h"
#include "object/ids.h"
#include "object/making.h"
#include "os/futex.h"
#include "wait/waiter.h"

/* What a semaphore does. In a read section that found it, or pinned, unless it says otherwise. */
struct semaphore_ops {
	/* As the calls of the contract. */
	int (*post)(struct ksem *ksem, uint32_t n);
	int (*take)(struct ksem *ksem);
	int (*take_some)(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took); /* semaphore_take_some */
	int (*value)(struct ksem *ksem, uint32_t *value);

	/* A take by a thread that will try again: its EAGAIN may not have seen what it just did to others. */
	int (*take_soon)(struct ksem *ksem);

	/*
	 * A wait: a waiter's steps (wait/waiter.h); its `sem` is the struct ksem. From entering to having left the
	 * thread itself keeps the semaphore; if it was the last to do so, it ends it (own_wait.h). It enters in a read
	 * section, and does the rest outside of those and of the fork gate, with cancellation disabled.
	 */
	const struct wait_policy *policy;

	/* How many threads wait. */
	uint32_t (*waiters)(struct ksem *ksem);

	/*
	 * Of an anonymous one, of which the caller has the only reference in this OS process: ends posts and takes. 0;
	 * EBUSY: a thread waits; ENOMEM. Inside the fork gate, under the process's lock.
	 */
	int (*kill)(struct ksem *ksem);
};

/* Which waiter gets a permit. A semaphore's is constant (object.h: object_order). */
enum object_order {
	OBJECT_BARGING, /* whichever comes first */
	OBJECT_ORDERS
};

/*
 * What a namespace does. All but foreach inside the fork gate; around a fork, with the gate shut. What must
 * be freed joins *garbage.
 */
struct namespace_ops {
	const struct semaphore_ops *semaphores[OBJECT_ORDERS];

	/* Does an id mean the same semaphore in every namespace object of this kind? */
	bool has_common_ids;

	/*
	 * Makes a semaphore with one reference and enters it in the namespace, having made room for it in the process's
	 * ids. EEXIST: the name is there; ENFILE; ENOMEM; ... Under the lock of the process.
	 */
	int (*make)(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		    struct reclaim *garbage);

	/* Adds a reference to the semaphore that has the name. ENOENT; EEXIST: `exclusive`; EPERM; ENOMEM; ... */
	int (*find)(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		    struct reclaim *garbage);

	/* Takes a name away from its semaphore. ENOENT; EPERM; ... */
	int (*unlink)(struct ksem_ns *ns, const struct ksem_cred *cred, const char *name, size_t length,
		      struct reclaim *garbage);

	/* After references were added, by a copy of a process's ids. NULL: nobody needs to know. */
	void (*tell_refs)(struct ksem_ns *ns, struct ksem *ksem);

	/* Drops what kept a semaphore (life_drop). True: the caller ends it; no thread waits on it either. */
	bool (*drop)(struct ksem_ns *ns, struct ksem *ksem, life_t less);

	/* A semaphore was killed: frees its place under max_sems at once, while references and pins keep its memory. */
	void (*forget)(struct ksem_ns *ns, struct ksem *ksem);

	/* The end of a semaphore: out of what the kind has of it, and to the garbage. Under the namespace's lock. */
	void (*end)(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage);

	/* The namespace is destroyed: drops the names, if it has them alone. It has no process any more. */
	void (*drop_names)(struct ksem_ns *ns, struct reclaim *garbage);

	/* Gives up memory that the namespace keeps only to be faster. NULL: there is none. Under its lock. */
	void (*drop_cached)(struct ksem_ns *ns, struct reclaim *garbage);

	/* Frees all memory of a namespace that has no semaphore any more. */
	void (*free)(struct ksem_ns *ns);

	/* What is known of a semaphore. EINVAL: it is dead; ENOMEM: not all can be known. */
	int (*stat)(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info);

	/* As ksem_ns_foreach. Outside the fork gate. */
	int (*foreach)(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);

	/*
	 * Around a fork: before it and after it in the parent (NULL: nothing), and in the child; `prepared`:
	 * before_fork ran for that child. child_after_fork may end the namespace.
	 */
	void (*before_fork)(struct ksem_ns *ns);
	void (*parent_after_fork)(struct ksem_ns *ns);
	void (*child_after_fork)(struct ksem_ns *ns, bool prepared, struct reclaim *garbage);
};

#endif
