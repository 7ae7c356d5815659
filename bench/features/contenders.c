/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits taken and given back, by ksem, glibc's sem_t, System V's semop and a robust mutex.
 */
#include "features.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#define THREADS_MAX 64

static ksem_id_t id;
static struct ksem *pin; /* of a semaphore that may be pinned: one without KSEM_UNDO */
static sem_t posix;
static int set;
static pthread_mutex_t mutex;

static long turns;   /* of each thread */
static float *waits; /* of all threads' turns; NULL: they aren't measured */

/* Work that no compiler leaves out. */
static void work(void)
{
	for (int i = 0; i < 300; i++)
		__asm__ volatile("" : "+r"(i) : : "memory");
}

double work_took(void)
{
	const int times = 10000;
	int64_t begun = now();

	for (int i = 0; i < times; i++)
		work();
	return (double)(now() - begun) / times;
}

static double run(void *(*body)(void *), int threads)
{
	pthread_t made[THREADS_MAX];
	int64_t begun = now();

	for (int i = 0; i < threads; i++)
		must_be_0(pthread_create(&made[i], NULL, body, waits ? waits + i * turns : NULL), "pthread_create");
	for (int i = 0; i < threads; i++)
		pthread_join(made[i], NULL);
	return (double)(now() - begun) / (double)(turns * threads);
}

/* What a contender's threads do: with a little work, or without. The loops contain its calls: no more is measured. */
struct contender {
	void *(*crowd)(void *);
	void *(*pairs)(void *);
	long pair_turns;
};

#define CONTENDER(name, pair_turns, take, give)                        \
	static void *name##_in_crowd(void *arg)                        \
	{                                                              \
		float *own_waits = arg;                                \
                                                                       \
		for (long i = 0; i < turns; i++) {                     \
			int64_t begun = own_waits ? now() : 0;         \
                                                                       \
			take;                                          \
			if (own_waits)                                 \
				own_waits[i] = (float)(now() - begun); \
			work();                                        \
			give;                                          \
			work();                                        \
		}                                                      \
		return NULL;                                           \
	}                                                              \
	static void *name##_in_pairs(void *arg)                        \
	{                                                              \
		for (long i = 0; i < turns; i++) {                     \
			take;                                          \
			give;                                          \
		}                                                      \
		return arg;                                            \
	}                                                              \
	static const struct contender name = {name##_in_crowd, name##_in_pairs, pair_turns};

static void take(void)
{
	must_be_0(ksem_pinned_wait(pin), "ksem_pinned_wait");
}

static void take_three(void)
{
	must_be_0(ksem_pinned_wait_many(pin, 3, CLOCK_MONOTONIC, NULL), "ksem_pinned_wait_many");
}

static void take_by_id(void)
{
	must_be_0(ksem_wait(shared, id), "ksem_wait");
}

static void take_posix(void)
{
	must(sem_wait(&posix) == 0, "sem_wait");
}

static void sysv_add(int amount, int flags)
{
	struct sembuf change = {0, (short)amount, (short)flags};

	must(semop(set, &change, 1) == 0, "semop");
}

CONTENDER(ksem_one, 1000000, take(), ksem_pinned_post(pin))
CONTENDER(ksem_three, 1000000, take_three(), ksem_pinned_post_many(pin, 3))
CONTENDER(ksem_undo, 1000000, take_by_id(), ksem_post(shared, id))
CONTENDER(glibc, 1000000, take_posix(), sem_post(&posix))
CONTENDER(sysv, 100000, sysv_add(-1, 0), sysv_add(1, 0))
CONTENDER(sysv_three, 100000, sysv_add(-3, 0), sysv_add(3, 0))
CONTENDER(sysv_undo, 100000, sysv_add(-1, SEM_UNDO), sysv_add(1, SEM_UNDO))
CONTENDER(robust_mutex, 1000000, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))

/* ---- What is measured. ---- */

static double pair(const struct contender *of)
{
	int64_t begun;

	turns = of->pair_turns;
	begun = now();
	of->pairs(NULL);
	return (double)(now() - begun) / (double)turns;
}

static double two(const struct contender *of)
{
	turns = of->pair_turns;
	return run(of->pairs, 2);
}

static double crowd(const struct contender *of)
{
	turns = CROWD_TURNS;
	return run(of->crowd, 8);
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Without the first and the last fifth of each thread's turns, when not all are there. */
static double tail(const struct contender *of)
{
	size_t n = 0;
	double result;

	turns = 1000;
	waits = malloc((size_t)(THREADS_MAX * turns) * sizeof(*waits));
	must(waits != NULL, "malloc");
	run(of->crowd, THREADS_MAX);
	for (long thread = 0; thread < THREADS_MAX; thread++) {
		for (long i = turns / 5; i < turns - turns / 5; i++)
			waits[n++] = waits[thread * turns + i];
	}
	qsort(waits, n, sizeof(*waits), by_size);
	result = (double)waits[n * 99 / 100] / (double)waits[n / 2];
	free(waits);
	waits = NULL;
	return result;
}

typedef double measure(const struct contender *of);

/* ---- Of whom. The semaphore's value is its limit, if it has one. ---- */

static double of_ksem(const struct contender *who, const struct ksem_attr *attr, measure *what)
{
	double result;

	must_be_0(ksem_init_attr(own, attr, attr->limit, &id), "ksem_init_attr");
	must_be_0(ksem_pin(own, id, &pin), "ksem_pin");
	result = what(who);
	ksem_unpin(pin);
	must_be_0(ksem_destroy(own, id), "ksem_destroy");
	return result;
}

static double of_undo(uint32_t limit, measure *what)
{
	double result;

	must_be_0(ksem_init_attr(shared, ATTR(.limit = limit, .flags = KSEM_UNDO), limit, &id), "ksem_init_attr");
	result = what(&ksem_undo);
	must_be_0(ksem_destroy(shared, id), "ksem_destroy");
	return result;
}

static double of_glibc(bool between_processes, unsigned value, measure *what)
{
	double result;

	must(sem_init(&posix, between_processes, value) == 0, "sem_init");
	result = what(&glibc);
	sem_destroy(&posix);
	return result;
}

static double of_sysv(const struct contender *who, int value, measure *what)
{
	double result;

	set = semget(IPC_PRIVATE, 1, 0600);
	must(set >= 0 && semctl(set, 0, SETVAL, value) == 0, "semget");
	result = what(who);
	semctl(set, 0, IPC_RMID);
	return result;
}

double fifo_pair(void)
{
	return of_ksem(&ksem_one, ATTR(.order = KSEM_FIFO, .limit = 9), pair);
}

double metrics_pair(void)
{
	return of_ksem(&ksem_one, ATTR(.order = KSEM_FIFO, .limit = 9, .flags = KSEM_METRICS), pair);
}

double glibc_pair(void)
{
	return of_glibc(false, 9, pair);
}

double many_pair(void)
{
	return of_ksem(&ksem_three, ATTR(.limit = 9), pair);
}

double sysv_many_pair(void)
{
	return of_sysv(&sysv_three, 9, pair);
}

double undo_pair(void)
{
	return of_undo(9, pair);
}

double sysv_undo_pair(void)
{
	return of_sysv(&sysv_undo, 9, pair);
}

double mutex_pair(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	must_be_0(pthread_mutex_init(&mutex, &attr), "pthread_mutex_init");
	return pair(&robust_mutex);
}

double undo_two(void)
{
	return of_undo(2, two);
}

double glibc_shared_two(void)
{
	return of_glibc(true, 2, two);
}

double fifo_crowd(void)
{
	return of_ksem(&ksem_one, ATTR(.order = KSEM_FIFO, .limit = 2), crowd);
}

double glibc_crowd(void)
{
	return of_glibc(false, 2, crowd);
}

double sysv_crowd(void)
{
	return of_sysv(&sysv, 2, crowd);
}

double fifo_tail(void)
{
	return of_ksem(&ksem_one, ATTR(.order = KSEM_FIFO, .limit = 4), tail);
}

double sysv_tail(void)
{
	return of_sysv(&sysv, 4, tail);
}
