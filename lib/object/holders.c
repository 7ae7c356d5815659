/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes that have a semaphore: see holders.h.
 */
#include "object/holders.h"

#include <time.h>

#include "base/memory.h"
#include "line/account.h"

static void free_holders(struct collected *collected)
{
	struct holders *holders = (struct holders *)collected;

	memory_free(holders->processes);
	memory_free(holders);
}

struct holders *holders_begin(void)
{
	struct holders *holders = memory_alloc(sizeof(*holders), _Alignof(struct holders));

	if (!holders || collected_begin(&holders->collected, free_holders))
		return holders;
	memory_free(holders);
	return NULL;
}

struct holders_process *holders_add(struct holders *holders)
{
	struct holders_process *processes =
		memory_grow(holders->processes, holders->count, &holders->room, sizeof(*holders->processes));

	if (!processes)
		return NULL;
	holders->processes = processes;
	processes[holders->count] = (struct holders_process){.number = 0};
	return &processes[holders->count++];
}

/* ---- What a line says. ---- */

struct reading {
	struct holders *holders;
	struct holders_process *(*find)(struct holders *holders, uint32_t number);
	uint32_t now; /* in seconds, as accounts have it */
};

static void read_stake(const struct account_stake *stake, void *arg)
{
	struct reading *reading = arg;
	struct holders_process *process = reading->find(reading->holders, stake->holder);
	uint32_t age = stake->since < reading->now ? reading->now - stake->since : 0;

	if (!process)
		return;
	process->shown.held += stake->held;
	process->shown.waiting += stake->waits;
	if (stake->held > 0 && age > process->shown.oldest)
		process->shown.oldest = age;
}

void holders_read_line(struct holders *holders, struct line_view *view,
		       struct holders_process *(*find)(struct holders *holders, uint32_t number))
{
	struct timespec now;
	struct reading reading = {holders, find, 0};

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	reading.now = (uint32_t)now.tv_sec;

	account_for_all(view, read_stake, &reading);
}

/* ---- Joining. ---- */

/* By Shell: in place, since qsort allocates by malloc. */
static void sort_by_pid(struct holders_process *processes, size_t count)
{
	for (size_t gap = count; gap > 1;) {
		gap = gap < 4 ? 1 : gap * 5 / 11;
		for (size_t i = gap; i < count; i++) {
			struct holders_process moved = processes[i];
			size_t to = i;

			for (; to >= gap && processes[to - gap].shown.pid > moved.shown.pid; to -= gap)
				processes[to] = processes[to - gap];
			processes[to] = moved;
		}
	}
}

static void join(struct ksem_holder *holder, const struct ksem_holder *with)
{
	holder->refs += with->refs;
	holder->held += with->held;
	holder->waiting += with->waiting;
	if (with->oldest > holder->oldest)
		holder->oldest = with->oldest;
}

static bool has_nothing(const struct ksem_holder *holder)
{
	return holder->refs == 0 && holder->held == 0 && holder->waiting == 0;
}

void holders_join(struct holders *holders)
{
	struct holders_process *processes = holders->processes;
	size_t count = 0;

	sort_by_pid(processes, holders->count);
	for (size_t i = 0; i < holders->count; i++) {
		pid_t pid = processes[i].shown.pid;

		if (has_nothing(&processes[i].shown))
			continue;
		if (count > 0 && pid != 0 && processes[count - 1].shown.pid == pid)
			join(&processes[count - 1].shown, &processes[i].shown);
		else
			processes[count++] = processes[i];
	}
	holders->count = count;
}
