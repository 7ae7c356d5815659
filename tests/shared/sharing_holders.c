/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem_holders, of several OS processes: all that live are told, each once, with what it has. They are killed, fork,
 * execute other programs, and wait.
 */
#include "holding.h"

#include "../failing_memory.h"

struct board {
	struct turns first;
	atomic(pid_t) grandchild;
};

#define board ((struct board *)board_page)

/* In a child: drops what it inherited. */
static void leave(struct world inherited)
{
	MUST(ksem_proc_exit(inherited.proc) == 0);
	MUST(ksem_ns_destroy(inherited.ns) == 0);
}

static void come_in_alone(void)
{
	struct world inherited = world;

	come_in();
	leave(inherited);
}

/* ---- What is told. ---- */

#define MOST 400

static struct ksem_holder holders[MOST];
static unsigned count;

static int collect(const struct ksem_holder *holder, void *arg)
{
	(void)arg;
	MUST(count < MOST);
	holders[count++] = *holder;
	return 0;
}

static void look(void)
{
	count = 0;
	OK(ksem_holders(world.proc, id, collect, NULL));
}

/* NULL: it isn't told. It must not be told twice. */
static const struct ksem_holder *of(pid_t pid)
{
	const struct ksem_holder *found = NULL;

	for (unsigned i = 0; i < count; i++) {
		if (holders[i].pid != pid)
			continue;
		MUST(!found);
		found = &holders[i];
	}
	return found;
}

static void has(pid_t pid, uint32_t refs, uint32_t held, uint32_t waiting)
{
	const struct ksem_holder *holder = of(pid);

	assert_non_null(holder);
	assert_int_equal(holder->refs, refs);
	assert_int_equal(holder->held, held);
	assert_int_equal(holder->waiting, waiting);
	assert_true(held > 0 || holder->oldest == 0);
	assert_true(holder->oldest < 100);
}

/* ---- Processes. ---- */

static void hold_two(void)
{
	come_in_alone();
	MUST(ksem_trywait(world.proc, id) == 0);
	MUST(ksem_trywait(world.proc, id) == 0);
	say_ready_and_stay();
}

static void hold_none(void)
{
	come_in_alone();
	say_ready_and_stay();
}

static void wait_for_one(void)
{
	come_in_alone();
	(void)wait_patiently(world.proc, id);
}

static void each_process_is_told_with_what_it_has(void **state)
{
	pid_t two, none, waits;

	(void)state;
	for (uint32_t order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		make(UNDO(.order = order, .limit = 3), 3);
		store_seq(&turn->ready, 0);
		OK(ksem_trywait(world.proc, id));
		two = start_process(hold_two);
		none = start_process(hold_none);
		until_ready(2);
		waits = start_process(wait_for_one);
		until_waiting(world.proc, id, 1);
		look();
		assert_int_equal(count, 4);
		has(getpid(), 1, 1, 0);
		has(two, 1, 2, 0);
		has(none, 1, 0, 0);
		has(waits, 1, 0, 1);

		/* The killed are gone at once. What they had went to the one that waited. */
		kill_and_reap(two);
		kill_and_reap(none);
		must_end_well(waits);
		look();
		assert_int_equal(count, 1);
		has(getpid(), 1, 1, 0);
		assert_int_equal(info_of(world.proc, id).value, 2);
		end();
	}
}

/* Their waits are counted in their records, and nobody knows what they hold. */
static void so_it_is_with_default_attributes(void **state)
{
	pid_t two, waits[3];

	(void)state;
	make(NULL, 2);
	two = start_process(hold_two);
	until_ready(1);
	for (unsigned i = 0; i < 3; i++)
		waits[i] = start_process(wait_for_one);
	until_waiting(world.proc, id, 3);
	look();
	assert_int_equal(count, 5);
	has(two, 1, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		has(waits[i], 1, 0, 1);
	kill_and_reap(waits[1]);
	look();
	assert_int_equal(count, 4);
	assert_null(of(waits[1]));
	OK(ksem_post_many(world.proc, id, 2));
	must_end_well(waits[0]);
	must_end_well(waits[2]);
	kill_and_reap(two);
	look();
	assert_int_equal(count, 1);
	end();
}

static void wait_without_a_reference(void)
{
	pthread_t thread;

	come_in_alone();
	MUST(pthread_create(&thread, NULL, wait_in_thread, NULL) == 0);
	until_waiting(world.proc, id, 1);
	MUST(ksem_close(world.proc, id) == 0);
	say_ready();
	MUST(pthread_join(thread, NULL) == 0);
	say_ready_and_stay();
}

/* The process may close it while its threads wait. */
static void who_waits_without_a_reference_is_told(void **state)
{
	const struct ksem_attr first_in = {.size = sizeof(first_in), .order = KSEM_FIFO};
	pid_t waits;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		make(i == 0 ? NULL : &first_in, 0);
		store_seq(&turn->ready, 0);
		waits = start_process(wait_without_a_reference);
		until_ready(1);
		look();
		assert_int_equal(count, 2);
		has(waits, 0, 0, 1);
		OK(ksem_post(world.proc, id));
		until_ready(2);
		look();
		assert_int_equal(count, 1);
		kill_and_reap(waits);
		end();
	}
}

static int stop(const struct ksem_holder *holder, void *arg)
{
	(void)holder;
	++*(unsigned *)arg;
	return -7;
}

static void visit_stops_it(void **state)
{
	unsigned visits = 0;
	pid_t other;

	(void)state;
	make(NULL, 2);
	other = start_process(hold_none);
	until_ready(1);
	FAILS(-7, ksem_holders(world.proc, id, stop, &visits));
	assert_int_equal(visits, 1);
	kill_and_reap(other);
	end();
}

/* ---- One OS process, several struct ksem_proc and namespace objects. ---- */

static void a_process_is_told_once(void **state)
{
	struct ksem_proc *child, *before = NULL;
	struct world other;
	ksem_id_t same;

	(void)state;
	make(UNDO(.limit = 9), 9);
	OK(ksem_trywait(world.proc, id));
	OK(ksem_proc_fork(world.proc, &child));
	OK(ksem_trywait_many(child, id, 2));
	other = enter();
	OK(ksem_open(other.proc, NAME, 0, 0, 0, &same));
	OK(ksem_trywait_many(other.proc, same, 4));
	look();
	assert_int_equal(count, 1);
	has(getpid(), 3, 7, 0);
	before = world.proc;
	world.proc = other.proc; /* the other namespace sees the same */
	look();
	assert_int_equal(count, 1);
	has(getpid(), 3, 7, 0);
	world.proc = before;
	OK(ksem_proc_exit(child));
	OK(ksem_close(other.proc, same));
	look();
	has(getpid(), 1, 1, 0);
	world_end(&other);
	end();
}

/* ---- Forks and programs. ---- */

static void fork_and_hold(void)
{
	pid_t child;

	come_in_alone();
	MUST(ksem_trywait(world.proc, id) == 0);
	child = fork();
	if (child == 0) {
		alarm(120);
		say_ready_and_stay();
	}
	store_seq(&board->grandchild, child);
	say_ready_and_stay();
}

static void a_forks_child_has_references_and_holds_none(void **state)
{
	pid_t parent, child;

	(void)state;
	make(UNDO(.limit = 2), 2);
	parent = start_process(fork_and_hold);
	until_ready(2);
	child = load_seq(&board->grandchild);
	look();
	assert_int_equal(count, 3);
	has(parent, 1, 1, 0);
	has(child, 1, 0, 0);
	kill_and_reap(parent);
	look();
	assert_int_equal(count, 2);
	has(child, 1, 0, 0);
	MUST(kill(child, SIGKILL) == 0); /* another's child: it is gone when its locks are */
	do
		look();
	while (count > 1);
	end();
}

static void execute_another_program(void)
{
	come_in_alone();
	MUST(ksem_trywait_many(world.proc, id, 2) == 0);
	say_ready();
	until_go();
	become_another_program();
}

static void who_executes_another_program_has_none(void **state)
{
	pid_t child;

	(void)state;
	make(UNDO(.limit = 2), 2);
	child = start_process(execute_another_program);
	until_ready(1);
	look();
	has(child, 1, 2, 0);
	store_seq(&turn->go, 1);
	do
		look();
	while (of(child));
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0); /* it lives */
	assert_int_equal(info_of(world.proc, id).value, 2);
	kill_and_reap(child);
	end();
}

/* ---- Since when. ---- */

static uint32_t oldest(void)
{
	look();
	MUST(of(getpid()));
	return of(getpid())->oldest;
}

static void until_old(uint32_t age)
{
	while (oldest() < age)
		usleep(10000);
}

/* As the library counts them. */
static uint32_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)now.tv_sec;
}

static void the_oldest_counts_from_the_first_permit(void **state)
{
	uint32_t begin;

	(void)state;
	make(UNDO(.limit = 3), 3);
	assert_int_equal(oldest(), 0);
	OK(ksem_trywait(world.proc, id));
	until_old(1);
	OK(ksem_trywait_many(world.proc, id, 2)); /* the first one is older */
	assert_true(oldest() >= 1);
	OK(ksem_post_many(world.proc, id, 3));
	assert_int_equal(oldest(), 0);
	begin = seconds();
	OK(ksem_trywait_many(world.proc, id, 2));
	assert_true(oldest() <= seconds() - begin); /* it began anew */
	OK(ksem_post_many(world.proc, id, 2));
	end();
}

/* Neither of them finds that it has all that there is. */
static void two_grants_at_once_begin_anew(void **state)
{
	struct ksem_proc *other;
	pthread_t threads[2];
	uint32_t begin;
	ksem_id_t same;

	(void)state;
	make(UNDO(.order = KSEM_FIFO, .limit = 2), 2);
	OK(ksem_trywait_many(world.proc, id, 2));
	until_old(2);
	OK(ksem_post_many(world.proc, id, 2));
	begin = seconds();
	OK(ksem_proc_create(world.ns, NULL, &other));
	OK(ksem_open(other, NAME, 0, 0, 0, &same));
	OK(ksem_trywait_many(other, same, 2));
	for (unsigned i = 0; i < 2; i++) {
		threads[i] = start(wait_in_thread, NULL);
		until_waiting(world.proc, id, i + 1);
	}
	OK(ksem_post_many(other, same, 2));
	finish(threads[0]);
	finish(threads[1]);
	OK(ksem_proc_exit(other));
	assert_true(oldest() <= seconds() - begin);
	has(getpid(), 1, 2, 0);
	OK(ksem_post_many(world.proc, id, 2));
	end();
}

/* ---- From a copy of the file. ---- */

static int see(const struct ksem_info *info, void *arg)
{
	*(struct ksem_info *)arg = *info;
	return 0;
}

static struct ksem_info listed(void)
{
	struct ksem_info info = {.id = 0};

	OK(ksem_ns_foreach(world.ns, see, &info));
	MUST(info.id == id);
	return info;
}

/* Nobody looks for the dead but foreach, which changes nothing. */
static void what_the_dead_held_is_listed_as_back(void **state)
{
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	struct ksem_info info;
	pid_t two, waits;

	(void)state;
	for (uint32_t order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		make(ATTR(.flags = KSEM_UNDO | KSEM_METRICS, .order = order, .limit = 40), 40);
		store_seq(&turn->ready, 0);
		OK(ksem_trywait_many(world.proc, id, 38));
		two = start_process(hold_two);
		until_ready(1);
		info = listed();
		assert_int_equal(info.value, 0);
		assert_int_equal(info.held, 40);
		waits = start_process(wait_for_one);
		until_waiting(world.proc, id, 1);
		MUST(kill(waits, SIGSTOP) == 0);
		kill_and_reap(two);
		info = listed();
		assert_int_equal(info.value, 2);
		assert_int_equal(info.held, 38);
		assert_int_equal(info.waiters, 1);
		kill_and_reap(waits);
		assert_int_equal(listed().waiters, 0);
		OK(ksem_metrics(world.proc, id, &metrics));
		assert_int_equal(metrics.undone, 0);
		OK(ksem_set_limit(world.proc, id, 37));
		assert_int_equal(listed().value, 0);
		OK(ksem_set_limit(world.proc, id, 39));
		assert_int_equal(listed().value, 1);
		assert_int_equal(value_of(world.proc, id), 1); /* which looks for the dead */
		OK(ksem_metrics(world.proc, id, &metrics));
		assert_int_equal(metrics.undone, 2);
		assert_int_equal(listed().value, 1);
		end();
	}
}

/* More accounts than the first page of a line has. */
static void many_that_died_are_left_out_of_a_list(void **state)
{
	static pid_t children[60];
	const unsigned n = sizeof(children) / sizeof(*children);

	(void)state;
	make(UNDO(.limit = 2 * n), 2 * n);
	for (unsigned i = 0; i < n; i++)
		children[i] = start_process(hold_two);
	until_ready(n);
	assert_int_equal(listed().held, 2 * n);
	assert_int_equal(listed().value, 0);
	for (unsigned i = 0; i < n; i++) {
		kill_and_reap(children[i]);
		if (i % 10 == 9) {
			assert_int_equal(listed().held, 2 * (n - i - 1));
			assert_int_equal(listed().value, 2 * (i + 1));
		}
	}
	end();
}

/* ---- Many. ---- */

/* More than the first page has records for. */
static void all_of_many_are_told(void **state)
{
	static pid_t children[PAGE_HOLDERS + 10];
	const unsigned n = sizeof(children) / sizeof(*children);
	uint32_t held = 0;

	(void)state;
	make(UNDO(.limit = 2 * n), 2 * n);
	for (unsigned i = 0; i < n; i++)
		children[i] = start_process(i % 2 ? hold_none : hold_two);
	until_ready(n);
	look();
	assert_int_equal(count, n + 1);
	for (unsigned i = 0; i < n; i++)
		has(children[i], 1, i % 2 ? 0 : 2, 0);
	for (unsigned i = 0; i < n; i += 3)
		kill_and_reap(children[i]);
	look();
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(of(children[i]) != NULL, i % 3 != 0);
	for (unsigned i = 0; i < count; i++)
		held += holders[i].held;
	assert_int_equal(held, info_of(world.proc, id).held);
	for (unsigned i = 0; i < n; i++) {
		if (i % 3 != 0)
			kill_and_reap(children[i]);
	}
	end();
}

/* ---- Pid namespaces. ---- */

static void hold_as_the_first(void)
{
	come_in();
	MUST(getpid() == 1);
	MUST(ksem_trywait(world.proc, id) == 0);
	look();
	MUST(count == 2 && of(1) && of(1)->held == 1);
	MUST(of(0) && of(0)->refs == 1); /* the test's own process */
	say_ready();
	until_go();
}

static void hold_in_another_pid_namespace(void)
{
	if (!become_root() || unshare(CLONE_NEWPID) != 0)
		_exit(FORBIDDEN);
	leave(world);
	must_end_well(start_process(hold_as_the_first));
}

/* It isn't reaped yet. */
static bool has_ended(pid_t child)
{
	siginfo_t info = {.si_pid = 0};

	MUST(waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
	return info.si_pid == child;
}

static void of_another_pid_namespace_there_is_no_pid(void **state)
{
	pid_t child;

	(void)state;
	make(UNDO(.limit = 2), 2);
	child = start_process(hold_in_another_pid_namespace);
	while (load_seq(&turn->ready) == 0 && !has_ended(child))
		usleep(500);
	if (load_seq(&turn->ready) == 1) {
		look();
		assert_int_equal(count, 2);
		has(0, 1, 1, 0);
		has(getpid(), 1, 0, 0);
		store_seq(&turn->go, 1);
	}
	if (!may_mount_and_ends_well(child)) {
		end();
		SKIP("no pid namespaces here");
	}
	end();
}

/* ---- Memory. ---- */

static int be_cancelled(const struct ksem_holder *holder, void *arg)
{
	(void)holder, (void)arg;
	if (SANITIZED)
		pthread_exit(NULL); /* before which AddressSanitizer clears its marks of the stack */
	MUST(pthread_cancel(pthread_self()) == 0);
	pthread_testcancel();
	return 0;
}

static int look_from_within(const struct ksem_holder *holder, void *arg)
{
	(void)holder;
	return ksem_holders(world.proc, id, be_cancelled, arg);
}

static void *look_and_be_cancelled(void *arg)
{
	MUST(ksem_holders(world.proc, id, look_from_within, arg) == 0);
	return NULL;
}

static void a_visit_that_ends_its_thread_leaves_nothing(void **state)
{
	size_t blocks;

	(void)state;
	failing_memory_install();
	make(UNDO(.limit = 2), 2);
	finish(start(look_and_be_cancelled, NULL)); /* what a first call allocates stays */
	blocks = failing_memory_blocks();
	finish(start(look_and_be_cancelled, NULL));
	assert_int_equal(failing_memory_blocks(), blocks);
	end();
	failing_memory_uninstall();
}

static void without_memory_nobody_is_told(void **state)
{
	unsigned n = 0;
	int error;

	(void)state;
	failing_memory_install();
	make(UNDO(.limit = 2), 2);
	errno = 12345;
	do {
		size_t blocks = failing_memory_blocks();

		count = 0;
		failing_memory_fail_at(++n);
		error = ksem_holders(world.proc, id, collect, NULL);
		assert_int_equal(error, failing_memory_failures() ? ENOMEM : 0);
		assert_int_equal(count, error ? 0 : 1);
		assert_int_equal(failing_memory_blocks(), blocks);
		assert_int_equal(errno, 12345);
	} while (error);
	assert_true(n > 2);
	failing_memory_fail_at(0);
	end();
	failing_memory_uninstall();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* These two come first: they exchange the allocator, which later ones' threads of the library use. */
		board_test(a_visit_that_ends_its_thread_leaves_nothing),
		board_test(without_memory_nobody_is_told),
		board_test(each_process_is_told_with_what_it_has),
		board_test(so_it_is_with_default_attributes),
		board_test(who_waits_without_a_reference_is_told),
		board_test(visit_stops_it),
		board_test(a_process_is_told_once),
		board_test(a_forks_child_has_references_and_holds_none),
		board_test(who_executes_another_program_has_none),
		board_test(the_oldest_counts_from_the_first_permit),
		board_test(two_grants_at_once_begin_anew),
		board_test(what_the_dead_held_is_listed_as_back),
		board_test(many_that_died_are_left_out_of_a_list),
		board_test(all_of_many_are_told),
		board_test(of_another_pid_namespace_there_is_no_pid),
	};

	needs_root_to_share();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
