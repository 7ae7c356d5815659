/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct standard: what is in a sem_t. A plain semaphore (sem/plain.h), and whether other OS processes have it too.
 *
 * A sem_t whose bytes are all 0 is a private semaphore without permits, as glibc's is: programs count on that which
 * never call sem_init.
 */
#ifndef KSEM_POSIX_STANDARD_H
#define KSEM_POSIX_STANDARD_H

#include <semaphore.h>

#include "base/compiler.h"
#include "sem/plain.h"

struct standard {
	struct plain plain;
	uint8_t shared; /* constant after creation, if nobody plays tricks: then some wake calls are in vain */
};

_Static_assert(sizeof(struct standard) <= sizeof(sem_t), "it is all in the sem_t");
_Static_assert(_Alignof(struct standard) <= _Alignof(sem_t), "wherever the sem_t is");

static inline struct standard *standard_of(sem_t *sem)
{
	return (struct standard *)sem;
}

static inline void standard_init(struct standard *sem, uint32_t value, bool shared)
{
	plain_init(&sem->plain, value);
	sem->shared = shared;
}

#endif
