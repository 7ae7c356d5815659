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

/* Does the word still name the change that it named in w? Posts of permits and flags may have come meanwhile. */
static bool still_names(const struct line_view *view, struct line_word w)
{
	uint64_t low = load_acq(&view->line->word.low);   /* KSEM_ORD_23 acquire */
	uint64_t high = load_acq(&view->line->word.high); /* KSEM_ORD_23 acquire */

	return ((low ^ w.low) >> LINE_NUMBER_SHIFT) == 0 && !(low & LINE_BUSY) && high == w.high;
}

/* What an account that has nothing has from now on, but for its permits. */
static uint64_t low_since_now(uint64_t low)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (low & ~ACCOUNT_SINCE) | ((uint64_t)now.tv_sec << 32 & ACCOUNT_SINCE);
}

/* What an account has after a change; `n` permits. */
static uint64_t low_after(uint64_t low, enum line_kind kind, uint32_t n)
{
	uint32_t held = (uint32_t)low;

	switch (kind) {
	case LINE_CLOSED:
		return ACCOUNT_MARK | ACCOUNT_CLOSED;
	case LINE_TOOK:
	case LINE_TOOK_MANY:
	case LINE_GRANT:
		if (held == 0)
			low = low_since_now(low);
		held += n;
		break;
	default: /* others may have written nonsense to a shared account */
		held -= n < held ? n : held;
		break;
	}
	return (low & ~(uint64_t)UINT32_MAX) | held;
}

void ledger_write_named(const struct line_view *view, struct line_word w)
{
	struct line_op op = word_op(w);
	struct line_entry *entry = entry_at(view, op.slot);
	uint32_t n = 1;

	if (!entry)
		return;
	if (op.kind == LINE_TOOK_MANY || op.kind == LINE_GAVE_MANY) {
		n = (uint32_t)load_acq(&entry->due);                            /* KSEM_ORD_29 acquire */
		entry = entry_at(view, entry_account(load_acq(&entry->ready))); /* KSEM_ORD_29 acquire */
	}
	while (entry) {
		struct account_seen seen = read_account(entry);

		if (seen.high == number_of(w) || !(seen.low & seen.high & ACCOUNT_MARK) || !still_names(view, w) ||
		    pair_cas(&entry->account, seen.low, seen.high, low_after(seen.low, op.kind, n), number_of(w)))
			return;
	}
}

bool ledger_name(const struct line_view *view, struct line_word w, struct account_seen seen, enum line_kind kind,
		 uint32_t slot, int64_t more, struct line_word *named)
{
	*named = word_next(w, kind, slot);
	if (unlikely(number_of(*named) == seen.high)) {
		struct line_word passed = word_next(w, LINE_NONE, 0);

		pair_cas(&view->line->word, w.low, w.high, passed.low, passed.high);
		return false;
	}
	named->low &= ~LINE_BUSY;
	named->low = (named->low & ~(uint64_t)UINT32_MAX) | (uint32_t)(word_taken(w) + more);
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
		struct line_word w = line_word(view->line);
		uint64_t name = ((UINT64_C(1) << LINE_HIGH_SHIFT) - 1) & ~(uint64_t)UINT32_MAX;

		if (!word_names_account(w) || word_op(w).slot != slot)
			return;
		ledger_write_named(view, w);
		if (pair_cas(&view->line->word, w.low, w.high, w.low, w.high & ~name))
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
		uint64_t next = low_after(seen.low, op->kind, state_need(x));

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

	if (ledger_see(view, w, slot, state, &seen) != 0)
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
	uint64_t x;

	if (!ledger_is_account(view, slot) || !hooks || !hooks->gone)
		return false;
	x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */
	return hooks->gone(view->context, (uint32_t)(x >> 32)) &&
	       (!hooks->ended || hooks->ended(view->context, load_rlx(&entry->user),
					      (uint32_t)load_rlx(&entry->due))) && /* relaxed: published with ready */
	       load_acq(&entry->state) == x;                                       /* KSEM_ORD_24 acquire */
}
