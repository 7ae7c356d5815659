/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structs that grow. A caller's struct begins with its size, a size_t, so that a program and a library of different
 * age understand each other:
 *
 *   - a size under sizeof(size_t) or over SIZED_MAX is EINVAL;
 *   - a member that isn't wholly within the size is missing: 0 in a struct that is read, left alone in one that is
 *     written;
 *   - what lies beyond the members that the library knows must be 0 in a struct that is read (else the caller asks for
 *     something that the library doesn't have: EINVAL), and becomes 0 in one that is written.
 *
 * No byte beyond the size is touched, and no byte of a member that is missing. The caller keeps others from changing
 * the struct meanwhile.
 */
#ifndef KSEM_BASE_SIZED_H
#define KSEM_BASE_SIZED_H

#include <stddef.h>

#define SIZED_MAX 4096

/* Where a member ends. */
#define SIZED_END(type, member) (offsetof(type, member) + sizeof(((type *)NULL)->member))

/* What the library knows of a struct: the ends of its members, in ascending order; the first member is the size. */
struct sized {
	const size_t *ends;
	size_t members;
};

#define SIZED(ends_) ((struct sized){(ends_), sizeof(ends_) / sizeof(*(ends_))})

/* Reads the caller's struct into *own, which is the struct as the library knows it. EINVAL: *own is as it was. */
int sized_read(struct sized known, void *own, const void *theirs);

/* Writes *own into the caller's struct, but for its size. EINVAL: that is as it was. */
int sized_write(struct sized known, void *theirs, const void *own);

#endif
