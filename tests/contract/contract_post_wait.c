/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Post, wait and what goes with them, each test by id and pinned.
 */
#include "target.h"

/* ---- The value ---- */

static void post_adds_1_and_wait_takes_1(void **state)
{
	struct target *t = *state;

	for (unsigned i = 1; i <= 100; i++) {
		OK(post(t));
		assert_int_equal(value(t), i);
	}
	for (unsigned i = 100; i > 0; i--) {
		OK(i % 3 == 0 ? wait_for_one(t) : i % 3 == 1 ? trywait(t) : clockwait(t, CLOCK_REALTIME, far_off));
		assert_int_equal(value(t), i - 1);
	}
	FAILS(EAGAIN, trywait(t));
	assert_int_equal(value(t), 0);
}

static void getvalue_is_the_value_and_takes_nothing(void **state)
{
	const unsigned values[] = {0, 1, 77, INT32_MAX, (unsigned)INT32_MAX + 1, KSEM_VALUE_MAX};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		renew(t, values[i]);
		assert_int_equal(value(t), values[i]);
		assert_int_equal(value(t), values[i]);
	}
}

static void trywait_of_0_is_EAGAIN(void **state)
{
	struct target *t = *state;

	FAILS(EAGAIN, trywait(t));
	renew(t, KSEM_VALUE_MAX);
	OK(trywait(t));
	assert_int_equal(value(t), KSEM_VALUE_MAX - 1);
	renew(t, 1);
	OK(trywait(t));
	FAILS(EAGAIN, trywait(t));
	FAILS(EAGAIN, trywait(t));
	OK(post(t));
	OK(trywait(t));
}

static void post_over_KSEM_VALUE_MAX_is_EOVERFLOW(void **state)
{
	struct target *t = *state;

	renew(t, KSEM_VALUE_MAX - 1);
	OK(post(t));
	for (int i = 0; i < 3; i++)
		FAILS(EOVERFLOW, post(t));
	assert_int_equal(value(t), KSEM_VALUE_MAX);
	OK(wait_for_one(t));
	OK(post(t));
	FAILS(EOVERFLOW, post(t));
}

static void values_go_on_over_INT32_MAX(void **state)
{
	struct target *t = *state;
	const unsigned around = INT32_MAX;

	renew(t, around - 2);
	for (unsigned n = around - 1; n <= around + 3; n++) {
		OK(post(t));
		assert_int_equal(value(t), n);
	}
	for (unsigned n = around + 2; n >= around - 2; n--) {
		if (n % 2)
			OK(wait_for_one(t));
		else
			OK(trywait(t));
		assert_int_equal(value(t), n);
	}
}

static void post_many_adds_all_or_nothing(void **state)
{
	static const struct {
		unsigned from, count;
		int error;
	} cases[] = {
		{0, 1, 0},
		{0, 1000, 0},
		{0, KSEM_VALUE_MAX, 0},
		{0, (unsigned)INT32_MAX + 1, 0},
		{1, KSEM_VALUE_MAX - 1, 0},
		{1, KSEM_VALUE_MAX, EOVERFLOW},
		{5, KSEM_VALUE_MAX - 5, 0},
		{5, KSEM_VALUE_MAX - 4, EOVERFLOW},
		{(unsigned)INT32_MAX + 1, (unsigned)INT32_MAX, 0},
		{(unsigned)INT32_MAX + 1, (unsigned)INT32_MAX + 1, EOVERFLOW}, /* their sum in 32 bits is 0 */
		{KSEM_VALUE_MAX - 1, 1, 0},
		{KSEM_VALUE_MAX - 1, 2, EOVERFLOW},
		{KSEM_VALUE_MAX, 1, EOVERFLOW},
		{KSEM_VALUE_MAX, KSEM_VALUE_MAX, EOVERFLOW},
	};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		renew(t, cases[i].from);
		FAILS(cases[i].error, post_many(t, cases[i].count));
		assert_int_equal(value(t), cases[i].from + (cases[i].error ? 0 : cases[i].count));
	}
}

static void post_many_of_0_does_nothing(void **state)
{
	struct target *t = *state;
	struct waiter waiter;

	begin_waits(&waiter, 1, t);
	OK(post_many(t, 0));
	assert_int_equal(count_done(&waiter, 1), 0);
	assert_int_equal(value(t), 0);
	OK(post(t));
	OK(end_wait(&waiter));
	renew(t, KSEM_VALUE_MAX);
	OK(post_many(t, 0));
	assert_int_equal(value(t), KSEM_VALUE_MAX);
}

/* ---- Waking ---- */

static void a_post_lets_one_waiter_go_on(void **state)
{
	enum { WAITERS = 4 };
	struct target *t = *state;
	struct waiter waiters[WAITERS];

	begin_waits(waiters, WAITERS, t);
	for (unsigned i = 1; i <= WAITERS; i++) {
		OK(post(t));
		until_waiting(t->proc, t->id, WAITERS - i);
		assert_in_range(count_done(waiters, WAITERS), 0, i);
		assert_int_equal(info_of(t->proc, t->id).waiters, WAITERS - i);
		assert_int_equal(value(t), 0);
	}
	for (unsigned i = 0; i < WAITERS; i++)
		OK(end_wait(&waiters[i]));
	assert_int_equal(value(t), 0);
}

static void post_many_lets_as_many_waiters_go_on_as_can(void **state)
{
	enum { WAITERS = 6 };
	struct target *t = *state;
	struct waiter waiters[WAITERS];

	begin_waits(waiters, WAITERS, t);
	OK(post_many(t, 4));
	until_waiting(t->proc, t->id, 2);
	assert_in_range(count_done(waiters, WAITERS), 0, 4);
	assert_int_equal(info_of(t->proc, t->id).waiters, 2);
	assert_int_equal(value(t), 0);
	OK(post_many(t, KSEM_VALUE_MAX));
	for (unsigned i = 0; i < WAITERS; i++)
		OK(end_wait(&waiters[i]));
	assert_int_equal(value(t), KSEM_VALUE_MAX - 2);
	assert_int_equal(info_of(t->proc, t->id).waiters, 0);
}

struct handover {
	struct target *target;
	int plain; /* not atomic: a post must happen before what sees it, and ThreadSanitizer says if it doesn't */
};

static void *write_and_post(void *arg)
{
	struct handover *h = arg;

	h->plain++;
	MUST(post(h->target) == 0);
	return NULL;
}

static void *wait_and_wait(void *arg)
{
	struct target *t = arg;

	for (int i = 0; i < ROUNDS(2000); i++)
		MUST(wait_for_one(t) == 0);
	return NULL;
}

/* Each post is made while the thread waits, and is taken by it: so there is never a permit without a waiter. */
static void stat_shows_value_and_waiters_of_one_instant(void **state)
{
	struct target *t = *state;
	pthread_t thread = start(wait_and_wait, t);

	for (int i = 0; i < ROUNDS(2000); i++) {
		struct ksem_info info;

		until_waiting(t->proc, t->id, 1);
		OK(post(t));
		do {
			info = info_of(t->proc, t->id);
			assert_true(info.value == 0 || info.waiters == 1);
		} while (info.value > 0);
	}
	finish(thread);
}

static void a_post_happens_before_the_wait_or_getvalue_that_sees_it(void **state)
{
	struct target *t = *state;

	for (int i = 0; i < ROUNDS(400); i++) {
		struct handover handover = {t, i};
		pthread_t thread = start(write_and_post, &handover);

		if (i % 4 == 0)
			OK(wait_for_one(t));
		else if (i % 4 == 1)
			OK(clockwait(t, CLOCK_REALTIME, far_off));
		else if (i % 4 == 2)
			while (trywait(t))
				sched_yield();
		else
			while (value(t) == 0)
				sched_yield();
		assert_int_equal(handover.plain, i + 1);
		finish(thread);
		renew(t, 0);
	}
}

/* ---- clockwait ---- */

static void clockwait_with_another_clock_is_EINVAL_though_there_is_a_permit(void **state)
{
	const clockid_t clocks[] = {CLOCK_BOOTTIME,        CLOCK_TAI, CLOCK_MONOTONIC_RAW,
				    CLOCK_REALTIME_COARSE, -1,        INT32_MIN};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		renew(t, 1);
		FAILS(EINVAL, clockwait(t, clocks[i], far_off));
		assert_int_equal(value(t), 1);
		renew(t, 0);
		FAILS(EINVAL, clockwait(t, clocks[i], far_off));
	}
}

static void clockwait_with_tv_nsec_out_of_range_is_EINVAL_though_there_is_a_permit(void **state)
{
	const long wrong[] = {-1, 1000000000, 1999999999, INT32_MIN, LONG_MIN, LONG_MAX};
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct target *t = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		for (int c = 0; c < 2; c++) {
			renew(t, 1);
			FAILS(EINVAL, clockwait(t, clocks[c], (struct timespec){0, wrong[i]}));
			FAILS(EINVAL, clockwait(t, clocks[c], (struct timespec){-1, wrong[i]}));
			FAILS(EINVAL, clockwait(t, clocks[c], (struct timespec){INT32_MAX, wrong[i]}));
			assert_int_equal(value(t), 1);
			OK(clockwait(t, clocks[c], (struct timespec){0, i % 2 ? 0 : 999999999}));
			FAILS(EINVAL, clockwait(t, clocks[c], (struct timespec){0, wrong[i]}));
		}
	}
}

static void a_deadline_in_the_past_takes_a_permit_or_is_ETIMEDOUT(void **state)
{
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct target *t = *state;

	for (int c = 0; c < 2; c++) {
		const struct timespec past[] = {
			{0, 0},        {0, 999999999},      {-1, 999999999},
			{TIME_MIN, 0}, in_ms(clocks[c], 0), in_ms(clocks[c], -1),
		};

		for (size_t i = 0; i < sizeof(past) / sizeof(*past); i++) {
			renew(t, 1);
			OK(clockwait(t, clocks[c], past[i]));
			assert_int_equal(value(t), 0);
			FAILS(ETIMEDOUT, clockwait(t, clocks[c], past[i]));
			assert_int_equal(value(t), 0);
		}
	}
}

static bool reached(clockid_t clock, struct timespec deadline)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec != deadline.tv_sec ? now.tv_sec > deadline.tv_sec : now.tv_nsec >= deadline.tv_nsec;
}

static void clockwait_is_ETIMEDOUT_at_the_deadline_and_not_before(void **state)
{
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct target *t = *state;

	for (long ms = 1; ms <= 81; ms += 20) {
		for (int c = 0; c < 2; c++) {
			struct timespec deadline = in_ms(clocks[c], ms);

			FAILS(ETIMEDOUT, clockwait(t, clocks[c], deadline));
			assert_true(reached(clocks[c], deadline));
		}
	}
}

struct late_waiter {
	struct target *target;
	clockid_t clock;
};

static void *wait_to_the_end_of_time(void *arg)
{
	struct late_waiter *w = arg;

	return (void *)(intptr_t)clockwait(w->target, w->clock, (struct timespec){TIME_MAX, 999999999});
}

static void a_deadline_as_late_as_can_be_waits_for_a_post(void **state)
{
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct target *t = *state;

	for (int c = 0; c < 2; c++) {
		struct late_waiter waiter = {t, clocks[c]};
		pthread_t thread;

		OK(post(t));
		assert_null(wait_to_the_end_of_time(&waiter));
		thread = start(wait_to_the_end_of_time, &waiter);
		until_waiting(t->proc, t->id, 1);
		sleep_ms(10);
		OK(post(t));
		assert_null(finish(thread));
	}
}

static void a_wait_that_timed_out_leaves_no_trace(void **state)
{
	struct target *t = *state;

	for (int i = 0; i < 20; i++) {
		FAILS(ETIMEDOUT, clockwait(t, CLOCK_MONOTONIC, in_ms(CLOCK_MONOTONIC, i % 5)));
		assert_int_equal(info_of(t->proc, t->id).waiters, 0);
		OK(post(t));
		assert_int_equal(value(t), 1);
		OK(trywait(t));
		renew(t, 0); /* destroys it */
	}
	OK(ksem_proc_exec(t->proc)); /* nor does a thread wait in the process */
	t->id = 0;
	renew(t, 0);
}

static void a_wait_that_timed_out_takes_no_wake_from_those_behind_it(void **state)
{
	struct target *t = *state;
	struct waiter waiter;

	for (int i = 0; i < 10; i++) {
		begin_waits(&waiter, 1, t);
		FAILS(ETIMEDOUT, clockwait(t, CLOCK_MONOTONIC, in_ms(CLOCK_MONOTONIC, 3)));
		OK(post(t));
		OK(end_wait(&waiter));
	}
}

/* ---- Signals ---- */

static atomic_uint handled;

static void count_signal(int signal)
{
	(void)signal;
	atomic_fetch_add(&handled, 1);
}

static void handle_SIGUSR1(void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	atomic_store(&handled, 0);
	OK(sigaction(SIGUSR1, &action, NULL));
}

static void a_signal_handler_ends_a_wait_with_EINTR(void **state)
{
	struct target *t = *state;

	handle_SIGUSR1(count_signal, 0);
	for (int timed = 0; timed < 2; timed++) {
		struct waiter waiter = {.target = t, .timed = timed};

		waiter.thread = start(wait_in_thread, &waiter);
		until_waiting(t->proc, t->id, 1);
		while (!atomic_load(&waiter.done)) { /* more than one, because the first may come before it sleeps */
			pthread_kill(waiter.thread, SIGUSR1);
			sleep_ms(1);
		}
		assert_int_equal(end_wait(&waiter), EINTR);
		assert_int_equal(info_of(t->proc, t->id).waiters, 0);
		assert_int_equal(value(t), 0);
		renew(t, 0); /* destroys it */
	}
	signal(SIGUSR1, SIG_DFL);
}

static void a_handler_installed_with_SA_RESTART_lets_the_wait_go_on(void **state)
{
	struct target *t = *state;

	handle_SIGUSR1(count_signal, SA_RESTART);
	for (int timed = 0; timed < 1 + has_futex_waitv(); timed++) { /* older kernels end a timed sleep all the same */
		struct waiter waiter = {.target = t, .timed = timed};

		waiter.thread = start(wait_in_thread, &waiter);
		until_waiting(t->proc, t->id, 1);
		for (unsigned i = 1; i <= 20; i++) {
			unsigned before = atomic_load(&handled);

			pthread_kill(waiter.thread, SIGUSR1);
			while (atomic_load(&handled) == before)
				sched_yield();
			sleep_ms(1);
		}
		assert_int_equal(count_done(&waiter, 1), 0);
		assert_int_equal(info_of(t->proc, t->id).waiters, 1);
		OK(post(t));
		OK(end_wait(&waiter));
	}
	signal(SIGUSR1, SIG_DFL);
}

static struct target *handler_s;

static void post_from_handler(int signal)
{
	(void)signal;
	MUST(post(handler_s) == 0);
	atomic_fetch_add(&handled, 1);
}

static void a_signal_handler_may_post(void **state)
{
	struct target *t = *state;
	struct waiter waiter;

	handler_s = t;
	handle_SIGUSR1(post_from_handler, SA_RESTART);
	begin_waits(&waiter, 1, t);
	raise(SIGUSR1);
	OK(end_wait(&waiter));
	for (unsigned i = 1; i <= 10; i++)
		raise(SIGUSR1);
	assert_int_equal(atomic_load(&handled), 11);
	assert_int_equal(value(t), 10);
	/* It may post to what its own thread waits for. */
	renew(t, 0);
	handle_SIGUSR1(post_from_handler, 0);
	waiter = (struct waiter){.target = t};
	waiter.thread = start(wait_in_thread, &waiter);
	until_waiting(t->proc, t->id, 1);
	pthread_kill(waiter.thread, SIGUSR1);
	OK(end_wait(&waiter)); /* not EINTR: there's a permit */
	assert_int_equal(value(t), 0);
	signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(post_adds_1_and_wait_takes_1),
		both(getvalue_is_the_value_and_takes_nothing),
		both(trywait_of_0_is_EAGAIN),
		both(post_over_KSEM_VALUE_MAX_is_EOVERFLOW),
		both(values_go_on_over_INT32_MAX),
		both(post_many_adds_all_or_nothing),
		both(post_many_of_0_does_nothing),
		both(a_post_lets_one_waiter_go_on),
		both(post_many_lets_as_many_waiters_go_on_as_can),
		both(stat_shows_value_and_waiters_of_one_instant),
		both(a_post_happens_before_the_wait_or_getvalue_that_sees_it),
		both(clockwait_with_another_clock_is_EINVAL_though_there_is_a_permit),
		both(clockwait_with_tv_nsec_out_of_range_is_EINVAL_though_there_is_a_permit),
		both(a_deadline_in_the_past_takes_a_permit_or_is_ETIMEDOUT),
		both(clockwait_is_ETIMEDOUT_at_the_deadline_and_not_before),
		both(a_deadline_as_late_as_can_be_waits_for_a_post),
		both(a_wait_that_timed_out_leaves_no_trace),
		both(a_wait_that_timed_out_takes_no_wake_from_those_behind_it),
		both(a_signal_handler_ends_a_wait_with_EINTR),
		both(a_handler_installed_with_SA_RESTART_lets_the_wait_go_on),
		both(a_signal_handler_may_post),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
