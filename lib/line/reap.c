/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reaping: undoes what dead processes left in a line. See line.h.
 *
 * Any number of processes may reap at the same time, and each may be killed. A dead process's entry that waits is made
 * GONE and taken out, as its owner would do when it gives up. For an entry that was granted, an operation adds its
 * permits to the value again; so nothing is posted twice, and nothing is lost. Then the entry is freed.
 *
 * If the owner of a prepared entry died before the entry was in line, the entry is in no list, and never will be: only
 * its owner would have begun the operation. Such an entry is recognized by the entry before it, whose link doesn't lead
 * to it.
 *
 * A process that seems dead may live (struct line_hooks). So an entry leaves the line, and its permits go back, before
 * it is certain that nobody returns to it; the owner that does finds it OUT or GIVEN. But only an entry whose owner has
 * certainly ended is freed, or taken off the ready list on which its queue finds it.
 *
 * Whoever may write to a shared line can write nonsense, with which an entry never comes to its end, or seems to have
 * any number of others behind it. Callers may hold locks that others need. So the work of a reap is bounded: what is
 * too much is left to the next one.
 */
#include <errno.h>

#include "line/entries.h"
#include "line/help.h"
#include "line/ledger.h"
#include "line/line.h"
#include "line/order.h"
#include "line/owner.h"
#include "os/clock.h"

#define BETWEEN_LOOKS UINT32_C(500000) /* microseconds, at least, between looks (line_look) */

/* The work of a reap: one for each entry that is visited because of another one, STEP for each step of an entry. */
#define WORK  (UINT32_C(1) << 23)
#define STEP  64
#define STEPS 16   /* the most for an entry, which needs four, and more if others change it, too */
#define TRIES 1000 /* looks at an entry, while operations come between */

/* Is it in a list? *sure false: an operation came between, look again. */
static bool is_in_list(const struct line_view *view, uint32_t slot, bool *sure)
{
	struct line_word w = line_word(view->line);
	bool in_list = stands_in_list(view, slot);

	*sure = !(w.low & LINE_BUSY) && line_is(view->line, w);
	return in_list;
}

/* Its owner may live, and sleep. */
static void wake_lost(const struct line_view *view, struct line_entry *entry)
{
	futex_wake_in(view->scope, futex_half(&entry->state), 1);
}

/* One that nothing is left to do for may become another's. Not while its owner may live: it still uses the entry. */
static bool free_if_ended(struct line_view *view, uint32_t slot, uint64_t x)
{
	const struct line_entry *entry = entry_at(view, slot);

	if (!owner_has_ended(view, entry))
		return true;
	if (entry_list(load_rlx(&entry->ready)) != 0) /* relaxed: constant while the state is */
		return entry_free_wait(view, slot, x);
	return entry_free(view, slot, x);
}

/* Of a queue's wait that is on its ready list. True: its owner may live, and finds it there. */
static bool take_off_ready(struct line_view *view, uint32_t slot, uint64_t x)
{
	line_settle_with(view, (struct line_wish){LINE_GIVE, slot, x});
	return !owner_has_ended(view, entry_at(view, slot));
}

/*
 * One step for an entry of a dead process, in the round of that state. True: that round is over, or its owner may live
 * and ends it.
 */
static bool reap_step(struct line_view *view, uint32_t slot, uint64_t state)
{
	struct line_entry *entry = entry_at(view, slot);
	bool sure = false, in_list = false;
	uint64_t x = 0;

	for (unsigned i = 0; i < TRIES && !sure; i++) {
		line_settle(view);
		x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */
		if (((x ^ state) & ENTRY_ROUND_MASK) != 0 || state_of(x) == ENTRY_FREE)
			return true;
		in_list = is_in_list(view, slot, &sure);
	}
	if (!sure)
		return false;
	switch (state_of(x)) {
	case ENTRY_WAIT:
		if (in_list) {
			uint64_t gone = state_gone(x, ENOENT); /* nobody asked for it */

			if (cas_acq_rel(&entry->state, &x, gone)) /* KSEM_ORD_24 acquire, KSEM_ORD_24 release */
				wake_lost(view, entry);
			return false;
		}
		break;
	case ENTRY_GONE:
		if (in_list) {
			line_settle_with(view, (struct line_wish){LINE_DROP, slot, x});
			return false;
		}
		break;
	case ENTRY_GRANTED:
		if (owner_account(view, entry) == 0) {
			line_settle_with(view, (struct line_wish){LINE_GIVE, slot, x});
			return false;
		}
		if (in_list && entry_list(load_rlx(&entry->ready)) != 0) /* relaxed: constant while the state is */
			return take_off_ready(view, slot, x);
		break; /* its permits are in the account */
	case ENTRY_TURNED:
	case ENTRY_OUT:
	case ENTRY_GIVEN:
		if (in_list)
			return take_off_ready(view, slot, x);
		break;
	default:
		return true; /* reap_held */
	}
	return free_if_ended(view, slot, x);
}

/* As many steps as it needs. False: it is left to the next reap. */
static bool reap_entry(struct line_view *view, uint32_t slot, uint64_t state, uint32_t *work)
{
	for (unsigned i = 0; i < STEPS && *work >= STEP; i++) {
		*work -= STEP;
		if (reap_step(view, slot, state))
			return true;
	}
	return false;
}

/* The state of an entry and its holder; false: it has none. */
static bool holder_of(const struct line_entry *entry, uint64_t *state, uint32_t *holder)
{
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	*state = x;
	if (state_of(x) == ENTRY_FREE)
		return false;
	*holder = state_of(x) == ENTRY_HELD ? (uint32_t)(x >> 32) :
					      load_rlx(&entry->holder); /* relaxed: constant while the state is */
	return ((load_acq(&entry->state) ^ x) & ENTRY_ROUND_MASK) == 0; /* KSEM_ORD_24 acquire */
}

/*
 * An entry in the state x said that it belongs to another one, which was in the state `own`. Was that so? An entry that
 * is only prepared may say what its last owner wrote, so it must be of the same process. If the other one is somebody
 * else's by now, so is what belongs to it.
 */
static bool belonged(const struct line_view *view, uint32_t other, uint64_t own, const struct line_entry *entry,
		     uint64_t x)
{
	if (state_of(x) == ENTRY_HELD && x >> 32 != own >> 32)
		return false;
	return ((load_acq(&entry->state) ^ x) & ENTRY_ROUND_MASK) == 0 && /* KSEM_ORD_24 acquire */
	       load_acq(&entry_at(view, other)->state) == own;            /* KSEM_ORD_24 acquire */
}

/* Is an entry behind that head, which is in the state `own`? Then *state is the entry's state. */
static bool is_behind(const struct line_view *view, uint32_t head, uint64_t own, const struct line_entry *entry,
		      uint64_t *state)
{
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	*state = x;
	return state_of(x) != ENTRY_FREE && entry_list(load_acq(&entry->ready)) == head && /* KSEM_ORD_29 acquire */
	       belonged(view, head, own, entry, x);
}

/* False: some are left to the next reap. */
static bool reap_behind(struct line_view *view, uint32_t head, uint64_t own, uint32_t *work)
{
	uint32_t used = entries_used(view);

	for (uint32_t slot = LINE_LISTS; slot < used + LINE_LISTS; slot++) {
		struct line_entry *entry = entry_at(view, slot);
		uint64_t state;

		if (*work == 0)
			return false;
		--*work;
		while (entry && is_behind(view, head, own, entry, &state)) {
			if (state_of(state) != ENTRY_HELD && !reap_entry(view, slot, state, work))
				return false;
			if (state_of(state) != ENTRY_HELD || entry_free(view, slot, state))
				break;
		}
	}
	return true;
}

/*
 * An entry that is HELD in the state x, by a process that is gone. It may be the head of a ready list. That goes only
 * when no wait is behind it, since it says whose these are: they would become another's with it. There may be some
 * although all waits of the dead were looked for before: the process may have died in between. False: it is left to the
 * next reap.
 */
static bool reap_held(struct line_view *view, uint32_t slot, uint64_t x, uint32_t *work)
{
	if (!owner_has_ended(view, entry_at(view, slot)))
		return true;
	if (!reap_behind(view, slot, x, work))
		return false;
	ledger_forget(view, slot);
	entry_free(view, slot, x);
	return true;
}

/* Does the account that is in the state `own` pay for an entry? Then *state is the entry's state. */
static bool pays(const struct line_view *view, uint32_t account, uint64_t own, const struct line_entry *entry,
		 uint64_t *state)
{
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	*state = x;
	return state_of(x) != ENTRY_FREE && owner_account(view, entry) == account &&
	       belonged(view, account, own, entry, x);
}

/* As reap_behind. */
static bool reap_paid(struct line_view *view, uint32_t account, uint64_t x, bool heads, uint32_t *work)
{
	uint32_t used = entries_used(view);

	for (uint32_t slot = LINE_LISTS; slot < used + LINE_LISTS; slot++) {
		struct line_entry *entry = entry_at(view, slot);
		uint64_t state;

		if (*work == 0)
			return false;
		--*work;
		if (!entry || slot == account || !pays(view, account, x, entry, &state) ||
		    (state_of(state) == ENTRY_HELD) != heads)
			continue;
		if (!(heads ? reap_held : reap_entry)(view, slot, state, work))
			return false;
	}
	return true;
}

/*
 * Closes the account of a holder that has ended. First all entries go that it would pay for, so that nothing is granted
 * to it any more when it is free; the heads of ready lists last, since other entries may be behind them.
 */
static void reap_account(struct line_view *view, uint32_t account, uint64_t x, uint32_t *work)
{
	if (!reap_paid(view, account, x, false, work) || !reap_paid(view, account, x, true, work))
		return;
	line_settle_with(view, (struct line_wish){LINE_CLOSED, account, x});
	entry_free(view, account, x);
}

/* Reaps all entries of dead processes. The heads of ready lists come last, since other entries may be behind them. */
static void reap_all(struct line_view *view, bool heads, uint32_t *work)
{
	uint32_t used = entries_used(view), asked = 0;
	bool known = false, gone = false;

	for (uint32_t slot = LINE_LISTS; slot < used + LINE_LISTS; slot++) {
		struct line_entry *entry = entry_at(view, slot);
		uint32_t holder;
		uint64_t x;

		if (!entry || !holder_of(entry, &x, &holder) || (state_of(x) == ENTRY_HELD) != heads)
			continue;
		if (heads && ledger_is_account(view, slot)) {
			if (ledger_has_ended(view, slot))
				reap_account(view, slot, x, work);
			continue;
		}
		if (!known || holder != asked)
			gone = view->hooks->gone(view->context, holder);
		known = true;
		asked = holder;
		if (gone && heads)
			reap_held(view, slot, x, work);
		else if (gone)
			reap_entry(view, slot, x, work);
	}
}

void line_reap(struct line_view *view)
{
	uint32_t work = WORK;

	line_settle(view);
	if (!view->hooks || !view->hooks->gone)
		return;
	reap_all(view, false, &work);
	reap_all(view, true, &work);
	line_settle(view);
}

void line_look(struct line_view *view)
{
	line_settle(view);
	line_reap_unless(view, BETWEEN_LOOKS);
}

void line_reap_unless(struct line_view *view, uint32_t microseconds)
{
	uint32_t now = (uint32_t)(clock_hint(CLOCK_MONOTONIC) / 1000);
	uint32_t before = load_rlx(&view->line->begun); /* relaxed: a number */

	if (now - before >= microseconds && cas_rlx(&view->line->begun, &before, now)) /* relaxed: as above */
		line_reap(view);
}

/* An entry of a thread that the child hasn't got, before anybody is served: nothing may be granted to it. */
static void forget(struct line_view *view, uint32_t slot)
{
	struct line_entry *entry = entry_at(view, slot);
	uint64_t x;

	if (!entry)
		return;
	x = load_rlx(&entry->state); /* relaxed: the child has one thread */
	if (state_of(x) == ENTRY_GRANTED)
		entry_free(view, slot, x); /* its permits stay taken, as if the thread had them */
	else if (state_of(x) == ENTRY_WAIT)
		store_rlx(&entry->state, state_with(x, ENTRY_GONE)); /* relaxed: as above */
}

void line_after_fork(struct line_view *view, uint32_t slot)
{
	uint32_t used = entries_used(view), work = UINT32_MAX;
	struct line_word w = line_word(view->line);
	struct line_op op = word_op(w);

	if (w.low & LINE_BUSY)
		line_help(view, &op);
	for (uint32_t other = LINE_LISTS; other < used + LINE_LISTS; other++) {
		if (other != slot)
			forget(view, other);
	}
	for (uint32_t other = LINE_LISTS; other < used + LINE_LISTS; other++) {
		struct line_entry *entry = other == slot ? NULL : entry_at(view, other);
		uint64_t x = entry ? load_rlx(&entry->state) : 0; /* relaxed: as above */

		if (entry && ledger_is_account(view, other)) /* the child holds none */
			line_settle_with(view, (struct line_wish){LINE_CLOSED, other, x});
		if (state_of(x) == ENTRY_HELD)
			reap_held(view, other, x, &work);
		else if (state_of(x) != ENTRY_FREE)
			reap_entry(view, other, x, &work);
	}
	store_rlx(&view->line->dues, 0); /* relaxed: as above */
}
