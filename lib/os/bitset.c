/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sleep until a deadline, as libc's: see timed.h.
 */
#include "os/timed.h"

int futex_timed(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	return futex_bitset(word, expected, deadline, flag);
}
