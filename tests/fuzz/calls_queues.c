/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of a sequence (run.h) on completion queues.
 */
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define ROOM 4 /* completions of a reap */

void call_cq_create(void)
{
	struct proc_pair *pair = any_proc();
	struct cq_pair *place = any_queue();
	bool null = no_output();
	struct ksem_cq *cq;
	struct model_cq *model;
	int expected;

	if (place->cq || place == &run.queues[QUEUES])
		return;
	memset(&cq, UNTOUCHED, sizeof(cq));
	calling("ksem_cq_create", "process %td", pair - run.procs);
	expected = model_cq_create(&run.model, pair->model, null ? NULL : &model);
	answered(ksem_cq_create(pair->proc, null ? NULL : &cq), expected);
	if (expected)
		untouched(&cq, sizeof(cq));
	else
		*place = (struct cq_pair){cq, model};
}

void destroy_queue(struct cq_pair *pair)
{
	calling("ksem_cq_destroy", "queue %td", pair - run.queues);
	answered(ksem_cq_destroy(pair->cq), model_cq_destroy(&run.model, pair->model));
	*pair = (struct cq_pair){0};
}

void call_cq_destroy(void)
{
	destroy_queue(any_queue());
}

static void reap(struct cq_pair *pair, unsigned room, bool null_out, bool null_n)
{
	struct ksem_completion out[ROOM];
	unsigned n, there = model_completions(&run.model, pair->model);
	struct pollfd readable = {.fd = ksem_cq_fd(pair->cq), .events = POLLIN};
	int expected = !pair->cq ? EINVAL : null_n || (null_out && room > 0) ? EFAULT : 0;

	memset(&n, UNTOUCHED, sizeof(n));
	if (there > 0 && poll(&readable, 1, 0) != 1)
		differs("queue %td isn't readable, with %u completions", pair - run.queues, there);
	calling("ksem_cq_reap", "queue %td, %u", pair - run.queues, room);
	answered(ksem_cq_reap(pair->cq, null_out ? NULL : out, room, null_n ? NULL : &n), expected);
	if (expected) {
		untouched(&n, sizeof(n));
		return;
	}
	if (n != (there < room ? there : room))
		differs("reaped %u, of %u with room for %u", n, there, room);
	for (unsigned i = 0; i < n; i++) {
		if (!model_reaped(&run.model, pair->model, &out[i]))
			differs("reaped, out of order or not at all: user_data %llu, id %llx, count %u, error %d",
				(unsigned long long)out[i].user_data, (unsigned long long)out[i].id, out[i].count,
				out[i].error);
	}
}

void call_cq_reap(void)
{
	struct cq_pair *pair = any_queue();
	unsigned drawn = byte();

	reap(pair, drawn % (ROOM + 1), (drawn & 0xf0) == 0xf0, (drawn & 0xf0) == 0xe0);
}

/* A wait whose deadline is past may be in line until the next reap, which here comes at once. */
void call_cq_submit(void)
{
	struct cq_pair *pair = any_queue();
	ksem_id_t id = any_id();
	unsigned count = any_count();
	clockid_t clock = any_clock();
	struct timespec *deadline = any_deadline();
	uint64_t user_data = byte() % 4;
	int expected;

	while (model_cq_waits(&run.model, pair->model, id, user_data))
		user_data += 4;
	calling("ksem_cq_submit", "queue %td, %llx, %u, clock %d, %s, %llu", pair - run.queues, (unsigned long long)id,
		count, clock,
		!deadline             ? "NULL" :
		deadline->tv_sec <= 0 ? "past" :
					"far",
		(unsigned long long)user_data);
	expected = model_cq_submit(&run.model, pair->model, id, count, clock, deadline, user_data);
	answered(ksem_cq_submit(pair->cq, id, count, clock, deadline, user_data), expected);
	if (!expected && deadline && deadline->tv_sec <= 0)
		reap(pair, 0, true, false);
}

void call_cq_cancel(void)
{
	struct cq_pair *pair = any_queue();
	uint64_t user_data = byte() % 8;

	calling("ksem_cq_cancel", "queue %td, %llu", pair - run.queues, (unsigned long long)user_data);
	answered(ksem_cq_cancel(pair->cq, user_data), model_cq_cancel(&run.model, pair->model, user_data));
}
