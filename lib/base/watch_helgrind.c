/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Informs Helgrind: see watch.h.
 *
 * It does so by valgrind's requests: a few instructions that change nothing unless valgrind runs the program. Valgrind
 * itself counts how often the calling thread has disabled error reporting.
 */
#include "base/watch.h"

#include <valgrind/helgrind.h>

static void helgrind_enter(void)
{
	VALGRIND_DISABLE_ERROR_REPORTING;
}

static void helgrind_leave(void)
{
	VALGRIND_ENABLE_ERROR_REPORTING;
}

static void helgrind_release(const void *mark)
{
	ANNOTATE_HAPPENS_BEFORE(mark);
}

static void helgrind_acquire(const void *mark)
{
	ANNOTATE_HAPPENS_AFTER(mark);
}

static void helgrind_wrote(const void *memory, size_t size)
{
	(void)memory, (void)size;
}

static const struct watch helgrind = {helgrind_enter,   helgrind_leave, helgrind_release,
				      helgrind_acquire, helgrind_wrote, false};

const struct watch *watch_find_helgrind(void)
{
	char byte;
	/* -2 without Helgrind; valgrind's macro gives an int as a long, of which the upper half is anything */
	int addressable = (int)VALGRIND_HG_GET_ABITS(&byte, NULL, sizeof(byte));

	return addressable != -2 ? &helgrind : NULL;
}
