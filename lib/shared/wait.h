/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared semaphores, as their kind's table has them.
 */
#ifndef KSEM_SHARED_WAIT_H
#define KSEM_SHARED_WAIT_H

#include "object/kind.h"

extern const struct semaphore_ops shared_semaphore_ops, shared_lined_ops, shared_ledger_ops;

#endif
