/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole waits on a line, for its tests. In the library a waiter's steps (wait/waiter.h) make them of the same calls:
 * object/lined.c.
 */
#ifndef KSEM_TESTS_WAITING_H
#define KSEM_TESTS_WAITING_H

#include <errno.h>

#include "line/line.h"

static inline int enter_line(struct line_view *view, uint32_t n, uint32_t holder, uint32_t *slot, bool *full)
{
	return line_enter(view, n, (struct line_by){.holder = holder}, slot, full);
}

/* Sleeps on a word of the line. EAGAIN: it was time to look, and it has looked. */
static inline int sleep_on_line(struct line_view *view, struct futex_place place, uint32_t slot,
				const struct deadline *deadline)
{
	struct deadline look;
	const struct deadline *until = line_next_look(view, slot, &look) ? deadline_sooner(deadline, &look) : deadline;
	int error = futex_wait_in(place.scope, place.word, place.expected, until);

	if (error != ETIMEDOUT || until == deadline)
		return error;
	line_look(view);
	return EAGAIN;
}

/* Until the entry is decided. 0: it may be, try to leave; ETIMEDOUT; EINTR; EAGAIN: as 0, but it woke by itself. */
static inline int sleep_in_line(struct line_view *view, uint32_t slot, const struct deadline *deadline)
{
	struct futex_place place;

	return line_arm(view, slot, &place) ? sleep_on_line(view, place, slot, deadline) : 0;
}

/*
 * While no entry is free, and a wait for n could neither take nor would be refused. 0: enter again; ETIMEDOUT; EINTR.
 */
static inline int sleep_at_door(struct line_view *view, uint32_t n, const struct deadline *deadline)
{
	struct futex_place place;
	int error;

	if (!line_arm_at_door(view, n, &place))
		return 0;
	error = sleep_on_line(view, place, 0, deadline);
	return error == EAGAIN ? 0 : error;
}

/* ENOENT: enter again. */
static inline int wait_for_entry(struct line_view *view, uint32_t slot, const struct deadline *deadline)
{
	int error = line_yield(view, slot) ? EAGAIN : sleep_in_line(view, slot, deadline);
	int left;

	while ((left = line_leave(view, slot, error == ETIMEDOUT || error == EINTR)) == EAGAIN)
		error = sleep_in_line(view, slot, deadline);
	return left == ECANCELED ? error : left;
}

/* deadline NULL: none. 0, ESHUTDOWN, ETIMEDOUT, EINTR, EINVAL: dead, ENOMEM. */
static inline int wait_on_line(struct line_view *view, uint32_t n, uint32_t holder, const struct deadline *deadline)
{
	uint32_t slot;
	bool full;
	int error;

	if (line_take_now(view, n))
		return 0;
	do {
		error = enter_line(view, n, holder, &slot, &full);
		if (error == EAGAIN) {
			error = wait_for_entry(view, slot, deadline);
		} else if (error == ENOMEM && full) {
			error = sleep_at_door(view, n, deadline);
			error = error ? error : ENOENT;
		}
	} while (error == ENOENT);
	return error;
}

#endif
