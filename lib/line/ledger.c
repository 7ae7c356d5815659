/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: see ledger.h.
 */
#include "line/ledger.h"

#include <errno.h>
#include <time.h>

#include "line/entries.h"
#include "line/owner.h"
#include "word/backoff.h"

/* The number of a change, as an account has it. */
static uint64_t number_of(struct line_word w)
{
	return ACCOUNT_MARK | word_number(w);
}

static struct account_seen read_account(const struct line_entry *entry)
{
	struct account_seen seen;

	seen.high = load_acq(&entry->account.high); /* KSEM_ORD_29 acquire */
	seen.low = load_acq(&entry->account.low);   /* KSEM_ORD_29 acquire */
	return seen;
}

bool ledger_is_account(const struct line_view *view, uint32_t slot)
{
	const struct line_entry *entry = entry_at(view, slot);

	return entry && state_of(load_acq(&entry->state)) == ENTRY_HELD && /* KSEM_ORD_24 acquire */
	       load_acq(&entry->ready) == (slot | ENTRY_ACCOUNT) &&        /* KSEM_ORD_29 acquire */
	       (load_acq(&entry->account.low) & ACCOUNT_MARK) != 0;        /* KSEM_ORD_29 acquire */
}

int ledger_see(const struct line_view *view, struct line_word w, uint32_t slot, uint64_t state,
	       struct account_seen *seen)
{
	const struct line_entry *entry = entry_at(view, slot);
	uint64_t x;

	if (!entry)
		return EINVAL;
	*seen = read_account(entry);
	x = load_acq(&entry->state); /* KSEM_ORD_24 acquire: if what was read is another's, so is this */
	if (state_of(x) != ENTRY_HELD || ((x ^ state) & ENTRY_ROUND_MASK) != 0)
		return EINVAL;
	if ((seen->low & seen->high & ACCOUNT_MARK) == 0 ||
	    ((seen->low & ACCOUNT_CLOSED) != 0 && account_held(*seen) == 0))
		return EINVAL;
	return line_is(view->line, w) ? 0 : EAGAIN;
}

/* Does the word still name the change that it named, fixed, in w? Flags may have come meanwhile. */
static bool still_names(const struct line_view *view, struct line_word w)
{
	uint64_t low = load_acq(&view->line->word.low);   /* KSEM_ORD_23 acquire */
	uint64_t high = load_acq(&view->line->word.high); /* KSEM_ORD_23 acquire */

	return ((low ^ w.low) >> LINE_NUMBER_SHIFT) == 0 && high == w.high;
}

static uint64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec;
}

/* What an account has when it has so many permits more, or fewer. If it had none, it has them since then. */
static uint64_t low_after(uint64_t low, int64_t more, uint64_t since)
{
	int64_t held = (uint32_t)low;

	if (held == 0 && more > 0)
		low = (low & ~ACCOUNT_SINCE) | (since << 32 & ACCOUNT_SINCE);
	held = held + more > 0 ? held + more : 0; /* others may have written nonsense to a shared account */
	return (low & ~(uint64_t)UINT32_MAX) | (uint32_t)held;
}

/*
 * Another thread of the holder may note a time later than the caller read the clock. Then it took meanwhile, or the
 * caller's compare-and-swap comes later still. So the clock is read before the word is looked at again: the holder had
 * nothing then. What is there from the same second needn't be written.
 */
bool ledger_note_time(const struct line_view *view, struct line_word w, struct line_entry *entry)
{
	uint64_t noted = load_acq(&entry->ticket); /* KSEM_ORD_29 acquire */
	uint64_t now = seconds_now();

	if (likely(noted == now))
		return true;
	/* KSEM_ORD_29 acquire, KSEM_ORD_29 release */
	return line_is(view->line, w) && cas_acq_rel(&entry->ticket, &noted, now);
}

/* By how many permits the account changes that the word names, and which it is. */
static int64_t named_change(const struct line_view *view, struct line_word w, struct line_entry **account)
{
	struct line_op op = word_op(w);
	int64_t n;

	*account = entry_at(view, op.slot);
	if (w.low & LINE_SUM)
		return word_sum(w);
	if (!*account || (op.kind != LINE_TOOK_MANY && op.kind != LINE_GAVE_MANY))
		return 0;
	n = (uint32_t)load_acq(&(*account)->due);                               /* KSEM_ORD_29 acquire */
	*account = entry_at(view, entry_account(load_acq(&(*account)->ready))); /* KSEM_ORD_29 acquire */
	return op.kind == LINE_TOOK_MANY ? n : -n;
}

void ledger_write_named(const struct line_view *view, struct line_word w)
{
	bool closes = !(w.low & LINE_SUM) && word_op(w).kind == LINE_CLOSED;
	struct line_entry *entry;
	int64_t more = named_change(view, w, &entry);

	while (entry) {
		struct account_seen seen = read_account(entry);
		uint64_t since = load_acq(&entry->ticket); /* KSEM_ORD_29 acquire */
		uint64_t low = closes ? ACCOUNT_MARK | ACCOUNT_CLOSED : low_after(seen.low, more, since);

		if (seen.high == number_of(w) || !(seen.low & seen.high & ACCOUNT_MARK) || !still_names(view, w) ||
		    pair_cas(&entry->account, seen.low, seen.high, low, number_of(w)))
			return;
	}
}

bool ledger_complete_named(const struct line_view *view, struct line_word *w)
{
	if (!(w->low & LINE_FIXED)) {
		if (word_sum(*w) == 0)
			return true;
		if (!pair_cas(&view->line->word, w->low, w->high, w->low | LINE_FIXED, w->high))
			return false;
		w->low |= LINE_FIXED;
	}
	ledger_write_named(view, *w);
	return true;
}

#define LOOKS 100 /* while others change the word; then what was read last is shown */

uint64_t ledger_low(const struct line_view *view, uint32_t slot, const struct line_entry *entry)
{
	uint64_t low = 0;

	for (unsigned i = 0; i < LOOKS; i++) {
		struct line_word w = line_word(view->line);

		if (w.low & LINE_FIXED)
			ledger_write_named(view, w);
		low = load_acq(&entry->account.low); /* KSEM_ORD_29 acquire */
		if (word_sums(w, slot))
			low = low_after(low, word_sum(w), load_acq(&entry->ticket)); /* KSEM_ORD_29 acquire */
		if (line_is(view->line, w))
			break;
	}
	return low;
}

/* Does another account stand there, which has been written, so that accounts take turns? */
static bool takes_turns(struct line_word w, uint32_t slot)
{
	return (w.low & LINE_FIXED) && !((w.low & LINE_SUM) && word_slot(w) == slot);
}

bool ledger_name(const struct line_view *view, struct line_word w, struct account_seen seen, enum line_kind kind,
		 uint32_t slot, int64_t more, struct line_word *named)
{
	uint64_t base = kind == LINE_SUMS ? word_taken(w) & 15 : kind;

	*named = word_next(w, LINE_NONE, 0);
	if (unlikely(number_of(*named) == seen.high)) {
		pair_cas(&view->line->word, w.low, w.high, named->low, named->high);
		return false;
	}
	named->low = (named->low & ~(uint64_t)UINT32_MAX) | (uint32_t)(word_taken(w) + more);
	named->low |= kind == LINE_SUMS ? LINE_SUM : LINE_FIXED;
	if (kind == LINE_SUMS && takes_turns(w, slot))
		named->low |= LINE_FIXED;
	named->high |= (uint64_t)slot << 32 | base << LINE_KIND_SHIFT;
	return pair_cas(&view->line->word, w.low, w.high, named->low, named->high);
}

bool ledger_collides(const struct line_view *view, const struct line_op *op)
{
	const struct line_entry *entry =
		op->kind == LINE_GRANT || op->kind == LINE_GIVE ? entry_at(view, op->slot) : NULL;
	uint32_t slot = entry ? owner_account(view, entry) : 0;
	const struct line_entry *account = slot ? entry_at(view, slot) : NULL;

	return account && load_acq(&account->account.high) == (ACCOUNT_MARK | op->number); /* KSEM_ORD_29 acquire */
}

void ledger_forget(const struct line_view *view, uint32_t slot)
{
	for (;;) {
		struct line_word w = line_word(view->line), next = word_next(w, LINE_NONE, 0);

		if (!word_names_account(w) || word_slot(w) != slot)
			return;
		if (ledger_complete(view, &w) && pair_cas(&view->line->word, w.low, w.high, next.low, next.high))
			return;
	}
}

bool ledger_write(const struct line_view *view, const struct line_op *op, const struct line_entry *entry, uint64_t x)
{
	bool moves = (op->kind == LINE_GRANT && state_of(x) == ENTRY_GRANTED) ||
		     (op->kind == LINE_GIVE && state_of(x) == ENTRY_GIVEN);
	uint32_t slot = moves ? owner_account(view, entry) : 0;
	struct line_entry *account = slot ? entry_at(view, slot) : NULL;

	while (account) {
		struct account_seen seen = read_account(account);
		bool first = op->kind == LINE_GRANT && account_held(seen) == 0;
		int64_t more = op->kind == LINE_GRANT ? (int64_t)state_need(x) : -(int64_t)state_need(x);
		uint64_t next = low_after(seen.low, more, first ? seconds_now() : 0);

		if (seen.high == (ACCOUNT_MARK | op->number) || !(seen.low & seen.high & ACCOUNT_MARK))
			break;
		if (!op_is_under_way(view, op))
			return false;
		if (pair_cas(&account->account, seen.low, seen.high, next, ACCOUNT_MARK | op->number))
			break;
	}
	return true;
}

bool ledger_try_close(const struct line_view *view, struct line_word w, uint32_t slot, uint64_t state)
{
	struct account_seen seen;
	struct line_word named;
	uint32_t held;

	if (!ledger_complete(view, &w) || ledger_see(view, w, slot, state, &seen) != 0)
		return false;
	held = account_held(seen) < word_taken(w) ? account_held(seen) : word_taken(w);
	if (!ledger_name(view, w, seen, LINE_CLOSED, slot, -(int64_t)held, &named))
		return false;
	ledger_write_named(view, named);
	if (held > 0 && view->hooks && view->hooks->undone)
		view->hooks->undone(view->context, held);
	return true;
}

bool ledger_has_ended(const struct line_view *view, uint32_t slot)
{
	const struct line_entry *entry = entry_at(view, slot);
	const struct line_hooks *hooks = view->hooks;
	uint64_t x, who;
	bool ended;

	if (!ledger_is_account(view, slot) || !hooks || !hooks->gone)
		return false;
	x = load_acq(&entry->state);  /* KSEM_ORD_24 acquire */
	who = load_rlx(&entry->user); /* relaxed: published with ready, as `due` */
	if (hooks->gone(view->context, (uint32_t)(x >> 32)))
		ended = !hooks->ended ||
			hooks->ended(view->context, who, (uint32_t)load_rlx(&entry->due)); /* relaxed: as above */
	else
		ended = hooks->died && hooks->died(view->context, who);
	return ended && load_acq(&entry->state) == x; /* KSEM_ORD_24 acquire */
}
