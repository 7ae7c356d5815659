/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a call collects before it calls a function of the program (ksem_ns_foreach, ksem_holders). While that function
 * runs, the call has no lock and no descriptor. So the function may make any call.
 *
 * The thread may end in that function. So each thread has a list of what its calls have collected, the innermost first.
 * The list's destructor frees what is left.
 */
#ifndef KSEM_OBJECT_COLLECTED_H
#define KSEM_OBJECT_COLLECTED_H

#include <stdbool.h>

struct collected {
	struct collected *outer; /* of the call whose function made this call */
	void (*free)(struct collected *collected);
};

/*
 * `free` will be called, by collected_end or when the thread ends. False: no memory. Both calls stand inside the fork
 * gate.
 */
bool collected_begin(struct collected *collected, void (*free)(struct collected *collected));
void collected_end(struct collected *collected);

#endif
