/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The holders of a semaphore with KSEM_UNDO, in this OS process: each ksem_proc that has a reference is one, and has an
 * account (line/account.h).
 *
 * A holder comes with the first reference and goes with the last one, both under the namespace's lock; when it goes, so
 * do its permits. Threads that post, take and wait look it up in a read section. A thread that waits keeps it from
 * going, and so does a queue.
 *
 * After a fork, parent and child have the same list of holders. The child opens new accounts for them, and has no
 * permits. Until it has, it holds nothing. The old accounts are the parent's, if they are in memory that both share; in
 * the child's own copy of private memory they are closed, so that no permit is lost there.
 */
#ifndef KSEM_OBJECT_HOLDER_H
#define KSEM_OBJECT_HOLDER_H

#include "line/quick.h"
#include "object/lined.h"

/* A process that has a semaphore with KSEM_UNDO. */
struct lined_holder {
	struct retired retired;
	atomic(struct lined_holder *) next; /* RCU-published; changed under the namespace's lock */
	const struct ksem_proc *by;         /* constant */
	atomic(uint64_t) account;           /* atomic: slot, and round above it; 0: none, in a fork's child */
	atomic(uint32_t) waiting;           /* atomic: its threads that wait; LINED_LEAVING: it drops its reference */
};

#define LINED_LEAVING (UINT32_C(1) << 31)

/* As the operations (kind.h). */
int lined_add_holder(struct ksem *ksem, const struct ksem_proc *by);
int lined_drop_holder(struct ksem *ksem, const struct ksem_proc *by, struct reclaim *garbage);
bool lined_has_holders(const struct ksem *ksem);

/* As the hook (line/state.h); the context is the struct lined. */
void lined_undone(void *context, uint32_t permits);

/* This OS process has another number (`holder`), which its accounts get; and, of a fork's child, other accounts. */
void lined_rename_accounts(struct lined *lined);
void lined_new_accounts(struct lined *lined, const struct own_wait *own);

/* The accounts of this OS process are those of the view's `who` from now on. */
void lined_entrust_accounts(struct lined *lined);

/* Frees what holders are left of a semaphore that has ended here. */
void lined_retire_holders(struct lined *lined, struct reclaim *garbage);

/* Slot 0: it has none. */
static inline struct account holder_account(const struct lined_holder *holder)
{
	uint64_t account = holder ? load_acq(&holder->account) : 0; /* KSEM_ORD_2 acquire */

	return (struct account){(uint32_t)account, (uint32_t)(account >> 32)};
}

/* NULL: that process has no reference. In a read section, or under the namespace's lock. */
static inline struct lined_holder *holder_of(const struct lined *lined, const struct ksem_proc *by)
{
	struct lined_holder *holder = load_acq(&lined->holders); /* KSEM_ORD_2 acquire */

	while (holder && holder->by != by)
		holder = load_acq(&holder->next); /* KSEM_ORD_2 acquire */
	return holder;
}

/* As quick_add (line/quick.h), for a process. In a read section. */
static ALWAYS_INLINE bool holder_add_one(struct lined *lined, const struct ksem_proc *by, int64_t more)
{
	uint32_t generation = load_rlx(&fork_state.generation); /* relaxed: as fork_stays */
	struct account account = holder_account(holder_of(lined, by));

	return quick_add(&lined->view, account, more, generation);
}

/* As line_post, line_try and line_try_upto. EPERM: it holds fewer; EINVAL also: no reference. In a read section. */
int holder_post(struct lined *lined, uint32_t n, const struct ksem_proc *by);
int holder_take(struct lined *lined, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by);

/* The calling thread begins to wait (own_wait.holder), and waits no more. EINVAL: no reference. In a read section. */
int holder_begin_wait_as(struct lined *lined, const struct ksem_proc *by);
void holder_end_wait_as(void);

#endif
