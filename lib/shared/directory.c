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
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "ksem/ksem.h"
#include "os/descriptor.h"
#include "os/lifetime.h"

#define LOCK_TRIES 200

static pthread_mutex_t directories_lock = PTHREAD_MUTEX_INITIALIZER; /* inside the fork gate, and any other lock */
static struct directory *directories;                                /* under directories_lock */

/* ---- The descriptors. ---- */

static int kept_fd(const struct directory *directory)
{
	return load_rlx(&directory->fd); /* relaxed: a number; before each use the thread checks which file it is for */
}

static bool is_ours(const struct directory *directory, int fd, struct stat *status)
{
	return descriptor_is_ours(fd, directory->device, directory->number, status);
}

int directory_fd(const struct directory *directory)
{
	struct stat status;
	int fd = kept_fd(directory);

	return is_ours(directory, fd, &status) ? fd : -1;
}

/* A new descriptor of ours has that number. So a directory that had the same number has lost its descriptor. */
static void disown(int fd)
{
	pthread_mutex_lock(&directories_lock);
	for (struct directory *other = directories; other; other = other->next) {
		if (kept_fd(other) == fd)
			store_rlx(&other->fd, -1); /* relaxed: as above */
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

static void close_ours(const struct directory *directory, int fd)
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

/* Opens another description of the directory, which stays open. Negative: errno says why. */
static int open_again(const struct directory *directory)
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

/* ---- Liveness. ---- */

static struct flock byte_lock(short type, uint64_t liveness)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)liveness, .l_len = 1};
}

/* A place for a liveness lock: 61 random bits. No two processes will ever have the same. */
static uint64_t random_place(void)
{
	uint64_t place = 0;
	struct timespec now;

	if (getrandom(&place, sizeof(place), GRND_NONBLOCK) != sizeof(place)) { /* the machine has just started */
		clock_gettime(CLOCK_MONOTONIC, &now);
		place = ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 16) *
			UINT64_C(0x9E3779B97F4A7C15);
	}
	return place >> 3 | 1;
}

/* Locks the byte. 0: the kernel gave no lock; errno says why. */
static uint64_t lock_place(int fd, uint64_t place)
{
	struct flock lock = byte_lock(F_RDLCK, place);

	return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? place : 0;
}

static uint64_t lock_a_place(int fd)
{
	return lock_place(fd, random_place());
}

/* Takes a joint liveness. 0: as above, or the pid namespace is unknown. */
static uint64_t lock_a_joint_place(int fd)
{
	uint32_t namespace = lifetime_namespace();

	return namespace ? lock_place(fd, (random_place() & ~UINT64_C(0x1FFFF)) | (uint64_t) namespace << 1) : 0;
}

static int become_present(struct directory *directory)
{
	directory->liveness = lock_a_place(kept_fd(directory));
	return directory->liveness ? 0 : errno;
}

int directory_be_present(struct directory *directory)
{
	int saved = errno;
	int own, error = 0;

	if (directory->liveness)
		return 0;
	own = open_again(directory);
	if (own < 0) {
		error = errno;
	} else {
		close_ours(directory, kept_fd(directory)); /* the parent uses it, too */
		store_rlx(&directory->fd, own);            /* relaxed: as in kept_fd */
		error = become_present(directory);
	}
	errno = saved;
	return error;
}

int directory_refresh(struct directory *directory, bool *again)
{
	struct flock lock = byte_lock(F_RDLCK, directory->liveness);
	struct stat status;
	int saved = errno;
	int fd, error = 0;

	*again = false;
	if (is_ours(directory, kept_fd(directory), &status))
		return status.st_nlink == 0 ? ESTALE : 0;
	fd = keep(open_by_path(directory));
	if (fd < 0) {
		error = EBADF;
	} else {
		store_rlx(&directory->fd, fd); /* relaxed: as in kept_fd */
		if (directory->liveness && fcntl(fd, F_OFD_SETLK, &lock) != 0)
			error = errno;
		*again = !error;
	}
	errno = saved;
	return error;
}

/* The kernel's answer counts only if the descriptor is still the directory's. */
bool directory_is_present(const struct directory *directory, uint64_t liveness)
{
	struct flock lock = byte_lock(F_WRLCK, liveness);
	int saved = errno;
	bool is = liveness == directory->liveness ||
		  (liveness_is_joint(liveness) && liveness_is_joint(directory->liveness)) || /* ours isn't reported */
		  fcntl(kept_fd(directory), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK ||
		  directory_fd(directory) < 0;

	errno = saved;
	return is;
}

/* ---- Around a fork. ---- */

/* Takes a liveness for a child that will share this process's description. 0: it couldn't. */
static uint64_t share_description(struct directory *directory)
{
	uint64_t own = directory->liveness;

	if (!own || directory_fd(directory) < 0)
		return 0;
	if (!liveness_is_joint(own))
		own = lock_a_joint_place(kept_fd(directory));
	if (!own)
		return 0;
	directory->liveness = own;
	return lock_a_joint_place(kept_fd(directory));
}

void directory_before_fork(struct directory *directory)
{
	struct stat status;
	int saved = errno;

	if (!is_ours(directory, directory->spare, &status))
		directory->spare = open_again(directory);
	directory->heir = directory->spare >= 0 ? lock_a_place(directory->spare) : share_description(directory);
	errno = saved;
}

void directory_after_fork(struct directory *directory)
{
	int saved = errno;

	if (directory->heir) {
		close_ours(directory, directory->spare); /* from now on only the child has it, if there is a child */
		directory->spare = open_again(directory);
	}
	directory->heir = 0;
	errno = saved;
}

void directory_in_child(struct directory *directory, bool prepared)
{
	struct stat status;
	int saved = errno;
	int spare = directory->spare;

	directory->liveness = 0;
	directory->spare = -1;
	if (prepared && directory->heir && liveness_is_joint(directory->heir)) {
		directory->liveness = directory->heir;
	} else if (prepared && directory->heir && is_ours(directory, spare, &status)) {
		close_ours(directory, kept_fd(directory));
		store_rlx(&directory->fd, spare); /* relaxed: as in kept_fd */
		directory->liveness = directory->heir;
	} else {
		directory_be_present(directory);
		close_ours(directory, spare); /* the parent's */
	}
	directory->heir = 0;
	directory->spare = open_again(directory);
	errno = saved;
}

/* ---- The directory itself. ---- */

int directory_make_nameless(const struct directory *directory)
{
	const int flags = O_TMPFILE | O_RDWR | O_CLOEXEC;

	return descriptor_clear(openat(directory_fd(directory), ".", flags, S_IRUSR | S_IWUSR));
}

/* A process that may not make semaphores there may still open them. */
static int probe(const struct directory *directory)
{
	int fd = directory_make_nameless(directory);

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
	store_rlx(&directory->fd, fd); /* relaxed: as in kept_fd */
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

int directory_open(struct directory *directory, const char *path)
{
	int saved = errno;
	int error = note_path(directory, path);

	directory->heir = 0;
	directory->spare = -1;
	store_rlx(&directory->fd, -1); /* relaxed: nobody else has it yet */
	if (!error)
		error = open_kept(directory, path);
	if (!error)
		error = probe(directory);
	if (!error)
		error = become_present(directory);
	if (error) {
		if (kept_fd(directory) >= 0)
			close(kept_fd(directory));
		memory_free(directory->path);
	} else {
		enter_list(directory);
		directory->spare = open_again(directory); /* if that fails, it is tried again before a fork */
	}
	errno = saved;
	return error;
}

void directory_close(struct directory *directory)
{
	int saved = errno;

	leave_list(directory);
	close_ours(directory, kept_fd(directory));
	close_ours(directory, directory->spare);
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
		next.tv_nsec += 1000 * 1000;
		if (next.tv_nsec >= 1000 * 1000 * 1000) {
			next.tv_nsec -= 1000 * 1000 * 1000;
			next.tv_sec++;
		}
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
