/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sem_t contains a plain semaphore (word/plain.h), and nothing else.
 *
 * A sem_t whose bytes are all 0 is a private semaphore without permits, as in glibc: some programs rely on that, and
 * never call sem_init.
 */
#ifndef KSEM_POSIX_STANDARD_H
#define KSEM_POSIX_STANDARD_H

#include <semaphore.h>

#include "base/compiler.h"
#include "wait/plain.h"

_Static_assert(sizeof(struct plain) <= sizeof(sem_t), "it is all in the sem_t");
_Static_assert(_Alignof(struct plain) <= _Alignof(sem_t), "wherever the sem_t is");

static inline struct plain *standard_of(sem_t *sem)
{
	return (struct plain *)sem;
}

#endif
