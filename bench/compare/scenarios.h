/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenarios, for the peer whose file includes this (compare.h). Before, it defines
 *
 *   PEER, PEER_NAME       the name of its struct peer, and what people call it
 *   peer_ref              what a user holds: a pointer, an id
 *   peer_make(value)      a semaphore; peer_end(ref) ends it
 *   peer_post(ref), peer_wait(ref)
 *
 * and if it has them
 *
 *   PEER_SHARED           peer_make_shared(value), peer_end_shared(ref): one that a fork's child has too
 *   PEER_BATCH            peer_post_many(ref, n)
 *   PEER_OPEN             peer_open() and peer_close(): a name that exists, opened and closed once
 *   PEER_IDS              it is worth looking at in IDS and BYTES
 *   PEER_CAN              what it can, if not all that the above says
 *
 * In C and in C++; a failure ends the program.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"

#define CROWD_THREADS 8
#define CROWD_WORK    50
#define BATCH_WAITERS 8
#define PLACES        64
#define PARK_PAUSE    1000000 /* ns: until it sleeps, whatever it spins */

static inline void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static inline int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static inline void run_on(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)processor, &set);
	must(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

static inline void work(int amount)
{
	for (int i = 0; i < amount; i++)
		__asm__ volatile("" ::: "memory");
}

/* ---- Threads that begin together. ---- */

struct crew {
	const struct job *job;
	void (*body)(struct crew *crew, int number);
	int threads, ready;
	bool pinned;
	peer_ref sems[3];
	struct histogram *latencies;
	volatile int64_t posted_at;
	volatile int parked;
};

struct member {
	struct crew *crew;
	int number;
	int64_t begun, ended;
	pthread_t thread;
};

static void *member_run(void *arg)
{
	struct member *member = (struct member *)arg;
	struct crew *crew = member->crew;

	if (crew->pinned)
		run_on(crew->job->processors[member->number % 2]);
	__atomic_add_fetch(&crew->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&crew->ready, __ATOMIC_ACQUIRE) < crew->threads)
		sched_yield();
	member->begun = now();
	crew->body(crew, member->number);
	member->ended = now();
	return NULL;
}

/* Nanoseconds from the first beginning to the last end. */
static double crew_run(struct crew *crew)
{
	struct member members[64];
	int64_t begun = INT64_MAX, ended = 0;

	crew->ready = 0;
	for (int i = 0; i < crew->threads; i++) {
		members[i].crew = crew;
		members[i].number = i;
		must(pthread_create(&members[i].thread, NULL, member_run, &members[i]) == 0, "pthread_create");
	}
	for (int i = 0; i < crew->threads; i++) {
		pthread_join(members[i].thread, NULL);
		if (members[i].begun < begun)
			begun = members[i].begun;
		if (members[i].ended > ended)
			ended = members[i].ended;
	}
	return (double)(ended - begun);
}

static struct crew crew_of(const struct job *job, int threads, bool pinned, void (*body)(struct crew *, int))
{
	struct crew crew;

	memset((void *)&crew, 0, sizeof(crew));
	crew.job = job;
	crew.threads = threads;
	crew.pinned = pinned;
	crew.body = body;
	return crew;
}

/* ---- Scenarios. ---- */

static void pair_body(struct crew *crew, int number)
{
	peer_ref sem = crew->sems[0];

	(void)number;
	for (long i = crew->job->operations; i > 0; i--) {
		peer_post(sem);
		peer_wait(sem);
	}
}

static double pair(const struct job *job)
{
	struct crew crew = crew_of(job, job->threads, true, pair_body);
	double time;

	crew.sems[0] = peer_make((unsigned)job->threads);
	time = crew_run(&crew);
	peer_end(crew.sems[0]);
	return time / (double)(job->operations * job->threads);
}

static void hand_over(peer_ref mine, peer_ref yours, long operations, struct histogram *latencies)
{
	for (long i = operations; i > 0; i--) {
		int64_t begun = latencies ? now() : 0;

		peer_post(yours);
		peer_wait(mine);
		if (latencies)
			histogram_add(latencies, (uint64_t)(now() - begun) / 2);
	}
}

static void handover_body(struct crew *crew, int number)
{
	if (number == 0)
		hand_over(crew->sems[0], crew->sems[1], crew->job->operations, crew->latencies);
	else
		for (long i = crew->job->operations; i > 0; i--) {
			peer_wait(crew->sems[1]);
			peer_post(crew->sems[0]);
		}
}

static double handover(const struct job *job, struct histogram *latencies)
{
	struct crew crew = crew_of(job, 2, true, handover_body);
	double time;

	crew.sems[0] = peer_make(0);
	crew.sems[1] = peer_make(0);
	crew.latencies = latencies;
	time = crew_run(&crew);
	peer_end(crew.sems[0]);
	peer_end(crew.sems[1]);
	return time / (double)(2 * job->operations);
}

#ifdef PEER_SHARED
static double processes(const struct job *job, struct histogram *latencies)
{
	peer_ref mine = peer_make_shared(0), yours = peer_make_shared(0);
	int64_t begun;
	int status;
	pid_t child = fork();

	must(child >= 0, "fork");
	if (child == 0) {
		run_on(job->processors[1]);
		peer_post(mine);
		for (long i = job->operations; i > 0; i--) {
			peer_wait(yours);
			peer_post(mine);
		}
		_exit(0);
	}
	run_on(job->processors[0]);
	peer_wait(mine);
	begun = now();
	hand_over(mine, yours, job->operations, latencies);
	begun = now() - begun;
	must(waitpid(child, &status, 0) == child && status == 0, "the other process");
	peer_end_shared(mine);
	peer_end_shared(yours);
	return (double)begun / (double)(2 * job->operations);
}
#endif

static void crowd_body(struct crew *crew, int number)
{
	(void)number;
	for (long i = crew->job->operations; i > 0; i--) {
		peer_wait(crew->sems[0]);
		work(CROWD_WORK);
		peer_post(crew->sems[0]);
		work(CROWD_WORK);
	}
}

static double crowd(const struct job *job)
{
	struct crew crew = crew_of(job, CROWD_THREADS, false, crowd_body);
	double time;

	crew.sems[0] = peer_make(2);
	time = crew_run(&crew);
	peer_end(crew.sems[0]);
	return time / (double)(job->operations * CROWD_THREADS);
}

static long places[PLACES];

static void pipeline_body(struct crew *crew, int number)
{
	peer_ref items = crew->sems[0], room = crew->sems[1];

	for (long i = 0; i < crew->job->operations; i++) {
		if (number == 0) {
			peer_wait(room);
			places[i % PLACES] = i;
			peer_post(items);
		} else {
			peer_wait(items);
			must(places[i % PLACES] == i, "an item came before it was made");
			peer_post(room);
		}
	}
}

static double pipeline(const struct job *job)
{
	struct crew crew = crew_of(job, 2, true, pipeline_body);
	double time;

	crew.sems[0] = peer_make(0);
	crew.sems[1] = peer_make(PLACES);
	time = crew_run(&crew);
	peer_end(crew.sems[0]);
	peer_end(crew.sems[1]);
	return time / (double)job->operations;
}

static void let_all_go(peer_ref sem)
{
#ifdef PEER_BATCH
	peer_post_many(sem, BATCH_WAITERS);
#else
	for (int i = 0; i < BATCH_WAITERS; i++)
		peer_post(sem);
#endif
}

/* Two gates by turns, so that nobody gets through twice. */
static void batch_body(struct crew *crew, int number)
{
	for (long i = 0; i < crew->job->operations; i++) {
		peer_ref gate = crew->sems[i % 2], through = crew->sems[2];

		if (number > 0) {
			peer_wait(gate);
			peer_post(through);
			continue;
		}
		let_all_go(gate);
		for (int j = 0; j < BATCH_WAITERS; j++)
			peer_wait(through);
	}
}

static double batch(const struct job *job)
{
	struct crew crew = crew_of(job, BATCH_WAITERS + 1, false, batch_body);
	double time;

	for (int i = 0; i < 3; i++)
		crew.sems[i] = peer_make(0);
	time = crew_run(&crew);
	for (int i = 0; i < 3; i++)
		peer_end(crew.sems[i]);
	return time / (double)job->operations;
}

/* The waiter is alone on its processor, and so runs as soon as it is woken. */
static void park_body(struct crew *crew, int number)
{
	for (long i = crew->job->operations; i > 0; i--) {
		if (number == 0) {
			peer_wait(crew->sems[1]);
			for (int64_t begun = now(); now() - begun < PARK_PAUSE;)
				;
			crew->posted_at = now();
			peer_post(crew->sems[0]);
		} else {
			peer_post(crew->sems[1]);
			peer_wait(crew->sems[0]);
			histogram_add(crew->latencies, (uint64_t)(now() - crew->posted_at));
		}
	}
}

static double park(const struct job *job, struct histogram *latencies)
{
	struct crew crew = crew_of(job, 2, true, park_body);
	struct histogram *own = (struct histogram *)calloc(1, sizeof(*own));
	double median;

	must(own != NULL, "calloc");
	crew.sems[0] = peer_make(0);
	crew.sems[1] = peer_make(0);
	crew.latencies = own;
	crew_run(&crew);
	peer_end(crew.sems[0]);
	peer_end(crew.sems[1]);
	median = (double)histogram_quantile(own, 0.5);
	if (latencies)
		histogram_join(latencies, own);
	free(own);
	return median;
}

#ifdef PEER_IDS
static struct {
	peer_ref *sems;
	long count;
} many; /* kept from job to job */

static void have_many(long count)
{
	while (many.count > count)
		peer_end(many.sems[--many.count]);
	many.sems = (peer_ref *)realloc((void *)many.sems, (size_t)count * sizeof(*many.sems));
	must(many.sems != NULL, "realloc");
	while (many.count < count)
		many.sems[many.count++] = peer_make(1);
}

static void ids_body(struct crew *crew, int number)
{
	const struct job *job = crew->job;
	uint32_t mask = job->random ? UINT32_MAX : 0, state = 1;

	(void)number;
	for (long i = job->operations; i > 0; i--) {
		peer_ref sem;

		state = state * 1664525 + 1013904223;
		sem = many.sems[((uint64_t)(state & mask) * (uint64_t)job->count) >> 32];
		peer_post(sem);
		peer_wait(sem);
	}
}

static double ids(const struct job *job)
{
	struct crew crew = crew_of(job, 1, true, ids_body);

	have_many(job->count);
	for (long i = 0; i < job->count; i++) { /* into the caches, as far as they go */
		peer_post(many.sems[i]);
		peer_wait(many.sems[i]);
	}
	return crew_run(&crew) / (double)job->operations;
}

static long resident(void)
{
	long size, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	must(file && fscanf(file, "%ld %ld", &size, &pages) == 2, "/proc/self/statm");
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static double bytes(const struct job *job)
{
	peer_ref *sems = (peer_ref *)calloc((size_t)job->count, sizeof(*sems));
	long before, after;

	must(sems != NULL, "calloc");
	memset((void *)sems, 1, (size_t)job->count * sizeof(*sems)); /* so that they are resident */
	before = resident();
	for (long i = 0; i < job->count; i++)
		sems[i] = peer_make(1);
	after = resident();
	free((void *)sems); /* the semaphores stay: the next peer is to find no memory that was freed */
	return (double)(after - before) / (double)job->count;
}
#endif

static void create_body(struct crew *crew, int number)
{
	(void)number;
	for (long i = crew->job->operations; i > 0; i--) {
		peer_ref sem = peer_make(1);

		__asm__ volatile("" : : "g"(&sem) : "memory"); /* or a compiler could leave out both */
		peer_end(sem);
	}
}

#ifdef PEER_OPEN
static void open_body(struct crew *crew, int number)
{
	(void)number;
	for (long i = crew->job->operations; i > 0; i--) {
		peer_open();
		peer_close();
	}
}
#endif

static double alone(const struct job *job, void (*body)(struct crew *, int))
{
	struct crew crew = crew_of(job, 1, true, body);

	return crew_run(&crew) / (double)job->operations;
}

static double run_job(const struct job *job, struct histogram *histogram)
{
	struct histogram *latencies = job->distribution ? histogram : NULL;

	switch (job->scenario) {
	case PAIR:
		return pair(job);
	case HANDOVER:
		return handover(job, latencies);
	case CROWD:
		return crowd(job);
	case PIPELINE:
		return pipeline(job);
	case BATCH:
		return batch(job);
	case PARK:
		return park(job, latencies);
	case CREATE:
		return alone(job, create_body);
#ifdef PEER_SHARED
	case PROCESSES:
		return processes(job, latencies);
#endif
#ifdef PEER_IDS
	case IDS:
		return ids(job);
	case BYTES:
		return bytes(job);
#endif
#ifdef PEER_OPEN
	case OPEN:
		return alone(job, open_body);
#endif
	default:
		return -1;
	}
}

#ifndef PEER_CAN
#ifdef PEER_SHARED
#define CAN_PROCESSES true
#else
#define CAN_PROCESSES false
#endif
#ifdef PEER_IDS
#define CAN_IDS true
#else
#define CAN_IDS false
#endif
#ifdef PEER_OPEN
#define CAN_OPEN true
#else
#define CAN_OPEN false
#endif
/* In the order of enum scenario. */
#define PEER_CAN                                                                                    \
	{                                                                                           \
		true, true, CAN_PROCESSES, true, true, true, true, CAN_IDS, true, CAN_OPEN, CAN_IDS \
	}
#endif

const struct peer PEER = {PEER_NAME, PEER_CAN, run_job};
