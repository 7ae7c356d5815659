/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose an entry is: which OS process it belongs to, and which account (ledger.h) gets the permits that it is granted.
 *
 * A thread's entry says so itself. For the waits of a queue, the head of the queue's ready list says it; the head stays
 * for as long as they do.
 */
#ifndef KSEM_LINE_OWNER_H
#define KSEM_LINE_OWNER_H

#include "line/entries.h"

/* The account that pays for it; 0: none. Constant from when it is in line until it is freed. */
uint32_t owner_account(const struct line_view *view, const struct line_entry *entry);

/* Has its OS process certainly ended, so that nobody returns to the entry? */
bool owner_has_ended(const struct line_view *view, const struct line_entry *entry);

#endif
