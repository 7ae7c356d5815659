/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backing off, after a compare-and-swap that failed because another processor changed the word meanwhile. Two that try
 * again at once take the cache line from each other with every try. One that waits a moment lets the other do several
 * operations on a line that it has, and then has it for several itself.
 *
 * The wait doubles with each failure of one call, up to a microsecond or some, as long as the processor's pauses are;
 * so it delays nobody for long, and whoever is alone never.
 */
#ifndef KSEM_WORD_BACKOFF_H
#define KSEM_WORD_BACKOFF_H

#include "base/compiler.h"

#define BACKOFF_FIRST 16 /* pauses of the processor */
#define BACKOFF_MOST  64 /* the same */

/* *pauses is 0 before a call's first failure. */
static inline void backoff(unsigned *pauses)
{
	*pauses = *pauses == 0 ? BACKOFF_FIRST : *pauses < BACKOFF_MOST ? 2 * *pauses : BACKOFF_MOST;
	for (unsigned i = 0; i < *pauses; i++)
		cpu_relax();
}

#endif
