/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the default namespace is, with several users: each test has a /dev/shm of its own, in a mount namespace.
 */
#include "sharing.h"

#include <limits.h>
#include <sys/stat.h>

#include "shared/default.h"

#define FOR_ALL "/dev/shm/ksem"
#define ALICE   4321
#define BOB     4322

static void (*scene)(void);

static void play(void)
{
	if (geteuid() != 0 || !begin_mounting() || mount("none", "/dev/shm", "tmpfs", 0, "mode=1777,size=1m") != 0)
		_exit(FORBIDDEN); /* only root can be several users */
	unsetenv("KSEM_DIR");
	scene();
}

static bool plays(void (*act)(void))
{
	scene = act;
	return may_mount_and_ends_well(start_process(play));
}

/* A user who makes a semaphore in the default namespace, or finds it. */
static void use_default(uid_t user, mode_t mask, const char *name)
{
	ksem_id_t id;

	umask(mask);
	MUST(setgid(user) == 0 && setuid(user) == 0);
	MUST(ksem_self());
	MUST(ksem_open(ksem_self(), name, O_CREAT, 0666, 0, &id) == 0);
}

static void alice(void)
{
	use_default(ALICE, 077, "/met");
}

static void bob(void)
{
	use_default(BOB, 022, "/met");
}

static mode_t mode_of(const char *path)
{
	struct stat status;

	MUST(lstat(path, &status) == 0);
	return status.st_mode & 07777;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void meet(void)
{
	must_end_well(start_process(alice));
	MUST(mode_of(FOR_ALL) == 01777);
	must_end_well(start_process(bob));
	MUST(is_there(FOR_ALL "/met") && !is_there(FOR_ALL "-4322"));
}

static void all_users_meet_in_what_the_first_one_made(void **state)
{
	(void)state;
	if (!plays(meet))
		SKIP("mounting is forbidden here");
}

static void be_shut_out(void)
{
	MUST(mkdir(FOR_ALL, 0700) == 0 && chown(FOR_ALL, ALICE, ALICE) == 0);
	must_end_well(start_process(bob));
	MUST(is_there(FOR_ALL "-4322/met") && !is_there(FOR_ALL "/met"));
	MUST(mode_of(FOR_ALL "-4322") == 0700);
	must_end_well(start_process(alice));
	MUST(is_there(FOR_ALL "/met"));
	MUST(mode_of(FOR_ALL) == 0700); /* she may have meant it */
}

static void who_is_shut_out_has_one_of_his_own(void **state)
{
	(void)state;
	if (!plays(be_shut_out))
		SKIP("mounting is forbidden here");
}

static void alice_has_none(void)
{
	MUST(setuid(ALICE) == 0);
	MUST(!ksem_self());
}

static void lead_astray(void)
{
	MUST(mkdir("/dev/shm/elsewhere", 0777) == 0 && chmod("/dev/shm/elsewhere", 0777) == 0);
	MUST(symlink("/dev/shm/elsewhere", FOR_ALL) == 0);
	MUST(symlink("/dev/shm/elsewhere", FOR_ALL "-4321") == 0);
	must_end_well(start_process(bob));
	MUST(is_there(FOR_ALL "-4322/met") && !is_there("/dev/shm/elsewhere/met"));
	must_end_well(start_process(alice_has_none));
}

static void a_symbolic_link_leads_nobody_astray(void **state)
{
	(void)state;
	if (!plays(lead_astray))
		SKIP("mounting is forbidden here");
}

static void be_left_half_made(void)
{
	MUST(mkdir(FOR_ALL, 0700) == 0 && chmod(FOR_ALL, 01755) == 0 && chown(FOR_ALL, ALICE, ALICE) == 0);
	must_end_well(start_process(alice));
	MUST(mode_of(FOR_ALL) == 01777);
}

static void one_that_was_left_half_made_is_finished(void **state)
{
	(void)state;
	if (!plays(be_left_half_made))
		SKIP("mounting is forbidden here");
}

static void bob_looks(void)
{
	const char *path;

	MUST(setuid(BOB) == 0);
	MUST(default_directory(false, &path) == 0 && strcmp(path, FOR_ALL "-4322") == 0);
}

static void look(void)
{
	const char *path;

	MUST(default_directory(false, &path) == 0 && strcmp(path, FOR_ALL) == 0);
	MUST(!is_there(FOR_ALL));
	MUST(mkdir(FOR_ALL, 0755) == 0 && chown(FOR_ALL, ALICE, ALICE) == 0);
	must_end_well(start_process(bob_looks));
	MUST(!is_there(FOR_ALL "-4322"));
}

static void who_only_looks_is_told_the_same_and_makes_nothing(void **state)
{
	(void)state;
	if (!plays(look))
		SKIP("mounting is forbidden here");
}

/* ---- Beside those who may write there. ---- */

static bool attacked;

/* What somebody may do who may write to the directory in which the default directory is made. */
char *__real_mkdtemp(char *template);
char *__wrap_mkdtemp(char *template);
char *__wrap_mkdtemp(char *template)
{
	char *made = __real_mkdtemp(template);

	if (attacked)
		MUST(made && rmdir(made) == 0 && symlink("target", made) == 0);
	return made;
}

static void a_link_in_place_of_what_was_made_is_not_followed(void **state)
{
	const char *path;

	(void)state;
	MUST(mkdir(path_of("/target"), 0700) == 0);
	MUST(setenv("KSEM_DIR", path_of("/made"), 1) == 0);
	attacked = true;
	FAILS(EACCES, default_directory(true, &path));
	attacked = false;
	unsetenv("KSEM_DIR");
	assert_int_equal(mode_of(path_of("/target")), 0700);
}

/* ---- KSEM_DIR. ---- */

static void go_elsewhere_first(void)
{
	char name[64], path[PATH_MAX + 80], start[PATH_MAX];
	ksem_id_t id;

	MUST(getcwd(start, sizeof(start)));
	snprintf(name, sizeof(name), "relative-%ld", (long)getpid());
	snprintf(path, sizeof(path), "%s/%s", start, name);
	MUST(mkdir(path, 0700) == 0); /* the file system may not have files without names */
	MUST(mount("none", path, "tmpfs", 0, "size=1m") == 0);
	MUST(setenv("KSEM_DIR", name, 1) == 0);
	MUST(chdir("/") == 0);
	MUST(ksem_self() && ksem_open(ksem_self(), "/there", O_CREAT, 0600, 0, &id) == 0);
	snprintf(path, sizeof(path), "%s/%s/there", start, name);
	MUST(is_there(path));
	MUST(ksem_unlink(ksem_self(), "/there") == 0);
	snprintf(path, sizeof(path), "%s/%s", start, name);
	MUST(umount2(path, MNT_DETACH) == 0 && rmdir(path) == 0);
}

static void a_relative_one_counts_from_where_the_program_started(void **state)
{
	(void)state;
	if (!plays(go_elsewhere_first))
		SKIP("mounting is forbidden here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(all_users_meet_in_what_the_first_one_made),
		shared_test(who_is_shut_out_has_one_of_his_own),
		shared_test(a_symbolic_link_leads_nobody_astray),
		shared_test(one_that_was_left_half_made_is_finished),
		shared_test(who_only_looks_is_told_the_same_and_makes_nothing),
		shared_test(a_link_in_place_of_what_was_made_is_not_followed),
		shared_test(a_relative_one_counts_from_where_the_program_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
