/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OS processes that have a shared semaphore: see holders.h. They are found by their records in its file and, if it
 * has a line, by their entries there.
 *
 * A process has a record for each namespace object in which it has the semaphore. Those of one process have the same
 * pid. Where nobody knows the pid, since it is of another pid namespace, they stay apart.
 */
#include "shared/holders.h"

#include <errno.h>

#include "shared/place.h"
#include "shared/semaphore.h"

struct collecting {
	struct holders *holders;
	const struct directory *directory;
	bool has_line;
	int error;
};

/* A record's count of waits is shown if there is no line; else the entries in line are counted (holders_read_line). */
static void add(const struct record *record, void *arg)
{
	struct collecting *collecting = arg;
	const struct holder *holder = record->holder;
	struct holders_process *process = holders_add(collecting->holders);

	if (!process) {
		collecting->error = ENOMEM;
		return;
	}
	process->number = records_number(record);
	process->shown.pid = holder_pid(holder, collecting->directory);
	process->shown.refs = load_rlx(&holder->refs); /* relaxed: a number to show */
	if (!collecting->has_line)
		process->shown.waiting = holder_waiting(holder);
}

/* The processes are sorted by the places of their records. NULL: the number is of a process that was left out. */
static struct holders_process *find(struct holders *holders, uint32_t number)
{
	size_t from = 0, to = holders->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (records_place_of(holders->processes[middle].number) < records_place_of(number))
			from = middle + 1;
		else
			to = middle;
	}
	return from < holders->count && holders->processes[from].number == number ? &holders->processes[from] : NULL;
}

/* line NULL: it has none. */
static int collect(struct records *records, const struct directory *directory, struct line_view *line,
		   struct holders *holders)
{
	struct collecting collecting = {holders, directory, line != NULL, 0};
	int error = records_for_all(records, directory, add, &collecting);

	if (error || collecting.error)
		return ENOMEM;
	if (line)
		holders_read_line(holders, line, find);
	holders_join(holders);
	return 0;
}

/* Under the lock. */
static int collect_of(struct ksem *ksem, struct holders *holders)
{
	struct shared *shared = shared_of(ksem);
	struct line_view *line = object_has_line(ksem) ? &lined_of(ksem)->view : NULL;

	if (shared_is_dead(ksem))
		return EINVAL;
	if (line)
		line_reap(line);
	return collect(&shared->records, shared->directory, line, holders);
}

int shared_ns_holders(struct ksem_ns *ns, struct ksem *ksem, struct holders *holders)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	place_need_record(ns, ksem); /* if that fails, this process is left out */
	error = collect_of(ksem, holders);
	pthread_mutex_unlock(&ns->lock);
	return error;
}

int shared_holders_of_copy(struct records *records, const struct directory *directory, const struct file *file,
			   struct holders *holders)
{
	struct shared_lined lined;

	if (!file->line)
		return collect(records, directory, NULL, holders);
	shared_lined_init_copy(&lined, records, directory, file);
	return collect(records, directory, &lined.lined.view, holders);
}
