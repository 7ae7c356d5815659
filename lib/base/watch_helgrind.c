/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Informs Helgrind: see watch.h.
 */
#include <valgrind/helgrind.h>

#include "base/watch_valgrind.h"

const struct watch *watch_find_helgrind(void)
{
	char byte;
	/* -2 without Helgrind; valgrind's macro gives an int as a long, of which the upper half is anything */
	int addressable = (int)VALGRIND_HG_GET_ABITS(&byte, NULL, sizeof(byte));

	return addressable != -2 ? &valgrind : NULL;
}
