/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores with KSEM_UNDO, in private and in shared namespaces: what a process holds, and when it comes back. The
 * deaths of OS processes are the business of sharing_undo.
 */
#include "../support.h"

#define LIMIT 5

static ksem_id_t make_with(struct world *world, uint32_t order, uint32_t flags)
{
	struct ksem_attr attr = {.size = sizeof(attr), .limit = LIMIT, .order = order, .flags = KSEM_UNDO | flags};
	ksem_id_t id;

	OK(ksem_open_attr(world->proc, "/undo", O_CREAT | O_EXCL, 0600, &attr, LIMIT, &id));
	return id;
}

static void unmake(struct world *world, ksem_id_t id)
{
	OK(ksem_close(world->proc, id));
	OK(ksem_unlink(world->proc, "/undo"));
}

static void has(struct world *world, ksem_id_t id, unsigned value, unsigned held)
{
	struct ksem_info info = info_of(world->proc, id);

	assert_int_equal(info.value, value);
	assert_int_equal(info.held, held);
	assert_int_equal(value_of(world->proc, id), value);
}

static void no_more_is_given_back_than_is_held(void **state)
{
	struct world *world = *state;

	for (uint32_t order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		ksem_id_t id = make_with(world, order, 0);
		unsigned got, which;

		assert_int_equal(info_of(world->proc, id).flags, KSEM_UNDO);
		FAILS(EPERM, ksem_post(world->proc, id));
		FAILS(EPERM, ksem_post_many(world->proc, id, LIMIT));
		OK(ksem_post_many(world->proc, id, 0));
		OK(ksem_trywait(world->proc, id));
		OK(ksem_trywait_any(world->proc, &id, 1, &which));
		OK(ksem_wait(world->proc, id));
		has(world, id, LIMIT - 3, 3);
		FAILS(EAGAIN, ksem_trywait_many(world->proc, id, 3));
		OK(ksem_trywait_upto(world->proc, id, LIMIT, &got));
		assert_int_equal(got, LIMIT - 3);
		FAILS(EAGAIN, ksem_trywait_upto(world->proc, id, LIMIT, &got));
		assert_int_equal(got, LIMIT - 3);
		has(world, id, 0, LIMIT);
		FAILS(EAGAIN, ksem_trywait(world->proc, id));
		FAILS(EPERM, ksem_post_many(world->proc, id, LIMIT + 1));
		FAILS(EPERM, ksem_post_many(world->proc, id, UINT32_MAX));
		has(world, id, 0, LIMIT);
		OK(ksem_post_many(world->proc, id, LIMIT - 1));
		FAILS(EPERM, ksem_post_many(world->proc, id, 2));
		OK(ksem_post(world->proc, id));
		has(world, id, LIMIT, 0);
		unmake(world, id);
	}
}

static void it_can_not_be_pinned(void **state)
{
	struct world *world = *state;
	ksem_id_t id = make_with(world, KSEM_FIFO, 0);
	struct ksem *pin = (struct ksem *)&id;

	FAILS(ENOTSUP, ksem_pin(world->proc, id, &pin));
	assert_ptr_equal(pin, &id);
	unmake(world, id);
}

static void its_process_holds_what_a_queue_is_granted(void **state)
{
	struct world *world = *state;
	ksem_id_t id = make_with(world, KSEM_FIFO, 0);
	struct ksem_cq *cq;

	OK(ksem_cq_create(world->proc, &cq));
	OK(ksem_cq_submit(cq, id, LIMIT, CLOCK_MONOTONIC, NULL, 1));
	OK(ksem_cq_submit(cq, id, 1, CLOCK_MONOTONIC, NULL, 2));
	has(world, id, 0, LIMIT);
	OK(ksem_post(world->proc, id));
	FAILS(EPERM, ksem_post_many(world->proc, id, LIMIT + 1));
	has(world, id, 0, LIMIT);
	OK(ksem_cq_destroy(cq)); /* posts what wasn't reaped: as many as were submitted, of which one was posted */
	has(world, id, LIMIT, 0);
	unmake(world, id);
}

static void a_queue_that_ends_gives_back_what_is_still_held(void **state)
{
	struct world *world = *state;
	ksem_id_t id = make_with(world, KSEM_FIFO, 0), same;
	struct ksem_proc *other = world_user(world, 0, 0);
	struct ksem_cq *cq;

	OK(ksem_open(other, "/undo", 0, 0, 0, &same));
	OK(ksem_trywait(other, same));
	OK(ksem_cq_create(world->proc, &cq));
	OK(ksem_cq_submit(cq, id, 3, CLOCK_MONOTONIC, NULL, 1));
	OK(ksem_post(world->proc, id));
	has(world, id, LIMIT - 3, 3);
	OK(ksem_cq_destroy(cq));
	has(world, id, LIMIT - 1, 1); /* the other process's */
	OK(ksem_proc_exit(other));
	has(world, id, LIMIT, 0);
	unmake(world, id);
}

static void each_process_holds_for_itself(void **state)
{
	struct world *world = *state;
	ksem_id_t id = make_with(world, KSEM_BARGING, 0), same;
	struct ksem_proc *other, *child;

	other = world_user(world, 0, 0);
	OK(ksem_open(other, "/undo", 0, 0, 0, &same));
	OK(ksem_trywait(world->proc, id));
	FAILS(EPERM, ksem_post(other, same));
	OK(ksem_trywait(other, same));
	OK(ksem_proc_fork(other, &child));
	FAILS(EPERM, ksem_post(child, same));
	OK(ksem_trywait_many(child, same, 2));
	has(world, id, 1, 4);
	OK(ksem_proc_exit(other));
	has(world, id, 2, 3);
	OK(ksem_proc_exec(child));
	has(world, id, 4, 1);
	OK(ksem_proc_exit(child));
	OK(ksem_post(world->proc, id));
	has(world, id, LIMIT, 0);
	unmake(world, id);
}

static void the_last_reference_takes_permits_along(void **state)
{
	struct world *world = *state;
	ksem_id_t id = make_with(world, KSEM_LIFO, 0), same;

	OK(ksem_trywait_many(world->proc, id, 2));
	OK(ksem_open(world->proc, "/undo", 0, 0, 0, &same));
	OK(ksem_close(world->proc, id));
	has(world, id, LIMIT - 2, 2);
	OK(ksem_close(world->proc, id));
	FAILS(EINVAL, ksem_post(world->proc, id));
	OK(ksem_open(world->proc, "/undo", 0, 0, 0, &id));
	has(world, id, LIMIT, 0);
	unmake(world, id);
}

static void an_anonymous_one_is_destroyed_with_what_was_held(void **state)
{
	struct ksem_attr attr = {.size = sizeof(attr), .limit = 2, .flags = KSEM_UNDO};
	struct world *world = *state;
	struct ksem_proc *child;
	ksem_id_t id;

	OK(ksem_init_attr(world->proc, &attr, 2, &id));
	OK(ksem_proc_fork(world->proc, &child));
	OK(ksem_trywait_many(child, id, 2));
	OK(ksem_destroy(child, id)); /* the parent has it, too */
	has(world, id, 2, 0);
	OK(ksem_trywait(world->proc, id));
	OK(ksem_destroy(world->proc, id));
	OK(ksem_proc_exit(child));
	assert_int_equal(semaphores_in(world->ns), 0);
}

struct sleeper {
	struct ksem_proc *proc;
	ksem_id_t id;
	unsigned n;
	int error;
};

static void *sleep_there(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->error = ksem_wait_many(sleeper->proc, sleeper->id, sleeper->n, CLOCK_MONOTONIC, NULL);
	return NULL;
}

/* What comes back goes to who waits. */
static void the_last_reference_stays_while_a_thread_waits(void **state)
{
	struct world *world = *state;

	for (uint32_t order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		ksem_id_t id = make_with(world, order, 0), same;
		struct sleeper sleeper = {world->proc, id, 3, -1};
		struct ksem_proc *other;
		pthread_t thread;

		other = world_user(world, 0, 0);
		OK(ksem_open(other, "/undo", 0, 0, 0, &same));
		OK(ksem_trywait_many(other, same, LIMIT));
		thread = start(sleep_there, &sleeper);
		until_waiting(world->proc, id, 1);
		FAILS(EBUSY, ksem_close(world->proc, id));
		FAILS(EBUSY, ksem_proc_exec(world->proc));
		FAILS(EBUSY, ksem_proc_exit(world->proc));
		OK(ksem_close(other, same));
		finish(thread);
		OK(sleeper.error);
		OK(ksem_proc_exit(other));
		has(world, id, LIMIT - 3, 3);
		OK(ksem_post_many(world->proc, id, 3));
		unmake(world, id);
	}
}

static void a_wait_that_ends_otherwise_holds_none(void **state)
{
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 1);
	struct world *world = *state;
	ksem_id_t id = make_with(world, KSEM_FIFO, KSEM_METRICS);
	struct sleeper sleeper = {world->proc, id, 2, -1};
	pthread_t thread;

	OK(ksem_trywait_many(world->proc, id, LIMIT - 1));
	FAILS(ETIMEDOUT, ksem_wait_many(world->proc, id, 2, CLOCK_MONOTONIC, &soon));
	thread = start(sleep_there, &sleeper);
	until_waiting(world->proc, id, 1);
	OK(ksem_shutdown(world->proc, id));
	finish(thread);
	assert_int_equal(sleeper.error, ESHUTDOWN);
	has(world, id, 1, LIMIT - 1);
	OK(ksem_trywait(world->proc, id));
	OK(ksem_post_many(world->proc, id, LIMIT));
	has(world, id, LIMIT, 0);
	unmake(world, id);
}

static void a_lowered_limit_is_paid_by_what_comes_back(void **state)
{
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	struct world *world = *state;
	ksem_id_t id = make_with(world, KSEM_FIFO, KSEM_METRICS), same;
	struct ksem_proc *other;

	other = world_user(world, 0, 0);
	OK(ksem_open(other, "/undo", 0, 0, 0, &same));
	OK(ksem_trywait_many(other, same, 4));
	OK(ksem_set_limit(world->proc, id, 2)); /* it owes 2 */
	has(world, id, 0, 4);
	OK(ksem_proc_exit(other));
	has(world, id, 2, 0);
	OK(ksem_metrics(world->proc, id, &metrics));
	assert_int_equal(metrics.undone, 4);
	unmake(world, id);
}

static void a_forks_child_holds_none(void **state)
{
	struct world *world = *state;
	ksem_id_t id = make_with(world, KSEM_FIFO, 0);
	unsigned value = getenv("KSEM_TEST_SHARED") ? LIMIT - 2 : LIMIT; /* a private namespace is the child's own */
	pid_t child;
	int status;

	OK(ksem_trywait_many(world->proc, id, 2));
	child = fork();
	MUST(child >= 0);
	if (child == 0) {
		MUST(ksem_post(world->proc, id) == EPERM);
		MUST(value_of(world->proc, id) == value);
		MUST(ksem_trywait(world->proc, id) == 0);
		MUST(ksem_post_many(world->proc, id, 2) == EPERM);
		MUST(ksem_post(world->proc, id) == 0);
		_exit(0);
	}
	MUST(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	has(world, id, LIMIT - 2, 2);
	OK(ksem_post_many(world->proc, id, 2));
	unmake(world, id);
}

static _Atomic(pid_t) forked = -1; /* the child */

static void fork_here(int signal)
{
	int saved = errno;

	(void)signal;
	forked = fork();
	errno = saved;
}

static struct {
	struct sleeper holder;
	pthread_t waiter;
} scene;

static void *interrupt_and_give_back(void *arg)
{
	(void)arg;
	until_waiting(scene.holder.proc, scene.holder.id, 1);
	MUST(pthread_kill(scene.waiter, SIGUSR1) == 0);
	while (forked < 0)
		sleep_ms(1);
	MUST(ksem_proc_exit(scene.holder.proc) == 0);
	return NULL;
}

/* Parent and child wait on, each for itself. In a private namespace the child has what was held at once. */
static void a_forks_child_waits_for_itself(void **state)
{
	struct sigaction action = {.sa_handler = fork_here, .sa_flags = SA_RESTART}, before;
	struct world *world = *state;
	pthread_t thread;
	ksem_id_t id;
	int status;

	if (THREAD_SANITIZED && getenv("KSEM_TEST_SHARED")) /* there a child that waits starts a thread */
		SKIP("ThreadSanitizer lets no such child start a thread");
	id = make_with(world, KSEM_FIFO, 0);
	scene.holder.proc = world_user(world, 0, 0);
	OK(ksem_open(scene.holder.proc, "/undo", 0, 0, 0, &scene.holder.id));
	OK(ksem_trywait_many(scene.holder.proc, scene.holder.id, LIMIT));
	scene.waiter = pthread_self();
	sigaction(SIGUSR1, &action, &before);
	thread = start(interrupt_and_give_back, NULL);
	MUST(ksem_wait_many(world->proc, id, 2, CLOCK_MONOTONIC, NULL) == 0);
	if (forked == 0) {
		MUST(ksem_post_many(world->proc, id, 2) == 0);
		MUST(ksem_post(world->proc, id) == EPERM);
		_exit(0);
	}
	finish(thread);
	sigaction(SIGUSR1, &before, NULL);
	MUST(waitpid(forked, &status, 0) == forked);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	has(world, id, LIMIT - 2, 2);
	OK(ksem_post_many(world->proc, id, 2));
	unmake(world, id);
}

/* ---- Many threads. ---- */

#define THREADS 4
#define TAKES   ROUNDS(2000)

static void *take_and_give(void *arg)
{
	struct sleeper *own = arg;

	for (unsigned i = 0; i < TAKES; i++) {
		unsigned n = 1 + (i + own->n) % 3;

		MUST(ksem_wait_many(own->proc, own->id, n, CLOCK_MONOTONIC, NULL) == 0);
		if (i % 50 == 49 && own->n > 0) { /* all goes back */
			MUST(ksem_proc_exec(own->proc) == 0);
			MUST(ksem_open(own->proc, "/undo", 0, 0, 0, &own->id) == 0);
		} else {
			MUST(ksem_post_many(own->proc, own->id, n) == 0);
		}
	}
	return NULL;
}

static void nothing_is_lost_among_threads(void **state)
{
	struct world *world = *state;

	for (uint32_t order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		ksem_id_t id = make_with(world, order, 0);
		struct sleeper own[THREADS];
		pthread_t threads[THREADS];

		for (unsigned i = 0; i < THREADS; i++) {
			own[i] = (struct sleeper){world->proc, id, i, 0};
			if (i > 0) {
				own[i].proc = world_user(world, 0, 0);
				OK(ksem_open(own[i].proc, "/undo", 0, 0, 0, &own[i].id));
			}
			threads[i] = start(take_and_give, &own[i]);
		}
		for (unsigned i = 0; i < THREADS; i++) {
			finish(threads[i]);
			if (i > 0)
				OK(ksem_proc_exit(own[i].proc));
		}
		has(world, id, LIMIT, 0);
		unmake(world, id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(no_more_is_given_back_than_is_held),
		world_test(it_can_not_be_pinned),
		world_test(its_process_holds_what_a_queue_is_granted),
		world_test(a_queue_that_ends_gives_back_what_is_still_held),
		world_test(each_process_holds_for_itself),
		world_test(the_last_reference_takes_permits_along),
		world_test(an_anonymous_one_is_destroyed_with_what_was_held),
		world_test(the_last_reference_stays_while_a_thread_waits),
		world_test(a_wait_that_ends_otherwise_holds_none),
		world_test(a_lowered_limit_is_paid_by_what_comes_back),
		world_test(a_forks_child_holds_none),
		world_test(a_forks_child_waits_for_itself),
		world_test(nothing_is_lost_among_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
