/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The membarrier system call: see membarrier.h.
 *
 * Asked for once, the service doesn't go away; but a host may forbid the call later (seccomp). Then permits in cells
 * must be had all the same: a thread that has run on a processor has thereby preempted who ran there, and a preempted
 * sequence is aborted.
 */
#include "os/membarrier.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool kernel_start(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0;
}

static bool kernel_restart_sequences(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0;
}

struct membarrier_ops membarrier_ops = {kernel_start, kernel_restart_sequences};

bool membarrier_start(void)
{
	int saved = errno;
	bool started = membarrier_ops.start();

	errno = saved;
	return started;
}

static void visit_every_processor(void)
{
	cpu_set_t before, one;

	if (sched_getaffinity(0, sizeof(before), &before) != 0)
		return;
	for (int processor = 0; processor < CPU_SETSIZE; processor++) {
		CPU_ZERO(&one);
		CPU_SET(processor, &one);
		sched_setaffinity(0, sizeof(one), &one); /* fails for those that there aren't */
	}
	sched_setaffinity(0, sizeof(before), &before);
}

void membarrier_restart_sequences(void)
{
	int saved = errno;

	if (!membarrier_ops.restart_sequences())
		visit_every_processor();
	errno = saved;
}
