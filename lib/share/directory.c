/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories: see directory.h.
 *
 * The lock between makers at the limit is flock() on the directory: the kernel lets go of it for who died. Who has
 * stopped in it, or keeps it on purpose, is waited for LOCK_TRIES milliseconds; the limit is then less exact.
 */
#include "share/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "ksem/ksem.h"

#define DEFAULT_PATH "/dev/shm/ksem"
#define LOCK_TRIES   200

/* ---- Presence. ---- */

static struct flock byte_lock(short type, uint64_t presence)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)presence, .l_len = 1};
}

/* A place that no other process has, but by an accident that nobody lives to see: 61 random bits. */
static uint64_t random_place(void)
{
	uint64_t place = 0;
	struct timespec now;

	if (getrandom(&place, sizeof(place), GRND_NONBLOCK) != sizeof(place)) { /* the machine has hardly started */
		clock_gettime(CLOCK_MONOTONIC, &now);
		place = ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 16) *
			UINT64_C(0x9E3779B97F4A7C15);
	}
	return place >> 3 | 1;
}

/* 0: the kernel gives no lock; errno says why. */
static uint64_t lock_a_place(int fd)
{
	uint64_t place = random_place();
	struct flock lock = byte_lock(F_RDLCK, place);

	return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? place : 0;
}

/* Another description of the directory. Negative: errno says why. */
static int open_again(int fd)
{
	char self[64];
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (own >= 0 || errno != EACCES)
		return own;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd); /* may be read, but not searched */
	return open(self, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int become_present(struct directory *directory)
{
	directory->process = getpid();
	directory->presence = lock_a_place(directory->fd);
	return directory->presence ? 0 : errno;
}

int directory_be_present(struct directory *directory)
{
	int saved = errno;
	int own, error = 0;

	if (directory->presence)
		return 0;
	own = open_again(directory->fd);
	if (own < 0) {
		error = errno;
	} else {
		close(directory->fd); /* it is the parent's, too */
		directory->fd = own;
		error = become_present(directory);
	}
	errno = saved;
	return error;
}

bool directory_is_present(const struct directory *directory, uint64_t presence)
{
	struct flock lock = byte_lock(F_WRLCK, presence);
	int saved = errno;
	bool is = presence == directory->presence || fcntl(directory->fd, F_OFD_GETLK, &lock) != 0 ||
		  lock.l_type != F_UNLCK;

	errno = saved;
	return is;
}

/* ---- Around a fork. ---- */

void directory_before_fork(struct directory *directory)
{
	int saved = errno;

	if (directory->spare < 0)
		directory->spare = open_again(directory->fd);
	directory->heir = directory->spare >= 0 ? lock_a_place(directory->spare) : 0;
	errno = saved;
}

void directory_after_fork(struct directory *directory)
{
	int saved = errno;

	if (directory->heir) {
		close(directory->spare); /* the child has it alone; or if there is none, nobody */
		directory->spare = open_again(directory->fd);
	}
	directory->heir = 0;
	errno = saved;
}

void directory_in_child(struct directory *directory, bool prepared)
{
	int saved = errno;

	directory->presence = 0;
	directory->process = getpid();
	if (prepared && directory->heir) {
		close(directory->fd);
		directory->fd = directory->spare;
		directory->presence = directory->heir;
	} else {
		directory_be_present(directory);
		if (directory->spare >= 0)
			close(directory->spare); /* the parent's */
	}
	directory->heir = 0;
	directory->spare = open_again(directory->fd);
	errno = saved;
}

/* ---- The directory itself. ---- */

int directory_make_nameless(const struct directory *directory)
{
	return openat(directory->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
}

int directory_open(struct directory *directory, const char *path)
{
	int saved = errno;
	int probe, error = 0;

	directory->heir = 0;
	directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory->fd < 0) {
		error = errno;
	} else {
		probe = directory_make_nameless(directory);
		if (probe >= 0)
			close(probe);
		else if (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)
			error = ENOTSUP;
		/* anything else: who may not make semaphores here may still open them */
		if (!error)
			error = become_present(directory);
		if (error)
			close(directory->fd);
		else
			directory->spare = open_again(directory->fd); /* if it can't: before a fork is time enough */
	}
	errno = saved;
	return error;
}

void directory_close(struct directory *directory)
{
	int saved = errno;

	close(directory->fd);
	if (directory->spare >= 0)
		close(directory->spare);
	errno = saved;
}

int directory_make_default(const char **path)
{
	int saved = errno;
	int error = 0;

	*path = secure_getenv("KSEM_DIR");
	if (!*path || !**path)
		*path = DEFAULT_PATH;
	if (mkdir(*path, S_ISVTX | S_IRWXU | S_IRWXG | S_IRWXO) == 0)
		error = chmod(*path, S_ISVTX | S_IRWXU | S_IRWXG | S_IRWXO) == 0 ? 0 : errno; /* whatever the umask */
	else if (errno != EEXIST)
		error = errno;
	errno = saved;
	return error;
}

void directory_lock(const struct directory *directory)
{
	struct timespec next;
	int saved = errno;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (int i = 0; i < LOCK_TRIES && flock(directory->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++) {
		next.tv_nsec += 1000 * 1000;
		if (next.tv_nsec >= 1000 * 1000 * 1000) {
			next.tv_nsec -= 1000 * 1000 * 1000;
			next.tv_sec++;
		}
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			; /* signals don't make the wait shorter */
	}
	errno = saved;
}

void directory_unlock(const struct directory *directory)
{
	int saved = errno;

	flock(directory->fd, LOCK_UN);
	errno = saved;
}

/* ---- All of its names. ---- */

/* The name of which this is the file; 0: none. */
static size_t from_file(const char *file, char *name)
{
	size_t length = strlen(file);

	if (file[0] == '.' || length > KSEM_NAME_MAX)
		return 0;
	if (file[0] == DIRECTORY_ESCAPE) {
		file++;
		length--;
		if (file[0] != '.' && file[0] != DIRECTORY_ESCAPE)
			return 0;
	}
	if (length + 1 > KSEM_NAME_MAX)
		return 0;
	name[0] = '/';
	memcpy(name + 1, file, length + 1);
	return length + 1;
}

static int open_all(const struct directory *directory, DIR **all)
{
	int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	*all = fdopendir(fd);
	if (!*all) {
		error = errno;
		close(fd);
	}
	return error;
}

/* ENOENT: there are no more. */
static int next_entry(DIR *all, struct dirent **entry)
{
	errno = 0;
	*entry = readdir(all); /* its stream is ours alone. NOLINT(concurrency-mt-unsafe) */
	if (*entry)
		return 0;
	return errno ? errno : ENOENT;
}

int directory_for_all(const struct directory *directory,
		      int (*visit)(const char *name, size_t length, ino_t number, void *arg), void *arg)
{
	char name[KSEM_NAME_MAX + 2];
	struct dirent *entry;
	int saved = errno;
	DIR *all;
	int result = open_all(directory, &all);

	if (!result) {
		while (!(result = next_entry(all, &entry))) {
			size_t length = from_file(entry->d_name, name);

			if (length > 0 && (result = visit(name, length, entry->d_ino, arg)))
				break;
		}
		if (!entry && result == ENOENT)
			result = 0;
		closedir(all);
	}
	errno = saved;
	return result;
}

/* On tmpfs every semaphore, with a name or without, is a file of the whole file system. */
uint64_t directory_count_at_most(const struct directory *directory)
{
	struct statfs system;
	int saved = errno;
	uint64_t count = UINT64_MAX;

	if (fstatfs(directory->fd, &system) == 0 && system.f_type == TMPFS_MAGIC && system.f_files > 0)
		count = system.f_files - system.f_ffree;
	errno = saved;
	return count;
}
