/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the compiler can be told. Nothing here changes what a program does.
 */
#ifndef KSEM_BASE_COMPILER_H
#define KSEM_BASE_COMPILER_H

#define KSEM_CACHE_LINE 64

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
