/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A semaphore to be made, or to be opened by its name.
 */
#ifndef KSEM_OBJECT_MAKING_H
#define KSEM_OBJECT_MAKING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ksem/ksem.h"

struct making {
	const struct ksem_cred *owner;
	const char *name; /* NULL: anonymous */
	size_t length;
	mode_t mode;
	uint32_t value;
};

#endif
