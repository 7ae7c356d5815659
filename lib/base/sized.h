/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structs that grow. Each begins with its size, a size_t, which the caller sets. So a program works with a library that
 * is older or newer than the header it was compiled with:
 *
 *   - a size under sizeof(size_t) or over SIZED_MAX is EINVAL;
 *   - a member that isn't wholly within the size is missing: 0 in a struct that is read, left alone in one that is
 *     written;
 *   - what lies beyond the members that the library knows must be 0 in a struct that is read (else the caller asks for
 *     something that the library doesn't have: EINVAL), and becomes 0 in one that is written.
 *
 * The functions touch no byte beyond the size, and no byte of a missing member. The caller makes sure that nobody
 * changes the struct meanwhile.
 */
#ifndef KSEM_BASE_SIZED_H
#define KSEM_BASE_SIZED_H

#include <stddef.h>

#define SIZED_MAX 4096

/* Where a member ends. */
#define SIZED_END(type, member) (offsetof(type, member) + sizeof(((type *)NULL)->member))

/* The library's version of a struct: where its members end, in ascending order. The first member is the size. */
struct sized {
	const size_t *ends;
	size_t members;
};

#define SIZED(ends_) ((struct sized){(ends_), sizeof(ends_) / sizeof(*(ends_))})

/* Reads the caller's struct into *own, the library's version of the struct. EINVAL: *own is unchanged. */
int sized_read(struct sized known, void *own, const void *theirs);

/* Writes *own into the caller's struct, except for the size. EINVAL: the caller's struct is unchanged. */
int sized_write(struct sized known, void *theirs, const void *own);

#endif
