/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any number of processes has one semaphore: references and waiters are counted exactly, also when processes are killed
 * by the hundred, and the last that destroys it ends it.
 */
#include "sharing.h"

#include <sys/resource.h>

static struct world world;
static ksem_id_t id;

struct board {
	atomic(unsigned) turn, here;
};

#define board ((struct board *)board_page)

static void until(unsigned turn)
{
	while (load_acq(&board->turn) != turn)
		sched_yield();
}

static void until_refs(unsigned refs)
{
	for (int ms = 0; info_of(world.proc, id).refs != refs; ms++) {
		MUST(ms < PATIENCE);
		sleep_ms(1);
	}
}

/* ---- Counting. ---- */

static void wait_for_a_permit(void)
{
	MUST(ksem_wait(world.proc, id) == 0);
}

/* As one sees it who looks from outside. */
static int must_have(const struct ksem_info *info, void *arg)
{
	const unsigned *n = arg;

	MUST(info->refs == *n + 1 && info->waiters == *n);
	return 0;
}

static void counts_exactly(unsigned n)
{
	pid_t *children = calloc(n, sizeof(*children));

	MUST(children);
	world = enter();
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id));
	for (unsigned i = 0; i < n; i++)
		children[i] = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, n);
	assert_int_equal(info_of(world.proc, id).refs, n + 1);
	OK(ksem_ns_foreach(world.ns, must_have, &n));
	for (unsigned i = 0; i < n; i += 2)
		MUST(kill(children[i], SIGKILL) == 0);
	for (unsigned i = 0; i < n; i += 2)
		MUST(waitpid(children[i], NULL, 0) == children[i]);
	assert_int_equal(info_of(world.proc, id).refs, n / 2 + 1);
	assert_int_equal(info_of(world.proc, id).waiters, n / 2);

	/* Others come in the place of the dead. */
	for (unsigned i = 0; i < n; i += 2)
		children[i] = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, n);
	assert_int_equal(info_of(world.proc, id).refs, n + 1);
	OK(ksem_post_many(world.proc, id, n));
	for (unsigned i = 0; i < n; i++)
		must_end_well(children[i]);
	assert_int_equal(info_of(world.proc, id).refs, 1);
	assert_int_equal(info_of(world.proc, id).waiters, 0);
	assert_int_equal(value_of(world.proc, id), 0);
	OK(ksem_unlink(world.proc, "/held"));
	world_end(&world);
	assert_int_equal(mappings_of(dir), 0);
	free(children);
}

static void any_number_of_processes_is_counted_exactly(void **state)
{
	(void)state;
	counts_exactly(PAGE_HOLDERS + 10);
	if (!SANITIZED)
		counts_exactly(PAGE_HOLDERS + 2 * MORE_HOLDERS + 10);
}

/* ---- The end. ---- */

static struct ksem *pinned;

static void destroy_in_turn(void)
{
	unsigned own = fetch_add_acq_rel(&board->here, 1) + 1;

	until(own);
	MUST(ksem_pinned_post(pinned) == 0);
	MUST(ksem_destroy(world.proc, id) == 0);
	MUST(ksem_post(world.proc, id) == EINVAL);
	store_rel(&board->turn, own + 1);
}

static void only_the_last_of_many_ends_it(void **state)
{
	const unsigned n = PAGE_HOLDERS + 10;
	pid_t children[PAGE_HOLDERS + 10];

	(void)state;
	world = enter();
	OK(ksem_init(world.proc, 0, &id));
	OK(ksem_pin(world.proc, id, &pinned));
	for (unsigned i = 0; i < n; i++)
		children[i] = start_process(destroy_in_turn);
	until_refs(n + 1);
	OK(ksem_destroy(world.proc, id));
	store_rel(&board->turn, 1);
	until(n + 1);
	for (unsigned i = 0; i < n; i++)
		must_end_well(children[i]);
	FAILS(EINVAL, ksem_pinned_post(pinned));
	ksem_unpin(pinned);
	world_end(&world);
}

static void destroy_at_once(void)
{
	store_rel(&board->here, 1);
	while (load_acq(&board->turn) == 0)
		cpu_relax();
	MUST(ksem_destroy(world.proc, id) == 0);
}

static void of_two_who_destroy_at_once_one_ends_it(void **state)
{
	(void)state;
	world = enter();
	for (int round = 0; round < share_of(ROUNDS(1000)); round++) {
		pid_t child;

		store_rel(&board->here, 0);
		store_rel(&board->turn, 0);
		OK(ksem_init(world.proc, 0, &id));
		OK(ksem_pin(world.proc, id, &pinned));
		child = start_process(destroy_at_once);
		while (load_acq(&board->here) == 0)
			sched_yield();
		store_rel(&board->turn, 1);
		for (int i = 0; i < round % 512; i++)
			cpu_relax();
		OK(ksem_destroy(world.proc, id));
		must_end_well(child);
		FAILS(EINVAL, ksem_pinned_post(pinned));
		ksem_unpin(pinned);
	}
	world_end(&world);
}

/* ---- Where there is no room. ---- */

static void open_in_turn(void)
{
	struct world own = enter();
	ksem_id_t own_id = 77;
	int error = ksem_open(own.proc, "/held", 0, 0, 0, &own_id);

	MUST(error == 0 || (error == ENOSPC && own_id == 77));
	fetch_add_acq_rel(error ? &board->turn : &board->here, 1);
	pause();
}

static void fill_up(void)
{
	static const char bytes[PAGE_BYTES] = {1};
	int fd = open(path_of("/.fill"), O_CREAT | O_WRONLY, 0600);

	MUST(fd >= 0);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	MUST(errno == ENOSPC);
	close(fd);
}

/* In a mount namespace of its own, where the directory is a file system of few pages. */
static void use_up_a_full_file_system(void)
{
	const unsigned n = PAGE_HOLDERS + 3;
	pid_t children[PAGE_HOLDERS + 3];

	mount_on_directory("size=64k");
	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id) == 0);
	MUST(ksem_close(world.proc, id) == 0);
	fill_up();
	for (unsigned i = 0; i < n; i++)
		children[i] = start_process(open_in_turn);
	while (load_acq(&board->here) + load_acq(&board->turn) != n)
		sched_yield();
	MUST(load_acq(&board->here) == PAGE_HOLDERS);
	MUST(unlink(path_of("/.fill")) == 0);
	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	MUST(info_of(world.proc, id).refs == PAGE_HOLDERS + 1);
	for (unsigned i = 0; i < n; i++)
		kill_and_reap(children[i]);
	MUST(info_of(world.proc, id).refs == 1);
}

static void a_full_file_system_is_an_error(void **state)
{
	(void)state;
	if (!may_mount_and_ends_well(start_process(use_up_a_full_file_system)))
		SKIP("mounting is forbidden here");
}

static void unlink_what_others_closed(void)
{
	char name[16];

	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "/%d", i);
		MUST(ksem_unlink(world.proc, name) == 0);
	}
}

/* Of eight pages. What was destroyed or closed, and lies retired or mapped here, gives its memory to what is new. */
static void make_and_end_where_there_is_little_room(void)
{
	char name[16];

	mount_on_directory("size=32k");
	world = enter();
	for (int i = 0; i < 100; i++)
		MUST(ksem_init(world.proc, 0, &id) == 0 && ksem_destroy(world.proc, id) == 0);
	for (int i = 0; i < 100; i++) {
		MUST(ksem_open(world.proc, "/new", O_CREAT | O_EXCL, 0600, 0, &id) == 0);
		MUST(ksem_unlink(world.proc, "/new") == 0 && ksem_close(world.proc, id) == 0);
	}
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "/%d", i);
		MUST(ksem_open(world.proc, name, O_CREAT, 0600, 0, &id) == 0 && ksem_close(world.proc, id) == 0);
	}
	MUST(ksem_init(world.proc, 0, &id) == ENOSPC); /* they have names */
	must_end_well(start_process(unlink_what_others_closed));
	MUST(ksem_init(world.proc, 0, &id) == 0);
}

static void what_was_ended_gives_its_memory_to_what_is_new(void **state)
{
	(void)state;
	if (!may_mount_and_ends_well(start_process(make_and_end_where_there_is_little_room)))
		SKIP("mounting is forbidden here");
}

static void make_with_short_files(void)
{
	static const rlim_t limits[] = {0, 1, PAGE_BYTES - 1, PAGE_BYTES, 3 * PAGE_BYTES + 1, FILE_BYTES};

	world = enter();
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct rlimit limit = {limits[i], RLIM_INFINITY};
		int error = limits[i] < PAGE_BYTES ? EFBIG : 0;

		MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
		id = 77;
		MUST(ksem_open(world.proc, "/short", O_CREAT, 0600, 0, &id) == error);
		MUST(error == 0 || id == 77);
		if (!error) {
			MUST(ksem_post(world.proc, id) == 0);
			MUST(ksem_close(world.proc, id) == 0 && ksem_unlink(world.proc, "/short") == 0);
		}
		MUST(ksem_init(world.proc, 0, &id) == error);
		MUST(error != 0 || ksem_destroy(world.proc, id) == 0);
	}
}

static void a_limit_for_files_is_an_error_and_no_signal(void **state)
{
	(void)state;
	must_end_well(start_process(make_with_short_files));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(any_number_of_processes_is_counted_exactly),
		board_test(only_the_last_of_many_ends_it),
		board_test(of_two_who_destroy_at_once_one_ends_it),
		board_test(a_full_file_system_is_an_error),
		board_test(a_limit_for_files_is_an_error_and_no_signal),
		board_test(what_was_ended_gives_its_memory_to_what_is_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
