/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A storm that only counts. Threads do everything that the library can do, at random, in a few namespaces, each thread
 * as a process of its own: the hot path on semaphores that all share, by id and pinned, singly and in batches; open,
 * unlink and close of a handful of names; create and destroy; fork, exec and exit of processes.
 *
 *   storm [--seconds N] [--threads N] [--seed S]      10 seconds, 8 threads, a seed from the clock
 *
 * Held to it: permits in = permits out + value; never more holders than permits; no answer but those that the contract
 * allows; nobody asleep for ten seconds together while others work (a watchdog); no semaphore left at the end. Prints
 * what it did and a verdict; exits with 0 only if all held.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ksem/ksem.h>

#define NAMESPACES  2
#define PERMITS     5
#define NAMES       4
#define THREADS_MAX 256
#define STUCK       10 /* seconds without progress of a thread */

#define MUST(condition)                                                                                  \
	do {                                                                                             \
		if (!(condition)) {                                                                      \
			fprintf(stderr, "storm: %s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                         \
		}                                                                                        \
	} while (0)

static struct arena {
	struct ksem_ns *ns;
	struct ksem_proc *root; /* of whom each thread's process is a fork */
	ksem_id_t shared;       /* PERMITS permits */
	ksem_id_t pipe;         /* posted and taken in batches; posted >= taken */
	atomic_int held;        /* of shared */
	atomic_ulong in, out;   /* of pipe */
} arenas[NAMESPACES];

static struct thread {
	pthread_t thread;
	struct arena *arena;
	uint64_t random;
	atomic_ulong done; /* operations; the watchdog's pulse */
	struct ksem_proc *proc;
	struct ksem *pin; /* of shared */
} threads[THREADS_MAX];

static atomic_bool stop;

static unsigned pick(struct thread *t, unsigned n)
{
	uint64_t z = t->random += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return (unsigned)((z ^ z >> 31) % n);
}

static struct timespec soon(struct thread *t)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_nsec += pick(t, 200000);
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

/* A permit of `shared`, by one of the ways. */
static bool take_shared(struct thread *t)
{
	struct timespec deadline = soon(t);
	int error = 0;

	switch (pick(t, 6)) {
	case 0:
		error = ksem_wait(t->proc, t->arena->shared);
		break;
	case 1:
		error = ksem_pinned_wait(t->pin);
		break;
	case 2:
		error = ksem_trywait(t->proc, t->arena->shared);
		break;
	case 3:
		error = ksem_pinned_trywait(t->pin);
		break;
	case 4:
		error = ksem_clockwait(t->proc, t->arena->shared, CLOCK_MONOTONIC, &deadline);
		break;
	case 5:
		error = ksem_pinned_clockwait(t->pin, CLOCK_MONOTONIC, &deadline);
		break;
	}
	MUST(error == 0 || error == EAGAIN || error == ETIMEDOUT);
	return error == 0;
}

static void hold_a_permit(struct thread *t)
{
	unsigned value;

	if (!take_shared(t))
		return;
	MUST(atomic_fetch_add(&t->arena->held, 1) < PERMITS);
	if (pick(t, 16) == 0)
		sched_yield();
	MUST(ksem_getvalue(t->proc, t->arena->shared, &value) == 0 && value < PERMITS);
	atomic_fetch_sub(&t->arena->held, 1);
	MUST((pick(t, 2) ? ksem_post(t->proc, t->arena->shared) : ksem_pinned_post(t->pin)) == 0);
}

static void post_and_take_in_batches(struct thread *t)
{
	unsigned n = 1 + pick(t, 4);
	unsigned long taken = 0;

	atomic_fetch_add(&t->arena->in, n);
	MUST(ksem_post_many(t->proc, t->arena->pipe, n) == 0);
	while (taken < n && ksem_trywait(t->proc, t->arena->pipe) == 0)
		taken++;
	atomic_fetch_add(&t->arena->out, taken);
}

static void open_and_let_go(struct thread *t)
{
	char name[16];
	ksem_id_t id, again;
	int error;

	snprintf(name, sizeof(name), "/name%u", pick(t, NAMES));
	MUST(ksem_open(t->proc, name, O_CREAT, 0600, 1, &id) == 0);
	if (pick(t, 2)) {
		error = ksem_unlink(t->proc, name);
		MUST(error == 0 || error == ENOENT);
	}
	if (pick(t, 4) == 0) {
		error = ksem_open(t->proc, name, O_CREAT, 0600, 1, &again);
		MUST(error == 0);
		MUST(ksem_close(t->proc, again) == 0);
	}
	if (ksem_trywait(t->proc, id) == 0)
		MUST(ksem_post(t->proc, id) == 0);
	MUST(ksem_close(t->proc, id) == 0);
}

static void make_and_destroy(struct thread *t)
{
	ksem_id_t id;
	struct ksem *pin;

	MUST(ksem_init(t->proc, pick(t, 3), &id) == 0);
	MUST(ksem_pin(t->proc, id, &pin) == 0);
	MUST(ksem_post(t->proc, id) == 0);
	MUST(ksem_wait(t->proc, id) == 0);
	MUST(ksem_destroy(t->proc, id) == 0);
	MUST(ksem_post(t->proc, id) == EINVAL);
	MUST(ksem_pinned_post(pin) == EINVAL);
	ksem_unpin(pin);
}

static void fork_and_end(struct thread *t)
{
	struct ksem_proc *child;

	MUST(ksem_proc_fork(t->proc, &child) == 0);
	if (ksem_trywait(child, t->arena->shared) == 0)
		MUST(ksem_post(t->proc, t->arena->shared) == 0);
	if (pick(t, 2)) {
		MUST(ksem_proc_exec(child) == 0);
		MUST(ksem_trywait(child, t->arena->shared) == EINVAL);
	}
	MUST(ksem_proc_exit(child) == 0);
}

static void *storm(void *arg)
{
	struct thread *t = arg;

	while (!atomic_load(&stop)) {
		switch (pick(t, 16)) {
		case 0:
			open_and_let_go(t);
			break;
		case 1:
			make_and_destroy(t);
			break;
		case 2:
			fork_and_end(t);
			break;
		case 3:
		case 4:
			post_and_take_in_batches(t);
			break;
		default:
			hold_a_permit(t);
		}
		atomic_fetch_add(&t->done, 1);
	}
	return NULL;
}

static void begin(struct arena *arena)
{
	const struct ksem_cred root = {0, 0};

	MUST(ksem_ns_create(NULL, &arena->ns) == 0);
	MUST(ksem_proc_create(arena->ns, &root, &arena->root) == 0);
	MUST(ksem_init(arena->root, PERMITS, &arena->shared) == 0);
	MUST(ksem_init(arena->root, 0, &arena->pipe) == 0);
}

static int count_one(const struct ksem_info *info, void *arg)
{
	++*(unsigned *)arg;
	return info->waiters; /* nobody waits any more */
}

static void end(struct arena *arena)
{
	unsigned value, left = 0;

	MUST(ksem_getvalue(arena->root, arena->shared, &value) == 0 && value == PERMITS);
	MUST(ksem_getvalue(arena->root, arena->pipe, &value) == 0);
	MUST(atomic_load(&arena->in) == atomic_load(&arena->out) + value);
	for (unsigned i = 0; i < NAMES; i++) {
		char name[16];
		int error;

		snprintf(name, sizeof(name), "/name%u", i);
		error = ksem_unlink(arena->root, name);
		MUST(error == 0 || error == ENOENT);
	}
	MUST(ksem_ns_foreach(arena->ns, count_one, &left) == 0 && left == 2);
	MUST(ksem_destroy(arena->root, arena->shared) == 0);
	MUST(ksem_destroy(arena->root, arena->pipe) == 0);
	MUST(ksem_proc_exit(arena->root) == 0);
	MUST(ksem_ns_destroy(arena->ns) == 0);
}

/* Sleeps, and looks every second whether each thread has done something in the last STUCK. */
static void watch(unsigned n, long seconds)
{
	unsigned long before[THREADS_MAX] = {0};
	long idle[THREADS_MAX] = {0};

	for (long second = 0; second < seconds; second++) {
		sleep(1);
		for (unsigned i = 0; i < n; i++) {
			unsigned long done = atomic_load(&threads[i].done);

			idle[i] = done == before[i] ? idle[i] + 1 : 0;
			before[i] = done;
			if (idle[i] >= STUCK) {
				fprintf(stderr, "storm: thread %u has done nothing for %d seconds\n", i, STUCK);
				abort();
			}
		}
	}
}

static unsigned long long number(const char *text, unsigned long long max)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || value > max || text[0] == '-') {
		fprintf(stderr, "storm: not a number up to %llu: %s\n", max, text);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
						{"threads", required_argument, NULL, 't'},
						{"seed", required_argument, NULL, 'r'},
						{NULL, 0, NULL, 0}};
	unsigned long long seconds = 10, n = 8, seed = (unsigned long long)time(NULL);
	unsigned long done = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			seconds = number(optarg, 1000000);
		else if (option == 't')
			n = number(optarg, THREADS_MAX);
		else if (option == 'r')
			seed = number(optarg, UINT64_MAX);
		else
			return 2;
	}
	printf("storm: --seconds %llu --threads %llu --seed %llu\n", seconds, n, seed);
	for (unsigned i = 0; i < NAMESPACES; i++)
		begin(&arenas[i]);
	for (unsigned i = 0; i < n; i++) {
		struct thread *t = &threads[i];

		t->arena = &arenas[i % NAMESPACES];
		t->random = seed + i;
		MUST(ksem_proc_fork(t->arena->root, &t->proc) == 0);
		MUST(ksem_pin(t->proc, t->arena->shared, &t->pin) == 0);
		MUST(pthread_create(&t->thread, NULL, storm, t) == 0);
	}
	watch((unsigned)n, (long)seconds);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < n; i++) {
		MUST(pthread_join(threads[i].thread, NULL) == 0);
		done += atomic_load(&threads[i].done);
		ksem_unpin(threads[i].pin);
		MUST(ksem_proc_exit(threads[i].proc) == 0);
	}
	for (unsigned i = 0; i < NAMESPACES; i++)
		end(&arenas[i]);
	printf("storm: %lu operations; every permit accounted for, nobody stuck, nothing left\n", done);
	return 0;
}
