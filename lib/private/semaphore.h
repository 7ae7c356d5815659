/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A semaphore in this OS process's own memory: its word is in the object itself (sem/semaphore.h).
 */
#ifndef KSEM_PRIVATE_SEMAPHORE_H
#define KSEM_PRIVATE_SEMAPHORE_H

#include "object/kind.h"

extern const struct semaphore_ops private_semaphore_ops;

#endif
