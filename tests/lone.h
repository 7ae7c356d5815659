/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A struct semaphore by itself, in a block of its own (word/state.h). For tests that look inside.
 */
#ifndef KSEM_TESTS_LONE_H
#define KSEM_TESTS_LONE_H

#include <string.h>

#include "word/state.h"

struct lone {
	_Alignas(BLOCK_BYTES) struct semaphore_block block;
	struct semaphore_unit unit;
	_Alignas(uint64_t) char cold[2 * COLD_BYTES];
};

/* All 0. */
static inline struct semaphore *lone_semaphore(struct lone *lone)
{
	memset(lone, 0, sizeof(*lone));
	lone->block.cold = lone->cold;
	return &lone->unit.sem;
}

/* Declares one, by the name of a pointer to it. */
#define LONE(sem)                \
	struct lone sem##_block; \
	struct semaphore *const sem = lone_semaphore(&sem##_block)

#endif
