/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem-bench-deaths: how long after the kill of a process that holds the only permit a sleeper of another process has
 * it: a shared semaphore with KSEM_UNDO beside System V's semop with SEM_UNDO. Both take turns; printed are the median
 * and the longest of KILLS, in microseconds. And how long a process takes to end after a kill, once a thread of it has
 * slept on such a semaphore, so that it has a watcher (lib/shared/deaths.h), and without.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ksem/ksem.h>

#include "measure.h"

#define KILLS     100
#define SETTLE_US 5000 /* the sleeper is in the kernel by then */

enum peer {
	KSEM,
	SYSV,
	PEERS,
};

/* What all processes see. */
struct board {
	atomic_bool holds;
	atomic_long woke; /* in nanoseconds */
};

static struct board *board;
static char directory[] = "/dev/shm/ksem-bench.XXXXXX";
static struct ksem_proc *proc;
static ksem_id_t id;
static int sysv;

static void must_be_0(int error, const char *what)
{
	errno = error;
	must(error == 0, what);
}

static void take(enum peer peer)
{
	struct sembuf one = {0, -1, SEM_UNDO};

	if (peer == KSEM)
		must_be_0(ksem_wait(proc, id), "ksem_wait");
	else
		must(semop(sysv, &one, 1) == 0, "semop");
}

static void hold(enum peer peer)
{
	take(peer);
	atomic_store(&board->holds, true);
	for (;;)
		pause();
}

static void wait_for_it(enum peer peer)
{
	take(peer);
	atomic_store(&board->woke, now());
}

static pid_t start(void (*act)(enum peer), enum peer peer)
{
	pid_t child = fork();

	must(child >= 0, "fork");
	if (child > 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	act(peer);
	_exit(0);
}

static void until_one_waits(enum peer peer)
{
	struct ksem_info info = {0};
	unsigned waiters = 0;

	while (waiters == 0) {
		if (peer == KSEM)
			must_be_0(ksem_stat(proc, id, &info), "ksem_stat");
		waiters = peer == KSEM ? info.waiters : (unsigned)semctl(sysv, 0, GETNCNT);
		usleep(100);
	}
	usleep(SETTLE_US);
}

static double microseconds_of_one(enum peer peer)
{
	pid_t holder, waiter;
	int64_t killed;
	int status;

	atomic_store(&board->holds, false);
	holder = start(hold, peer);
	while (!atomic_load(&board->holds))
		usleep(100);
	waiter = start(wait_for_it, peer);
	until_one_waits(peer);
	killed = now();
	must(kill(holder, SIGKILL) == 0, "kill");
	must(waitpid(waiter, &status, 0) == waiter && status == 0, "the waiter");
	must(waitpid(holder, NULL, 0) == holder, "waitpid");
	return (double)(atomic_load(&board->woke) - killed) / 1000;
}

/* Sleeps for a moment, if it is to have a watcher. Another holds the permit. */
static void linger(bool has_watcher)
{
	struct timespec until = ksem_deadline_after(SETTLE_US * UINT64_C(1000));

	if (has_watcher)
		must(ksem_clockwait(proc, id, CLOCK_MONOTONIC, &until) == ETIMEDOUT, "ksem_clockwait");
	atomic_store(&board->holds, true);
	for (;;)
		pause();
}

static double microseconds_of_end(bool has_watcher)
{
	int64_t killed;
	pid_t child;

	atomic_store(&board->holds, false);
	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		linger(has_watcher);
	}
	while (!atomic_load(&board->holds))
		usleep(100);
	killed = now();
	must(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child, "kill");
	return (double)(now() - killed) / 1000;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(void)
{
	static const char *const names[PEERS] = {"KSEM_UNDO", "SEM_UNDO"};
	static double took[PEERS][KILLS];

	for (int i = 0; i < KILLS; i++) {
		for (enum peer peer = 0; peer < PEERS; peer++)
			took[peer][i] = microseconds_of_one(peer);
	}
	for (enum peer peer = 0; peer < PEERS; peer++) {
		qsort(took[peer], KILLS, sizeof(double), compare);
		printf("%-9s  median %7.0f us  longest %7.0f us\n", names[peer], took[peer][KILLS / 2],
		       took[peer][KILLS - 1]);
	}
}

static void measure_ends(void)
{
	static const char *const names[] = {"without", "with"};
	static double took[2][KILLS];

	take(KSEM);
	for (int i = 0; i < KILLS; i++) {
		for (int with = 0; with < 2; with++)
			took[with][i] = microseconds_of_end(with);
	}
	must_be_0(ksem_post(proc, id), "ksem_post");
	for (int with = 0; with < 2; with++) {
		qsort(took[with], KILLS, sizeof(double), compare);
		printf("end of a process %-7s a watcher  median %7.0f us  longest %7.0f us\n", names[with],
		       took[with][KILLS / 2], took[with][KILLS - 1]);
	}
}

static void make(struct ksem_ns **ns)
{
	const struct ksem_attr attr = {.size = sizeof(attr), .limit = 1, .flags = KSEM_UNDO};
	struct ksem_ns_options options = {.size = sizeof(options), .dir = directory};

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(board != MAP_FAILED, "mmap");
	must(mkdtemp(directory) != NULL, "mkdtemp");
	must_be_0(ksem_ns_create(&options, ns), "ksem_ns_create");
	must_be_0(ksem_proc_create(*ns, NULL, &proc), "ksem_proc_create");
	must_be_0(ksem_init_attr(proc, &attr, 1, &id), "ksem_init_attr");
	sysv = semget(IPC_PRIVATE, 1, 0600);
	must(sysv >= 0 && semctl(sysv, 0, SETVAL, 1) == 0, "semget");
}

int main(void)
{
	struct ksem_ns *ns;

	make(&ns);
	measure();
	measure_ends();
	semctl(sysv, 0, IPC_RMID);
	must_be_0(ksem_proc_exit(proc), "ksem_proc_exit");
	must_be_0(ksem_ns_destroy(ns), "ksem_ns_destroy");
	must(rmdir(directory) == 0, "rmdir");
	return 0;
}
