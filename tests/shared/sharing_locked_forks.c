/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forks while a lock is held.
 *
 * Two threads fork at the same time: one as programs do, and the other in a read section, as a signal handler may,
 * while the first holds a lock for its fork. The second's child finds that lock taken, and no thread that would ever
 * release it. Yet it can use its semaphores.
 *
 * And a thread that posts forks in a signal handler while it has the lock of a completion queue.
 */
#include "../support.h"

#include <sys/prctl.h>

#include "base/rcu.h"

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

#define CHILDREN 100
#define PATIENCE 30000 /* ms, for a child that takes a few */

static pid_t parent; /* while its first thread forks; else 0 */
static pthread_t first;
static atomic_uint wanted, forked; /* forks of the second thread */
static atomic_bool over;
static pid_t children[CHILDREN];
static struct world *world;
static ksem_id_t sem;

/* At each lock that the first thread has taken for its fork, the second forks. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int error = __real_pthread_mutex_lock(mutex);
	unsigned want;

	if (parent != getpid() || !pthread_equal(first, pthread_self()) || atomic_load(&wanted) == CHILDREN)
		return error;
	want = atomic_fetch_add(&wanted, 1) + 1;
	while (atomic_load(&forked) < want)
		sched_yield();
	return error;
}

/* ---- A post that serves a queue. ---- */

int __real_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex);

static unsigned trylocks; /* of the thread that posts, until it forks; 0: it doesn't */

/* As a signal handler would. The child leaves the handler by _exit. */
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	int error = __real_pthread_mutex_trylock(mutex);
	pid_t child;

	if (trylocks == 0 || --trylocks > 0)
		return error;
	MUST(error == 0);
	sleep_ms(20); /* the queue's thread, which the post has woken, comes to the lock, too */
	child = fork();
	if (child == 0)
		_exit(0);
	must_end_well(child);
	return error;
}

static void a_post_that_serves_a_queue_may_fork(void **state)
{
	struct ksem_completion done;
	struct ksem_cq *cq;
	struct ksem *pin;
	unsigned count = 0;

	world = *state;
	OK(ksem_init(world->proc, 0, &sem));
	OK(ksem_pin(world->proc, sem, &pin));
	OK(ksem_cq_create(world->proc, &cq));
	OK(ksem_cq_submit(cq, sem, 1, CLOCK_MONOTONIC, NULL, 7));
	sleep_ms(20); /* its thread sleeps */
	alarm(60);
	trylocks = 2; /* the list of queues, and the queue */
	OK(ksem_pinned_post(pin));
	assert_int_equal(trylocks, 0);
	while (count == 0) {
		int got = ksem_cq_reap(cq, &done, 1, &count);

		MUST(got == 0 || got == EAGAIN);
	}
	alarm(0);
	assert_int_equal(done.user_data, 7);
	OK(ksem_cq_destroy(cq));
	ksem_unpin(pin);
	OK(ksem_post(world->proc, sem));
	OK(ksem_destroy(world->proc, sem));
}

/* ---- Two threads that fork. ---- */

static void use_semaphores(void)
{
	struct ksem_info info;
	ksem_id_t other;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* if the test fails */
	MUST(ksem_stat(world->proc, sem, &info) == 0);
	MUST(ksem_wait(world->proc, sem) == 0 && ksem_post(world->proc, sem) == 0);
	MUST(ksem_open(world->proc, "/other", O_CREAT, 0600, 1, &other) == 0 && ksem_close(world->proc, other) == 0);
	MUST(ksem_proc_exit(world->proc) == 0);
	_exit(0);
}

static void *fork_in_a_read_section(void *arg)
{
	while (!atomic_load(&over)) {
		unsigned n = atomic_load(&forked);
		pid_t child;

		if (atomic_load(&wanted) == n) {
			sched_yield();
			continue;
		}
		rcu_enter();
		child = fork();
		rcu_leave();
		MUST(child >= 0);
		if (child == 0)
			use_semaphores();
		children[n] = child;
		atomic_store(&forked, n + 1);
	}
	return arg;
}

/* It blocks signals while it repairs what it inherited, so no alarm would end it. */
static void must_end_in_time(pid_t child)
{
	int status = 0, waited = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (waited++ == PATIENCE)
			kill(child, SIGKILL);
		sleep_ms(1);
	}
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_child_needs_no_lock_of_another_threads_fork(void **state)
{
	pthread_t second;

	if (SANITIZED || EMULATED)
		SKIP("a child may find locks taken of what runs it");
	world = *state;
	OK(ksem_init_attr(world->proc, ATTR(.limit = 2, .flags = KSEM_UNDO), 2, &sem));
	second = start(fork_in_a_read_section, NULL);
	first = pthread_self();
	for (int i = 0; i < 3; i++) { /* the first fork finds less prepared than those that follow */
		pid_t child;

		parent = getpid();
		child = fork();
		if (child == 0)
			use_semaphores();
		parent = 0;
		MUST(child > 0);
		must_end_in_time(child);
	}
	assert_true(atomic_load(&forked) > 0);
	for (unsigned i = 0; i < atomic_load(&forked); i++)
		must_end_in_time(children[i]);
	atomic_store(&over, true);
	finish(second);
	OK(ksem_unlink(world->proc, "/other"));
	OK(ksem_destroy(world->proc, sem));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(a_child_needs_no_lock_of_another_threads_fork),
		world_test(a_post_that_serves_a_queue_may_fork),
	};

	setenv("KSEM_TEST_SHARED", "1", 1);
	needs_root_to_share();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
