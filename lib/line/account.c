/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts: see account.h.
 *
 * A change of a few permits is named in the word by the account itself. A change of more needs a place that says how
 * many: an entry that the caller claims for the time of the call. Where no entry is free, these are given back one by
 * one.
 *
 * A fork's child that goes on in such a call holds nothing: its posts are EPERM, and its takes EAGAIN (call.h).
 */
#include "line/account.h"

#include <errno.h>

#include "line/call.h"
#include "line/entries.h"
#include "line/help.h"
#include "line/ledger.h"
#include "line/order.h"
#include "word/backoff.h"

static uint64_t state_in(struct account account)
{
	return account.round | (uint64_t)ENTRY_HELD;
}

static bool open_at(struct line_view *view, uint32_t holder, struct account *account)
{
	bool no_memory;
	uint32_t slot = entry_claim(view, holder, &no_memory);
	struct line_entry *entry;

	if (slot == 0)
		return false;
	entry = entry_at(view, slot);
	store_rlx(&entry->user, load_rlx(&view->who)); /* relaxed: published with `ready`, as is the rest */
	store_rlx(&entry->due, view->image);           /* relaxed: as above */
	store_rlx(&entry->ticket, 0);                  /* relaxed: as above */
	store_rlx(&entry->account.low, ACCOUNT_MARK);  /* relaxed: as above */
	store_rlx(&entry->account.high, ACCOUNT_MARK | word_number(line_word(view->line))); /* relaxed: as above */
	store_rel(&entry->ready, slot | ENTRY_ACCOUNT);                                     /* KSEM_ORD_29 release */
	account->slot = slot;
	account->round = (uint32_t)load_rlx(&entry->state) & ENTRY_ROUND_MASK; /* relaxed: the caller's own */
	return true;
}

bool account_open(struct line_view *view, uint32_t holder, struct account *account)
{
	struct line_call call;
	uint32_t forks;
	bool opened;

	call_begin(&call, view);
	do {
		forks = call_forks(&call);
		opened = !call_is_left(&call) && open_at(view, holder, account);
	} while (opened && forks != call_forks(&call));
	call_end(&call);
	return opened;
}

void account_rename(struct line_view *view, struct account account, uint32_t holder)
{
	struct line_entry *entry = entry_at(view, account.slot);
	uint64_t x = entry ? load_acq(&entry->state) : 0; /* KSEM_ORD_24 acquire */

	while (state_of(x) == ENTRY_HELD && ((uint32_t)x & ENTRY_ROUND_MASK) == account.round) {
		uint64_t next = (uint64_t)holder << 32 | (uint32_t)x;

		if (cas_acq_rel(&entry->state, &x, next)) /* KSEM_ORD_24 acquire, KSEM_ORD_24 release */
			break;
	}
}

void account_entrust(const struct line_view *view, struct account account)
{
	struct line_entry *entry = entry_at(view, account.slot);

	if (!entry)
		return;
	store_rlx(&entry->due, 0);                     /* relaxed: the process before lives until this is done */
	store_rlx(&entry->user, load_rlx(&view->who)); /* relaxed: as above */
}

void account_close(struct line_view *view, struct account account)
{
	struct line_entry *entry = entry_at(view, account.slot);

	if (!entry)
		return;
	line_settle_with(view, (struct line_wish){LINE_CLOSED, account.slot, state_in(account)});
	for (;;) {
		uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

		if (((uint32_t)x & ENTRY_ROUND_MASK) != account.round || state_of(x) != ENTRY_HELD ||
		    entry_free(view, account.slot, x))
			break;
	}
}

/* What a change does. */
struct change {
	bool gives;
	uint32_t least, most;
	struct line_call *call;
	uint32_t request;       /* the entry that says how many; 0: none yet */
	uint64_t request_state; /* constant while the entry is the call's, as is */
	uint32_t forks;         /* of the call, when the entry was claimed */
};

/* How many the change moves, for that word. 0: none, and *error says why. */
static uint32_t amount(const struct line_view *view, struct line_word w, int64_t held, const struct change *change,
		       int *error)
{
	int64_t there = change->gives ? held : others_come_first(view, w) ? 0 : word_left(w);

	*error = change->gives ? EPERM : EAGAIN;
	if (there < change->least || (change->gives && word_taken(w) < change->least))
		return 0;
	return there < change->most ? (uint32_t)there : change->most;
}

/* An entry for how many. A child that goes on in the call may write late to the one that the call had at the fork. */
static bool have_request(struct line_view *view, struct account account, struct change *change)
{
	uint64_t x = load_rlx(&entry_at(view, account.slot)->state); /* relaxed: a number */
	bool no_memory;

	if (change->request != 0 && change->forks == call_forks(change->call))
		return true;
	change->forks = call_forks(change->call);
	change->request = entry_claim(view, (uint32_t)(x >> 32), &no_memory);
	if (change->request == 0)
		return false;
	change->request_state = load_rlx(&entry_at(view, change->request)->state); /* relaxed: the caller's own */
	return true;
}

/* The entry that the word names for n permits. 0: no entry is free. */
static uint32_t name_of(struct line_view *view, struct account account, uint32_t n, struct change *change)
{
	struct line_entry *entry;

	if (n <= LINE_SUM_MOST)
		return account.slot;
	if (!have_request(view, account, change))
		return 0;
	entry = entry_at(view, change->request);
	store_rlx(&entry->user, load_rlx(&view->who));          /* relaxed: the word publishes it, as the rest */
	store_rlx(&entry->due, n);                              /* relaxed: as above */
	store_rlx(&entry->ready, account.slot | ENTRY_ACCOUNT); /* relaxed: as above */
	return change->request;
}

static enum line_kind kind_of(const struct change *change, uint32_t n)
{
	if (n <= LINE_SUM_MOST)
		return LINE_SUMS;
	return change->gives ? LINE_GAVE_MANY : LINE_TOOK_MANY;
}

/* Names the change of n permits, and writes it if it is fixed. -1: look again. */
static int name_change(struct line_view *view, struct account account, struct line_word w, struct account_seen seen,
		       struct change *change, uint32_t n)
{
	uint32_t name = name_of(view, account, n, change);
	struct line_word named;

	if (name == 0)
		return ENOMEM;
	if (!ledger_name(view, w, seen, kind_of(change, n), name, change->gives ? -(int64_t)n : (int64_t)n, &named))
		return -1;
	if (named.low & LINE_FIXED)
		ledger_write_named(view, named);
	return 0;
}

/* The word is as try_change wants it. `sums`: it has the account's sum. As that. */
static int change_account(struct line_view *view, struct account account, struct line_word w, bool sums,
			  struct change *change, uint32_t *moved)
{
	struct account_seen seen;
	int error = ledger_see(view, w, account.slot, state_in(account), &seen);
	int64_t held, more;

	if (error)
		return error == EAGAIN ? -1 : error;
	if (seen.low & ACCOUNT_CLOSED)
		return EINVAL;
	held = (int64_t)account_held(seen) + (sums ? word_sum(w) : 0);
	*moved = amount(view, w, held, change, &error);
	if (*moved == 0)
		return error;
	more = change->gives ? -(int64_t)*moved : (int64_t)*moved;
	if (more > 0 && held == 0 && !ledger_note_time(view, w, entry_at(view, account.slot)))
		return -1;
	if (sums && ledger_sums(w, seen, more))
		return ledger_add(view, w, more) ? 0 : -1;
	if (sums && word_sum(w) != 0) {
		ledger_complete(view, &w); /* and then the account has something else */
		return -1;
	}
	return name_change(view, account, w, seen, change, *moved);
}

/* Tries once. -1: look again. */
static int try_change(struct line_view *view, struct account account, struct change *change, uint32_t *moved)
{
	struct line_word w = line_word(view->line);
	struct line_op op = word_op(w);
	bool sums = word_sums(w, account.slot);

	if (call_is_left(change->call)) /* a fork after this uses up the word's number */
		return change->gives ? EPERM : EAGAIN;
	if (w.low & LINE_BUSY) {
		line_help(view, &op);
		return -1;
	}
	if (w.low & LINE_DEAD)
		return EINVAL;
	if (!sums && !ledger_complete(view, &w))
		return -1;
	return change_account(view, account, w, sums, change, moved);
}

/* The entry may be freed by both processes, if the child comes when it is only to be freed. */
static void end_request(struct line_view *view, const struct change *change)
{
	if (change->request == 0)
		return;
	ledger_forget(view, change->request);
	if (change->forks == call_forks(change->call) && !call_is_left(change->call))
		entry_free(view, change->request, change->request_state);
}

static int make_change(struct line_view *view, struct account account, struct change *change, uint32_t *moved)
{
	unsigned pauses = 0;
	int error;

	while ((error = try_change(view, account, change, moved)) == -1)
		backoff(&pauses);
	end_request(view, change);
	return error;
}

/* In a fair line an entry that gave up may still seem to wait, if its thread was stopped. */
static int take(struct line_view *view, struct account account, struct change *change, uint32_t *got)
{
	int error = make_change(view, account, change, got);

	if (error != EAGAIN || !(line_word(view->line).low & LINE_WAITED))
		return error;
	line_settle(view);
	change->request = 0;
	return make_change(view, account, change, got);
}

int account_take_in(struct line_call *call, struct line_view *view, struct account account, uint32_t n)
{
	struct change change = {.least = n, .most = n, .call = call};
	uint32_t got;

	return take(view, account, &change, &got);
}

int account_take(struct line_view *view, struct account account, uint32_t n)
{
	struct line_call call;
	uint32_t value;
	int error;

	if (n == 0)
		return line_value(view, &value);
	call_begin(&call, view);
	error = account_take_in(&call, view, account, n);
	call_end(&call);
	return error;
}

int account_take_upto(struct line_view *view, struct account account, uint32_t n, uint32_t *got)
{
	struct line_call call;
	struct change change = {.least = 1, .most = n, .call = &call};
	int error;

	call_begin(&call, view);
	error = take(view, account, &change, got);
	call_end(&call);
	return error;
}

static int give_one_by_one(struct line_view *view, struct account account, uint32_t least, uint32_t most,
			   struct line_call *call)
{
	int error = account_has(view, account) < least ? EPERM : 0;

	for (uint32_t i = 0; !error && i < most; i++) {
		struct change one = {.gives = true, .least = 1, .most = 1, .call = call};
		uint32_t moved;

		error = make_change(view, account, &one, &moved);
	}
	return error;
}

static int give_some(struct line_view *view, struct account account, uint32_t least, uint32_t most)
{
	struct line_call call;
	struct change change = {.gives = true, .least = least, .most = most, .call = &call};
	uint32_t moved;
	int error;

	call_begin(&call, view);
	error = make_change(view, account, &change, &moved);
	if (unlikely(error == ENOMEM))
		error = give_one_by_one(view, account, least, most, &call);
	call_end(&call);
	/* Also after an error: some may have gone back one by one. */
	if (load_acq(&view->line->word.low) & (LINE_WAITED | LINE_BUSY | LINE_DOOR)) /* KSEM_ORD_23 acquire */
		line_settle(view);
	return error;
}

int account_give(struct line_view *view, struct account account, uint32_t n)
{
	uint32_t value;

	return n == 0 ? line_value(view, &value) : give_some(view, account, n, n);
}

void account_give_upto(struct line_view *view, struct account account, uint32_t n)
{
	give_some(view, account, 1, n);
}

uint32_t account_has(const struct line_view *view, struct account account)
{
	struct account_seen seen;

	if (ledger_see(view, line_word(view->line), account.slot, state_in(account), &seen) == EINVAL)
		return 0;
	return (uint32_t)ledger_low(view, account.slot, entry_at(view, account.slot));
}

/* Adds up what accounts have, in one look. */
static uint32_t add_up(const struct line_view *view, uint32_t holder)
{
	uint32_t used = entries_used(view), sum = 0;

	for (uint32_t slot = LINE_LISTS; slot < used + LINE_LISTS; slot++) {
		const struct line_entry *entry = entry_at(view, slot);
		uint64_t x;

		if (!entry || !ledger_is_account(view, slot))
			continue;
		x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */
		if (holder == UINT32_MAX || (uint32_t)(x >> 32) == holder)
			sum += (uint32_t)ledger_low(view, slot, entry);
	}
	return sum;
}

#define SUMS 100 /* while others take and give back; then the last one is shown */

uint32_t account_sum(const struct line_view *view, uint32_t holder, uint32_t *value)
{
	uint32_t sum = 0;

	*value = 0;

	for (unsigned i = 0; i < SUMS; i++) {
		struct line_word w = line_word(view->line);
		struct line_op op = word_op(w);

		if (w.low & LINE_BUSY) {
			line_help(view, &op);
			continue;
		}
		sum = add_up(view, holder);
		*value = word_left(w) > 0 ? (uint32_t)word_left(w) : 0;
		if (line_is(view->line, w))
			break;
	}
	return sum;
}

/* False: it says nothing. */
static bool read_stake(const struct line_view *view, uint32_t slot, struct account_stake *stake)
{
	const struct line_entry *entry = entry_at(view, slot);
	uint64_t x = entry ? load_acq(&entry->state) : 0; /* KSEM_ORD_24 acquire */

	*stake = (struct account_stake){.slot = slot, .waits = state_of(x) == ENTRY_WAIT};
	if (stake->waits) {
		stake->holder = load_rlx(&entry->holder); /* relaxed: constant while the state is */
	} else if (entry && ledger_is_account(view, slot)) {
		uint64_t low = ledger_low(view, slot, entry);

		stake->holder = (uint32_t)(x >> 32);
		stake->held = (uint32_t)low;
		stake->since = (uint32_t)((low & ACCOUNT_SINCE) >> 32);
	}
	return (stake->waits || stake->held > 0) && load_acq(&entry->state) == x; /* KSEM_ORD_24 acquire */
}

void account_for_all(const struct line_view *view, void (*visit)(const struct account_stake *stake, void *arg),
		     void *arg)
{
	uint32_t used = entries_used(view);
	struct account_stake stake;

	for (uint32_t slot = LINE_LISTS; slot < used + LINE_LISTS; slot++) {
		if (read_stake(view, slot, &stake))
			visit(&stake, arg);
	}
}
