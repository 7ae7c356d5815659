/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attributes that a caller wants a semaphore to have.
 */
#ifndef KSEM_API_ATTRIBUTES_H
#define KSEM_API_ATTRIBUTES_H

#include "object/making.h"

/* The highest limit of an order other than barging: sums of a limit, a value and a count never pass 32 bits. */
#define ATTRIBUTES_ORDERED_MAX (UINT32_C(1) << 30)

/* Checks attributes, and the value that a semaphore is to be made with. NULL: the default ones. 0, or EINVAL. */
int attributes_read(const struct ksem_attr *attr, uint32_t value, struct attributes *attributes);

#endif
