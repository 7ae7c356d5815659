/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fork's child holds what its parent held, from its first instant: whatever the parent does next, whatever has become
 * of descriptors and privileges, and also if it ran no fork handlers. Whoever looks counts it exactly.
 */
#include "sharing.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct world world;
static ksem_id_t id;

#define HEIRS 4

struct board {
	atomic(unsigned) go, done;
	atomic(pid_t) heirs[HEIRS];
};

#define board ((struct board *)board_page)

static void until_go(void)
{
	while (load_acq(&board->go) == 0)
		sched_yield();
}

/* ---- The parent drops its own at once. ---- */

static void use_it(void)
{
	until_go();
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_trywait(world.proc, id) == 0);
	MUST(info_of(world.proc, id).refs == 1);
	MUST(ksem_destroy(world.proc, id) == 0);
}

static void the_child_holds_it_when_the_parent_drops_it_at_once(void **state)
{
	(void)state;
	world = enter();
	for (int round = 0; round < share_of(ROUNDS(500)); round++) {
		struct ksem *pinned;
		pid_t child;

		store_rel(&board->go, 0);
		OK(ksem_init(world.proc, 0, &id));
		OK(ksem_pin(world.proc, id, &pinned));
		child = start_process(use_it);
		OK(ksem_destroy(world.proc, id));
		OK(ksem_pinned_post(pinned));
		OK(ksem_pinned_trywait(pinned));
		store_rel(&board->go, 1);
		must_end_well(child);
		FAILS(EINVAL, ksem_pinned_post(pinned));
		ksem_unpin(pinned);
	}
	world_end(&world);
}

static void do_nothing(void)
{
}

static void a_child_that_has_gone_and_a_fork_that_failed_leave_nothing(void **state)
{
	struct rlimit limit, none;
	unsigned descriptors = 0;

	(void)state;
	world = enter();
	OK(ksem_init(world.proc, 0, &id));
	for (int i = 0; i < 300; i++) {
		must_end_well(start_process(do_nothing));
		assert_int_equal(info_of(world.proc, id).refs, 1);
	}
	MUST(getrlimit(RLIMIT_NPROC, &limit) == 0);
	none = limit;
	none.rlim_cur = 0;
	if (getuid() != 0) { /* root has no limit */
		MUST(setrlimit(RLIMIT_NPROC, &none) == 0);
		for (int i = 0; i < 300; i++) {
			MUST(fork() < 0);
			assert_int_equal(info_of(world.proc, id).refs, 1);
		}
		MUST(setrlimit(RLIMIT_NPROC, &limit) == 0);
	}
	for (int fd = 0; fd < 100; fd++)
		descriptors += fcntl(fd, F_GETFD) >= 0;
	assert_true(descriptors < 20);
	OK(ksem_destroy(world.proc, id));
	world_end(&world);
}

/* ---- Without descriptors, without privileges. ---- */

static void wait_for_ever(void)
{
	ksem_wait(world.proc, id);
}

/* A waiter is counted, and when it is killed it isn't. */
static void a_child_waits_and_dies(void)
{
	pid_t child = start_process(wait_for_ever);

	until_waiting(world.proc, id, 1);
	MUST(info_of(world.proc, id).refs == 2);
	kill_and_reap(child);
	MUST(info_of(world.proc, id).waiters == 0);
	MUST(info_of(world.proc, id).refs == 1);
}

static void without_descriptors(void)
{
	struct rlimit limit = {0, 0};

	world = enter();
	MUST(ksem_init(world.proc, 0, &id) == 0);
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	a_child_waits_and_dies();
	MUST(ksem_destroy(world.proc, id) == 0);
}

static void without_privileges(void)
{
	MUST(chmod(dir, 0700) == 0);
	world = enter();
	MUST(ksem_init(world.proc, 0, &id) == 0);
	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	a_child_waits_and_dies();
	MUST(ksem_destroy(world.proc, id) == 0);
}

static void a_child_without_descriptors_or_privileges_is_counted(void **state)
{
	(void)state;
	must_end_well(start_process(without_descriptors));
	if (getuid() == 0)
		must_end_well(start_process(without_privileges));
}

/* ---- One description for several processes. ---- */

static void outlive_the_parent(void)
{
	prctl(PR_SET_PDEATHSIG, 0);
	wait_for_ever();
}

/* Forks several times where no further description can be had. */
static void share_a_description(void)
{
	MUST(chmod(dir, 0700) == 0);
	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0666, 0, &id) == 0);
	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	for (int i = 0; i < HEIRS; i++)
		store_rel(&board->heirs[i], start_process(outlive_the_parent));
	until_waiting(world.proc, id, HEIRS);
	MUST(info_of(world.proc, id).refs == 1 + HEIRS);
	kill_and_reap(load_acq(&board->heirs[0]));
	MUST(info_of(world.proc, id).refs == HEIRS && info_of(world.proc, id).waiters == HEIRS - 1);
	store_rel(&board->done, 1);
	wait_for_ever();
}

static void until_seen(unsigned refs, unsigned waiters)
{
	for (int i = 0; i < PATIENCE; i++) {
		struct ksem_info info = info_of(world.proc, id);

		if (info.refs == refs && info.waiters == waiters)
			return;
		usleep(1000);
	}
	fail_msg("%u references and %u waiters were never seen", refs, waiters);
}

static void processes_with_one_description_are_counted_one_by_one(void **state)
{
	pid_t parent;

	(void)state;
	if (getuid() != 0)
		SKIP("only root has privileges to drop");
	parent = start_process(share_a_description);
	while (load_acq(&board->done) == 0)
		sched_yield();
	world = enter();
	OK(ksem_open(world.proc, "/held", 0, 0, 0, &id));
	until_seen(1 + HEIRS, HEIRS); /* this process, the parent, and its children but for one; all but this wait */
	kill_and_reap(parent);
	assert_int_equal(info_of(world.proc, id).refs, HEIRS);
	assert_int_equal(info_of(world.proc, id).waiters, HEIRS - 1);
	OK(ksem_post(world.proc, id)); /* one goes on, and ends */
	until_seen(HEIRS - 1, HEIRS - 2);
	for (int i = 1; i < HEIRS; i++)
		kill(load_acq(&board->heirs[i]), SIGKILL);
	until_seen(1, 0);
	world_end(&world);
}

static void post_and_wait(void)
{
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_wait(world.proc, id) == 0);
}

static void fork_workers(void)
{
	MUST(chmod(dir, 0700) == 0);
	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0666, 0, &id) == 0);
	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	for (int i = 0; i < HEIRS; i++)
		must_end_well(start_process(post_and_wait));
	post_and_wait();
}

/* The child is in a new pid namespace, but /proc is that of the old one. */
static void fork_workers_without_proc(void)
{
	if (!become_root() || unshare(CLONE_NEWPID) != 0)
		_exit(FORBIDDEN);
	must_end_well(start_process(fork_workers));
}

/* All of them share the description, and nobody can tell which of them have ended, until all have. */
static void workers_without_proc_have_all(void **state)
{
	(void)state;
	if (getuid() != 0)
		SKIP("only root has privileges to drop");
	if (!may_mount_and_ends_well(start_process(fork_workers_without_proc)))
		SKIP("no pid namespaces here");
	world = enter();
	OK(ksem_open(world.proc, "/held", 0, 0, 0, &id));
	assert_int_equal(info_of(world.proc, id).refs, 1);
	assert_int_equal(value_of(world.proc, id), 0);
	OK(ksem_unlink(world.proc, "/held"));
	world_end(&world);
}

/* ---- Without handlers. ---- */

static pid_t start_without_handlers(void (*act)(void))
{
	return play_child(_Fork(), act);
}

/* What has no presence has nothing, and says so from its first call that changes tables on. */
static void be_refused(void)
{
	struct ksem_info info;
	struct ksem *pinned;
	ksem_id_t again;
	unsigned value;

	MUST(ksem_stat(world.proc, id, &info) == EINVAL);
	MUST(ksem_post(world.proc, id) == EINVAL);
	MUST(ksem_trywait(world.proc, id) == EINVAL);
	MUST(ksem_wait(world.proc, id) == EINVAL);
	MUST(ksem_getvalue(world.proc, id, &value) == EINVAL);
	MUST(ksem_pin(world.proc, id, &pinned) == EINVAL);
	MUST(ksem_close(world.proc, id) == EINVAL);
	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &again) != 0);
	MUST(ksem_init(world.proc, 0, &again) != 0);
}

static void fork_without_privileges_or_handlers(void)
{
	MUST(chmod(dir, 0700) == 0);
	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0666, 0, &id) == 0);
	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	must_end_well(start_without_handlers(be_refused));
	MUST(info_of(world.proc, id).refs == 1 && info_of(world.proc, id).waiters == 0);
}

static void a_child_that_can_have_no_presence_holds_nothing(void **state)
{
	(void)state;
	if (getuid() != 0)
		SKIP("only root has privileges to drop");
	must_end_well(start_process(fork_without_privileges_or_handlers));
}

static void use_it_without_handlers(void)
{
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_trywait(world.proc, id) == 0);
	MUST(info_of(world.proc, id).refs == 2);
	store_rel(&board->done, 1);
	until_go();
	MUST(info_of(world.proc, id).refs == 1);
	MUST(ksem_post(world.proc, id) == 0);
}

static void a_child_without_handlers_has_its_own_from_its_first_call(void **state)
{
	pid_t child;

	(void)state;
	world = enter();
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id));
	for (int i = 0; i < 3; i++) {
		child = start_without_handlers(wait_for_ever);
		until_waiting(world.proc, id, 1);
		assert_int_equal(info_of(world.proc, id).refs, 2);
		kill_and_reap(child);
		assert_int_equal(info_of(world.proc, id).waiters, 0);
		assert_int_equal(info_of(world.proc, id).refs, 1);
	}
	child = start_without_handlers(use_it_without_handlers);
	while (load_acq(&board->done) == 0)
		sched_yield();
	OK(ksem_close(world.proc, id));
	store_rel(&board->go, 1);
	must_end_well(child);
	OK(ksem_open(world.proc, "/held", 0, 0, 0, &id));
	assert_int_equal(value_of(world.proc, id), 1);
	assert_int_equal(info_of(world.proc, id).refs, 1);
	world_end(&world);
}

/* ---- Beside waits that begin and end. ---- */

static void *wait_and_wait(void *arg)
{
	(void)arg;
	while (load_acq(&board->go) == 0) {
		struct timespec until = in_ms(CLOCK_MONOTONIC, 0);

		ksem_clockwait(world.proc, id, CLOCK_MONOTONIC, &until);
	}
	return NULL;
}

static void close_it(void)
{
	MUST(info_of(world.proc, id).refs == 2);
	MUST(ksem_close(world.proc, id) == 0);
	MUST(ksem_proc_exit(world.proc) == 0 && ksem_ns_destroy(world.ns) == 0);
	MUST(mappings_of(dir) == 0);
}

/* The child hasn't got the threads: nothing that they held stays, and nothing goes that they didn't hold. */
static void a_fork_beside_waits_that_begin_and_end(void **state)
{
	pthread_t threads[3];

	(void)state;
	world = enter();
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id));
	for (int i = 0; i < 3; i++)
		threads[i] = start(wait_and_wait, NULL);
	for (int round = 0; round < ROUNDS(300); round++)
		must_end_well(start_process(close_it));
	store_rel(&board->go, 1);
	for (int i = 0; i < 3; i++)
		finish(threads[i]);
	assert_int_equal(info_of(world.proc, id).refs, 1);
	assert_int_equal(info_of(world.proc, id).waiters, 0);
	world_end(&world);
}

/* ---- From a signal handler that interrupted a wait in line. ---- */

static pid_t stays_there; /* of the waiting thread, until it has ended */

/* Posts one permit more than the wait needs. Neither child returns from the handler. */
static void post_and_fork(int signal)
{
	pid_t child;

	(void)signal;
	MUST(ksem_post_many(world.proc, id, 2) == 0);
	child = fork();
	if (child == 0)
		_exit(0);
	must_end_well(child);
	stays_there = fork();
	if (stays_there == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

static void *wait_once(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)wait_patiently(world.proc, id);
}

/* Whatever others post is for those who wait, not for a child that may never return to its wait. */
static void a_child_takes_nothing_while_it_is_in_the_handler(void **state)
{
	const struct sigaction action = {.sa_handler = post_and_fork, .sa_flags = SA_RESTART};
	struct sigaction before;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("TSan takes locks for held that such a child has let go");
	OK(sigaction(SIGUSR1, &action, &before));
	for (unsigned order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		pthread_t waiter;

		world = enter();
		OK(ksem_init_attr(world.proc, ATTR(.order = order, .limit = 9), 0, &id));
		waiter = start(wait_once, NULL);
		until_asleep(world.proc, id, 1);
		OK(pthread_kill(waiter, SIGUSR1));
		OK((int)(intptr_t)finish(waiter));
		assert_int_equal(value_of(world.proc, id), 1);
		assert_int_equal(info_of(world.proc, id).waiters, 0);
		OK(ksem_trywait(world.proc, id));
		waiter = start(wait_once, NULL);
		until_waiting(world.proc, id, 1);
		OK(ksem_post(world.proc, id));
		OK((int)(intptr_t)finish(waiter));
		kill_and_reap(stays_there);
		assert_int_equal(info_of(world.proc, id).refs, 1);
		world_end(&world);
	}
	OK(sigaction(SIGUSR1, &before, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(the_child_holds_it_when_the_parent_drops_it_at_once),
		board_test(a_child_that_has_gone_and_a_fork_that_failed_leave_nothing),
		board_test(a_child_without_descriptors_or_privileges_is_counted),
		board_test(processes_with_one_description_are_counted_one_by_one),
		board_test(workers_without_proc_have_all),
		board_test(a_child_that_can_have_no_presence_holds_nothing),
		board_test(a_child_without_handlers_has_its_own_from_its_first_call),
		board_test(a_fork_beside_waits_that_begin_and_end),
		board_test(a_child_takes_nothing_while_it_is_in_the_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
