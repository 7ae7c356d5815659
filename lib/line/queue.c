/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits of completion queues: see line.h.
 *
 * A queue has a ready list in each line on which it waits. The head of the list is an entry of its own; behind it are
 * the queue's decided waits, in the order in which they were decided. The operation that decides a wait moves it there.
 * So nothing depends on the thread that posted, and if the queue's process ends, others find everything that it left.
 *
 * The head says whose the list is (owner.h), or, in a line with a notify hook, the `user` with which to call it.
 *
 * Where the poster can't call the queue, a thread of the queue sleeps on the link from the head to the first wait. The
 * operation that puts a wait on the empty list changes that link, and then, before it ends, makes the wake call. So the
 * kernel finds out, when the thread is about to sleep, whether there is news; and if the poster is killed in between,
 * the operation is still under way, and whoever finishes it makes the wake call. The kernel compares the low half of
 * the link, with 13 bits of the operation's number. A thread could be stopped just before it sleeps, while the list is
 * emptied and a wait with the same entry is put there after a multiple of 2^13 operations. Then it learns of that when
 * it looks by itself, about once a second.
 */
#include <errno.h>

#include "line/account.h"
#include "line/due.h"
#include "line/entries.h"
#include "line/help.h"
#include "line/line.h"
#include "line/order.h"
#include "line/owner.h"
#include "line/prepare.h"

int line_open_ready(struct line_view *view, uint32_t holder, uint64_t user, uint32_t *head)
{
	bool no_memory;
	uint32_t slot = entry_claim(view, holder, &no_memory);
	struct line_entry *entry;
	uint64_t tag;

	if (slot == 0)
		return ENOMEM;
	/* The same entry may have been the head of another list before: a late helper must see the difference. */
	tag = word_number(line_word(view->line)) << 1;
	entry = entry_at(view, slot);
	/* relaxed: published with the first wait, as are the rest */
	store_rlx(&entry->node.next, link_make(slot, tag));
	store_rlx(&entry->node.prev, link_make(slot, tag)); /* relaxed: as above */
	if (!view->hooks || !view->hooks->notify)
		user = load_rlx(&view->who); /* relaxed: as above */
	store_rlx(&entry->user, user);       /* relaxed: as above */
	store_rlx(&entry->due, view->image); /* relaxed: as above */
	store_rlx(&entry->holder, holder);   /* relaxed: as above */
	store_rlx(&entry->ready, 0);         /* relaxed: as above */
	*head = slot;
	return 0;
}

void line_close_ready(struct line_view *view, uint32_t head, uint32_t round)
{
	uint64_t x = load_acq(&entry_at(view, head)->state); /* KSEM_ORD_24 acquire */

	if (((uint32_t)x & ENTRY_ROUND_MASK) == round)
		entry_free(view, head, x);
}

uint32_t line_ready_round(const struct line_view *view, uint32_t head)
{
	return (uint32_t)load_acq(&entry_at(view, head)->state) & ENTRY_ROUND_MASK; /* KSEM_ORD_24 acquire */
}

/* Gets in line if the word allows it. EAGAIN: look again. */
static int join_queue(struct line_view *view, uint32_t n, uint32_t slot)
{
	uint64_t state = load_rlx(&entry_at(view, slot)->state); /* relaxed: the caller's own */
	struct line_word w = line_word(view->line);
	struct line_op op = word_op(w);

	if (w.low & LINE_DEAD)
		return EINVAL;
	if (w.low & LINE_BUSY) {
		line_help(view, &op);
		return EAGAIN;
	}
	if ((w.low & LINE_SHUT) && word_left(w) < n) {
		line_settle(view); /* nobody is told of a shutdown while others sleep */
		return ESHUTDOWN;
	}
	if (!line_prepare(view, slot, w, n, &state) || !line_announce(view, w, LINE_JOIN, slot, &op))
		return EAGAIN;
	line_help(view, &op);
	line_settle(view);
	return 0;
}

int line_submit(struct line_view *view, uint32_t n, uint32_t head, struct line_by by, uint64_t user, uint64_t due,
		struct line_handle *handle)
{
	uint32_t account = by.account.slot ? by.account.slot | ENTRY_ACCOUNT : 0;
	bool no_memory;
	uint32_t slot = entry_claim(view, by.holder, &no_memory);
	struct line_entry *entry;
	int error;

	if (slot == 0)
		return ENOMEM;
	entry = entry_at(view, slot);
	if (load_rlx(&entry_at(view, head)->ready) != account)    /* relaxed: only its queue changes it */
		store_rlx(&entry_at(view, head)->ready, account); /* relaxed: the word publishes it */
	store_rlx(&entry->holder, by.holder); /* relaxed: published with the state, as are the rest */
	store_rlx(&entry->ready, head);       /* relaxed: as above */
	store_rlx(&entry->user, user);        /* relaxed: as above */
	if (due != 0)
		fetch_add_rlx(&view->line->dues, 1);           /* relaxed: as above */
	store_rlx(&entry->due, due != 0 ? LINE_DUE_COMES : 0); /* relaxed: as above */
	handle->slot = slot;
	handle->round = (uint32_t)load_rlx(&entry->state) & ENTRY_ROUND_MASK; /* relaxed: the caller's own */
	while ((error = join_queue(view, n, slot)) == EAGAIN)
		;
	if (error)
		entry_free_wait(view, slot, load_acq(&entry->state)); /* KSEM_ORD_24 acquire */
	else if (due != 0)
		store_rel(&entry->due, due); /* KSEM_ORD_24 release: nobody reaps it, and so frees it, meanwhile */
	return error;
}

/* A change of an account may find no free entry. */
int line_take_as(struct line_view *view, uint32_t n, struct line_by by)
{
	int error;

	if (likely(by.account.slot == 0))
		return line_take_now(view, n) ? 0 : line_try(view, n);
	error = account_take(view, by.account, n);
	return error == ENOMEM ? EAGAIN : error;
}

/* Is it still the wait of that handle? */
static bool is_of(uint64_t x, struct line_handle handle)
{
	return ((uint32_t)x & ENTRY_ROUND_MASK) == handle.round;
}

bool line_pends(const struct line_view *view, struct line_handle handle)
{
	uint64_t x = load_acq(&entry_at(view, handle.slot)->state); /* KSEM_ORD_24 acquire */

	return state_of(x) == ENTRY_WAIT && is_of(x, handle);
}

/* Is it undecided? So it is, too, if others took it out, since they took this process for dead. */
static bool is_open(uint64_t x)
{
	return state_of(x) == ENTRY_WAIT ||
	       ((state_of(x) == ENTRY_GONE || state_of(x) == ENTRY_OUT) && state_need(x) == ENOENT);
}

bool line_give_up(struct line_view *view, struct line_handle handle, int why)
{
	struct line_entry *entry = entry_at(view, handle.slot);
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	while (is_open(x) && is_of(x, handle)) {
		enum entry_state state = state_of(x) == ENTRY_OUT ? ENTRY_OUT : ENTRY_GONE;

		/* KSEM_ORD_24 acquire, KSEM_ORD_24 release */
		if (cas_acq_rel(&entry->state, &x, state_with(state_gone(x, why), state)))
			return true;
	}
	return false;
}

/* If another thread found it past its deadline, it may have been stopped before it took it out of the line. */
void line_drop(struct line_view *view, struct line_handle handle)
{
	uint64_t x = load_acq(&entry_at(view, handle.slot)->state); /* KSEM_ORD_24 acquire */

	if (state_of(x) == ENTRY_GONE && is_of(x, handle))
		line_settle_with(view, (struct line_wish){LINE_DROP, handle.slot, x});
}

bool line_account_pends(const struct line_view *view, struct account account)
{
	uint32_t used = account.slot != 0 && line_waiters(view) > 0 ? entries_used(view) : 0;

	for (uint32_t slot = LINE_LISTS; slot < used + LINE_LISTS; slot++) {
		const struct line_entry *entry = entry_at(view, slot);

		if (entry && state_of(load_acq(&entry->state)) == ENTRY_WAIT && /* KSEM_ORD_24 acquire */
		    owner_account(view, entry) == account.slot)
			return true;
	}
	return false;
}

bool line_has_ready(const struct line_view *view, uint32_t head)
{
	return link_read(&entry_at(view, head)->node.next) != head;
}

uint64_t line_ready_futex(const struct line_view *view, uint32_t head, struct futex_place *place)
{
	struct line_entry *entry = entry_at(view, head);
	uint64_t first = load_acq(&entry->node.next); /* KSEM_ORD_23 acquire */

	*place = (struct futex_place){futex_half(&entry->node.next), (uint32_t)first, view->scope};
	return LINK_TO(first) == head ? 0 : first;
}

bool line_may_have_to_settle(const struct line_view *view, uint32_t dues)
{
	/* relaxed: those ahead joined before */
	return line_order(view->line)->fair && load_rlx(&view->line->dues) > dues;
}

bool line_must_settle(const struct line_view *view, uint32_t head, uint32_t dues, const struct line_handle *added,
		      struct deadline *look)
{
	if (!line_may_have_to_settle(view, dues))
		return false;
	if (added && line_pends(view, *added))
		return due_ahead(view, added->slot, (struct due_own){.ready = head, .more = true}, look);
	return due_ahead(view, LINE_MAIN, (struct due_own){.ready = head}, look);
}

static int error_of(uint64_t x)
{
	switch (state_of(x)) {
	case ENTRY_GRANTED:
		return 0;
	case ENTRY_TURNED:
		return ESHUTDOWN;
	case ENTRY_OUT: /* in a shared line, anybody may have written another reason */
		return state_need(x) == ETIMEDOUT || state_need(x) == ENOENT ? (int)state_need(x) : ECANCELED;
	default:
		return ENOENT;
	}
}

/* Not, if others took this process for dead: then the entry may be free, or be used for another wait. */
static bool may_be_ready(const struct line_entry *entry, uint32_t head, uint64_t x)
{
	/* relaxed: constant while the state is */
	return state_of(x) >= ENTRY_GRANTED && entry_list(load_rlx(&entry->ready)) == head;
}

int line_reap_ready(struct line_view *view, uint32_t head, struct line_result *result)
{
	uint32_t slot = line_settle_with(view, (struct line_wish){LINE_POP, head, 0});
	struct line_entry *entry = slot ? entry_at(view, slot) : NULL;
	bool own;
	uint64_t x;

	if (slot == 0)
		return EAGAIN;
	if (unlikely(!entry)) { /* others wrote to the list: it leads to none */
		*result = (struct line_result){.error = ENOENT};
		return 0;
	}
	result->user = load_rlx(&entry->user); /* relaxed: the caller's own */
	do {                                   /* who took this process for dead may take a grant back meanwhile */
		x = line_outcome(view, slot);
		own = may_be_ready(entry, head, x);
	} while (own && !entry_free_wait(view, slot, x));
	result->handle = (struct line_handle){own ? slot : 0, (uint32_t)x & ENTRY_ROUND_MASK};
	result->need = state_of(x) == ENTRY_GRANTED ? state_need(x) : 0;
	result->error = error_of(x);
	if (result->error == ESHUTDOWN)
		line_settle(view); /* as above */
	return 0;
}
