/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's reading of structs that grow: options of namespaces and attributes. See model.h.
 *
 * fuzz/arguments.c has memory for all of each, and for a few bytes beyond, whatever the size.
 */
#include "model.h"

#include <errno.h>
#include <string.h>

static bool is_zero(const void *from, const void *to)
{
	for (const char *byte = from; byte < (const char *)to; byte++) {
		if (*byte)
			return false;
	}
	return true;
}

static int check_options(const struct ksem_ns_options *options)
{
	if (options->max_name > KSEM_NAME_MAX && !broken(RULE_OPTIONS_NAME_LONG))
		return EINVAL;
	if (options->max_name == 1 && !broken(RULE_OPTIONS_NAME_SHORT))
		return EINVAL;
	return options->dir && !broken(RULE_OPTIONS_DIR) ? ENOTDIR : 0;
}

/* What isn't within their size has its default. */
int model_read_options(const struct ksem_ns_options *theirs, struct ksem_ns_options *options)
{
	size_t size = theirs ? theirs->size : 0;

	if (!theirs)
		return 0;
	*options = *theirs;
	if ((size < sizeof(size_t) || size > 4096) && !broken(RULE_OPTIONS_SIZE))
		return EINVAL;
	if (size < sizeof(*options) && !broken(RULE_OPTIONS_SHORT))
		options->max_name = 0;
	if (size > sizeof(*options) && !is_zero(theirs + 1, (const char *)theirs + size) &&
	    !broken(RULE_OPTIONS_BEYOND))
		return EINVAL;
	return check_options(options);
}

uint32_t model_highest(uint32_t order)
{
	return order == KSEM_BARGING ? KSEM_VALUE_MAX : 1073741824;
}

static int check_attr(const struct ksem_attr *attr, uint32_t value)
{
	uint32_t highest = model_highest(attr->order);

	if (attr->order > KSEM_LIFO && !broken(RULE_ATTR_ORDER))
		return EINVAL;
	if (attr->flags & ~(KSEM_UNDO | KSEM_METRICS) && !broken(RULE_ATTR_FLAGS))
		return EINVAL;
	if (attr->reserved && !broken(RULE_ATTR_RESERVED))
		return EINVAL;
	if (attr->limit > highest && !broken(RULE_ATTR_HIGHEST))
		return EINVAL;
	if (value > (attr->limit ? attr->limit : highest) && !broken(RULE_ATTR_VALUE))
		return EINVAL;
	if (attr->flags & KSEM_UNDO && attr->limit == 0 && !broken(RULE_ATTR_UNDO_LIMIT))
		return EINVAL;
	return attr->flags & KSEM_UNDO && value != attr->limit && !broken(RULE_ATTR_UNDO_VALUE) ? EINVAL : 0;
}

int model_read_attr(const struct ksem_attr *theirs, uint32_t value, struct ksem_attr *attr)
{
	struct ksem_attr all = {0};
	size_t size = theirs ? theirs->size : sizeof(all);

	if ((size < sizeof(size_t) || size > 4096) && !broken(RULE_ATTR_SIZE))
		return EINVAL;
	if (theirs)
		all = *theirs;
	*attr = (struct ksem_attr){
		.limit = size >= offsetof(struct ksem_attr, order) ? all.limit : 0,
		.order = size >= offsetof(struct ksem_attr, flags) || broken(RULE_ATTR_SHORT) ? all.order : 0,
		.flags = size >= offsetof(struct ksem_attr, reserved) ? all.flags : 0,
		.reserved = size >= sizeof(all) ? all.reserved : 0,
	};
	if (theirs && size > sizeof(all) && !is_zero(theirs + 1, (const char *)theirs + size) &&
	    !broken(RULE_ATTR_BEYOND))
		return EINVAL;
	return check_attr(attr, value);
}
