/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting, with the test playing the kernel: stray wakes, words that moved, handlers and deadlines at will, posters
 * that are stopped between the permit and its wake. And how many wake calls are made: one a permit that a waiter can
 * have and that no sleeper who was woken already will look for.
 */
#include "support.h"

#include "lone.h"

#include "os/futex.h"
#include "sem/semaphore.h"

#define SCRIPT 16

static struct futex_ops kernel; /* the real one */

static struct {
	int answers[SCRIPT]; /* of wait, one a call; after the last: the last again */
	int given;
	atomic_int waits, wake_calls;
	atomic_uint woken;         /* sum of what wake was asked for */
	unsigned asleep;           /* how many of them wake finds, in all */
	void (*during_wait)(void); /* what else happens in the first wait */
	struct deadline deadline;  /* what the last wait was given */
	bool had_deadline;
} fake;

static int fake_wait(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	int call = atomic_fetch_add(&fake.waits, 1);

	MUST(expected == atomic_load(word)); /* nobody posts between the last look and the sleep */
	fake.had_deadline = deadline != NULL;
	if (deadline)
		fake.deadline = *deadline;
	if (call == 0 && fake.during_wait)
		fake.during_wait();
	return fake.answers[call < fake.given ? call : fake.given - 1];
}

static int fake_wake(atomic(uint32_t) *word, uint32_t n)
{
	unsigned found = n < fake.asleep ? n : fake.asleep;

	(void)word;
	atomic_fetch_add(&fake.wake_calls, 1);
	atomic_fetch_add(&fake.woken, n);
	fake.asleep -= found;
	return (int)found;
}

/* The kernel answers the first `n` sleeps so. */
static void play(int n, const int *answers, void (*during_wait)(void))
{
	memset(&fake, 0, sizeof(fake));
	memcpy(fake.answers, answers, (size_t)n * sizeof(*answers));
	fake.given = n;
	fake.during_wait = during_wait;
	futex_ops = (struct futex_ops){fake_wait, fake_wake};
}

#define PLAY(during, ...) play(sizeof((int[]){__VA_ARGS__}) / sizeof(int), (int[]){__VA_ARGS__}, (during))

static struct world *world;
static ksem_id_t id;

static int setup(void **state)
{
	kernel = futex_ops;
	world_setup(state);
	world = *state;
	OK(ksem_init(world->proc, 0, &id));
	return 0;
}

static int teardown(void **state)
{
	futex_ops = kernel;
	assert_int_equal(info_of(world->proc, id).waiters, 0);
	OK(ksem_destroy(world->proc, id));
	return world_teardown(state);
}

static void post_one(void)
{
	MUST(ksem_post(world->proc, id) == 0);
}

static void a_stray_wake_is_slept_over(void **state)
{
	(void)state;
	PLAY(NULL, 0, 0, 0, EINTR);
	FAILS(EINTR, ksem_wait(world->proc, id));
	assert_int_equal(fake.waits, 4);
}

static void a_word_that_moved_is_looked_at_again_not_an_error(void **state)
{
	(void)state;
	PLAY(NULL, EAGAIN, EAGAIN, ETIMEDOUT);
	FAILS(ETIMEDOUT, ksem_clockwait(world->proc, id, CLOCK_MONOTONIC, &(struct timespec){1, 0}));
	assert_int_equal(fake.waits, 3);
}

static void a_permit_that_came_without_a_wake_is_taken(void **state)
{
	(void)state;
	PLAY(post_one, EAGAIN);
	OK(ksem_wait(world->proc, id));
	assert_int_equal(fake.waits, 1);
	assert_int_equal(value_of(world->proc, id), 0);
}

static void a_timeout_and_a_permit_at_once_take_the_permit(void **state)
{
	(void)state;
	PLAY(post_one, ETIMEDOUT);
	OK(ksem_clockwait(world->proc, id, CLOCK_REALTIME, &(struct timespec){1, 0}));
	assert_int_equal(value_of(world->proc, id), 0);
}

static void a_handler_and_a_permit_at_once_take_the_permit(void **state)
{
	(void)state;
	PLAY(post_one, EINTR);
	OK(ksem_wait(world->proc, id));
	assert_int_equal(value_of(world->proc, id), 0);
}

static void steal(void)
{
	post_one();
	MUST(ksem_trywait(world->proc, id) == 0);
}

static void a_permit_that_was_stolen_is_waited_for_again(void **state)
{
	(void)state;
	PLAY(steal, 0, ETIMEDOUT);
	FAILS(ETIMEDOUT, ksem_clockwait(world->proc, id, CLOCK_REALTIME, &(struct timespec){1, 0}));
	assert_int_equal(fake.waits, 2);
}

static void see_one_waiter(void)
{
	MUST(info_of(world->proc, id).waiters == 1);
	MUST(ksem_destroy(world->proc, id) == EBUSY);
	MUST(ksem_proc_exec(world->proc) == EBUSY);
}

static void a_waiter_is_counted_while_it_sleeps_and_not_after(void **state)
{
	(void)state;
	PLAY(see_one_waiter, EINTR);
	FAILS(EINTR, ksem_wait(world->proc, id));
	assert_int_equal(info_of(world->proc, id).waiters, 0);
}

static void the_kernel_gets_the_deadline_as_it_was_given(void **state)
{
	(void)state;
	PLAY(NULL, ETIMEDOUT);
	FAILS(ETIMEDOUT, ksem_clockwait(world->proc, id, CLOCK_MONOTONIC, &(struct timespec){12345, 678}));
	assert_true(fake.had_deadline);
	assert_int_equal(fake.deadline.clock, CLOCK_MONOTONIC);
	assert_int_equal(fake.deadline.time.tv_sec, 12345);
	assert_int_equal(fake.deadline.time.tv_nsec, 678);
	PLAY(NULL, ETIMEDOUT);
	FAILS(ETIMEDOUT, ksem_clockwait(world->proc, id, CLOCK_REALTIME, &(struct timespec){-5, 678}));
	assert_int_equal(fake.deadline.clock, CLOCK_REALTIME);
	assert_true(fake.deadline.time.tv_sec >= 0); /* the kernel refuses times before 1970 */
	PLAY(NULL, EINTR);
	FAILS(EINTR, ksem_wait(world->proc, id));
	assert_false(fake.had_deadline);
}

static void nobody_is_woken_where_nobody_waits(void **state)
{
	(void)state;
	PLAY(NULL, 0);
	OK(ksem_post(world->proc, id));
	OK(ksem_post_many(world->proc, id, 5));
	OK(ksem_trywait(world->proc, id));
	OK(ksem_wait(world->proc, id));
	assert_int_equal(fake.wake_calls, 0);
	assert_int_equal(fake.waits, 0);
}

/* ---- Threads that sleep in the fake kernel until they are let out. ---- */

static atomic_bool let_out;

static int sleep_until_let_out(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	(void)word, (void)expected, (void)deadline;
	atomic_fetch_add(&fake.waits, 1);
	while (!atomic_load(&let_out))
		sched_yield();
	return 0;
}

static void *wait_for_one(void *arg)
{
	(void)arg;
	MUST(ksem_wait(world->proc, id) == 0);
	return NULL;
}

static void wakes_are_as_many_as_permits_or_waiters(void **state)
{
	pthread_t thread[5];

	(void)state;
	PLAY(NULL, 0);
	atomic_store(&let_out, false);
	futex_ops.wait = sleep_until_let_out;
	for (int i = 0; i < 5; i++)
		thread[i] = start(wait_for_one, NULL);
	while (atomic_load(&fake.waits) < 5)
		sched_yield();
	fake.asleep = 5;
	OK(ksem_post(world->proc, id));
	assert_int_equal(fake.wake_calls, 1);
	assert_int_equal(fake.woken, 1);
	OK(ksem_post_many(world->proc, id, 3));
	assert_int_equal(fake.wake_calls, 2);
	assert_int_equal(fake.woken, 4);
	OK(ksem_post_many(world->proc, id, 1000));
	assert_int_equal(fake.wake_calls, 3);
	assert_int_equal(fake.woken, 5);
	OK(ksem_post(world->proc, id));
	OK(ksem_post_many(world->proc, id, 0));
	assert_int_equal(fake.wake_calls, 3);
	atomic_store(&let_out, true);
	for (int i = 0; i < 5; i++)
		finish(thread[i]);
	assert_int_equal(value_of(world->proc, id), 1000);
}

/* As a waiter does before it looks again. */
static int sleep_once(struct semaphore *sem, const struct deadline *deadline)
{
	struct waiter waiter = {.deadline = deadline};
	int error = eventcount_arm(sem, 1, &waiter.signal);

	if (error == 0)
		error = signal_sleep(&waiter);
	if (error == 0)
		eventcount_woke(sem);
	return error;
}

/* Two waiters that have armed the eventcount, of which as many sleep. */
static void park_two(struct semaphore *sem, unsigned asleep)
{
	semaphore_init(sem, 0);
	PLAY(NULL, EINTR);
	for (int i = 0; i < 2; i++) {
		FAILS(EAGAIN, semaphore_take_or_register(sem, 1));
		FAILS(EINTR, sleep_once(sem, NULL));
	}
	PLAY(NULL, 0);
	fake.asleep = asleep;
}

static void post_and_steal(struct semaphore *sem)
{
	OK(semaphore_post(sem, 1));
	OK(semaphore_take(sem));
}

static void a_permit_that_a_woken_sleeper_will_look_for_needs_no_wake(void **state)
{
	LONE(sem);

	(void)state;
	park_two(sem, 2);
	for (int i = 0; i < 100; i++)
		post_and_steal(sem); /* before the one that was woken gets to it */
	OK(semaphore_post(sem, 1));
	assert_int_equal(fake.wake_calls, 1);
	OK(semaphore_post(sem, 1)); /* a second permit, for which nobody is on the way */
	assert_int_equal(fake.wake_calls, 2);
	OK(semaphore_post(sem, 1)); /* a third, which no waiter is left for */
	assert_int_equal(fake.wake_calls, 2);
}

/* Else the first, once it goes on, would count on the sleeper that the second woke, and the other sleep for ever. */
static void a_post_wakes_for_one_before_it_that_has_not_come_to_its_wake(void **state)
{
	LONE(sem);
	word_t first;

	(void)state;
	park_two(sem, 2);
	first = fetch_add_rlx(&sem->word, 1) + 1; /* preempted here */
	OK(semaphore_post(sem, 1));
	assert_int_equal(fake.woken, 2);
	eventcount_wake(sem, first);
	assert_int_equal(fake.woken, 2);
}

static void a_sleeper_that_looked_and_slept_on_is_woken_again(void **state)
{
	LONE(sem);
	bool last;

	(void)state;
	park_two(sem, 2);
	post_and_steal(sem);
	OK(sleep_once(sem, NULL)); /* what the woken one does, and then sleeps on */
	FAILS(EAGAIN, semaphore_leave(sem, 1, false, &last));
	OK(semaphore_post(sem, 1));
	assert_int_equal(fake.wake_calls, 2);
}

static void a_bell_that_nobody_was_found_asleep_at_is_rung_again_once_it_is_armed(void **state)
{
	LONE(sem);

	(void)state;
	park_two(sem, 0);
	for (int i = 0; i < 100; i++)
		post_and_steal(sem);
	assert_int_equal(fake.wake_calls, 1);
	OK(sleep_once(sem, NULL)); /* a stray wake */
	for (int i = 0; i < 100; i++)
		post_and_steal(sem);
	assert_int_equal(fake.wake_calls, 2);
}

/* Else it would sleep on an eventcount that a post has found still. */
static void a_bell_that_rang_is_not_slept_on(void **state)
{
	LONE(sem);
	uint32_t armed;

	(void)state;
	park_two(sem, 0);
	armed = load_rlx(&semaphore_cold(sem)->eventcount);
	post_and_steal(sem);
	assert_int_not_equal(load_rlx(&semaphore_cold(sem)->eventcount), armed);
	OK(sleep_once(sem, NULL));
	assert_int_not_equal(load_rlx(&semaphore_cold(sem)->eventcount), armed);
	assert_int_not_equal(load_rlx(&semaphore_cold(sem)->eventcount), 0);
}

static void a_stray_wake_is_not_counted_on(void **state)
{
	LONE(sem);

	(void)state;
	park_two(sem, 2);
	OK(sleep_once(sem, NULL));
	for (unsigned i = 1; i <= 2; i++) {
		post_and_steal(sem);
		assert_int_equal(fake.wake_calls, i);
	}
	post_and_steal(sem); /* the second of those that were woken is counted on */
	assert_int_equal(fake.wake_calls, 2);
}

static void one_whose_every_waiter_was_woken_is_not_rung(void **state)
{
	LONE(sem);

	(void)state;
	park_two(sem, 2);
	OK(semaphore_post(sem, 2));
	assert_int_equal(fake.wake_calls, 1);
	FAILS(EAGAIN, sleep_once(sem, NULL)); /* one of them finds the permits; the eventcount is armed */
	OK(semaphore_post(sem, 1));
	assert_int_equal(fake.wake_calls, 1); /* three permits, two waiters, both awake */
}

static void wakes_are_forgotten_in_a_fork_s_child(void **state)
{
	LONE(sem);

	(void)state;
	park_two(sem, 2);
	post_and_steal(sem);
	assert_false(semaphore_after_fork(sem, true)); /* the child has one of the two, not the one that was woken */
	OK(semaphore_post(sem, 1));
	assert_int_equal(fake.wake_calls, 1); /* nobody sleeps there */
	OK(semaphore_take(sem));
	OK(sleep_once(sem, NULL));
	OK(semaphore_post(sem, 1));
	assert_int_equal(fake.wake_calls, 2);
}

static int fake_wake_apart(atomic(uint32_t) *word, uint32_t n)
{
	(void)word, (void)n;
	atomic_fetch_add(&fake.wake_calls, 1);
	return 1;
}

/*
 * One waits for a permit; with `several`, it waits for one of several semaphores, and sleeps. Then comes a post, which
 * is preempted before its wakes, and after it one that wants three, and sleeps. Returns what the post saw.
 */
static word_t post_and_then_one_for_three(struct semaphore *sem, bool several)
{
	struct signal signal;
	word_t posted;

	semaphore_init(sem, 0);
	PLAY(NULL, 0);
	futex_ops.wake_shared = fake_wake_apart;
	FAILS(EAGAIN, semaphore_take_or_register(sem, 1));
	if (several) {
		semaphore_mark_several(sem);
		OK(eventcount_arm(sem, 1, &signal));
	}
	posted = fetch_add_rlx(&sem->word, 1) + 1;
	FAILS(EAGAIN, semaphore_take_or_register(sem, 3));
	OK(eventcount_arm(sem, 3, &signal));
	return posted;
}

/* The first post finds nobody asleep, as the one that it saw is about to look; but another one has come since. */
static void a_post_does_not_pass_over_one_that_came_since_and_sleeps_apart(void **state)
{
	LONE(sem);

	(void)state;
	eventcount_wake(sem, post_and_then_one_for_three(sem, false));
	fake.wake_calls = 0;
	OK(semaphore_post(sem, 2));
	assert_int_equal(fake.wake_calls, 2); /* one call for each kind of sleepers */
}

/* Both sleep apart, and the kernel wakes whichever slept first. */
static void a_wake_that_one_who_wants_several_may_have_taken_is_made_again(void **state)
{
	LONE(sem);

	(void)state;
	eventcount_wake(sem, post_and_then_one_for_three(sem, true));
	assert_int_equal(fake.wake_calls, 3); /* for one; for all of these; and for those that wait alone */
}

static atomic_bool in_wake, go_on;
static atomic_uint value_in_wake;

static int stop_in_the_first_wake(atomic(uint32_t) *word, uint32_t n)
{
	if (atomic_fetch_add(&fake.wake_calls, 1) == 0) {
		atomic_store(&value_in_wake, value_of(world->proc, id));
		atomic_store(&in_wake, true);
		while (!atomic_load(&go_on))
			sched_yield();
	}
	return kernel.wake(word, n);
}

static int count_and_wake(atomic(uint32_t) *word, uint32_t n)
{
	atomic_fetch_add(&fake.woken, n);
	return kernel.wake(word, n);
}

static int wake_apart(atomic(uint32_t) *word, uint32_t n)
{
	atomic_fetch_add(&fake.wake_calls, 1);
	MUST(n == INT32_MAX);
	return kernel.wake_shared(word, n);
}

static void *wait_for_three(void *arg)
{
	(void)arg;
	MUST(ksem_wait_many(world->proc, id, 3, CLOCK_MONOTONIC, NULL) == 0);
	return NULL;
}

/* They may not be able to go on, so they sleep apart from those that the post can let go on. */
static void beside_who_wants_several_a_post_wakes_no_more_than_can_go_on(void **state)
{
	pthread_t threads[6];

	(void)state;
	PLAY(NULL, 0);
	futex_ops = kernel;
	futex_ops.wake = count_and_wake;
	futex_ops.wake_shared = wake_apart;
	for (unsigned i = 0; i < 6; i++)
		threads[i] = start(i == 0 ? wait_for_three : wait_for_one, NULL);
	until_asleep(world->proc, id, 6);
	post_one();
	post_one();
	assert_int_equal(fake.woken, 2);
	assert_int_equal(fake.wake_calls, 2);
	until_waiting(world->proc, id, 4);
	OK(ksem_post_many(world->proc, id, 6));
	for (unsigned i = 0; i < 6; i++)
		finish(threads[i]);
	assert_int_equal(value_of(world->proc, id), 0);
}

static void *post_from_a_thread(void *arg)
{
	(void)arg;
	post_one();
	return NULL;
}

/* A poster that is stopped before its wake has given its permit already, and others' posts wake all the same. */
static void a_poster_stopped_before_its_wake_stops_nobody(void **state)
{
	pthread_t waiter, poster;

	(void)state;
	PLAY(NULL, 0);
	atomic_store(&in_wake, false);
	atomic_store(&go_on, false);
	futex_ops = (struct futex_ops){kernel.wait, stop_in_the_first_wake};
	waiter = start(wait_for_one, NULL);
	until_asleep(world->proc, id, 1);
	poster = start(post_from_a_thread, NULL);
	while (!atomic_load(&in_wake))
		sched_yield();
	assert_int_equal(value_in_wake, 1);
	OK(ksem_trywait(world->proc, id)); /* the permit can be had before its wake */
	OK(ksem_post(world->proc, id));
	finish(waiter); /* woken by the second post, the first poster still being stopped */
	assert_int_equal(fake.wake_calls, 2);
	atomic_store(&go_on, true);
	finish(poster);
}

static atomic_int orphan_waits;

static void let_go_of_all(void)
{
	if (atomic_fetch_add(&orphan_waits, 1) == 0)
		MUST(ksem_close(world->proc, id) == 0 && ksem_unlink(world->proc, "/kept") == 0);
}

static void the_last_waiter_of_a_semaphore_that_nobody_keeps_ends_it(void **state)
{
	ksem_id_t saved = id;

	(void)state;
	atomic_store(&orphan_waits, 0);
	OK(ksem_open(world->proc, "/kept", O_CREAT, 0600, 0, &id));
	PLAY(let_go_of_all, 0, 0, EINTR);
	FAILS(EINTR, ksem_wait(world->proc, id));
	assert_int_equal(semaphores_in(world->ns), 1);
	id = saved;
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_stray_wake_is_slept_over),
		test(a_word_that_moved_is_looked_at_again_not_an_error),
		test(a_permit_that_came_without_a_wake_is_taken),
		test(a_timeout_and_a_permit_at_once_take_the_permit),
		test(a_handler_and_a_permit_at_once_take_the_permit),
		test(a_permit_that_was_stolen_is_waited_for_again),
		test(a_waiter_is_counted_while_it_sleeps_and_not_after),
		test(the_kernel_gets_the_deadline_as_it_was_given),
		test(nobody_is_woken_where_nobody_waits),
		test(wakes_are_as_many_as_permits_or_waiters),
		test(a_permit_that_a_woken_sleeper_will_look_for_needs_no_wake),
		test(a_post_wakes_for_one_before_it_that_has_not_come_to_its_wake),
		test(a_sleeper_that_looked_and_slept_on_is_woken_again),
		test(a_bell_that_nobody_was_found_asleep_at_is_rung_again_once_it_is_armed),
		test(a_bell_that_rang_is_not_slept_on),
		test(a_stray_wake_is_not_counted_on),
		test(one_whose_every_waiter_was_woken_is_not_rung),
		test(a_wake_that_one_who_wants_several_may_have_taken_is_made_again),
		test(a_post_does_not_pass_over_one_that_came_since_and_sleeps_apart),
		test(beside_who_wants_several_a_post_wakes_no_more_than_can_go_on),
		test(wakes_are_forgotten_in_a_fork_s_child),
		test(a_poster_stopped_before_its_wake_stops_nobody),
		test(the_last_waiter_of_a_semaphore_that_nobody_keeps_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
