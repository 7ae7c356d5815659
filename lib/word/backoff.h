/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backing off: waiting a moment after a compare-and-swap that failed because another processor changed the word. Two
 * processors that try again at once take the cache line from each other with every try. If one waits a moment, the
 * other does several operations while it has the line, and then the first does several.
 *
 * The wait doubles with each failure of a call, up to about a microsecond, depending on how long the processor pauses.
 * A thread that is alone never waits.
 */
#ifndef KSEM_WORD_BACKOFF_H
#define KSEM_WORD_BACKOFF_H

#include "base/compiler.h"

#define BACKOFF_FIRST 16 /* pause instructions */
#define BACKOFF_MOST  64 /* the same */

/* *pauses is 0 before a call's first failure. */
static inline void backoff(unsigned *pauses)
{
	*pauses = *pauses == 0 ? BACKOFF_FIRST : *pauses < BACKOFF_MOST ? 2 * *pauses : BACKOFF_MOST;
	for (unsigned i = 0; i < *pauses; i++)
		cpu_relax();
}

#endif
