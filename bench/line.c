/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem-bench-line: the line (lib/line/), first in first out, beside glibc's sem_t and System V's semop.
 *
 * All take turns in each round, and a ratio is that of one round; printed are the medians of ROUNDS. For figures that
 * mean something the machine must be idle, but for two processors: taskset -c 0,1 ksem-bench-line.
 *
 *   pair     a take and a post of one permit, on one thread
 *   several  the same of three permits
 *   crowd    eight threads on two permits, with a little work inside and outside: wall time a turn
 *   tail     64 threads on four permits: the 99th percentile of the wait over its median
 *   bytes    memory of 100,000 pending waits, each
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

#include "line/line.h"

#define ROUNDS  5
#define THREADS 64

enum peer {
	LINE,
	GLIBC,
	SYSV,
	PEERS,
};

static struct line line;
static struct line_view view;
static sem_t glibc;
static int sysv;
static enum peer peer;
static long turns;
static uint32_t need;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void work(int amount)
{
	for (int i = 0; i < amount; i++)
		__asm__ volatile("" : "+r"(i) : : "memory");
}

static void sysv_add(int amount)
{
	struct sembuf change = {0, (short)amount, 0};

	while (semop(sysv, &change, 1) != 0)
		must(errno == EINTR, "semop");
}

/* As a library's call would be: not inline. */
static __attribute__((noinline)) int line_wait_one(struct line_view *of)
{
	if (likely(line_take_one(of)))
		return 0;
	return line_wait(of, 1, 1, NULL);
}

static __attribute__((noinline)) int line_post_some(struct line_view *of, uint32_t n)
{
	if (n == 1 && likely(line_post_one(of)))
		return 0;
	return line_post(of, n);
}

static void take(void)
{
	switch (peer) {
	case LINE:
		must((need == 1 ? line_wait_one(&view) : line_wait(&view, need, 1, NULL)) == 0, "line_wait");
		break;
	case GLIBC:
		while (sem_wait(&glibc) != 0)
			;
		break;
	default:
		sysv_add(-(int)need);
		break;
	}
}

static void give(void)
{
	switch (peer) {
	case LINE:
		must(line_post_some(&view, need) == 0, "line_post");
		break;
	case GLIBC:
		sem_post(&glibc);
		break;
	default:
		sysv_add((int)need);
		break;
	}
}

static void begin(uint32_t value)
{
	memset((void *)&line, 0, sizeof(line));
	line_init(&line, value, 4000000, LINE_FIFO);
	line_view_init(&view, &line, FUTEX_PRIVATE, NULL, NULL);
	sem_init(&glibc, 0, value);
	must(semctl(sysv, 0, SETVAL, (int)value) == 0, "semctl");
}

static void end(void)
{
	line_view_end(&view);
	sem_destroy(&glibc);
}

static double pair(void)
{
	long n = peer == SYSV ? 200000 : 4000000;
	double begun = now();

	for (long i = 0; i < n; i++) {
		take();
		give();
	}
	return (now() - begun) / (double)n;
}

static void *crowd_body(void *arg)
{
	(void)arg;
	for (long i = 0; i < turns; i++) {
		take();
		work(300);
		give();
		work(300);
	}
	return NULL;
}

static float *waits;

static void *tail_body(void *arg)
{
	float *own = arg;

	for (long i = 0; i < turns; i++) {
		double begun = now();

		take();
		own[i] = (float)(now() - begun);
		work(300);
		give();
		work(300);
	}
	return NULL;
}

static double run(void *(*body)(void *), int threads)
{
	pthread_t made[THREADS];
	double begun = now();

	for (int i = 0; i < threads; i++)
		must(pthread_create(&made[i], NULL, body, body == tail_body ? waits + i * turns : NULL) == 0,
		     "pthread_create");
	for (int i = 0; i < threads; i++)
		pthread_join(made[i], NULL);
	return (now() - begun) / (double)(turns * threads);
}

static double crowd(void)
{
	turns = 10000;
	return run(crowd_body, 8);
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Without the first and the last fifth of each thread's turns, when not all are there. */
static double tail(void)
{
	size_t n = 0;

	turns = 1000;
	run(tail_body, THREADS);
	for (long thread = 0; thread < THREADS; thread++) {
		for (long i = turns / 5; i < turns - turns / 5; i++)
			waits[n++] = waits[thread * turns + i];
	}
	qsort(waits, n, sizeof(*waits), by_size);
	return (double)waits[n * 99 / 100] / (double)waits[n / 2];
}

static double median(double *of)
{
	for (int i = 1; i < ROUNDS; i++) {
		for (int j = i; j > 0 && of[j] < of[j - 1]; j--) {
			double swapped = of[j];

			of[j] = of[j - 1];
			of[j - 1] = swapped;
		}
	}
	return of[ROUNDS / 2];
}

static void compare(const char *what, const char *unit, uint32_t value, uint32_t permits, double (*one)(void))
{
	double took[PEERS][ROUNDS], glibc_ratio[ROUNDS], sysv_ratio[ROUNDS];

	need = permits;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PEERS; i++) {
			peer = (enum peer)i;
			took[i][round] = 0;
			if (peer == GLIBC && permits > 1)
				continue;
			begin(value);
			took[i][round] = one();
			end();
		}
		glibc_ratio[round] = permits > 1 ? 0 : took[LINE][round] / took[GLIBC][round];
		sysv_ratio[round] = took[LINE][round] / took[SYSV][round];
	}
	printf("%-8s line %.1f, glibc %.1f, SysV %.1f %s; line/glibc %.2f, line/SysV %.2f\n", what, median(took[LINE]),
	       median(took[GLIBC]), median(took[SYSV]), unit, median(glibc_ratio), median(sysv_ratio));
}

static long resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size = 0, pages = 0;

	must(file && fscanf(file, "%ld %ld", &size, &pages) == 2, "/proc/self/statm");
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static void bytes(void)
{
	enum { MANY = 100000 };
	uint32_t slot;
	bool full;
	long before;

	begin(0);
	before = resident();
	for (int i = 0; i < MANY; i++)
		must(line_enter(&view, 1, 1, &slot, &full) == EAGAIN, "line_enter");
	printf("bytes    %.0f for each of %d pending waits\n", (double)(resident() - before) / MANY, MANY);
	end();
}

int main(void)
{
	if (!line_works()) {
		puts("this processor swaps no two words at once");
		return 77;
	}
	sysv = semget(IPC_PRIVATE, 1, 0600);
	must(sysv >= 0, "semget");
	waits = malloc((size_t)THREADS * 1000 * sizeof(*waits));
	must(waits != NULL, "malloc");
	bytes();
	compare("pair", "ns", 9, 1, pair);
	compare("several", "ns", 9, 3, pair);
	turns = 0;
	compare("crowd", "ns", 2, 1, crowd);
	compare("tail", "p99/p50", 4, 1, tail);
	semctl(sysv, 0, IPC_RMID);
	free(waits);
	return 0;
}
