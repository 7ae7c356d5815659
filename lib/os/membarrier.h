/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * membarrier: makes sure that no restartable sequence of this OS process is under way (os/rseq.h).
 *
 * The calls go through membarrier_ops, so that a test can play the kernel.
 */
#ifndef KSEM_OS_MEMBARRIER_H
#define KSEM_OS_MEMBARRIER_H

#include <stdbool.h>

struct membarrier_ops {
	/* Asks for the service; false: the kernel doesn't give it. */
	bool (*start)(void);

	/*
	 * Every sequence that any thread has under way when this is called is aborted, or done and seen, when it
	 * returns. A full memory barrier on every processor that runs a thread of this process. False: the kernel
	 * refused.
	 */
	bool (*restart_sequences)(void);
};

extern struct membarrier_ops membarrier_ops; /* constant once a thread uses the library */

bool membarrier_start(void);

/* Does the kernel refuse the call? It may have granted it before. */
bool membarrier_is_refused(void);

/* A full memory barrier on every processor, without the call: the thread visits them all. */
void membarrier_visit_processors(void);

/*
 * As membarrier_ops.restart_sequences, but can't fail: where the kernel refuses, the thread visits every processor
 * itself.
 */
void membarrier_restart_sequences(void);

#endif
