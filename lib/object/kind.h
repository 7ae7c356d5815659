/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of namespaces and of semaphores: a table of operations for each.
 *
 * object/namespace.h has what all namespaces have in common, object/object.h what all semaphores have in common. The
 * rest depends on the kind: private/ is in this OS process's memory, shared/ in a directory that OS processes have in
 * common. api/create.c chooses the kind when a namespace is made; no other file knows both kinds.
 *
 * A post or a take first tries the common case inline (api/permits.h), and uses the table only if that fails.
 */
#ifndef KSEM_OBJECT_KIND_H
#define KSEM_OBJECT_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "ksem/ksem.h"
#include "object/ids.h"
#include "object/making.h"
#include "os/several.h"
#include "wait/waiter.h"

struct holders;
struct line_by;
struct line_view;

/* What a completion queue sees of a semaphore that has no line. */
struct direct_look {
	struct futex_place place; /* it may sleep there while the semaphore is as it was seen */
	uint32_t value;
	bool ends;        /* shut down, or dead: all waits end */
	uint32_t counted; /* where waits are counted that enter now */
};

/*
 * How the waits of a queue wait there (queue/direct.h): each is registered, as a thread is. With a pin. All but `enter`
 * take no lock, and may be called in a read section and in a signal handler.
 */
struct direct_ops {
	/*
	 * 0: took n permits; EAGAIN: registered, and *counted says where; ESHUTDOWN; EINVAL: dead; ENOMEM: too many
	 * wait. Inside the fork gate, outside read sections.
	 */
	int (*enter)(struct ksem *ksem, uint32_t n, uint32_t *counted);

	/* As a policy's `leave`, without giving up, and `renounce` (wait/waiter.h). */
	int (*leave)(struct ksem *ksem, uint32_t n, uint32_t *counted);
	void (*renounce)(struct ksem *ksem, uint32_t n, uint32_t *counted);

	void (*look)(struct ksem *ksem, struct direct_look *look);

	/* Counts a wait where waits are counted now. False: nowhere, since others take this OS process for dead. */
	bool (*count_again)(struct ksem *ksem, uint32_t n, uint32_t *counted);

	/* After a wake that was perhaps meant for another waiter. */
	void (*pass_on)(struct ksem *ksem);
};

/*
 * The operations of a semaphore. They are called in the read section that found it, or with a pin, unless they say
 * otherwise.
 */
struct semaphore_ops {
	/*
	 * As the public calls. `by` is the process that posts or takes, in a read section; NULL: through a pin.
	 * `take_by` takes one permit; only of a semaphore with a line. Callers use semaphore_take_by
	 * (object/namespace.h).
	 */
	int (*post)(struct ksem *ksem, uint32_t n, const struct ksem_proc *by);
	int (*take)(struct ksem *ksem);
	int (*take_by)(struct ksem *ksem, const struct ksem_proc *by);
	int (*take_some)(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took,
			 const struct ksem_proc *by); /* semaphore_take_some */
	int (*value)(struct ksem *ksem, uint32_t *value);

	/*
	 * Posts permits that a queue of the process was granted, and that nobody wants any more: as many of them as the
	 * limit has room for and, with a ledger, as the process still holds.
	 */
	void (*give_back)(struct ksem *ksem, uint32_t n, const struct ksem_proc *by);

	/* A take by a thread that will try again: its EAGAIN may not have seen what it just did to others. */
	int (*take_soon)(struct ksem *ksem);

	/*
	 * A wait: a waiter's steps (wait/waiter.h); its `sem` is the struct ksem. From entering to having left the
	 * thread itself keeps the semaphore; if it was the last to do so, it ends it (own_wait.h). It enters in a read
	 * section, and does the rest outside of those and of the fork gate, with cancellation disabled.
	 */
	const struct wait_policy *policy;

	/* As the calls of the contract. NULL, but for shut_down: this kind can't. */
	int (*shut_down)(struct ksem *ksem);
	int (*set_limit)(struct ksem *ksem, uint32_t limit);
	int (*metrics)(struct ksem *ksem, struct ksem_metrics *metrics);

	/*
	 * For completion queues (queue/queue.h): the line in which its waiters stand, and whose entries there this OS
	 * process's are. With a pin, outside read sections, inside the fork gate, as are the next three. ENOMEM. NULL:
	 * it has none.
	 */
	int (*line)(struct ksem *ksem, struct line_view **view, uint32_t *holder);

	/* The same for one that has no line; NULL: it has one, or gets one. */
	const struct direct_ops *direct;

	/*
	 * For the listener of a queue. Makes sure, if it can, that other OS processes don't take this one for dead, and
	 * that it learns of their deaths. NULL: there are no other OS processes.
	 */
	void (*stay)(struct ksem *ksem);

	/*
	 * Sets *as: to whom a wait belongs that the process submits. That stays so until the same thread calls
	 * end_submit. EINVAL: the process has no reference.
	 */
	int (*begin_submit)(struct ksem *ksem, const struct ksem_proc *by, struct line_by *as);
	void (*end_submit)(struct ksem *ksem);

	/* Measure a queue's wait. begin_queued returns when it began; 0, or NULL instead: waits aren't measured. */
	int64_t (*begin_queued)(struct ksem *ksem);
	void (*end_queued)(struct ksem *ksem, int64_t begun, int error);

	/*
	 * For semaphores that know what each process holds. A process has its first reference: 0, ENOMEM, ENOSPC. It is
	 * about to drop its last one, and what it holds goes back: 0; EBUSY: one of its threads or queues waits. Inside
	 * the fork gate, under the process's lock. NULL: this kind doesn't.
	 */
	int (*add_holder)(struct ksem *ksem, const struct ksem_proc *by);
	int (*drop_holder)(struct ksem *ksem, const struct ksem_proc *by, struct reclaim *garbage);

	/* Does it know that? Then it can't be pinned. NULL: no. */
	bool (*has_holders)(const struct ksem *ksem);

	/* How many threads and waits of queues wait. */
	uint32_t (*waiters)(struct ksem *ksem);

	/*
	 * For an anonymous semaphore, if the caller has the only reference in this OS process: makes it dead. 0; EBUSY:
	 * a thread waits; ENOMEM. Inside the fork gate, under the process's lock.
	 */
	int (*kill)(struct ksem *ksem);
};

/*
 * The operations of a namespace. All except foreach are called inside the fork gate, and those around a fork with the
 * gate shut. They add to *garbage what must be freed.
 */
struct namespace_ops {
	const struct semaphore_ops *semaphores[OBJECT_ORDERS];

	/* The same of one with a ledger (KSEM_UNDO), in place of that with a line. NULL: that one. */
	const struct semaphore_ops *with_ledger;

	/* Does an id mean the same semaphore in every namespace object of this kind? */
	bool has_common_ids;

	/*
	 * A process comes. From then on its *ids knows its number, which *number keeps: it is given back as an ended
	 * semaphore is. NULL: none is left. 0; ENOMEM. `enter` NULL: processes have no numbers.
	 */
	int (*enter)(struct ksem_ns *ns, struct ids *ids, struct ksem **number);

	/*
	 * Makes room in the process's id table, makes a semaphore with one reference, and puts it into the namespace.
	 * EEXIST: the name exists; ENFILE; ENOMEM; ... Under the lock of the process.
	 */
	int (*make)(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		    struct reclaim *garbage);

	/* Adds a reference to the semaphore that has the name. ENOENT; EEXIST: `exclusive`; EPERM; ENOMEM; ... */
	int (*find)(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		    struct reclaim *garbage);

	/* Takes a name away from its semaphore. ENOENT; EPERM; ... */
	int (*unlink)(struct ksem_ns *ns, const struct ksem_cred *cred, const char *name, size_t length,
		      struct reclaim *garbage);

	/* Called after references were added by copying a process's id table. NULL: not needed. */
	void (*tell_refs)(struct ksem_ns *ns, struct ksem *ksem);

	/* Drops references or a keep (life_drop). True: no thread waits either, and the caller ends the semaphore. */
	bool (*drop)(struct ksem_ns *ns, struct ksem *ksem, life_t less);

	/* A semaphore became dead: frees its place under max_sems at once, though pins may keep its memory. */
	void (*forget)(struct ksem_ns *ns, struct ksem *ksem);

	/*
	 * The end of a semaphore: takes it out of the kind's tables, and adds it to the garbage. Under the namespace's
	 * lock.
	 */
	void (*end)(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage);

	/* The namespace is being destroyed, and has no process any more: drops its names, unless others share them. */
	void (*drop_names)(struct ksem_ns *ns, struct reclaim *garbage);

	/* Frees cached memory. NULL: there is none. Under the namespace's lock. */
	void (*drop_cached)(struct ksem_ns *ns, struct reclaim *garbage);

	/* Frees all memory of a namespace that has no semaphore any more. */
	void (*free)(struct ksem_ns *ns);

	/* Describes a semaphore. EINVAL: it is dead; ENOMEM: records can't be mapped. */
	int (*stat)(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info);

	/* Adds the living OS processes that have a semaphore. EINVAL: it is dead; ENOMEM. */
	int (*holders)(struct ksem_ns *ns, struct ksem *ksem, struct holders *holders);

	/* As ksem_ns_foreach. Outside the fork gate. */
	int (*foreach)(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);

	/*
	 * Around a fork: before it and after it in the parent (NULL: nothing), and after it in the child. `prepared`:
	 * before_fork ran for that child. child_after_fork may end the namespace.
	 */
	void (*before_fork)(struct ksem_ns *ns);
	void (*parent_after_fork)(struct ksem_ns *ns);
	void (*child_after_fork)(struct ksem_ns *ns, bool prepared, struct reclaim *garbage);
};

#endif
