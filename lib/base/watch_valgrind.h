/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Informs one of valgrind's tools: see watch.h. DRD and Helgrind have requests of the same names, each in a header of
 * its own. A file includes one of these, and then this header.
 *
 * A request is a few instructions that change nothing unless valgrind runs the program. Valgrind itself counts how
 * often the calling thread has disabled error reporting.
 */
#ifndef KSEM_BASE_WATCH_VALGRIND_H
#define KSEM_BASE_WATCH_VALGRIND_H

#include "base/watch.h"

static void valgrind_enter(void)
{
	VALGRIND_DISABLE_ERROR_REPORTING;
}

static void valgrind_leave(void)
{
	VALGRIND_ENABLE_ERROR_REPORTING;
}

static void valgrind_release(const void *mark)
{
	ANNOTATE_HAPPENS_BEFORE(mark);
}

static void valgrind_acquire(const void *mark)
{
	ANNOTATE_HAPPENS_AFTER(mark);
}

static void valgrind_wrote(const void *memory, size_t size)
{
	(void)memory, (void)size;
}

static const struct watch valgrind = {valgrind_enter,   valgrind_leave, valgrind_release,
				      valgrind_acquire, valgrind_wrote, false};

#endif
