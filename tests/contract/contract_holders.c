/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem_holders, of one OS process: what all its ksem_procs have of a semaphore is told at once, and its visit may do
 * what it likes. tests/shared/sharing_holders.c has more processes.
 */
#include "../support.h"

struct seen {
	unsigned visits;
	int result; /* of the visit */
	struct ksem_holder last;
};

static int see(const struct ksem_holder *holder, void *arg)
{
	struct seen *seen = arg;

	seen->visits++;
	seen->last = *holder;
	return seen->result;
}

/* This OS process, which alone has it. */
static struct ksem_holder this_process(struct ksem_proc *proc, ksem_id_t id)
{
	struct seen seen = {.visits = 0};

	OK(ksem_holders(proc, id, see, &seen));
	assert_int_equal(seen.visits, 1);
	assert_int_equal(seen.last.pid, getpid());
	return seen.last;
}

static void wrong_arguments(void **state)
{
	struct world *world = *state;
	struct seen seen = {.visits = 0};
	ksem_id_t id;

	OK(ksem_init(world->proc, 1, &id));
	FAILS(EINVAL, ksem_holders(NULL, id, NULL, NULL));
	FAILS(EINVAL, ksem_holders(NULL, id, see, &seen));
	FAILS(EFAULT, ksem_holders(world->proc, id, NULL, NULL));
	FAILS(EFAULT, ksem_holders(world->proc, 0, NULL, NULL));
	FAILS(EINVAL, ksem_holders(world->proc, 0, see, &seen));
	FAILS(EINVAL, ksem_holders(world->proc, id + 1, see, &seen));
	OK(ksem_destroy(world->proc, id));
	FAILS(EINVAL, ksem_holders(world->proc, id, see, &seen));
	assert_int_equal(seen.visits, 0);
}

static void references_of_all_processes_are_added_up(void **state)
{
	struct world *world = *state;
	struct ksem_proc *child;
	struct seen seen = {.visits = 0};
	ksem_id_t id, again;

	OK(ksem_open(world->proc, "/name", O_CREAT, 0600, 1, &id));
	assert_int_equal(this_process(world->proc, id).refs, 1);
	OK(ksem_open(world->proc, "/name", 0, 0, 0, &again));
	assert_int_equal(this_process(world->proc, id).refs, 2);
	OK(ksem_proc_fork(world->proc, &child));
	assert_int_equal(this_process(child, id).refs, 4);
	OK(ksem_close(child, id));
	assert_int_equal(this_process(child, id).refs, 3);
	OK(ksem_proc_exec(child));
	FAILS(EINVAL, ksem_holders(child, id, see, &seen));
	assert_int_equal(this_process(world->proc, id).refs, 2);
	OK(ksem_proc_exit(child));
	OK(ksem_unlink(world->proc, "/name"));
	OK(ksem_close(world->proc, id));
	OK(ksem_close(world->proc, id));
}

struct waiting {
	struct ksem_proc *proc;
	ksem_id_t id;
};

static void *wait_for_one(void *arg)
{
	struct waiting *waiting = arg;

	MUST(ksem_wait(waiting->proc, waiting->id) == 0);
	return NULL;
}

/* A permit that was taken is nobody's, without KSEM_UNDO. */
static void threads_that_wait_are_counted(void **state)
{
	struct world *world = *state;
	const struct ksem_attr made_with[] = {{.size = sizeof(struct ksem_attr)},
					      {.size = sizeof(struct ksem_attr), .order = KSEM_FIFO}};

	for (unsigned i = 0; i < 2; i++) {
		struct waiting waiting = {.proc = world->proc};
		struct ksem_holder holder;
		pthread_t threads[2];

		OK(ksem_init_attr(world->proc, &made_with[i], 1, &waiting.id));
		OK(ksem_trywait(world->proc, waiting.id));
		assert_int_equal(this_process(world->proc, waiting.id).waiting, 0);
		for (unsigned n = 0; n < 2; n++) {
			threads[n] = start(wait_for_one, &waiting);
			until_waiting(world->proc, waiting.id, n + 1);
			assert_int_equal(this_process(world->proc, waiting.id).waiting, n + 1);
		}
		OK(ksem_post_many(world->proc, waiting.id, 2));
		finish(threads[0]);
		finish(threads[1]);
		holder = this_process(world->proc, waiting.id);
		assert_int_equal(holder.waiting, 0);
		assert_int_equal(holder.held, 0);
		assert_int_equal(holder.oldest, 0);
		OK(ksem_destroy(world->proc, waiting.id));
	}
}

static void what_visit_returns_is_returned(void **state)
{
	struct world *world = *state;
	ksem_id_t id;

	OK(ksem_init(world->proc, 0, &id));
	for (int result = -2; result < 1; result++) {
		struct seen seen = {.result = result};

		FAILS(result, ksem_holders(world->proc, id, see, &seen));
		assert_int_equal(seen.visits, 1);
	}
	OK(ksem_destroy(world->proc, id));
}

static struct world *own_world;

/* Every kind of call, and last the end of the semaphore itself. */
static int do_anything(const struct ksem_holder *holder, void *arg)
{
	const ksem_id_t *id = arg;
	struct ksem_proc *child;
	pid_t pid;

	MUST(this_process(own_world->proc, *id).refs == holder->refs);
	MUST(ksem_post(own_world->proc, *id) == 0 && ksem_wait(own_world->proc, *id) == 0);
	MUST(semaphores_in(own_world->ns) == 1);
	MUST(ksem_proc_fork(own_world->proc, &child) == 0 && ksem_proc_exit(child) == 0);
	pid = fork();
	if (pid == 0)
		_exit(ksem_post(own_world->proc, *id));
	must_end_well(pid);
	MUST(ksem_destroy(own_world->proc, *id) == 0);
	return 0;
}

static void visit_may_make_any_call(void **state)
{
	ksem_id_t id;

	own_world = *state;
	OK(ksem_init(own_world->proc, 0, &id));
	OK(ksem_holders(own_world->proc, id, do_anything, &id));
	FAILS(EINVAL, ksem_post(own_world->proc, id));
}

static void *look_on(void *arg)
{
	const struct waiting *waiting = arg;
	struct seen seen = {.visits = 0};

	for (int i = 0; i < ROUNDS(500); i++)
		MUST(ksem_holders(waiting->proc, waiting->id, see, &seen) == 0 && seen.last.refs > 0);
	return NULL;
}

/* While others come and go. */
static void threads_may_look_at_any_time(void **state)
{
	struct world *world = *state;
	struct waiting waiting = {.proc = world->proc};
	struct ksem_proc *child;
	pthread_t thread;

	OK(ksem_init_attr(world->proc, ATTR(.limit = 5), 5, &waiting.id));
	thread = start(look_on, &waiting);
	for (int i = 0; i < rounds_of_making(500); i++) {
		OK(ksem_proc_fork(world->proc, &child));
		OK(ksem_wait(child, waiting.id));
		OK(ksem_post(world->proc, waiting.id));
		OK(ksem_proc_exit(child));
	}
	finish(thread);
	assert_int_equal(this_process(world->proc, waiting.id).refs, 1);
	OK(ksem_destroy(world->proc, waiting.id));
}

static void tell_of_child(struct ksem_proc *proc, ksem_id_t id)
{
	struct seen seen = {.result = -1};

	MUST(ksem_holders(proc, id, see, &seen) == -1 && seen.last.refs == 1);
}

/* In a private namespace it has a copy of its own; in a shared one both have it. */
static void a_forks_child_is_one_itself(void **state)
{
	struct world *world = *state;
	ksem_id_t id;
	pid_t child;

	OK(ksem_init(world->proc, 0, &id));
	child = fork();
	if (child == 0) {
		tell_of_child(world->proc, id);
		_exit(0);
	}
	must_end_well(child);
	this_process(world->proc, id);
	OK(ksem_destroy(world->proc, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(wrong_arguments),
		world_test(references_of_all_processes_are_added_up),
		world_test(threads_that_wait_are_counted),
		world_test(what_visit_returns_is_returned),
		world_test(visit_may_make_any_call),
		world_test(threads_may_look_at_any_time),
		world_test(a_forks_child_is_one_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
