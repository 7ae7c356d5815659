/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attributes that a caller wants a semaphore to have.
 */
#ifndef KSEM_API_ATTRIBUTES_H
#define KSEM_API_ATTRIBUTES_H

#include "object/making.h"

/* Checks attributes, and the value that a semaphore is to be made with. NULL: the default ones. 0, or EINVAL. */
int attributes_read(const struct ksem_attr *theirs, uint32_t value, struct attributes *attributes);

#endif
