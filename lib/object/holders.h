/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ksem_holders tells: the living OS processes that have a semaphore. The semaphore's kind collects them
 * (object/kind.h).
 */
#ifndef KSEM_OBJECT_HOLDERS_H
#define KSEM_OBJECT_HOLDERS_H

#include <stddef.h>
#include <stdint.h>

#include "ksem/ksem.h"
#include "object/collected.h"

struct line_view;

struct holders_process {
	struct ksem_holder shown;
	uint32_t number; /* it has the entries of the line with that holder */
};

struct holders {
	struct collected collected;
	struct holders_process *processes;
	size_t count, room;
};

/* An empty list. Ends by collected_end; both inside the fork gate. NULL: no memory. */
struct holders *holders_begin(void);

/* One more, all 0. NULL: no memory. */
struct holders_process *holders_add(struct holders *holders);

/*
 * Adds what the entries of a line say: permits that accounts have, and waits. They are added to the process that `find`
 * returns for their number, unless that is NULL.
 */
void holders_read_line(struct holders *holders, struct line_view *view,
		       struct holders_process *(*find)(struct holders *holders, uint32_t number));

/* Makes one of those with the same pid, and leaves out those that have nothing. Those without a pid stay apart. */
void holders_join(struct holders *holders);

#endif
