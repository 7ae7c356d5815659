/* SPDX-License-Identifier: BSD-2-Clause */
/* Three pools of connections: take one from the first pool that has one, and sleep while none has. */
#include <ksem/ksem.h>
#include <pthread.h>
#include <stdio.h>

static struct ksem_proc *proc;
static ksem_id_t pools[3], all; /* all has as many permits as the pools together */

static unsigned int take(void)
{
	unsigned int which;

	while (ksem_wait(proc, all)) /* EINTR */
		;
	while (ksem_trywait_any(proc, pools, 3, &which)) /* one of them has a permit for us */
		;
	return which;
}

static void *use(void *arg)
{
	for (int i = 0; i < 1000; i++)
		if (ksem_post(proc, pools[take()]) || ksem_post(proc, all)) /* in this order */
			return arg;
	return NULL;
}

int main(void)
{
	pthread_t other;

	proc = ksem_private();
	if (!proc || ksem_init(proc, 1, &pools[0]) || ksem_init(proc, 0, &pools[1]) || ksem_init(proc, 2, &pools[2]) ||
	    ksem_init(proc, 3, &all) || pthread_create(&other, NULL, use, NULL))
		return 1;
	use(NULL);
	pthread_join(other, NULL);
	return printf("one of pool %u\n", take()) < 0;
}
