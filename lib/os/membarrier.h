/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * membarrier: makes sure that no restartable sequence that began before the call is still running in this OS process
 * (os/rseq.h).
 *
 * The calls go through membarrier_ops, so that a test can take the kernel's place.
 */
#ifndef KSEM_OS_MEMBARRIER_H
#define KSEM_OS_MEMBARRIER_H

#include <stdbool.h>

struct membarrier_ops {
	/* Registers the OS process for the call. False: the kernel refuses. */
	bool (*start)(void);

	/*
	 * When this returns, each sequence that was running when it was called has been aborted, or is done and its
	 * store is visible. It is also a full memory barrier on every processor that runs a thread of this process.
	 * False: the kernel refused.
	 */
	bool (*restart_sequences)(void);
};

extern struct membarrier_ops membarrier_ops; /* constant once a thread uses the library */

bool membarrier_start(void);

/* Does the kernel refuse the call? It may have granted it before. */
bool membarrier_is_refused(void);

/* A full memory barrier on every processor, without the system call: the thread runs on each of them in turn. */
void membarrier_visit_processors(void);

/*
 * As membarrier_ops.restart_sequences, but can't fail: if the kernel refuses, the thread runs on each processor in
 * turn.
 */
void membarrier_restart_sequences(void);

#endif
