/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit of a namespace that OS processes share: of what has a name, and of what any of them holds without one, as
 * long as it lives.
 */
#include "sharing.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void the_limit_is_for_all_processes(void **state)
{
	struct world one = enter_limited(3), other = enter_limited(3);
	ksem_id_t id, anonymous;

	(void)state;
	OK(ksem_open(one.proc, "/1", O_CREAT, 0600, 0, &id));
	OK(ksem_open(other.proc, "/2", O_CREAT, 0600, 0, &id));
	OK(ksem_init(one.proc, 0, &anonymous));
	FAILS(ENFILE, ksem_open(one.proc, "/3", O_CREAT, 0600, 0, &id));
	FAILS(ENFILE, ksem_open(other.proc, "/3", O_CREAT, 0600, 0, &id));
	FAILS(ENFILE, ksem_init(other.proc, 0, &id));
	OK(ksem_open(one.proc, "/2", O_CREAT, 0600, 0, &id));
	OK(ksem_unlink(one.proc, "/1"));
	OK(ksem_unlink(one.proc, "/2"));
	FAILS(ENFILE, ksem_init(other.proc, 0, &id)); /* all three are held, without names */
	world_end(&one);                              /* it held /1 and the anonymous one alone, /2 not alone */
	OK(ksem_init(other.proc, 0, &id));
	OK(ksem_open(other.proc, "/3", O_CREAT, 0600, 0, &id));
	FAILS(ENFILE, ksem_init(other.proc, 0, &id));
	world_end(&other);
}

static struct world inherited;
static ksem_id_t inherited_id;
static int told[2]; /* by the other process that it holds the semaphore: a pipe */

static void say_and_stay(void)
{
	MUST(write(told[1], "", 1) == 1);
	for (;;)
		pause();
}

static void hold_an_anonymous_one(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_init(world.proc, 0, &id) == 0);
	say_and_stay();
}

static void hold_a_named_one(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_open(world.proc, "/name", 0, 0, 0, &id) == 0);
	say_and_stay();
}

static pid_t start_holder(void (*hold)(void))
{
	pid_t child;
	char byte;

	MUST(pipe(told) == 0);
	child = start_process(hold);
	close(told[1]); /* so that the end of the child ends the read */
	MUST(read(told[0], &byte, 1) == 1);
	close(told[0]);
	return child;
}

static void what_others_hold_without_a_name_counts_until_they_end(void **state)
{
	struct world world = enter_limited(2);
	ksem_id_t id, second;
	pid_t child;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id));
	child = start_holder(hold_an_anonymous_one);
	FAILS(ENFILE, ksem_init(world.proc, 0, &second));
	kill_and_reap(child);
	OK(ksem_init(world.proc, 0, &second));
	OK(ksem_destroy(world.proc, second));

	child = start_holder(hold_a_named_one);
	OK(ksem_unlink(world.proc, "/name"));
	OK(ksem_close(world.proc, id));
	OK(ksem_init(world.proc, 0, &second));
	FAILS(ENFILE, ksem_init(world.proc, 0, &id));
	kill_and_reap(child);
	OK(ksem_init(world.proc, 0, &id));
	world_end(&world);
}

static void drop_the_inherited_one_when_told(void)
{
	char byte;

	MUST(write(told[1], "", 1) == 1);
	MUST(read(told[0], &byte, 1) == 1);
	MUST(ksem_destroy(inherited.proc, inherited_id) == 0);
	MUST(write(told[1], "", 1) == 1);
	for (;;)
		pause();
}

/* One that says when it is ready, and is told through ends[0] to go on. */
static pid_t start_partner(void (*act)(void), int ends[2])
{
	pid_t child;
	char byte;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	told[0] = told[1] = ends[1];
	child = start_process(act);
	MUST(read(ends[0], &byte, 1) == 1);
	return child;
}

static void what_is_inherited_counts_once_and_as_long_as_anybody_has_it(void **state)
{
	ksem_id_t second, third;
	int ends[2];
	pid_t child;
	char byte;

	(void)state;
	inherited = enter_limited(2);
	OK(ksem_init(inherited.proc, 0, &inherited_id));
	child = start_partner(drop_the_inherited_one_when_told, ends);
	OK(ksem_init(inherited.proc, 0, &second));
	FAILS(ENFILE, ksem_init(inherited.proc, 0, &third));
	OK(ksem_destroy(inherited.proc, inherited_id));
	FAILS(ENFILE, ksem_init(inherited.proc, 0, &third)); /* the child has it */
	MUST(write(ends[0], "", 1) == 1);
	MUST(read(ends[0], &byte, 1) == 1);
	OK(ksem_init(inherited.proc, 0, &third)); /* it dropped it, and lives */
	kill_and_reap(child);
	close(ends[0]);
	close(ends[1]);
	world_end(&inherited);
}

/* The locks of both lie between each other, and with gaps. */
static void the_limit_is_exact_however_the_files_lie(void **state)
{
	enum { MANY = 60, LIMIT = 50 };
	struct world worlds[2] = {enter(), enter()}, limited = enter_limited(LIMIT);
	ksem_id_t ids[MANY], id;
	unsigned left = MANY;

	(void)state;
	for (int i = 0; i < MANY; i++)
		OK(ksem_init(worlds[i % 3 == 0].proc, 0, &ids[i]));
	for (int i = 0; i < MANY; i += 4) {
		OK(ksem_destroy(worlds[i % 3 == 0].proc, ids[i]));
		left--;
	}
	assert_int_equal(left, 45);
	for (; left < LIMIT; left++)
		OK(ksem_init(limited.proc, 0, &id));
	FAILS(ENFILE, ksem_init(limited.proc, 0, &id));
	OK(ksem_destroy(worlds[0].proc, ids[1]));
	OK(ksem_init(limited.proc, 0, &id));
	FAILS(ENFILE, ksem_open(limited.proc, "/name", O_CREAT, 0600, 0, &id));
	world_end(&worlds[0]);
	world_end(&worlds[1]);
	world_end(&limited);
}

/* More than others can count. */
static void what_this_process_has_counts_however_much_it_is(void **state)
{
	enum { LIMIT = 4200 };
	struct world world;
	ksem_id_t id;
	int error = 0, made = 0;

	(void)state;
	if (THREAD_SANITIZED && share_of(3) < 3)
		SKIP("4,200 semaphores, under ThreadSanitizer, without KSEM_TEST_WIDE");
	world = enter_limited(LIMIT);
	for (; made < LIMIT + 10 && !(error = ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id)); made++)
		OK(ksem_unlink(world.proc, "/name"));
	assert_int_equal(error, ENFILE);
	assert_int_equal(made, LIMIT);
	OK(ksem_close(world.proc, id));
	OK(ksem_init(world.proc, 0, &id));
	FAILS(ENFILE, ksem_init(world.proc, 0, &id));
	world_end(&world);
}

static void hold_the_inherited_one(void)
{
	char byte;

	MUST(write(told[1], "", 1) == 1);
	MUST(read(told[0], &byte, 1) == 1);
}

static void what_is_pinned_counts_though_the_last_reference_went_elsewhere(void **state)
{
	struct world other = enter_limited(1);
	struct ksem *pin;
	ksem_id_t second;
	int ends[2];
	pid_t child;

	(void)state;
	inherited = enter_limited(1);
	OK(ksem_init(inherited.proc, 0, &inherited_id));
	OK(ksem_pin(inherited.proc, inherited_id, &pin));
	child = start_partner(hold_the_inherited_one, ends);
	OK(ksem_destroy(inherited.proc, inherited_id)); /* the child holds it */
	MUST(write(ends[0], "", 1) == 1);
	must_end_well(child);
	OK(ksem_pinned_post(pin));
	FAILS(ENFILE, ksem_init(inherited.proc, 0, &second));
	FAILS(ENFILE, ksem_init(other.proc, 0, &second));
	ksem_unpin(pin);
	OK(ksem_init(other.proc, 0, &second));
	close(ends[0]);
	close(ends[1]);
	world_end(&other);
	world_end(&inherited);
}

/* Where it can have no locks: no descriptor was left for a description of the directory of its own. */
static void make_till_it_is_full_without_locks(void)
{
	struct rlimit files;
	ksem_id_t id;
	int made = 0;

	MUST(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	MUST(setrlimit(RLIMIT_NOFILE, &files) == 0);
	while (ksem_init(inherited.proc, 0, &id) == 0)
		MUST(++made < 10);
	MUST(made == 4); /* and the one that both have */
}

static void a_process_without_locks_keeps_the_limit(void **state)
{
	struct rlimit files, none;
	pid_t child;

	(void)state;
	MUST(getrlimit(RLIMIT_NOFILE, &files) == 0);
	inherited = enter_limited(5);
	OK(ksem_init(inherited.proc, 0, &inherited_id));
	none = files;
	none.rlim_cur = 0;
	MUST(setrlimit(RLIMIT_NOFILE, &none) == 0);
	child = start_process(make_till_it_is_full_without_locks);
	MUST(setrlimit(RLIMIT_NOFILE, &files) == 0);
	must_end_well(child);
	world_end(&inherited);
}

#define CROWDED 20 /* semaphores that there may be */

static void make_till_it_is_full(void)
{
	struct world world = enter_limited(CROWDED);
	unsigned char made = 0;
	ksem_id_t id;

	while (ksem_init(world.proc, 0, &id) == 0)
		made++;
	MUST(write(told[1], &made, 1) == 1);
	for (;;)
		pause();
}

static void makers_who_come_at_once_keep_the_limit(void **state)
{
	enum { MAKERS = 4 };
	pid_t makers[MAKERS];

	(void)state;
	for (int round = 0; round < share_of(30); round++) {
		struct world world = enter_limited(CROWDED);
		unsigned all = 0;
		ksem_id_t id;

		MUST(pipe(told) == 0);
		for (int i = 0; i < MAKERS; i++)
			makers[i] = start_process(make_till_it_is_full);
		for (int i = 0; i < MAKERS; i++) {
			unsigned char made;

			MUST(read(told[0], &made, 1) == 1);
			all += made;
		}
		while (ksem_init(world.proc, 0, &id) == 0) /* who was refused for another that was refused, too */
			all++;
		assert_int_equal(all, CROWDED);
		for (int i = 0; i < MAKERS; i++)
			kill_and_reap(makers[i]);
		close(told[0]);
		close(told[1]);
		world_end(&world);
	}
}

static void what_is_no_semaphore_counts_for_nothing(void **state)
{
	struct world world = enter_limited(2);
	ksem_id_t id;
	int junk;

	(void)state;
	MUST(close(creat(path_of("/empty"), 0666)) == 0);
	MUST(mkdir(path_of("/directory"), 0777) == 0);
	MUST(mkfifo(path_of("/fifo"), 0666) == 0);
	MUST(symlink("nothing", path_of("/symlink")) == 0);
	junk = creat(path_of("/junk"), 0666); /* as large as a semaphore */
	MUST(junk >= 0 && ftruncate(junk, PAGE_BYTES) == 0 && close(junk) == 0);
	OK(ksem_open(world.proc, "/1", O_CREAT, 0600, 0, &id));
	OK(ksem_open(world.proc, "/2", O_CREAT, 0600, 0, &id));
	FAILS(ENFILE, ksem_open(world.proc, "/3", O_CREAT, 0600, 0, &id));
	world_end(&world);
}

/* ---- Somebody keeps the lock of makers near the limit. ---- */

static struct ksem_proc *maker;
static _Atomic bool has_made;

static void *make_near_the_limit(void *arg)
{
	ksem_id_t id;

	(void)arg;
	OK(ksem_init(maker, 0, &id));
	has_made = true;
	return NULL;
}

static void interrupt(int signal)
{
	(void)signal;
}

static double milliseconds_since(const struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begin->tv_sec) * 1e3 + (double)(now.tv_nsec - begin->tv_nsec) / 1e6;
}

/* It waits as long as it should, whatever signals come, and no other process of the namespace waits with it. */
static void who_waits_at_the_limit_waits_alone_and_not_shorter_for_signals(void **state)
{
	struct sigaction action = {.sa_handler = interrupt}, before;
	struct world world = enter_limited(5);
	struct timespec begin;
	unsigned opens = 0;
	pthread_t thread;
	ksem_id_t id;
	int keeper;

	(void)state;
	OK(ksem_proc_create(world.ns, NULL, &maker));
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id));
	keeper = open(dir, O_RDONLY | O_DIRECTORY);
	MUST(keeper >= 0 && flock(keeper, LOCK_EX) == 0);
	OK(sigaction(SIGUSR1, &action, &before));
	has_made = false;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	thread = start(make_near_the_limit, NULL);
	while (!has_made) {
		OK(pthread_kill(thread, SIGUSR1));
		OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id));
		OK(ksem_close(world.proc, id));
		opens++;
	}
	assert_true(milliseconds_since(&begin) >= 190);
	assert_true(opens >= 5); /* one that waited with it would end as it does */
	finish(thread);
	OK(sigaction(SIGUSR1, &before, NULL));
	close(keeper);
	OK(ksem_proc_exit(maker));
	world_end(&world);
}

static int go[2];

static void race_for_the_last_place(void)
{
	struct world world = enter_limited(1);
	ksem_id_t id;
	char byte;

	MUST(write(told[1], "", 1) == 1);
	MUST(read(go[0], &byte, 1) == 1);
	MUST(ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id) == 0);
}

static void who_races_for_the_last_place_finds_what_another_made(void **state)
{
	enum { RACERS = 4 };
	pid_t racers[RACERS];
	char bytes[RACERS] = {0};

	(void)state;
	for (int round = 0; round < share_of(50); round++) {
		struct world world = enter();

		MUST(pipe(told) == 0 && pipe(go) == 0);
		for (int i = 0; i < RACERS; i++)
			racers[i] = start_process(race_for_the_last_place);
		for (int i = 0; i < RACERS; i++)
			MUST(read(told[0], bytes, 1) == 1);
		MUST(write(go[1], bytes, RACERS) == RACERS);
		for (int i = 0; i < RACERS; i++)
			must_end_well(racers[i]);
		OK(ksem_unlink(world.proc, "/name"));
		for (int i = 0; i < 2; i++) {
			close(told[i]);
			close(go[i]);
		}
		world_end(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(the_limit_is_for_all_processes),
		shared_test(what_others_hold_without_a_name_counts_until_they_end),
		shared_test(what_is_inherited_counts_once_and_as_long_as_anybody_has_it),
		shared_test(the_limit_is_exact_however_the_files_lie),
		shared_test(what_this_process_has_counts_however_much_it_is),
		shared_test(what_is_pinned_counts_though_the_last_reference_went_elsewhere),
		shared_test(a_process_without_locks_keeps_the_limit),
		shared_test(makers_who_come_at_once_keep_the_limit),
		shared_test(what_is_no_semaphore_counts_for_nothing),
		shared_test(who_waits_at_the_limit_waits_alone_and_not_shorter_for_signals),
		shared_test(who_races_for_the_last_place_finds_what_another_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
