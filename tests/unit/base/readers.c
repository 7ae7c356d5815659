/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads register as readers without liburcu's help, whose own registering takes a lock that a fork's child may find
 * locked for ever: however many threads there are, in handlers, and in the child. Epochs wait for all of them.
 */
#include "support.h"

#include "base/rcu.h"
#include "os/fork.h"

#define MANY 400 /* more than the library has records of its own */

static atomic_uint
	asked; /* how often liburcu was asked to register a thread; once, for the one that loads the library */
static atomic_uint readers;
static atomic_bool go;

void __real_urcu_bp_read_lock(void);
void __wrap_urcu_bp_read_lock(void);

void __wrap_urcu_bp_read_lock(void)
{
	atomic_fetch_add(&asked, 1);
	__real_urcu_bp_read_lock();
}

static void *read_until_told(void *arg)
{
	(void)arg;
	rcu_enter();
	atomic_fetch_add(&readers, 1);
	while (!atomic_load(&go))
		sched_yield();
	atomic_fetch_sub(&readers, 1);
	rcu_leave();
	return NULL;
}

static void have_readers(unsigned n)
{
	pthread_t threads[MANY];

	atomic_store(&go, false);
	for (unsigned i = 0; i < n; i++)
		threads[i] = start(read_until_told, NULL);
	while (atomic_load(&readers) < n)
		sched_yield();
	atomic_store(&go, true);
	rcu_wait_epoch();
	MUST(atomic_load(&readers) == 0);
	for (unsigned i = 0; i < n; i++)
		finish(threads[i]);
}

static void liburcu_registers_none(void **state)
{
	(void)state;
	have_readers(3); /* three at once, and then many, and again in what the first have left */
	have_readers(MANY);
	have_readers(MANY);
	for (unsigned i = 0; i < 1000; i++)
		have_readers(1);
	if (!SANITIZED) /* there, each read section calls it */
		assert_int_equal(atomic_load(&asked), 1);
}

static void *read_in_the_child(void *arg)
{
	pid_t child;

	rcu_enter(); /* this thread is one of those that the child has */
	rcu_leave();
	child = fork();
	if (child == 0) {
		alarm(60);
		rcu_enter();
		rcu_leave();
		atomic_store(&readers, 0);
		have_readers(MANY);
		_exit(!SANITIZED && atomic_load(&asked) != 1);
	}
	must_end_well(child);
	return arg;
}

/* Beside threads that register, and end, all the time. */
static void *come_and_go(void *arg)
{
	while (!atomic_load((atomic_bool *)arg)) {
		pthread_t thread = start(read_until_told, NULL);

		finish(thread);
	}
	return NULL;
}

static void a_child_has_records_for_all_its_threads(void **state)
{
	atomic_bool stop = false;
	pthread_t threads[3];

	(void)state;
	if (SANITIZED || EMULATED)
		SKIP("a child may find locks taken of what runs it");
	atomic_store(&go, true);
	for (unsigned i = 0; i < 3; i++)
		threads[i] = start(come_and_go, &stop);
	for (unsigned i = 0; i < 10; i++)
		finish(start(read_in_the_child, NULL));
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 3; i++)
		finish(threads[i]);
}

static atomic_bool locked, waited;

/* liburcu's locks, as those of a thread that forks. */
static void *keep_liburcus_locks(void *arg)
{
	urcu_bp_before_fork();
	atomic_store(&locked, true);
	while (!atomic_load((atomic_bool *)arg))
		sleep_ms(1);
	urcu_bp_after_fork_parent();
	return NULL;
}

static void *wait_an_epoch(void *arg)
{
	rcu_wait_epoch();
	atomic_store(&waited, true);
	return arg;
}

static void an_epoch_waits_for_this_thread(void)
{
	pthread_t thread;

	atomic_store(&waited, false);
	rcu_enter();
	thread = start(wait_an_epoch, NULL);
	sleep_ms(20);
	MUST(!atomic_load(&waited));
	rcu_leave();
	finish(thread);
}

static void use_readers_in_a_child(bool settles)
{
	pid_t child;

	alarm(60);
	if (settles)
		fork_settle();
	have_readers(3);
	an_epoch_waits_for_this_thread();
	have_readers(MANY);
	child = fork(); /* which runs the handlers */
	if (child == 0) {
		alarm(60);
		an_epoch_waits_for_this_thread();
		have_readers(MANY);
		_exit(0);
	}
	must_end_well(child);
	have_readers(MANY);
	_exit(0);
}

/* The fork is in a read section, as a handler's may be, so it can't wait for the locks. */
static void a_child_that_lost_liburcus_locks_does_without(void **state)
{
	atomic_bool stop = false;
	pthread_t keeper, waiter;
	uint64_t begun = rcu_epochs_begun();

	(void)state;
	if (SANITIZED || EMULATED)
		SKIP("a child may find locks taken of what runs it");
	atomic_store(&locked, false);
	keeper = start(keep_liburcus_locks, &stop);
	while (!atomic_load(&locked))
		sched_yield();
	waiter = start(wait_an_epoch, NULL); /* and so the lock of epochs is taken, too */
	while (rcu_epochs_begun() == begun)
		sched_yield();
	for (int settles = 0; settles < 2; settles++) {
		pid_t child;

		rcu_enter();
		child = fork();
		rcu_leave();
		if (child == 0)
			use_readers_in_a_child(settles);
		must_end_well(child);
	}
	atomic_store(&stop, true);
	finish(keeper);
	finish(waiter);
}

static void read_in_handler(int signal)
{
	(void)signal;
	rcu_enter();
	rcu_leave();
}

static void *first_read_by_handler(void *arg)
{
	raise(SIGUSR1);
	rcu_enter();
	rcu_leave();
	return arg;
}

static void a_handler_may_be_the_first_to_read(void **state)
{
	(void)state;
	signal(SIGUSR1, read_in_handler);
	for (unsigned i = 0; i < MANY; i++)
		finish(start(first_read_by_handler, NULL));
	if (!SANITIZED)
		assert_int_equal(atomic_load(&asked), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(liburcu_registers_none),
		cmocka_unit_test(a_child_has_records_for_all_its_threads),
		cmocka_unit_test(a_child_that_lost_liburcus_locks_does_without),
		cmocka_unit_test(a_handler_may_be_the_first_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
