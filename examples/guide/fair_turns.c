/* SPDX-License-Identifier: BSD-2-Clause */
/* Batch jobs have their turns in the order in which they came. */
#include <ksem/ksem.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

static struct ksem_proc *proc;
static ksem_id_t turn;

static void *job(void *arg)
{
	if (ksem_wait(proc, turn))
		return arg;
	printf("job %d\n", *(int *)arg);
	ksem_post(proc, turn);
	return NULL;
}

int main(void)
{
	struct ksem_attr attr = {.size = sizeof(attr), .limit = 1, .order = KSEM_FIFO};
	int numbers[4] = {1, 2, 3, 4};
	struct ksem_info info;
	pthread_t threads[4];

	proc = ksem_private();
	if (!proc || ksem_init_attr(proc, &attr, 0, &turn))
		return 1;
	for (int i = 0; i < 4; i++) {
		if (pthread_create(&threads[i], NULL, job, &numbers[i]))
			return 1;
		while (!ksem_stat(proc, turn, &info) && info.waiters <= (unsigned int)i)
			sched_yield(); /* only so that this example prints the same each time */
	}
	ksem_post(proc, turn);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return ksem_destroy(proc, turn);
}
