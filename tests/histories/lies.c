/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lies: see lies.h. A permit too many or too few contradicts the getvalue at the history's end. Others are a few calls
 * more, concurrent with one that was there, whose answers are beyond what the value can have been meanwhile: at least
 * `low`, with every post that can have come later, come later, and every take that can have come before, come before;
 * at most `high`, the other way round. The rest are told after the end, where the whole state is known.
 */
#include "lies.h"

const char *const lie_names[LIES] = {
	[LIE_PERMIT_TAKEN_TWICE] = "a permit taken twice",
	[LIE_POST_LOST] = "a post lost",
	[LIE_EAGAIN_BESIDE_A_PERMIT] = "EAGAIN beside a permit",
	[LIE_ETIMEDOUT_BESIDE_A_PERMIT] = "ETIMEDOUT beside a permit",
	[LIE_VALUE_ABOVE_ANY] = "a value above any that there was",
	[LIE_VALUE_BELOW_ANY] = "a value below any that there was",
	[LIE_OVERFLOW_WITHOUT_NEED] = "EOVERFLOW without need",
	[LIE_OVERFLOW_LET_THROUGH] = "an overflow let through",
	[LIE_SEVERAL_OF_FEWER] = "several permits taken where there were fewer",
	[LIE_EAGAIN_BESIDE_SEVERAL] = "EAGAIN though there were as many as wanted",
	[LIE_FEWER_THAN_THERE_WERE] = "fewer taken than wanted, and than there were",
	[LIE_ESHUTDOWN_BEFORE_A_SHUTDOWN] = "ESHUTDOWN before a shutdown",
	[LIE_ESHUTDOWN_BESIDE_A_PERMIT] = "ESHUTDOWN beside a permit",
	[LIE_ETIMEDOUT_AFTER_A_SHUTDOWN] = "ETIMEDOUT after a shutdown",
	[LIE_LIMIT_MOVES_NOTHING] = "a limit that doesn't move the value",
	[LIE_DEBT_FORGOTTEN] = "a post that doesn't pay the debt first",
	[LIE_TRYWAIT_OVERTAKES] = "a trywait while another waits",
	[LIE_WAIT_OVERTAKES] = "a wait that is served before one in line",
	[LIE_LATER_WAITER_FIRST] = "the second in line is served first",
	[LIE_FIRST_IN_LINE_FORGOTTEN] = "the first in line times out though there are permits",
};

/* ---- A history's calls. ---- */

static bool waits(const struct call *call)
{
	return call->act == WAIT || call->act == CLOCKWAIT;
}

static bool is_take(const struct call *call)
{
	return call->answer == 0 && (waits(call) || call->act == TRYWAIT || call->act == TRYUPTO);
}

static bool is_post(const struct call *call)
{
	return call->answer == 0 && call->act == POST && call->number > 0;
}

static bool is_any(const struct call *call)
{
	(void)call;
	return true;
}

/* How many more are taken after it. */
static int64_t taken_by(const struct call *call)
{
	if (is_post(call))
		return -(int64_t)call->number;
	return is_take(call) ? call->act == TRYUPTO ? call->got : call->number : 0;
}

/* A call of the history at random, of that kind; NULL: there is none. */
static struct call *pick(struct history *history, bool (*kind)(const struct call *call), struct random *random)
{
	struct call *picked = NULL;
	unsigned found = 0;

	for (unsigned t = 0; t < history->threads; t++) {
		for (unsigned i = 0; i < history->thread[t].length; i++) {
			struct call *call = &history->thread[t].calls[i];

			if (kind(call) && random_below(random, ++found) == 0)
				picked = call;
		}
	}
	return picked;
}

static struct thread_history *spare_thread(struct history *history)
{
	struct thread_history *spare = &history->thread[history->threads++];

	spare->length = 0;
	return spare;
}

/* ---- Beside a call. ---- */

struct bounds {
	struct range {
		int64_t low, high;
	} value, taken;
	bool waits; /* somebody may wait meanwhile */
};

static struct bounds bounds_during(const struct history *history, const struct call *meanwhile)
{
	int64_t taken = (int64_t)history->limit - history->initial;
	struct bounds bounds = {.taken = {taken, taken}};
	struct range limit = {history->limit, history->limit};

	for (unsigned t = 0; t < history->threads; t++) {
		for (unsigned i = 0; i < history->thread[t].length; i++) {
			const struct call *call = &history->thread[t].calls[i];
			int64_t change = taken_by(call), new_limit = call->number;
			bool before = call->end < meanwhile->begin, beside = !before && call->begin <= meanwhile->end;

			if (before || (beside && change < 0))
				bounds.taken.low += change;
			if (before || (beside && change > 0))
				bounds.taken.high += change;
			bounds.waits |= beside && waits(call);
			if (call->act == SETLIMIT && (before || beside)) {
				limit.low = new_limit < limit.low ? new_limit : limit.low;
				limit.high = new_limit > limit.high ? new_limit : limit.high;
			}
		}
	}
	bounds.value.low = limit.low - bounds.taken.high;
	bounds.value.high = limit.high - bounds.taken.low;
	return bounds;
}

static bool add_beside(struct history *history, const struct call *beside, struct call call)
{
	struct thread_history *spare = spare_thread(history);

	call.begin = beside->begin;
	call.end = beside->end;
	spare->calls[spare->length++] = call;
	return true;
}

/* Takes, and gives back: so that nothing but the take is wrong. */
static bool take_beside(struct history *history, const struct call *beside, struct call take)
{
	struct thread_history *spare = &history->thread[history->threads];

	add_beside(history, beside, take);
	spare->calls[spare->length++] =
		(struct call){POST, .number = (uint32_t)taken_by(&take), .begin = beside->begin, .end = beside->end};
	return true;
}

/* Of a lie that tells a call, beside one at random, of which these are the bounds. */
static bool plant_refusal(enum lie lie, struct history *history, const struct call *beside, const struct bounds *bounds)
{
	uint32_t some = bounds->value.low < 3 ? (uint32_t)bounds->value.low : 3;

	if (bounds->value.low < (lie == LIE_EAGAIN_BESIDE_SEVERAL ? 2 : 1) || (history->fifo && bounds->waits))
		return false;
	switch (lie) {
	case LIE_EAGAIN_BESIDE_A_PERMIT:
		return add_beside(history, beside, (struct call){TRYWAIT, .number = 1, .answer = EAGAIN});
	case LIE_EAGAIN_BESIDE_SEVERAL:
		return add_beside(history, beside, (struct call){TRYWAIT, .number = some, .answer = EAGAIN});
	default:
		return add_beside(history, beside, (struct call){CLOCKWAIT, .number = 1, .answer = ETIMEDOUT});
	}
}

static bool plant_overflow(enum lie lie, struct history *history, const struct call *beside, struct range taken,
			   struct random *random)
{
	uint32_t number;

	if (lie == LIE_OVERFLOW_LET_THROUGH)
		return taken.high < UINT32_MAX &&
		       add_beside(history, beside, (struct call){POST, .number = (uint32_t)taken.high + 1});
	if (taken.low <= 0)
		return false;
	number = 1 + (uint32_t)(random_next(random) % (uint64_t)taken.low);
	return add_beside(history, beside, (struct call){POST, .number = number, .answer = EOVERFLOW});
}

static bool plant_beside(enum lie lie, struct history *history, const struct call *beside, struct random *random)
{
	struct bounds bounds = bounds_during(history, beside);
	struct range value = bounds.value;

	switch (lie) {
	case LIE_VALUE_ABOVE_ANY:
		return value.high >= 0 && value.high < UINT32_MAX &&
		       add_beside(history, beside, (struct call){GETVALUE, .number = (uint32_t)value.high + 1});
	case LIE_VALUE_BELOW_ANY:
		return value.low > 0 &&
		       add_beside(history, beside, (struct call){GETVALUE, .number = (uint32_t)value.low - 1});
	case LIE_OVERFLOW_WITHOUT_NEED:
	case LIE_OVERFLOW_LET_THROUGH:
		return plant_overflow(lie, history, beside, bounds.taken, random);
	case LIE_SEVERAL_OF_FEWER:
		return value.high >= 1 && value.high < UINT32_MAX &&
		       take_beside(history, beside, (struct call){TRYWAIT, .number = (uint32_t)value.high + 1});
	case LIE_FEWER_THAN_THERE_WERE:
		return value.low >= 2 && take_beside(history, beside,
						     (struct call){TRYUPTO, .number = (uint32_t)value.low,
								   .got = (uint32_t)value.low - 1});
	default:
		return plant_refusal(lie, history, beside, &bounds);
	}
}

/* ---- After the end. ---- */

struct end {
	struct history *history;
	struct thread_history *own; /* the thread that was the last to call */
	uint64_t now;
	uint32_t value;
	int64_t taken;
	bool shut;
};

static struct end end_of(struct history *history)
{
	struct thread_history *own = &history->thread[history->threads - 1];
	const struct call *last = &own->calls[own->length - 1];
	struct end end = {history, own, last->end, last->number, (int64_t)history->limit - history->initial, false};

	for (unsigned t = 0; t < history->threads; t++) {
		for (unsigned i = 0; i < history->thread[t].length; i++) {
			end.taken += taken_by(&history->thread[t].calls[i]);
			end.shut |= history->thread[t].calls[i].act == SHUTDOWN;
		}
	}
	return end;
}

/* The last thread's next call, which begins after all calls so far. */
static void tell(struct end *end, enum act act, uint32_t number, int answer)
{
	end->own->calls[end->own->length++] = (struct call){
		.act = act, .number = number, .answer = answer, .begin = end->now + 1, .end = end->now + 2};
	end->now += 2;
}

/* A spare thread's wait begins, and is seen to be in line. Its end is beyond what is told until it is told to end. */
static struct call *tell_of_waiter(struct end *end, uint32_t wants, unsigned waiters)
{
	struct thread_history *spare = spare_thread(end->history);

	spare->calls[spare->length++] =
		(struct call){.act = CLOCKWAIT, .number = wants, .begin = ++end->now, .end = end->now + 1000};
	tell(end, WAITERS, waiters, 0);
	return &spare->calls[0];
}

static void ends_now(struct end *end, struct call *wait, int answer)
{
	wait->end = ++end->now;
	wait->answer = answer;
}

static bool plant_shutdown(enum lie lie, struct end *end)
{
	if (lie == LIE_ESHUTDOWN_BEFORE_A_SHUTDOWN && end->shut)
		return false;
	if (end->value == (lie == LIE_ESHUTDOWN_BESIDE_A_PERMIT ? 0 : UINT32_MAX))
		return false;
	if (lie != LIE_ESHUTDOWN_BEFORE_A_SHUTDOWN)
		tell(end, SHUTDOWN, 0, 0);
	if (lie == LIE_ESHUTDOWN_BESIDE_A_PERMIT)
		tell(end, WAIT, end->value, ESHUTDOWN);
	else
		tell(end, CLOCKWAIT, end->value + 1, lie == LIE_ETIMEDOUT_AFTER_A_SHUTDOWN ? ETIMEDOUT : ESHUTDOWN);
	return true;
}

static bool plant_limit(enum lie lie, struct end *end)
{
	bool limited = end->history->limit < UINT32_MAX;

	if (!limited || end->taken < 1)
		return false;
	if (lie == LIE_LIMIT_MOVES_NOTHING) {
		tell(end, SETLIMIT, (uint32_t)end->taken + end->value + 1, 0);
		tell(end, GETVALUE, end->value, 0);
	} else {
		tell(end, SETLIMIT, (uint32_t)end->taken - 1, 0);
		tell(end, POST, 1, 0);
		tell(end, GETVALUE, 1, 0);
	}
	return true;
}

/* All but the order in which they are served is right. */
static bool plant_overtaking(enum lie lie, struct end *end)
{
	struct call *first, *second;

	if (!end->history->fifo || end->shut || end->value < 1 || end->taken < 1)
		return false;
	first = tell_of_waiter(end, end->value + 1, 1);
	if (lie == LIE_TRYWAIT_OVERTAKES) {
		tell(end, TRYWAIT, 1, 0);
		tell(end, POST, 2, 0);
	} else if (lie == LIE_WAIT_OVERTAKES) {
		tell(end, WAIT, 1, 0);
		tell(end, POST, 2, 0);
	} else if (lie == LIE_LATER_WAITER_FIRST) {
		second = tell_of_waiter(end, 1, 2);
		ends_now(end, second, 0);
		tell(end, POST, 2, 0);
	} else {
		tell(end, POST, 1, 0);
		tell(end, WAITERS, 1, 0);
	}
	ends_now(end, first, lie == LIE_FIRST_IN_LINE_FORGOTTEN ? ETIMEDOUT : 0);
	return true;
}

bool lie_plant(enum lie lie, struct history *history, struct random *random)
{
	struct end end = end_of(history);
	struct call *call;

	switch (lie) {
	case LIE_PERMIT_TAKEN_TWICE:
		call = pick(history, is_take, random);
		return call && add_beside(history, call, *call);
	case LIE_POST_LOST:
		call = pick(history, is_post, random);
		if (call)
			call->number--;
		return call != NULL;
	case LIE_ESHUTDOWN_BEFORE_A_SHUTDOWN:
	case LIE_ESHUTDOWN_BESIDE_A_PERMIT:
	case LIE_ETIMEDOUT_AFTER_A_SHUTDOWN:
		return plant_shutdown(lie, &end);
	case LIE_LIMIT_MOVES_NOTHING:
	case LIE_DEBT_FORGOTTEN:
		return plant_limit(lie, &end);
	case LIE_TRYWAIT_OVERTAKES:
	case LIE_WAIT_OVERTAKES:
	case LIE_LATER_WAITER_FIRST:
	case LIE_FIRST_IN_LINE_FORGOTTEN:
		return plant_overtaking(lie, &end);
	default:
		call = pick(history, is_any, random);
		return plant_beside(lie, history, call, random);
	}
}
