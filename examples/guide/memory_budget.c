/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs of different sizes share 64 MiB. KSEM_FIFO: no small job overtakes a large one that waits. */
#include <ksem/ksem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct ksem_proc *proc;
static ksem_id_t budget; /* in MiB */

static void *job(void *arg)
{
	unsigned int size = (unsigned int)(uintptr_t)arg;

	if (ksem_wait_many(proc, budget, size, CLOCK_MONOTONIC, NULL)) /* all of it at one instant */
		return arg;
	free(calloc(size, 1 << 20));
	ksem_post_many(proc, budget, size);
	return NULL;
}

int main(void)
{
	static const unsigned int sizes[] = {40, 30, 8, 64, 1};
	struct ksem_attr attr = {.size = sizeof(attr), .limit = 64, .order = KSEM_FIFO};
	pthread_t threads[5];

	proc = ksem_private();
	if (!proc || ksem_init_attr(proc, &attr, 64, &budget))
		return 1;
	for (int i = 0; i < 5; i++)
		if (pthread_create(&threads[i], NULL, job, (void *)(uintptr_t)sizes[i]))
			return 1;
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	return ksem_destroy(proc, budget) || puts("all jobs are done") == EOF;
}
