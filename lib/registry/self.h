/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This OS process as a process of the contract, in the namespace that all of them share by default.
 */
#ifndef KSEM_REGISTRY_SELF_H
#define KSEM_REGISTRY_SELF_H

#include "registry/process.h"

/* Made by the first call. NULL: it couldn't be; the next call tries again. Outside the fork gate. */
struct ksem_proc *self_process(void);

#endif
