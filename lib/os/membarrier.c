/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The membarrier system call: see membarrier.h.
 *
 * The program may forbid the call after the library has registered for it (seccomp). The library must still get at the
 * permits in slots. So the thread then runs on each processor in turn: that preempts the thread that ran there, and the
 * kernel aborts a preempted sequence. If the program forbids sched_setaffinity as well, nothing is left; ksem(7) tells
 * it not to.
 */
#include "os/membarrier.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/processors.h"
#include "os/rseq.h"

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

bool membarrier_is_refused(void)
{
	int saved = errno;
	bool refused = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) < 0;

	errno = saved;
	return refused;
}

/* A set of processors, as the kernel has it. */
#define WORD_BITS  (8 * sizeof(unsigned long))
#define MASK_WORDS (PROCESSORS_MAX / WORD_BITS)

/* May change errno. */
static void visit(uint32_t processors)
{
	unsigned long before[MASK_WORDS], all[MASK_WORDS], one[MASK_WORDS] = {0};
	bool known = sched_getaffinity(0, sizeof(before), (cpu_set_t *)before) == 0;

	memset(all, 0xff, sizeof(all));
	for (uint32_t processor = 0; processor < processors && processor < PROCESSORS_MAX; processor++) {
		one[processor / WORD_BITS] = 1UL << processor % WORD_BITS;
		sched_setaffinity(0, sizeof(one), (cpu_set_t *)one); /* fails for numbers without a processor */
		one[processor / WORD_BITS] = 0;
	}
	sched_setaffinity(0, sizeof(before), (cpu_set_t *)(known ? before : all));
}

void membarrier_visit_processors(void)
{
	int saved = errno;
	long configured = sysconf(_SC_NPROCESSORS_CONF);

	visit(configured > 0 ? (uint32_t)configured : PROCESSORS_MAX);
	if (configured > 0 && rseq_processors > (uint32_t)configured) /* numbers may have holes */
		visit(rseq_processors);
	errno = saved;
}

void membarrier_restart_sequences(void)
{
	int saved = errno;

	if (!membarrier_ops.restart_sequences())
		visit(rseq_processors);
	errno = saved;
}
