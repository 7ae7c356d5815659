/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that the library keeps in a host that closes what it finds open, and opens its own files under the same
 * numbers: nothing of the host's is touched, nobody is taken for dead, and the library opens its directory again. So it
 * does where the directory was removed and made anew.
 */
#include "sharing.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static struct world world;
static ksem_id_t id;
static char strange[128]; /* a directory of the host's own */

#define NUMBERS 64

struct board {
	atomic(unsigned) closed; /* have all descriptors been? */
};

#define board ((struct board *)board_page)

static void *run_in_thread(void *act)
{
	((void (*)(void))act)();
	return NULL;
}

/* By a system call: ThreadSanitizer takes a close beside a use for a race, and this is one. */
static void close_all_descriptors(void)
{
	for (int fd = 3; fd < NUMBERS; fd++)
		syscall(SYS_close, fd);
}

/* As daemons do: closes all but the standard files, and opens a directory of its own under every number. */
static void take_all_descriptors(void)
{
	snprintf(strange, sizeof(strange), "%s.strange", dir);
	MUST(mkdir(strange, 0700) == 0 || errno == EEXIST);
	close_all_descriptors();
	for (int fd = 3; fd < NUMBERS; fd++)
		MUST(open(strange, O_RDONLY | O_DIRECTORY) == fd);
}

/* Nothing was made there, nothing closed, nothing locked. */
static void the_hosts_are_untouched(void)
{
	struct stat status;

	for (int fd = 3; fd < NUMBERS; fd++) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

		MUST(fstat(fd, &status) == 0 && S_ISDIR(status.st_mode));
		MUST(fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK);
	}
	MUST(rmdir(strange) == 0); /* so it is empty */
}

static void wait_for_a_permit(void)
{
	MUST(wait_patiently(world.proc, id) == 0);
}

static void use_it_after_that(void)
{
	struct ksem_info info;
	ksem_id_t other;
	pid_t waiter;

	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id) == 0);
	waiter = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, 1);
	take_all_descriptors();
	for (int i = 0; i < 3; i++) {
		info = info_of(world.proc, id);
		MUST(info.waiters == 1); /* it lives */
		MUST(info.refs >= 1);
	}
	MUST(ksem_open(world.proc, "/other", O_CREAT, 0600, 3, &other) == 0);
	MUST(value_of(world.proc, other) == 3);
	MUST(info_of(world.proc, id).refs == 2 && info_of(world.proc, id).waiters == 1);
	MUST(ksem_post(world.proc, id) == 0);
	must_end_well(waiter);
	MUST(info_of(world.proc, id).refs == 1 && info_of(world.proc, id).waiters == 0);

	/* Others see this process, and so does who comes after the fork. */
	waiter = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, 1);
	MUST(info_of(world.proc, id).refs == 2);
	MUST(ksem_post(world.proc, id) == 0);
	must_end_well(waiter);
	MUST(ksem_unlink(world.proc, "/other") == 0 && ksem_close(world.proc, other) == 0);
	MUST(ksem_close(world.proc, id) == 0);
	MUST(ksem_proc_exit(world.proc) == 0 && ksem_ns_destroy(world.ns) == 0);
	the_hosts_are_untouched();
}

static void what_the_host_closed_is_opened_again(void **state)
{
	(void)state;
	must_end_well(start_process(use_it_after_that));
}

static void daemonize_and_wait(void)
{
	close_all_descriptors();
	wait_for_a_permit();
}

/*
 * Another process, one thread of which sleeps in `wait` when the other closes all descriptors, and then calls nothing
 * more of the library's. On return it has closed them.
 */
static pid_t start_sleeper_that_daemonizes(void (*wait)(void))
{
	pid_t child;

	store_rel(&board->closed, 0);
	child = fork();
	MUST(child >= 0);
	if (child == 0) {
		pthread_t waiter;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(120);
		waiter = start(run_in_thread, wait);
		until_asleep(world.proc, id, 1);
		close_all_descriptors();
		store_rel(&board->closed, 1);
		finish(waiter);
		_exit(0);
	}
	while (load_acq(&board->closed) == 0) {
		MUST(waitpid(child, NULL, WNOHANG) == 0);
		sched_yield();
	}
	return child;
}

static void begin_with_sleepers(void)
{
	world = enter();
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id));
}

static void one_that_closed_its_descriptors_waits_as_ever(void **state)
{
	pid_t child;

	(void)state;
	begin_with_sleepers();
	child = start_process(daemonize_and_wait);
	until_waiting(world.proc, id, 1);
	assert_int_equal(info_of(world.proc, id).refs, 2);
	OK(ksem_post(world.proc, id));
	must_end_well(child);
	world_end(&world);
}

/* To look counts off the thread that sleeps; it notices, and counts again. */
static void a_sleeper_whose_descriptors_were_closed_is_woken(void **state)
{
	pid_t child;

	(void)state;
	begin_with_sleepers();
	child = start_sleeper_that_daemonizes(wait_for_a_permit);
	info_of(world.proc, id);
	until_waiting(world.proc, id, 1);
	assert_int_equal(info_of(world.proc, id).refs, 2);
	OK(ksem_post(world.proc, id));
	must_end_well(child);
	assert_int_equal(info_of(world.proc, id).waiters, 0);
	assert_int_equal(value_of(world.proc, id), 0);
	world_end(&world);
}

static void wait_a_second(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, 1000);

	MUST(ksem_clockwait(world.proc, id, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
}

/* What its sleeper counts off as its wait ends is itself. */
static void a_sleeper_that_was_counted_off_counts_off_no_other(void **state)
{
	pid_t child, waiter;

	(void)state;
	begin_with_sleepers();
	child = start_sleeper_that_daemonizes(wait_a_second);
	info_of(world.proc, id);
	waiter = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, 1);
	must_end_well(child);
	until_waiting(world.proc, id, 1);
	assert_int_equal(info_of(world.proc, id).waiters, 1);
	OK(ksem_post(world.proc, id));
	must_end_well(waiter);
	world_end(&world);
}

static char moved[128]; /* the directory */

static void move_directory_away(void)
{
	snprintf(moved, sizeof(moved), "%s.moved", dir);
	MUST(rename(dir, moved) == 0);
}

static void move_directory_back(void)
{
	MUST(rename(moved, dir) == 0);
}

/* Where the directory can't be opened again, it looks for permits by itself, as those do beside other waiters. */
static void a_sleeper_that_cant_come_back_looks_by_itself(void **state)
{
	pid_t child, waiter;

	(void)state;
	begin_with_sleepers();
	move_directory_away();
	child = start_sleeper_that_daemonizes(wait_for_a_permit);
	assert_int_equal(info_of(world.proc, id).waiters, 0);
	OK(ksem_post(world.proc, id));
	must_end_well(child);
	child = start_sleeper_that_daemonizes(wait_a_second);
	info_of(world.proc, id);
	waiter = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, 1);
	must_end_well(child);
	until_waiting(world.proc, id, 1);
	OK(ksem_post(world.proc, id));
	must_end_well(waiter);
	move_directory_back();
	world_end(&world);
}

static void wait_for_two(void)
{
	MUST(ksem_wait_many(world.proc, id, 2, CLOCK_MONOTONIC, NULL) == 0);
}

static void wait_for_five_turns(void)
{
	for (unsigned i = 0; i < 5; i++)
		wait_for_a_permit();
}

/* No post knows that it wants two. It is woken in turn with another process's waiter, which then looks by itself. */
static void a_sleeper_that_cant_come_back_takes_no_wakes_of_others(void **state)
{
	pid_t child, waiter;

	(void)state;
	begin_with_sleepers();
	move_directory_away();
	child = start_sleeper_that_daemonizes(wait_for_two);
	assert_int_equal(info_of(world.proc, id).waiters, 0);
	usleep(100000); /* it has been woken, and sleeps again */
	waiter = start_process(wait_for_five_turns);
	for (unsigned i = 0; i < 5; i++) {
		until_waiting(world.proc, id, 1);
		usleep(20000);
		OK(ksem_post(world.proc, id));
		for (unsigned ms = 0; value_of(world.proc, id) > 0; ms++) {
			assert_true(ms < 5000);
			usleep(1000);
		}
	}
	must_end_well(waiter);
	OK(ksem_post_many(world.proc, id, 2));
	must_end_well(child);
	move_directory_back();
	world_end(&world);
}

/* The host opens the same directory: the number is right and the file is, but the locks are gone. */
static void see_both(void)
{
	MUST(info_of(world.proc, id).refs == 2);
}

static void open_the_same_directory(void)
{
	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id) == 0);
	close_all_descriptors();
	for (int fd = 3; fd < NUMBERS; fd++)
		MUST(open(dir, O_RDONLY | O_DIRECTORY) == fd);
	MUST(info_of(world.proc, id).refs == 1);
	must_end_well(start_process(see_both));
}

static void a_description_of_the_hosts_is_not_ours(void **state)
{
	(void)state;
	must_end_well(start_process(open_the_same_directory));
}

/* Its path leads elsewhere by now. */
static void use_it_where_it_is_lost(void)
{
	ksem_id_t other = 77;

	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0600, 1, &id) == 0);
	move_directory_away();
	take_all_descriptors();
	MUST(ksem_open(world.proc, "/other", O_CREAT, 0600, 3, &other) == EBADF);
	MUST(ksem_init(world.proc, 0, &other) == EBADF && other == 77);
	MUST(ksem_unlink(world.proc, "/held") == EBADF);
	MUST(ksem_wait(world.proc, id) == 0 && ksem_post(world.proc, id) == 0); /* that goes on */
	MUST(ksem_close(world.proc, id) == 0);
	MUST(ksem_proc_exit(world.proc) == 0 && ksem_ns_destroy(world.ns) == 0);
	the_hosts_are_untouched();
	move_directory_back();
}

static void what_cant_be_opened_again_is_an_error(void **state)
{
	(void)state;
	must_end_well(start_process(use_it_where_it_is_lost));
}

/* A second namespace of the same directory gets the numbers of the first. */
static void mix_two_up(void)
{
	struct world first = enter(), second;
	ksem_id_t own;

	MUST(ksem_open(first.proc, "/held", O_CREAT, 0600, 0, &id) == 0);
	for (int fd = 3; fd < NUMBERS; fd++)
		close(fd);
	second = enter();
	MUST(ksem_open(second.proc, "/held", 0, 0, 0, &own) == 0);
	MUST(info_of(first.proc, id).refs == 2);
	MUST(ksem_close(first.proc, id) == 0);
	MUST(ksem_proc_exit(first.proc) == 0 && ksem_ns_destroy(first.ns) == 0);
	MUST(info_of(second.proc, own).refs == 1);
	MUST(ksem_unlink(second.proc, "/held") == 0);
}

static void two_namespaces_are_not_mixed_up(void **state)
{
	(void)state;
	must_end_well(start_process(mix_two_up));
}

static void keep_clear(void)
{
	ksem_id_t own;

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &own) == 0);
	for (int fd = 0; fd < 3; fd++)
		MUST(fcntl(fd, F_GETFD) < 0);
}

static void the_standard_files_are_left_alone(void **state)
{
	(void)state;
	must_end_well(start_process(keep_clear));
}

/* ---- The directory. ---- */

static void open_new(void)
{
	struct world own = enter();
	ksem_id_t other;

	MUST(ksem_open(own.proc, "/new", 0, 0, 0, &other) == 0);
	MUST(value_of(own.proc, other) == 5);
}

static void a_directory_that_was_made_anew_is_found(void **state)
{
	ksem_id_t other;
	pid_t waiter;

	(void)state;
	world = enter();
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id));
	waiter = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, 1);
	MUST(unlink(path_of("/held")) == 0 && rmdir(dir) == 0);
	FAILS(ENOENT, ksem_open(world.proc, "/new", O_CREAT, 0600, 5, &other));
	MUST(mkdir(dir, 0700) == 0);
	OK(ksem_open(world.proc, "/new", O_CREAT, 0600, 5, &other));
	must_end_well(start_process(open_new));

	/* What is held of the old one goes on, over forks too. */
	assert_int_equal(info_of(world.proc, id).refs, 2);
	assert_int_equal(info_of(world.proc, id).waiters, 1);
	OK(ksem_post(world.proc, id));
	must_end_well(waiter);
	waiter = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, 1);
	kill_and_reap(waiter);
	assert_int_equal(info_of(world.proc, id).refs, 1);
	assert_int_equal(info_of(world.proc, id).waiters, 0);
	OK(ksem_close(world.proc, id));
	OK(ksem_unlink(world.proc, "/new"));
	world_end(&world);
}

static void make_it_anew_without_access_to_the_old_one(void)
{
	struct ksem_ns_options options = {.size = sizeof(options), .dir = strange};
	ksem_id_t other;

	MUST(geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0));
	MUST(ksem_ns_create(&options, &world.ns) == 0 && ksem_proc_create(world.ns, NULL, &world.proc) == 0);
	MUST(chmod(strange, 0) == 0 && rmdir(strange) == 0 && mkdir(strange, 0700) == 0);
	MUST(ksem_open(world.proc, "/new", 0, 0, 0, &other) == ENOENT);
	MUST(ksem_open(world.proc, "/new", O_CREAT, 0600, 5, &other) == 0);
	MUST(ksem_unlink(world.proc, "/new") == 0);
}

/* The call of the kernel fails with EACCES, not with ENOENT. */
static void so_is_one_of_which_the_old_one_denies_access(void **state)
{
	char parent[sizeof(strange) - sizeof("/it")];

	(void)state;
	snprintf(parent, sizeof(parent), "%s.strange", dir);
	snprintf(strange, sizeof(strange), "%s/it", parent);
	MUST(mkdir(parent, 0700) == 0 && chmod(parent, 0777) == 0);
	MUST(mkdir(strange, 0700) == 0 && (geteuid() != 0 || chown(strange, 65534, 65534) == 0));
	must_end_well(start_process(make_it_anew_without_access_to_the_old_one));
	MUST(rmdir(strange) == 0 && rmdir(parent) == 0);
}

static void use_a_relative_one(void)
{
	struct ksem_ns_options options = {.size = sizeof(options), .dir = "."};
	ksem_id_t other;

	MUST(chdir(dir) == 0);
	MUST(ksem_ns_create(&options, &world.ns) == 0 && ksem_proc_create(world.ns, NULL, &world.proc) == 0);
	MUST(chdir("/") == 0);
	take_all_descriptors();
	MUST(ksem_open(world.proc, "/new", O_CREAT, 0600, 5, &other) == 0);
	open_new();
	MUST(ksem_unlink(world.proc, "/new") == 0);
	MUST(rmdir(strange) == 0);
}

static void a_relative_directory_stays_where_it_is(void **state)
{
	(void)state;
	must_end_well(start_process(use_a_relative_one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(what_the_host_closed_is_opened_again),
		board_test(one_that_closed_its_descriptors_waits_as_ever),
		board_test(a_sleeper_whose_descriptors_were_closed_is_woken),
		board_test(a_sleeper_that_was_counted_off_counts_off_no_other),
		board_test(a_sleeper_that_cant_come_back_looks_by_itself),
		board_test(a_sleeper_that_cant_come_back_takes_no_wakes_of_others),
		shared_test(a_description_of_the_hosts_is_not_ours),
		shared_test(what_cant_be_opened_again_is_an_error),
		shared_test(two_namespaces_are_not_mixed_up),
		shared_test(the_standard_files_are_left_alone),
		shared_test(a_directory_that_was_made_anew_is_found),
		shared_test(so_is_one_of_which_the_old_one_denies_access),
		shared_test(a_relative_directory_stays_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
