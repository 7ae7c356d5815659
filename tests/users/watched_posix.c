/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that knows <semaphore.h> only, for the tools that watch programs; watched.sh runs it under ksem-run.
 *   watched_posix WAY...
 *
 * No tool may report these: `ring` (producers and consumers), `value` (data that a thread touches once it has seen the
 * value change), `cancel` (data handed on by the cleanup handler of a cancelled waiter), `named`. Each must report
 * `early` (the poster touches the data after its post).
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "watched.h"

static sem_t room, items, lock, ready;
static int data;

static void *produce(void *arg)
{
	for (long i = 1; i <= ITEMS; i++) {
		MUST(sem_wait(&room) == 0 && sem_wait(&lock) == 0);
		slots[next++ % SLOTS] = i;
		MUST(sem_post(&lock) == 0 && sem_post(&items) == 0);
	}
	return arg;
}

static void *consume(void *arg)
{
	struct timespec late;

	MUST(clock_gettime(CLOCK_REALTIME, &late) == 0);
	late.tv_sec += 3600;
	for (long i = 1; i <= ITEMS; i++) {
		MUST(sem_timedwait(&items, &late) == 0);
		while (sem_trywait(&lock) != 0)
			sched_yield();
		sum += slots[first++ % SLOTS];
		MUST(sem_post(&lock) == 0 && sem_post(&room) == 0);
	}
	return arg;
}

static void ring(void)
{
	pthread_t threads[4];

	MUST(sem_init(&room, 0, SLOTS) == 0 && sem_init(&items, 0, 0) == 0 && sem_init(&lock, 0, 1) == 0);
	for (int i = 0; i < 4; i++)
		begin(&threads[i], i % 2 ? produce : consume, NULL);
	for (int i = 0; i < 4; i++)
		end(threads[i]);
	MUST(sum == 2L * ITEMS * (ITEMS + 1) / 2);
	MUST(sem_destroy(&room) == 0 && sem_destroy(&items) == 0 && sem_destroy(&lock) == 0);
}

static void *tell(void *arg)
{
	data = 1;
	MUST(sem_post(arg) == 0);
	return NULL;
}

static void value(void)
{
	pthread_t thread;
	int seen = 0;

	MUST(sem_init(&ready, 0, 0) == 0);
	data = 0;
	begin(&thread, tell, &ready);
	while (seen == 0)
		MUST(sem_getvalue(&ready, &seen) == 0 && sched_yield() == 0);
	MUST(data++ == 1);
	end(thread);
}

static void hand_on(void *arg)
{
	data++;
	MUST(sem_post(arg) == 0);
}

static void *wait_for_ever(void *arg)
{
	pthread_cleanup_push(hand_on, &ready);
	MUST(sem_post(&lock) == 0);
	MUST(sem_wait(&room) == 0);
	pthread_cleanup_pop(0);
	return arg;
}

static void cancel(void)
{
	pthread_t thread;

	MUST(sem_init(&ready, 0, 0) == 0 && sem_init(&room, 0, 0) == 0 && sem_init(&lock, 0, 0) == 0);
	data = 0;
	begin(&thread, wait_for_ever, NULL);
	MUST(sem_wait(&lock) == 0);
	MUST(pthread_cancel(thread) == 0);
	MUST(sem_wait(&ready) == 0);
	MUST(data++ == 1);
	end(thread);
}

static void named(void)
{
	char name[64];
	pthread_t thread;
	sem_t *sem;

	snprintf(name, sizeof(name), "/ksem-watched-%ld", (long)getpid());
	sem = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	MUST(sem != SEM_FAILED && sem_unlink(name) == 0);
	data = 0;
	begin(&thread, tell, sem);
	MUST(sem_wait(sem) == 0);
	MUST(data++ == 1);
	end(thread);
	MUST(sem_close(sem) == 0);
}

static void *touch_after_post(void *arg)
{
	MUST(sem_post(&ready) == 0);
	data = 1;
	return arg;
}

static void early(void)
{
	pthread_t thread;

	MUST(sem_init(&ready, 0, 0) == 0);
	begin(&thread, touch_after_post, NULL);
	MUST(sem_wait(&ready) == 0);
	data++;
	end(thread);
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {{"ring", ring}, {"value", value}, {"cancel", cancel}, {"named", named}, {"early", early}};

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
			if (strcmp(ways[way].name, argv[i]) == 0)
				ways[way].run();
		}
	}
	puts("done");
	return 0;
}
