/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that don't wait: see line.h.
 */
#include "line/line.h"

#include <errno.h>

#include "line/entries.h"
#include "line/help.h"
#include "line/ledger.h"
#include "line/order.h"
#include "word/backoff.h"

void line_init(struct line *line, uint32_t value, uint32_t limit, uint32_t order)
{
	/* relaxed, all of these: nobody sees the line until it is published */
	store_rlx(&line->word.low, limit - value); /* relaxed: as above */
	store_rlx(&line->word.high, limit);        /* relaxed: as above */
	for (uint32_t list = 0; list < LINE_LISTS; list++) {
		store_rlx(&line->lists[list].next, link_make(list, 0)); /* relaxed: as above */
		store_rlx(&line->lists[list].prev, link_make(list, 0)); /* relaxed: as above */
	}
	store_rlx(&line->yields, LINE_YIELDS); /* relaxed: as above */
	line->order = order;
	line->made = limit;
}

void line_init_dead(struct line *line, uint32_t limit, uint32_t order)
{
	line_init(line, 0, limit, order);
	store_rlx(&line->word.low, limit | LINE_DEAD); /* relaxed: nobody sees it yet */
}

/* No operation was made yet. Later the word has other numbers: also when it is dead again. */
void line_begin(struct line_view *view, uint32_t value, bool shut)
{
	struct line *line = view->line;
	const uint64_t untouched = line->made | LINE_DEAD;
	uint64_t low = untouched;

	while (low == untouched &&
	       /* KSEM_ORD_1 release, KSEM_ORD_23 acquire */
	       !cas_acq_rel(&line->word.low, &low, (line->made - value) | (shut ? LINE_SHUT : 0)))
		;
}

void line_view_init(struct line_view *view, struct line *line, enum futex_scope scope, const struct line_hooks *hooks,
		    void *context)
{
	view->line = line;
	view->scope = scope;
	view->hooks = hooks;
	view->context = context;
	store_rlx(&view->who, 0); /* relaxed: nobody sees the view yet */
	view->image = 0;
	view->mapped = NULL;
	for (uint32_t chunk = 0; chunk < LINE_CHUNKS; chunk++)
		store_rlx(&view->chunks[chunk], NULL); /* relaxed: nobody sees the view yet */
}

void line_view_end(struct line_view *view)
{
	if (view->scope == FUTEX_PRIVATE)
		line_free_chunks(view);
}

int line_post(struct line_view *view, uint32_t n)
{
	struct line *line = view->line;
	uint64_t low = load_rlx(&line->word.low); /* relaxed: the compare-and-swap checks it */
	unsigned pauses = 0;

	for (;;) {
		if (unlikely(low & LINE_DEAD))
			return EINVAL;
		if (unlikely(n > (uint32_t)low))
			return EOVERFLOW;
		if (likely(cas_acq_rel(&line->word.low, &low, low - n))) /* KSEM_ORD_1 release, KSEM_ORD_23 acquire */
			break;
		backoff(&pauses);
		low = load_rlx(&line->word.low); /* relaxed: as above */
	}
	if (unlikely(low & LINE_FLAGS)) /* also SHUT and SWEEP: the thread that set it may have been stopped since */
		line_settle(view);
	return 0;
}

void line_post_upto(struct line_view *view, uint32_t n)
{
	uint32_t taken;

	do {
		taken = word_taken(line_word(view->line));
		n = n < taken ? n : taken;
	} while (line_post(view, n) == EOVERFLOW); /* others have posted meanwhile */
}

/*
 * Returns the word for a take: no operation is in progress. In a fair line, an entry that gave up may still seem to
 * wait, if its thread was stopped; so this finishes that once, too.
 */
static struct line_word settled_word(const struct line_view *view, bool fair)
{
	struct line_word w = line_word(view->line);

	if (unlikely(fair && (w.low & LINE_WAITED))) {
		line_settle(view);
		w = line_word(view->line);
	}
	while (unlikely(w.low & LINE_BUSY)) {
		struct line_op op = word_op(w);

		line_help(view, &op);
		w = line_word(view->line);
	}
	return w;
}

int line_try_upto(struct line_view *view, uint32_t n, uint32_t *got)
{
	bool fair = line_order(view->line)->fair;
	unsigned pauses = 0;

	for (;;) {
		struct line_word w = settled_word(view, fair);
		int64_t value = word_left(w);

		if (w.low & LINE_DEAD)
			return EINVAL;
		if ((fair && (w.low & LINE_WAITED)) || value <= 0)
			return EAGAIN;
		*got = value < n ? (uint32_t)value : n;
		if (cas_acq(&view->line->word.low, &w.low, w.low + *got)) /* KSEM_ORD_1 acquire */
			return 0;
		backoff(&pauses);
	}
}

int line_try(struct line_view *view, uint32_t n)
{
	bool fair = line_order(view->line)->fair;
	unsigned pauses = 0;

	for (;;) {
		struct line_word w = settled_word(view, fair);

		if (w.low & LINE_DEAD)
			return EINVAL;
		if (n == 0)
			return 0;
		if ((fair && (w.low & LINE_WAITED)) || word_left(w) < n)
			return EAGAIN;
		if (cas_acq(&view->line->word.low, &w.low, w.low + n)) /* KSEM_ORD_1 acquire */
			return 0;
		backoff(&pauses);
	}
}

int line_value(const struct line_view *view, uint32_t *value)
{
	struct line_word w = line_word(view->line);

	if (w.low & LINE_DEAD)
		return EINVAL;
	*value = word_left(w) > 0 ? (uint32_t)word_left(w) : 0;
	return 0;
}

uint32_t line_limit(const struct line_view *view)
{
	return word_limit(line_word(view->line));
}

uint32_t line_waiters(const struct line_view *view)
{
	return tally_waiters(view->line);
}

bool line_was_joined(const struct line_view *view)
{
	return entries_used(view) > 0;
}

bool line_is_shut(const struct line_view *view)
{
	return (line_word(view->line).low & LINE_SHUT) != 0;
}

bool line_never(const struct line_view *view, uint32_t n)
{
	return n > view->line->made && n > line_limit(view);
}

void line_shutdown(struct line_view *view)
{
	struct line *line = view->line;
	uint64_t low = load_rlx(&line->word.low); /* relaxed: the compare-and-swap checks it */

	while (!cas_acq_rel(&line->word.low, &low, low | LINE_SHUT)) /* KSEM_ORD_1 release, KSEM_ORD_23 acquire */
		;
	line_settle(view);
}

void line_set_limit(struct line_view *view, uint32_t limit)
{
	for (;;) {
		struct line_word w = line_word(view->line), next;
		struct line_op op = word_op(w);

		if (w.low & LINE_BUSY) {
			line_help(view, &op);
			continue;
		}
		if (word_limit(w) == limit)
			return;
		next = word_next(w, LINE_NONE, 0);
		next.high = (next.high & ~(uint64_t)UINT32_MAX) | limit;
		if (line_order(view->line)->fair)
			next.low |= LINE_SWEEP;
		if (ledger_complete(view, &w) && pair_cas(&view->line->word, w.low, w.high, next.low, next.high))
			break;
	}
	line_settle(view);
}

int line_kill(struct line_view *view)
{
	for (;;) {
		struct line_word w = line_word(view->line), next;
		struct line_op op = word_op(w);

		if (w.low & LINE_BUSY) {
			line_help(view, &op);
			continue;
		}
		if (line_waiters(view) > 0) {
			if (line_is(view->line, w))
				return EBUSY;
			continue;
		}
		if (w.low & LINE_DOOR) { /* does anybody sleep there? */
			if (entry_call_all(view) > 0)
				return EBUSY;
			continue;
		}
		next = word_next(w, LINE_NONE, 0);
		if (ledger_complete(view, &w) &&
		    pair_cas(&view->line->word, w.low, w.high, next.low | LINE_DEAD, next.high))
			return 0;
	}
}
