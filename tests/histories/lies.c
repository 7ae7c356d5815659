/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lies: see lies.h. A permit too many or too few contradicts the getvalue at the history's end. The others are a call
 * more, concurrent with one that was there, whose answer is beyond what the value can have been meanwhile: at least
 * `low`, with every post that can have come later, come later, and every take that can have come before, come before;
 * at most `high`, the other way round.
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
};

struct bounds {
	int64_t low, high;
};

static bool is_take(const struct call *call)
{
	return call->answer == 0 && (call->act == WAIT || call->act == TRYWAIT || call->act == CLOCKWAIT);
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

static struct bounds value_during(const struct history *history, const struct call *meanwhile)
{
	struct bounds value = {history->initial, history->initial};

	for (unsigned t = 0; t < history->threads; t++) {
		for (unsigned i = 0; i < history->thread[t].length; i++) {
			const struct call *call = &history->thread[t].calls[i];
			int64_t change = is_post(call) ? (int64_t)call->number : is_take(call) ? -1 : 0;
			bool before = call->end<meanwhile->begin, after = call->begin> meanwhile->end;

			if (before || (!after && change < 0))
				value.low += change;
			if (before || (!after && change > 0))
				value.high += change;
		}
	}
	return value;
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

static bool add_beside(struct history *history, const struct call *beside, struct call call)
{
	struct thread_history *spare = &history->thread[history->threads++];

	call.begin = beside->begin;
	call.end = beside->end;
	spare->calls[0] = call;
	spare->length = 1;
	return true;
}

static bool plant_beside(enum lie lie, struct history *history, const struct call *beside, struct random *random)
{
	struct bounds value = value_during(history, beside);
	int64_t room = KSEM_VALUE_MAX - value.high;

	switch (lie) {
	case LIE_EAGAIN_BESIDE_A_PERMIT:
		return value.low > 0 && add_beside(history, beside, (struct call){.act = TRYWAIT, .answer = EAGAIN});
	case LIE_ETIMEDOUT_BESIDE_A_PERMIT:
		return value.low > 0 &&
		       add_beside(history, beside, (struct call){.act = CLOCKWAIT, .answer = ETIMEDOUT});
	case LIE_VALUE_ABOVE_ANY:
		return room > 0 && add_beside(history, beside,
					      (struct call){.act = GETVALUE, .number = (uint32_t)(value.high + 1)});
	case LIE_VALUE_BELOW_ANY:
		return value.low > 0 &&
		       add_beside(history, beside, (struct call){.act = GETVALUE, .number = (uint32_t)(value.low - 1)});
	case LIE_OVERFLOW_WITHOUT_NEED:
		return room > 0 &&
		       add_beside(history, beside,
				  (struct call){.act = POST,
						.number = 1 + (uint32_t)(random_next(random) % (uint64_t)room),
						.answer = EOVERFLOW});
	case LIE_OVERFLOW_LET_THROUGH:
		return value.low > 0 &&
		       add_beside(history, beside,
				  (struct call){.act = POST, .number = (uint32_t)(KSEM_VALUE_MAX - value.low + 1)});
	default:
		return false;
	}
}

bool lie_plant(enum lie lie, struct history *history, struct random *random)
{
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
	default:
		call = pick(history, is_any, random);
		return plant_beside(lie, history, call, random);
	}
}
