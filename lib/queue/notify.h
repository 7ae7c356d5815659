/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue's descriptor: an epoll instance that watches an eventfd and two timers, one for each clock. So it is readable
 * if one of these is.
 *
 * A thread that puts something into the queue's lists calls notify_set afterwards. It writes to the eventfd, unless
 * another thread has done so since the queue was last found empty. A reader that has emptied the lists calls
 * notify_clear, and then looks at them again. If something comes later, the eventfd is written to again, which also is
 * an edge for readers with EPOLLET.
 *
 * What protects its data: `state` says in bit 0 that the eventfd was written to, and above that how often the queue was
 * cleared. A late thread that sets the bit for an earlier time fails. The bit is set after the write, never
 * before: a thread that is stopped in between delays no other, which writes itself. So a reader may be woken by the
 * write before the bit is set; notify_clear counts then, too, or the next completion would be no edge. It reads the
 * eventfd before it clears the bit, so nothing that is written for the bit's next time is read.
 *
 * KSEM_ORD_28: a thread that notifies changes the lists and then looks at `state`; a reader changes `state` and then
 * looks at the lists.
 */
#ifndef KSEM_QUEUE_NOTIFY_H
#define KSEM_QUEUE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/atomic.h"

/* By bit 0 of a deadline (line/due.h). */
enum {
	NOTIFY_MONOTONIC,
	NOTIFY_REALTIME,
	NOTIFY_CLOCKS,
};

struct notify {
	atomic(uint64_t) state;
	int epoll, event, timers[NOTIFY_CLOCKS]; /* constant */

	/* Under the queue's lock: when each timer goes off, as a deadline (line/due.h); 0: never. */
	uint64_t armed[NOTIFY_CLOCKS];
};

/* ENOMEM, EMFILE, ENFILE, ENOSPC: and there are no descriptors. */
int notify_open(struct notify *notify);

/*
 * Closes the descriptors. The program may have closed them already, against the contract, and opened others with their
 * numbers: these stay.
 */
void notify_close(struct notify *notify);

/* Makes the descriptor readable. From any thread, and from signal handlers. Leaves errno alone, as do all of these. */
void notify_set(struct notify *notify);

/* For the reader. `surely`: the descriptor was readable, even if `state` doesn't say so yet. */
void notify_clear(struct notify *notify, bool surely);

/* The timer of that clock is to go off then, or earlier. */
void notify_arm(struct notify *notify, unsigned clock, uint64_t due);

/* Is the timer past the time for which it is armed? */
bool notify_is_due(const struct notify *notify, unsigned clock);

/* Sets the timer anew, for then (0: never), so the descriptor isn't readable for what it was armed for before. */
void notify_rearm(struct notify *notify, unsigned clock, uint64_t due);

#endif
