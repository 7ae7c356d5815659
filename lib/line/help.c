/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations: see help.h.
 */
#include "line/help.h"

#include <errno.h>

#include "base/probe.h"
#include "line/ledger.h"
#include "line/line.h"
#include "line/order.h"
#include "line/owner.h"

/* The state of an entry after the operation; the same state if the operation has nothing to decide. */
static uint64_t next_state(enum line_kind kind, uint64_t x)
{
	switch (state_of(x)) {
	case ENTRY_WAIT:
		if (kind == LINE_GRANT || kind == LINE_TURN)
			return state_with(x, kind == LINE_GRANT ? ENTRY_GRANTED : ENTRY_TURNED);
		return x;
	case ENTRY_GONE:
		if (kind == LINE_AWAY || kind == LINE_BACK) /* a moved one isn't out */
			return x;
		return kind == LINE_GIVE ? x : state_with(x, ENTRY_OUT);
	case ENTRY_GRANTED:
		return kind == LINE_GIVE ? state_with(x, ENTRY_GIVEN) : x;
	default:
		return x;
	}
}

/*
 * Decides what becomes of the entry. Helpers, the owner of the entry and a thread that reaps it may all try; the first
 * compare-and-swap decides. False: the operation is over.
 */
static bool decide(const struct line_view *view, const struct line_op *op, struct line_entry *entry, uint64_t *x)
{
	for (;;) {
		uint64_t next;

		*x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */
		if (!op_is_under_way(view, op))
			return false;
		next = next_state(op->kind, *x);
		if (next == *x)
			return true;
		if (cas_acq_rel(&entry->state, x, next)) { /* KSEM_ORD_24 release, KSEM_ORD_24 acquire */
			*x = next;
			if (state_of(next) == ENTRY_GRANTED)
				PROBE(grant, futex_half(&entry->state), state_need(next)); /* NOLINT: sdt.h's sizeof */
			return true;
		}
	}
}

/*
 * Wakes the owner of a decided entry, and notes that, so that later helpers needn't. The note is made before the
 * operation ends, so no late helper changes the state while the owner frees the entry. True: the entry says that its
 * owner sleeps, but the kernel found no sleeper.
 */
static bool wake_owner(const struct line_view *view, struct line_entry *entry, uint64_t x)
{
	uint64_t woken = x & ~(uint64_t)ENTRY_SLEEPS;
	int found;

	if (!(x & ENTRY_SLEEPS) || (state_of(x) != ENTRY_GRANTED && state_of(x) != ENTRY_TURNED))
		return false;
	found = futex_wake_in(view->scope, futex_half(&entry->state), 1);
	for (uint64_t is = x; is == x;) {
		if (cas_acq_rel(&entry->state, &is, woken)) /* KSEM_ORD_24 release, KSEM_ORD_24 acquire */
			break;
	}
	return found == 0;
}

/* Counts one waiter more (JOIN) or one less, once for each operation. False: the operation is over. */
static bool tally(const struct line_view *view, const struct line_op *op)
{
	struct pair *tally = &view->line->tally;
	bool joins = op->kind == LINE_JOIN;

	for (;;) {
		uint64_t low = load_acq(&tally->low), high = load_acq(&tally->high); /* KSEM_ORD_23 acquire */
		uint64_t next = ((low & TALLY_WAITERS) + (joins ? 1 : TALLY_WAITERS)) & TALLY_WAITERS;

		if (low >> TALLY_TAG_SHIFT == op->number)
			return true;
		if (!op_is_under_way(view, op))
			return false;
		if (pair_cas(tally, low, high, next | op->number << TALLY_TAG_SHIFT, high + joins))
			return true;
	}
}

/* The word after the operation, if its entry is in the state x. */
static struct line_word word_after(const struct line_view *view, const struct line_op *op, struct line_word w,
				   uint64_t x)
{
	bool waited = line_order(view->line)->fair ? list_first(view, LINE_MAIN) != 0 : tally_waiters(view->line) != 0;
	uint32_t taken = word_taken(w);

	if (op->kind == LINE_GRANT && state_of(x) == ENTRY_GRANTED)
		taken += state_need(x);
	else if (op->kind == LINE_GIVE && state_of(x) == ENTRY_GIVEN)
		taken -= state_need(x) < taken ? state_need(x) : taken; /* others may have posted in its stead */
	w.low = (w.low & ~(LINE_BUSY | LINE_WAITED | UINT32_MAX)) | (waited ? LINE_WAITED : 0) | taken;
	w.high &= ~((UINT64_C(1) << LINE_HIGH_SHIFT) - (UINT64_C(1) << 32));
	return w;
}

/* Ends the operation, unless another thread has: takes its name out of the word, and changes the value if it must. */
static void finish_op(const struct line_view *view, const struct line_op *op, uint64_t x)
{
	struct line_word w, after;

	do {
		w.low = load_acq(&view->line->word.low); /* KSEM_ORD_23 acquire, KSEM_ORD_1 acquire */
		w.high = op->high;
		after = word_after(view, op, w, x);
		if (!(w.low & LINE_BUSY) || !op_is_under_way(view, op))
			return;
	} while (!pair_cas(&view->line->word, w.low, w.high, after.low, after.high));
}

/*
 * Puts the entry at the end of another list, if the operation does that. False: the operation is over.
 *
 * Helpers must agree on that list, and it must not be the one that the entry comes from: then a link could be changed
 * by both halves, and a late helper of the first would change it back. So the operation names the list, not the entry,
 * whose owner may give up meanwhile.
 */
static bool append_to(const struct line_view *view, const struct line_op *op, struct line_entry *entry)
{
	uint32_t ready = entry_list(load_rlx(&entry->ready)); /* relaxed: constant since before it was in line */

	if (op->kind == LINE_AWAY || op->kind == LINE_BACK)
		return append(view, op, op->kind == LINE_AWAY ? LINE_ASIDE : LINE_MAIN);
	return ready == 0 || op->kind == LINE_POP || append(view, op, ready);
}

/*
 * Wakes the queue's thread if it may sleep: if the list was empty before, or the entry was moved. If it wasn't empty,
 * the operation that put the first entry there has made the wake call. Threads of other queues may sleep there, too,
 * which had this head before, or think that they still have it: all are woken, and look, and sleep again. The same if
 * the helper is late. True: nobody sleeps there.
 */
static bool wake_queue(const struct line_view *view, const struct line_op *op, struct line_entry *head)
{
	if (link_read(&head->node.next) != op->slot && op->kind != LINE_BACK)
		return false;
	return futex_wake_in(view->scope, futex_half(&head->node.next), INT32_MAX) == 0;
}

/*
 * Notifies the queue. False: the operation is over; then another helper has done so. What is read here may be of the
 * entry's next use.
 */
static bool notify_queue(const struct line_view *view, const struct line_op *op, const struct line_entry *entry,
			 bool *missed)
{
	uint32_t ready = entry_list(load_rlx(&entry->ready)); /* relaxed: as above */
	struct line_entry *head = ready ? entry_at(view, ready) : NULL;
	uint32_t holder = load_rlx(&entry->holder);       /* relaxed: as above */
	uint64_t user = head ? load_rlx(&head->user) : 0; /* relaxed: as above */

	if (!head)
		return true;
	if (!op_is_under_way(view, op))
		return false;
	if (!view->hooks || !view->hooks->notify)
		*missed = wake_queue(view, op, head) && op->kind == LINE_GRANT;
	else
		view->hooks->notify(view->context, holder, user);
	return true;
}

/*
 * An entry stands behind others now. If a queue's wait with a deadline is among these, the entry's owner must look
 * when that has passed (due.h), so it is woken or notified. A thread that has looked, and isn't asleep yet, misses
 * that; so it looks again by itself (line_next_look). False: as above.
 */
static bool notify_of_move(const struct line_view *view, const struct line_op *op, struct line_entry *entry, uint64_t x)
{
	bool missed;

	if (load_rlx(&view->line->dues) == 0) /* relaxed: those ahead joined before */
		return true;
	if (state_of(x) == ENTRY_WAIT)
		futex_wake_in(view->scope, futex_half(&entry->state), 1);
	return notify_queue(view, op, entry, &missed);
}

/* Does the steps of the operation. As line_help. */
static bool help(const struct line_view *view, const struct line_op *op)
{
	struct line_entry *entry = entry_at(view, op->slot);
	bool missed = false;
	uint64_t x = 0;

	if (!entry)
		return false;
	if (op->kind == LINE_JOIN) {
		if (append_joined(view, op) && tally(view, op))
			finish_op(view, op, x);
		return false;
	}
	if (!decide(view, op, entry, &x))
		return false;
	if (!ledger_write(view, op, entry, x))
		return false;
	missed = wake_owner(view, entry, x) && op->kind == LINE_GRANT;
	if (op->kind != LINE_GIVE && (!take_out(view, op) || !append_to(view, op, entry)))
		return missed;
	if (op->kind == LINE_BACK && !notify_of_move(view, op, entry, x))
		return missed;
	if (op->kind == LINE_GRANT || op->kind == LINE_TURN || op->kind == LINE_DROP) {
		if (!notify_queue(view, op, entry, &missed) || !tally(view, op))
			return missed;
	}
	finish_op(view, op, x);
	return missed;
}

/*
 * If the operation isn't over then, somebody wrote nonsense to a shared line: no entry has that number, say. Then the
 * operation ends here, so that no thread tries for ever.
 */
bool line_help(const struct line_view *view, const struct line_op *op)
{
	bool missed = help(view, op), known = entry_at(view, op->slot) || op->slot - LINE_LISTS >= entries_used(view);

	if (unlikely(known && op_is_under_way(view, op)))
		finish_op(view, op, 0);
	return missed;
}

uint64_t line_outcome(const struct line_view *view, uint32_t slot)
{
	for (;;) {
		struct line_word w = line_word(view->line);
		struct line_op op = word_op(w);

		if (!(w.low & LINE_BUSY) || op.slot != slot)
			return load_acq(&entry_at(view, slot)->state); /* KSEM_ORD_24 acquire */
		line_help(view, &op);
	}
}

bool line_announce(const struct line_view *view, struct line_word w, enum line_kind kind, uint32_t slot,
		   struct line_op *op)
{
	struct line_word next = word_next(w, kind, slot);

	*op = word_op(next);
	if (!ledger_complete(view, &w))
		return false;
	if (unlikely(ledger_collides(view, op))) {
		next = word_next(w, LINE_NONE, 0);
		pair_cas(&view->line->word, w.low, w.high, next.low, next.high);
		return false;
	}
	return pair_cas(&view->line->word, w.low, w.high, next.low, next.high);
}

static bool is_decided(uint64_t x)
{
	return state_of(x) == ENTRY_TURNED || state_of(x) == ENTRY_OUT || state_of(x) == ENTRY_GIVEN;
}

/* Of a queue's wait. If it was granted, its permits are in an account, and go back when that is closed. */
static bool may_come_off(const struct line_view *view, uint32_t slot, const struct line_entry *entry, uint64_t x)
{
	return entry_list(load_rlx(&entry->ready)) != 0 && /* relaxed: constant since before it was in line */
	       (is_decided(x) || state_of(x) == ENTRY_GRANTED) && stands_in_list(view, slot) &&
	       owner_has_ended(view, entry);
}

/* Can the permits of an entry that was granted go back by an operation of its own? */
static bool can_give(const struct line_view *view, const struct line_entry *entry, uint64_t x)
{
	bool queued = entry_list(load_rlx(&entry->ready)) != 0; /* relaxed: as above */

	return state_of(x) == ENTRY_GRANTED && !(queued && owner_account(view, entry) != 0);
}

/* The operation that the caller's wish still needs; LINE_NONE: none. */
static struct line_act wished(const struct line_view *view, struct line_word w, const struct line_wish *wish)
{
	const struct line_entry *entry = wish->kind == LINE_NONE ? NULL : entry_at(view, wish->slot);
	struct line_act act = {wish->kind, wish->slot}, none = {LINE_NONE, 0};
	uint64_t x;

	if (!entry)
		return none;
	if (wish->kind == LINE_CLOSED) {
		struct account_seen seen;

		return ledger_see(view, w, wish->slot, wish->state, &seen) != EINVAL ? act : none;
	}
	if (wish->kind == LINE_POP) {
		act.slot = link_read(&entry->node.next);
		return act.slot != wish->slot ? act : none;
	}
	x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */
	if (((x ^ wish->state) & ENTRY_ROUND_MASK) != 0)
		return none;
	if (wish->kind == LINE_DROP)
		return state_of(x) == ENTRY_GONE ? act : none;
	if (can_give(view, entry, x))
		return act;
	act.kind = LINE_POP;
	return may_come_off(view, wish->slot, entry, x) ? act : none;
}

/* Wakes the threads at the door if one of them can take a permit, or must not wait any longer. */
static void serve_door(const struct line_view *view, struct line_word w)
{
	if (unlikely(w.low & LINE_DOOR) &&
	    ((w.low & (LINE_SHUT | LINE_DEAD)) || (!others_come_first(view, w) && word_left(w) > 0)))
		entry_call_all(view);
}

/* May a line with this word need operations that nobody has begun? */
static bool may_need_service(struct line_word w)
{
	if (w.low & (LINE_SHUT | LINE_SWEEP))
		return true;
	return (w.low & LINE_WAITED) && word_left(w) > 0;
}

static void clear_sweep(const struct line_view *view, struct line_word w)
{
	struct line_word next = word_next(w, LINE_NONE, 0);

	if (ledger_complete(view, &w))
		pair_cas(&view->line->word, w.low, w.high, next.low & ~LINE_SWEEP, next.high);
}

/* After a wake call that found no sleeper: the wish to give the entry's permits back, if its owner is dead. */
static struct line_wish wish_of_missed(const struct line_view *view, uint32_t slot)
{
	const struct line_entry *entry = entry_at(view, slot);
	struct line_wish wish = {LINE_GIVE, slot, 0};
	uint32_t account;

	if (!entry || !view->hooks || !view->hooks->gone)
		return (struct line_wish){LINE_NONE, 0, 0};
	wish.state = load_acq(&entry->state); /* KSEM_ORD_24 acquire */
	/* Of another state: the entry may be another's already, which hasn't said yet who it is. */
	if (state_of(wish.state) != ENTRY_GRANTED ||
	    !view->hooks->gone(view->context, load_rlx(&entry->holder))) /* relaxed: constant while the state is */
		wish.kind = LINE_NONE;
	account = owner_account(view, entry);
	if (wish.kind == LINE_NONE || account == 0)
		return wish;
	wish.state = entry_at(view, account) ? load_acq(&entry_at(view, account)->state) : 0; /* KSEM_ORD_24 acquire */
	wish.slot = account;
	wish.kind = ledger_has_ended(view, account) ? LINE_CLOSED : LINE_NONE; /* it has the permits, too */
	return wish;
}

/* Nothing is left to do for the line. False: look again, the word has changed. */
static bool is_settled(const struct line_view *view, struct line_word w)
{
	if (!line_is(view->line, w))
		return false;
	serve_door(view, w);
	return true;
}

/*
 * Does an operation that takes an entry off a list come again at once? Then it had no effect: others have written
 * nonsense to a shared line. A GRANT may come again: the entry's owner can have returned with another wait.
 */
static bool repeats(struct line_act act, struct line_act before)
{
	return act.kind == before.kind && act.slot == before.slot &&
	       (act.kind == LINE_TURN || act.kind == LINE_AWAY || act.kind == LINE_BACK || act.kind == LINE_POP);
}

/* Nobody needs as many operations, but for nonsense that is written again and again. The rest is left to the looks. */
#define ACTS_MOST (8 * LINE_ENTRIES)

uint32_t line_settle_with(const struct line_view *view, struct line_wish wish)
{
	struct line_wish dead = {LINE_NONE, 0, 0};
	struct line_place place = LINE_NO_PLACE;
	struct line_act before = {LINE_NONE, 0};
	uint32_t acts = 0;

	for (;;) {
		struct line_word w = line_word(view->line);
		struct line_op op = word_op(w);
		const struct line_wish *whose;
		struct line_act act;
		bool wanted;

		if (w.low & LINE_BUSY) {
			line_help(view, &op);
			continue;
		}
		whose = &dead; /* first: its permits may suffice for those who wait */
		act = wished(view, w, whose);
		if (act.kind == LINE_NONE) {
			whose = &wish;
			act = wished(view, w, whose);
		}
		wanted = act.kind != LINE_NONE;
		if (wish.kind == LINE_POP && !wanted)
			return 0;
		if (!wanted && may_need_service(w))
			act = line_order(view->line)->choose(view, w, &place);
		if (act.kind == LINE_NONE) {
			if (is_settled(view, w))
				return 0;
		} else if (act.kind == LINE_SWEPT) {
			clear_sweep(view, w);
		} else if (act.kind == LINE_CLOSED) {
			ledger_try_close(view, w, act.slot, whose->state);
		} else if (unlikely(repeats(act, before) || (acts > ACTS_MOST && view->mapped))) {
			return 0;
		} else if (line_announce(view, w, act.kind, act.slot, &op)) {
			acts++;
			before = act;
			if (!wanted)
				place.number = op.number;
			if (line_help(view, &op))
				dead = wish_of_missed(view, op.slot);
			if (wish.kind == LINE_POP)
				return act.slot != 0 ? act.slot : LINE_NOWHERE;
		}
	}
}

void line_settle(const struct line_view *view)
{
	line_settle_with(view, (struct line_wish){LINE_NONE, 0, 0});
}
