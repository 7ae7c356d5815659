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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/descriptor.h"

#define DIRECTORY "/dev/shm"
#define PREFIX    "ksm."
#define OWN_NAMES 100                          /* how many taken names to try */
#define MAGIC     UINT64_C(0x027870736d65736b) /* stands for the byte order and the layout's version, too */

static bool fits(int printed)
{
	return printed >= 0 && printed < PATH_MAX;
}

/* ---- The directory. ---- */

/* A relative KSEM_DIR, and the absolute path that it stands for. */
static struct {
	char given[PATH_MAX], meant[PATH_MAX];
} relative;

/* 0, or an error number. */
static int resolve(const char *given)
{
	char *here = getcwd(NULL, 0);
	bool whole;

	if (!here)
		return errno;
	whole = fits(snprintf(relative.given, PATH_MAX, "%s", given)) &&
		fits(snprintf(relative.meant, PATH_MAX, "%s/%s", here, given));
	free(here);
	if (whole)
		return 0;
	relative.given[0] = '\0';
	return ENAMETOOLONG;
}

static int find_directory(const char **directory)
{
	const char *given = secure_getenv("KSEM_DIR");
	int error = 0;

	*directory = given && *given ? given : DIRECTORY;
	if (**directory == '/')
		return 0;
	if (strcmp(relative.given, given) != 0)
		error = resolve(given);
	*directory = relative.meant;
	return error;
}

__attribute__((constructor)) static void note_directory(void)
{
	const char *directory;

	(void)find_directory(&directory);
}

int file_path_of(const char *name, struct file_path *path)
{
	const char *directory;
	int error;

	while (*name == '/')
		name++;
	if (!*name || strchr(name, '/') || strlen(name) > NAME_MAX)
		return EINVAL;
	if (strlen(name) > NAME_MAX - strlen(PREFIX))
		return ENAMETOOLONG;
	error = find_directory(&directory);
	if (error)
		return error;
	if (!fits(snprintf(path->directory, PATH_MAX, "%s", directory)) ||
	    !fits(snprintf(path->whole, PATH_MAX, "%s/%s%s", directory, PREFIX, name)))
		return ENAMETOOLONG;
	return 0;
}

/* ---- The file. ---- */

int file_find(const struct file_path *path)
{
	int fd = open(path->whole, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

/* A write beyond the limit would raise SIGXFSZ. */
static bool is_over_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < sizeof(struct file);
}

/*
 * Another thread of the program may close the descriptor at any time, and open a file of its own under the number. So
 * the new file is recognized (it is empty, and has no name but its own), and before each change the descriptor is still
 * for it. EBADF: it isn't.
 */
static int recognize(struct making *making)
{
	struct stat status;

	if (fstat(making->fd, &status) != 0)
		return errno;
	if (!S_ISREG(status.st_mode) || status.st_size != 0 || status.st_nlink != (*making->own_name ? 1 : 0))
		return EBADF;
	making->device = status.st_dev;
	making->number = status.st_ino;
	return 0;
}

static bool is_still(const struct making *making)
{
	return descriptor_is_of(making->fd, making->device, making->number);
}

static int fill(const struct making *making, uint32_t value)
{
	struct file file;
	ssize_t written;

	if (is_over_limit())
		return EFBIG;
	if (!is_still(making))
		return EBADF;
	memset(&file, 0, sizeof(file));
	file.magic = MAGIC;
	plain_init(&file.sem, value, FUTEX_SHARED);
	do {
		written = pwrite(making->fd, &file, sizeof(file), 0);
	} while (written < 0 && errno == EINTR);
	return written == sizeof(file) ? 0 : written < 0 ? errno : ENOSPC;
}

/* Makes a file under a temporary name, which nobody else will try. */
static int make_with_own_name(const struct file_path *path, mode_t mode, struct making *making)
{
	static atomic(unsigned) count;

	for (int i = 0; i < OWN_NAMES; i++) {
		struct timespec now = clock_now(CLOCK_MONOTONIC);
		unsigned n = fetch_add_rlx(&count, 1); /* relaxed: a number */

		if (!fits(snprintf(making->own_name, PATH_MAX, "%s/.%s%ld-%u-%ld", path->directory, PREFIX,
				   (long)getpid(), n, now.tv_nsec)))
			return ENAMETOOLONG;
		making->fd =
			open(making->own_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & ACCESSPERMS);
		if (making->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	making->own_name[0] = '\0';
	return errno;
}

/* Can a file without a name get one? */
static bool can_be_linked(const struct making *making)
{
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", making->fd);
	return access(self, F_OK) == 0;
}

static int make_empty(const struct file_path *path, mode_t mode, struct making *making)
{
	*making = (struct making){.fd = -1}; /* of no file, until it is recognized */
	making->fd = open(path->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode & ACCESSPERMS);
	if (making->fd >= 0 && can_be_linked(making))
		return 0;
	if (making->fd >= 0)
		close(making->fd);
	return make_with_own_name(path, mode, making);
}

int file_make(const struct file_path *path, mode_t mode, uint32_t value, struct making *making)
{
	int error = make_empty(path, mode, making);

	if (error)
		return error;
	error = recognize(making);
	if (!error)
		error = fill(making, value);
	if (error)
		file_forget(making);
	return error;
}

static int link_to(const struct file_path *path, const struct making *making)
{
	char self[64];

	if (*making->own_name)
		return link(making->own_name, path->whole) == 0 ? 0 : errno;
	if (!is_still(making))
		return EBADF;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", making->fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path->whole, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

int file_publish(const struct file_path *path, struct making *making)
{
	int error = link_to(path, making);

	file_forget(making);
	return error;
}

void file_forget(struct making *making)
{
	if (*making->own_name)
		unlink(making->own_name);
	if (is_still(making))
		close(making->fd);
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
