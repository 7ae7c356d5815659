/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sequential semaphore, and histories as text: see history.h.
 */
#include "history.h"

#include <errno.h>

#include <ksem/ksem.h>

struct sequential sequential_at_first(const struct history *history)
{
	return (struct sequential){
		.fifo = history->fifo, .limit = history->limit, .taken = history->limit - history->initial};
}

uint32_t sequential_value(const struct sequential *sem)
{
	return sem->taken < sem->limit ? sem->limit - sem->taken : 0;
}

bool sequential_lines_up(const struct sequential *sem, const struct call *call)
{
	return sem->fifo && call->number > 0 && (call->act == WAIT || call->act == CLOCKWAIT);
}

void sequential_enter(struct sequential *sem, unsigned thread, const struct call *call)
{
	sem->line[sem->waiting++] = (struct in_line){(uint8_t)thread, call->number};
}

bool sequential_owes_a_grant(const struct sequential *sem)
{
	return sem->waiting > 0 && sequential_value(sem) >= sem->line[0].need;
}

static bool would_post(struct sequential *sem, const struct call *call)
{
	bool fits = call->number <= sem->taken;

	if (call->answer == EOVERFLOW)
		return !fits;
	if (call->answer != 0 || !fits)
		return false;
	sem->taken -= call->number;
	return true;
}

/* Of those who don't get in line. `refusal`: what it answers without permits; 0: nothing. */
static bool would_take(struct sequential *sem, const struct call *call, int refusal)
{
	bool may = sequential_value(sem) >= call->number && (sem->waiting == 0 || call->number == 0);

	if (call->answer == ESHUTDOWN && call->act != TRYWAIT)
		return sem->shut && !may;
	if (call->answer == refusal && refusal != 0)
		return !may && !(sem->shut && refusal == ETIMEDOUT);
	if (call->answer != 0 || !may)
		return false;
	sem->taken += call->number;
	return true;
}

static bool would_take_upto(struct sequential *sem, const struct call *call)
{
	uint32_t there = sem->waiting == 0 ? sequential_value(sem) : 0;

	if (call->answer == EAGAIN)
		return there == 0;
	if (call->answer != 0 || there == 0 || call->got != (there < call->number ? there : call->number))
		return false;
	sem->taken += call->got;
	return true;
}

static bool would_leave(struct sequential *sem, unsigned thread, const struct call *call, bool unfinished)
{
	unsigned place = 0;

	while (sem->line[place].thread != thread)
		place++;
	if (call->answer == 0) {
		if (place > 0 || !sequential_owes_a_grant(sem))
			return false;
		sem->taken += call->number;
	} else if (call->answer == ESHUTDOWN) {
		if (!sem->shut)
			return false;
	} else if (call->answer != ETIMEDOUT || call->act != CLOCKWAIT || (sem->shut && !unfinished)) {
		return false;
	}
	for (sem->waiting--; place < sem->waiting; place++)
		sem->line[place] = sem->line[place + 1];
	return true;
}

/* While the first in line is owed its permits, and nobody is about to give them, nothing happens but that it goes. */
static bool may_happen(const struct sequential *sem, unsigned thread, const struct call *call, bool unfinished)
{
	if (unfinished || !sequential_owes_a_grant(sem))
		return true;
	return sequential_lines_up(sem, call) && call->answer == 0 && sem->line[0].thread == thread;
}

bool sequential_would_answer(struct sequential *sem, unsigned thread, const struct call *call, bool unfinished)
{
	if (!may_happen(sem, thread, call, unfinished))
		return false;
	if (sequential_lines_up(sem, call))
		return would_leave(sem, thread, call, unfinished);
	switch (call->act) {
	case POST:
		return would_post(sem, call);
	case WAIT:
		return would_take(sem, call, 0);
	case TRYWAIT:
		return would_take(sem, call, EAGAIN);
	case CLOCKWAIT:
		return would_take(sem, call, ETIMEDOUT);
	case GETVALUE:
		return call->answer == 0 && call->number == sequential_value(sem);
	case TRYUPTO:
		return would_take_upto(sem, call);
	case SETLIMIT:
		sem->limit = call->number;
		return call->answer == 0;
	case SHUTDOWN:
		sem->shut = true;
		return call->answer == 0;
	case WAITERS:
		return call->answer == 0 && (!sem->fifo || call->number <= sem->waiting);
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
	case ESHUTDOWN:
		return "ESHUTDOWN";
	default:
		return "another error";
	}
}

void history_print(FILE *file, const struct history *history)
{
	static const char *const names[ACTS] = {"post_many",    "wait",      "trywait",  "clockwait", "getvalue",
						"trywait_upto", "set_limit", "shutdown", "waiters"};

	fprintf(file, "value %u, limit %u at first%s\n", history->initial, history->limit,
		history->fifo ? "; first in, first out" : "");
	for (unsigned t = 0; t < history->threads; t++) {
		const struct thread_history *thread = &history->thread[t];

		for (unsigned i = 0; i < thread->length; i++) {
			const struct call *call = &thread->calls[i];

			fprintf(file, "thread %u, %3u: [%6llu, %6llu] %s%s %u", t, i, (unsigned long long)call->begin,
				(unsigned long long)call->end, call->pinned ? "pinned_" : "", names[call->act],
				call->number);
			if (call->act == TRYUPTO)
				fprintf(file, " got %u", call->got);
			fprintf(file, " -> %s (%d)\n", answer_name(call->answer), call->answer);
		}
	}
}
