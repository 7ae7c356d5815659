/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores that OS processes share, when one of these is killed beside others that sleep: posts that the kernel makes
 * in one piece, sleepers that look by themselves, and the count of waiters that nobody counts off.
 */
#include "support.h"

#include <limits.h>
#include <sys/prctl.h>

#include "base/pair.h"
#include "os/futex.h"
#include "wait/plain.h"

static struct futex_ops kernel; /* the real one */

static struct {
	int waits;
	int answer[8];
	struct deadline deadline[8];
	bool timed[8];
	int adds, add_answer, wakes, marks;
	uint32_t add_wake;
} fake;

static int fake_wait(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	int call = fake.waits++;

	MUST(call < 8 && atomic_load(word) == expected);
	fake.timed[call] = deadline != NULL;
	if (deadline)
		fake.deadline[call] = *deadline;
	return fake.answer[call];
}

static int fake_wake(atomic(uint32_t) *word, uint32_t n)
{
	(void)word, (void)n;
	fake.wakes++;
	return 0;
}

static int fake_add(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	fake.adds++;
	fake.add_wake = wake;
	if (fake.add_answer >= 0)
		atomic_fetch_add(word, n);
	return fake.add_answer;
}

static int fake_mark(atomic(uint32_t) *word, unsigned bit)
{
	fake.marks++;
	if (fake.add_answer >= 0)
		atomic_fetch_or(word, UINT32_C(1) << bit);
	return fake.add_answer;
}

static _Alignas(16) struct plain sem; /* as in a page */

static int setup(void **state)
{
	(void)state;
	kernel = futex_ops;
	memset(&fake, 0, sizeof(fake));
	futex_ops = (struct futex_ops){NULL, NULL, fake_wait, fake_wake, fake_add, fake_mark};
	plain_init(&sem, 0, FUTEX_SHARED);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	futex_ops = kernel;
	return 0;
}

static void register_waiter(int waiters)
{
	for (int i = 0; i < waiters; i++)
		FAILS(EAGAIN, plain_take_or_register(&sem, 1));
}

/* ---- Sleeping. ---- */

/* As a wait does it, from having registered. */
static int arm(struct waiter *waiter)
{
	return plain_arm_shared(waiter->sem, waiter, false);
}

static int leave(struct waiter *waiter, bool give_up)
{
	return plain_leave(waiter->sem, 1, give_up);
}

static int park(const struct deadline *deadline)
{
	static const struct wait_policy policy = {.arm = arm, .sleep = signal_sleep, .leave = leave};
	struct waiter waiter = {.policy = &policy, .sem = &sem, .want = 1, .deadline = deadline};

	return waiter_wait(&waiter);
}

/* A handler ends its sleep, and nothing else may: not a look either, whose end could hide the handler. */
static void the_only_waiter_sleeps_until_something_happens(void **state)
{
	struct deadline late = {CLOCK_REALTIME, in_ms(CLOCK_REALTIME, 3600 * 1000)};

	(void)state;
	register_waiter(1);
	fake.answer[0] = EINTR;
	FAILS(EINTR, park(NULL));
	assert_false(fake.timed[0]);
	register_waiter(1);
	fake.answer[1] = ETIMEDOUT;
	FAILS(ETIMEDOUT, park(&late));
	assert_int_equal(fake.deadline[1].clock, CLOCK_REALTIME);
	assert_memory_equal(&fake.deadline[1].time, &late.time, sizeof(late.time));
}

static int64_t ms_until(const struct deadline *deadline)
{
	struct timespec now;

	clock_gettime(deadline->clock, &now);
	return (deadline->time.tv_sec - now.tv_sec) * (int64_t)1000 + (deadline->time.tv_nsec - now.tv_nsec) / 1000000;
}

static void one_beside_others_looks_by_the_clock_that_nobody_sets(void **state)
{
	struct deadline deadlines[] = {{CLOCK_REALTIME, in_ms(CLOCK_REALTIME, 3600 * 1000)},
				       {CLOCK_MONOTONIC, in_ms(CLOCK_MONOTONIC, 3600 * 1000)},
				       {CLOCK_REALTIME, {TIME_MAX, 0}}};

	(void)state;
	register_waiter(1);
	for (int i = 0; i < 4; i++) {
		register_waiter(1);
		memset(&fake, 0, sizeof(fake));
		fake.answer[0] = fake.answer[1] = ETIMEDOUT; /* of the looks, not of the wait */
		fake.answer[2] = EINTR;
		FAILS(EINTR, park(i < 3 ? &deadlines[i] : NULL));
		assert_int_equal(fake.waits, 3);
		for (int wait = 0; wait < 3; wait++) {
			assert_true(fake.timed[wait]);
			assert_int_equal(fake.deadline[wait].clock, CLOCK_MONOTONIC);
			assert_in_range(ms_until(&fake.deadline[wait]), 0, 1500);
		}
	}
}

static void a_deadline_comes_before_a_look(void **state)
{
	struct deadline soon = {CLOCK_REALTIME, in_ms(CLOCK_REALTIME, 100)}, past = {CLOCK_REALTIME, {1, 0}};

	(void)state;
	register_waiter(2);
	fake.answer[0] = EINTR;
	FAILS(EINTR, park(&soon));
	assert_in_range(ms_until(&fake.deadline[0]), 0, 100);
	register_waiter(1);
	fake.answer[1] = ETIMEDOUT;
	FAILS(ETIMEDOUT, park(&past)); /* its own clock says when it is past */
	assert_int_equal(fake.deadline[1].clock, CLOCK_REALTIME);
}

/* ---- Posts. ---- */

static void a_post_to_a_shared_one_with_waiters_is_one_call(void **state)
{
	struct plain_after after = {.nobody = false};

	(void)state;
	OK(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	OK(plain_take(&sem));
	assert_int_equal(fake.adds + fake.wakes, 0); /* nobody waits */
	register_waiter(2);
	OK(plain_post(&sem, 5, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	assert_true(after.nobody);
	assert_int_equal(fake.adds, 1);
	assert_int_equal(fake.wakes, 0);
	assert_int_equal(fake.add_wake, 5); /* who comes to sleep meanwhile is woken too */
	assert_int_equal(word_value(plain_word(&sem)), 5);
}

static void a_post_that_the_kernel_does_not_make_is_made_all_the_same(void **state)
{
	struct plain_after after;

	(void)state;
	register_waiter(2);
	fake.add_answer = -1;
	OK(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	assert_int_equal(fake.wakes, 2); /* one before, to warn */
	assert_int_equal(word_value(plain_word(&sem)), 1);
	fake.add_answer = 0;
	fake.adds = 0;
	OK(plain_post(&sem, FUTEX_ADD_MAX + 1, WORD_VALUE_MAX, FUTEX_SHARED, &after)); /* more than it adds */
	OK(plain_post(&sem, INT32_MAX, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	OK(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after)); /* near the end, which it doesn't know */
	OK(plain_post(&sem, WORD_VALUE_MAX - word_value(plain_word(&sem)), WORD_VALUE_MAX, FUTEX_SHARED, &after));
	FAILS(EOVERFLOW, plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	assert_int_equal(fake.adds, 0);
}

static void the_kernel_adds_and_wakes_or_does_nothing(void **state)
{
	atomic(uint32_t) word = 7;

	(void)state;
	errno = 77;
	assert_int_equal(kernel.add_shared(&word, FUTEX_ADD_MAX, 5), 0);
	assert_int_equal(word, 7 + FUTEX_ADD_MAX);
	if (!THREAD_SANITIZED) /* there the library adds */
		assert_true(kernel.add_shared((atomic(uint32_t) *)8, 1, 1) < 0);
	assert_int_equal(errno, 77);
}

/* Of a warned one too, which then isn't any more. */
static void the_only_waiter_looks_if_it_was_warned(void **state)
{
	struct plain_after after;

	(void)state;
	register_waiter(1);
	OK(plain_post(&sem, FUTEX_ADD_MAX + 1, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	for (int i = 0; i <= FUTEX_ADD_MAX; i++)
		OK(plain_take(&sem));
	fake.answer[0] = ETIMEDOUT;
	fake.answer[1] = EINTR;
	FAILS(EINTR, park(NULL));
	assert_true(fake.timed[0]);
	assert_true(plain_word(&sem) == 0);
	register_waiter(1);
	fake.answer[2] = EINTR;
	FAILS(EINTR, park(NULL));
	assert_false(fake.timed[2]);
}

/* ---- Several permits. ---- */

static void a_post_wakes_all_where_one_wants_several(void **state)
{
	struct plain_after after = {.nobody = false};

	(void)state;
	register_waiter(2);
	OK(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	assert_true(after.blind);
	assert_int_equal(fake.add_wake, 1);
	FAILS(EAGAIN, plain_take_or_register(&sem, 2));
	OK(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	assert_false(after.blind);
	assert_int_equal(fake.add_wake, WORD_WAKE_ALL);
	OK(plain_leave(&sem, 2, false));
	assert_int_equal(word_value(plain_word(&sem)), 0);
}

/* The kernel adds without looking, and one who came meanwhile may wait behind those that are woken. */
static void a_poster_looks_again_for_one_who_wants_several(void **state)
{
	(void)state;
	register_waiter(1);
	plain_wake_wide(&sem);
	assert_int_equal(fake.wakes, 0);
	FAILS(EAGAIN, plain_take_or_register(&sem, 2));
	plain_wake_wide(&sem);
	assert_int_equal(fake.wakes, 1);
}

static void one_who_wants_several_sleeps_on_the_value_that_it_saw(void **state)
{
	struct waiter waiter = {.want = 8};

	(void)state;
	plain_init(&sem, 7, FUTEX_SHARED);
	FAILS(EAGAIN, plain_take_or_register(&sem, 8));
	OK(plain_arm_shared(&sem, &waiter, false));
	assert_int_equal(waiter.signal.expected, 7);
	assert_false(waiter.signal.looks);
	OK(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &(struct plain_after){.nobody = false}));
	FAILS(EAGAIN, plain_arm_shared(&sem, &waiter, false));
}

/* The thread of a queue may be woken instead, and killed. */
static void where_a_queue_has_waited_even_one_alone_looks(void **state)
{
	struct waiter waiter = {.want = 1};

	(void)state;
	FAILS(EAGAIN, plain_take_or_register(&sem, 1));
	OK(plain_arm_shared(&sem, &waiter, false));
	assert_false(waiter.signal.looks);
	plain_expect_stray_wakes(&sem);
	OK(plain_arm_shared(&sem, &waiter, false));
	assert_true(waiter.signal.looks);
}

/* Posts don't know what it wants, and may wake it instead of another. */
static void beside_one_who_is_not_registered_even_one_alone_looks(void **state)
{
	struct waiter waiter = {.want = 1}, unseen = {.want = 2};

	(void)state;
	FAILS(EAGAIN, plain_take_or_register(&sem, 1));
	OK(plain_arm_shared(&sem, &waiter, false));
	assert_false(waiter.signal.looks);
	OK(plain_arm_shared(&sem, &unseen, true));
	assert_true(unseen.signal.looks);
	OK(plain_arm_shared(&sem, &waiter, false));
	assert_true(waiter.signal.looks);
}

static void a_wake_is_passed_on_if_there_are_permits_and_waiters(void **state)
{
	(void)state;
	plain_pass_on(&sem);
	FAILS(EAGAIN, plain_take_or_register(&sem, 1));
	plain_pass_on(&sem);
	assert_int_equal(fake.wakes, 0);
	OK(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &(struct plain_after){.nobody = false}));
	fake.wakes = 0;
	plain_pass_on(&sem);
	assert_int_equal(fake.wakes, 1);
}

/* Who wanted several has died. */
static void the_last_of_the_dead_leaves_no_mark(void **state)
{
	struct plain_seen seen;

	(void)state;
	FAILS(EAGAIN, plain_take_or_register(&sem, 2));
	seen = plain_see(&sem);
	assert_true(plain_trim_waiters(&sem, &seen, 0));
	assert_true(plain_word(&sem) == 0);
}

static void those_who_are_counted_again_may_want_several(void **state)
{
	(void)state;
	plain_count_again(&sem, 1);
	assert_true(plain_word(&sem) & WORD_WIDE);
	FAILS(ECANCELED, plain_leave(&sem, 1, true));
	plain_add_waiter(&sem, 1);
	assert_false(plain_word(&sem) & WORD_WIDE);
}

/* ---- Shutdown. ---- */

static void shutdown_wakes_by_the_call_that_changes_the_word(void **state)
{
	(void)state;
	register_waiter(2);
	OK(plain_shut_down(&sem));
	OK(plain_shut_down(&sem));
	assert_int_equal(fake.marks, 1);
	assert_int_equal(fake.wakes, 0);
	FAILS(ESHUTDOWN, plain_leave(&sem, 1, false));
	FAILS(ESHUTDOWN, plain_leave(&sem, 1, true));
	FAILS(ESHUTDOWN, plain_take_or_register(&sem, 1));
	assert_true((plain_word(&sem) & ~WORD_SHUT) == 0);
}

static void shutdown_works_where_the_kernel_refuses_that_call(void **state)
{
	(void)state;
	register_waiter(1);
	fake.add_answer = -1;
	OK(plain_shut_down(&sem));
	assert_int_equal(fake.wakes, 1);
	OK(plain_shut_down(&sem));
	assert_int_equal(fake.marks, 1);
	FAILS(ESHUTDOWN, plain_leave(&sem, 1, false));
}

/* No thread falls asleep any more, whichever value it saw before. */
static void the_value_survives_shutdown_and_its_half_changes(void **state)
{
	static const uint32_t values[] = {0, 1, 1000, INT32_MAX, (uint32_t)INT32_MAX + 1, UINT32_MAX - 1, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct plain_after after = {.nobody = false};
		uint32_t took;

		plain_init(&sem, values[i], FUTEX_SHARED);
		OK(plain_shut_down(&sem));
		assert_true(plain_word(&sem) == (WORD_SHUT | values[i]));
		assert_true(atomic_load(futex_half(&sem.word)) >> WORD_CALLED_BIT == 1);
		assert_int_equal(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after),
				 values[i] == UINT32_MAX ? EOVERFLOW : 0);
		OK(plain_take_some(&sem, 1, UINT32_MAX, &took));
		assert_int_equal(took, values[i] == UINT32_MAX ? UINT32_MAX : values[i] + 1);
		FAILS(EAGAIN, plain_take(&sem));
		OK(plain_post(&sem, UINT32_MAX, WORD_VALUE_MAX, FUTEX_SHARED, &after));
		assert_true(plain_word(&sem) == (WORD_SHUT | UINT32_MAX));
		OK(plain_kill(&sem));
		FAILS(EINVAL, plain_shut_down(&sem));
	}
}

static void one_who_saw_the_top_bit_looks(void **state)
{
	struct waiter waiter = {.want = UINT32_MAX};

	(void)state;
	plain_init(&sem, UINT32_C(1) << 31, FUTEX_SHARED);
	FAILS(EAGAIN, plain_take_or_register(&sem, UINT32_MAX));
	OK(plain_arm_shared(&sem, &waiter, false));
	assert_true(waiter.signal.looks);
	OK(plain_shut_down(&sem));
	assert_int_equal(fake.marks, 1);
	FAILS(EAGAIN, plain_arm_shared(&sem, &waiter, false));
}

/* A poster that saw no shutdown, and was stopped before its call: the permit is there. */
static void a_late_post_by_the_kernel_is_none_too_few(void **state)
{
	(void)state;
	register_waiter(1);
	OK(plain_shut_down(&sem));
	fake_add(futex_half(&sem.word), 3, 3);
	assert_int_equal(word_value(plain_word(&sem)), 3);
	plain_renounce(&sem, FUTEX_SHARED);
	assert_true(plain_word(&sem) == (WORD_SHUT | 3));
}

static void the_kernel_marks_and_wakes(void **state)
{
	atomic(uint32_t) word = 7;

	(void)state;
	errno = 77;
	assert_int_equal(kernel.mark_shared(&word, 31), 0);
	assert_int_equal(word, 7 | UINT32_C(1) << 31);
	assert_int_equal(kernel.mark_shared(&word, 0), 0);
	assert_int_equal(word, 7 | UINT32_C(1) << 31);
	if (!THREAD_SANITIZED) /* there the library marks */
		assert_true(kernel.mark_shared((atomic(uint32_t) *)8, 1) < 0);
	assert_int_equal(errno, 77);
}

/* ---- A count that the dead left. ---- */

static void a_count_of_waiters_that_is_full_is_stuck(void **state)
{
	const word_t full = WORD_WAITERS_MAX * WORD_WAITER;
	struct plain_after after;

	(void)state;
	atomic_store(&sem.word, full - WORD_WAITER);
	for (int i = 0; i < 3; i++) {
		register_waiter(1);
		assert_true(plain_word(&sem) == full);
	}
	plain_add_waiter(&sem, 1);
	assert_true(plain_word(&sem) == full);
	OK(plain_post(&sem, 1, WORD_VALUE_MAX, FUTEX_SHARED, &after));
	assert_int_equal(fake.adds, 1);
	OK(plain_leave(&sem, 1, false));
	FAILS(ECANCELED, plain_leave(&sem, 1, true));
	assert_true(plain_word(&sem) == full);
}

/* Who registers doesn't show in a stuck count: so it is made loose first, and looked at anew. */
static void a_stuck_count_is_trimmed_in_two_steps(void **state)
{
	const word_t full = WORD_WAITERS_MAX * WORD_WAITER;
	struct plain_seen seen;

	(void)state;
	atomic_store(&sem.word, full);
	seen = plain_see(&sem);
	assert_false(plain_trim_waiters(&sem, &seen, 0));
	assert_true(plain_word(&sem) == full - WORD_WAITER);
	seen = plain_see(&sem);
	assert_true(plain_trim_waiters(&sem, &seen, 2));
	assert_int_equal(word_waiters(plain_word(&sem)), 2);
	assert_false(word_is_dead(plain_word(&sem)));
}

/* Two threads see two waiters, of which one lives. When both have counted the dead one off, another has come. */
static void two_that_count_off_the_same_count_off_no_other(void **state)
{
	struct plain_seen seen, by_another;

	(void)state;
	if (!PAIR_WORKS)
		skip(); /* there the second one can't know */
	register_waiter(2);
	seen = plain_see(&sem);
	by_another = plain_see(&sem);
	assert_true(plain_trim_waiters(&sem, &by_another, 1));
	register_waiter(1);
	assert_true(plain_word(&sem) == seen.word);
	assert_false(plain_trim_waiters(&sem, &seen, 1));
	assert_int_equal(word_waiters(plain_word(&sem)), 2);
	seen = plain_see(&sem);
	assert_true(plain_trim_waiters(&sem, &seen, 2));
	assert_int_equal(word_waiters(plain_word(&sem)), 2);
}

/* ---- A sleeper that is killed when it was woken. ---- */

static struct world world;
static ksem_id_t id;

static int wait_and_die(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	int error = kernel.wait_shared(word, expected, deadline);

	if (error == 0)
		kill(getpid(), SIGKILL);
	return error;
}

static pid_t wait_in_another_process(bool dies)
{
	pid_t child = fork();

	MUST(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dies)
			futex_ops.wait_shared = wait_and_die;
		_exit(ksem_wait(world.proc, id));
	}
	return child;
}

static void a_sleeper_takes_the_permit_that_one_was_killed_on_the_way_to(void **state)
{
	pid_t dies, lives;
	int status;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("sleepers get up and lie down again, so that handlers run: who is first isn't known");
	futex_ops = kernel;
	setenv("KSEM_TEST_SHARED", "1", 1);
	world = world_limited(0, 0);
	OK(ksem_init(world.proc, 0, &id));
	dies = wait_in_another_process(true);
	until_asleep(world.proc, id, 1);
	sleep_ms(100); /* in the kernel too: it sleeps before the other does */
	lives = wait_in_another_process(false);
	until_asleep(world.proc, id, 2);
	sleep_ms(100);
	OK(ksem_post(world.proc, id));
	assert_int_equal(waitpid(dies, &status, 0), dies);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(waitpid(lives, &status, 0), lives);
	assert_int_equal(status, 0);
	OK(ksem_destroy(world.proc, id));
	world_end(&world);
}

static int die_before_the_wake(atomic(uint32_t) *word, uint32_t n)
{
	if (atomic_load(word) > 0)
		kill(getpid(), SIGKILL);
	return kernel.wake_shared(word, n);
}

static int die_before_the_post(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	(void)word, (void)n, (void)wake;
	kill(getpid(), SIGKILL);
	return 0;
}

static int die_after_the_post(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	kernel.add_shared(word, n, wake);
	kill(getpid(), SIGKILL);
	return 0;
}

static void post_and_be_killed(unsigned n, int (*add)(atomic(uint32_t) *, uint32_t, uint32_t))
{
	pid_t child = fork();
	int status;

	MUST(child >= 0);
	if (child == 0) {
		futex_ops.wake_shared = die_before_the_wake;
		if (add)
			futex_ops.add_shared = add;
		_exit(ksem_post_many(world.proc, id, n));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void a_sleeper_takes_the_permit_of_a_poster_that_was_killed(void **state)
{
	pid_t lives;
	int status;

	(void)state;
	futex_ops = kernel;
	setenv("KSEM_TEST_SHARED", "1", 1);
	world = world_limited(0, 0);
	OK(ksem_init(world.proc, 0, &id));
	for (int i = 0; i < 2; i++) {
		lives = wait_in_another_process(false);
		until_asleep(world.proc, id, 1);
		sleep_ms(100);
		post_and_be_killed(1, die_before_the_post);
		assert_int_equal(value_of(world.proc, id), 0);
		if (i == 0)
			post_and_be_killed(1, die_after_the_post);
		else
			post_and_be_killed(FUTEX_ADD_MAX + 1, NULL); /* between permits and wake call */
		assert_int_equal(waitpid(lives, &status, 0), lives);
		assert_int_equal(status, 0);
	}
	assert_int_equal(value_of(world.proc, id), FUTEX_ADD_MAX);
	OK(ksem_destroy(world.proc, id));
	world_end(&world);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(the_only_waiter_sleeps_until_something_happens),
		test(one_beside_others_looks_by_the_clock_that_nobody_sets),
		test(a_deadline_comes_before_a_look),
		test(a_post_to_a_shared_one_with_waiters_is_one_call),
		test(a_post_that_the_kernel_does_not_make_is_made_all_the_same),
		test(the_kernel_adds_and_wakes_or_does_nothing),
		test(the_only_waiter_looks_if_it_was_warned),
		test(a_post_wakes_all_where_one_wants_several),
		test(a_poster_looks_again_for_one_who_wants_several),
		test(one_who_wants_several_sleeps_on_the_value_that_it_saw),
		test(where_a_queue_has_waited_even_one_alone_looks),
		test(beside_one_who_is_not_registered_even_one_alone_looks),
		test(a_wake_is_passed_on_if_there_are_permits_and_waiters),
		test(the_last_of_the_dead_leaves_no_mark),
		test(those_who_are_counted_again_may_want_several),
		test(shutdown_wakes_by_the_call_that_changes_the_word),
		test(shutdown_works_where_the_kernel_refuses_that_call),
		test(the_value_survives_shutdown_and_its_half_changes),
		test(one_who_saw_the_top_bit_looks),
		test(a_late_post_by_the_kernel_is_none_too_few),
		test(the_kernel_marks_and_wakes),
		test(a_count_of_waiters_that_is_full_is_stuck),
		test(a_stuck_count_is_trimmed_in_two_steps),
		test(two_that_count_off_the_same_count_off_no_other),
		test(a_sleeper_takes_the_permit_that_one_was_killed_on_the_way_to),
		test(a_sleeper_takes_the_permit_of_a_poster_that_was_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
