/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments out of bytes: see arguments.h.
 */
#include "arguments.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static const uint8_t *next;
static size_t left;

void arguments_from(const uint8_t *bytes, size_t size)
{
	next = bytes;
	left = size;
}

bool arguments_are_left(void)
{
	return left > 0;
}

uint8_t byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *next++;
}

uint64_t number_of_bytes(unsigned n)
{
	uint64_t number = 0;

	while (n-- > 0)
		number = number << 8 | byte();
	return number;
}

const char *any_name(void)
{
	static const char *const names[] = {"/a", "/b", "/c", "", "/", "a", "ab", "//", "/a/b", "a/b", "/a/", "/\xff "};
	static const uint16_t lengths[] = {2, 3, 4, 13, 14, 15, 254, 255, 256, 400};
	static char name[512];
	unsigned drawn = byte(), length;

	if (drawn == UINT8_MAX)
		return NULL;
	drawn %= COUNT_OF(names) + COUNT_OF(lengths) + 1;
	if (drawn < COUNT_OF(names))
		return names[drawn];
	memset(name, 0, sizeof(name));
	drawn -= COUNT_OF(names);
	if (drawn < COUNT_OF(lengths)) {
		memset(name, 'x', lengths[drawn]);
		name[0] = '/';
		return name;
	}
	length = byte() % 8;
	for (unsigned i = 0; i < length; i++)
		name[i] = (char)byte();
	return name;
}

unsigned any_value(void)
{
	static const unsigned values[] = {0,
					  1,
					  2,
					  3,
					  8,
					  9,
					  KSEM_VALUE_MAX / 2,
					  KSEM_VALUE_MAX / 2 + 1,
					  KSEM_VALUE_MAX - 2,
					  KSEM_VALUE_MAX - 1,
					  KSEM_VALUE_MAX};
	unsigned drawn = byte() % (COUNT_OF(values) + 1);

	return drawn < COUNT_OF(values) ? values[drawn] : (unsigned)number_of_bytes(4);
}

mode_t any_mode(void)
{
	static const mode_t modes[] = {0600, 0, 0200, 0020, 0002, 0060, 0006, 0666, 0555, 07777, S_IFREG | 0644};
	unsigned drawn = byte() % (COUNT_OF(modes) + 1);

	return drawn < COUNT_OF(modes) ? modes[drawn] : (mode_t)number_of_bytes(2);
}

int any_oflag(void)
{
	unsigned drawn = byte();
	int flags = (drawn & 1 ? O_CREAT : 0) | (drawn & 2 ? O_EXCL : 0) | (drawn & 4 ? O_RDWR : 0);

	return flags | (drawn & 8 ? O_TRUNC : 0) | (drawn >= 0xf0 ? ~(O_CREAT | O_EXCL) : 0);
}

const struct ksem_cred *any_cred(void)
{
	static const uint32_t ids[] = {1, 2, 0, 65534, UINT32_MAX};
	static struct ksem_cred cred;
	unsigned drawn = byte();

	if (drawn == UINT8_MAX)
		return NULL;
	cred = (struct ksem_cred){ids[drawn % COUNT_OF(ids)], ids[drawn / COUNT_OF(ids) % COUNT_OF(ids)]};
	return &cred;
}

const struct ksem_ns_options *any_options(void)
{
	static struct {
		struct ksem_ns_options known;
		uint64_t beyond;
	} options;
	static const size_t sizes[] = {sizeof(options.known), 0, sizeof(options.known) - 1, sizeof(options)};
	static const uint32_t max_sems[] = {2, 0, 1, 3, 30, UINT32_MAX};
	static const uint32_t max_names[] = {0, 2, 3, 14, 254, KSEM_NAME_MAX, 1, KSEM_NAME_MAX + 1, UINT32_MAX};
	unsigned drawn = byte();

	if (drawn == UINT8_MAX)
		return NULL;
	options.known.max_sems = max_sems[drawn % COUNT_OF(max_sems)];
	drawn = byte();
	options.known.max_name = max_names[drawn % COUNT_OF(max_names)];
	drawn = byte();
	options.known.size = sizes[drawn % COUNT_OF(sizes)];
	options.known.dir = drawn & 4 ? "/dev/null" : NULL;
	options.beyond = drawn & 8 ? 1 : 0;
	return &options.known;
}

/* Of four bytes three have a bit that says that all is usual. */
const struct ksem_attr *any_attr(void)
{
	static struct {
		struct ksem_attr known;
		uint64_t beyond;
	} attr;
	static const size_t sizes[] = {sizeof(attr.known), 0,   7, 11, 12, 16, 19, 20, sizeof(attr.known) - 1,
				       sizeof(attr),       4097};
	static const uint32_t limits[] = {3, 0, 1, 2, 5, 1073741824, 1073741825, KSEM_VALUE_MAX};
	static const uint32_t orders[] = {KSEM_BARGING, KSEM_FIFO, KSEM_LIFO, KSEM_FIFO, 3, UINT32_MAX};
	static const uint32_t flags[] = {0, KSEM_METRICS, KSEM_UNDO, KSEM_METRICS | KSEM_UNDO, 4, KSEM_SHUTDOWN};
	unsigned drawn = byte();

	if (drawn == UINT8_MAX)
		return NULL;
	attr.known.size = drawn < 0xc0 ? sizeof(attr.known) : sizes[drawn % COUNT_OF(sizes)];
	attr.beyond = drawn >= 0xf0;
	attr.known.limit = limits[byte() % COUNT_OF(limits)];
	drawn = byte();
	attr.known.order = orders[drawn % (drawn < 0xc0 ? 4 : COUNT_OF(orders))];
	drawn = byte();
	attr.known.flags = flags[drawn % (drawn < 0xc0 ? 4 : COUNT_OF(flags))];
	attr.known.reserved = drawn >= 0xf8;
	return &attr.known;
}

unsigned any_count(void)
{
	unsigned drawn = byte();

	return drawn < 0xf0 ? drawn % 5 : any_value();
}

clockid_t any_clock(void)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_MONOTONIC_RAW, -1,
		INT_MAX};

	return clocks[byte() % COUNT_OF(clocks)];
}

struct timespec *any_deadline(void)
{
	static const time_t seconds[] = {0, -1, LONG_MIN, LONG_MAX};
	static const long nanoseconds[] = {0, 999999999, 1000000000, -1, LONG_MAX, LONG_MIN};
	static struct timespec deadline;
	unsigned drawn = byte();

	if (drawn == UINT8_MAX)
		return NULL;
	deadline.tv_sec = seconds[drawn % COUNT_OF(seconds)];
	deadline.tv_nsec = nanoseconds[drawn / COUNT_OF(seconds) % COUNT_OF(nanoseconds)];
	return &deadline;
}

bool no_output(void)
{
	return byte() >= 0xf0;
}
