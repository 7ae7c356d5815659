/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holders: see holder.h.
 */
#include "object/holder.h"

#include <errno.h>

#include "line/account.h"
#include "object/namespace.h"
#include "object/own_wait.h"

static bool open_account(struct lined *lined, struct lined_holder *holder)
{
	struct account account;

	/* relaxed: changed under the namespace's lock */
	if (!account_open(&lined->view, load_rlx(&lined->holder), &account))
		return false;
	store_rel(&holder->account, account.slot | (uint64_t)account.round << 32); /* KSEM_ORD_2 release */
	return true;
}

/* Under the namespace's lock. */
static int add(struct lined *lined, const struct ksem_proc *by)
{
	struct lined_holder *holder;

	if (holder_of(lined, by))
		return 0;
	holder = memory_alloc(sizeof(*holder), KSEM_CACHE_LINE);
	if (!holder)
		return ENOMEM;
	if (!open_account(lined, holder)) {
		memory_free(holder);
		return lined->view.scope == FUTEX_PRIVATE ? ENOMEM : ENOSPC;
	}
	holder->by = by;
	store_rlx(&holder->next, load_rlx(&lined->holders)); /* relaxed: changed under the lock, as is the next */
	store_rel(&lined->holders, holder);                  /* KSEM_ORD_2 release */
	return 0;
}

int lined_add_holder(struct ksem *ksem, const struct ksem_proc *by)
{
	int error;

	if (!lined_has_ledger(lined_of(ksem)))
		return 0;
	pthread_mutex_lock(&object_ns(ksem)->lock);
	error = add(lined_of(ksem), by);
	pthread_mutex_unlock(&object_ns(ksem)->lock);
	return error;
}

/* Under the namespace's lock. */
static int drop(struct lined *lined, const struct ksem_proc *by, struct reclaim *garbage)
{
	struct lined_holder *holder = holder_of(lined, by);
	atomic(struct lined_holder *) *at = &lined->holders;
	uint32_t none = 0;

	if (!holder)
		return 0;
	while (!cas_acq_rel(&holder->waiting, &none, LINED_LEAVING)) { /* KSEM_ORD_5 acquire, KSEM_ORD_5 release */
		if (none)
			return EBUSY;
	}
	if (line_account_pends(&lined->view, holder_account(holder))) {
		store_rel(&holder->waiting, 0); /* KSEM_ORD_5 release */
		return EBUSY;
	}
	if (holder_account(holder).slot != 0)
		account_close(&lined->view, holder_account(holder));
	while (load_rlx(at) != holder)          /* relaxed: changed under the lock, as is the next */
		at = &load_rlx(at)->next;       /* relaxed: as above */
	store_rel(at, load_rlx(&holder->next)); /* KSEM_ORD_2 release. relaxed: as above */
	reclaim_add(garbage, &holder->retired, sizeof(*holder));
	return 0;
}

int lined_drop_holder(struct ksem *ksem, const struct ksem_proc *by, struct reclaim *garbage)
{
	int error;

	if (!lined_has_ledger(lined_of(ksem)))
		return 0;
	pthread_mutex_lock(&object_ns(ksem)->lock);
	error = drop(lined_of(ksem), by, garbage);
	pthread_mutex_unlock(&object_ns(ksem)->lock);
	return error;
}

bool lined_has_holders(const struct ksem *ksem)
{
	return lined_has_ledger(lined_of(ksem));
}

void lined_undone(void *context, uint32_t permits)
{
	struct lined_metrics *metrics = ((struct lined *)context)->metrics;

	if (metrics)
		fetch_add_rlx(&metrics->undone, permits); /* relaxed: a number to show */
}

void lined_retire_holders(struct lined *lined, struct reclaim *garbage)
{
	struct lined_holder *holder = load_rlx(&lined->holders); /* relaxed: it isn't changed any more */

	while (holder) {
		struct lined_holder *next = load_rlx(&holder->next); /* relaxed: as above */

		reclaim_add(garbage, &holder->retired, sizeof(*holder));
		holder = next;
	}
}

void lined_rename_accounts(struct lined *lined)
{
	struct lined_holder *holder = load_rlx(&lined->holders); /* relaxed: changed under the lock, as is the next */
	uint32_t number = load_rlx(&lined->holder);              /* relaxed: as above */

	for (; holder; holder = load_rlx(&holder->next)) { /* relaxed: as above */
		if (holder_account(holder).slot != 0)
			account_rename(&lined->view, holder_account(holder), number);
	}
}

void lined_entrust_accounts(struct lined *lined)
{
	struct lined_holder *holder = load_rlx(&lined->holders); /* relaxed: the process has one thread */

	for (; holder; holder = load_rlx(&holder->next)) { /* relaxed: as above */
		if (holder_account(holder).slot != 0)
			account_entrust(&lined->view, holder_account(holder));
	}
}

void lined_new_accounts(struct lined *lined, const struct own_wait *own)
{
	struct lined_holder *holder = load_rlx(&lined->holders); /* relaxed: the child has one thread */

	for (; holder; holder = load_rlx(&holder->next)) {                 /* relaxed: as above */
		store_rlx(&holder->account, 0);                            /* relaxed: as above */
		store_rlx(&holder->waiting, own && own->holder == holder); /* relaxed: as above */
		open_account(lined, holder);
	}
}

/* In a fork's child that hasn't got an account yet it is the parent's; so the line refuses it (line/call.h). */
int holder_post(struct lined *lined, uint32_t n, const struct ksem_proc *by)
{
	struct account account = holder_account(holder_of(lined, by));

	if (account.slot == 0)
		return EINVAL;
	return account_give(&lined->view, account, n);
}

/* Where no entry is free for the time of the call, none can be taken. */
int holder_take(struct lined *lined, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by)
{
	struct account account = holder_account(holder_of(lined, by));
	int error;

	if (account.slot == 0)
		return EINVAL;
	error = least == most ? account_take(&lined->view, account, most) :
				account_take_upto(&lined->view, account, most, took);
	return error == ENOMEM ? EAGAIN : error;
}

int holder_begin_wait_as(struct lined *lined, const struct ksem_proc *by)
{
	struct lined_holder *holder;
	uint32_t waiting;

	own_wait.holder = NULL;
	if (likely(!lined_has_ledger(lined)))
		return 0;
	holder = holder_of(lined, by);
	if (!holder || holder_account(holder).slot == 0)
		return EINVAL;
	waiting = load_rlx(&holder->waiting); /* relaxed: the compare-and-swap checks it */
	do {
		if (waiting & LINED_LEAVING)
			return EINVAL;
	} while (!cas_rlx(&holder->waiting, &waiting, waiting + 1)); /* relaxed: one word decides who was first */
	own_wait.holder = holder;
	return 0;
}

void holder_end_wait_as(void)
{
	if (unlikely(own_wait.holder != NULL))
		fetch_sub_rel(&own_wait.holder->waiting, 1); /* KSEM_ORD_5 release */
	own_wait.holder = NULL;
}
