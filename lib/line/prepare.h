/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits of threads and of queues have in common.
 */
#ifndef KSEM_LINE_PREPARE_H
#define KSEM_LINE_PREPARE_H

#include "line/state.h"

/*
 * Makes the caller's own entry, which is in that state, one that waits for n, for the JOIN that is the next operation
 * after that word. False: it is in another state.
 */
bool line_prepare(const struct line_view *view, uint32_t slot, struct line_word w, uint32_t n, uint64_t *state);

#endif
