/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real forks of a host with threads. Whatever the parent's threads were doing, the child can use its copy: inherited
 * semaphores, new ones, exit of its processes, destruction of its namespace. A child that hangs is ended by its own
 * alarm, and fails the test.
 */
#include "support.h"

#define CHILD_SECONDS 60 /* before a child is taken to hang */
#define FORKS         ROUNDS(60)

static struct host {
	struct world *world;
	ksem_id_t busy;   /* posted and taken by threads */
	ksem_id_t asleep; /* waited for, by id and pinned */
	ksem_id_t named;  /* opened by all of it */
	struct ksem *pin; /* of asleep */
	atomic_bool stop;
	atomic_long taken; /* permits that threads hold of busy */
} host;

/* ---- What the parent's threads do. ---- */

static void *post_and_wait(void *arg)
{
	(void)arg;
	while (!atomic_load(&host.stop)) {
		MUST(ksem_wait(host.world->proc, host.busy) == 0);
		MUST(ksem_post(host.world->proc, host.busy) == 0);
	}
	return NULL;
}

static void *make_and_destroy(void *arg)
{
	(void)arg;
	while (!atomic_load(&host.stop)) {
		ksem_id_t id;

		MUST(ksem_init(host.world->proc, 0, &id) == 0);
		MUST(ksem_destroy(host.world->proc, id) == 0);
	}
	return NULL;
}

static void *open_and_unlink(void *arg)
{
	(void)arg;
	while (!atomic_load(&host.stop)) {
		ksem_id_t id;

		MUST(ksem_open(host.world->proc, "/churn", O_CREAT, 0600, 0, &id) == 0);
		MUST(ksem_unlink(host.world->proc, "/churn") == 0);
		MUST(ksem_close(host.world->proc, id) == 0);
	}
	return NULL;
}

static void *fork_and_exit_processes(void *arg)
{
	(void)arg;
	while (!atomic_load(&host.stop)) {
		struct ksem_proc *child;

		MUST(ksem_proc_fork(host.world->proc, &child) == 0);
		MUST(ksem_proc_exec(child) == 0);
		MUST(ksem_proc_exit(child) == 0);
	}
	return NULL;
}

static void *sleep_by_id(void *arg)
{
	(void)arg;
	MUST(ksem_wait(host.world->proc, host.asleep) == 0);
	return NULL;
}

static void *sleep_pinned(void *arg)
{
	(void)arg;
	MUST(ksem_pinned_wait(host.pin) == 0);
	return NULL;
}

static void *sleep_for_a_short_while(void *arg)
{
	(void)arg;
	while (!atomic_load(&host.stop)) {
		struct timespec soon = in_ms(CLOCK_MONOTONIC, 1);

		MUST(ksem_clockwait(host.world->proc, host.asleep, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
	}
	return NULL;
}

/* ---- What a child does. ---- */

static void use_everything(struct ksem_proc *proc)
{
	struct timespec past = {0, 0};
	ksem_id_t id;

	MUST(ksem_post(proc, host.busy) == 0);
	MUST(ksem_wait(proc, host.busy) == 0);
	MUST(ksem_pinned_post(host.pin) == 0);
	MUST(ksem_pinned_wait(host.pin) == 0);
	MUST(ksem_clockwait(proc, host.asleep, CLOCK_REALTIME, &past) == ETIMEDOUT);
	for (int i = 0; i < 100; i++) {
		MUST(ksem_init(proc, 1, &id) == 0);
		MUST(ksem_trywait(proc, id) == 0);
		MUST(ksem_destroy(proc, id) == 0);
	}
	MUST(ksem_open(proc, "/child", O_CREAT | O_EXCL, 0600, 1, &id) == 0);
	MUST(ksem_unlink(proc, "/child") == 0);
	MUST(ksem_close(proc, id) == 0);
}

/*
 * All of it, then the end of it: nobody waits here, whoever waits in the parent. `others`: threads of it may have
 * processes.
 */
static void live_and_end(bool others)
{
	struct ksem_proc *proc = host.world->proc;
	unsigned semaphores = 0;

	alarm(CHILD_SECONDS);
	use_everything(proc);
	MUST(info_of(proc, host.asleep).waiters == 0);
	MUST(ksem_destroy(proc, host.asleep) == 0 || others); /* another process of the parent's may hold it too */
	MUST(ksem_close(proc, host.named) == 0);
	MUST(ksem_ns_foreach(host.world->ns, visit_and_count, &semaphores) == 0);
	MUST(semaphores > 0);
	MUST(ksem_proc_exit(proc) == 0);
	if (!others) {
		ksem_unpin(host.pin);
		MUST(ksem_ns_destroy(host.world->ns) == 0);
	}
	_exit(0);
}

static void fork_one(bool others)
{
	pid_t child = fork();

	if (child == 0)
		live_and_end(others);
	must_end_well(child);
}

static int setup(void **state)
{
	world_setup(state);
	memset(&host, 0, sizeof(host));
	host.world = *state;
	OK(ksem_init(host.world->proc, 3, &host.busy));
	OK(ksem_init(host.world->proc, 0, &host.asleep));
	OK(ksem_open(host.world->proc, "/named", O_CREAT, 0600, 0, &host.named));
	OK(ksem_pin(host.world->proc, host.asleep, &host.pin));
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(value_of(host.world->proc, host.busy), 3);
	assert_int_equal(info_of(host.world->proc, host.asleep).waiters, 0);
	ksem_unpin(host.pin);
	OK(ksem_destroy(host.world->proc, host.asleep));
	return world_teardown(state);
}

static void beside(void *(*const *bodies)(void *), int n, bool others)
{
	pthread_t thread[8];

	for (int i = 0; i < n; i++)
		thread[i] = start(bodies[i], NULL);
	for (int i = 0; i < FORKS; i++)
		fork_one(others);
	atomic_store(&host.stop, true);
	for (int i = 0; i < n; i++)
		finish(thread[i]);
}

static void a_child_lives_beside_threads_that_post_and_wait(void **state)
{
	void *(*const bodies[])(void *) = {post_and_wait, post_and_wait, sleep_for_a_short_while};

	(void)state;
	/*
	 * A thread may hold a permit of `busy` as the host forks, which in the child nobody gives back: there are
	 * enough.
	 */
	beside(bodies, 3, false);
}

static void a_child_lives_beside_threads_that_change_every_table(void **state)
{
	void *(*const bodies[])(void *) = {make_and_destroy, open_and_unlink, post_and_wait};

	(void)state;
	beside(bodies, 3, false);
}

static void a_child_lives_beside_processes_that_come_and_go(void **state)
{
	void *(*const bodies[])(void *) = {fork_and_exit_processes, make_and_destroy};

	(void)state;
	beside(bodies, 2, true);
}

static void waiters_of_the_parent_do_not_wait_in_the_child(void **state)
{
	pthread_t by_id, pinned;

	(void)state;
	by_id = start(sleep_by_id, NULL);
	pinned = start(sleep_pinned, NULL);
	until_waiting(host.world->proc, host.asleep, 2);
	for (int i = 0; i < 10; i++)
		fork_one(false);
	assert_int_equal(info_of(host.world->proc, host.asleep).waiters, 2);
	OK(ksem_post_many(host.world->proc, host.asleep, 2));
	finish(by_id);
	finish(pinned);
}

/* In the child nothing keeps the semaphore of which the parent's waiter was the last keeper. */
static void a_semaphore_that_only_a_waiter_of_the_parent_kept_is_gone_in_the_child(void **state)
{
	struct ksem *pin;
	pthread_t thread;
	ksem_id_t id;
	unsigned before = 0, after = 0;
	pid_t child;

	(void)state;
	OK(ksem_ns_foreach(host.world->ns, visit_and_count, &before));
	id = host.asleep;
	OK(ksem_open(host.world->proc, "/kept", O_CREAT, 0600, 0, &host.asleep));
	OK(ksem_pin(host.world->proc, host.asleep, &pin));
	thread = start(sleep_by_id, NULL);
	until_waiting(host.world->proc, host.asleep, 1);
	OK(ksem_unlink(host.world->proc, "/kept"));
	OK(ksem_close(host.world->proc, host.asleep));
	host.asleep = id;
	child = fork();
	if (child == 0) {
		alarm(CHILD_SECONDS);
		ksem_unpin(pin);
		MUST(ksem_ns_foreach(host.world->ns, visit_and_count, &after) == 0);
		_exit(after != before);
	}
	must_end_well(child);
	OK(ksem_pinned_post(pin));
	ksem_unpin(pin);
	finish(thread);
	after = 0;
	OK(ksem_ns_foreach(host.world->ns, visit_and_count, &after));
	assert_int_equal(after, before);
}

static void *fork_some(void *arg)
{
	(void)arg;
	for (int i = 0; i < FORKS / 4; i++)
		fork_one(false);
	return NULL;
}

static void threads_may_fork_at_the_same_time(void **state)
{
	pthread_t thread[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		thread[i] = start(i == 0 ? make_and_destroy : fork_some, NULL);
	for (int i = 1; i < 3; i++)
		finish(thread[i]);
	atomic_store(&host.stop, true);
	finish(thread[0]);
}

static void a_child_may_fork(void **state)
{
	pthread_t thread;
	pid_t child;

	(void)state;
	thread = start(make_and_destroy, NULL);
	child = fork();
	if (child == 0) {
		alarm(CHILD_SECONDS);
		use_everything(host.world->proc);
		fork_one(false);
		live_and_end(false);
	}
	must_end_well(child);
	atomic_store(&host.stop, true);
	finish(thread);
}

static void a_child_may_exec(void **state)
{
	pthread_t thread;
	pid_t child;

	(void)state;
	thread = start(make_and_destroy, NULL);
	child = fork();
	if (child == 0)
		execl("/bin/true", "true", (char *)NULL);
	must_end_well(child);
	atomic_store(&host.stop, true);
	finish(thread);
}

/* ---- A fork from a signal handler that interrupted a wait. ---- */

static _Atomic pid_t forked;

static void fork_in_handler(int signal)
{
	(void)signal;
	forked = fork();
	if (forked == 0) {
		alarm(CHILD_SECONDS);
		MUST(ksem_post(host.world->proc, host.asleep) == 0); /* for the thread's own wait */
	}
}

static void *wait_and_be_forked(void *arg)
{
	(void)arg;
	MUST(ksem_wait(host.world->proc, host.asleep) == 0);
	if (forked != 0)
		return NULL;
	/* The child: its only thread had waited, and goes on here. */
	MUST(info_of(host.world->proc, host.asleep).waiters == 0);
	MUST(ksem_proc_exec(host.world->proc) == 0);
	_exit(0);
}

static void a_handler_that_interrupted_a_wait_may_fork(void **state)
{
	struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART}, before;
	pthread_t thread;

	(void)state;
	if (THREAD_SANITIZED)
		skip(); /* which, after a fork from a handler, takes locks for held that the child has let go */
	forked = -1;
	OK(sigaction(SIGUSR1, &action, &before));
	thread = start(wait_and_be_forked, NULL);
	until_waiting(host.world->proc, host.asleep, 1);
	sleep_ms(20);
	OK(pthread_kill(thread, SIGUSR1));
	while (atomic_load(&forked) == -1)
		sched_yield();
	OK(ksem_post(host.world->proc, host.asleep));
	finish(thread);
	must_end_well(forked);
	OK(sigaction(SIGUSR1, &before, NULL));
}

/* ---- _Fork() from a signal handler that interrupted the allocator. ---- */

static atomic_int forks;

static void post_in_child_of_handler(int signal)
{
	pid_t child = _Fork();
	int status;

	(void)signal;
	if (child == 0) {
		alarm(CHILD_SECONDS);
		_exit(ksem_post(host.world->proc, host.asleep));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		abort();
	atomic_fetch_add(&forks, 1);
}

static void *allocate(void *arg)
{
	while (!atomic_load(&host.stop))
		free(malloc(rand_r(arg) % 100000));
	return NULL;
}

static void a_handler_that_interrupted_malloc_may_call__Fork_and_post(void **state)
{
	struct sigaction action = {.sa_handler = post_in_child_of_handler, .sa_flags = SA_RESTART}, before;
	pthread_t threads[2];
	unsigned seeds[2] = {1, 2};

	(void)state;
	if (SANITIZED)
		skip(); /* its runtime takes locks in the child */
	OK(sigaction(SIGUSR1, &action, &before));
	for (int i = 0; i < 2; i++)
		threads[i] = start(allocate, &seeds[i]);
	for (int done = 0; done < FORKS; done++) {
		OK(pthread_kill(threads[done % 2], SIGUSR1));
		while (atomic_load(&forks) == done)
			sched_yield();
	}
	atomic_store(&host.stop, true);
	for (int i = 0; i < 2; i++)
		finish(threads[i]);
	OK(sigaction(SIGUSR1, &before, NULL));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_child_lives_beside_threads_that_post_and_wait),
		test(a_child_lives_beside_threads_that_change_every_table),
		test(a_child_lives_beside_processes_that_come_and_go),
		test(waiters_of_the_parent_do_not_wait_in_the_child),
		test(a_semaphore_that_only_a_waiter_of_the_parent_kept_is_gone_in_the_child),
		test(threads_may_fork_at_the_same_time),
		test(a_child_may_fork),
		test(a_child_may_exec),
		test(a_handler_that_interrupted_a_wait_may_fork),
		test(a_handler_that_interrupted_malloc_may_call__Fork_and_post),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
