/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kind of a semaphore in this OS process's own memory, without a line: the operations of object/kind.h, by the
 * algorithm of sem/semaphore.h on the word in the object itself. One that has moved to a line has those of lined.h.
 */
#ifndef KSEM_PRIVATE_SEMAPHORE_H
#define KSEM_PRIVATE_SEMAPHORE_H

#include "object/kind.h"

extern const struct semaphore_ops private_semaphore_ops;

#endif
