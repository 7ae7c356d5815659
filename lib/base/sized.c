/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structs that grow: see sized.h.
 *
 * Members lie one after the other. So the members within a size, with the padding between them, are a prefix of the
 * struct.
 */
#include "base/sized.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_allowed(size_t size)
{
	return size >= sizeof(size_t) && size <= SIZED_MAX;
}

static size_t known_bytes(struct sized known)
{
	return known.ends[known.members - 1];
}

/* The end of the last member that lies wholly within the size. */
static size_t whole_bytes(struct sized known, size_t size)
{
	size_t members = known.members;

	while (known.ends[members - 1] > size)
		members--;
	return known.ends[members - 1];
}

static bool is_zero(const char *bytes, size_t count)
{
	while (count > 0 && *bytes == 0) {
		bytes++;
		count--;
	}
	return count == 0;
}

int sized_read(struct sized known, void *own, const void *theirs)
{
	size_t size = *(const size_t *)theirs, whole;

	if (!is_allowed(size))
		return EINVAL;
	if (size > known_bytes(known) && !is_zero((const char *)theirs + known_bytes(known), size - known_bytes(known)))
		return EINVAL;
	whole = whole_bytes(known, size);
	memcpy(own, theirs, whole);
	memset((char *)own + whole, 0, known_bytes(known) - whole);
	return 0;
}

int sized_write(struct sized known, void *theirs, const void *own)
{
	size_t size = *(const size_t *)theirs;

	if (!is_allowed(size))
		return EINVAL;
	memcpy((char *)theirs + sizeof(size), (const char *)own + sizeof(size),
	       whole_bytes(known, size) - sizeof(size));
	if (size > known_bytes(known))
		memset((char *)theirs + known_bytes(known), 0, size - known_bytes(known));
	return 0;
}
