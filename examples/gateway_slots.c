/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slots of the backend: all that the gateway does with ksem.
 *
 * The semaphore has a permit for each call that may be in the backend. Requests wait for permits in a completion
 * queue: no thread sleeps, and the loop watches one descriptor for all of them. ksem_cq_submit begins a wait, which
 * lasts until its completion is reaped. The completion says:
 *
 *     0            the permit is ours: the call begins. When the call ends, the permit is posted
 *     ETIMEDOUT    no permit came in time
 *     ECANCELED    the client hung up, and the wait was canceled in time
 *     ESHUTDOWN    the gateway ends
 *
 * A client may hang up when its permit is granted, but not yet reaped. Then ksem_cq_cancel finds no wait, and the
 * completion brings a permit that nobody wants: it is posted at once.
 */
#include "gateway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAPED 256 /* completions in one turn of the loop */

static void must(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "gateway: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

int slots_open(struct slots *slots, const struct options *options, uint64_t now)
{
	struct ksem_attr attr = {
		.size = sizeof(attr), .limit = options->limit, .order = KSEM_FIFO, .flags = KSEM_METRICS};
	int error;

	slots->proc = ksem_private();
	if (!slots->proc)
		return ENOMEM;
	error = ksem_init_attr(slots->proc, &attr, options->limit, &slots->id);
	if (!error)
		error = ksem_cq_create(slots->proc, &slots->queue);
	slots->limit = slots->highest = options->limit;
	slots->patience = options->patience;
	slots->adaptive = options->adaptive;
	backend_init(&slots->backend, options, now);
	gradient_init(&slots->gradient, options->limit, now);
	return error;
}

int slots_ask(struct slots *slots, struct call *call)
{
	struct timespec deadline = ksem_deadline_after(slots->patience);

	call->in_backend = call->abandoned = false;
	return ksem_cq_submit(slots->queue, slots->id, 1, CLOCK_MONOTONIC, &deadline, (uintptr_t)call);
}

/* A call that is in the backend goes on, since nothing could stop it. Its permit comes back when it ends. */
void slots_abandon(struct slots *slots, struct call *call)
{
	call->abandoned = true;
	if (!call->in_backend)
		ksem_cq_cancel(slots->queue, (uintptr_t)call); /* ENOENT: its completion is there already */
}

static void completed(struct slots *slots, const struct ksem_completion *completion)
{
	struct call *call = (struct call *)(uintptr_t)completion->user_data;

	if (completion->error) {
		call_over(call, completion->error);
	} else if (call->abandoned) {
		must(ksem_post(slots->proc, slots->id), "ksem_post");
		call_over(call, ECANCELED);
	} else {
		backend_begin(&slots->backend, call);
	}
}

/* If more completions are there, the descriptor is still readable in the next turn. */
void slots_reap(struct slots *slots)
{
	struct ksem_completion completions[REAPED];
	unsigned n;

	must(ksem_cq_reap(slots->queue, completions, REAPED, &n), "ksem_cq_reap");
	for (unsigned i = 0; i < n; i++)
		completed(slots, &completions[i]);
}

static void adapt(struct slots *slots, uint64_t now)
{
	unsigned limit = gradient_turn(&slots->gradient, now);

	if (limit == slots->limit)
		return;
	must(ksem_set_limit(slots->proc, slots->id, limit), "ksem_set_limit");
	slots->limit = limit;
	if (limit > slots->highest)
		slots->highest = limit;
}

/* The limit is set before the posts: what they grant is within the new limit, and tells of it. */
void slots_turn(struct slots *slots, uint64_t now)
{
	unsigned in = slots->backend.in;
	struct calls ended;
	struct call *call;

	TAILQ_INIT(&ended);
	while ((call = backend_ended(&slots->backend, now)) != NULL) {
		TAILQ_INSERT_TAIL(&ended, call, next);
		slots->calls++;
		slots->latency += call->ended - call->begun;
		gradient_saw(&slots->gradient, call, in);
	}
	if (slots->adaptive)
		adapt(slots, now);
	while ((call = TAILQ_FIRST(&ended)) != NULL) {
		TAILQ_REMOVE(&ended, call, next);
		must(ksem_post(slots->proc, slots->id), "ksem_post");
		call_over(call, 0);
	}
}

uint64_t slots_next(const struct slots *slots)
{
	return backend_next(&slots->backend);
}

void slots_stop(struct slots *slots)
{
	must(ksem_shutdown(slots->proc, slots->id), "ksem_shutdown");
}

/* All permits must have come back, as many as the limit says. */
int slots_close(struct slots *slots)
{
	unsigned value;
	int error = ksem_getvalue(slots->proc, slots->id, &value);

	if (!error && value != slots->limit)
		error = EBUSY;
	if (!error)
		error = ksem_cq_destroy(slots->queue);
	return error ? error : ksem_destroy(slots->proc, slots->id);
}
