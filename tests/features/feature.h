/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of semaphores with attributes: a semaphore of some order, used by id or pinned, and threads that wait for
 * some number of permits. Each test runs in the namespace that support.h says: private, or shared.
 */
#ifndef KSEM_TESTS_FEATURE_H
#define KSEM_TESTS_FEATURE_H

#include "../support.h"

#include <limits.h>

#define LIMIT 1000 /* of semaphores whose limit a test doesn't care about */

static const struct timespec past = {0, 0};

/* What a test is run with. */
struct variant {
	uint32_t order;
	bool pinned;
	bool plain; /* made with the default attributes, where a test makes a limited one */
};

/* A semaphore, as the calls under test name it. */
struct feature {
	struct world *world;
	struct ksem_proc *proc;
	ksem_id_t id;     /* 0: none yet */
	struct ksem *pin; /* NULL: none yet, or by id */
	struct variant variant;
};

/* ---- Calls by id or pinned. ---- */

#define CALL(f, name, ...)                                                               \
	((f)->variant.pinned ? ksem_pinned_##name((f)->pin __VA_OPT__(, ) __VA_ARGS__) : \
			       ksem_##name((f)->proc, (f)->id __VA_OPT__(, ) __VA_ARGS__))

static inline unsigned value(struct feature *f)
{
	unsigned value;

	MUST(CALL(f, getvalue, &value) == 0);
	return value;
}

static inline unsigned waiters(struct feature *f)
{
	return info_of(f->proc, f->id).waiters;
}

static inline void drop(struct feature *f)
{
	ksem_unpin(f->pin);
	f->pin = NULL;
	if (f->id)
		OK(ksem_destroy(f->proc, f->id));
	f->id = 0;
}

/* Replaces the semaphore by one with these attributes, but for the order, which is the variant's. */
static inline void make(struct feature *f, struct ksem_attr attr, unsigned initial)
{
	drop(f);
	attr.size = sizeof(attr);
	attr.order = f->variant.order;
	OK(ksem_init_attr(f->proc, &attr, initial, &f->id));
	if (f->variant.pinned)
		OK(ksem_pin(f->proc, f->id, &f->pin));
}

static inline void make_limited(struct feature *f, uint32_t limit, unsigned initial)
{
	make(f, (struct ksem_attr){.limit = f->variant.plain ? 0 : limit}, initial);
}

static inline int feature_setup(void **state)
{
	struct feature *f = calloc(1, sizeof(*f));
	void *world;

	f->variant = *(const struct variant *)*state;
	world_setup(&world);
	f->world = world;
	f->proc = f->world->proc;
	make_limited(f, LIMIT, 0);
	*state = f;
	return 0;
}

static inline int feature_teardown(void **state)
{
	struct feature *f = *state;
	void *world = f->world;

	drop(f);
	free(f);
	return world_teardown(&world);
}

#define feature_test(test, order, way, ...)                                                         \
	((struct CMUnitTest){#test " (" #order ", " way ")", test, feature_setup, feature_teardown, \
			     &(struct variant){order, __VA_ARGS__}})
#define both_ways(test, order) feature_test(test, order, "by id", false), feature_test(test, order, "pinned", true)
#define barging_test(test)     both_ways(test, KSEM_BARGING)
#define fifo_test(test)        both_ways(test, KSEM_FIFO)
#define lifo_test(test)        both_ways(test, KSEM_LIFO)
#define order_test(test)       barging_test(test), fifo_test(test), lifo_test(test)
#define plain_test(test)                                                 \
	feature_test(test, KSEM_BARGING, "by id, default", false, true), \
		feature_test(test, KSEM_BARGING, "pinned, default", true, true)
#define any_test(test) order_test(test), plain_test(test)

/* ---- Threads that wait. ---- */

struct waiting {
	struct feature *feature;
	unsigned count;
	const struct timespec *deadline; /* of CLOCK_MONOTONIC; NULL: none */
	pthread_t thread;
	atomic_bool done;
	int error;
};

static inline void *wait_in_thread(void *arg)
{
	struct waiting *w = arg;

	w->error = CALL(w->feature, wait_many, w->count, CLOCK_MONOTONIC, w->deadline);
	atomic_store(&w->done, true);
	return NULL;
}

static inline bool is_done(struct waiting *w)
{
	return atomic_load(&w->done);
}

/* Begins a wait behind those that wait: returns when the thread is a waiter, or was one until its deadline. */
static inline void queue_up_until(struct waiting *w, struct feature *f, unsigned count, const struct timespec *deadline)
{
	unsigned before = waiters(f);

	*w = (struct waiting){.feature = f, .count = count, .deadline = deadline};
	w->thread = start(wait_in_thread, w);
	while (waiters(f) != before + 1 && !is_done(w))
		sched_yield();
}

static inline void queue_up(struct waiting *w, struct feature *f, unsigned count)
{
	queue_up_until(w, f, count, NULL);
}

/* The wait must end, by itself. */
static inline int ended(struct waiting *w)
{
	finish(w->thread);
	return w->error;
}

/* One of those must be through, and it is that one: the others wait still, as the count of waiters says. */
static inline void only_ends(struct waiting *w, struct feature *f, struct waiting *all, unsigned n)
{
	unsigned waiting_still = 0;

	OK(ended(w));
	for (unsigned i = 0; i < n; i++)
		waiting_still += !is_done(&all[i]);
	assert_int_equal(waiters(f), waiting_still);
}

static inline int64_t ns_since(struct timespec then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)(now.tv_sec - then.tv_sec) * 1000000000 + now.tv_nsec - then.tv_nsec;
}

/* ---- Signal handlers. ---- */

static inline void do_nothing(int signal)
{
	(void)signal;
}

/* A handler of SIGUSR1, with these flags. */
static inline void handle(void (*handler)(int signal), int flags)
{
	const struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
}

#endif
