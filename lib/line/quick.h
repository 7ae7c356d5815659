/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common case of a take and a give-back by an account: one permit, which goes to the sum that the word has for the
 * account already (ledger.h), while nobody waits. Inline, without what the other cases need.
 *
 * A signal handler may fork in between. Then what call.h says is done here with a pointer alone (line_quick): the fork
 * uses up a number of the line's word.
 */
#ifndef KSEM_LINE_QUICK_H
#define KSEM_LINE_QUICK_H

#include "line/account.h"
#include "line/call.h"
#include "line/ledger.h"
#include "word/backoff.h"

#define QUICK_TRIES 8

/* May the account have that many more, by the word, whose low half was read first? */
static ALWAYS_INLINE bool quick_may(const struct line_view *view, struct line_word w, struct account account,
				    struct line_entry *entry, int64_t more)
{
	struct account_seen seen = {0, 0};
	int64_t held;

	if (unlikely((w.low & LINE_FLAGS) != LINE_SUM || word_slot(w) != account.slot))
		return false;
	if (unlikely((uint32_t)load_acq(&entry->state) != (account.round | ENTRY_HELD))) /* KSEM_ORD_24 acquire */
		return false;
	seen.low = load_acq(&entry->account.low); /* KSEM_ORD_29 acquire */
	held = (int64_t)account_held(seen) + word_sum(w);
	if (unlikely(more < 0 ? held <= 0 || word_taken(w) == 0 : word_left(w) <= 0))
		return false;
	return likely(ledger_sums(w, seen, more)) && (more < 0 || held > 0 || ledger_note_time(view, w, entry));
}

/*
 * Takes one (`more` 1), or gives one back (-1). `generation` was read before the account was looked up (os/fork.h).
 * False: nothing was done.
 */
static ALWAYS_INLINE bool quick_add(struct line_view *view, struct account account, int64_t more, uint32_t generation)
{
	struct line_word w;
	bool done = false;

	if (unlikely(!view->mapped || account.slot - LINE_LISTS >= LINE_ENTRIES || line_quick))
		return false;
	line_quick = view;
	fence_signal();
	for (unsigned tries = 0, pauses = 0; !done && tries < QUICK_TRIES; tries++) {
		if (unlikely(tries > 0))
			backoff(&pauses);
		w.low = load_acq(&view->line->word.low);   /* KSEM_ORD_23 acquire, KSEM_ORD_1 acquire */
		w.high = load_acq(&view->line->word.high); /* KSEM_ORD_23 acquire */
		/* Another name after this, and a fork, change the number in the low half. */
		if (unlikely(!quick_may(view, w, account, &view->mapped[account.slot - LINE_LISTS], more)))
			break;
		fence_signal();
		if (unlikely(!fork_stays(generation)))
			break;
		done = ledger_add(view, w, more);
	}
	fence_signal();
	line_quick = NULL;
	return done;
}

#endif
