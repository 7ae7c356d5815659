/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an OS process leaves behind in a namespace that it shares, when it is killed, executes another program or exits:
 * it stops nobody, and costs no more than the permit that it held. (killed.c: at each instruction;
 * looks.c: beside sleepers.)
 */
#include "sharing.h"

static ksem_id_t held;
static struct ksem_proc *watcher;

static void hold_and_sleep(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	pause();
}

static void hold_and_exec(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	raise(SIGSTOP);
	execlp("sleep", "sleep", "100", (char *)NULL);
	_exit(1);
}

static void hold_and_wait(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	MUST(ksem_wait(world.proc, id) == 0);
}

/* Waits until that field of what is known of it has the value. */
#define BECOMES(field, value)                                                     \
	do {                                                                      \
		for (int ms = 0; info_of(watcher, held).field != (value); ms++) { \
			MUST(ms < PATIENCE);                                      \
			sleep_ms(1);                                              \
		}                                                                 \
	} while (0)

static void kill_exec_and_exit_drop_references(void **state)
{
	struct world world = enter();
	int status;
	pid_t child;

	(void)state;
	watcher = world.proc;
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &held));
	child = start_process(hold_and_sleep); /* which has a copy of our reference too */
	BECOMES(refs, 4);
	kill_and_reap(child);
	BECOMES(refs, 1);
	child = start_process(hold_and_exec);
	MUST(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	BECOMES(refs, 3);
	MUST(kill(child, SIGCONT) == 0);
	BECOMES(refs, 1);
	assert_int_equal(kill(child, 0), 0); /* it is there, as another program */
	kill_and_reap(child);
	assert_int_equal(info_of(world.proc, held).refs, 1);
	world_end(&world);
}

static void a_killed_waiter_is_counted_no_more_and_costs_nothing(void **state)
{
	struct world world = enter();
	struct page *page;
	pid_t children[20];

	(void)state;
	watcher = world.proc;
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &held));
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 20; i++)
			children[i] = start_process(hold_and_wait);
		BECOMES(waiters, 20);
		for (int i = 0; i < 19; i++)
			kill_and_reap(children[i]);
		OK(ksem_post(world.proc, held)); /* the living one has it */
		must_end_well(children[19]);
		assert_int_equal(value_of(world.proc, held), 0);
		BECOMES(waiters, 0);
	}
	for (int i = 0; i < 20; i++)
		children[i] = start_process(hold_and_wait);
	BECOMES(waiters, 20);
	for (int i = 0; i < 20; i++)
		kill_and_reap(children[i]);
	page = map_page("/held");
	for (int i = 0; word_waiters(plain_word(&page->sem)) > 0; i++) { /* posts alone see to it */
		MUST(i < PATIENCE);
		OK(ksem_post(world.proc, held));
		usleep(1000);
	}
	munmap(page, PAGE_BYTES);
	world_end(&world);
}

#define PERMITS 4

static void use_everything_for_ever(void)
{
	struct world world = enter();
	ksem_id_t permits, id;

	MUST(ksem_open(world.proc, "/permits", 0, 0, 0, &permits) == 0);
	for (;;) {
		int error = ksem_open(world.proc, "/coming-and-going", O_CREAT, 0600, 1, &id);

		MUST(error == 0);
		MUST(ksem_wait(world.proc, permits) == 0);
		error = ksem_unlink(world.proc, "/coming-and-going");
		MUST(error == 0 || error == ENOENT);
		MUST(ksem_post(world.proc, permits) == 0);
		MUST(ksem_close(world.proc, id) == 0);
	}
}

static void use_everything_once(struct world *world, ksem_id_t permits)
{
	ksem_id_t id;
	int error;

	OK(wait_patiently(world->proc, permits));
	OK(ksem_post(world->proc, permits));
	OK(ksem_open(world->proc, "/coming-and-going", O_CREAT, 0600, 1, &id));
	OK(ksem_post(world->proc, id));
	OK(wait_patiently(world->proc, id));
	error = ksem_unlink(world->proc, "/coming-and-going");
	assert_true(error == 0 || error == ENOENT);
	OK(ksem_close(world->proc, id));
}

static void a_process_killed_anywhere_stops_nobody_and_takes_only_what_it_held(void **state)
{
	struct world world = enter();
	unsigned lost = 0;
	ksem_id_t permits;

	(void)state;
	OK(ksem_open(world.proc, "/permits", O_CREAT, 0600, PERMITS, &permits));
	for (int round = 0; round < share_of(ROUNDS(1000)); round++) {
		pid_t children[2] = {start_process(use_everything_for_ever), start_process(use_everything_for_ever)};
		unsigned left;

		usleep((useconds_t)(1000 + random() % 2000));
		kill_and_reap(children[0]);
		use_everything_once(&world, permits);
		kill_and_reap(children[1]);
		left = value_of(world.proc, permits);
		assert_in_range(left, PERMITS - 2, PERMITS);
		lost += PERMITS - left;
		OK(ksem_post_many(world.proc, permits, PERMITS - left));
		use_everything_once(&world, permits);
		assert_int_equal(info_of(world.proc, permits).refs, 1);
	}
	print_message("%u permits went with their holders\n", lost);
	OK(ksem_unlink(world.proc, "/permits"));
	assert_in_range(semaphores_in(world.ns), 1, 2);
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(kill_exec_and_exit_drop_references),
		shared_test(a_killed_waiter_is_counted_no_more_and_costs_nothing),
		shared_test(a_process_killed_anywhere_stops_nobody_and_takes_only_what_it_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
