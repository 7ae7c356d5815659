/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping on several words at once (futex_waitv, Linux 5.16).
 *
 * Where the kernel has no such call, or a sandbox refuses it, the thread sleeps on the first word alone, and for a
 * millisecond at a time. So it notices a wake on any other word up to a millisecond late. There a handler ends the
 * sleep even if it was installed with SA_RESTART, as it ends all timed sleeps (timed.h). A handler that runs between
 * two of those short sleeps ends nothing.
 */
#ifndef KSEM_OS_SEVERAL_H
#define KSEM_OS_SEVERAL_H

#include "os/futex.h"

#define SEVERAL_MAX 128 /* the kernel's own limit */

/* A word, and the value with which it lets a thread sleep. */
struct futex_place {
	atomic(uint32_t) *word;
	uint32_t expected;
	enum futex_scope scope;
};

/*
 * If all of n words, 1 to SEVERAL_MAX, are as expected, sleeps until a wake on one of them, the deadline (NULL: none)
 * or a signal handler. Results as those of the other sleeps (futex.h). If several wake calls woke the thread, each has
 * counted it. A variable, so that a test can take the kernel's place.
 */
extern int (*futex_several)(const struct futex_place *places, unsigned n, const struct deadline *deadline);

/*
 * The same for words whose memory may vanish meanwhile, except the first: only the kernel looks at them. So nobody
 * checks the answer. If it is neither 0 nor ETIMEDOUT, and no word has changed, the kernel has refused.
 */
int futex_any_of(const struct futex_place *places, unsigned n, const struct deadline *deadline);

#endif
