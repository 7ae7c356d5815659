/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals: posts and tries from handlers that interrupt every instruction of other calls, and waits that handlers end
 * or don't.
 */
#include "support.h"

#include <sys/syscall.h>
#include <sys/time.h>

static struct {
	struct ksem_proc *proc;
	ksem_id_t id, other;
	struct ksem *pin;
	atomic_ulong posted;       /* by handlers, to each of the two */
	atomic_ulong taken;        /* by handlers, of `id`, */
	atomic_ulong taken_pinned; /* and of `other` */
	atomic_ulong handled;
	atomic_bool stop;
} test;

static int setup(void **state)
{
	struct world *world;

	world_setup(state);
	world = *state;
	memset(&test, 0, sizeof(test));
	test.proc = world->proc;
	OK(ksem_init(test.proc, 0, &test.id));
	OK(ksem_init(test.proc, 0, &test.other));
	OK(ksem_pin(test.proc, test.other, &test.pin));
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(info_of(test.proc, test.id).waiters, 0);
	assert_int_equal(info_of(test.proc, test.other).waiters, 0);
	ksem_unpin(test.pin);
	OK(ksem_destroy(test.proc, test.id));
	OK(ksem_destroy(test.proc, test.other));
	return world_teardown(state);
}

static void handle(int signal, void (*handler)(int), int flags, struct sigaction *before)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	OK(sigaction(signal, &action, before));
}

static void post_both(int signal)
{
	int saved = errno;

	(void)signal;
	MUST(ksem_post(test.proc, test.id) == 0);
	MUST(ksem_pinned_post(test.pin) == 0);
	MUST(ksem_post_many(test.proc, test.id, 2) == 0);
	MUST(ksem_pinned_post_many(test.pin, 2) == 0);
	for (int i = 0; i < 2; i++) { /* if others leave it any */
		atomic_fetch_add(&test.taken, ksem_trywait(test.proc, test.id) == 0);
		atomic_fetch_add(&test.taken_pinned, ksem_pinned_trywait(test.pin) == 0);
	}
	MUST(errno == saved);
	atomic_fetch_add(&test.posted, 3);
}

static void only_note(int signal)
{
	(void)signal;
	atomic_fetch_add(&test.handled, 1);
}

/* The timer goes off often, wherever the thread is. */
static void set_timer(long microseconds)
{
	const struct itimerval timer = {{0, microseconds}, {0, microseconds}};

	OK(setitimer(ITIMER_REAL, &timer, NULL));
}

/* The main thread's calls are interrupted by posts to the same semaphores; what was posted is there in the end. */
static void posts_from_a_handler_interrupt_calls_of_the_same_thread(void **state)
{
	struct sigaction before;
	unsigned long own = 0, taken = 0;

	(void)state;
	handle(SIGALRM, post_both, SA_RESTART, &before);
	set_timer(50);
	for (int i = 0; i < ROUNDS(2000000); i++) {
		OK(ksem_post(test.proc, test.id));
		own++;
		if (ksem_trywait(test.proc, test.id) == 0)
			taken++;
		if (i % 16 == 0) {
			OK(ksem_wait(test.proc, test.id));
			taken++;
			OK(ksem_post(test.proc, test.id));
			own++;
		}
		OK(ksem_pinned_post(test.pin));
		OK(ksem_pinned_wait(test.pin));
	}
	set_timer(0);
	OK(sigaction(SIGALRM, &before, NULL));
	assert_true(atomic_load(&test.posted) > 0);
	taken += atomic_load(&test.taken);
	assert_int_equal(value_of(test.proc, test.id), own + atomic_load(&test.posted) - taken);
	assert_int_equal(value_of(test.proc, test.other), atomic_load(&test.posted) - atomic_load(&test.taken_pinned));
}

/* ---- Signals at whole seconds, when programs' timers fire. ---- */

#define TIMED_THREADS 32

static ksem_id_t timed_ids[TIMED_THREADS];
static atomic_int timed_interrupted;

/* A timer that signals this thread in a second, and by so many microseconds more or less. */
static timer_t time_this_thread(int us)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2};
	struct itimerspec when = {{0, 0}, {us < 0 ? 0 : 1, (us < 0 ? 1000000000 : 0) + us * 1000L}};
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	MUST(timer_settime(timer, 0, &when, NULL) == 0);
	return timer;
}

static void *wait_for_a_second(void *arg)
{
	struct timespec late = in_ms(CLOCK_REALTIME, 100000);
	int which = (int)(intptr_t)arg;
	timer_t timer = time_this_thread(which * 10 - 10 * TIMED_THREADS / 3); /* some before, more after */
	int error = which % 2 ? ksem_wait(test.proc, timed_ids[which]) :
				ksem_clockwait(test.proc, timed_ids[which], CLOCK_REALTIME, &late);

	MUST(error == 0 || error == EINTR);
	atomic_fetch_add(&timed_interrupted, error == EINTR);
	MUST(timer_delete(timer) == 0);
	return NULL;
}

/* None of them is lost: a thread that sleeps in slices, and goes on when one is over, would lose some. */
static void no_signal_is_lost_when_a_second_is_over(void **state)
{
	pthread_t threads[TIMED_THREADS];
	struct sigaction before;
	int interrupted;

	(void)state;
	if (EMULATED)
		SKIP("there are no timers that signal a thread");
	if (THREAD_SANITIZED)
		SKIP("there a wait is a sequence of short sleeps, as its runtime holds handlers back");
	handle(SIGUSR2, only_note, 0, &before);
	atomic_store(&timed_interrupted, 0);
	for (int i = 0; i < TIMED_THREADS; i++) {
		OK(ksem_init(test.proc, 0, &timed_ids[i]));
		threads[i] = start(wait_for_a_second, (void *)(intptr_t)i);
	}
	for (int ms = 0; ms < 5000 && atomic_load(&timed_interrupted) < TIMED_THREADS; ms++)
		sleep_ms(1);
	interrupted = atomic_load(&timed_interrupted);
	for (int i = 0; i < TIMED_THREADS; i++) { /* lets out those who still wait */
		OK(ksem_post(test.proc, timed_ids[i]));
		finish(threads[i]);
		OK(ksem_destroy(test.proc, timed_ids[i]));
	}
	OK(sigaction(SIGUSR2, &before, NULL));
	assert_int_equal(interrupted, TIMED_THREADS);
}

static void *take_all(void *arg)
{
	unsigned long taken = 0;

	(void)arg;
	while (!atomic_load(&test.stop)) {
		struct timespec soon = in_ms(CLOCK_MONOTONIC, 5);
		int error = ksem_clockwait(test.proc, test.id, CLOCK_MONOTONIC, &soon);

		MUST(error == 0 || error == ETIMEDOUT || error == EINTR);
		taken += error == 0;
	}
	return (void *)taken;
}

/* Handlers post, on whatever thread the timer meets, and threads wait: every permit is taken once or left. */
static void posts_from_handlers_wake_waiters_and_are_conserved(void **state)
{
	struct sigaction before;
	pthread_t thread[3];
	unsigned long taken = 0;

	(void)state;
	handle(SIGALRM, post_both, SA_RESTART, &before);
	for (int i = 0; i < 3; i++)
		thread[i] = start(take_all, NULL);
	set_timer(200);
	while (atomic_load(&test.posted) < (unsigned long)ROUNDS(3000))
		sleep_ms(1);
	set_timer(0);
	atomic_store(&test.stop, true);
	for (int i = 0; i < 3; i++)
		taken += (unsigned long)finish(thread[i]);
	OK(sigaction(SIGALRM, &before, NULL));
	taken += atomic_load(&test.taken);
	assert_int_equal(value_of(test.proc, test.id) + taken, atomic_load(&test.posted));
}

static atomic_bool ready;

static void *do_nothing_until_told(void *arg)
{
	(void)arg;
	atomic_store(&ready, true);
	while (atomic_load(&test.posted) == 0)
		sched_yield();
	return NULL;
}

static void a_thread_s_first_call_may_be_a_post_in_a_handler(void **state)
{
	struct sigaction before;
	pthread_t thread;

	(void)state;
	handle(SIGUSR1, post_both, SA_RESTART, &before);
	for (int i = 0; i < 20; i++) {
		atomic_store(&ready, false);
		atomic_store(&test.posted, 0);
		thread = start(do_nothing_until_told, NULL);
		while (!atomic_load(&ready))
			sched_yield();
		OK(pthread_kill(thread, SIGUSR1));
		finish(thread);
		OK(ksem_trywait(test.proc, test.id));
		OK(ksem_trywait(test.proc, test.other));
	}
	OK(sigaction(SIGUSR1, &before, NULL));
}

/* ---- EINTR. ---- */

static void *wait_once(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)ksem_wait(test.proc, test.id);
}

static void *clockwait_once(void *arg)
{
	struct timespec late = in_ms(CLOCK_MONOTONIC, 600000);

	(void)arg;
	return (void *)(intptr_t)ksem_clockwait(test.proc, test.id, CLOCK_MONOTONIC, &late);
}

static void *pinned_wait_once(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)ksem_pinned_wait(test.pin);
}

static void *pinned_clockwait_once(void *arg)
{
	struct timespec late = in_ms(CLOCK_REALTIME, 600000);

	(void)arg;
	return (void *)(intptr_t)ksem_pinned_clockwait(test.pin, CLOCK_REALTIME, &late);
}

static const struct {
	void *(*wait)(void *);
	bool pinned, timed;
} waits[] = {
	{wait_once, false, false},
	{clockwait_once, false, true},
	{pinned_wait_once, true, false},
	{pinned_clockwait_once, true, true},
};

static ksem_id_t id_of(size_t i)
{
	return waits[i].pinned ? test.other : test.id;
}

/* Sends the signal until a handler has run; the thread may not sleep yet when the first comes. */
static void interrupt(pthread_t thread, int times)
{
	unsigned long until = atomic_load(&test.handled) + (unsigned long)times;

	while (atomic_load(&test.handled) < until) {
		OK(pthread_kill(thread, SIGUSR1));
		sleep_ms(2);
	}
}

static void a_handler_without_SA_RESTART_ends_every_kind_of_wait(void **state)
{
	struct sigaction before;

	(void)state;
	handle(SIGUSR1, only_note, 0, &before);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		pthread_t thread = start(waits[i].wait, NULL);
		void *result = NULL;

		until_waiting(test.proc, id_of(i), 1);
		while (pthread_tryjoin_np(thread, &result) != 0) {
			pthread_kill(thread, SIGUSR1);
			sleep_ms(2);
		}
		assert_int_equal((intptr_t)result, EINTR);
		assert_int_equal(info_of(test.proc, id_of(i)).waiters, 0);
	}
	OK(sigaction(SIGUSR1, &before, NULL));
}

static bool kernel_has_futex_waitv(void)
{
	return syscall(449, NULL, 0, 0, NULL, 0) == -1 && errno != ENOSYS;
}

static void a_handler_with_SA_RESTART_lets_every_kind_of_wait_go_on(void **state)
{
	struct sigaction before;

	(void)state;
	handle(SIGUSR1, only_note, SA_RESTART, &before);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		pthread_t thread;

		if (waits[i].timed && !kernel_has_futex_waitv())
			continue;
		thread = start(waits[i].wait, NULL);
		until_waiting(test.proc, id_of(i), 1);
		sleep_ms(2);
		interrupt(thread, 5);
		assert_int_equal(info_of(test.proc, id_of(i)).waiters, 1);
		OK(ksem_post(test.proc, id_of(i)));
		assert_int_equal((intptr_t)finish(thread), 0);
	}
	OK(sigaction(SIGUSR1, &before, NULL));
}

static void *wait_until_told(void *arg)
{
	unsigned long taken = 0;

	(void)arg;
	while (!atomic_load(&test.stop)) {
		int error = ksem_wait(test.proc, test.id);

		MUST(error == 0 || error == EINTR);
		taken += error == 0;
	}
	return (void *)taken;
}

/*
 * EINTR and a permit race: whoever answers EINTR has taken nothing, and nobody behind it is left asleep beside a
 * permit.
 */
static void interrupted_waits_lose_no_permit_and_no_wake(void **state)
{
	struct sigaction before;
	struct random random = random_new();
	pthread_t thread[3];
	unsigned long posted = 0, taken = 0;

	(void)state;
	handle(SIGUSR1, only_note, 0, &before);
	for (int i = 0; i < 3; i++)
		thread[i] = start(wait_until_told, NULL);
	for (int i = 0; i < ROUNDS(20000); i++) {
		OK(ksem_post(test.proc, test.id));
		posted++;
		OK(pthread_kill(thread[random_below(&random, 3)], SIGUSR1));
		if (i % 8 == 0) {
			while (value_of(test.proc, test.id) > 0) /* for ever, if a waiter slept beside a permit */
				sched_yield();
		}
	}
	atomic_store(&test.stop, true);
	OK(ksem_post_many(test.proc, test.id, 3));
	posted += 3;
	for (int i = 0; i < 3; i++)
		taken += (unsigned long)finish(thread[i]);
	OK(sigaction(SIGUSR1, &before, NULL));
	assert_int_equal(value_of(test.proc, test.id) + taken, posted);
}

/* The library starts no thread that could take the host's signals. */
static unsigned threads_of_this_process(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	unsigned threads = 0;

	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		sscanf(line, "Threads: %u", &threads);
	fclose(status);
	return threads;
}

static void the_library_has_no_thread_of_its_own(void **state)
{
	unsigned before = threads_of_this_process();

	(void)state;
	for (int i = 0; i < 5000; i++) {
		ksem_id_t id;
		char name[32];

		snprintf(name, sizeof(name), "/name%d", i);
		OK(ksem_open(test.proc, name, O_CREAT, 0600, 0, &id));
	}
	assert_in_range(threads_of_this_process(), 1, before); /* one that was joined may have been there still */
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(posts_from_a_handler_interrupt_calls_of_the_same_thread),
		test(posts_from_handlers_wake_waiters_and_are_conserved),
		test(a_thread_s_first_call_may_be_a_post_in_a_handler),
		test(a_handler_without_SA_RESTART_ends_every_kind_of_wait),
		test(a_handler_with_SA_RESTART_lets_every_kind_of_wait_go_on),
		test(no_signal_is_lost_when_a_second_is_over),
		test(interrupted_waits_lose_no_permit_and_no_wake),
		test(the_library_has_no_thread_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
