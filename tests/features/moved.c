/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A private semaphore with the default attributes, on which a queue begins to wait (private/lined.h), while threads
 * wait for it, post and take: no permit is lost or made, and nobody stays asleep.
 */
#include "feature.h"

static struct ksem_cq *cq;

static int moved_setup(void **state)
{
	int error = feature_setup(state);

	OK(ksem_cq_create(((struct feature *)*state)->proc, &cq));
	return error;
}

static int moved_teardown(void **state)
{
	if (cq)
		OK(ksem_cq_destroy(cq));
	return feature_teardown(state);
}

/* A queue begins to wait for that many, and gets them or not. */
static void submit(struct feature *f, unsigned count)
{
	OK(ksem_cq_submit(cq, f->id, count, CLOCK_MONOTONIC, NULL, 7));
}

static unsigned reaped(void)
{
	struct ksem_completion c;
	unsigned n;

	OK(ksem_cq_reap(cq, &c, 1, &n));
	assert_true(n == 0 || c.error == 0);
	return n > 0 ? c.count : 0;
}

static void move(struct feature *f)
{
	submit(f, 0);
	assert_int_equal(reaped(), 0);
}

static void it_has_its_value_and_shows_no_difference(void **state)
{
	struct feature *f = *state;
	struct ksem_info before, after;
	unsigned got;

	make_limited(f, 0, 5);
	before = info_of(f->proc, f->id);
	move(f);
	move(f);
	after = info_of(f->proc, f->id);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(value(f), 5);
	OK(CALL(f, wait));
	OK(CALL(f, trywait));
	OK(CALL(f, trywait_many, 2));
	OK(CALL(f, trywait_upto, 9, &got));
	assert_int_equal(got, 1);
	FAILS(EAGAIN, CALL(f, trywait));
	OK(CALL(f, post_many, KSEM_VALUE_MAX));
	FAILS(EOVERFLOW, CALL(f, post));
	FAILS(EINVAL, CALL(f, set_limit, 5));
	OK(CALL(f, trywait_many, KSEM_VALUE_MAX));
}

static void threads_that_wait_go_on(void **state)
{
	struct feature *f = *state;
	struct waiting w[3];
	unsigned which = 77;

	for (unsigned i = 0; i < 3; i++)
		queue_up(&w[i], f, i + 1);
	move(f);
	while (waiters(f) != 3)
		sched_yield();
	FAILS(EBUSY, ksem_destroy(f->proc, f->id));
	for (unsigned i = 0; i < 6; i++)
		OK(CALL(f, post));
	for (unsigned i = 0; i < 3; i++)
		OK(ended(&w[i]));
	assert_int_equal(value(f), 0);
	assert_int_equal(waiters(f), 0);
	OK(CALL(f, post));
	OK(ksem_wait_any(f->proc, &f->id, 1, CLOCK_MONOTONIC, NULL, &which));
	assert_int_equal(which, 0);
}

static void *wait_for_any(void *arg)
{
	struct feature *f = arg;
	unsigned which;

	MUST(ksem_wait_any(f->proc, &f->id, 1, CLOCK_MONOTONIC, NULL, &which) == 0);
	return NULL;
}

static void a_thread_that_waits_for_any_goes_on(void **state)
{
	struct feature *f = *state;
	pthread_t thread = start(wait_for_any, f);

	until_waiting(f->proc, f->id, 1);
	move(f);
	OK(CALL(f, post));
	finish(thread);
	assert_int_equal(waiters(f), 0);
}

static void deadlines_and_shutdown_reach_them(void **state)
{
	struct feature *f = *state;
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 500);
	struct waiting w[2];

	queue_up_until(&w[0], f, 1, &soon);
	queue_up(&w[1], f, 1);
	move(f);
	FAILS(ETIMEDOUT, ended(&w[0]));
	OK(CALL(f, shutdown));
	FAILS(ESHUTDOWN, ended(&w[1]));
	assert_int_equal(info_of(f->proc, f->id).flags, KSEM_SHUTDOWN);
}

static void one_that_is_shut_stays_so(void **state)
{
	struct feature *f = *state;

	make_limited(f, 0, 3);
	OK(CALL(f, shutdown));
	move(f);
	assert_int_equal(info_of(f->proc, f->id).flags, KSEM_SHUTDOWN);
	assert_int_equal(value(f), 3);
	OK(CALL(f, wait_many, 3, CLOCK_MONOTONIC, NULL));
	FAILS(ESHUTDOWN, CALL(f, wait));
}

/* Much used, so its permits may be with the processors. */
static void permits_of_the_processors_come_with_it(void **state)
{
	struct feature *f = *state;

	make_limited(f, 0, 3);
	for (int i = 0; i < 2000; i++) {
		OK(CALL(f, trywait));
		OK(CALL(f, post));
	}
	move(f);
	assert_int_equal(value(f), 3);
	OK(CALL(f, trywait_many, 3));
}

static atomic_bool stop;

static void *take_and_post(void *arg)
{
	struct feature *f = arg;

	while (!atomic_load(&stop)) {
		MUST(CALL(f, wait) == 0);
		MUST(CALL(f, post) == 0);
		MUST(CALL(f, wait_many, 2, CLOCK_MONOTONIC, NULL) == 0);
		MUST(CALL(f, post_many, 2) == 0);
	}
	return NULL;
}

/* In turn those calls by which a thread may find that it has just moved. */
static void *try_all(void *arg)
{
	struct feature *f = arg;
	unsigned got, which;

	while (!atomic_load(&stop)) {
		MUST(value(f) <= 3);
		MUST(info_of(f->proc, f->id).value <= 3);
		if (CALL(f, trywait_upto, 3, &got) == 0)
			MUST(CALL(f, post_many, got) == 0);
		if (CALL(f, trywait) == 0)
			MUST(CALL(f, post) == 0);
		MUST(ksem_wait_any(f->proc, &f->id, 1, CLOCK_MONOTONIC, NULL, &which) == 0);
		MUST(CALL(f, post) == 0);
	}
	return NULL;
}

static void it_may_move_at_any_time(void **state)
{
	struct feature *f = *state;
	pthread_t threads[3];

	for (int i = 0; i < rounds_of_making(300); i++) {
		make_limited(f, 0, 3);
		atomic_store(&stop, false);
		for (unsigned j = 0; j < 2; j++)
			threads[j] = start(take_and_post, f);
		threads[2] = start(try_all, f);
		for (int spins = 0; spins < i % 7 * 1000; spins++)
			atomic_load(&stop);
		if (i % 3 == 0)
			sched_yield();
		submit(f, 2);
		while (reaped() == 0)
			sched_yield();
		OK(CALL(f, post_many, 2));
		atomic_store(&stop, true);
		for (unsigned j = 0; j < 3; j++)
			finish(threads[j]);
		assert_int_equal(value(f), 3);
		assert_int_equal(waiters(f), 0);
	}
}

/* Two queues begin at once. */
static void *submit_too(void *arg)
{
	struct feature *f = arg;
	struct ksem_cq *own;
	struct ksem_completion c;
	unsigned n = 0;

	MUST(ksem_cq_create(f->proc, &own) == 0);
	MUST(ksem_cq_submit(own, f->id, 1, CLOCK_MONOTONIC, NULL, 1) == 0);
	while (n == 0)
		MUST(ksem_cq_reap(own, &c, 1, &n) == 0);
	MUST(c.error == 0);
	MUST(ksem_cq_destroy(own) == 0);
	return NULL;
}

static void two_may_move_it_at_once(void **state)
{
	struct feature *f = *state;

	for (int i = 0; i < rounds_of_making(100); i++) {
		pthread_t thread;

		make_limited(f, 0, 3);
		thread = start(submit_too, f);
		submit(f, 1);
		finish(thread);
		assert_int_equal(reaped(), 1);
		assert_int_equal(value(f), 1);
	}
}

static void a_forks_child_has_what_was_moved(void **state)
{
	struct feature *f = *state;
	struct waiting w;
	pid_t child;

	queue_up(&w, f, 1);
	move(f);
	child = fork();
	MUST(child >= 0);
	if (child == 0) {
		alarm(60);
		MUST(waiters(f) == 0 && value(f) == 0);
		MUST(CALL(f, post) == 0 && CALL(f, wait) == 0);
		MUST(ksem_cq_destroy(cq) == 0);
		ksem_unpin(f->pin);
		MUST(ksem_destroy(f->proc, f->id) == 0);
		_exit(0);
	}
	must_end_well(child);
	OK(CALL(f, post));
	OK(ended(&w));
}

/* Its place is another's later, which hasn't moved. */
static void its_number_is_used_again(void **state)
{
	struct feature *f = *state;

	for (int i = 0; i < 200; i++) {
		make_limited(f, 0, 2);
		if (i % 2 == 0)
			move(f);
		OK(CALL(f, wait_many, 2, CLOCK_MONOTONIC, NULL));
		FAILS(EAGAIN, CALL(f, trywait));
		assert_int_equal(value(f), 0);
	}
}

/* A waiter outlives all references. */
static void the_last_waiter_ends_it(void **state)
{
	struct feature *f = *state;
	struct waiting w;
	ksem_id_t id;

	OK(ksem_open(f->proc, "/moved", O_CREAT, 0600, 0, &id));
	OK(ksem_destroy(f->proc, f->id));
	f->id = id;
	queue_up(&w, f, 1);
	move(f);
	OK(ksem_unlink(f->proc, "/moved"));
	OK(ksem_post(f->proc, id));
	OK(ended(&w));
	OK(ksem_close(f->proc, id));
	f->id = 0;
	assert_int_equal(semaphores_in(f->world->ns), 0);
}

#define moved_test(test, way, ...)                                                  \
	((struct CMUnitTest){#test " (" way ")", test, moved_setup, moved_teardown, \
			     &(struct variant){KSEM_BARGING, __VA_ARGS__}})
#define both(test) moved_test(test, "by id", false, true), moved_test(test, "pinned", true, true)

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(it_has_its_value_and_shows_no_difference),
		both(threads_that_wait_go_on),
		both(a_thread_that_waits_for_any_goes_on),
		both(deadlines_and_shutdown_reach_them),
		both(one_that_is_shut_stays_so),
		both(permits_of_the_processors_come_with_it),
		both(it_may_move_at_any_time),
		both(two_may_move_it_at_once),
		both(a_forks_child_has_what_was_moved),
		both(its_number_is_used_again),
		moved_test(the_last_waiter_ends_it, "by id", false, true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
