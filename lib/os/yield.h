/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Yielding the processor, where that pays.
 *
 * A thread that waits for a permit yields, since the thread that will post may wait for the same processor. But if
 * other programs want that processor as well, a yield gives it to them for milliseconds. A thread that sleeps instead
 * runs soon after it is woken, since the kernel favours threads that have slept. So each yield is timed. After a long
 * one, the thread sleeps instead, for many times as long as that one took; unless it was long because of the program's
 * own threads.
 */
#ifndef KSEM_OS_YIELD_H
#define KSEM_OS_YIELD_H

#include <stdbool.h>

#define YIELD_LONG   INT64_C(250000)     /* ns: in less, threads of the same program hand over many times */
#define YIELD_LOST   INT64_C(1000000000) /* ns: the most that counts, as the program may have been stopped */
#define YIELD_PAUSES 32                  /* times what a long yield took, until the next yield */

/* Should the calling thread yield? False: it should sleep. */
bool yield_pays(void);

/* Yields the processor once. */
void yield_processor(void);

#endif
