/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Namespaces that OS processes share, with real processes: what one does the others see; what lies in the directory and
 * is no semaphore is refused; who may, and who not.
 */
#include "sharing.h"

#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "shared/map_cache.h"

/* ---- Each sees what others do. ---- */

static struct world of_both;
static ksem_id_t first, second;

static void *wait_for_either(void *which)
{
	const ksem_id_t ids[] = {first, second};

	MUST(ksem_wait_any(of_both.proc, ids, 2, CLOCK_MONOTONIC, NULL, which) == 0);
	return NULL;
}

static void *wait_for_second(void *arg)
{
	(void)arg;
	MUST(ksem_wait(of_both.proc, second) == 0);
	return NULL;
}

#define PASSED_ON 20

/*
 * The post on the second wakes the thread that waits for either. When it runs, the first has a permit, too, and it
 * takes that. A sleeper that isn't woken would look by itself after half a second, or later.
 */
static void a_wake_that_a_wait_for_any_does_not_need_reaches_another(void **state)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, PASSED_ON * 200), now;

	(void)state;
	of_both = enter();
	OK(ksem_init(of_both.proc, 0, &first));
	OK(ksem_init(of_both.proc, 0, &second));
	for (int i = 0; i < PASSED_ON; i++) {
		unsigned which = 77;
		pthread_t either = start(wait_for_either, &which), other;

		until_waiting(of_both.proc, first, 1);
		until_asleep(of_both.proc, second, 1);
		other = start(wait_for_second, NULL);
		until_asleep(of_both.proc, second, 2);
		OK(ksem_post(of_both.proc, second));
		OK(ksem_post(of_both.proc, first));
		finish(either);
		if (which == 1) {
			OK(ksem_trywait(of_both.proc, first));
			OK(ksem_post(of_both.proc, second));
		}
		finish(other);
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec < until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec));
	OK(ksem_destroy(of_both.proc, first));
	OK(ksem_destroy(of_both.proc, second));
	world_end(&of_both);
}

static void answer(void)
{
	struct world world = enter();
	ksem_id_t ask, reply;

	MUST(ksem_open(world.proc, "/ask", 0, 0, 0, &ask) == 0);
	MUST(ksem_open(world.proc, "/reply", 0, 0, 0, &reply) == 0);
	for (int i = 0; i < 1000; i++) {
		MUST(wait_patiently(world.proc, ask) == 0);
		MUST(ksem_post(world.proc, reply) == 0);
	}
	MUST(ksem_close(world.proc, ask) == 0);
	MUST(ksem_unlink(world.proc, "/ask") == 0);
}

static void processes_meet_by_name_and_hand_over(void **state)
{
	struct world world = enter();
	ksem_id_t ask, reply;
	pid_t child;

	(void)state;
	OK(ksem_open(world.proc, "/ask", O_CREAT, 0600, 0, &ask));
	OK(ksem_open(world.proc, "/reply", O_CREAT, 0600, 0, &reply));
	child = start_process(answer);
	for (int i = 0; i < 1000; i++) {
		OK(ksem_post(world.proc, ask));
		OK(wait_patiently(world.proc, reply));
	}
	must_end_well(child);
	assert_string_equal(info_of(world.proc, ask).name, "");
	assert_string_equal(info_of(world.proc, reply).name, "/reply");
	FAILS(ENOENT, ksem_open(world.proc, "/ask", 0, 0, 0, &ask));
	world_end(&world);
}

static struct world inherited;
static ksem_id_t inherited_id;

static void use_inherited(void)
{
	MUST(ksem_post(inherited.proc, inherited_id) == 0);
	MUST(wait_patiently(inherited.proc, inherited_id) == 0);
	MUST(ksem_post(inherited.proc, inherited_id) == 0);
	MUST(info_of(inherited.proc, inherited_id).refs == 2);
	MUST(ksem_destroy(inherited.proc, inherited_id) == 0);
	MUST(ksem_post(inherited.proc, inherited_id) == EINVAL);
}

static void an_anonymous_semaphore_is_inherited_over_fork(void **state)
{
	pid_t child;

	(void)state;
	inherited = enter();
	OK(ksem_init(inherited.proc, 0, &inherited_id));
	assert_int_equal(info_of(inherited.proc, inherited_id).refs, 1);
	child = start_process(use_inherited);
	must_end_well(child);
	OK(wait_patiently(inherited.proc, inherited_id));
	assert_int_equal(info_of(inherited.proc, inherited_id).refs, 1);
	OK(ksem_destroy(inherited.proc, inherited_id));
	FAILS(EINVAL, ksem_post(inherited.proc, inherited_id));
	world_end(&inherited);
}

/* ---- A fork from a signal handler that interrupted a wait. ---- */

static _Atomic pid_t forked;

static void fork_in_handler(int signal)
{
	(void)signal;
	forked = fork();
	if (forked == 0)
		alarm(60); /* no signal when its parent goes: that is the thread, which goes first */
}

static void *wait_and_be_forked(void *arg)
{
	int error = ksem_wait(inherited.proc, inherited_id);

	(void)arg;
	if (forked == 0) /* the child, whose only thread had waited, and waited on */
		_exit(error);
	MUST(error == 0);
	return NULL;
}

static void a_wait_that_a_handler_forked_is_two(void **state)
{
	struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART}, before;
	pthread_t thread;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("TSan takes locks for held that such a child has let go");
	if (!has_futex_waitv())
		SKIP("no futex_waitv: a handler ends a shared wait");
	inherited = enter();
	OK(ksem_init(inherited.proc, 0, &inherited_id));
	forked = -2;
	OK(sigaction(SIGUSR1, &action, &before));
	thread = start(wait_and_be_forked, NULL);
	until_waiting(inherited.proc, inherited_id, 1);
	sleep_ms(20);
	OK(pthread_kill(thread, SIGUSR1));
	while (atomic_load(&forked) == -2)
		sched_yield();
	MUST(forked > 0);
	until_waiting(inherited.proc, inherited_id, 2);
	assert_int_equal(info_of(inherited.proc, inherited_id).refs, 2);
	OK(ksem_post(inherited.proc, inherited_id));
	until_waiting(inherited.proc, inherited_id, 1);
	OK(ksem_post(inherited.proc, inherited_id));
	finish(thread);
	must_end_well(forked);
	assert_int_equal(info_of(inherited.proc, inherited_id).waiters, 0);
	assert_int_equal(value_of(inherited.proc, inherited_id), 0);
	OK(ksem_destroy(inherited.proc, inherited_id));
	OK(sigaction(SIGUSR1, &before, NULL));
	world_end(&inherited);
}

/* ---- More processes than have a record of their own. ---- */

static void post_and_wait(void)
{
	struct world world = enter();
	ksem_id_t here, go;

	MUST(ksem_open(world.proc, "/here", 0, 0, 0, &here) == 0);
	MUST(ksem_open(world.proc, "/go", 0, 0, 0, &go) == 0);
	MUST(ksem_post(world.proc, here) == 0);
	MUST(wait_patiently(world.proc, go) == 0);
}

static void there_may_be_more_processes_than_records(void **state)
{
	pid_t children[PAGE_HOLDERS + 5];
	const unsigned n = sizeof(children) / sizeof(*children);
	struct world world = enter();
	ksem_id_t here, go;

	(void)state;
	OK(ksem_open(world.proc, "/here", O_CREAT, 0600, 0, &here));
	OK(ksem_open(world.proc, "/go", O_CREAT, 0600, 0, &go));
	for (unsigned i = 0; i < n; i++)
		children[i] = start_process(post_and_wait);
	for (unsigned i = 0; i < n; i++)
		OK(wait_patiently(world.proc, here));
	until_waiting(world.proc, go, n);
	OK(ksem_post_many(world.proc, go, n));
	for (unsigned i = 0; i < n; i++)
		must_end_well(children[i]);
	assert_int_equal(value_of(world.proc, go), 0);
	assert_int_equal(info_of(world.proc, go).waiters, 0);
	OK(ksem_unlink(world.proc, "/here"));
	OK(ksem_unlink(world.proc, "/go"));
	world_end(&world);
}

/* ---- Names. ---- */

static void unlink_and_make_anew(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_unlink(world.proc, "/name") == 0);
	MUST(ksem_open(world.proc, "/name", O_CREAT | O_EXCL, 0600, 7, &id) == 0);
}

static void a_name_that_another_process_took_away_is_not_found_again(void **state)
{
	struct world world = enter();
	ksem_id_t old, new;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 3, &old));
	must_end_well(start_process(unlink_and_make_anew));
	OK(ksem_open(world.proc, "/name", 0, 0, 0, &new));
	assert_true(new != old);
	assert_int_equal(value_of(world.proc, new), 7);
	assert_int_equal(value_of(world.proc, old), 3);
	assert_int_equal(semaphores_in(world.ns), 2);
	OK(ksem_close(world.proc, old));
	assert_int_equal(semaphores_in(world.ns), 1);
	world_end(&world);
}

/* Of what was closed last, pages stay mapped; they are used again, but never for another semaphore of the same name. */
static void what_is_opened_again_is_mapped_still(void **state)
{
	struct world world = enter();
	char name[16];
	ksem_id_t id, again;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 3, &id));
	OK(ksem_close(world.proc, id));
	for (int i = 0; i < 1000; i++) {
		OK(ksem_open(world.proc, "/name", 0, 0, 0, &again));
		assert_true(again == id);
		OK(ksem_post(world.proc, id));
		OK(ksem_close(world.proc, id));
		FAILS(EINVAL, ksem_post(world.proc, id));
	}
	assert_int_equal(mappings_of(dir), 1);
	must_end_well(start_process(unlink_and_make_anew));
	OK(ksem_open(world.proc, "/name", 0, 0, 0, &again));
	assert_true(again != id);
	assert_int_equal(value_of(world.proc, again), 7);
	OK(ksem_close(world.proc, again));
	OK(ksem_unlink(world.proc, "/name"));
	FAILS(ENOENT, ksem_open(world.proc, "/name", 0, 0, 0, &id));
	OK(ksem_open(world.proc, "/short", O_CREAT, 0600, 0, &id));
	OK(ksem_close(world.proc, id));
	MUST(truncate(path_of("/short"), 0) == 0);
	FAILS(EINVAL, ksem_open(world.proc, "/short", 0, 0, 0, &id)); /* and doesn't touch the page */
	for (int round = 0; round < 3; round++) {                     /* more than are kept */
		for (int i = 0; i < 3 * MAP_CACHE_PAGES; i++) {
			snprintf(name, sizeof(name), "/%d", i);
			OK(ksem_open(world.proc, name, O_CREAT, 0600, (unsigned)i, &id));
			assert_int_equal(value_of(world.proc, id), i);
			OK(ksem_close(world.proc, id));
		}
	}
	world_end(&world);
}

static void open_and_close_under_seccomp(void)
{
	struct world world = enter();
	ksem_id_t id, again;

	MUST(ksem_open(world.proc, "/name", 0, 0, 0, &id) == 0);
	MUST(ksem_open(world.proc, "/name", 0, 0, 0, &again) == 0 && again == id);
	MUST(ksem_close(world.proc, id) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0); /* any call but exit is SIGKILL from here on */
	for (int i = 0; i < 1000; i++) {
		if (ksem_open(world.proc, "/name", O_CREAT, 0, 0, &again) || ksem_close(world.proc, id))
			syscall(SYS_exit, 1);
	}
	syscall(SYS_exit, 0);
}

static void opening_a_name_that_this_process_holds_makes_no_system_call(void **state)
{
	struct world world;
	ksem_id_t id;

	(void)state;
	if (SANITIZED)
		SKIP("the sanitizers' own system calls aren't to be told apart");
	world = enter();
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id));
	must_end_well(start_process(open_and_close_under_seccomp));
	world_end(&world);
}

/* ---- What is no semaphore. ---- */

static void write_file(const char *name, const void *bytes, size_t length)
{
	int fd = open(path_of(name), O_CREAT | O_WRONLY | O_TRUNC, 0666);

	MUST(fd >= 0);
	MUST(write(fd, bytes, length) == (ssize_t)length);
	close(fd);
}

static void is_refused(struct world *world, const char *name, int error)
{
	ksem_id_t id = 77;

	FAILS(error, ksem_open(world->proc, name, 0, 0, 0, &id));
	FAILS(error, ksem_open(world->proc, name, O_CREAT, 0600, 0, &id));
	FAILS(EEXIST, ksem_open(world->proc, name, O_CREAT | O_EXCL, 0600, 0, &id));
	FAILS(error, ksem_unlink(world->proc, name));
	assert_true(id == 77);
}

static void what_is_no_semaphore_is_refused(void **state)
{
	struct world world = enter();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct page good, bad;
	struct page *page;
	ksem_id_t id;
	int fd;

	(void)state;
	OK(ksem_open(world.proc, "/good", O_CREAT, 0600, 1, &id));
	page = map_page("/good");
	memcpy(&good, page, sizeof(good));
	munmap(page, PAGE_BYTES);

	MUST(symlink("good", path_of("/symlink")) == 0);
	is_refused(&world, "/symlink", ELOOP);
	MUST(mkfifo(path_of("/fifo"), 0666) == 0);
	is_refused(&world, "/fifo", EINVAL);
	MUST(mkdir(path_of("/directory"), 0777) == 0);
	is_refused(&world, "/directory", EINVAL);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	stpncpy(address.sun_path, path_of("/socket"), sizeof(address.sun_path) - 1);
	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	is_refused(&world, "/socket", EINVAL);
	close(fd);
	write_file("/empty", "", 0);
	is_refused(&world, "/empty", EINVAL);
	write_file("/short", &good, sizeof(good) - 1);
	is_refused(&world, "/short", EINVAL);
	for (size_t at = 0; at < offsetof(struct page, mode); at++) { /* magic, version, order of bytes */
		char whole[PAGE_BYTES] = {0};

		bad = good;
		((char *)&bad)[at] ^= 1;
		memcpy(whole, &bad, sizeof(bad));
		write_file("/bad", whole, sizeof(whole));
		is_refused(&world, "/bad", EINVAL);
	}
	assert_int_equal(value_of(world.proc, id), 1);
	assert_int_equal(semaphores_in(world.ns), 1);
	world_end(&world);
}

static void scribble(void)
{
	struct page *page = map_page("/scribbled");
	unsigned seed = 1;

	for (;;) {
		for (size_t at = offsetof(struct page, doubt); at < sizeof(*page); at += sizeof(int))
			*(volatile int *)((char *)page + at) = rand_r(&seed);
	}
}

static void a_scribbled_semaphore_confuses_nothing_else(void **state)
{
	struct world world = enter();
	const struct timespec past = {0, 0};
	ksem_id_t good, bad, again;
	pid_t child;

	(void)state;
	OK(ksem_open(world.proc, "/good", O_CREAT, 0600, 1, &good));
	OK(ksem_open(world.proc, "/scribbled", O_CREAT, 0600, 1, &bad));
	child = start_process(scribble);
	for (int i = 0; i < ROUNDS(20000); i++) {
		unsigned value;

		ksem_post(world.proc, bad);
		ksem_trywait(world.proc, bad);
		ksem_clockwait(world.proc, bad, CLOCK_MONOTONIC, &past);
		ksem_getvalue(world.proc, bad, &value);
		if (i % 100 == 0) {
			struct ksem_info info;

			ksem_stat(world.proc, bad, &info);
			if (ksem_open(world.proc, "/scribbled", 0, 0, 0, &again) == 0)
				ksem_close(world.proc, again);
		}
		OK(ksem_wait(world.proc, good));
		OK(ksem_post(world.proc, good));
	}
	kill_and_reap(child);
	OK(ksem_close(world.proc, bad));
	assert_int_equal(value_of(world.proc, good), 1);
	world_end(&world);
}

/* ---- Who may, and where. ---- */

static void as_nobody(void)
{
	struct world world;
	ksem_id_t id;

	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	world = enter();
	MUST(ksem_open(world.proc, "/mine", 0, 0, 0, &id) == EPERM);
	MUST(ksem_unlink(world.proc, "/mine") == EPERM);
	MUST(ksem_open(world.proc, "/all", 0, 0, 0, &id) == 0);
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_unlink(world.proc, "/all") == EPERM); /* the directory is sticky */
	MUST(ksem_open(world.proc, "/all", 0, 0, 0, &id) == 0);
	MUST(ksem_open(world.proc, "/theirs", O_CREAT, 0600, 0, &id) == 0);

	/* Also where it is mapped still. */
	MUST(ksem_close(world.proc, id) == 0);
	MUST(chmod(path_of("/theirs"), 0) == 0);
	MUST(ksem_open(world.proc, "/theirs", 0, 0, 0, &id) == EPERM);
	MUST(chmod(path_of("/theirs"), 0600) == 0);
	MUST(ksem_open(world.proc, "/theirs", 0, 0, 0, &id) == 0);
	MUST(ksem_unlink(world.proc, "/theirs") == 0);
}

static void the_kernel_enforces_mode_and_owner(void **state)
{
	static const mode_t modes[] = {0600, 0200, 0020, 0002, 0000, 0666, 0444, 0640};
	static const mode_t files[] = {0600, 0600, 0660, 0666, 0000, 0666, 0000, 0600};
	struct world world = enter();
	ksem_id_t id;
	mode_t mask = umask(077);

	(void)state;
	MUST(chmod(dir, 01777) == 0);
	OK(ksem_open(world.proc, "/mine", O_CREAT, 0600, 0, &id));
	OK(ksem_open(world.proc, "/all", O_CREAT, 0606, 0, &id));
	if (getuid() == 0)
		must_end_well(start_process(as_nobody));
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct stat status;

		if (geteuid() != 0 && files[i] == 0)
			continue; /* only root could unlink it again */
		OK(ksem_open(world.proc, "/mode", O_CREAT, modes[i], 0, &id));
		MUST(stat(path_of("/mode"), &status) == 0);
		assert_int_equal(status.st_mode & 07777, files[i]);
		assert_int_equal(info_of(world.proc, id).mode, modes[i]);
		OK(ksem_unlink(world.proc, "/mode"));
	}
	umask(mask);
	world_end(&world);
}

static void self_is_this_process_in_the_default_namespace(void **state)
{
	char path[256];
	struct stat status;
	ksem_id_t id;

	(void)state;
	snprintf(path, sizeof(path), "%s/made", dir);
	MUST(setenv("KSEM_DIR", "/dev/null", 1) == 0);
	assert_null(ksem_self());
	MUST(setenv("KSEM_DIR", path, 1) == 0);
	assert_non_null(ksem_self());
	assert_ptr_equal(ksem_self(), ksem_self());
	MUST(stat(path, &status) == 0);
	assert_int_equal(status.st_mode, S_IFDIR | 01777);
	OK(ksem_open(ksem_self(), "/self", O_CREAT, 0600, 2, &id));
	assert_int_equal(value_of(ksem_self(), id), 2);
	OK(ksem_unlink(ksem_self(), "/self"));
	OK(ksem_close(ksem_self(), id));
}

static void names_that_are_no_file_names_work(void **state)
{
	static const char *const names[] = {"/.", "/..", "/...", "/%", "/%.", "/.hidden", "/ ", "/\n", "/%%"};
	struct world world = enter();
	ksem_id_t ids[9];

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		OK(ksem_open(world.proc, names[i], O_CREAT | O_EXCL, 0600, i, &ids[i]));
	write_file("/%x", "", 0); /* the file of no name */
	write_file("/.x", "", 0);
	assert_int_equal(semaphores_in(world.ns), 9);
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(value_of(world.proc, ids[i]), i);
		assert_string_equal(info_of(world.proc, ids[i]).name, names[i]);
		OK(ksem_unlink(world.proc, names[i]));
	}
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(processes_meet_by_name_and_hand_over),
		shared_test(an_anonymous_semaphore_is_inherited_over_fork),
		shared_test(a_wait_that_a_handler_forked_is_two),
		shared_test(a_wake_that_a_wait_for_any_does_not_need_reaches_another),
		shared_test(there_may_be_more_processes_than_records),
		shared_test(a_name_that_another_process_took_away_is_not_found_again),
		shared_test(what_is_opened_again_is_mapped_still),
		shared_test(opening_a_name_that_this_process_holds_makes_no_system_call),
		shared_test(what_is_no_semaphore_is_refused),
		shared_test(a_scribbled_semaphore_confuses_nothing_else),
		shared_test(the_kernel_enforces_mode_and_owner),
		shared_test(self_is_this_process_in_the_default_namespace),
		shared_test(names_that_are_no_file_names_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
