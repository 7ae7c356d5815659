/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that a fork doubles: see call.h.
 */
#include "line/call.h"

#include "line/ledger.h"

_Thread_local struct line_call *line_calls;
_Thread_local const struct line_view *line_quick;

uint64_t call_look(struct line_call *call, struct line_entry *entry)
{
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	if (!call->entry) {
		call->round = (uint32_t)x & ENTRY_ROUND_MASK;
		fence_signal();
		call->entry = entry;
		fence_signal();
		return load_acq(&entry->state); /* KSEM_ORD_24 acquire */
	}
	fence_signal();
	return ((uint32_t)x & ENTRY_ROUND_MASK) == call->round ? x : ENTRY_FREE;
}

/*
 * Uses up a number of the word, so that nobody's compare-and-swap of it succeeds any more. An operation that is
 * under way, or that began meanwhile, has done so already.
 */
static void use_up_number(const struct line_view *view)
{
	uint64_t number = word_number(line_word(view->line));

	for (;;) {
		struct line_word w = line_word(view->line), next = word_next(w, LINE_NONE, 0);

		if ((w.low & LINE_BUSY) || word_number(w) != number)
			return;
		if (ledger_complete(view, &w) && pair_cas(&view->line->word, w.low, w.high, next.low, next.high))
			return;
	}
}

/* The same of the entry: its owner goes on in another round. */
static void use_up_round(struct line_call *call)
{
	uint64_t x = load_acq(&call->entry->state); /* KSEM_ORD_24 acquire */

	while (((uint32_t)x & ENTRY_ROUND_MASK) == call->round) {
		uint32_t low = (((uint32_t)x & ENTRY_ROUND_MASK) + ENTRY_ROUND) | ((uint32_t)x & ~ENTRY_ROUND_MASK);

		/* KSEM_ORD_24 acquire, KSEM_ORD_24 release */
		if (cas_acq_rel(&call->entry->state, &x, (x >> 32 << 32) | low)) {
			call->round = low & ENTRY_ROUND_MASK;
			break;
		}
	}
}

void calls_before_ungated_fork(void)
{
	if (line_quick)
		use_up_number(line_quick);
	for (struct line_call *call = line_calls; call; call = call->outer) {
		call->forks++;
		fence_signal();
		use_up_number(call->view);
		if (call->entry)
			use_up_round(call);
	}
}
