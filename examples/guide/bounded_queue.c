/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue of four places between a producer and a consumer: each sleeps while it can't go on. */
#include <ksem/ksem.h>
#include <pthread.h>
#include <stdio.h>

static struct ksem_proc *proc;
static ksem_id_t room, items;
enum { PLACES = 4 };
static int queue[PLACES]; /* several producers, or several consumers, share a mutex for their index */

static void *produce(void *arg)
{
	for (int i = 1; i <= 100; i++) {
		if (ksem_wait(proc, room))
			return arg;
		queue[i % PLACES] = i;
		ksem_post(proc, items); /* the consumer sees what was written before */
	}
	return NULL;
}

int main(void)
{
	pthread_t producer;
	int sum = 0;

	proc = ksem_private();
	if (!proc || ksem_init(proc, PLACES, &room) || ksem_init(proc, 0, &items) ||
	    pthread_create(&producer, NULL, produce, NULL))
		return 1;
	for (int i = 1; i <= 100; i++) {
		if (ksem_wait(proc, items))
			return 1;
		sum += queue[i % PLACES];
		ksem_post(proc, room);
	}
	printf("the sum is %d\n", sum);
	return pthread_join(producer, NULL) || ksem_destroy(proc, room) || ksem_destroy(proc, items);
}
