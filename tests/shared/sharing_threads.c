/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's own threads have small stacks. In a program whose thread-local memory doesn't fit there, they start
 * nevertheless.
 */
#include <sys/stat.h>

#include "holding.h"

struct board {
	struct turns first;
};

static _Thread_local volatile char much[1 << 20];

static unsigned threads_of(pid_t process)
{
	struct stat tasks;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)process);
	OK(stat(path, &tasks));
	return (unsigned)tasks.st_nlink - 2;
}

static void has_threads(pid_t process, unsigned n)
{
	for (int ms = 0; ms < PATIENCE && threads_of(process) != n; ms++)
		usleep(1000);
	assert_int_equal(threads_of(process), n);
}

static void wait_for_one(void)
{
	much[0] = 1;
	come_in();
	say_ready();
	MUST(wait_patiently(world.proc, id) == 0);
}

static void a_watcher_starts(void **state)
{
	pid_t waiter;

	(void)state;
	make(UNDO(.order = KSEM_FIFO, .limit = 1), 1);
	OK(ksem_trywait(world.proc, id));
	waiter = start_process(wait_for_one);
	has_threads(waiter, 2);
	OK(ksem_post(world.proc, id));
	must_end_well(waiter);
	end();
}

static void wait_in_a_queue(void)
{
	struct ksem_cq *cq;

	come_in();
	MUST(ksem_cq_create(world.proc, &cq) == 0);
	MUST(ksem_cq_submit(cq, id, 1, CLOCK_MONOTONIC, NULL, 7) == 0);
	say_ready();
	until_go();
	MUST(ksem_cq_destroy(cq) == 0);
}

static void a_listener_starts(void **state)
{
	pid_t waiter;

	(void)state;
	make(ATTR(.order = KSEM_FIFO), 0);
	waiter = start_process(wait_in_a_queue);
	until_ready(1);
	has_threads(waiter, 2);
	store_seq(&turn->go, 1);
	must_end_well(waiter);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(a_watcher_starts),
		board_test(a_listener_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
