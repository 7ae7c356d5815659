/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timed sleeps as libc's: see os/timed.h.
 */
#include "os/timed.h"

int futex_timed(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline, int flag)
{
	return futex_bitset(word, expected, deadline, flag);
}
