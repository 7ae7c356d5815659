/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits of threads in a line: see line.h.
 *
 * Getting in line and taking are alternatives of one compare-and-swap on the word. So no thread gets in line while
 * there is a permit that it may take. The thread prepares its entry for the number that the operation will have. If
 * another operation comes first, it prepares the entry again.
 *
 * A thread in line yields its processor a few times before it sleeps. If there are more threads than processors, those
 * before it run then, and its turn may come without a sleep and a wake call. How often it yields adapts: as often as
 * that pays, down to never, with a trial now and then.
 *
 * A thread that finds no free entry sleeps at the door. It says so by DOOR in the word, in the same compare-and-swap
 * that checks that it can't take. A thread that changes the word so that a take can succeed sees DOOR, and wakes all
 * who sleep there; a thread that frees an entry wakes one.
 *
 * A sleeper of a shared line wakes now and then to look for unfinished work: a poster may have been killed after it
 * added its permits and before it granted them, and so may the thread that was woken first.
 *
 * Getting in line, leaving and renouncing are calls that a fork may double (call.h): the child leaves them, with the
 * entry in the parent's hands.
 */
#include <errno.h>

#include "base/budget.h"
#include "line/account.h"
#include "line/call.h"
#include "line/due.h"
#include "line/entries.h"
#include "line/help.h"
#include "line/line.h"
#include "line/order.h"
#include "line/prepare.h"
#include "os/clock.h"
#include "os/yield.h"

#define LOOK            INT64_C(1000000000) /* ns, the average time between looks of a sleeper */
#define LOOK_FOR_MEMORY INT64_C(5000000)    /* the same of one that has no place to wait: nobody wakes it */

bool line_prepare(const struct line_view *view, uint32_t slot, struct line_word w, uint32_t n, uint64_t *state)
{
	struct line_entry *entry = entry_at(view, slot);
	uint64_t tag = ((word_number(w) + 1) & LINE_NUMBER_MASK) << 1;
	uint32_t list = line_order(view->line)->list(w, n);
	uint64_t next = (uint64_t)n << 32 | ((uint32_t)*state & ENTRY_ROUND_MASK) | ENTRY_WAIT;

	store_rlx(&entry->node.next, link_make(list, tag)); /* relaxed: the word publishes it */
	store_rlx(&entry->node.prev, link_make(link_read(&view->line->lists[list].prev), tag)); /* relaxed: as above */
	store_rlx(&entry->ticket, load_rlx(&view->line->tally.high) + 1); /* relaxed: as above, both */
	for (uint64_t x = *state; !cas_rel(&entry->state, &x, next);) {   /* KSEM_ORD_24 release */
		if (x != *state)
			return false;
	}
	*state = next;
	return true;
}

/* What a wait does next, for a word. */
enum next {
	TAKE,
	JOIN,
	REFUSE,
	LOOK_AGAIN,
};

static enum next next_of(const struct line_view *view, struct line_word w, uint32_t n)
{
	struct line_op op = word_op(w);

	if (w.low & LINE_BUSY) {
		line_help(view, &op);
		return LOOK_AGAIN;
	}
	if (!others_come_first(view, w) && word_left(w) >= n)
		return TAKE;
	if (!(w.low & LINE_SHUT))
		return JOIN;
	if (line_waiters(view) == 0)
		return REFUSE;
	line_settle(view); /* nobody is told of a shutdown while others sleep */
	/* The same word: the number of waiters is nonsense. */
	return line_is(view->line, w) ? REFUSE : LOOK_AGAIN;
}

/* The entry with which a thread gets in line. */
struct own_entry {
	uint32_t slot;  /* 0: none */
	uint32_t forks; /* of the call, when it was claimed */
	uint64_t state; /* that the call gave it */
};

/*
 * Uses it no more, since a child may write late to it (call.h). It may seem to wait, so it is HELD from then on. The
 * child can't change that: it knows the round before.
 */
static void leave_behind(struct line_view *view, struct line_by by, struct own_entry *own)
{
	struct line_entry *entry = entry_at(view, own->slot);
	uint32_t round = ((uint32_t)own->state & ENTRY_ROUND_MASK) + ENTRY_ROUND;
	uint64_t held = (uint64_t)by.holder << 32 | (round & ENTRY_ROUND_MASK) | ENTRY_HELD;
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	while (((x ^ own->state) & ENTRY_ROUND_MASK) == 0) {
		if (cas_acq_rel(&entry->state, &x, held)) /* KSEM_ORD_24 acquire, KSEM_ORD_24 release */
			break;
	}
	own->slot = 0;
}

/* The call needs no entry any more, or another one. */
static void let_go(struct line_view *view, struct line_by by, const struct line_call *call, struct own_entry *own)
{
	if (own->slot == 0 || call_is_left(call))
		return;
	if (own->forks == call_forks(call))
		entry_free(view, own->slot, own->state);
	else
		leave_behind(view, by, own);
}

/* Claims an entry for the caller, if it has none yet that is its own alone. */
static bool have_entry(struct line_view *view, struct line_by by, const struct line_call *call, struct own_entry *own,
		       bool *full)
{
	struct line_entry *entry;
	bool no_memory = false;

	if (own->slot != 0 && own->forks == call_forks(call))
		return true;
	let_go(view, by, call, own);
	own->forks = call_forks(call);
	own->slot = entry_claim(view, by.holder, &no_memory);
	if (own->slot == 0) {
		*full = !no_memory;
		return false;
	}
	entry = entry_at(view, own->slot);
	own->state = load_rlx(&entry->state);          /* relaxed: the caller's own */
	store_rlx(&entry->user, load_rlx(&view->who)); /* relaxed: published with the state, as is the rest */
	store_rlx(&entry->holder, by.holder);          /* relaxed: as above */
	store_rlx(&entry->ready, by.account.slot ? by.account.slot | ENTRY_ACCOUNT : 0); /* relaxed: as above */
	store_rlx(&entry->due, 0);                                                       /* relaxed: as above */
	return true;
}

/* False: the word has changed. Then, or if there is no room for the change, the caller looks again, or gets in line. */
static bool take_now(struct line_view *view, struct line_call *call, struct line_word w, uint32_t n, struct line_by by,
		     int *error)
{
	if (by.account.slot == 0) {
		*error = 0;
		return cas_acq(&view->line->word.low, &w.low, w.low + n); /* KSEM_ORD_1 acquire */
	}
	*error = n == 0 ? 0 : account_take_in(call, view, by.account, n);
	return *error != EAGAIN;
}

/* Gets in line with its own entry, if the word is still w. As try_enter. */
static int get_in_line(struct line_view *view, struct line_call *call, struct line_word w, uint32_t n,
		       struct line_by by, struct own_entry *own, bool *full)
{
	struct line_op op;

	if (!have_entry(view, by, call, own, full))
		return ENOMEM;
	if (call_is_left(call)) /* it may have claimed one for itself, as its parent: that mustn't seem to wait */
		return ECHILD;
	if (!line_prepare(view, own->slot, w, n, &own->state)) {
		leave_behind(view, by, own);
		return -1;
	}
	if (!line_announce(view, w, LINE_JOIN, own->slot, &op))
		return -1;
	line_help(view, &op);
	line_settle(view);
	return EAGAIN;
}

/* Takes, or gets in line (EAGAIN), or neither. -1: look again. */
static int try_enter(struct line_view *view, struct line_call *call, uint32_t n, struct line_by by,
		     struct own_entry *own, bool *full)
{
	struct line_word w = line_word(view->line);
	enum next next = w.low & LINE_DEAD ? REFUSE : next_of(view, w, n);
	int error;

	if (call_is_left(call)) /* a fork after this uses up the word's number */
		return ECHILD;
	if (next == REFUSE)
		return w.low & LINE_DEAD ? EINVAL : ESHUTDOWN;
	if (next == TAKE)
		return take_now(view, call, w, n, by, &error) ? error : -1;
	return next == JOIN ? get_in_line(view, call, w, n, by, own, full) : -1;
}

int line_enter(struct line_view *view, uint32_t n, struct line_by by, uint32_t *slot, bool *full)
{
	struct own_entry own = {0, 0, 0};
	struct line_call call;
	int error;

	*full = false;
	call_begin(&call, view);
	while ((error = try_enter(view, &call, n, by, &own, full)) == -1)
		;
	if (error == EAGAIN)
		*slot = own.slot;
	else
		let_go(view, by, &call, &own);
	call_end(&call);
	return error;
}

static bool is_waiting(const struct line_entry *entry)
{
	return state_of(load_acq(&entry->state)) == ENTRY_WAIT; /* KSEM_ORD_24 acquire */
}

static _Thread_local unsigned without; /* owner only: waits of this thread that had no budget */

bool line_yield(struct line_view *view, uint32_t slot)
{
	const struct line_entry *entry = entry_at(view, slot);
	struct budget_range range = {1, LINE_YIELDS};
	unsigned budget = budget_get(&view->line->yields, range, &without);
	bool enough;

	for (unsigned i = 0; i < budget && is_waiting(entry) && yield_pays(); i++)
		yield_processor();
	enough = !is_waiting(entry);
	if (budget > 0)
		budget_adapt(&view->line->yields, budget, range, enough);
	return enough;
}

/* About that often, so that not all sleepers look at once. */
static struct deadline next_look(int64_t every, uint32_t slot)
{
	struct timespec now = clock_now(CLOCK_MONOTONIC);

	return (struct deadline){CLOCK_MONOTONIC, clock_after(&now, clock_about(every, (uint64_t)now.tv_nsec + slot))};
}

/* How often sleepers look for what killed processes left undone: where there are other processes. */
static int64_t looks(const struct line_view *view)
{
	return view->scope == FUTEX_SHARED ? LOOK : 0;
}

static int64_t looks_at_door(const struct line_view *view)
{
	bool no_memory = load_rlx(&view->line->used) < LINE_ENTRIES; /* relaxed: it only grows */

	return no_memory ? LOOK_FOR_MEMORY : looks(view);
}

bool line_arm(struct line_view *view, uint32_t slot, struct futex_place *place)
{
	struct line_entry *entry = entry_at(view, slot);
	uint64_t x = load_acq(&entry->state); /* KSEM_ORD_24 acquire */

	if (state_of(x) != ENTRY_WAIT)
		return false;
	if (!(x & ENTRY_SLEEPS)) {
		if (!cas_acq_rel(&entry->state, &x, x | ENTRY_SLEEPS)) /* KSEM_ORD_24 acquire, KSEM_ORD_24 release */
			return false;
		x |= ENTRY_SLEEPS;
	}
	*place = (struct futex_place){futex_half(&entry->state), (uint32_t)x, view->scope};
	return true;
}

/*
 * When to look for waits of queues that are past their deadlines, ahead of this one; at times in any case, since it may
 * be moved behind one just before it sleeps. False: no wait in the line has one.
 */
static bool must_pass(const struct line_view *view, uint32_t slot, struct deadline *pass)
{
	struct deadline look;

	if (likely(load_rlx(&view->line->dues) == 0) || !line_order(view->line)->fair) /* relaxed: those ahead joined */
		return false;
	look = next_look(LOOK, slot);
	*pass = due_ahead(view, slot, (struct due_own){.ready = 0}, pass) ? *deadline_sooner(&look, pass) : look;
	return true;
}

bool line_next_look(struct line_view *view, uint32_t slot, struct deadline *look)
{
	int64_t every = slot ? looks(view) : looks_at_door(view);
	struct deadline pass;
	bool does = every > 0;

	if (does)
		*look = next_look(every, slot);
	if (slot && must_pass(view, slot, &pass)) {
		*look = does ? *deadline_sooner(&pass, look) : pass;
		does = true;
	}
	return does;
}

/*
 * The entry's state once it is decided, and the operation that decided is over. Without `give_up` it may still wait.
 * ENTRY_HELD: the caller has left the call. ENTRY_FREE: another has freed the entry.
 */
static uint64_t decided(struct line_view *view, struct line_call *call, uint32_t slot, bool give_up)
{
	struct line_entry *entry = entry_at(view, slot);

	for (;;) {
		uint64_t x = call_look(call, entry);

		if (call_is_left(call)) /* a fork after this uses up the entry's round */
			return ENTRY_HELD;
		if (state_of(x) == ENTRY_WAIT && give_up) {
			uint64_t gone = state_gone(x, ECANCELED);

			cas_acq_rel(&entry->state, &x, gone); /* KSEM_ORD_24 acquire, KSEM_ORD_24 release */
		} else if (state_of(x) == ENTRY_GONE) {
			line_settle_with(view, (struct line_wish){LINE_DROP, slot, x});
		} else {
			line_outcome(view, slot);
			if (call_look(call, entry) == x)
				return x;
		}
	}
}

/* 0, ESHUTDOWN, or why not: as line_leave. */
static int try_leave(struct line_view *view, struct line_call *call, uint32_t slot, bool give_up)
{
	uint64_t x;

	do { /* who took this process for dead may take a grant back meanwhile */
		x = decided(view, call, slot, give_up);
		if (state_of(x) == ENTRY_WAIT || call_is_left(call)) /* HELD otherwise: others wrote that */
			return EAGAIN;
	} while (state_of(x) != ENTRY_FREE && !entry_free(view, slot, x));
	if (state_of(x) == ENTRY_GRANTED)
		return 0;
	return state_of(x) == ENTRY_TURNED ? ESHUTDOWN : give_up ? ECANCELED : ENOENT;
}

int line_leave(struct line_view *view, uint32_t slot, bool give_up)
{
	struct line_call call;
	int error;

	call_begin(&call, view);
	error = try_leave(view, &call, slot, give_up);
	call_end(&call);
	if (error == ESHUTDOWN)
		line_settle(view); /* the thread that shut down may be stopped, and others asleep still */
	return error;
}

void line_renounce(struct line_view *view, uint32_t slot)
{
	struct line_call call;
	uint64_t x;

	if (slot == 0) {
		if (line_word(view->line).low & LINE_DOOR)
			entry_call_all(view); /* it may have been called for a free entry */
		return;
	}
	call_begin(&call, view);
	for (;;) {
		x = decided(view, &call, slot, true);
		if (state_of(x) == ENTRY_HELD || state_of(x) == ENTRY_FREE)
			break;
		if (state_of(x) == ENTRY_GRANTED)
			line_settle_with(view, (struct line_wish){LINE_GIVE, slot, x});
		else if (entry_free(view, slot, x))
			break;
	}
	call_end(&call);
}

bool line_arm_at_door(struct line_view *view, uint32_t n, struct futex_place *place)
{
	struct line *line = view->line;
	uint32_t door = load_seq(&line->door); /* KSEM_ORD_25 acquire, KSEM_ORD_25 release: before the word */
	struct line_word w = line_word(line);

	if ((w.low & LINE_DEAD) || next_of(view, w, n) != JOIN)
		return false;
	/* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
	if (!(w.low & LINE_DOOR) && !cas_seq(&line->word.low, &w.low, w.low | LINE_DOOR))
		return false;
	*place = (struct futex_place){&line->door, door, view->scope};
	return !entry_is_free(view);
}
