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
