/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes that stand for this OS process: ksem_private, and what it has in common with ksem_self. They are made
 * once in the life of an OS process, so the test of a first call comes first here, or is made in a child.
 */
#include "../support.h"

#include "../failing_memory.h"

enum { THREADS = 4 };

/* Runs it in a child, which must end with its answer 0. A child may do so, too. */
static void in_child(int (*body)(void))
{
	int status;
	pid_t child = fork();

	MUST(child >= 0);
	if (child == 0)
		_exit(body());
	MUST(waitpid(child, &status, 0) == child);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- The first call. ---- */

static atomic_uint arrived;

static void *meet_and_call(void *arg)
{
	(void)arg;
	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < THREADS)
		sched_yield();
	return ksem_private();
}

static int race_to_the_first_call(void)
{
	pthread_t threads[THREADS];
	struct ksem_proc *proc;
	ksem_id_t id;

	for (unsigned i = 0; i < THREADS; i++)
		threads[i] = start(meet_and_call, NULL);
	proc = finish(threads[0]);
	for (unsigned i = 1; i < THREADS; i++)
		MUST(finish(threads[i]) == proc);
	MUST(proc && proc == ksem_private());
	MUST(ksem_init(proc, 1, &id) == 0 && ksem_wait(proc, id) == 0 && ksem_destroy(proc, id) == 0);
	return 0;
}

static void threads_that_race_to_the_first_call_get_one(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS(60); i++)
		in_child(race_to_the_first_call);
}

static void *call(void *arg)
{
	(void)arg;
	return ksem_private();
}

static atomic_bool forked;

/* Stays until the fork is over: of threads that ended and weren't joined, a sanitizer complains in the child. */
static void *call_and_stay(void *arg)
{
	struct ksem_proc *proc = ksem_private();

	(void)arg;
	while (!atomic_load(&forked))
		sched_yield();
	return proc;
}

/* In a child's child: what its parent's other thread was about can't be told. */
static int use_it(void)
{
	struct ksem_proc *proc = ksem_private();
	ksem_id_t id;

	return !proc || ksem_init(proc, 1, &id) || ksem_wait(proc, id) || ksem_destroy(proc, id);
}

static int fork_beside_the_first_call(void)
{
	pthread_t thread = start(call_and_stay, NULL);

	in_child(use_it);
	atomic_store(&forked, true);
	MUST(finish(thread) == ksem_private());
	return 0;
}

static void a_fork_beside_the_first_call_leaves_both_with_one(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS(60); i++)
		in_child(fork_beside_the_first_call);
}

static void without_memory_it_is_NULL_and_a_later_call_tries_again(void **state)
{
	struct ksem_proc *proc;
	unsigned n = 0;

	(void)state;
	errno = 12345;
	do {
		failing_memory_fail_at(++n);
		proc = ksem_private();
		assert_int_equal(!proc, failing_memory_failures());
		assert_int_equal(errno, 12345);
	} while (!proc);
	assert_true(n > 2); /* at least the namespace and the process */
	failing_memory_fail_at(0);
	assert_ptr_equal(proc, ksem_private());
}

/* ---- Later. ---- */

static void every_call_in_every_thread_returns_the_same(void **state)
{
	struct ksem_proc *proc = ksem_private();

	(void)state;
	assert_non_null(proc);
	assert_ptr_equal(ksem_private(), proc);
	assert_ptr_equal(finish(start(call, NULL)), proc);
}

static void it_has_the_limits_that_are_the_default_and_the_effective_ids(void **state)
{
	struct ksem_proc *proc = ksem_private();
	struct ksem_info info;
	char name[KSEM_NAME_MAX + 1] = "/";
	ksem_id_t id;

	(void)state;
	memset(name + 1, 'n', KSEM_NAME_MAX - 1);
	OK(ksem_open(proc, name, O_CREAT | O_EXCL, 0600, 3, &id));
	info = info_of(proc, id);
	assert_string_equal(info.name, name);
	assert_int_equal(info.uid, geteuid());
	assert_int_equal(info.gid, getegid());
	OK(ksem_unlink(proc, name));
	OK(ksem_close(proc, id));
}

static void exit_is_EINVAL_and_changes_nothing(void **state)
{
	struct ksem_proc *proc = ksem_private();
	ksem_id_t id;

	(void)state;
	OK(ksem_init(proc, 7, &id));
	FAILS(EINVAL, ksem_proc_exit(proc));
	assert_ptr_equal(ksem_private(), proc);
	assert_int_equal(value_of(proc, id), 7);
	OK(ksem_destroy(proc, id));
}

static void *wait_for_it(void *arg)
{
	return (void *)(intptr_t)ksem_wait(ksem_private(), *(ksem_id_t *)arg);
}

/* EINVAL comes before the EBUSY of any process in which a thread waits. */
static void exec_drops_its_references_and_it_stays(void **state)
{
	struct ksem_proc *proc = ksem_private();
	ksem_id_t id;
	pthread_t waiter;

	(void)state;
	OK(ksem_init(proc, 0, &id));
	waiter = start(wait_for_it, &id);
	until_waiting(proc, id, 1);
	FAILS(EINVAL, ksem_proc_exit(proc));
	FAILS(EBUSY, ksem_proc_exec(proc));
	OK(ksem_post(proc, id));
	assert_null(finish(waiter));
	OK(ksem_proc_exec(proc));
	FAILS(EINVAL, ksem_post(proc, id));
	assert_ptr_equal(ksem_private(), proc);
	OK(ksem_init(proc, 1, &id));
	OK(ksem_wait(proc, id));
	OK(ksem_destroy(proc, id));
}

static void a_process_that_it_forked_may_exit(void **state)
{
	struct ksem_proc *child;
	ksem_id_t id;

	(void)state;
	OK(ksem_init(ksem_private(), 1, &id));
	OK(ksem_proc_fork(ksem_private(), &child));
	assert_ptr_not_equal(child, ksem_private());
	OK(ksem_wait(child, id));
	OK(ksem_proc_exit(child));
	assert_int_equal(value_of(ksem_private(), id), 0);
	OK(ksem_destroy(ksem_private(), id));
}

/* ---- After fork. ---- */

static struct {
	struct ksem_proc *proc;
	ksem_id_t id;
} parents;

static int see_the_copy(void)
{
	unsigned value;

	MUST(ksem_private() == parents.proc);
	MUST(ksem_getvalue(parents.proc, parents.id, &value) == 0 && value == 1);
	MUST(ksem_wait(parents.proc, parents.id) == 0);
	MUST(ksem_trywait(parents.proc, parents.id) == EAGAIN); /* the other permit is the parent's other thread's */
	MUST(ksem_proc_exit(parents.proc) == EINVAL);
	MUST(ksem_post_many(parents.proc, parents.id, 10) == 0);
	MUST(ksem_destroy(parents.proc, parents.id) == 0);
	return 0;
}

static void the_child_of_a_fork_has_its_own_copy(void **state)
{
	(void)state;
	parents.proc = ksem_private();
	OK(ksem_init(parents.proc, 2, &parents.id));
	assert_null(finish(start(wait_for_it, &parents.id)));
	in_child(see_the_copy);
	assert_int_equal(value_of(parents.proc, parents.id), 1);
	OK(ksem_destroy(parents.proc, parents.id));
}

/* ---- ksem_self ---- */

static void exit_of_ksem_self_is_EINVAL_too(void **state)
{
	char *dir = shared_directory_new();
	ksem_id_t id;

	(void)state;
	OK(setenv("KSEM_DIR", dir, true));
	if (!ksem_self())
		SKIP("no shared namespace here");
	assert_ptr_not_equal(ksem_self(), ksem_private());
	OK(ksem_init(ksem_self(), 4, &id));
	FAILS(EINVAL, ksem_proc_exit(ksem_self()));
	assert_int_equal(value_of(ksem_self(), id), 4);
	OK(ksem_proc_exec(ksem_self()));
	FAILS(EINVAL, ksem_post(ksem_self(), id));
	assert_non_null(ksem_self());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_that_race_to_the_first_call_get_one),
		cmocka_unit_test(a_fork_beside_the_first_call_leaves_both_with_one),
		cmocka_unit_test(without_memory_it_is_NULL_and_a_later_call_tries_again),
		cmocka_unit_test(every_call_in_every_thread_returns_the_same),
		cmocka_unit_test(it_has_the_limits_that_are_the_default_and_the_effective_ids),
		cmocka_unit_test(exit_is_EINVAL_and_changes_nothing),
		cmocka_unit_test(exec_drops_its_references_and_it_stays),
		cmocka_unit_test(a_process_that_it_forked_may_exit),
		cmocka_unit_test(the_child_of_a_fork_has_its_own_copy),
		cmocka_unit_test(exit_of_ksem_self_is_EINVAL_too),
	};

	failing_memory_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
