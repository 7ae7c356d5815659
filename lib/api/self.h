/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This OS process as a process of the contract: one in the namespace that all OS processes share by default, and one in
 * a namespace in its own memory.
 */
#ifndef KSEM_API_SELF_H
#define KSEM_API_SELF_H

#include "registry/process.h"

/* Each is made by the first call. NULL: it couldn't be; the next call tries again. Outside the fork gate. */
struct ksem_proc *self_process(void);
struct ksem_proc *self_private(void);

/* Is it one of these two? They stay for as long as the OS process. */
bool self_is(const struct ksem_proc *proc);

#endif
