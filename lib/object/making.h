/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A semaphore to be made, or to be opened by its name.
 */
#ifndef KSEM_OBJECT_MAKING_H
#define KSEM_OBJECT_MAKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ksem/ksem.h"

/* What a semaphore is made with, checked (api/attributes.h). */
struct attributes {
	uint32_t limit; /* in force */
	uint32_t order;
	uint32_t flags;
	bool limited; /* made with a limit, whatever it was */
};

/* The highest limit of an order other than barging: sums of a limit, a value and a count never pass 32 bits. */
#define ATTRIBUTES_ORDERED_MAX (UINT32_C(1) << 30)

static inline uint32_t attributes_highest(uint32_t order)
{
	return order == KSEM_BARGING ? KSEM_VALUE_MAX : ATTRIBUTES_ORDERED_MAX;
}

struct making {
	const struct ksem_cred *owner;
	const char *name; /* NULL: anonymous */
	size_t length;
	mode_t mode;
	uint32_t value;
	const struct attributes *attributes;
};

/* Are they those of a semaphore of ksem_init? */
static inline bool attributes_are_default(const struct attributes *attributes)
{
	return attributes->order == KSEM_BARGING && attributes->flags == 0 && !attributes->limited;
}

#endif
