/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every order of answers that a sleep can get, with a permit that comes during one of them or not, by each kind of
 * wait; and wakes that fail or reach fewer than they were to. The test plays the kernel (os/futex.h); single answers
 * are in futex.c.
 *
 * A deadline goes to the kernel as it was given, at each sleep: so a clock that is set counts, and nothing is lost over
 * stray wakes.
 */
#include "support.h"

#include "os/futex.h"

static struct futex_ops kernel; /* the real one */

static struct world world;
static ksem_id_t id;
static struct ksem *pin;

static int setup(void **state)
{
	(void)state;
	kernel = futex_ops;
	world = world_limited(0, 0);
	OK(ksem_init(world.proc, 0, &id));
	OK(ksem_pin(world.proc, id, &pin));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	futex_ops = kernel;
	ksem_unpin(pin);
	OK(ksem_destroy(world.proc, id));
	world_end(&world);
	return 0;
}

/* ---- Every order of answers. ---- */

#define ANSWERS 5

static struct {
	int answer[ANSWERS];
	int waits, posts_at; /* during which wait a permit comes; -1: none */
	int wake_answer;
	unsigned wakes;
	struct timespec first; /* the deadline of the first sleep */
} play;

static int played_wait(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	int wait = play.waits++;

	MUST(wait < ANSWERS);
	MUST(expected == atomic_load(word));
	if (wait == 0 && deadline)
		play.first = deadline->time;
	if (deadline) /* a time of the clock, the same each time: nothing is lost, however long it slept */
		MUST(deadline->time.tv_sec == play.first.tv_sec && deadline->time.tv_nsec == play.first.tv_nsec);
	if (wait == play.posts_at)
		MUST(ksem_post(world.proc, id) == 0);
	return play.answer[wait];
}

static int played_wake(atomic(uint32_t) *word, uint32_t n)
{
	(void)word, (void)n;
	play.wakes++;
	return play.wake_answer;
}

/* What a wait must answer, and after how many sleeps. */
static int model(int *sleeps)
{
	for (int i = 0;; i++) {
		*sleeps = i + 1;
		if (i == play.posts_at)
			return 0;
		if (play.answer[i] == EINTR || play.answer[i] == ETIMEDOUT)
			return play.answer[i];
	}
}

static void one_order(int order, bool timed, bool pinned)
{
	static const int kinds[] = {0, EAGAIN, EINTR, ETIMEDOUT};
	const struct timespec when = {12345, 678};
	int expected, sleeps, error;

	for (int i = 0; i < ANSWERS - 1; i++, order /= 4)
		play.answer[i] = kinds[order % 4];
	play.answer[ANSWERS - 1] = EINTR;
	play.waits = 0;
	expected = model(&sleeps);
	if (timed)
		error = pinned ? ksem_pinned_clockwait(pin, CLOCK_REALTIME, &when) :
				 ksem_clockwait(world.proc, id, CLOCK_REALTIME, &when);
	else
		error = pinned ? ksem_pinned_wait(pin) : ksem_wait(world.proc, id);
	MUST(error == expected);
	MUST(play.waits == sleeps);
	MUST(value_of(world.proc, id) == 0);
	MUST(info_of(world.proc, id).waiters == 0);
}

static void every_order_of_answers(void **state)
{
	static const int wake_answers[] = {-1, 0, 1};
	unsigned orders = 0;

	(void)state;
	futex_ops = (struct futex_ops){played_wait, played_wake};
	for (int order = 0; order < 4 * 4 * 4 * 4; order++) {
		for (play.posts_at = -1; play.posts_at < ANSWERS; play.posts_at++) {
			for (int i = 0; i < 3; i++) {
				play.wake_answer = wake_answers[i];
				for (int kind = 0; kind < 4; kind++, orders++)
					one_order(order, kind % 2, kind / 2);
			}
		}
	}
	printf("%u orders\n", orders);
}

/* ---- Wakes that fail, and that find fewer. ---- */

static atomic_int wakes_to_fail;

static int failing_wake(atomic(uint32_t) *word, uint32_t n)
{
	if (atomic_fetch_sub(&wakes_to_fail, 1) > 0)
		return -1;
	return kernel.wake(word, n);
}

/* Who is woken runs before the next one is. Nobody sleeps who was asked for, and isn't counted. */
static int wake_one_at_a_time(atomic(uint32_t) *word, uint32_t n)
{
	int woken = 0;

	while (n-- > 0 && kernel.wake(word, 1) == 1) {
		woken++;
		sleep_ms(1);
	}
	return woken;
}

static void *wait_once(void *arg)
{
	(void)arg;
	MUST(ksem_wait(world.proc, id) == 0);
	return NULL;
}

static void a_wake_that_failed_is_made_again_by_the_next_post(void **state)
{
	pthread_t waiter;

	(void)state;
	futex_ops.wake = failing_wake;
	for (int fail = 1; fail <= 3; fail++) {
		waiter = start(wait_once, NULL);
		until_asleep(world.proc, id, 1);
		atomic_store(&wakes_to_fail, fail);
		for (int i = 0; i <= fail; i++)
			OK(ksem_post(world.proc, id));
		finish(waiter);
		for (int i = 0; i < fail; i++)
			OK(ksem_trywait(world.proc, id));
		FAILS(EAGAIN, ksem_trywait(world.proc, id));
	}
}

static void wakes_that_wake_one_at_a_time_reach_all_by_as_many_posts(void **state)
{
	enum { WAITERS = 4 };
	pthread_t waiter[WAITERS];

	(void)state;
	futex_ops.wake = wake_one_at_a_time;
	for (int i = 0; i < WAITERS; i++)
		waiter[i] = start(wait_once, NULL);
	until_asleep(world.proc, id, WAITERS);
	for (int i = 0; i < WAITERS; i++)
		OK(ksem_post(world.proc, id));
	for (int i = 0; i < WAITERS; i++)
		finish(waiter[i]);
}

/* ---- A clock that is set. ---- */

#define NS 1000000000

static int64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * (int64_t)NS + time.tv_nsec;
}

/* Real time, from the time that can't be set. */
static bool set_real_time(int64_t ahead)
{
	int64_t time = now(CLOCK_MONOTONIC) + ahead;

	return clock_settime(CLOCK_REALTIME, &(struct timespec){time / NS, time % NS}) == 0;
}

static void *wait_till(void *arg)
{
	return (void *)(intptr_t)ksem_clockwait(world.proc, id, CLOCK_REALTIME, arg);
}

/*
 * The same of a real clock, the whole machine's: only where it is asked for.
 */
static void a_deadline_of_the_real_time_clock_moves_with_it(void **state)
{
	int64_t ahead = now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC);
	struct timespec deadline;
	pthread_t waiter;

	(void)state;
	if (!getenv("KSEM_TEST_SET_CLOCK"))
		SKIP("sets the machine's clock, by less than 2 s; KSEM_TEST_SET_CLOCK=1 lets it");
	deadline = in_ms(CLOCK_REALTIME, 1500);
	waiter = start(wait_till, &deadline);
	until_asleep(world.proc, id, 1);
	assert_true(set_real_time(ahead - NS)); /* back: it waits on */
	sleep_ms(1600);
	assert_int_equal(info_of(world.proc, id).waiters, 1);
	assert_true(set_real_time(ahead)); /* forward, to what it was: past it */
	assert_int_equal((intptr_t)finish(waiter), ETIMEDOUT);
	deadline = in_ms(CLOCK_REALTIME, 1500);
	waiter = start(wait_till, &deadline);
	until_asleep(world.proc, id, 1);
	assert_true(set_real_time(ahead + 2 * (int64_t)NS - 1));
	assert_int_equal((intptr_t)finish(waiter), ETIMEDOUT);
	assert_true(set_real_time(ahead));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(every_order_of_answers),
		test(a_wake_that_failed_is_made_again_by_the_next_post),
		test(a_deadline_of_the_real_time_clock_moves_with_it),
		test(wakes_that_wake_one_at_a_time_reach_all_by_as_many_posts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
