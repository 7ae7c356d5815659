/* SPDX-License-Identifier: BSD-2-Clause */
/* Three pools of connections: take one from the first pool that has one, and sleep while none has. */
#include <ksem/ksem.h>
#include <pthread.h>
#include <stdio.h>

static struct ksem_proc *proc;
static ksem_id_t pools[3], all; /* all has as many permits as the pools together */

static int take(unsigned int *which)
{
	int error;

	while ((error = ksem_wait(proc, all)) == EINTR)
		; /* a signal handler ran */
	while (!error && (error = ksem_trywait_any(proc, pools, 3, which)) == EAGAIN)
		error = 0; /* one of them has a permit for us, but others took and posted while we looked */
	return error;
}

static void *use(void *arg)
{
	for (unsigned int i = 0, which; i < 1000; i++)
		if (take(&which) || ksem_post(proc, pools[which]) || ksem_post(proc, all)) /* in this order */
			return arg;
	return NULL;
}

int main(void)
{
	pthread_t other;
	unsigned int which;

	proc = ksem_private();
	if (!proc || ksem_init(proc, 1, &pools[0]) || ksem_init(proc, 0, &pools[1]) || ksem_init(proc, 2, &pools[2]) ||
	    ksem_init(proc, 3, &all) || pthread_create(&other, NULL, use, NULL))
		return 1;
	use(NULL);
	pthread_join(other, NULL);
	return take(&which) || printf("one of pool %u\n", which) < 0;
}
