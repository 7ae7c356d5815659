/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The census: see census.h.
 *
 * census_count first adds up the locked ranges of all processes, in the order of their bytes. Then it goes over the
 * names, and adds those whose files are in no locked range. For one question the kernel reports one lock, any within
 * the bytes that the question is about. So the bytes on both sides of it are asked about next. The kernel never reports
 * the locks of the description that asks; so the process opens another description to ask. It looks at all locks of the
 * directory for each question. Therefore there are limits on how many locks a process makes (open.c), and on how many
 * ranges are asked for.
 */
#include "shared/census.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/memory.h"
#include "os/descriptor.h"
#include "shared/entries.h"
#include "shared/file.h"

#define CENSUS_BEGIN (INT64_C(1) << 62) /* above the bytes of liveness locks (liveness.c) */
#define CENSUS_END   INT64_MAX          /* the highest possible byte */

struct range {
	off_t first, last;
	bool locked; /* or not known */
};

struct ranges {
	struct range *all;
	size_t count, room;
};

static off_t byte_of(ino_t number)
{
	return CENSUS_BEGIN | ((off_t)number & (CENSUS_BEGIN - 1));
}

static bool set(int fd, short type, ino_t number)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte_of(number), .l_len = 1};
	int saved = errno;
	bool is = fcntl(fd, F_OFD_SETLK, &lock) == 0;

	errno = saved;
	return is;
}

/* A process without a liveness may share its description with another process. */
bool census_add(const struct directory *directory, ino_t number)
{
	return directory_liveness(directory) != 0 && set(directory_fd(directory), F_RDLCK, number);
}

bool census_add_heir(const struct directory *directory, ino_t number)
{
	return directory->heir != 0 && set(directory->spare, F_RDLCK, number);
}

void census_remove(const struct directory *directory, ino_t number)
{
	if (directory_liveness(directory) != 0)
		set(directory_fd(directory), F_UNLCK, number);
}

/* Finds a locked range within another one. 0; ENOENT: nothing is locked; ... */
static int any_in(int fd, struct range within, struct range *found)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = within.first};

	lock.l_len = within.last == CENSUS_END ? 0 : within.last - within.first + 1; /* 0: to the end */
	if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
		return errno;
	if (lock.l_type == F_UNLCK)
		return ENOENT;
	found->first = lock.l_start > within.first ? lock.l_start : within.first;
	found->last = within.last;
	if (lock.l_len != 0 && lock.l_start + (lock.l_len - 1) < within.last)
		found->last = lock.l_start + (lock.l_len - 1);
	return 0;
}

static int add_range(struct ranges *ranges, struct range range)
{
	struct range *all = memory_grow(ranges->all, ranges->count, &ranges->room, sizeof(*all));

	if (!all)
		return ENOMEM;
	ranges->all = all;
	ranges->all[ranges->count++] = range;
	return 0;
}

static struct range take_range(struct ranges *ranges)
{
	return ranges->all[--ranges->count];
}

struct counting {
	const struct directory *directory;
	bool closely;
	struct ranges locked; /* in order; they neither overlap nor touch */
	struct ranges to_do;  /* the lowest comes last */
	uint64_t bytes;       /* locked */
	uint64_t others;      /* names whose files are in no locked range */
};

/* Asks about a range of which nothing is known yet, and adds to *to_do what to ask next. */
static int split(int fd, struct range range, struct ranges *to_do)
{
	struct range found = {0};
	int error = any_in(fd, range, &found);

	if (error)
		return error == ENOENT ? 0 : error;
	if (found.last < range.last)
		error = add_range(to_do, (struct range){found.last + 1, range.last, false});
	if (!error)
		error = add_range(to_do, (struct range){found.first, found.last, true});
	if (!error && found.first > range.first)
		error = add_range(to_do, (struct range){range.first, found.first - 1, false});
	return error;
}

/* Finds all locked ranges, or as many as are enough. */
static int list(int fd, uint64_t enough, struct counting *counting)
{
	int error = add_range(&counting->to_do, (struct range){CENSUS_BEGIN, CENSUS_END, false});

	while (!error && counting->to_do.count > 0 && counting->bytes < enough &&
	       counting->locked.count < CENSUS_RANGES) {
		struct range range = take_range(&counting->to_do);

		if (range.locked) {
			counting->bytes += (uint64_t)(range.last - range.first) + 1;
			error = add_range(&counting->locked, range);
		} else {
			error = split(fd, range, &counting->to_do);
		}
	}
	return error;
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

static void count_unless_locked(struct counting *counting, ino_t number)
{
	counting->others += !has(&counting->locked, byte_of(number));
}

static int count_name(const char *name, size_t length, ino_t number, void *arg)
{
	struct counting *counting = arg;
	int error;

	if (has(&counting->locked, byte_of(number)))
		return 0;
	error = file_check(counting->directory, name, length, counting->closely);
	counting->others += !error;
	return error == ENOENT || error == EINVAL ? 0 : error;
}

int census_count(const struct directory *directory, uint64_t enough, bool closely, const ino_t *nameless,
		 size_t nameless_count, uint64_t *count)
{
	struct counting counting = {.directory = directory, .closely = closely};
	int saved = errno;
	int fd = descriptor_clear(openat(directory_fd(directory), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int error = fd < 0 ? errno : list(fd, enough, &counting);

	if (fd >= 0)
		close(fd);
	errno = saved;
	if (!error)
		error = entries_for_all(directory, count_name, &counting);
	for (size_t i = 0; !error && i < nameless_count; i++)
		count_unless_locked(&counting, nameless[i]);
	memory_free(counting.locked.all);
	memory_free(counting.to_do.all);
	*count = counting.bytes + counting.others;
	return error;
}
