/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash of names: FNV-1a. It is part of the format of shared files, so it stays as it is.
 */
#ifndef KSEM_BASE_HASH_H
#define KSEM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(0xCBF29CE484222325)

static inline uint64_t hash_bytes(uint64_t start, const char *bytes, size_t length)
{
	uint64_t hash = start;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001B3);
	return hash;
}

#endif
