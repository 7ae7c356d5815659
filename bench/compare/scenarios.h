/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenarios, for the peer whose file includes this (compare.h). Before, it defines
 *
 *   PEER, PEER_NAME       the name of its struct peer, and what people call it
 *   peer_ref              what users keep of a semaphore: a pointer, an id
 *   peer_make(value)      a semaphore; peer_end(ref) ends it
 *   peer_post(ref), peer_wait(ref)
 *
 * and if it has them
 *
 *   PEER_SHARED           peer_make_shared(value), peer_end_shared(ref): one that a fork's child has too
 *   PEER_BATCH            peer_post_many(ref, n)
 *   PEER_OPEN             peer_open() and peer_close(): a name, made if it isn't there; peer_unlink() frees it
 *   PEER_IDS              runs IDS and BYTES, too
 *   PEER_CAN              what the peer can do, if not all of the above
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"

#define CROWD_THREADS 8
#define CROWD_WORK    50
#define BATCH_WAITERS 8
#define PLACES        64
#define IDS_WARM      100000
#define PARK_PAUSE    1000000 /* ns: until the waiter surely sleeps, however long it spins */

#include "crew.h"

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

	crew_make(&crew, 0, (unsigned)job->threads);
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

	crew_make(&crew, 0, 0);
	crew_make(&crew, 1, 0);
	crew.latencies = latencies;
	time = crew_run(&crew);
	peer_end(crew.sems[0]);
	peer_end(crew.sems[1]);
	return time / (double)(2 * job->operations);
}

#ifdef PEER_SHARED
/* In a thread of its own, since it pins itself, and new threads inherit that. */
static void processes_body(struct crew *crew, int number)
{
	peer_ref mine = crew->sems[0], yours = crew->sems[1];
	pid_t child = fork();
	int64_t begun;
	int status;

	(void)number;
	must(child >= 0, "fork");
	if (child == 0) {
		run_on(crew->job->processors[1]);
		peer_post(mine);
		for (long i = crew->job->operations; i > 0; i--) {
			peer_wait(yours);
			peer_post(mine);
		}
		_exit(0);
	}
	peer_wait(mine);
	begun = now();
	hand_over(mine, yours, crew->job->operations, NULL);
	crew->took = now() - begun;
	must(waitpid(child, &status, 0) == child && status == 0, "the other process");
}

static double processes(const struct job *job)
{
	struct crew crew = crew_of(job, 1, true, processes_body);

	crew.sems[0] = peer_make_shared(0);
	crew.sems[1] = peer_make_shared(0);
	crew_run(&crew);
	peer_end_shared(crew.sems[0]);
	peer_end_shared(crew.sems[1]);
	return (double)crew.took / (double)(2 * job->operations);
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

	crew_make(&crew, 0, 2);
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

	crew_make(&crew, 0, 0);
	crew_make(&crew, 1, PLACES);
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

/* Two gates in turn, so that no thread goes through twice. */
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
		crew_make(&crew, i, 0);
	time = crew_run(&crew);
	for (int i = 0; i < 3; i++)
		peer_end(crew.sems[i]);
	return time / (double)job->operations;
}

/* How often this thread has gone to sleep. */
static long sleeps(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_THREAD, &usage) == 0, "getrusage");
	return usage.ru_nvcsw;
}

/* The waiter is alone on its processor, so it runs as soon as it is woken. Only wakes of a waiter that slept count. */
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
			int64_t woken;
			long before;

			peer_post(crew->sems[1]);
			before = sleeps();
			peer_wait(crew->sems[0]);
			woken = now();
			if (sleeps() > before)
				histogram_add(crew->latencies, (uint64_t)(woken - crew->posted_at));
		}
	}
}

/* There and back: the woken thread answers, and the first thread waits for the answer on a semaphore of the peer. */
static void park_both_body(struct crew *crew, int number)
{
	for (long i = crew->job->operations; i > 0; i--) {
		if (number == 0) {
			int64_t begun, ended;

			peer_wait(crew->sems[1]);
			for (begun = now(); now() - begun < PARK_PAUSE;)
				;
			begun = now();
			peer_post(crew->sems[0]);
			peer_wait(crew->sems[2]);
			ended = now();
			if (crew->slept)
				histogram_add(crew->latencies, (uint64_t)(ended - begun));
		} else {
			long before;

			peer_post(crew->sems[1]);
			before = sleeps();
			peer_wait(crew->sems[0]);
			crew->slept = sleeps() > before;
			peer_post(crew->sems[2]);
		}
	}
}

static double park(const struct job *job, struct histogram *latencies)
{
	struct crew crew = crew_of(job, 2, true, job->scenario == PARK ? park_body : park_both_body);
	struct histogram *own = (struct histogram *)calloc(1, sizeof(*own));
	double median;

	must(own != NULL, "calloc");
	for (int i = 0; i < 3; i++)
		crew_make(&crew, i, 0);
	crew.latencies = own;
	crew_run(&crew);
	for (int i = 0; i < 3; i++)
		peer_end(crew.sems[i]);
	median = own->total > 0 ? (double)histogram_quantile(own, 0.5) : -1;
	if (latencies)
		histogram_join(latencies, own);
	free(own);
	return median;
}

#ifdef PEER_IDS
static struct {
	peer_ref *sems;
	long count;
} many; /* used again by later jobs */

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
	for (long i = 0; i < job->count && i < IDS_WARM; i++) { /* fills the caches */
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
	free((void *)sems); /* the semaphores stay: the next peer must find no freed memory */
	return (double)(after - before) / (double)job->count;
}
#endif

static void create_body(struct crew *crew, int number)
{
	(void)number;
	for (long i = crew->job->operations; i > 0; i--) {
		peer_ref sem = peer_make(1);

		__asm__ volatile("" : : "g"(&sem) : "memory"); /* else a compiler could leave out both */
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

#ifdef PEER_OPEN
static double open_existing(const struct job *job)
{
	double each;

	peer_open();
	if (!job->held)
		peer_close();
	each = alone(job, open_body);
	if (job->held)
		peer_close();
	peer_unlink();
	return each;
}
#endif

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
	case PARK_BOTH:
		return park(job, latencies);
	case CREATE:
		return alone(job, create_body);
#ifdef PEER_SHARED
	case PROCESSES:
		return processes(job);
#endif
#ifdef PEER_IDS
	case IDS:
		return ids(job);
	case BYTES:
		return bytes(job);
#endif
#ifdef PEER_OPEN
	case OPEN:
		return open_existing(job);
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
#define PEER_CAN                                                                                          \
	{                                                                                                 \
		true, true, CAN_PROCESSES, true, true, true, true, true, CAN_IDS, true, CAN_OPEN, CAN_IDS \
	}
#endif

const struct peer PEER = {PEER_NAME, PEER_CAN, run_job};
