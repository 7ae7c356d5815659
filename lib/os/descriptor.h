/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that the library keeps open. The program may close any descriptor, and may then open a file of its own
 * under the same number. So the library must recognize its own.
 *
 * The library marks its descriptors: it sets a signal number of the open file description that nobody else sets
 * (F_SETSIG, which does nothing without O_ASYNC). A descriptor that the program opened lacks the mark, even if it is
 * for the same file.
 */
#ifndef KSEM_OS_DESCRIPTOR_H
#define KSEM_OS_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Returns a descriptor for the same file, close-on-exec, with a number above 2: programs close the numbers 0 to 2, and
 * open other files under them. Closes fd if it returns another one. Negative: errno says why. fd may be negative, too,
 * and is then returned.
 */
int descriptor_clear(int fd);

/* Marks an open file description. False: it couldn't. */
bool descriptor_mark(int fd);

/* Is it marked, and for the file of that device and number? Fills *status. Leaves errno alone. */
bool descriptor_is_ours(int fd, dev_t device, ino_t number, struct stat *status);

/* Is it marked? For those that no file tells apart. Leaves errno alone. */
bool descriptor_is_marked(int fd);

/*
 * Is it for that file? To be asked before each call that changes a file by a descriptor that isn't marked: another
 * thread of the program may have closed it, and opened a file of its own under the number.
 */
static inline bool descriptor_is_of(int fd, dev_t device, ino_t number)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == number;
}

#endif
