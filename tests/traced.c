/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What trace.sh traces: a process that meets each of the library's probes again and again, until it is killed. It says
 * `ready` when it has met each of them once.
 */
#include <errno.h>
#include <ksem/ksem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#define PAIRS 5000

static struct ksem_proc *proc;
static ksem_id_t to, fro, fair, many;

static void *answer(void *arg)
{
	for (;;) {
		unsigned which;

		MUST(ksem_wait(proc, to) == 0);
		MUST(ksem_post(proc, fro) == 0);
		MUST(ksem_wait(proc, fair) == 0);
		MUST(ksem_post(proc, fro) == 0);
		MUST(ksem_wait_any(proc, (ksem_id_t[]){to, fair}, 2, CLOCK_REALTIME, NULL, &which) == 0);
		MUST(ksem_post(proc, fro) == 0);
	}
	return arg;
}

/* The permits go to the processors, and then all of them are wanted. */
static void spread_and_gather(void)
{
	unsigned int taken = 0;

	for (int i = 0; i < PAIRS; i++) {
		MUST(ksem_wait(proc, many) == 0);
		MUST(ksem_post(proc, many) == 0);
	}
	while (ksem_trywait(proc, many) == 0)
		taken++;
	MUST(ksem_post_many(proc, many, taken) == 0);
}

static void change_and_end(void)
{
	struct ksem_attr attr = {.size = sizeof(attr), .limit = 3};
	ksem_id_t id;

	MUST(ksem_init_attr(proc, &attr, 3, &id) == 0);
	MUST(ksem_set_limit(proc, id, 2) == 0);
	MUST(ksem_shutdown(proc, id) == 0);
	MUST(ksem_destroy(proc, id) == 0);
}

static void post_and_wait(ksem_id_t id)
{
	sleep_ms(1); /* so that the other thread sleeps, mostly */
	MUST(ksem_post(proc, id) == 0);
	MUST(ksem_wait(proc, fro) == 0);
}

int main(void)
{
	struct ksem_attr attr = {.size = sizeof(attr), .order = KSEM_FIFO};
	pthread_t thread;

	proc = ksem_private();
	MUST(proc);
	MUST(ksem_init(proc, 0, &to) == 0 && ksem_init(proc, 0, &fro) == 0 && ksem_init(proc, 100, &many) == 0);
	MUST(ksem_init_attr(proc, &attr, 0, &fair) == 0);
	MUST(pthread_create(&thread, NULL, answer, NULL) == 0);
	for (int round = 0;; round++) {
		post_and_wait(to);
		post_and_wait(fair);
		post_and_wait(round % 2 ? to : fair);
		spread_and_gather();
		change_and_end();
		if (round == 0)
			MUST(puts("ready") >= 0 && fflush(stdout) == 0);
	}
}
