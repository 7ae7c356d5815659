/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attributes that a caller wants: see attributes.h.
 */
#include "api/attributes.h"

#include <errno.h>

#include "base/sized.h"

static const size_t ends[] = {
	SIZED_END(struct ksem_attr, size),  SIZED_END(struct ksem_attr, limit),    SIZED_END(struct ksem_attr, order),
	SIZED_END(struct ksem_attr, flags), SIZED_END(struct ksem_attr, reserved),
};

static bool are_right(const struct ksem_attr *attr, uint32_t value)
{
	uint32_t limit = attr->limit ? attr->limit : attributes_highest(attr->order);

	if (attr->order > KSEM_LIFO || attr->flags & ~(KSEM_UNDO | KSEM_METRICS) || attr->reserved != 0)
		return false;
	if (attr->limit > attributes_highest(attr->order) || value > limit)
		return false;
	return !(attr->flags & KSEM_UNDO) || (attr->limit != 0 && value == attr->limit);
}

int attributes_read(const struct ksem_attr *theirs, uint32_t value, struct attributes *attributes)
{
	struct ksem_attr attr = {0};

	if (theirs && sized_read(SIZED(ends), &attr, theirs) != 0)
		return EINVAL;
	if (!are_right(&attr, value))
		return EINVAL;
	attributes->limit = attr.limit ? attr.limit : attributes_highest(attr.order);
	attributes->order = attr.order;
	attributes->flags = attr.flags;
	attributes->limited = attr.limit != 0;
	return 0;
}
