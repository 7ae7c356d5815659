/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that begin together: a part of scenarios.h, which includes it once peer_ref is known.
 *
 * Each thread of a pinned crew runs on one of the program's processors, in turn. The threads of other crews may run on
 * all of them. The crew sets that itself: a thread inherits the processors of the thread that made it, so a pinned
 * thread would make a crew that competes for one processor. The body may use `took` and `slept`.
 */
#ifndef COMPARE_CREW_H
#define COMPARE_CREW_H

#include "../measure.h"

static inline void run_on(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)processor, &set);
	must(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

static inline void must_run_anywhere(const struct job *job)
{
	cpu_set_t set;

	must(sched_getaffinity(0, sizeof(set), &set) == 0, "sched_getaffinity");
	for (int i = 0; i < job->processor_count; i++) {
		if (CPU_ISSET((unsigned)job->processors[i], &set))
			continue;
		fprintf(stderr, "ksem-compare: a thread that should run anywhere may not run on processor %d\n",
			job->processors[i]);
		exit(1);
	}
}

static inline void work(int amount)
{
	for (int i = 0; i < amount; i++)
		__asm__ volatile("" : "+r"(i) : : "memory");
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
	volatile bool slept;
	int64_t took;
};

#define APART  128 /* bytes: processors fetch lines in pairs */
#define SPARES 16  /* peers whose references aren't addresses have no more */

/*
 * The crew's next semaphore. It has its own cache lines, whatever the peer's allocator does. With two semaphores in one
 * line, a post to one would move the other, too, in some programs and not in others.
 */
static inline void crew_make(struct crew *crew, int which, unsigned value)
{
	peer_ref spare[SPARES], sem = peer_make(value);
	int spares = 0;

	for (int i = 0; i < which && spares < SPARES; i++) {
		if ((uintptr_t)sem / APART != (uintptr_t)crew->sems[i] / APART)
			continue;
		spare[spares++] = sem;
		sem = peer_make(value);
		i = -1;
	}
	crew->sems[which] = sem;
	while (spares > 0)
		peer_end(spare[--spares]);
}

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
		run_on(crew->job->processors[member->number % crew->job->processor_count]);
	else
		must_run_anywhere(crew->job);
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
	struct member members[PROCESSORS_MAX];
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

#endif
