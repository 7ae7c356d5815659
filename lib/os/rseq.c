/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether restartable sequences work here: see rseq.h.
 *
 * Until rseq_start, a sequence announces itself in `nowhere` instead of the thread's struct rseq. The processor number
 * there is negative, so the sequence refuses.
 */
#include "os/rseq.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/processors.h"

#if KSEM_INLINE_WORKS && defined(__has_include)
#if __has_include(<sys/rseq.h>)
#define REGISTERED_BY_LIBC 1
#include <sys/rseq.h>
#endif
#endif

ptrdiff_t rseq_area;
uint32_t rseq_processors;
char *rseq_slots;
ptrdiff_t rseq_takes;
PUBLIC struct ksem_inline ksem_inline_2; /* constant after rseq_start */

__attribute__((used)) _Thread_local uint32_t percpu_takes;

static void say_where(char *slots, ptrdiff_t area, ptrdiff_t takes, uint32_t processors)
{
	rseq_slots = slots;
	rseq_area = area;
	rseq_takes = takes;
	rseq_processors = processors;
	ksem_inline_2 = (struct ksem_inline){slots, area, takes, processors};
}

#if KSEM_INLINE_WORKS

/* Laid out as a struct rseq: the processor number twice, and the address of the sequence. */
static _Thread_local struct {
	uint32_t start, processor;
	uint64_t sequence;
} nowhere = {UINT32_MAX, UINT32_MAX, 0}; /* owner only */

static ptrdiff_t of_thread(void *own)
{
	return (char *)own - ksem_inline_thread();
}

__attribute__((constructor)) void rseq_begin(void)
{
	if (!rseq_processors)
		say_where(NULL, of_thread(&nowhere), of_thread(&percpu_takes), 0);
}

#else

static ptrdiff_t of_thread(void *own)
{
	(void)own;
	return 0;
}

void rseq_begin(void)
{
}

#endif

#ifdef REGISTERED_BY_LIBC

/*
 * The highest processor number that this machine can ever have: the last number in a list such as "0-3,8-11". -1:
 * unknown.
 */
static int highest_possible(void)
{
	char list[256];
	ssize_t length = -1;
	int fd = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		length = read(fd, list, sizeof(list) - 1);
		close(fd);
	}
	if (length <= 0)
		return -1;
	list[length] = '\0';
	while (length > 0 && !(list[length - 1] >= '0' && list[length - 1] <= '9'))
		list[--length] = '\0';
	while (length > 0 && list[length - 1] >= '0' && list[length - 1] <= '9')
		length--;
	return (int)strtol(list + length, NULL, 10);
}

/*
 * May the thread run on a processor with a higher number? Then the list was not the kernel's (a container may show
 * another one). Sequences check only that the number isn't negative, so they would write beyond the slots.
 */
static bool runs_beyond(int highest)
{
	unsigned char mask[PROCESSORS_MAX / 8];
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	for (long i = 0; i < 8 * bytes; i++) {
		if (mask[i / 8] >> i % 8 & 1 && i > highest)
			return true;
	}
	return false;
}

uint32_t rseq_possible(void)
{
	int saved = errno;
	int highest;

	if (__rseq_size == 0)
		return 0; /* refused by the kernel, or switched off (GLIBC_TUNABLES=glibc.pthread.rseq=0) */
	highest = highest_possible();
	if (runs_beyond(highest))
		highest = -1;
	errno = saved;
	return (uint32_t)(highest + 1);
}

static ptrdiff_t registered_area(void)
{
	return __rseq_offset;
}

#else

uint32_t rseq_possible(void)
{
	return 0;
}

static ptrdiff_t registered_area(void)
{
	return 0;
}

#endif

void rseq_start(char *slots, uint32_t processors)
{
	say_where(slots, registered_area(), of_thread(&percpu_takes), processors);
}
