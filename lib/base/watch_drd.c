/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Informs DRD: see watch.h.
 *
 * It does so by valgrind's requests: a few instructions that change nothing unless valgrind runs the program. Valgrind
 * itself counts how often the calling thread has disabled error reporting.
 */
#include "base/watch.h"

#include <valgrind/drd.h>

static void drd_enter(void)
{
	VALGRIND_DISABLE_ERROR_REPORTING;
}

static void drd_leave(void)
{
	VALGRIND_ENABLE_ERROR_REPORTING;
}

static void drd_release(const void *mark)
{
	ANNOTATE_HAPPENS_BEFORE(mark);
}

static void drd_acquire(const void *mark)
{
	ANNOTATE_HAPPENS_AFTER(mark);
}

static void drd_wrote(const void *memory, size_t size)
{
	(void)memory, (void)size;
}

static const struct watch drd = {drd_enter, drd_leave, drd_release, drd_acquire, drd_wrote, false};

const struct watch *watch_find_drd(void)
{
	return DRD_GET_VALGRIND_THREADID ? &drd : NULL;
}
