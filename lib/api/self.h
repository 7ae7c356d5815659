/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes that stand for this OS process: one in the default shared namespace, and one in a private namespace.
 */
#ifndef KSEM_API_SELF_H
#define KSEM_API_SELF_H

#include "registry/process.h"

/* The first call makes the process. NULL: it couldn't; the next call tries again. Outside the fork gate. */
struct ksem_proc *self_process(void);
struct ksem_proc *self_private(void);

/* Is it one of these two? They are never freed. */
bool self_is(const struct ksem_proc *proc);

#endif
