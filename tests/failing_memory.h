/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for the library that counts what is in use and fails when it is told to. For tests that look inside.
 *
 * failing_memory_install() puts it in memory_ops: at the start of a test, while the library has nothing allocated.
 * Requested bytes are counted, not what the allocator makes of them. A failure sets errno, as malloc does, so that a
 * test sees whether the library lets that through.
 */
#ifndef KSEM_TESTS_FAILING_MEMORY_H
#define KSEM_TESTS_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void failing_memory_install(void);   /* counts from zero; fails nothing */
void failing_memory_uninstall(void); /* fails the test if anything is in use */

/* The same around a test that has no other fixture: setup and teardown of cmocka. */
int failing_memory_setup(void **state);
int failing_memory_teardown(void **state);

size_t failing_memory_bytes(void);     /* in use */
size_t failing_memory_blocks(void);    /* in use */
size_t failing_memory_committed(void); /* of reserved ranges, since it was installed; each commit is an allocation */
size_t failing_memory_frees(void);     /* blocks given back so far */

/* The most bytes that were ever in use, since the last reset. Exact: noted by each allocation. */
size_t failing_memory_peak(void);
void failing_memory_reset_peak(void);

void failing_memory_fail_at(unsigned n);   /* the n-th allocation from now on fails, from 1; 0: none */
void failing_memory_fail_from(unsigned n); /* it, and all after it */
void failing_memory_fail_all(bool on);     /* every one does */
unsigned failing_memory_failures(void);    /* how many have failed since one of these calls */

/* Notes whether this block, as it was given out, is freed from now on, or rests; only the one watched last. */
void failing_memory_watch(const void *block);
bool failing_memory_watched_is_freed(void);

#endif
