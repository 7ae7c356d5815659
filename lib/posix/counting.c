/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows whether programs use this library, and how often they sleep. With KSEM_POSIX_STATS=FILE in the environment, a
 * process counts its sleeps and its wake calls in the file, as two 64-bit numbers in the processor's byte order. The
 * file is mapped, so the counts stay however the process ends. Many processes may count in one file.
 *
 * If the file can't hold the counts, nothing is counted, and the program runs on. So the library reserves the file's
 * memory before it maps the file: a store to a page for which the file system has no room would be SIGBUS.
 *
 * The functions that count replace those in futex_ops. So without the variable nothing is counted, and no code asks
 * whether it should be.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "os/futex.h"

struct counts {
	atomic(uint64_t) sleeps; /* atomic: a number */
	atomic(uint64_t) wakes;  /* atomic: a number */
};

static struct counts *counts;      /* constant before main */
static struct futex_ops uncounted; /* constant before main: the functions that were there before */

static int wait_private(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	fetch_add_rlx(&counts->sleeps, 1); /* relaxed: a number */
	return uncounted.wait(word, expected, deadline);
}

static int wake_private(atomic(uint32_t) *word, uint32_t n)
{
	fetch_add_rlx(&counts->wakes, 1); /* relaxed: a number */
	return uncounted.wake(word, n);
}

static int wait_shared(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	fetch_add_rlx(&counts->sleeps, 1); /* relaxed: a number */
	return uncounted.wait_shared(word, expected, deadline);
}

static int wake_shared(atomic(uint32_t) *word, uint32_t n)
{
	fetch_add_rlx(&counts->wakes, 1); /* relaxed: a number */
	return uncounted.wake_shared(word, n);
}

static int add_shared(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	int woken = uncounted.add_shared(word, n, wake);

	if (woken >= 0)                           /* else another call follows */
		fetch_add_rlx(&counts->wakes, 1); /* relaxed: a number */
	return woken;
}

static int mark_shared(atomic(uint32_t) *word, unsigned bit)
{
	int woken = uncounted.mark_shared(word, bit);

	if (woken >= 0)                           /* as above */
		fetch_add_rlx(&counts->wakes, 1); /* relaxed: a number */
	return woken;
}

/* tmpfs gives up if a signal comes. */
static bool allocate(int fd)
{
	int error;

	do
		error = posix_fallocate(fd, 0, sizeof(struct counts));
	while (error == EINTR);
	return error == 0;
}

/*
 * Reserves memory for the counts; those that the file has already stay. Any other file is left alone. Beyond
 * RLIMIT_FSIZE this would be SIGXFSZ.
 */
static bool make_room(int fd)
{
	struct rlimit limit;
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	       (status.st_size == 0 || status.st_size == sizeof(struct counts)) &&
	       getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= sizeof(struct counts) && allocate(fd);
}

/* NULL: the file can't be used. */
static struct counts *map_counts(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_NOCTTY | O_CLOEXEC, 0666);
	void *mapped = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (make_room(fd))
		mapped = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return mapped == MAP_FAILED ? NULL : mapped;
}

__attribute__((constructor)) static void begin(void)
{
	const char *file = secure_getenv("KSEM_POSIX_STATS");

	if (!file || !*file)
		return;
	counts = map_counts(file);
	if (!counts)
		return;
	uncounted = futex_ops;
	futex_ops = (struct futex_ops){wait_private, wake_private, wait_shared, wake_shared, add_shared, mark_shared};
}
