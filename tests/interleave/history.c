/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histories: see history.h. Small enough to try every order, but none twice from the same set of calls: what semaphores
 * hold after a set of calls that answered so is the same in whatever order they came.
 */
#include "history.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ksem/ksem.h"

static struct call calls[CALLS];
static unsigned used, instant;
static unsigned start[SEMAPHORES], start_processes;
static uint8_t tried[(1u << CALLS) / 8];

static const char *const kinds[CALL_KINDS] = {"post",     "trywait",  "trywait_many", "trywait_upto", "wait",
					      "shutdown", "getvalue", "destroy",      "pin"};

void history_begin(const unsigned values[SEMAPHORES], unsigned processes)
{
	start_processes = processes;
	used = instant = 0;
	memcpy(start, values, sizeof(start));
}

struct call *history_call(enum call_kind kind, unsigned semaphore, unsigned process, unsigned count)
{
	struct call *call = &calls[used++];

	if (used > CALLS)
		fail("too many calls");
	*call = (struct call){
		.kind = kind, .thread = current_thread(), .semaphore = semaphore, .process = process, .count = count};
	call->begun_by = memory_tick();
	call->began_at = ++instant;
	memcpy(call->began, memory_view(call->thread)->clock, sizeof(call->began));
	trace("%s(%u) begins", kinds[kind], semaphore);
	return call;
}

static bool is_of_several(enum call_kind kind)
{
	return kind == TRYWAIT_MANY || kind == TRYWAIT_UPTO;
}

void history_end(struct call *call, int error, unsigned value)
{
	call->error = error;
	if (call->kind == GETVALUE)
		call->count = value;
	if (error == 0)
		call->got = call->kind == TRYWAIT     ? 1 :
			    call->kind == WAIT        ? call->count :
			    is_of_several(call->kind) ? value :
							0;
	call->ended = true;
	call->ended_by = memory_tick();
	call->ended_at = ++instant;
	memcpy(call->saw, memory_view(call->thread)->clock, sizeof(call->saw));
	trace("%s(%u) = %d%s%.0u", kinds[call->kind], call->semaphore, error, "", value);
}

static bool takes(const struct call *call)
{
	return call->ended && call->got > 0;
}

static bool posts(const struct call *call)
{
	return call->kind == POST && call->ended && call->error == 0;
}

void history_permits(unsigned semaphore, unsigned *posted, unsigned *taken, unsigned *perhaps)
{
	*posted = *taken = *perhaps = 0;
	for (unsigned i = 0; i < used; i++) {
		if (calls[i].semaphore != semaphore)
			continue;
		if (posts(&calls[i]))
			*posted += calls[i].count;
		if (takes(&calls[i]))
			*taken += calls[i].got;
		if (calls[i].kind == POST && !calls[i].ended)
			*perhaps += calls[i].count;
	}
}

bool history_destroyed(unsigned semaphore)
{
	unsigned n = 0;

	for (unsigned i = 0; i < used; i++)
		n += calls[i].kind == DESTROY && calls[i].semaphore == semaphore && calls[i].ended &&
		     calls[i].error == 0;
	return n == start_processes;
}

bool history_shut(unsigned semaphore)
{
	for (unsigned i = 0; i < used; i++) {
		const struct call *call = &calls[i];

		if (call->semaphore == semaphore && call->ended &&
		    (call->error == ESHUTDOWN || (call->kind == SHUTDOWN && !call->error)))
			return true;
	}
	return false;
}

unsigned history_least_wanted(unsigned semaphore)
{
	unsigned least = UINT32_MAX / 2;

	for (unsigned i = 0; i < used; i++) {
		if (calls[i].kind == WAIT && calls[i].semaphore == semaphore && !calls[i].ended &&
		    is_asleep(calls[i].thread) && calls[i].count < least)
			least = calls[i].count;
	}
	return least;
}

/* ---- One order of all calls ---- */

static bool precedes(const struct call *a, const struct call *b, bool weak)
{
	if (!a->ended)
		return false;
	return weak ? a->ended_by <= b->began[a->thread] : a->ended_at < b->began_at;
}

struct state {
	uint64_t value[SEMAPHORES];
	bool shut[SEMAPHORES];
	bool gone[SEMAPHORES][PROCESSES + 1]; /* for calls of that process; PINNED: for all */
};

static bool overlaps_a_wait(const struct call *call)
{
	for (unsigned i = 0; i < used; i++) {
		if (calls[i].kind == WAIT && calls[i].semaphore == call->semaphore &&
		    calls[i].began_at < (call->ended ? call->ended_at : UINT32_MAX))
			return true;
	}
	return false;
}

/*
 * A pin that is made during a destroy may be of a semaphore that is dead already, but is in the table still: who pins
 * it is told by the next call.
 */
static bool comes_after_destroy(const struct call *pin, bool weak)
{
	for (unsigned i = 0; i < used; i++) {
		if (calls[i].kind == DESTROY && calls[i].error == 0 && calls[i].semaphore == pin->semaphore &&
		    calls[i].process == pin->process && precedes(&calls[i], pin, weak))
			return true;
	}
	return false;
}

static bool takes_some(uint64_t *value, const struct call *call, int error)
{
	unsigned least = call->kind == TRYWAIT_MANY ? call->count : 1;
	uint64_t there = *value < call->count ? *value : call->count;

	if (error)
		return error == EAGAIN && *value < least;
	if (call->ended && call->got != there)
		return false;
	*value -= there;
	return there >= least;
}

static bool waits(uint64_t *value, const struct call *call, int error, bool shut)
{
	if (error)
		return *value < call->count && (error == ESHUTDOWN) == shut;
	if (*value < call->count)
		return false;
	*value -= call->count;
	return true;
}

/* Would a semaphore have answered so? Then it is as that leaves it. */
static bool answers(struct state *state, const struct call *call, bool weak)
{
	uint64_t *value = &state->value[call->semaphore];
	bool *gone = state->gone[call->semaphore];
	int error = call->ended ? call->error : 0;

	if (error == EINVAL)
		return gone[call->process];
	if (call->kind == PIN)
		return error == 0 && !comes_after_destroy(call, weak);
	if (gone[call->process])
		return false;
	switch (call->kind) {
	case POST:
		if (error == EOVERFLOW)
			return *value + call->count > KSEM_VALUE_MAX;
		*value += call->count;
		return error == 0 && *value <= KSEM_VALUE_MAX;
	case TRYWAIT:
		if (error)
			return *value == 0 && error == EAGAIN;
		return (*value)-- > 0;
	case WAIT:
		return waits(value, call, error, state->shut[call->semaphore]);
	case SHUTDOWN:
		state->shut[call->semaphore] = true;
		return error == 0;
	case TRYWAIT_MANY:
	case TRYWAIT_UPTO:
		return takes_some(value, call, error);
	case GETVALUE:
		return error == 0 && *value == call->count;
	case DESTROY:
		if (error == EBUSY)
			return overlaps_a_wait(call);
		gone[call->process] = true;
		gone[PINNED] = gone[0] && (gone[1] || start_processes == 1);
		return error == 0;
	case PIN:
	case CALL_KINDS:
		break;
	}
	return false;
}

static bool may_come_next(unsigned done, unsigned next, bool weak)
{
	for (unsigned i = 0; i < used; i++) {
		if (!(done & 1u << i) && i != next && precedes(&calls[i], &calls[next], weak))
			return false;
	}
	return true;
}

static bool order_from(unsigned done, const struct state *state, bool weak)
{
	bool all = true;

	for (unsigned i = 0; i < used; i++)
		all = all && (done & 1u << i || !calls[i].ended);
	if (all)
		return true;
	if (tried[done / 8] & 1u << done % 8)
		return false;
	tried[done / 8] |= (uint8_t)(1u << done % 8);
	for (unsigned i = 0; i < used; i++) {
		struct state after = *state;

		if (!(done & 1u << i) && may_come_next(done, i, weak) && answers(&after, &calls[i], weak) &&
		    order_from(done | 1u << i, &after, weak))
			return true;
	}
	return false;
}

/* ---- What happens before what ---- */

static bool sees(const struct call *call, const struct call *other)
{
	return other->begun_by <= call->saw[other->thread];
}

/*
 * Each permit that was taken, as far as the taker knows, was posted before that: no more are taken, of those takes that
 * it knows of, than were posted by posts that it knows of. What getvalue answers likewise.
 */
static void judge_visibility(const struct call *call)
{
	uint64_t there = start[call->semaphore];

	for (unsigned i = 0; i < used; i++) {
		const struct call *other = &calls[i];

		if (other->semaphore != call->semaphore || !sees(call, other))
			continue;
		if (other->kind == POST && !(other->ended && other->error))
			there += other->count;
		if (takes(other) && (other == call || precedes(other, call, true)))
			there -= other->got;
	}
	if (takes(call) && (int64_t)there < 0)
		fail("thread %u took a permit whose post does not happen before", call->thread);
	if (call->kind == GETVALUE && call->ended && !call->error && (int64_t)there < (int64_t)call->count)
		fail("thread %u saw the value %u, of which a post does not happen before", call->thread, call->count);
}

static void show(const struct call *call)
{
	if (call->ended)
		trace("  thread %u: %s(%u) = %d, %u", call->thread, kinds[call->kind], call->semaphore, call->error,
		      call->count);
	else
		trace("  thread %u: %s(%u), which never ended", call->thread, kinds[call->kind], call->semaphore);
}

void history_judge(bool weak)
{
	struct state state = {.value = {start[0], start[1]}};

	for (unsigned i = 0; i < used; i++)
		judge_visibility(&calls[i]);
	memset(tried, 0, ((1u << used) + 7) / 8);
	if (order_from(0, &state, weak))
		return;
	for (unsigned i = 0; i < used; i++)
		show(&calls[i]);
	fail("no order of these calls gives these answers");
}
