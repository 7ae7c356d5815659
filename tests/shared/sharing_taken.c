/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of a process that closed its descriptors, and that others took for dead: they give its record to a newcomer.
 * Whatever the process does then, it changes nothing of the newcomer's, and no waiter stays asleep beside a permit.
 *
 * The file has one page, and records of this test fill it. So a newcomer surely takes the dead one.
 */
#include "sharing.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

static struct world world;
static ksem_id_t id;

#define DEADLINE 800 /* ms: the other thread stands still by then */

enum step { BEGIN, SEEMS_DEAD, CLOSED, ACTS, ACTED, ENDS };

struct board {
	atomic(int) step;          /* of the process that seems to be dead */
	atomic(int) seen_unlocked; /* a newcomer has found a lock gone, and stands still */
	atomic(int) goes_on;
	atomic(int) left; /* threads whose waits have ended */
};

#define board ((struct board *)board_page)

static void reach(enum step step)
{
	store_rel(&board->step, step);
}

static void until(enum step step)
{
	while ((int)load_acq(&board->step) < (int)step)
		sched_yield();
}

static void until_set(atomic(int) *flag)
{
	while (!load_acq(flag))
		sched_yield();
}

/* ---- The kernel's answers about locks, at which a thread stands still. ---- */

static atomic(bool) newcomer_stands, returner_stands;

/* Until the wait of the process's other thread ends. In a library that is right, it doesn't end before. */
static void stand_as_returner(void)
{
	const struct timespec moment = {.tv_nsec = 1000 * 1000};

	for (int i = 0; i < 2 * DEADLINE && load_acq(&board->left) == 0; i++)
		nanosleep(&moment, NULL);
}

int __real_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg)
{
	int answer;

	if (command == F_OFD_SETLK && load_acq(&returner_stands)) {
		store_rel(&returner_stands, false);
		stand_as_returner();
	}
	answer = __real_fcntl64(fd, command, arg);
	if (command == F_OFD_GETLK && load_acq(&newcomer_stands) && ((struct flock *)arg)->l_type == F_UNLCK) {
		store_rel(&newcomer_stands, false);
		store_rel(&board->seen_unlocked, 1);
		until_set(&board->goes_on);
	}
	return answer;
}

/* ---- Processes. ---- */

static void close_descriptors(void)
{
	for (int fd = 3; fd < 64; fd++)
		syscall(SYS_close, fd); /* ThreadSanitizer takes a close beside a use for a race */
}

static void (*act)(void);

static void seem_dead_and_act(void)
{
	close_descriptors();
	reach(SEEMS_DEAD);
	until(ACTS);
	act();
	reach(ACTED);
	until(ENDS);
}

static void make_short_file(void)
{
	const struct rlimit limit = {PAGE_BYTES, PAGE_BYTES};

	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	world = enter();
	MUST(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id) == 0);
	MUST(ksem_close(world.proc, id) == 0); /* so its record is free */
}

static struct page *page; /* of the semaphore */

/* All records that are free become those of this process. */
static void fill_records(void)
{
	uint64_t own = 0;

	for (size_t i = 0; i < PAGE_HOLDERS; i++) {
		if (page->holders[i].pid == (uint32_t)getpid())
			own = page->holders[i].liveness;
	}
	MUST(own != 0);
	for (size_t i = 0; i < PAGE_HOLDERS; i++) {
		if (page->holders[i].liveness == 0)
			store_rlx(&page->holders[i].liveness, own);
	}
}

static void begin_with_short_file(void)
{
	must_end_well(start_process(make_short_file));
	world = enter();
	OK(ksem_open(world.proc, "/held", 0, 0, 0, &id));
	page = map_page("/held");
}

/* On return no record is free, and none but its own can be had. */
static pid_t start_one_that_seems_dead(void (*does)(void))
{
	pid_t gone;

	act = does;
	gone = start_process(seem_dead_and_act);
	until(SEEMS_DEAD);
	fill_records();
	reach(CLOSED);
	return gone;
}

static pid_t begin(void (*does)(void))
{
	begin_with_short_file();
	return start_one_that_seems_dead(does);
}

static void end(pid_t gone)
{
	reach(ENDS);
	must_end_well(gone);
	munmap(page, PAGE_BYTES);
	OK(ksem_unlink(world.proc, "/held"));
	world_end(&world);
}

/* Not only at the deadline, where each waiter looks once more. */
static void wait_for_a_permit(void)
{
	struct timespec end = in_ms(CLOCK_MONOTONIC, PATIENCE / 2), now;

	MUST(wait_patiently(world.proc, id) == 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	MUST(now.tv_sec < end.tv_sec);
}

static void close_it(void)
{
	MUST(ksem_close(world.proc, id) == 0);
}

static void exit_process(void)
{
	MUST(ksem_proc_exit(world.proc) == 0);
}

static void do_nothing(void)
{
}

static void fork_a_child(void)
{
	must_end_well(start_process(do_nothing));
}

static void open_it_again(void)
{
	ksem_id_t same;

	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &same) == 0 && same == id);
}

static void wait_for(int ms)
{
	struct timespec time = in_ms(CLOCK_MONOTONIC, ms);

	MUST(ksem_clockwait(world.proc, id, CLOCK_MONOTONIC, &time) == ETIMEDOUT);
}

static void wait_in_vain(void)
{
	wait_for(50);
}

/* Whatever the one that seemed dead does, the newcomer still has one reference, and waits, and is woken. */
static void touches_no_other(void (*does)(void))
{
	pid_t gone = begin(does), newcomer = start_process(wait_for_a_permit);

	until_waiting(world.proc, id, 1);
	reach(ACTS);
	until(ACTED);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(info_of(world.proc, id).waiters, 1);
		assert_int_equal(info_of(world.proc, id).refs, 2);
	}
	OK(ksem_post(world.proc, id));
	must_end_well(newcomer);
	end(gone);
}

static void one_that_closes_touches_no_others_record(void **state)
{
	(void)state;
	touches_no_other(close_it);
}

static void one_that_exits_touches_no_others_record(void **state)
{
	(void)state;
	touches_no_other(exit_process);
}

static void one_that_forks_touches_no_others_record(void **state)
{
	(void)state;
	touches_no_other(fork_a_child);
}

static void one_that_opens_touches_no_others_record(void **state)
{
	(void)state;
	touches_no_other(open_it_again);
}

static void one_that_waits_touches_no_others_record(void **state)
{
	(void)state;
	touches_no_other(wait_in_vain);
}

/* How often the process has gone to sleep. */
static unsigned long sleeps_of(pid_t child, bool *asleep)
{
	char path[64], line[512];
	unsigned long sleeps = 0;
	FILE *file;

	*asleep = false;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	file = fopen(path, "r");
	MUST(file);
	while (fgets(line, sizeof(line), file)) {
		*asleep = *asleep || strncmp(line, "State:\tS", 8) == 0;
		if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
			sleeps = strtoul(line + 24, NULL, 10);
	}
	fclose(file);
	return sleeps;
}

/* It sleeps, and has gone to sleep more often than that. */
static unsigned long until_it_sleeps(pid_t child, unsigned long before)
{
	unsigned long sleeps;
	bool asleep;

	do
		sleeps = sleeps_of(child, &asleep);
	while (!asleep || sleeps <= before);
	return sleeps;
}

/* It has no record, so nobody counts it: it looks by itself, for permits and for room. */
static void one_without_a_record_finds_its_permit(void **state)
{
	pid_t gone = begin(wait_for_a_permit), newcomer = start_process(wait_for_a_permit);
	unsigned long slept;
	bool asleep;

	(void)state;
	until_waiting(world.proc, id, 1);
	slept = sleeps_of(gone, &asleep);
	reach(ACTS);
	slept = until_it_sleeps(gone, slept);
	kill_and_reap(newcomer);
	info_of(world.proc, id); /* counts the newcomer off, and wakes all; the other one may find room now */
	until_it_sleeps(gone, slept);
	OK(ksem_post(world.proc, id));
	until(ACTED);
	assert_int_equal(value_of(world.proc, id), 0);
	end(gone);
}

static void *wait_in_thread(void *arg)
{
	(void)arg;
	wait_for(1000);
	return NULL;
}

static void seem_dead_in_a_wait(void)
{
	pthread_t waiter = start(wait_in_thread, NULL);

	until_asleep(world.proc, id, 1);
	close_descriptors();
	reach(SEEMS_DEAD);
	finish(waiter);
}

/* Its wait began in its own record, which is a newcomer's when the wait ends. */
static void a_sleeper_that_lost_its_record_counts_off_no_newcomer(void **state)
{
	char moved[128];
	pid_t gone, newcomer;

	(void)state;
	begin_with_short_file();
	snprintf(moved, sizeof(moved), "%s.moved", dir);
	MUST(rename(dir, moved) == 0); /* so that it can't open it again */
	gone = start_process(seem_dead_in_a_wait);
	until(SEEMS_DEAD);
	fill_records();
	newcomer = start_process(wait_for_a_permit);
	while (word_waiters(load_acq(&page->sem.word)) != 2) /* a stat would count off the one that sleeps */
		sched_yield();
	must_end_well(gone);
	assert_int_equal(info_of(world.proc, id).waiters, 1);
	OK(ksem_post(world.proc, id));
	must_end_well(newcomer);
	MUST(rename(moved, dir) == 0);
	munmap(page, PAGE_BYTES);
	OK(ksem_unlink(world.proc, "/held"));
	world_end(&world);
}

/* ---- A newcomer that is slow. ---- */

static void open_slowly(void)
{
	struct world own;
	ksem_id_t same;

	until(CLOSED);
	own = enter();
	store_rel(&newcomer_stands, true);
	MUST(ksem_open(own.proc, "/held", 0, 0, 0, &same) == ENOSPC); /* the record isn't dead any more */
}

static void a_newcomer_that_is_late_takes_no_living_record(void **state)
{
	pid_t gone, newcomer;

	(void)state;
	begin_with_short_file();
	newcomer = start_process(open_slowly);
	gone = start_one_that_seems_dead(wait_for_a_permit);
	until_set(&board->seen_unlocked);
	reach(ACTS);
	until_waiting(world.proc, id, 1);
	store_rel(&board->goes_on, 1);
	must_end_well(newcomer);
	until_waiting(world.proc, id, 1);
	OK(ksem_post(world.proc, id));
	until(ACTED);
	end(gone);
}

/* ---- Two threads that come back. ---- */

static void *wait_until_the_deadline(void *arg)
{
	(void)arg;
	wait_for(DEADLINE);
	fetch_add_rel(&board->left, 1);
	return NULL;
}

static void come_back_with_two_threads(void)
{
	pthread_t first = start(wait_until_the_deadline, NULL), second = start(wait_until_the_deadline, NULL);

	until_asleep(world.proc, id, 3);
	store_rel(&returner_stands, true);
	close_descriptors();
	reach(CLOSED);
	finish(first);
	finish(second);
}

/* While one thread is about to take the locks again, the other one leaves: it counts nobody off but itself. */
static void of_two_that_come_back_neither_counts_off_another(void **state)
{
	pid_t two, other;

	(void)state;
	world = enter();
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &id));
	other = start_process(wait_for_a_permit);
	until_waiting(world.proc, id, 1);
	two = start_process(come_back_with_two_threads);
	until(CLOSED);
	info_of(world.proc, id); /* counts them off, and wakes them */
	must_end_well(two);
	assert_int_equal(info_of(world.proc, id).waiters, 1);
	OK(ksem_post(world.proc, id));
	must_end_well(other);
	OK(ksem_unlink(world.proc, "/held"));
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(one_that_closes_touches_no_others_record),
		board_test(one_that_exits_touches_no_others_record),
		board_test(one_that_forks_touches_no_others_record),
		board_test(one_that_opens_touches_no_others_record),
		board_test(one_that_waits_touches_no_others_record),
		board_test(one_without_a_record_finds_its_permit),
		board_test(a_sleeper_that_lost_its_record_counts_off_no_newcomer),
		board_test(a_newcomer_that_is_late_takes_no_living_record),
		board_test(of_two_that_come_back_neither_counts_off_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
