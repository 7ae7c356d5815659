/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem_wait_any: one permit of one of several semaphores, of any orders.
 */
#include "features.h"

/* As many semaphores as a test wants, of all orders in turn. */
struct several {
	struct world *world;
	struct ksem_proc *proc;
	ksem_id_t ids[KSEM_ANY_MAX + 1];
	unsigned n;
};

static void have(struct several *s, unsigned n)
{
	for (; s->n < n; s->n++)
		OK(ksem_init_attr(s->proc, ATTR(.order = s->n % 3, .limit = LIMIT), 0, &s->ids[s->n]));
}

static int several_setup(void **state)
{
	struct several *s = calloc(1, sizeof(*s));
	void *world;

	world_setup(&world);
	s->world = world;
	s->proc = s->world->proc;
	have(s, 3);
	*state = s;
	return 0;
}

static int several_teardown(void **state)
{
	struct several *s = *state;
	void *world = s->world;

	while (s->n > 0)
		OK(ksem_destroy(s->proc, s->ids[--s->n]));
	free(s);
	return world_teardown(&world);
}

struct any_waiting {
	struct several *several;
	const ksem_id_t *ids;
	unsigned n;
	const struct timespec *deadline;
	pthread_t thread;
	atomic_bool done;
	unsigned which;
	int error;
};

static void *wait_any_in_thread(void *arg)
{
	struct any_waiting *w = arg;

	w->error = ksem_wait_any(w->several->proc, w->ids, w->n, CLOCK_MONOTONIC, w->deadline, &w->which);
	atomic_store(&w->done, true);
	return NULL;
}

/* Returns when the thread is a waiter on each of the list. */
static void begin_any(struct any_waiting *w, struct several *s, const ksem_id_t *ids, unsigned n)
{
	unsigned before[KSEM_ANY_MAX];

	for (unsigned i = 0; i < n; i++)
		before[i] = info_of(s->proc, ids[i]).waiters;
	*w = (struct any_waiting){.several = s, .ids = ids, .n = n, .which = 77};
	w->thread = start(wait_any_in_thread, w);
	for (unsigned i = 0; i < n; i++)
		until_waiting(s->proc, ids[i], before[i] + 1);
}

static void no_waiters(struct several *s)
{
	for (unsigned i = 0; i < s->n; i++)
		assert_int_equal(info_of(s->proc, s->ids[i]).waiters, 0);
}

static void the_first_in_the_list_that_has_a_permit_is_taken(void **state)
{
	struct several *s = *state;
	unsigned which = 77;

	OK(ksem_post(s->proc, s->ids[2]));
	OK(ksem_post(s->proc, s->ids[1]));
	OK(ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, NULL, &which));
	assert_int_equal(which, 1);
	OK(ksem_wait_any(s->proc, s->ids, 3, CLOCK_REALTIME, &past, &which));
	assert_int_equal(which, 2);
	which = 77;
	FAILS(ETIMEDOUT, ksem_wait_any(s->proc, s->ids, 3, CLOCK_REALTIME, &past, &which));
	assert_int_equal(which, 77);
	no_waiters(s);
}

static void whichever_grants_first_wakes_a_sleeper(void **state)
{
	struct several *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct any_waiting w;

		begin_any(&w, s, s->ids, 3);
		OK(ksem_post(s->proc, s->ids[i]));
		finish(w.thread);
		OK(w.error);
		assert_int_equal(w.which, i);
		assert_int_equal(value_of(s->proc, s->ids[i]), 0);
		no_waiters(s);
	}
}

/* KNOWN: of one sleeper on several futexes, two wakes are both counted. */
static void a_second_permit_is_given_back(void **state)
{
	struct several *s = *state;

	for (int i = 0; i < ROUNDS(500); i++) {
		struct any_waiting w;
		unsigned sum = 0;

		begin_any(&w, s, s->ids, 3);
		OK(ksem_post(s->proc, s->ids[i % 3]));
		OK(ksem_post(s->proc, s->ids[(i + 1) % 3]));
		finish(w.thread);
		OK(w.error);
		for (unsigned j = 0; j < 3; j++) {
			sum += value_of(s->proc, s->ids[j]);
			while (ksem_trywait(s->proc, s->ids[j]) == 0)
				;
		}
		assert_int_equal(sum, 1);
		no_waiters(s);
	}
}

/* One post on each: whichever the wait on both took, the other permit must reach the other sleeper or stay. */
static void what_one_sleeper_does_not_need_reaches_another(void **state)
{
	struct several *s = *state;

	for (int i = 0; i < ROUNDS(500); i++) {
		struct any_waiting both, one;

		begin_any(&both, s, s->ids, 2);
		begin_any(&one, s, &s->ids[1], 1);
		OK(ksem_post(s->proc, s->ids[i % 2]));
		OK(ksem_post(s->proc, s->ids[1 - i % 2]));
		finish(both.thread);
		OK(both.error);
		if (both.which == 1) { /* the other's permit is still to come */
			assert_int_equal(value_of(s->proc, s->ids[0]), 1);
			OK(ksem_trywait(s->proc, s->ids[0]));
			OK(ksem_post(s->proc, s->ids[1]));
		}
		finish(one.thread);
		OK(one.error);
		assert_int_equal(value_of(s->proc, s->ids[0]) + value_of(s->proc, s->ids[1]), 0);
		no_waiters(s);
	}
}

static void sixty_four_can_be_waited_for(void **state)
{
	struct several *s = *state;
	struct any_waiting w;
	unsigned which = 77;

	have(s, KSEM_ANY_MAX + 1);
	FAILS(EINVAL, ksem_wait_any(s->proc, s->ids, KSEM_ANY_MAX + 1, CLOCK_MONOTONIC, &past, &which));
	begin_any(&w, s, s->ids, KSEM_ANY_MAX);
	OK(ksem_post(s->proc, s->ids[KSEM_ANY_MAX - 1]));
	finish(w.thread);
	OK(w.error);
	assert_int_equal(w.which, KSEM_ANY_MAX - 1);
	no_waiters(s);
}

static void an_id_may_be_there_twice(void **state)
{
	struct several *s = *state;
	const ksem_id_t ids[] = {s->ids[1], s->ids[0], s->ids[1]};
	struct any_waiting w;
	unsigned which = 77;

	OK(ksem_post_many(s->proc, s->ids[1], 2));
	OK(ksem_wait_any(s->proc, ids, 3, CLOCK_MONOTONIC, NULL, &which));
	assert_int_equal(which, 0);
	assert_int_equal(value_of(s->proc, s->ids[1]), 1);
	OK(ksem_trywait(s->proc, s->ids[1]));
	begin_any(&w, s, ids, 3);
	assert_int_equal(info_of(s->proc, s->ids[1]).waiters, 1); /* one waiter, even if listed twice */
	assert_int_equal(info_of(s->proc, s->ids[0]).waiters, 1);
	OK(ksem_post(s->proc, s->ids[1]));
	finish(w.thread);
	OK(w.error);
	assert_true(w.which == 0 || w.which == 2);
	assert_int_equal(value_of(s->proc, s->ids[1]), 0);
	no_waiters(s);
}

static void ESHUTDOWN_names_the_lowest_that_is_shut(void **state)
{
	struct several *s = *state;
	struct any_waiting w;
	unsigned which = 77;

	begin_any(&w, s, s->ids, 3);
	OK(ksem_shutdown(s->proc, s->ids[2]));
	finish(w.thread);
	FAILS(ESHUTDOWN, w.error);
	assert_int_equal(w.which, 2);
	OK(ksem_shutdown(s->proc, s->ids[1]));
	FAILS(ESHUTDOWN, ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, &past, &which));
	assert_int_equal(which, 1);
	OK(ksem_post(s->proc, s->ids[2]));
	OK(ksem_wait_any(s->proc, s->ids, 3, CLOCK_MONOTONIC, NULL, &which));
	assert_int_equal(which, 2);
	which = 77;
	FAILS(EAGAIN, ksem_trywait_any(s->proc, s->ids, 3, &which));
	assert_int_equal(which, 77);
	no_waiters(s);
}

static void bad_arguments_are_refused_in_order(void **state)
{
	const struct timespec wrong = {0, -1};
	struct several *s = *state;
	ksem_id_t ids[2] = {s->ids[0], 0};
	unsigned which = 77;

	OK(ksem_post(s->proc, s->ids[0]));
	FAILS(EINVAL, ksem_wait_any(NULL, NULL, 0, -1, &wrong, NULL));
	FAILS(EFAULT, ksem_wait_any(s->proc, NULL, 0, -1, &wrong, &which));
	FAILS(EFAULT, ksem_wait_any(s->proc, ids, 0, -1, &wrong, NULL));
	FAILS(EINVAL, ksem_wait_any(s->proc, ids, 0, CLOCK_MONOTONIC, NULL, &which));
	FAILS(EINVAL, ksem_wait_any(s->proc, ids, 2, CLOCK_MONOTONIC, NULL, &which));
	FAILS(EINVAL, ksem_wait_any(s->proc, ids, 1, CLOCK_BOOTTIME, &past, &which));
	FAILS(EINVAL, ksem_wait_any(s->proc, ids, 1, CLOCK_MONOTONIC, &wrong, &which));
	assert_int_equal(which, 77);
	assert_int_equal(value_of(s->proc, s->ids[0]), 1);
	OK(ksem_wait_any(s->proc, ids, 1, -1, NULL, &which)); /* no deadline: the clock is ignored */
}

static void a_handler_interrupts_it(void **state)
{
	struct several *s = *state;
	struct any_waiting w;

	handle(do_nothing, 0);
	begin_any(&w, s, s->ids, 3);
	while (!atomic_load(&w.done)) {
		OK(pthread_kill(w.thread, SIGUSR1));
		sleep_ms(1);
	}
	finish(w.thread);
	FAILS(EINTR, w.error);
	assert_int_equal(w.which, 77);
	no_waiters(s);
	handle(do_nothing, SA_RESTART);
	begin_any(&w, s, s->ids, 3);
	for (int i = 0; i < 20; i++) {
		OK(pthread_kill(w.thread, SIGUSR1));
		sched_yield();
	}
	assert_false(atomic_load(&w.done));
	OK(ksem_post(s->proc, s->ids[1]));
	finish(w.thread);
	OK(w.error);
	handle(SIG_DFL, 0);
}

static void nobody_destroys_what_is_waited_for(void **state)
{
	struct several *s = *state;
	struct any_waiting w;

	begin_any(&w, s, s->ids, 3);
	for (unsigned i = 0; i < 3; i++)
		FAILS(EBUSY, ksem_destroy(s->proc, s->ids[i]));
	FAILS(EBUSY, ksem_proc_exec(s->proc));
	OK(ksem_post(s->proc, s->ids[0]));
	finish(w.thread);
	OK(w.error);
}

static void fifo_it_queues_behind_those_that_wait(void **state)
{
	struct several *s = *state;
	struct any_waiting first, any;

	begin_any(&first, s, &s->ids[1], 1); /* of order KSEM_FIFO */
	begin_any(&any, s, s->ids, 2);
	OK(ksem_post(s->proc, s->ids[1]));
	finish(first.thread);
	OK(first.error);
	assert_false(atomic_load(&any.done));
	OK(ksem_post(s->proc, s->ids[1]));
	finish(any.thread);
	OK(any.error);
	assert_int_equal(any.which, 1);
}

#define several_test(f) cmocka_unit_test_setup_teardown(f, several_setup, several_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		several_test(the_first_in_the_list_that_has_a_permit_is_taken),
		several_test(whichever_grants_first_wakes_a_sleeper),
		several_test(a_second_permit_is_given_back),
		several_test(what_one_sleeper_does_not_need_reaches_another),
		several_test(sixty_four_can_be_waited_for),
		several_test(an_id_may_be_there_twice),
		several_test(ESHUTDOWN_names_the_lowest_that_is_shut),
		several_test(bad_arguments_are_refused_in_order),
		several_test(a_handler_interrupts_it),
		several_test(nobody_destroys_what_is_waited_for),
		several_test(fifo_it_queues_behind_those_that_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
