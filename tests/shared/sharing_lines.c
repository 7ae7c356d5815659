/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores with an order, a limit or metrics, in a namespace that OS processes share: what holds between processes,
 * and when one of them is killed, executes another program, closes the library's descriptors, or writes nonsense.
 * (features/: what holds in any namespace.)
 */
#include "sharing.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct board {
	atomic(unsigned) order; /* how many waits have ended */
	atomic(unsigned) closed;
	atomic(unsigned) waited; /* one has waited, and now executes another program */
};

#define board ((struct board *)board_page)

static struct world world;
static ksem_id_t id;
static unsigned want;

static void make(const struct ksem_attr *attr, unsigned value)
{
	world = enter();
	OK(ksem_open_attr(world.proc, "/line", O_CREAT | O_EXCL, 0600, attr, value, &id));
}

static int wait_for(unsigned count)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, PATIENCE);

	return ksem_wait_many(world.proc, id, count, CLOCK_MONOTONIC, &until);
}

/* By a child, which inherits what its parent has. */
static void wait_for_wanted(void)
{
	MUST(wait_for(want) == 0);
	fetch_add_seq(&board->order, 1);
}

/* Another process that waits for so many, behind those that wait. */
static pid_t start_waiter(unsigned count)
{
	unsigned before = info_of(world.proc, id).waiters;
	pid_t child;

	want = count;
	child = start_process(wait_for_wanted);
	until_waiting(world.proc, id, before + 1);
	return child;
}

static void open_in_other_world(void)
{
	world = enter();
	MUST(ksem_open(world.proc, "/line", 0, 0, 0, &id) == 0);
}

/* ---- Among the living. ---- */

static void fifo_serves_processes_in_the_order_of_waiting(void **state)
{
	pid_t waiters[4];

	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10), 0);
	for (unsigned i = 0; i < 4; i++)
		waiters[i] = start_waiter(1 + i % 2);
	for (unsigned i = 0; i < 4; i++) {
		FAILS(EAGAIN, ksem_trywait(world.proc, id));
		OK(ksem_post_many(world.proc, id, 1 + i % 2));
		must_end_well(waiters[i]);
		assert_int_equal(load_seq(&board->order), i + 1);
	}
	world_end(&world);
}

static void lifo_serves_the_latest_process_first(void **state)
{
	pid_t waiters[4];

	(void)state;
	make(ATTR(.order = KSEM_LIFO), 0);
	for (unsigned i = 0; i < 4; i++)
		waiters[i] = start_waiter(1);
	for (unsigned i = 4; i-- > 0;) {
		OK(ksem_post(world.proc, id));
		must_end_well(waiters[i]);
	}
	world_end(&world);
}

static void change_limit_and_shut_down(void)
{
	open_in_other_world();
	MUST(ksem_set_limit(world.proc, id, 5) == 0);
	MUST(ksem_shutdown(world.proc, id) == 0);
}

static void wait_until_shut_down(void)
{
	MUST(wait_for(9) == ESHUTDOWN);
}

static void limit_and_shutdown_reach_all_processes(void **state)
{
	struct ksem_info info;
	pid_t waiter;

	(void)state;
	make(ATTR(.limit = 10), 8);
	waiter = start_process(wait_until_shut_down);
	until_waiting(world.proc, id, 1);
	must_end_well(start_process(change_limit_and_shut_down));
	must_end_well(waiter);
	info = info_of(world.proc, id);
	assert_int_equal(info.limit, 5);
	assert_int_equal(info.value, 3);
	assert_int_equal(info.flags, KSEM_SHUTDOWN);
	FAILS(ESHUTDOWN, wait_for(4));
	FAILS(EOVERFLOW, ksem_post_many(world.proc, id, 3));
	world_end(&world);
}

static int look_at_line(const struct ksem_info *info, void *arg)
{
	if (strcmp(info->name, "/line") == 0)
		*(struct ksem_info *)arg = *info;
	return 0;
}

/* By a process that hasn't got it, from a copy of the file. */
static void others_see_order_limit_and_living_waiters(void **state)
{
	struct world other;
	struct ksem_info info = {.value = 99};
	pid_t waiters[3];

	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10, .flags = KSEM_METRICS), 2);
	for (unsigned i = 0; i < 3; i++)
		waiters[i] = start_waiter(5);
	other = enter();
	OK(ksem_close(world.proc, id)); /* the children have it */
	kill_and_reap(waiters[1]);
	OK(ksem_ns_foreach(other.ns, look_at_line, &info));
	assert_int_equal(info.value, 2);
	assert_int_equal(info.limit, 10);
	assert_int_equal(info.order, KSEM_FIFO);
	assert_int_equal(info.flags, KSEM_METRICS);
	assert_int_equal(info.waiters, 2);
	assert_int_equal(info.refs, 2);
	kill_and_reap(waiters[0]);
	kill_and_reap(waiters[2]);
	OK(ksem_unlink(world.proc, "/line"));
	world_end(&other);
	world_end(&world);
}

static void wait_and_be_measured(void)
{
	open_in_other_world();
	MUST(ksem_wait(world.proc, id) == 0);
}

static void metrics_are_of_all_processes(void **state)
{
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	pid_t waiter;

	(void)state;
	make(ATTR(.flags = KSEM_METRICS), 0);
	for (unsigned i = 1; i <= 3; i++) {
		waiter = start_process(wait_and_be_measured);
		until_waiting(world.proc, id, 1);
		OK(ksem_post(world.proc, id));
		must_end_well(waiter);
		OK(ksem_metrics(world.proc, id, &metrics));
		assert_int_equal(metrics.waits, i);
		assert_int_equal(metrics.waiters_max, 1);
	}
	world_end(&world);
}

/* Nobody has it for a while; the map cache keeps its page. */
static void it_is_found_again_as_it_was(void **state)
{
	unsigned got;

	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10), 8);
	OK(ksem_trywait_upto(world.proc, id, 3, &got));
	OK(ksem_close(world.proc, id));
	for (int i = 0; i < 3; i++) {
		MUST(rename(path_of("/line"), strcat(strcpy((char[200]){0}, dir), "/moved")) == 0);
		FAILS(ENOENT, ksem_open(world.proc, "/line", 0, 0, 0, &id));
		OK(ksem_open(world.proc, "/moved", 0, 0, 0, &id));
		assert_int_equal(value_of(world.proc, id), 5);
		assert_int_equal(info_of(world.proc, id).limit, 10);
		OK(ksem_trywait_many(world.proc, id, 5));
		FAILS(EAGAIN, ksem_trywait(world.proc, id));
		OK(ksem_post_many(world.proc, id, 5));
		OK(ksem_close(world.proc, id));
		MUST(rename(path_of("/moved"), strcat(strcpy((char[200]){0}, dir), "/line")) == 0);
	}
	OK(ksem_unlink(world.proc, "/line"));
	FAILS(ENOENT, ksem_open(world.proc, "/line", 0, 0, 0, &id));
	world_end(&world);
}

static void a_nameless_one_ends_with_its_last_process(void **state)
{
	pid_t waiter;

	(void)state;
	world = enter();
	OK(ksem_init_attr(world.proc, ATTR(.order = KSEM_FIFO), 0, &id));
	waiter = start_waiter(1);
	FAILS(EBUSY, ksem_destroy(world.proc, id));
	kill_and_reap(waiter);
	OK(ksem_destroy(world.proc, id)); /* nobody waits who lives */
	FAILS(EINVAL, ksem_post(world.proc, id));
	world_end(&world);
}

/* ---- Beside the dead. ---- */

static void a_dead_first_in_line_stops_nobody(void **state)
{
	pid_t first, behind;

	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10), 0);
	first = start_waiter(5);
	behind = start_waiter(1);
	OK(ksem_post(world.proc, id)); /* too few for the first */
	assert_int_equal(load_seq(&board->order), 0);
	kill_and_reap(first);
	must_end_well(behind); /* by itself */
	assert_int_equal(info_of(world.proc, id).waiters, 0);
	world_end(&world);
}

/* Whoever finds too few permits for the dead looks, too, without a sleeper. */
static void a_try_passes_over_the_dead(void **state)
{
	pid_t first;
	int error = EAGAIN;

	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10), 0);
	first = start_waiter(5);
	OK(ksem_post_many(world.proc, id, 3));
	FAILS(EAGAIN, ksem_trywait(world.proc, id));
	kill_and_reap(first);
	for (int ms = 0; ms < 2000 && error == EAGAIN; ms++) {
		error = ksem_trywait(world.proc, id);
		sleep_ms(1);
	}
	OK(error);
	assert_int_equal(value_of(world.proc, id), 2);
	world_end(&world);
}

/* Each alone, since each must see that the waiter has ended; the last takes none. */
static bool one_wait_takes_two(void)
{
	return wait_for(2) == 0;
}

static bool trying_takes_two(void)
{
	return ksem_trywait_many(world.proc, id, 2) == 0;
}

static bool short_waits_take_two(void)
{
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20);

	return ksem_wait_many(world.proc, id, 2, CLOCK_MONOTONIC, &soon) == 0;
}

static bool there_are_two(void)
{
	return value_of(world.proc, id) == 2;
}

static void what_is_granted_to_the_dead_comes_back(void **state)
{
	static bool (*const ways[4])(void) = {
		one_wait_takes_two,
		trying_takes_two,
		short_waits_take_two,
		there_are_two,
	};

	(void)state;
	for (unsigned i = 0; i < 4 * 3; i++) {
		unsigned order = i % 3, way = i / 3;
		pid_t stopped;
		int status;

		make(ATTR(.order = order, .limit = 10), 0);
		stopped = start_waiter(2);
		until_asleep(world.proc, id, 1);
		OK(kill(stopped, SIGSTOP));
		MUST(waitpid(stopped, &status, WUNTRACED) == stopped && WIFSTOPPED(status));
		OK(ksem_post_many(world.proc, id, 2)); /* the stopped one has them */
		assert_int_equal(value_of(world.proc, id), 0);
		assert_int_equal(info_of(world.proc, id).waiters, 0);
		kill_and_reap(stopped);
		for (int tries = 0; !ways[way](); tries++) {
			assert_true(tries < 5000);
			sleep_ms(1);
		}
		if (ways[way] == there_are_two)
			OK(trying_takes_two() ? 0 : EAGAIN);
		OK(ksem_post_many(world.proc, id, 10));
		assert_int_equal(value_of(world.proc, id), 10);
		OK(ksem_unlink(world.proc, "/line"));
		world_end(&world);
	}
}

static void *wait_in_thread(void *arg)
{
	(void)arg;
	wait_for_wanted();
	return NULL;
}

static void wait_in_a_thread_and_exec(void)
{
	open_in_other_world();
	start(wait_in_thread, NULL);
	until_waiting(world.proc, id, 1);
	store_seq(&board->waited, 1);
	execlp("sleep", "sleep", "100", (char *)NULL);
	_exit(1);
}

static void who_executes_another_program_waits_no_more(void **state)
{
	pid_t first, behind;

	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10), 0);
	want = 5;
	first = start_process(wait_in_a_thread_and_exec);
	for (int ms = 0; load_seq(&board->waited) == 0 || info_of(world.proc, id).waiters != 0; ms++) {
		MUST(ms < PATIENCE);
		sleep_ms(1);
	}
	behind = start_waiter(1);
	OK(ksem_post(world.proc, id));
	must_end_well(behind);
	kill_and_reap(first);
	world_end(&world);
}

/* A record that the dead had, and its place in the line, aren't mixed up with those of who comes next. */
static void a_record_that_is_used_again_is_of_the_living(void **state)
{
	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10), 0);
	for (int i = 0; i < share_of(300); i++) {
		pid_t dead = start_waiter(1), alive;

		kill_and_reap(dead);
		alive = start_waiter(1);
		assert_int_equal(info_of(world.proc, id).waiters, 1);
		OK(ksem_post(world.proc, id));
		must_end_well(alive);
		assert_int_equal(value_of(world.proc, id), 0);
	}
	world_end(&world);
}

/* ---- Beside those that seem dead, the nonsense of others, and full file systems. ---- */

static void close_all_descriptors(void)
{
	for (int fd = 3; fd < 64; fd++)
		syscall(SYS_close, fd);
}

static void wait_and_close_descriptors(void)
{
	pthread_t waiter;

	open_in_other_world();
	waiter = start(wait_in_thread, NULL);
	until_asleep(world.proc, id, 1);
	close_all_descriptors();
	store_seq(&board->closed, 1);
	finish(waiter);
}

/* Others take it out of the line. It notices, and gets in line again, with what it was granted meanwhile given back. */
static void a_sleeper_whose_descriptors_were_closed_gets_in_line_again(void **state)
{
	pid_t sleeper, behind;

	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10), 0);
	want = 5;
	sleeper = start_process(wait_and_close_descriptors);
	while (load_seq(&board->closed) == 0)
		sched_yield();
	(void)info_of(world.proc, id); /* looks for the dead */
	until_waiting(world.proc, id, 1);
	behind = start_waiter(1);
	OK(ksem_post_many(world.proc, id, 5));
	must_end_well(sleeper);
	OK(ksem_post(world.proc, id));
	must_end_well(behind);
	assert_int_equal(value_of(world.proc, id), 0);
	assert_int_equal(info_of(world.proc, id).waiters, 0);
	OK(ksem_post_many(world.proc, id, 10));
	FAILS(EOVERFLOW, ksem_post(world.proc, id));
	world_end(&world);
}

static void scribble(void)
{
	char *file = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, open(path_of("/line"), O_RDWR), 0);
	unsigned seed = 1;

	MUST(file != MAP_FAILED);
	for (;;) {
		unsigned at = (unsigned)rand_r(&seed) % (2 * PAGE_BYTES / sizeof(int)) * sizeof(int);
		bool in_line = at >= PAGE_BYTES;

		if (in_line || at >= offsetof(struct page, doubt))
			*(volatile int *)(file + (in_line ? PAGE_LINE_AT + at - PAGE_BYTES : at)) = rand_r(&seed);
	}
}

static void a_scribbled_line_confuses_nothing_else(void **state)
{
	const struct timespec past = {0, 0};
	ksem_id_t good, again;
	unsigned got;
	pid_t child;

	(void)state;
	make(ATTR(.order = KSEM_FIFO, .limit = 10, .flags = KSEM_METRICS), 1);
	OK(ksem_open_attr(world.proc, "/good", O_CREAT, 0600, ATTR(.order = KSEM_FIFO), 1, &good));
	child = start_process(scribble);
	for (int i = 0; i < share_of(THREAD_SANITIZED ? 40 : ROUNDS(2000)); i++) {
		struct timespec soon = in_ms(CLOCK_MONOTONIC, 1);
		struct ksem_info info;

		ksem_post_many(world.proc, id, 2);
		ksem_trywait(world.proc, id);
		ksem_trywait_upto(world.proc, id, 3, &got);
		ksem_wait_many(world.proc, id, 1 + (unsigned)i % 3, CLOCK_MONOTONIC, i % 50 == 0 ? &soon : &past);
		ksem_set_limit(world.proc, id, (unsigned)i % 9);
		if (i % 100 == 0) {
			ksem_stat(world.proc, id, &info);
			semaphores_in(world.ns);
			if (ksem_open(world.proc, "/line", 0, 0, 0, &again) == 0)
				ksem_close(world.proc, again);
		}
		OK(ksem_wait(world.proc, good));
		OK(ksem_post(world.proc, good));
	}
	kill_and_reap(child);
	OK(ksem_close(world.proc, id));
	assert_int_equal(value_of(world.proc, good), 1);
	world_end(&world);
}

#define MANY 60 /* more than there are entries in what is allocated from the start */

static void fill_the_file_system(void)
{
	static char bytes[PAGE_BYTES];
	int fd = open(path_of("/filler"), O_WRONLY | O_CREAT, 0600);

	while (write(fd, bytes, sizeof(bytes)) == sizeof(bytes))
		;
	MUST(errno == ENOSPC);
	close(fd);
}

static void wait_in_a_full_file_system(void)
{
	pthread_t threads[MANY];
	struct ksem_info info;

	mount_on_directory("size=1m");
	world = enter();
	MUST(ksem_open_attr(world.proc, "/line", O_CREAT, 0600, ATTR(.order = KSEM_FIFO), 0, &id) == 0);
	fill_the_file_system();
	MUST(ksem_open_attr(world.proc, "/other", O_CREAT, 0600, ATTR(.order = KSEM_FIFO), 0, &id) == ENOSPC);
	want = 1;
	for (int i = 0; i < MANY; i++)
		threads[i] = start(wait_in_thread, NULL);
	while ((info = info_of(world.proc, id)).waiters < 48)
		sched_yield();
	sleep_ms(20);
	info = info_of(world.proc, id);
	MUST(info.waiters >= 48 && info.waiters < MANY); /* the others wait for an entry, and nobody is killed */
	MUST(unlink(path_of("/filler")) == 0);
	until_waiting(world.proc, id, MANY);
	MUST(ksem_post_many(world.proc, id, MANY) == 0);
	for (int i = 0; i < MANY; i++)
		finish(threads[i]);
	MUST(value_of(world.proc, id) == 0);
}

static void a_full_file_system_kills_nobody(void **state)
{
	(void)state;
	if (!may_mount_and_ends_well(start_process(wait_in_a_full_file_system)))
		SKIP("this process may not mount");
}

/* The child of a fork for whose account no entry is free. */
static void without_an_account(void)
{
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 1);
	unsigned got;

	MUST(value_of(world.proc, id) == 0);
	MUST(info_of(world.proc, id).held == 4);
	MUST(ksem_set_limit(world.proc, id, 4) == 0);
	MUST(ksem_trywait(world.proc, id) == EINVAL);
	MUST(ksem_trywait_upto(world.proc, id, 2, &got) == EINVAL);
	MUST(ksem_post(world.proc, id) == EINVAL);
	MUST(ksem_clockwait(world.proc, id, CLOCK_MONOTONIC, &soon) == EINVAL);
	MUST(ksem_wait(world.proc, id) == EINVAL);
	MUST(unlink(path_of("/filler")) == 0);
	MUST(ksem_trywait(world.proc, id) == EINVAL); /* until it opens the semaphore again */
	MUST(ksem_close(world.proc, id) == 0);
	MUST(ksem_open(world.proc, "/line", 0, 0, 0, &id) == 0);
	MUST(ksem_trywait(world.proc, id) == EAGAIN);
	MUST(ksem_post(world.proc, id) == EPERM);
}

static void fork_in_a_full_file_system(void)
{
	pthread_t threads[MANY];

	mount_on_directory("size=1m");
	world = enter();
	MUST(ksem_open_attr(world.proc, "/line", O_CREAT, 0600, ATTR(.limit = 4, .flags = KSEM_UNDO), 4, &id) == 0);
	fill_the_file_system();
	MUST(ksem_trywait_many(world.proc, id, 4) == 0);
	want = 1;
	for (int i = 0; i < MANY; i++) /* they take all entries */
		threads[i] = start(wait_in_thread, NULL);
	while (info_of(world.proc, id).waiters < 46)
		sched_yield();
	sleep_ms(20);
	must_end_well(start_process(without_an_account));
	until_waiting(world.proc, id, MANY);
	for (int i = 0; i < MANY; i++)
		MUST(ksem_post(world.proc, id) == 0);
	for (int i = 0; i < MANY; i++)
		finish(threads[i]);
	MUST(info_of(world.proc, id).held == 4);
}

static void a_forks_child_in_a_full_file_system_only_looks(void **state)
{
	(void)state;
	if (!may_mount_and_ends_well(start_process(fork_in_a_full_file_system)))
		SKIP("this process may not mount");
}

static void make_with_short_files(void)
{
	const struct rlimit limit = {.rlim_cur = FILE_BYTES - 1, .rlim_max = FILE_BYTES - 1};

	world = enter();
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	MUST(ksem_open_attr(world.proc, "/line", O_CREAT, 0600, ATTR(.order = KSEM_FIFO), 0, &id) == EFBIG);
	MUST(ksem_open(world.proc, "/line", 0, 0, 0, &id) == ENOENT);
	MUST(ksem_open(world.proc, "/line", O_CREAT, 0600, 0, &id) == 0); /* this one needs less */
}

static void too_low_a_limit_on_files_is_EFBIG(void **state)
{
	(void)state;
	must_end_well(start_process(make_with_short_files));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(fifo_serves_processes_in_the_order_of_waiting),
		board_test(lifo_serves_the_latest_process_first),
		board_test(limit_and_shutdown_reach_all_processes),
		board_test(others_see_order_limit_and_living_waiters),
		board_test(metrics_are_of_all_processes),
		board_test(it_is_found_again_as_it_was),
		board_test(a_nameless_one_ends_with_its_last_process),
		board_test(a_dead_first_in_line_stops_nobody),
		board_test(a_try_passes_over_the_dead),
		board_test(what_is_granted_to_the_dead_comes_back),
		board_test(who_executes_another_program_waits_no_more),
		board_test(a_record_that_is_used_again_is_of_the_living),
		board_test(a_sleeper_whose_descriptors_were_closed_gets_in_line_again),
		board_test(a_scribbled_line_confuses_nothing_else),
		board_test(a_full_file_system_kills_nobody),
		board_test(a_forks_child_in_a_full_file_system_only_looks),
		board_test(too_low_a_limit_on_files_is_EFBIG),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
