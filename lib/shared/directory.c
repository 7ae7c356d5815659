/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories: see directory.h.
 *
 * Makers near the limit exclude each other by flock() on the directory, which the kernel drops when a process dies. If
 * a process stops while it has the lock, or keeps it on purpose, others wait for LOCK_TRIES milliseconds and then go
 * on; the limit is then less exact.
 */
#include "shared/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "ksem/ksem.h"
#include "os/clock.h"
#include "os/descriptor.h"
#include "os/lifetime.h"

#define LOCK_TRIES 200

static pthread_mutex_t directories_lock = PTHREAD_MUTEX_INITIALIZER; /* inside the fork gate, and any other lock */
static struct directory *directories;                                /* under directories_lock */

/* ---- The descriptors. ---- */

static bool is_ours(const struct directory *directory, int fd, struct stat *status)
{
	return descriptor_is_ours(fd, directory->device, directory->number, status);
}

int directory_fd(const struct directory *directory)
{
	struct stat status;
	int fd = directory_fd_unchecked(directory);

	return is_ours(directory, fd, &status) ? fd : -1;
}

/* A new descriptor of ours has that number. So a directory that had the same number has lost its descriptor. */
static void disown(int fd)
{
	pthread_mutex_lock(&directories_lock);
	for (struct directory *other = directories; other; other = other->next) {
		if (directory_fd_unchecked(other) == fd)
			store_rlx(&other->fd, -1); /* relaxed: a number, which is checked before each use */
		if (other->spare == fd)
			other->spare = -1;
	}
	pthread_mutex_unlock(&directories_lock);
}

/* Prepares a new descriptor that stays open. Negative: errno says why. */
static int keep(int fd)
{
	fd = descriptor_clear(fd);
	if (fd >= 0 && !descriptor_mark(fd)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	if (fd >= 0)
		disown(fd);
	return fd;
}

void directory_close_fd(const struct directory *directory, int fd)
{
	struct stat status;

	if (is_ours(directory, fd, &status))
		close(fd);
}

/* Opens the directory by its path, if that still leads there. Negative: EBADF. */
static int open_by_path(const struct directory *directory)
{
	struct stat status;
	int fd = directory->path ? open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0 &&
	    (fstat(fd, &status) != 0 || status.st_dev != directory->device || status.st_ino != directory->number)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		errno = EBADF;
	return fd;
}

int directory_open_again(const struct directory *directory)
{
	char self[64];
	int fd = directory_fd(directory), own;

	if (fd < 0)
		return keep(open_by_path(directory));
	own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own < 0 && errno == EACCES) {
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd); /* it may be readable, but not searchable */
		own = open(self, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return keep(own);
}

bool directory_has_fd(const struct directory *directory, int fd)
{
	struct stat status;

	return is_ours(directory, fd, &status);
}

void directory_set_fd(struct directory *directory, int fd)
{
	directory_close_fd(directory, directory_fd_unchecked(directory));
	store_rlx(&directory->fd, fd); /* relaxed: a number, which is checked before each use */
}

int directory_refresh(struct directory *directory, bool *again)
{
	struct stat status;
	int saved = errno;
	int fd, error = 0;

	*again = false;
	if (is_ours(directory, directory_fd_unchecked(directory), &status))
		return status.st_nlink == 0 ? ESTALE : 0;
	fd = keep(open_by_path(directory));
	if (fd < 0) {
		error = EBADF;
	} else {
		store_rlx(&directory->away, true); /* relaxed: the next store publishes it */
		store_rel(&directory->fd, fd);     /* KSEM_ORD_22 release */
		*again = true;
	}
	errno = saved;
	return error;
}

/* ---- The directory itself. ---- */

int directory_make_nameless(const struct directory *directory, mode_t mode)
{
	const int flags = O_TMPFILE | O_RDWR | O_CLOEXEC;

	return descriptor_clear(openat(directory_fd(directory), ".", flags, mode));
}

/* A process that may not make semaphores there may still open them. */
static int probe(const struct directory *directory)
{
	int fd = directory_make_nameless(directory, 0);

	if (fd >= 0)
		close(fd);
	return fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT) ? ENOTSUP : 0;
}

/* Stores the absolute path. If the working directory is unknown, so is a relative path. 0, ENOMEM. */
static int note_path(struct directory *directory, const char *path)
{
	char here[PATH_MAX] = "";
	size_t bytes;

	directory->path = NULL;
	if (*path != '/' && !getcwd(here, sizeof(here)))
		return 0;
	bytes = strlen(here) + strlen(path) + 2;
	directory->path = memory_alloc(bytes, 1);
	if (!directory->path)
		return ENOMEM;
	(void)snprintf(directory->path, bytes, "%s%s%s", here, *here ? "/" : "", path);
	return 0;
}

static int open_kept(struct directory *directory, const char *path)
{
	int fd = keep(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct stat status;

	if (fd < 0)
		return errno;
	store_rlx(&directory->fd, fd); /* relaxed: a number, which is checked before each use */
	if (fstat(fd, &status) != 0)
		return errno;
	directory->device = status.st_dev;
	directory->number = status.st_ino;
	return 0;
}

static void enter_list(struct directory *directory)
{
	pthread_mutex_lock(&directories_lock);
	directory->next = directories;
	directories = directory;
	pthread_mutex_unlock(&directories_lock);
}

static void leave_list(struct directory *directory)
{
	struct directory **at;

	pthread_mutex_lock(&directories_lock);
	for (at = &directories; *at != directory; at = &(*at)->next)
		;
	*at = directory->next;
	pthread_mutex_unlock(&directories_lock);
}

/*
 * A child whose handlers didn't run may have been forked while another thread had the lock for a fork of its own. The
 * list is whole at each instant: it is changed by one store.
 */
void directories_child_after_fork(bool prepared)
{
	(void)prepared;
	pthread_mutex_init(&directories_lock, NULL);
}

int directory_open(struct directory *directory, const char *path)
{
	int saved = errno;
	int error = note_path(directory, path);

	directory->pids = lifetime_pids();
	directory->heir = 0;
	directory->spare = -1;
	store_rlx(&directory->fd, -1);      /* relaxed: nobody else has it yet */
	store_rlx(&directory->away, false); /* relaxed: as above */
	if (!error)
		error = open_kept(directory, path);
	if (!error)
		error = probe(directory);
	if (error) {
		if (directory_fd_unchecked(directory) >= 0)
			close(directory_fd_unchecked(directory));
		memory_free(directory->path);
	} else {
		directory->spare = directory_open_again(directory); /* if that fails, it is tried again before a fork */
		enter_list(directory);                              /* from now on others may look at the spare */
	}
	errno = saved;
	return error;
}

void directory_close(struct directory *directory)
{
	int saved = errno;

	leave_list(directory);
	directory_close_fd(directory, directory_fd_unchecked(directory));
	directory_close_fd(directory, directory->spare);
	memory_free(directory->path);
	errno = saved;
}

void directory_lock(const struct directory *directory)
{
	struct timespec next;
	int saved = errno;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (int i = 0;
	     i < LOCK_TRIES && flock(directory_fd(directory), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++) {
		next = clock_after(&next, 1000 * 1000);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			; /* a signal doesn't make the wait shorter */
	}
	errno = saved;
}

void directory_unlock(const struct directory *directory)
{
	int saved = errno;

	flock(directory_fd(directory), LOCK_UN);
	errno = saved;
}

/* On tmpfs, each semaphore is one file of the file system, with or without a name. */
uint64_t directory_count_at_most(const struct directory *directory)
{
	struct statfs system;
	int saved = errno;
	uint64_t count = UINT64_MAX;

	if (fstatfs(directory_fd(directory), &system) == 0 && system.f_type == TMPFS_MAGIC && system.f_files > 0)
		count = system.f_files - system.f_ffree;
	errno = saved;
	return count;
}
