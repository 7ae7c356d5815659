/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backend of the gateway, simulated: replace it by a database, or by a service behind a socket.
 *
 * A call is 10 ms of work. While at most `plateau` calls are in the backend, each of them works at full speed. More
 * calls share the speed of `plateau`: each takes longer, and the throughput stays plateau / 10 ms.
 *
 * All calls in the backend go at the same speed, so they end in the order in which they began. `worked` is what a call
 * would have done that has been in from the start, so a call ends when `worked` has grown by one call's work. The times
 * are computed, not measured: if the gateway is late to look, a call still ended when it ended.
 */
#include "gateway.h"

void backend_init(struct backend *backend, const struct options *options, uint64_t now)
{
	backend->call_work = options->call;
	backend->plateau = options->plateau;
	backend->at = now;
	TAILQ_INIT(&backend->calls);
}

/* What all slow down by, as a fraction: */
static unsigned share(const struct backend *backend)
{
	return backend->in > backend->plateau ? backend->in : backend->plateau;
}

static void work_until(struct backend *backend, uint64_t time)
{
	uint64_t passed = time - backend->at;

	backend->at = time;
	if (backend->in == 0)
		return;
	backend->worked += passed * backend->plateau / share(backend);
	backend->busy += passed;
}

uint64_t backend_next(const struct backend *backend)
{
	const struct call *first = TAILQ_FIRST(&backend->calls);
	uint64_t left, part = share(backend);

	if (!first)
		return NEVER;
	left = first->work_end > backend->worked ? first->work_end - backend->worked : 0;
	return backend->at + (left * part + backend->plateau - 1) / backend->plateau;
}

void backend_begin(struct backend *backend, struct call *call)
{
	call->in_backend = true;
	call->begun = backend->at;
	call->work_end = backend->worked + backend->call_work;
	TAILQ_INSERT_TAIL(&backend->calls, call, next);
	if (++backend->in > backend->most)
		backend->most = backend->in;
}

struct call *backend_ended(struct backend *backend, uint64_t now)
{
	struct call *first = TAILQ_FIRST(&backend->calls);
	uint64_t end = backend_next(backend);

	if (end > now) {
		work_until(backend, now);
		return NULL;
	}
	work_until(backend, end);
	TAILQ_REMOVE(&backend->calls, first, next);
	backend->in--;
	first->in_backend = false;
	first->ended = end;
	return first;
}
