/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a named semaphore: see file.h.
 */
#include "posix/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "/dev/shm"
#define PREFIX    "ksem-posix."
#define MAGIC     UINT64_C(0x027870736d65736b) /* and with it the order of bytes, and the layout's version */

static bool fits(int printed)
{
	return printed >= 0 && printed < PATH_MAX;
}

int file_path_of(const char *name, struct file_path *path)
{
	const char *directory = secure_getenv("KSEM_DIR");

	if (!directory || !*directory)
		directory = DIRECTORY;
	while (*name == '/')
		name++;
	if (!*name || strchr(name, '/'))
		return EINVAL;
	if (strlen(name) > NAME_MAX - strlen(PREFIX))
		return ENAMETOOLONG;
	if (!fits(snprintf(path->directory, PATH_MAX, "%s", directory)) ||
	    !fits(snprintf(path->whole, PATH_MAX, "%s/%s%s", directory, PREFIX, name)))
		return ENAMETOOLONG;
	return 0;
}

int file_find(const struct file_path *path)
{
	int fd = open(path->whole, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

static int fill(int fd, uint32_t value)
{
	struct file file;
	ssize_t written;

	memset(&file, 0, sizeof(file));
	file.magic = MAGIC;
	plain_init(&file.sem, value, FUTEX_SHARED);
	written = write(fd, &file, sizeof(file));
	return written == sizeof(file) ? 0 : written < 0 ? errno : ENOSPC;
}

static int give_name(int fd, const char *path)
{
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno == ENOENT && linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0) /* no /proc: root may */
		return 0;
	return errno;
}

int file_make(const struct file_path *path, mode_t mode, uint32_t value)
{
	int fd = open(path->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode & ACCESSPERMS);
	int error;

	if (fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR ? -ENOSYS : -errno;
	error = fill(fd, value);
	if (!error)
		error = give_name(fd, path->whole);
	if (!error)
		return fd;
	close(fd);
	return -error;
}

int file_map(int fd, struct file **file)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return errno;
	if (!S_ISREG(status.st_mode) || status.st_size != sizeof(**file))
		return EINVAL;
	*file = mmap(NULL, sizeof(**file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*file == MAP_FAILED)
		return errno;
	if ((*file)->magic == MAGIC)
		return 0;
	file_unmap(*file);
	return EINVAL;
}

void file_unmap(struct file *file)
{
	munmap(file, sizeof(*file));
}
