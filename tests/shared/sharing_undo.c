/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores with KSEM_UNDO, in a namespace that OS processes share: whose permits come back, when and how many. After
 * any number of deaths, value and what the living hold make up the limit.
 */
#include "holding.h"

#include <sys/syscall.h>

struct board {
	struct turns first;
	atomic(unsigned) done, wrong;
};

#define board ((struct board *)board_page)

static uint32_t limit, order;

static void make_of(uint32_t new_order, uint32_t new_limit)
{
	limit = new_limit;
	order = new_order;
	make(UNDO(.order = order, .limit = limit), limit);
}

static unsigned value(void)
{
	return value_of(world.proc, id);
}

static void all_are_back(void)
{
	struct ksem_info info = info_of(world.proc, id);

	assert_int_equal(info.value, limit);
	assert_int_equal(info.held, 0);
	assert_int_equal(info.waiters, 0);
	OK(ksem_trywait_many(world.proc, id, limit));
	FAILS(EAGAIN, ksem_trywait(world.proc, id));
	OK(ksem_post_many(world.proc, id, limit));
}

/* ---- What one process may do. ---- */

static void no_more_is_given_back_than_is_held(void **state)
{
	unsigned got;

	(void)state;
	for (uint32_t o = KSEM_BARGING; o <= KSEM_LIFO; o++) {
		make_of(o, 5);
		assert_int_equal(info_of(world.proc, id).flags, KSEM_UNDO);
		FAILS(EPERM, ksem_post(world.proc, id));
		OK(ksem_post_many(world.proc, id, 0));
		OK(ksem_trywait(world.proc, id));
		OK(ksem_trywait_many(world.proc, id, 2));
		FAILS(EINVAL, ksem_trywait_upto(world.proc, id, 6, &got));
		OK(ksem_trywait_upto(world.proc, id, 5, &got));
		assert_int_equal(got, 2);
		assert_int_equal(info_of(world.proc, id).held, 5);
		assert_int_equal(value(), 0);
		FAILS(EAGAIN, ksem_trywait(world.proc, id));
		FAILS(EAGAIN, ksem_trywait_many(world.proc, id, 2));
		FAILS(EAGAIN, ksem_trywait_upto(world.proc, id, 2, &got));
		FAILS(EPERM, ksem_post_many(world.proc, id, 6));
		FAILS(EPERM, ksem_post_many(world.proc, id, UINT32_MAX));
		assert_int_equal(info_of(world.proc, id).held, 5);
		OK(ksem_post_many(world.proc, id, 4));
		FAILS(EPERM, ksem_post_many(world.proc, id, 2));
		OK(ksem_post(world.proc, id));
		FAILS(EPERM, ksem_post(world.proc, id));
		all_are_back();
		end();
	}
}

static void it_can_not_be_pinned(void **state)
{
	struct ksem *pin = (struct ksem *)&limit;

	(void)state;
	make_of(KSEM_FIFO, 2);
	FAILS(ENOTSUP, ksem_pin(world.proc, id, &pin));
	assert_ptr_equal(pin, &limit);
	end();
}

/* Each ksem_proc of an OS process is a holder of its own. */
static void processes_hold_for_themselves(void **state)
{
	struct ksem_proc *other, *child;
	ksem_id_t same;

	(void)state;
	make_of(KSEM_BARGING, 6);
	OK(ksem_proc_create(world.ns, NULL, &other));
	OK(ksem_open(other, NAME, 0, 0, 0, &same));
	OK(ksem_trywait_many(world.proc, id, 2));
	FAILS(EPERM, ksem_post(other, same));
	OK(ksem_trywait(other, same));
	OK(ksem_proc_fork(other, &child));
	FAILS(EPERM, ksem_post(child, same));
	OK(ksem_trywait_many(child, same, 2));
	assert_int_equal(info_of(world.proc, id).held, 5);
	OK(ksem_proc_exit(other));
	assert_int_equal(value(), 2);
	OK(ksem_proc_exec(child));
	assert_int_equal(value(), 4);
	OK(ksem_proc_exit(child));
	OK(ksem_post_many(world.proc, id, 2));
	all_are_back();
	end();
}

static void the_last_reference_takes_permits_along(void **state)
{
	ksem_id_t again;

	(void)state;
	make_of(KSEM_LIFO, 3);
	OK(ksem_trywait_many(world.proc, id, 2));
	OK(ksem_open(world.proc, NAME, 0, 0, 0, &again));
	OK(ksem_close(world.proc, id));
	assert_int_equal(value(), 1);
	OK(ksem_close(world.proc, id));
	OK(ksem_open(world.proc, NAME, 0, 0, 0, &id));
	all_are_back();
	end();
}

static void *wait_here(void *arg)
{
	int *error = arg;

	*error = wait_patiently(world.proc, id);
	return NULL;
}

static void the_last_reference_stays_while_a_thread_waits(void **state)
{
	pthread_t thread;
	ksem_id_t same;
	struct ksem_proc *other;
	int error = -1;

	(void)state;
	make_of(KSEM_FIFO, 1);
	OK(ksem_proc_create(world.ns, NULL, &other));
	OK(ksem_open(other, NAME, 0, 0, 0, &same));
	OK(ksem_trywait(other, same));
	thread = start(wait_here, &error);
	until_waiting(world.proc, id, 1);
	FAILS(EBUSY, ksem_close(world.proc, id));
	FAILS(EBUSY, ksem_proc_exit(world.proc));
	OK(ksem_close(other, same)); /* and its permit goes to the thread */
	finish(thread);
	OK(error);
	OK(ksem_proc_exit(other));
	assert_int_equal(info_of(world.proc, id).held, 1);
	OK(ksem_post(world.proc, id));
	all_are_back();
	end();
}

static atomic(unsigned) handlers, may_go_on;

static void stay_in_handler(int signal)
{
	(void)signal;
	fetch_add_seq(&handlers, 1);
	while (load_seq(&may_go_on) == 0)
		usleep(1000);
}

/* It is in no line any more, and holds what it hasn't been told of. */
static void the_last_reference_stays_while_a_thread_that_was_granted_returns(void **state)
{
	struct sigaction action = {.sa_handler = stay_in_handler}, before;
	struct ksem_proc *other;
	pthread_t thread;
	ksem_id_t same;
	int error = -1;

	(void)state;
	store_seq(&handlers, 0);
	store_seq(&may_go_on, 0);
	make_of(KSEM_FIFO, 1);
	OK(ksem_proc_create(world.ns, NULL, &other));
	OK(ksem_open(other, NAME, 0, 0, 0, &same));
	OK(ksem_trywait(other, same));
	OK(sigaction(SIGUSR1, &action, &before));
	thread = start(wait_here, &error);
	until_asleep(world.proc, id, 1);
	OK(pthread_kill(thread, SIGUSR1));
	while (load_seq(&handlers) == 0)
		usleep(1000);
	OK(ksem_post(other, same));
	FAILS(EBUSY, ksem_close(world.proc, id));
	FAILS(EBUSY, ksem_proc_exit(world.proc));
	store_seq(&may_go_on, 1);
	finish(thread);
	OK(error);
	OK(sigaction(SIGUSR1, &before, NULL));
	assert_int_equal(info_of(world.proc, id).held, 1);
	OK(ksem_post(world.proc, id));
	OK(ksem_proc_exit(other));
	all_are_back();
	end();
}

/* ---- Deaths. ---- */

static void hold_two(void)
{
	come_in();
	MUST(ksem_trywait_many(world.proc, id, 2) == 0);
	say_ready_and_stay();
}

static void a_killed_holder_gives_back(void **state)
{
	(void)state;
	for (uint32_t o = KSEM_BARGING; o <= KSEM_LIFO; o++) {
		pid_t child;

		make_of(o, 3);
		store_seq(&turn->ready, 0);
		child = start_process(hold_two);
		until_ready(1);
		assert_int_equal(value(), 1);
		assert_int_equal(info_of(world.proc, id).held, 2);
		FAILS(EAGAIN, ksem_trywait_many(world.proc, id, 2));
		kill_and_reap(child);
		OK(ksem_trywait_many(world.proc, id, 3)); /* which looks for the dead by itself */
		FAILS(EAGAIN, ksem_trywait(world.proc, id));
		OK(ksem_post_many(world.proc, id, 3));
		all_are_back();
		end();
	}
}

static atomic_int tried; /* answers + 1 */

static void *try_with_a_cancel_pending(void *arg)
{
	MUST(pthread_cancel(pthread_self()) == 0);
	atomic_store(&tried, ksem_trywait_many(world.proc, id, 3) + 1);
	pthread_testcancel();
	return arg;
}

/* The look for a holder that has died, and isn't waited for, reads files. */
static void a_try_is_no_cancellation_point(void **state)
{
	siginfo_t info;
	pthread_t thread;
	pid_t child;
	void *result;

	(void)state;
	make_of(KSEM_FIFO, 3);
	store_seq(&turn->ready, 0);
	child = start_process(hold_two);
	until_ready(1);
	MUST(kill(child, SIGKILL) == 0 && waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
	atomic_store(&tried, 0);
	thread = start(try_with_a_cancel_pending, NULL);
	MUST(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
	assert_true(atomic_load(&tried) > 0);
	MUST(waitpid(child, NULL, 0) == child);
	if (atomic_load(&tried) == 1)
		OK(ksem_post_many(world.proc, id, 3));
	all_are_back();
	end();
}

static void hold_two_and_exit(void)
{
	come_in();
	MUST(ksem_trywait_many(world.proc, id, 2) == 0);
}

static void execute_another_program(void)
{
	come_in();
	MUST(ksem_trywait_many(world.proc, id, 2) == 0);
	become_another_program();
}

static void exit_and_exec_give_back(void **state)
{
	pid_t child;

	(void)state;
	make_of(KSEM_FIFO, 2);
	must_end_well(start_process(hold_two_and_exit));
	all_are_back();
	child = start_process(execute_another_program);
	for (int i = 0; i < PATIENCE && info_of(world.proc, id).refs < 2 && value() == 2; i++)
		usleep(1000);
	for (int i = 0; i < PATIENCE && (info_of(world.proc, id).refs > 1 || value() < 2); i++)
		usleep(1000);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0); /* it lives */
	all_are_back();
	kill_and_reap(child);
	end();
}

static void close_descriptors(void)
{
	come_in();
	MUST(ksem_trywait_many(world.proc, id, 2) == 0);
	MUST(syscall(SYS_close_range, 3, ~0U, 0) == 0);
	say_ready();
	until_go();
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_post(world.proc, id) == EPERM);
}

/* The kernel has dropped its locks, but it lives. */
static void who_closed_all_descriptors_still_holds(void **state)
{
	pid_t child;

	(void)state;
	make_of(KSEM_BARGING, 3);
	child = start_process(close_descriptors);
	until_ready(1);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(value(), 1);
		FAILS(EAGAIN, ksem_trywait_many(world.proc, id, 2));
	}
	store_seq(&turn->go, 1);
	must_end_well(child);
	all_are_back();
	end();
}

static void take_what_the_dead_held(void)
{
	come_in();
	MUST(syscall(SYS_close_range, 3, ~0U, 0) == 0);
	say_ready();
	until_go();
	MUST(ksem_trywait_many(world.proc, id, 3) == 0);
}

/* And it sees who has ended, though it can't ask about locks. */
static void who_closed_all_descriptors_sees_deaths(void **state)
{
	pid_t holder, child;

	(void)state;
	make_of(KSEM_BARGING, 3);
	holder = start_process(hold_two);
	until_ready(1);
	child = start_process(take_what_the_dead_held);
	until_ready(2);
	kill_and_reap(holder);
	store_seq(&turn->go, 1);
	must_end_well(child);
	all_are_back();
	end();
}

static void stopped_is_not_dead(void **state)
{
	pid_t child;

	(void)state;
	make_of(KSEM_FIFO, 3);
	child = start_process(hold_two);
	until_ready(1);
	MUST(kill(child, SIGSTOP) == 0);
	for (int i = 0; i < 20; i++)
		FAILS(EAGAIN, ksem_trywait_many(world.proc, id, 2));
	assert_int_equal(value(), 1);
	kill_and_reap(child);
	all_are_back();
	end();
}

static void child_holds_none(void)
{
	MUST(ksem_post(world.proc, id) == EPERM);
	MUST(ksem_trywait(world.proc, id) == 0);
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_trywait(world.proc, id) == 0); /* and takes it along */
}

static void child_outlives_its_parent(void)
{
	pid_t child;

	come_in();
	MUST(ksem_trywait_many(world.proc, id, 2) == 0);
	child = fork();
	if (child == 0) {
		MUST(ksem_trywait(world.proc, id) == 0);
		say_ready_and_stay();
	}
	store_seq(&board->done, (unsigned)child);
	say_ready_and_stay();
}

static void a_forks_child_holds_for_itself(void **state)
{
	pid_t parent;

	(void)state;
	make_of(KSEM_LIFO, 4);
	OK(ksem_trywait_many(world.proc, id, 2));
	must_end_well(start_process(child_holds_none));
	assert_int_equal(value(), 2);
	OK(ksem_post_many(world.proc, id, 2));
	all_are_back();
	parent = start_process(child_outlives_its_parent);
	until_ready(2);
	assert_int_equal(value(), 1);
	kill_and_reap(parent);
	assert_int_equal(value(), 3);
	MUST(kill((pid_t)load_seq(&board->done), SIGKILL) == 0);
	for (int i = 0; i < PATIENCE && value() < 4; i++)
		usleep(1000);
	all_are_back();
	end();
}

static volatile pid_t tells; /* while a child of this one comes into being, a handler runs; 0: not any more */

/* The library calls it in the child, before the child has accounts of its own. */
pid_t getpid(void)
{
	pid_t own = (pid_t)syscall(SYS_getpid);

	if (tells != 0 && own != tells) {
		tells = 0;
		raise(SIGUSR1);
	}
	return own;
}

static volatile int answer;

static void post_in_handler(int number)
{
	(void)number;
	answer = ksem_post(world.proc, id);
}

static void handler_holds_none(void)
{
	MUST(tells == 0);
	MUST(answer == EPERM);
}

/* Steps of the child run in its first call that takes locks. */
static void first_call_then_handler_holds_none(void)
{
	MUST(info_of(world.proc, id).held == 2);
	handler_holds_none();
}

static void play_child_with_handler(pid_t (*make_child)(void), void (*act)(void))
{
	make_of(KSEM_BARGING, 4);
	MUST(signal(SIGUSR1, post_in_handler) != SIG_ERR);
	OK(ksem_trywait_many(world.proc, id, 2));
	answer = 0;
	tells = getpid();
	must_end_well(play_child(make_child(), act));
	tells = 0;
	assert_int_equal(value(), 2);
	OK(ksem_post_many(world.proc, id, 2));
	all_are_back();
	signal(SIGUSR1, SIG_DFL);
	end();
}

static void a_forks_child_has_a_handler_that_posts(void **state)
{
	(void)state;
	play_child_with_handler(fork, handler_holds_none);
}

static void so_has_a_child_without_fork_handlers(void **state)
{
	(void)state;
	play_child_with_handler(_Fork, first_call_then_handler_holds_none);
}

static void wait_and_stay(void)
{
	come_in();
	MUST(wait_patiently(world.proc, id) == 0);
	say_ready_and_stay();
}

static void wait_for_it(void)
{
	come_in();
	MUST(wait_patiently(world.proc, id) == 0);
}

/* Both the one that holds and the one that waits first are killed; the permit gets to the third. */
static void sleepers_get_what_the_dead_held(void **state)
{
	(void)state;
	for (uint32_t o = KSEM_BARGING; o <= KSEM_LIFO; o++) {
		pid_t holder, dead, waiter;

		make_of(o, 1);
		store_seq(&turn->ready, 0);
		holder = start_process(wait_and_stay);
		until_ready(1);
		dead = start_process(wait_and_stay);
		until_waiting(world.proc, id, 1);
		waiter = start_process(wait_for_it);
		until_waiting(world.proc, id, 2);
		kill_and_reap(dead);
		kill_and_reap(holder);
		must_end_well(waiter); /* nobody else calls anything */
		all_are_back();
		end();
	}
}

static void undone_permits_are_counted(void **state)
{
	struct ksem_metrics metrics = {.size = sizeof(metrics)};

	(void)state;
	make_of(KSEM_BARGING, 2);
	FAILS(ENOTSUP, ksem_metrics(world.proc, id, &metrics));
	end();
	limit = 2;
	world = enter();
	OK(ksem_open_attr(world.proc, NAME, O_CREAT, 0600, ATTR(.flags = KSEM_UNDO | KSEM_METRICS, .limit = 2), 2,
			  &id));
	must_end_well(start_process(hold_two_and_exit));
	all_are_back();
	OK(ksem_metrics(world.proc, id, &metrics));
	assert_int_equal(metrics.undone, 2);
	end();
}

static void a_lowered_limit_is_paid_by_the_dead(void **state)
{
	pid_t child;

	(void)state;
	make_of(KSEM_FIFO, 3);
	child = start_process(hold_two);
	until_ready(1);
	OK(ksem_set_limit(world.proc, id, 1));
	assert_int_equal(value(), 0); /* owes 1 */
	kill_and_reap(child);
	limit = 1;
	all_are_back();
	end();
}

/* ---- Storms. ---- */

#define WORKERS 4

static unsigned random_of(uint64_t *seed, unsigned n)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*seed >> 33) % n;
}

static atomic(unsigned) credit; /* what the process holds, all its threads, as the program knows it */

/* What it was granted it counts later, and what it gives back it counts off earlier: so it never gives too much. */
static void work(uint64_t *seed)
{
	unsigned n = 1 + random_of(seed, 3), kind = random_of(seed, 8), had = load_seq(&credit);
	struct timespec until = in_ms(CLOCK_MONOTONIC, 1);
	int error;

	if (kind < 4) {
		error = kind < 2  ? ksem_trywait_many(world.proc, id, n) :
			kind == 2 ? ksem_wait_many(world.proc, id, n, CLOCK_MONOTONIC, &until) :
				    ksem_trywait_upto(world.proc, id, n, &n);
		MUST(error == 0 || error == EAGAIN || error == ETIMEDOUT);
		if (error == 0)
			fetch_add_seq(&credit, n);
		return;
	}
	while (had >= n && !cas_seq(&credit, &had, had - n))
		;
	if (had >= n)
		MUST(ksem_post_many(world.proc, id, n) == 0);
}

static void *work_in_thread(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	for (;;)
		work(&seed);
	return NULL;
}

static unsigned worker_number;

static void work_until_killed(void)
{
	uint64_t seed = (uint64_t)getpid() * 77 + worker_number;

	come_in();
	if (worker_number % 2)
		start(work_in_thread, (void *)(uintptr_t)(seed + 1));
	for (;;) {
		work(&seed);
		if (random_of(&seed, 500) == 0 && worker_number % 2 == 0) { /* all goes back */
			MUST(ksem_close(world.proc, id) == 0);
			store_seq(&credit, 0);
			MUST(ksem_open(world.proc, NAME, 0, 0, 0, &id) == 0);
			MUST(ksem_post(world.proc, id) == EPERM);
		}
	}
}

#define LOOKS 1000

static void storm(uint32_t o, uint32_t new_limit, unsigned kills)
{
	uint64_t seed = (uint64_t)getpid();
	pid_t workers[WORKERS];

	make_of(o, new_limit);
	for (worker_number = 0; worker_number < WORKERS; worker_number++)
		workers[worker_number] = start_process(work_until_killed);
	for (unsigned i = 0; i < kills; i++) {
		worker_number = random_of(&seed, WORKERS);
		usleep(random_of(&seed, 4000));
		kill_and_reap(workers[worker_number]);
		if (i % 16 == 0) {
			struct ksem_info info = info_of(world.proc, id);

			/* Of one instant, but where others change it during each of the library's looks. */
			for (unsigned looks = 0; info.value + info.held != limit && looks < LOOKS; looks++)
				info = info_of(world.proc, id);
			assert_int_equal(info.value + info.held, limit);
		}
		workers[worker_number] = start_process(work_until_killed);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		kill_and_reap(workers[i]);
	all_are_back();
	end();
}

static void no_permit_is_lost_or_made_by_kills(void **state)
{
	unsigned kills = (unsigned)share_of(THREAD_SANITIZED ? 120 : 300);

	(void)state;
	storm(KSEM_BARGING, 10, kills);
	storm(KSEM_FIFO, 5, kills);
	storm(KSEM_LIFO, 3, kills);
	storm(KSEM_FIFO, 1000000, kills / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(no_more_is_given_back_than_is_held),
		board_test(it_can_not_be_pinned),
		board_test(processes_hold_for_themselves),
		board_test(the_last_reference_takes_permits_along),
		board_test(the_last_reference_stays_while_a_thread_waits),
		board_test(the_last_reference_stays_while_a_thread_that_was_granted_returns),
		board_test(a_killed_holder_gives_back),
		board_test(exit_and_exec_give_back),
		board_test(a_try_is_no_cancellation_point),
		board_test(who_closed_all_descriptors_still_holds),
		board_test(who_closed_all_descriptors_sees_deaths),
		board_test(stopped_is_not_dead),
		board_test(a_forks_child_holds_for_itself),
		board_test(a_forks_child_has_a_handler_that_posts),
		board_test(so_has_a_child_without_fork_handlers),
		board_test(sleepers_get_what_the_dead_held),
		board_test(undone_permits_are_counted),
		board_test(a_lowered_limit_is_paid_by_the_dead),
		board_test(no_permit_is_lost_or_made_by_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
