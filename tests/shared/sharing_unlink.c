/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that are taken away, by unlinkers that stop, fail or die at the worst places: between telling the holders and
 * unlinking the file. The linker puts a function here before libc's unlinkat (--wrap), which stops there when asked.
 */
#include "sharing.h"

#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- An unlinker that stops before it unlinks. ---- */

static int stop_at = -1; /* in unlinkat, says so through this socket, and waits for an answer there */
static int fail_with;    /* unlinkat fails with this; 0: it doesn't */

int __real_unlinkat(int fd, const char *path, int flags);
int __wrap_unlinkat(int fd, const char *path, int flags);
int __wrap_unlinkat(int fd, const char *path, int flags)
{
	char byte;

	if (stop_at >= 0) {
		MUST(write(stop_at, "", 1) == 1);
		MUST(read(stop_at, &byte, 1) == 1);
	}
	if (fail_with) {
		errno = fail_with;
		return -1;
	}
	return __real_unlinkat(fd, path, flags);
}

static int ends[2]; /* to and from the unlinker */
static int unlinked_with;

static void unlink_slowly(void)
{
	struct world world = enter();

	stop_at = ends[1];
	MUST(ksem_unlink(world.proc, "/name") == unlinked_with);
}

/* Another process, which is about to unlink /name. */
static pid_t start_unlinker(int error)
{
	pid_t child;
	char byte;

	unlinked_with = error;
	fail_with = error;
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	child = start_process(unlink_slowly);
	fail_with = 0;
	MUST(read(ends[0], &byte, 1) == 1);
	return child;
}

static void let_it_unlink(pid_t child)
{
	MUST(write(ends[0], "", 1) == 1);
	must_end_well(child);
	close(ends[0]);
	close(ends[1]);
}

static void kill_the_unlinker(pid_t child)
{
	kill_and_reap(child);
	close(ends[0]);
	close(ends[1]);
}

static ksem_id_t opened(struct world *world, int oflag)
{
	ksem_id_t id;

	OK(ksem_open(world->proc, "/name", oflag, 0600, 0, &id));
	return id;
}

static bool has_name(struct world *world, ksem_id_t id)
{
	return strcmp(info_of(world->proc, id).name, "/name") == 0;
}

/* ---- What opening costs. ---- */

static void open_under_seccomp(void)
{
	struct world world = enter();
	ksem_id_t id = opened(&world, 0), again;

	MUST(opened(&world, 0) == id); /* asks the directory, at most this once */
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
	if (ksem_open(world.proc, "/name", 0, 0, 0, &again) || again != id)
		syscall(SYS_exit, 1);
	syscall(SYS_exit, 0);
}

static void opening_again_is_without_system_calls(void)
{
	if (!SANITIZED) /* whose own system calls would be taken for ours */
		must_end_well(start_process(open_under_seccomp));
}

/* ---- Tests. ---- */

static void an_unlink_that_fails_changes_nothing(void **state)
{
	struct world world = enter();
	ksem_id_t id = opened(&world, O_CREAT);

	(void)state;
	for (int look = 0; look < 2; look++) { /* beside it or not */
		pid_t unlinker = start_unlinker(EPERM);

		if (look)
			assert_true(opened(&world, 0) == id);
		let_it_unlink(unlinker);
		assert_true(has_name(&world, id));
		assert_true(opened(&world, 0) == id);
	}
	opening_again_is_without_system_calls();
	world_end(&world);
}

static void an_unlinker_that_dies_changes_nothing(void **state)
{
	struct world world = enter();
	ksem_id_t id = opened(&world, O_CREAT);

	(void)state;
	kill_the_unlinker(start_unlinker(0));
	assert_true(has_name(&world, id));
	assert_true(opened(&world, 0) == id);
	opening_again_is_without_system_calls();
	world_end(&world);
}

static void a_name_stands_until_it_is_unlinked(void **state)
{
	struct world world = enter();
	ksem_id_t id = opened(&world, O_CREAT);
	pid_t unlinker = start_unlinker(0);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(has_name(&world, id));
		assert_true(opened(&world, O_CREAT) == id);
	}
	FAILS(EEXIST, ksem_open(world.proc, "/name", O_CREAT | O_EXCL, 0600, 0, &id));
	let_it_unlink(unlinker);
	assert_false(has_name(&world, id));
	FAILS(ENOENT, ksem_open(world.proc, "/name", 0, 0, 0, &id));
	world_end(&world);
}

/*
 * It removes the next of that name, long after another process took away the one that it told of; all go by the
 * directory, so that no two have the name.
 */
static void who_is_late_takes_away_the_next_of_that_name(void **state)
{
	struct world world = enter(), other = enter();
	ksem_id_t first = opened(&world, O_CREAT), second, third;
	pid_t unlinker = start_unlinker(0);

	(void)state;
	OK(ksem_unlink(other.proc, "/name")); /* waits for nobody */
	second = opened(&world, O_CREAT | O_EXCL);
	assert_true(second != first);
	for (int i = 0; i < 3; i++) {
		assert_true(opened(&world, 0) == second);
		assert_true(opened(&other, 0) == second);
		assert_true(has_name(&world, second));
	}
	let_it_unlink(unlinker);
	FAILS(ENOENT, ksem_open(world.proc, "/name", 0, 0, 0, &third));
	FAILS(ENOENT, ksem_open(other.proc, "/name", 0, 0, 0, &third));
	assert_false(has_name(&world, second));
	third = opened(&other, O_CREAT | O_EXCL);
	assert_true(third != second);
	assert_true(opened(&world, O_CREAT) == third);
	world_end(&other);
	world_end(&world);
}

static void unlink_name(void)
{
	struct world world = enter();

	MUST(ksem_unlink(world.proc, "/name") == 0);
}

/* However many there are, and whoever of them stopped. */
static void unlinkers_wait_for_nobody(void **state)
{
	enum { STOPPED = 5 };
	pid_t stopped[STOPPED];
	int sockets[STOPPED][2];
	struct world world = enter();
	ksem_id_t id;

	(void)state;
	for (int i = 0; i < STOPPED; i++) {
		id = opened(&world, O_CREAT);
		stopped[i] = start_unlinker(0);
		memcpy(sockets[i], ends, sizeof(ends));
		must_end_well(start_process(unlink_name));
		assert_false(has_name(&world, id));
	}
	id = opened(&world, O_CREAT | O_EXCL);
	memcpy(ends, sockets[0], sizeof(ends));
	let_it_unlink(stopped[0]);
	assert_false(has_name(&world, id));
	FAILS(ENOENT, ksem_open(world.proc, "/name", 0, 0, 0, &id));
	for (int i = 1; i < STOPPED; i++) {
		memcpy(ends, sockets[i], sizeof(ends));
		kill_the_unlinker(stopped[i]);
	}
	id = opened(&world, O_CREAT | O_EXCL);
	assert_true(has_name(&world, id));
	opening_again_is_without_system_calls();
	world_end(&world);
}

/* By unlink and create, at random, from several processes, some of them killed. */

static void churn(void)
{
	struct world world = enter();
	unsigned seed = (unsigned)getpid();

	for (;;) {
		ksem_id_t id;

		if (rand_r(&seed) % 4 == 0)
			ksem_unlink(world.proc, "/name");
		else if (ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id) == 0 && rand_r(&seed) % 2)
			ksem_close(world.proc, id);
	}
}

static void whoever_opens_gets_what_the_directory_has(void **state)
{
	enum { CHURNERS = 3, ROUNDS = 60 };
	pid_t churners[CHURNERS];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct world world = enter(), fresh;
		ksem_id_t id, found;

		for (int i = 0; i < CHURNERS; i++)
			churners[i] = start_process(churn);
		for (int i = 0; i < 50; i++)
			(void)ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id);
		for (int i = 0; i < CHURNERS; i++)
			kill_and_reap(churners[i]);
		fresh = enter();
		id = opened(&world, O_CREAT);
		found = opened(&fresh, 0);
		assert_true(id == found);
		assert_true(has_name(&world, id));
		OK(ksem_unlink(fresh.proc, "/name"));
		assert_false(has_name(&world, id));
		FAILS(ENOENT, ksem_open(world.proc, "/name", 0, 0, 0, &id));
		world_end(&fresh);
		world_end(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(an_unlink_that_fails_changes_nothing),
		shared_test(an_unlinker_that_dies_changes_nothing),
		shared_test(a_name_stands_until_it_is_unlinked),
		shared_test(who_is_late_takes_away_the_next_of_that_name),
		shared_test(unlinkers_wait_for_nobody),
		shared_test(whoever_opens_gets_what_the_directory_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
