/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sequential semaphore, and histories as text: see history.h.
 */
#include "history.h"

#include <errno.h>

#include <ksem/ksem.h>

static bool would_take(uint32_t *value, int answer, int refusal)
{
	if (answer == refusal && refusal != 0)
		return *value == 0;
	if (answer != 0 || *value == 0)
		return false;
	--*value;
	return true;
}

static bool would_post(uint32_t *value, uint32_t number, int answer)
{
	bool fits = number <= KSEM_VALUE_MAX - *value;

	if (answer == EOVERFLOW)
		return !fits;
	if (answer != 0 || !fits)
		return false;
	*value += number;
	return true;
}

bool semaphore_would_answer(uint32_t *value, const struct call *call)
{
	switch (call->act) {
	case POST:
		return would_post(value, call->number, call->answer);
	case WAIT:
		return would_take(value, call->answer, 0);
	case TRYWAIT:
		return would_take(value, call->answer, EAGAIN);
	case CLOCKWAIT:
		return would_take(value, call->answer, ETIMEDOUT);
	case GETVALUE:
		return call->answer == 0 && call->number == *value;
	case ACTS:
		break;
	}
	return false;
}

static const char *answer_name(int answer)
{
	switch (answer) {
	case 0:
		return "0";
	case EAGAIN:
		return "EAGAIN";
	case ETIMEDOUT:
		return "ETIMEDOUT";
	case EOVERFLOW:
		return "EOVERFLOW";
	default:
		return "another error";
	}
}

void history_print(FILE *file, const struct history *history)
{
	static const char *const names[ACTS] = {"post_many", "wait", "trywait", "clockwait", "getvalue"};

	fprintf(file, "value %u at first\n", history->initial);
	for (unsigned t = 0; t < history->threads; t++) {
		const struct thread_history *thread = &history->thread[t];

		for (unsigned i = 0; i < thread->length; i++) {
			const struct call *call = &thread->calls[i];

			fprintf(file, "thread %u, %3u: [%6llu, %6llu] %s%s", t, i, (unsigned long long)call->begin,
				(unsigned long long)call->end, call->pinned ? "pinned_" : "", names[call->act]);
			if (call->act == POST || call->act == GETVALUE)
				fprintf(file, " %u", call->number);
			fprintf(file, " -> %s (%d)\n", answer_name(call->answer), call->answer);
		}
	}
}
