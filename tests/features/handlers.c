/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a signal handler may call: posts, trywaits and shutdown, whatever the order and flags, by id and pinned; also
 * one that interrupts its own thread in a call on the same semaphore, or forks there.
 */
#include "feature.h"

#include <sys/time.h>

static struct feature *subject;
static volatile sig_atomic_t calls;

static void post_in_handler(int signal)
{
	(void)signal;
	MUST(CALL(subject, post) == 0);
	calls++;
}

static void a_handler_may_wake_a_sleeper(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	subject = f;
	handle(post_in_handler, 0);
	queue_up(&w, f, 2);
	OK(raise(SIGUSR1));
	assert_false(is_done(&w));
	OK(raise(SIGUSR1));
	OK(ended(&w));
	assert_int_equal(value(f), 0);
	handle(SIG_DFL, 0);
}

static void all_in_handler(int signal)
{
	unsigned got = 0, which = 0;

	(void)signal;
	MUST(CALL(subject, post_many, 6) == 0);
	MUST(CALL(subject, trywait) == 0);
	MUST(CALL(subject, trywait_many, 2) == 0);
	MUST(CALL(subject, trywait_upto, 2, &got) == 0 && got == 2);
	MUST(ksem_trywait_any(subject->proc, &subject->id, 1, &which) == 0);
	MUST(CALL(subject, trywait) == EAGAIN);
	MUST(CALL(subject, shutdown) == 0);
	calls++;
}

static void all_that_may_be_called_work(void **state)
{
	struct feature *f = *state;

	subject = f;
	calls = 0;
	handle(all_in_handler, 0);
	OK(raise(SIGUSR1));
	assert_int_equal(calls, 1);
	FAILS(ESHUTDOWN, CALL(f, wait));
	handle(SIG_DFL, 0);
}

/* Ten thousand times a second, wherever the thread is. */
static void begin_alarms(void (*handler)(int signal))
{
	const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	const struct itimerval often = {{0, 100}, {0, 100}};

	MUST(sigaction(SIGALRM, &action, NULL) == 0);
	MUST(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

static void end_alarms(void)
{
	const struct itimerval never = {{0, 0}, {0, 0}};

	MUST(setitimer(ITIMER_REAL, &never, NULL) == 0);
	MUST(signal(SIGALRM, SIG_DFL) != SIG_ERR);
}

static void take_and_post_in_handler(int signal)
{
	unsigned got;

	(void)signal;
	if (CALL(subject, trywait_many, 2) == 0)
		MUST(CALL(subject, post_many, 2) == 0);
	if (CALL(subject, trywait_upto, 3, &got) == 0)
		MUST(CALL(subject, post_many, got) == 0);
	calls++;
}

static void a_handler_may_interrupt_its_own_thread_anywhere(void **state)
{
	struct feature *f = *state;

	make_limited(f, 10, 10);
	subject = f;
	calls = 0;
	begin_alarms(take_and_post_in_handler);
	while (calls < ROUNDS(2000)) {
		OK(CALL(f, wait_many, 4, CLOCK_MONOTONIC, NULL));
		OK(CALL(f, post_many, 4));
		OK(CALL(f, wait));
		OK(CALL(f, post));
	}
	end_alarms();
	assert_int_equal(value(f), 10);
}

static void shut_in_handler(int signal)
{
	(void)signal;
	MUST(CALL(subject, shutdown) == 0);
}

static void a_handler_may_shut_what_its_own_thread_waits_for(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	subject = f;
	handle(shut_in_handler, SA_RESTART);
	queue_up(&w, f, 1);
	OK(pthread_kill(w.thread, SIGUSR1));
	FAILS(ESHUTDOWN, ended(&w));
	handle(SIG_DFL, 0);
}

static _Atomic(pid_t) forked; /* -1: not yet; 0: this is the child */

/* In the child the thread goes on with its wait, alone. */
static void *wait_and_fork(void *arg)
{
	struct waiting *w = arg;

	w->error = CALL(w->feature, wait_many, w->count, CLOCK_MONOTONIC, NULL);
	if (atomic_load(&forked) == 0)
		_exit(w->error);
	atomic_store(&w->done, true);
	return NULL;
}

static void fork_and_post_in_the_child(int signal)
{
	(void)signal;
	atomic_store(&forked, fork());
	if (atomic_load(&forked) == 0) {
		alarm(60);
		MUST(waiters(subject) == 1);
		MUST(CALL(subject, post_many, 2) == 0);
	}
}

static void a_handler_may_fork_where_its_thread_waits(void **state)
{
	struct feature *f = *state;
	struct waiting w = {.feature = f, .count = 2}, other;
	int status;

	if (f->world->dir)
		SKIP("a fork's child shares the waiters of other processes");
	subject = f;
	atomic_store(&forked, -1);
	handle(fork_and_post_in_the_child, SA_RESTART);
	w.thread = start(wait_and_fork, &w);
	until_asleep(f->proc, f->id, 1);
	queue_up(&other, f, 1); /* which the child hasn't got */
	OK(pthread_kill(w.thread, SIGUSR1));
	while (atomic_load(&forked) == -1)
		sched_yield();
	assert_int_equal(waitpid(atomic_load(&forked), &status, 0), atomic_load(&forked));
	assert_int_equal(status, 0);
	assert_int_equal(waiters(f), 2);
	OK(CALL(f, post_many, 3));
	finish(w.thread);
	OK(w.error);
	OK(ended(&other));
	handle(SIG_DFL, 0);
}

static void post_from_a_handler_with_metrics(void **state)
{
	struct feature *f = *state;
	struct waiting w;

	make(f, (struct ksem_attr){.limit = LIMIT, .flags = KSEM_METRICS}, 0);
	subject = f;
	handle(post_in_handler, 0);
	queue_up(&w, f, 1);
	OK(raise(SIGUSR1));
	OK(ended(&w));
	handle(SIG_DFL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		any_test(a_handler_may_wake_a_sleeper),
		any_test(all_that_may_be_called_work),
		any_test(a_handler_may_interrupt_its_own_thread_anywhere),
		any_test(a_handler_may_shut_what_its_own_thread_waits_for),
		any_test(a_handler_may_fork_where_its_thread_waits),
		order_test(post_from_a_handler_with_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
