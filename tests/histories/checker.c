/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search for an order: see checker.h. Recursive; as deep as the history has calls.
 */
#include "checker.h"

#include <stdlib.h>
#include <string.h>

/* What a search went through: the calls in order, the limit, who is in line. A state of all zeros is none. */
struct state {
	uint64_t calls, rest;
};

/* A set of states, in a table that is at most half full. */
struct states {
	struct state *table;
	size_t size, used;
};

struct search {
	const struct history *history;
	unsigned position[HISTORY_THREADS]; /* the thread's first call that is not in order yet */
	unsigned calls, done;
	struct states tried;
	struct furthest furthest;
};

/* Where a search stands. */
struct at {
	struct sequential sem;
	uint64_t now; /* when the last call began of those that have begun: nothing more comes before it */
};

static void *allocated(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static struct states states_new(size_t size)
{
	return (struct states){.table = allocated(calloc(size, sizeof(struct state))), .size = size};
}

static bool is_state(const struct state *state)
{
	return state->calls != 0 || state->rest != 0;
}

static struct state *states_place(const struct states *states, struct state state)
{
	uint64_t mixed = (state.calls ^ state.rest * UINT64_C(0xD6E8FEB86659FD93)) * UINT64_C(0x9E3779B97F4A7C15);
	size_t i = (size_t)(mixed >> 32) & (states->size - 1);

	while (is_state(&states->table[i]) &&
	       (states->table[i].calls != state.calls || states->table[i].rest != state.rest))
		i = (i + 1) & (states->size - 1);
	return &states->table[i];
}

static void states_grow(struct states *states)
{
	struct states larger = states_new(2 * states->size);

	for (size_t i = 0; i < states->size; i++) {
		if (is_state(&states->table[i]))
			*states_place(&larger, states->table[i]) = states->table[i];
	}
	larger.used = states->used;
	free(states->table);
	*states = larger;
}

/* False: it was there. */
static bool states_add(struct states *states, struct state state)
{
	struct state *place = states_place(states, state);

	if (is_state(place))
		return false;
	*place = state;
	if (2 * ++states->used > states->size)
		states_grow(states);
	return true;
}

static struct state state_of(const struct search *search, const struct sequential *sem)
{
	struct state state = {0, (uint64_t)sem->limit << 32};

	for (unsigned t = 0; t < search->history->threads; t++)
		state.calls |= (uint64_t)search->position[t] << 8 * t;
	for (unsigned i = 0; i < sem->waiting; i++)
		state.rest |= (uint64_t)(sem->line[i].thread + 1u) << 4 * i;
	return state;
}

/* The thread's first call that is not in order yet, or NULL. */
static const struct call *next_call(const struct search *search, unsigned t)
{
	const struct thread_history *thread = &search->history->thread[t];

	return search->position[t] < thread->length ? &thread->calls[search->position[t]] : NULL;
}

/* A call that begins after this can't be next: another had ended. */
static uint64_t earliest_end(const struct search *search)
{
	uint64_t earliest = UINT64_MAX;

	for (unsigned t = 0; t < search->history->threads; t++) {
		const struct call *call = next_call(search, t);

		if (call && call->end < earliest)
			earliest = call->end;
	}
	return earliest;
}

static bool is_in_line(const struct sequential *sem, unsigned t)
{
	for (unsigned i = 0; i < sem->waiting; i++) {
		if (sem->line[i].thread == t)
			return true;
	}
	return false;
}

/* Does it look after those in line before it returns? */
static bool serves_the_line(const struct call *call)
{
	return (call->act == POST && call->number > 0) || call->act == SETLIMIT || call->act == SHUTDOWN ||
	       ((call->act == WAIT || call->act == CLOCKWAIT) && call->answer != 0);
}

/* May a call that is in order not have got through with all that it does by then? */
static bool is_unfinished(const struct search *search, uint64_t now)
{
	for (unsigned t = 0; t < search->history->threads; t++) {
		unsigned done = search->position[t];
		const struct call *last = done > 0 ? &search->history->thread[t].calls[done - 1] : NULL;

		if (last && last->end > now && serves_the_line(last))
			return true;
	}
	return false;
}

static void note_furthest(struct search *search, const struct sequential *sem)
{
	if (search->done < search->furthest.calls)
		return;
	search->furthest.calls = search->done;
	memcpy(search->furthest.position, search->position, sizeof(search->position));
	search->furthest.value = sequential_value(sem);
	search->furthest.waiting = sem->waiting;
}

static bool order_from(struct search *search, const struct at *at);

static bool goes_on(struct search *search, const struct at *at)
{
	return states_add(&search->tried, state_of(search, &at->sem)) && order_from(search, at);
}

static bool order_after(struct search *search, const struct at *at, unsigned t, const struct call *call);

/* The thread's wait gets in line next; or it takes, if it may. */
static bool order_after_entering(struct search *search, const struct at *at, unsigned t, const struct call *call)
{
	struct at after = *at;

	if (sequential_owes_a_grant(&at->sem) && !is_unfinished(search, at->now))
		return false;
	sequential_enter(&after.sem, t, call);
	if (at->sem.waiting == 0 && sequential_owes_a_grant(&after.sem))
		return call->answer == 0 && order_after(search, &after, t, call);
	return goes_on(search, &after);
}

/* The thread's call comes next, or its wait in line ends. */
static bool order_after(struct search *search, const struct at *at, unsigned t, const struct call *call)
{
	struct at after = *at;

	if (!sequential_would_answer(&after.sem, t, call, is_unfinished(search, at->now)))
		return false;
	search->position[t]++;
	search->done++;
	if (goes_on(search, &after))
		return true;
	search->done--;
	search->position[t]--;
	return false;
}

static bool order_from(struct search *search, const struct at *at)
{
	uint64_t limit = earliest_end(search);

	note_furthest(search, &at->sem);
	if (search->done == search->calls)
		return true;
	for (unsigned t = 0; t < search->history->threads; t++) {
		const struct call *call = next_call(search, t);
		struct at begun = *at;

		if (!call || call->begin > limit)
			continue;
		begun.now = at->now > call->begin ? at->now : call->begin;
		if (sequential_lines_up(&at->sem, call) && !is_in_line(&at->sem, t) ?
			    order_after_entering(search, &begun, t, call) :
			    order_after(search, &begun, t, call))
			return true;
	}
	return false;
}

bool history_is_linearizable(const struct history *history, struct furthest *furthest)
{
	struct search search = {.history = history, .tried = states_new(256)};
	const struct at first = {sequential_at_first(history), 0};
	bool found;

	for (unsigned t = 0; t < history->threads; t++)
		search.calls += history->thread[t].length;
	found = order_from(&search, &first);
	if (!found && furthest)
		*furthest = search.furthest;
	free(search.tried.table);
	return found;
}
