/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct waits: see direct.h.
 */
#include "queue/direct.h"

#include <errno.h>

#include "line/due.h"
#include "os/fork.h"
#include "queue/source_notify.h"
#include "queue/waits.h"

void direct_open(struct source *source, const struct direct_ops *ops)
{
	source->direct = (struct direct){.ops = ops, .last = &source->direct.first, .least = UINT32_MAX};
	source->head = 0;
}

/* In a fork's child, which may go on in its parent's call, the waits are the parent's. */
static bool is_ours(const struct source *source)
{
	return likely(!fork_is_new_child() && !queue_is_dead(source->cq));
}

int direct_enter(struct wait *wait)
{
	if (!is_ours(wait->source))
		return EINVAL;
	return wait->source->direct.ops->enter(wait->source->ksem, wait->count, &wait->counted);
}

void direct_add(struct wait *wait)
{
	struct direct *direct = &wait->source->direct;

	if (!direct->first)
		direct->counted = wait->counted;
	if (!direct->first || wait->count < direct->least)
		direct->least = wait->count;
	wait->next = NULL;
	wait->prev = direct->last;
	*direct->last = wait;
	direct->last = &wait->next;
}

static void unlist(struct wait *wait)
{
	*wait->prev = wait->next;
	if (wait->next)
		wait->next->prev = wait->prev;
	else
		wait->source->direct.last = wait->prev;
	wait->prev = NULL;
	wait->begun = 0; /* it isn't measured */
	if (!wait->source->direct.first)
		wait->source->direct.emptied = true;
}

/* Not if the listener sleeps there, and only while the value is one that is too low for this wait. */
bool direct_needs_call(const struct wait *wait)
{
	const struct direct *direct = &wait->source->direct;

	return !direct->armed || wait->count <= direct->expected;
}

/* It is no longer registered. EINVAL: somebody wrote to the word, or a fork's child has lost it. */
static void end_direct(struct wait *wait, int left)
{
	unlist(wait);
	wait_end(wait, left == EINVAL ? ECANCELED : left);
}

static int give_up(struct wait *wait, int why)
{
	wait->source->direct.ops->renounce(wait->source->ksem, wait->count, &wait->counted);
	return why;
}

/*
 * Tries to end a wait, as there seem to be enough permits, or all waits end. 0; EAGAIN: others were faster; or how it
 * ended without permits. A wait that is past its deadline takes no permits from those behind it, as in a line.
 */
static int try_for(struct wait *wait, bool ends)
{
	if (!ends && due_has_passed(wait->timed.due))
		return give_up(wait, ETIMEDOUT);
	return wait->source->direct.ops->leave(wait->source->ksem, wait->count, &wait->counted);
}

/*
 * Lets those go on for which the value suffices. Once it has come to the end of the list, it knows how many permits the
 * next one needs at least.
 */
static bool serve_all(const struct source *source, struct direct *direct, struct direct_look look)
{
	uint32_t least = UINT32_MAX;
	bool any = false;

	for (struct wait *wait = direct->first, *next; wait; wait = next) {
		int left = EAGAIN;

		if ((look.value == 0 && !look.ends) || !is_ours(source))
			return any;
		next = wait->next;
		if (wait->count <= look.value || look.ends)
			left = try_for(wait, look.ends);
		if (left == 0 && wait->count <= look.value)
			look.value -= wait->count;
		if (left != EAGAIN)
			end_direct(wait, left);
		else if (wait->count < least)
			least = wait->count;
		any |= left != EAGAIN;
	}
	direct->least = least;
	return any;
}

/* Others took this OS process for dead, and it has another record. */
static void count_all_again(struct source *source, uint32_t counted)
{
	struct direct *direct = &source->direct;

	for (struct wait *wait = direct->first; wait; wait = wait->next) {
		if (!direct->ops->count_again(source->ksem, wait->count, &wait->counted))
			return;
	}
	direct->counted = counted;
}

bool direct_serve(struct source *source, struct futex_place *place)
{
	struct direct *direct = &source->direct;
	struct direct_look look;
	bool any = false;

	while (direct->first && is_ours(source)) {
		direct->ops->look(source->ksem, &look);
		if (unlikely(look.counted != direct->counted))
			count_all_again(source, look.counted);
		*place = look.place;
		if (look.value < direct->least && !look.ends)
			break;
		any |= serve_all(source, direct, look);
	}
	return any;
}

void direct_arm(struct source *source, const struct futex_place *place)
{
	source->direct.expected = place->expected;
	source->direct.armed = true;
	source->direct.emptied = false;
}

bool direct_woke(struct source *source, bool woken)
{
	struct futex_place place;
	bool any;

	if (!source->direct.armed)
		return false;
	source->direct.armed = false;
	any = direct_serve(source, &place);
	if (woken && !any && source->direct.emptied)
		source->direct.ops->pass_on(source->ksem);
	return any;
}

bool direct_cancel(struct wait *wait, int why)
{
	struct source *source = wait->source;
	struct futex_place place;

	if (direct_serve(source, &place))
		source_notify(source);
	if (!wait->prev || !is_ours(source))
		return false;
	end_direct(wait, give_up(wait, why));
	source_notify(source);
	return true;
}
