/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A semaphore with a line (object/lined.h), in this OS process's own memory.
 */
#ifndef KSEM_PRIVATE_LINED_H
#define KSEM_PRIVATE_LINED_H

#include "object/lined.h"

struct private_lined {
	struct lined lined;
	struct line line;
};

extern const struct semaphore_ops private_lined_ops;

/* One that no semaphore has yet. NULL: no memory. */
struct lined *private_lined_new(const struct making *making);

/* Frees it, and all that it has. No thread uses it any more. */
void private_lined_free(struct lined *lined);

/* In a fork's child. True: it is an orphan, and the caller ends it. */
bool private_lined_after_fork(struct ksem *ksem);

#endif
