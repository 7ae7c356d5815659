/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Informs DRD: see watch.h.
 */
#include <valgrind/drd.h>

#include "base/watch_valgrind.h"

const struct watch *watch_find_drd(void)
{
	return DRD_GET_VALGRIND_THREADID ? &valgrind : NULL;
}
