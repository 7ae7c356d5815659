/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of calls that are made by id and pinned: a semaphore that is named either way, and threads that wait on it.
 */
#ifndef KSEM_TESTS_TARGET_H
#define KSEM_TESTS_TARGET_H

#include "../support.h"

#include <limits.h>

/* A semaphore, as the calls under test name it. */
struct target {
	struct world *world;
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem *pin; /* NULL until there's a semaphore, and by id */
	bool pinned;
};

static inline int post(struct target *t)
{
	return t->pinned ? ksem_pinned_post(t->pin) : ksem_post(t->proc, t->id);
}

static inline int post_many(struct target *t, unsigned count)
{
	return t->pinned ? ksem_pinned_post_many(t->pin, count) : ksem_post_many(t->proc, t->id, count);
}

static inline int wait_for_one(struct target *t)
{
	return t->pinned ? ksem_pinned_wait(t->pin) : ksem_wait(t->proc, t->id);
}

static inline int trywait(struct target *t)
{
	return t->pinned ? ksem_pinned_trywait(t->pin) : ksem_trywait(t->proc, t->id);
}

static inline int clockwait(struct target *t, clockid_t clock, struct timespec deadline)
{
	return t->pinned ? ksem_pinned_clockwait(t->pin, clock, &deadline) :
			   ksem_clockwait(t->proc, t->id, clock, &deadline);
}

static inline int getvalue(struct target *t, unsigned *value)
{
	return t->pinned ? ksem_pinned_getvalue(t->pin, value) : ksem_getvalue(t->proc, t->id, value);
}

static inline unsigned value(struct target *t)
{
	unsigned value;

	MUST(getvalue(t, &value) == 0);
	return value;
}

/* Replaces the semaphore by a new one of that value. */
static inline void renew(struct target *t, unsigned initial)
{
	if (t->id)
		OK(ksem_destroy(t->proc, t->id));
	ksem_unpin(t->pin);
	t->pin = NULL;
	OK(ksem_init(t->proc, initial, &t->id));
	if (t->pinned)
		OK(ksem_pin(t->proc, t->id, &t->pin));
}

static inline int setup(void **state, bool pinned)
{
	struct target *t = calloc(1, sizeof(*t));
	void *world;

	world_setup(&world);
	t->world = world;
	t->proc = t->world->proc;
	t->pinned = pinned;
	renew(t, 0);
	*state = t;
	return 0;
}

static inline int setup_by_id(void **state)
{
	return setup(state, false);
}

static inline int setup_pinned(void **state)
{
	return setup(state, true);
}

static inline int teardown(void **state)
{
	struct target *t = *state;
	void *world = t->world;

	ksem_unpin(t->pin);
	free(t);
	return world_teardown(&world);
}

#define variant(f, way, setup) ((struct CMUnitTest){#f way, f, setup, teardown, NULL})
#define both(f)                variant(f, " (by id)", setup_by_id), variant(f, " (pinned)", setup_pinned)

/* A thread that waits, once it is asleep or about to be. */
struct waiter {
	struct target *target;
	bool timed;
	pthread_t thread;
	atomic_bool done;
};

static const struct timespec far_off = {.tv_sec = INT32_MAX};

static inline void *wait_in_thread(void *arg)
{
	struct waiter *w = arg;
	int error = w->timed ? clockwait(w->target, CLOCK_MONOTONIC, far_off) : wait_for_one(w->target);

	atomic_store(&w->done, true);
	return (void *)(intptr_t)error;
}

static inline void begin_waits(struct waiter *waiters, unsigned n, struct target *t)
{
	for (unsigned i = 0; i < n; i++) {
		waiters[i] = (struct waiter){.target = t, .timed = i % 2};
		waiters[i].thread = start(wait_in_thread, &waiters[i]);
	}
	until_waiting(t->proc, t->id, n);
}

static inline int end_wait(struct waiter *w)
{
	return (int)(intptr_t)finish(w->thread);
}

/* How many waits are over; when time has gone by in which more could have been. */
static inline unsigned count_done(struct waiter *waiters, unsigned n)
{
	unsigned done = 0;

	sleep_ms(10);
	for (unsigned i = 0; i < n; i++)
		done += atomic_load(&waiters[i].done);
	return done;
}

#endif
