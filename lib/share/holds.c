/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds: see holds.h.
 *
 * Counting goes over the locked ranges, of all processes, in the order of their bytes, and then over the names, of
 * which those count that stand in no range. The kernel tells of one lock at a time, in no useful order, and never of
 * those of the description that asks: so another is opened to ask.
 */
#include "share/holds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define HOLDS_BEGIN (INT64_C(1) << 62) /* above the bytes of presences (directory.c) */
#define HOLDS_END   INT64_MAX          /* the last byte there is */

struct range {
	off_t first, last;
};

struct ranges {
	struct range *all; /* in order, apart from each other */
	size_t count, room;
	uint64_t bytes;
};

static off_t byte_of(ino_t number)
{
	return HOLDS_BEGIN | ((off_t)number & (HOLDS_BEGIN - 1));
}

static void set(const struct directory *directory, short type, ino_t number)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte_of(number), .l_len = 1};
	int saved = errno;

	fcntl(directory->fd, F_OFD_SETLK, &lock);
	errno = saved;
}

void holds_add(const struct directory *directory, ino_t number)
{
	set(directory, F_RDLCK, number);
}

void holds_remove(const struct directory *directory, ino_t number)
{
	set(directory, F_UNLCK, number);
}

/* A locked range within that one, or what begins in it of one. 0; ENOENT: there is none; ... */
static int any_in(int fd, struct range within, struct range *found)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = within.first};

	lock.l_len = within.last == HOLDS_END ? 0 : within.last - within.first + 1; /* 0: to the end */
	if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
		return errno;
	if (lock.l_type == F_UNLCK)
		return ENOENT;
	found->first = lock.l_start > within.first ? lock.l_start : within.first;
	found->last = lock.l_len == 0 ? HOLDS_END : lock.l_start + lock.l_len - 1;
	return 0;
}

/* The lowest from that byte on, as any_in. */
static int lowest_from(int fd, off_t first, struct range *lowest)
{
	struct range within = {first, HOLDS_END}, found = {0};
	int error = any_in(fd, within, &found);

	if (error)
		return error;
	do {
		*lowest = found;
		within.last = found.first - 1;
	} while (within.last >= first && (error = any_in(fd, within, &found)) == 0);
	return error == ENOENT ? 0 : error;
}

static int add_range(struct ranges *ranges, struct range range)
{
	if (ranges->count == ranges->room) {
		size_t room = ranges->room ? 2 * ranges->room : 64;
		struct range *all = memory_alloc(room * sizeof(*all), _Alignof(struct range));

		if (!all)
			return ENOMEM;
		if (ranges->count > 0)
			memcpy(all, ranges->all, ranges->count * sizeof(*all));
		memory_free(ranges->all);
		ranges->all = all;
		ranges->room = room;
	}
	ranges->all[ranges->count++] = range;
	ranges->bytes += (uint64_t)(range.last - range.first) + 1;
	return 0;
}

/* All ranges, or as many as are enough. */
static int list(int fd, uint64_t enough, struct ranges *ranges)
{
	struct range range = {.last = HOLDS_BEGIN - 1};
	int error = 0;

	while (!error && range.last < HOLDS_END && ranges->bytes < enough) {
		error = lowest_from(fd, range.last + 1, &range);
		if (!error)
			error = add_range(ranges, range);
	}
	return error == ENOENT ? 0 : error;
}

static bool has(const struct ranges *ranges, off_t byte)
{
	size_t low = 0, high = ranges->count; /* the first range that ends at the byte or behind it is in [low, high] */

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->all[middle].last < byte)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ranges->count && ranges->all[low].first <= byte;
}

struct counting {
	struct ranges ranges;
	uint64_t names; /* whose files stand in no range */
};

static int count_name(const char *name, size_t length, ino_t number, void *arg)
{
	struct counting *counting = arg;

	(void)name, (void)length;
	counting->names += !has(&counting->ranges, byte_of(number));
	return 0;
}

int holds_count(const struct directory *directory, uint64_t enough, uint64_t *count)
{
	struct counting counting = {.names = 0};
	int saved = errno;
	int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 ? errno : list(fd, enough, &counting.ranges);

	if (fd >= 0)
		close(fd);
	errno = saved;
	if (!error)
		error = directory_for_all(directory, count_name, &counting);
	memory_free(counting.ranges.all);
	*count = counting.ranges.bytes + counting.names;
	return error;
}
