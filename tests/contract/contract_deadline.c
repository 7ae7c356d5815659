/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem_deadline_after, of each size of span, from a signal handler too, and as what ksem_clockwait takes; and
 * ksem_version.
 */
#include "../support.h"

enum { SECOND = 1000000000 };

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time;
}

static bool is_later(struct timespec time, struct timespec than)
{
	return time.tv_sec > than.tv_sec || (time.tv_sec == than.tv_sec && time.tv_nsec > than.tv_nsec);
}

/* The last time that there is, where the sum is later. */
static struct timespec plus(struct timespec time, uint64_t ns)
{
	uint64_t rest = (uint64_t)time.tv_nsec + ns % SECOND;
	uint64_t seconds = (uint64_t)time.tv_sec + ns / SECOND + rest / SECOND;

	if (seconds > (uint64_t)TIME_MAX)
		return (struct timespec){TIME_MAX, SECOND - 1};
	return (struct timespec){(time_t)seconds, (long)(rest % SECOND)};
}

static void check(uint64_t ns)
{
	struct timespec before = now(), deadline, after;

	errno = 12345;
	deadline = ksem_deadline_after(ns);
	assert_int_equal(errno, 12345);
	after = now();
	assert_true(deadline.tv_nsec >= 0 && deadline.tv_nsec < SECOND);
	assert_false(is_later(plus(before, ns), deadline));
	assert_false(is_later(deadline, plus(after, ns)));
}

static void it_is_that_far_from_now(void **state)
{
	struct random random = random_new();

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int64_t beside = -2; beside <= 2; beside++)
			check((UINT64_C(1) << bit) + (uint64_t)beside);
	}
	for (uint64_t seconds = 0; seconds < 5; seconds++) {
		for (int64_t beside = -2; beside <= 2; beside++)
			check(seconds * SECOND + (uint64_t)beside);
	}
	check(UINT64_MAX);
	check(INT64_MAX);
	for (int i = 0; i < 100000; i++)
		check(random_next(&random) >> random_below(&random, 64));
}

static void clockwait_takes_it(void **state)
{
	struct world *world = *state;
	struct timespec deadline;
	ksem_id_t id;

	OK(ksem_init(world->proc, 1, &id));
	deadline = ksem_deadline_after(UINT64_MAX);
	OK(ksem_clockwait(world->proc, id, CLOCK_MONOTONIC, &deadline));
	deadline = ksem_deadline_after(0);
	FAILS(ETIMEDOUT, ksem_clockwait(world->proc, id, CLOCK_MONOTONIC, &deadline));
	deadline = ksem_deadline_after(5000000);
	FAILS(ETIMEDOUT, ksem_clockwait(world->proc, id, CLOCK_MONOTONIC, &deadline));
	assert_false(is_later(deadline, now()));
	OK(ksem_destroy(world->proc, id));
}

struct far {
	struct world *world;
	ksem_id_t id;
};

static void *wait_far(void *arg)
{
	struct far *far = arg;
	struct timespec deadline = ksem_deadline_after(UINT64_MAX);

	return (void *)(intptr_t)ksem_clockwait(far->world->proc, far->id, CLOCK_MONOTONIC, &deadline);
}

static void a_wait_until_the_last_time_sleeps_until_the_post(void **state)
{
	struct far far = {.world = *state};
	pthread_t waiter;

	OK(ksem_init(far.world->proc, 0, &far.id));
	waiter = start(wait_far, &far);
	until_asleep(far.world->proc, far.id, 1);
	OK(ksem_post(far.world->proc, far.id));
	assert_null(finish(waiter));
	OK(ksem_destroy(far.world->proc, far.id));
}

static struct timespec made_in_handler;

static void make_one(int number)
{
	(void)number;
	made_in_handler = ksem_deadline_after(SECOND);
}

static void it_may_be_made_in_a_signal_handler(void **state)
{
	struct sigaction action = {.sa_handler = make_one}, old;
	struct timespec earliest;

	(void)state;
	OK(sigaction(SIGUSR1, &action, &old));
	earliest = plus(now(), SECOND);
	OK(raise(SIGUSR1));
	assert_false(is_later(earliest, made_in_handler));
	assert_false(is_later(made_in_handler, plus(now(), SECOND)));
	OK(sigaction(SIGUSR1, &old, NULL));
}

static void the_version_is_that_of_the_header(void **state)
{
	char version[32];

	(void)state;
	snprintf(version, sizeof(version), "%d.%d.%d", KSEM_VERSION_MAJOR, KSEM_VERSION_MINOR, KSEM_VERSION_PATCH);
	errno = 12345;
	assert_string_equal(ksem_version(), version);
	assert_ptr_equal(ksem_version(), ksem_version());
	assert_int_equal(errno, 12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_that_far_from_now),
		world_test(clockwait_takes_it),
		world_test(a_wait_until_the_last_time_sleeps_until_the_post),
		cmocka_unit_test(it_may_be_made_in_a_signal_handler),
		cmocka_unit_test(the_version_is_that_of_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
