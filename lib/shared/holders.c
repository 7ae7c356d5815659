/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OS processes that have a shared semaphore (object/holders.h), by their records, and by its line if it has one.
 *
 * A process has a record for each namespace object in which it has the semaphore. Those of one process have the same
 * pid. Where nobody knows the pid, since it is of another pid namespace, they stay apart.
 */
#include <errno.h>

#include "object/holders.h"
#include "shared/place.h"
#include "shared/semaphore.h"

struct collecting {
	struct holders *holders;
	struct shared *shared;
	int error;
};

static uint32_t place_of(uint32_t number)
{
	return number & ((1u << RECORD_PLACE_BITS) - 1);
}

/* Numbers of waits say something only of a semaphore without a line. */
static void add(const struct record *record, void *arg)
{
	struct collecting *collecting = arg;
	struct shared *shared = collecting->shared;
	const struct holder *holder = record->holder;
	struct holders_process *process = holders_add(collecting->holders);

	if (!process) {
		collecting->error = ENOMEM;
		return;
	}
	process->number = records_number(record);
	process->shown.pid = holder_pid(holder, shared->directory);
	process->shown.refs = load_rlx(&holder->refs); /* relaxed: a number to show */
	if (!object_has_line(&shared->object.ksem))
		process->shown.waiting = holder_waiting(holder);
}

/* They are in the order of their places. NULL: the number is of a process that was left out. */
static struct holders_process *find(struct holders *holders, uint32_t number)
{
	size_t from = 0, to = holders->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (place_of(holders->processes[middle].number) < place_of(number))
			from = middle + 1;
		else
			to = middle;
	}
	return from < holders->count && holders->processes[from].number == number ? &holders->processes[from] : NULL;
}

/* Under the lock. */
static int collect(struct ksem *ksem, struct holders *holders)
{
	struct shared *shared = shared_of(ksem);
	struct collecting collecting = {holders, shared, 0};
	int error;

	if (shared_is_dead(ksem))
		return EINVAL;
	if (object_has_line(ksem))
		line_reap(&lined_of(ksem)->view);
	error = records_for_all(&shared->records, shared->directory, add, &collecting);
	if (error || collecting.error)
		return ENOMEM;
	if (object_has_line(ksem))
		holders_read_line(holders, &lined_of(ksem)->view, find);
	return 0;
}

int shared_ns_holders(struct ksem_ns *ns, struct ksem *ksem, struct holders *holders)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	place_need_record(ns, ksem); /* if that fails, this process is left out */
	error = collect(ksem, holders);
	pthread_mutex_unlock(&ns->lock);
	holders_join(holders);
	return error;
}
