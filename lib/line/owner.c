/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose an entry is: see owner.h.
 */
#include "line/owner.h"

/* The head of its queue's ready list; NULL: it is a thread's, or a head. */
static const struct line_entry *head_of(const struct line_view *view, const struct line_entry *entry)
{
	uint32_t list = entry_list(load_acq(&entry->ready)); /* KSEM_ORD_29 acquire */

	return list ? entry_at(view, list) : NULL;
}

uint32_t owner_account(const struct line_view *view, const struct line_entry *entry)
{
	const struct line_entry *head = head_of(view, entry);

	return entry_account(load_acq(head ? &head->ready : &entry->ready)); /* KSEM_ORD_29 acquire */
}

bool owner_has_ended(const struct line_view *view, const struct line_entry *entry)
{
	const struct line_entry *head = head_of(view, entry);
	const struct line_hooks *hooks = view->hooks;

	if (!hooks || !hooks->ended)
		return true;
	/* relaxed: constant while the state is */
	if (!head)
		return hooks->ended(view->context, load_rlx(&entry->user), 0);
	/* relaxed: as above, both */
	return hooks->ended(view->context, load_rlx(&head->user), (uint32_t)load_rlx(&head->due));
}
