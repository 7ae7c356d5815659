/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes with queues and threads take and give back permits of shared semaphores with KSEM_UNDO, and are killed and
 * stopped at any time. When all are dead, all permits are there, and nobody waits.
 *
 *	sharing_queue_storm            some seconds
 *	sharing_queue_storm SECONDS    as long as that
 */
#include "sharing.h"

#include <poll.h>
#include <sched.h>

#define SEMAPHORES 3 /* one of each order */
#define LIMIT      6
#define PROCESSES  3
#define PENDING    40
#define BOOKS_MS   5000 /* in which the dead are found */

struct board {
	atomic(uint64_t) calls, wrong;
};

#define board ((struct board *)board_page)

/* Whatever else is wrong, the parent says it: this process may be killed before it is heard. */
#define RIGHT(condition)                                 \
	do {                                             \
		if (!(condition)) {                      \
			fetch_add_seq(&board->wrong, 1); \
			MUST(condition);                 \
		}                                        \
	} while (0)

static unsigned seconds = 4;
static struct world world;
static ksem_id_t ids[SEMAPHORES];
static bool forgets; /* closes the library's descriptors, so that it seems dead */

static void name_of(char name[16], unsigned i)
{
	snprintf(name, 16, "/storm%u", i);
}

static void open_all(void)
{
	char name[16];

	world = enter();
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		name_of(name, i);
		RIGHT(ksem_open(world.proc, name, 0, 0, 0, &ids[i]) == 0);
	}
}

static void pause_at_times(struct random *random)
{
	if (random_below(random, 3) == 0)
		usleep(random_below(random, 2000));
}

static void hold_and_post(struct random *random, ksem_id_t id, uint32_t n)
{
	pause_at_times(random);
	RIGHT(ksem_post_many(world.proc, id, n) == 0);
}

/* A child that has the parent's queue and holds nothing. */
static void fork_a_child(ksem_id_t id)
{
	pid_t child = fork();

	if (child == 0) {
		int error = ksem_post(world.proc, id);

		RIGHT(error == EPERM);
		if (ksem_trywait(world.proc, id) == 0)
			RIGHT(ksem_post(world.proc, id) == 0);
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void wait_once(struct random *random)
{
	struct timespec until = ksem_deadline_after(random_below(random, 30) * 1000000);
	const struct timespec *deadline = random_below(random, 2) ? &until : NULL;
	unsigned which = random_below(random, SEMAPHORES);
	uint32_t n = 1 + random_below(random, 3);
	int error;

	switch (random_below(random, 4)) {
	case 0:
		error = ksem_wait_many(world.proc, ids[which], n, CLOCK_MONOTONIC, deadline);
		break;
	case 1:
		n = 1;
		error = ksem_wait_any(world.proc, ids, SEMAPHORES, CLOCK_MONOTONIC, deadline, &which);
		break;
	case 2:
		error = ksem_trywait_upto(world.proc, ids[which], n, &n);
		break;
	default:
		if (!THREAD_SANITIZED && random_below(random, 40) == 0)
			fork_a_child(ids[which]);
		return;
	}
	RIGHT(error == 0 || error == ETIMEDOUT || error == EAGAIN);
	if (error == 0)
		hold_and_post(random, ids[which], n);
}

static void *wait_for_ever(void *seed)
{
	struct random random = {(uintptr_t)seed};

	for (;; fetch_add_seq(&board->calls, 1))
		wait_once(&random);
	return NULL;
}

/* What is to be reaped is reaped, and posted. Returns how many. */
static unsigned reap_some(struct random *random, struct ksem_cq *cq)
{
	struct pollfd readable = {.fd = ksem_cq_fd(cq), .events = POLLIN};
	struct ksem_completion done[7];
	unsigned n;

	poll(&readable, 1, (int)(random_below(random, 10)));
	RIGHT(ksem_cq_reap(cq, done, 7, &n) == 0);
	for (unsigned i = 0; i < n; i++) {
		if (done[i].error == 0 && done[i].count > 0)
			hold_and_post(random, done[i].id, done[i].count);
	}
	return n;
}

static void use_queue(struct random *random)
{
	struct ksem_cq *cq;
	unsigned pending = 0;
	uint64_t next = 1;

	RIGHT(ksem_cq_create(world.proc, &cq) == 0);
	do {
		for (unsigned n = random_below(random, 6); n > 0 && pending < PENDING; n--, pending++) {
			struct timespec until = ksem_deadline_after(random_below(random, 20) * 1000000);

			RIGHT(ksem_cq_submit(cq, ids[random_below(random, SEMAPHORES)], random_below(random, 4),
					     CLOCK_MONOTONIC, random_below(random, 2) ? &until : NULL, next++) == 0);
		}
		if (random_below(random, 4) == 0) {
			int error = ksem_cq_cancel(cq, next - 1 - random_below(random, 20));

			RIGHT(error == 0 || error == ENOENT);
		}
		pending -= reap_some(random, cq);
		fetch_add_seq(&board->calls, 1);
	} while (random_below(random, 60) != 0);
	RIGHT(ksem_cq_destroy(cq) == 0);
}

static _Noreturn void live(uint64_t seed)
{
	struct random random = {seed};
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	open_all();
	if (forgets)
		close_range(3, ~0u, 0);
	for (unsigned i = 1; i <= 2; i++)
		RIGHT(pthread_create(&thread, NULL, wait_for_ever, (void *)(uintptr_t)(seed + i)) == 0);
	for (;;)
		use_queue(&random);
}

static pid_t new_process(struct random *random)
{
	uint64_t seed = random_next(random);
	pid_t child = fork();

	MUST(child >= 0);
	if (child == 0)
		live(seed);
	return child;
}

static void kill_process(pid_t process)
{
	OK(kill(process, SIGKILL));
	assert_int_equal(waitpid(process, NULL, 0), process);
}

static void make_all(void)
{
	world = enter();
	for (uint32_t i = 0; i < SEMAPHORES; i++) {
		const struct ksem_attr attr = {.size = sizeof(attr), .order = i, .limit = LIMIT, .flags = KSEM_UNDO};
		char name[16];

		name_of(name, i);
		MUST(ksem_open_attr(world.proc, name, O_CREAT | O_EXCL, 0600, &attr, LIMIT, &ids[i]) == 0);
	}
}

static void check_books(void)
{
	open_all();
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		struct ksem_info info = info_of(world.proc, ids[i]);

		for (unsigned ms = 0; info.value != LIMIT || info.held != 0 || info.waiters != 0; ms++) {
			if (ms == BOOKS_MS)
				fail_msg("order %u: value %u, held %u, waiters %u", i, info.value, info.held,
					 info.waiters);
			usleep(1000);
			info = info_of(world.proc, ids[i]);
		}
		OK(ksem_trywait_many(world.proc, ids[i], LIMIT));
		OK(ksem_post_many(world.proc, ids[i], LIMIT));
	}
	world_end(&world);
}

static bool is_over(struct timespec end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec);
}

/* One is killed, or stopped for a while. */
static void strike(struct random *random, pid_t *process)
{
	usleep(random_below(random, 8000));
	if (random_below(random, 3) == 0) {
		OK(kill(*process, SIGSTOP));
		usleep(random_below(random, 30000));
		if (random_below(random, 2)) {
			OK(kill(*process, SIGCONT));
			return;
		}
	}
	kill_process(*process);
	*process = new_process(random);
}

/* In a process of its own: so each begins the library anew. */
static void in_a_process(void (*act)(void))
{
	pid_t child = fork();

	MUST(child >= 0);
	if (child == 0) {
		act();
		_exit(0);
	}
	must_end_well(child);
}

static void storm(struct random *random, long ms)
{
	struct timespec end = in_ms(CLOCK_MONOTONIC, ms);
	pid_t processes[PROCESSES];
	unsigned strikes = 0;

	in_a_process(make_all);
	for (unsigned i = 0; i < PROCESSES; i++)
		processes[i] = new_process(random);
	for (; !is_over(end) && load_seq(&board->wrong) == 0; strikes++)
		strike(random, &processes[random_below(random, PROCESSES)]);
	for (unsigned i = 0; i < PROCESSES; i++)
		kill_process(processes[i]);
	assert_int_equal(load_seq(&board->wrong), 0);
	in_a_process(check_books);
	printf("%u strikes, %lu calls\n", strikes, (unsigned long)load_seq(&board->calls));
}

static void unlink_all(void)
{
	char name[16];

	open_all();
	for (unsigned i = 0; i < SEMAPHORES; i++) {
		name_of(name, i);
		OK(ksem_unlink(world.proc, name));
	}
	world_end(&world);
}

/* Half of the time processes seem dead although they live. */
static void all_permits_come_back_whoever_is_killed(void **state)
{
	struct random random = random_new();
	struct timespec end = in_ms(CLOCK_MONOTONIC, seconds * 1000L);

	(void)state;
	do {
		storm(&random, 1000);
		in_a_process(unlink_all);
		forgets = !forgets;
	} while (!is_over(end));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		board_test(all_permits_come_back_whoever_is_killed),
	};

	if (argc > 1)
		seconds = (unsigned)atoi(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
