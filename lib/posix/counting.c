/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a program uses this library, and how often it slept: with KSEM_POSIX_STATS=FILE in the environment each
 * process that exits (not by _exit, or a signal) appends a line to the file, `PID N sleeps N wake calls`.
 *
 * The counts are kept where sleeps and wakes go to the kernel (futex_ops), and nowhere else: without the variable
 * nothing is counted, and nothing asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/compiler.h"
#include "os/futex.h"

static struct {
	char file[PATH_MAX];          /* constant before main; a copy: programs overwrite their environment */
	struct futex_ops ops;         /* constant before main: those that are counted */
	atomic(unsigned long) sleeps; /* atomic: a number */
	atomic(unsigned long) wakes;  /* atomic: a number */
} counting;

static int wait_private(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	fetch_add_rlx(&counting.sleeps, 1); /* relaxed: a number */
	return counting.ops.wait(word, expected, deadline);
}

static int wake_private(atomic(uint32_t) *word, uint32_t n)
{
	fetch_add_rlx(&counting.wakes, 1); /* relaxed: a number */
	return counting.ops.wake(word, n);
}

static int wait_shared(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	fetch_add_rlx(&counting.sleeps, 1); /* relaxed: a number */
	return counting.ops.wait_shared(word, expected, deadline);
}

static int wake_shared(atomic(uint32_t) *word, uint32_t n)
{
	fetch_add_rlx(&counting.wakes, 1); /* relaxed: a number */
	return counting.ops.wake_shared(word, n);
}

__attribute__((constructor)) static void begin(void)
{
	const char *file = secure_getenv("KSEM_POSIX_STATS");

	if (!file || !*file || snprintf(counting.file, PATH_MAX, "%s", file) >= PATH_MAX)
		return;
	counting.ops = futex_ops;
	futex_ops = (struct futex_ops){wait_private, wake_private, wait_shared, wake_shared};
}

__attribute__((destructor)) static void end(void)
{
	char line[128];
	int length, fd;

	if (!counting.ops.wait)
		return;
	fd = open(counting.file, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	length = snprintf(line, sizeof(line), "%ld %lu sleeps %lu wake calls\n", (long)getpid(),
			  load_rlx(&counting.sleeps), load_rlx(&counting.wakes)); /* relaxed: numbers */
	if (write(fd, line, (size_t)length) < 0)
		counting.file[0] = '\0'; /* nobody to tell */
	close(fd);
}
