/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of <semaphore.h> that have to do with names: sem_open, sem_close, sem_unlink.
 *
 * A process maps each semaphore once, however often it opens it. Two hash tables under a mutex hold the open
 * semaphores: one by the file's device and inode number, one by address. The kernel doesn't reuse the inode number
 * while the file is mapped. So if a name was unlinked and made anew, it is another semaphore, at another address.
 *
 * A maker maps the new semaphore and allocates all memory before it gives the name, and keeps the mutex until the
 * semaphore is in the tables. So an open that fails leaves no name, and a thread that finds the name finds the mapping.
 *
 * A fork takes the mutex, so that its child can open semaphores; the child has open what its parent had open. The
 * forking thread's own calls don't wait for the mutex, so the program's fork handlers may open and close. Neither does
 * a fork from a signal handler that interrupted one of these calls; its child may finish the call.
 *
 * None of the calls is a cancellation point: cancellation is disabled in each, and throughout a fork.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "posix/file.h"

/* A semaphore that this process has open. */
struct opened {
	struct opened *next_by_file, *next_by_address; /* in its bucket */
	struct file *file;                             /* constant, as are the two below */
	dev_t device;
	ino_t number;
	size_t times; /* under the lock, as are the links */
};

#define BUCKETS 4096 /* there are at most some 65,000 mappings in a process */

static struct opened *by_file[BUCKETS], *by_address[BUCKETS]; /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Owner only, and its signal handlers. */
static _Thread_local unsigned inside;      /* nested calls and forks; the outermost has the mutex */
static _Thread_local struct cancel cancel; /* what the last of them restores */

static void enter(void)
{
	struct cancel before = cancel_disable();

	if (inside++ > 0)
		return;
	cancel = before;
	pthread_mutex_lock(&lock);
}

static void leave(void)
{
	struct cancel before = cancel;

	if (inside == 1)
		pthread_mutex_unlock(&lock);
	if (--inside == 0)
		cancel_restore(before);
}

/* Runs early, so that few fork handlers of the program run while a fork has the mutex. */
__attribute__((constructor(101))) static void watch_forks(void)
{
	pthread_atfork(enter, leave, leave); /* if it can't: forks beside sem_open may leave their child without it */
}

/* ---- The tables; under the lock. ---- */

static size_t bucket_of(uint64_t key)
{
	return key * UINT64_C(0x9E3779B97F4A7C15) >> 52;
}

_Static_assert(BUCKETS == UINT64_C(1) << (64 - 52), "bucket_of fits");

static struct opened **bucket_of_file(dev_t device, ino_t number)
{
	return &by_file[bucket_of((uint64_t)number + (uint64_t)device * 31)];
}

static struct opened **bucket_of_address(const void *address)
{
	return &by_address[bucket_of((uintptr_t)address)];
}

static sem_t *semaphore_of(struct opened *opened)
{
	return (sem_t *)&opened->file->sem;
}

static struct opened *find_by_file(const struct stat *status)
{
	struct opened *opened = *bucket_of_file(status->st_dev, status->st_ino);

	while (opened && (opened->device != status->st_dev || opened->number != status->st_ino))
		opened = opened->next_by_file;
	return opened;
}

static struct opened *find_by_address(const sem_t *sem)
{
	struct opened *opened = *bucket_of_address(sem);

	while (opened && semaphore_of(opened) != sem)
		opened = opened->next_by_address;
	return opened;
}

static void insert(struct opened *opened)
{
	struct opened **file = bucket_of_file(opened->device, opened->number);
	struct opened **address = bucket_of_address(semaphore_of(opened));

	opened->next_by_file = *file;
	*file = opened;
	opened->next_by_address = *address;
	*address = opened;
}

static void remove_from_tables(struct opened *opened)
{
	struct opened **link = bucket_of_file(opened->device, opened->number);

	while (*link != opened)
		link = &(*link)->next_by_file;
	*link = opened->next_by_file;
	link = bucket_of_address(semaphore_of(opened));
	while (*link != opened)
		link = &(*link)->next_by_address;
	*link = opened->next_by_address;
}

/* ---- Opening. ---- */

/* Maps the file; puts it into no table yet. 0, ENOMEM, or an error of file_map. */
static int prepare(int fd, const struct stat *status, struct opened **prepared)
{
	struct opened *opened = malloc(sizeof(*opened));
	int error;

	if (!opened)
		return ENOMEM;
	error = file_map(fd, &opened->file);
	if (error) {
		free(opened);
		return error;
	}
	opened->device = status->st_dev;
	opened->number = status->st_ino;
	opened->times = 1;
	*prepared = opened;
	return 0;
}

static void discard(struct opened *opened)
{
	file_unmap(opened->file);
	free(opened);
}

/* Both under the lock. 0, or an error number; ENOENT: there is no such name. */
static int find(const struct file_path *path, sem_t **sem)
{
	struct opened *opened = NULL;
	struct stat status;
	int fd = file_find(path);
	int error = 0;

	if (fd < 0)
		return -fd;
	if (fstat(fd, &status) != 0)
		error = errno;
	else if ((opened = find_by_file(&status)))
		opened->times++;
	else if ((error = prepare(fd, &status, &opened)) == 0)
		insert(opened);
	close(fd);
	if (opened)
		*sem = semaphore_of(opened);
	return error;
}

/* EEXIST: there is such a name. */
static int make(const struct file_path *path, mode_t mode, unsigned int value, sem_t **sem)
{
	struct opened *opened = NULL;
	struct making making;
	struct stat status;
	int error = file_make(path, mode, value, &making);

	if (error)
		return error;
	error = fstat(making.fd, &status) == 0 ? prepare(making.fd, &status, &opened) : errno;
	if (!opened) {
		file_forget(&making);
		return error;
	}
	error = file_publish(path, &making);
	if (error) {
		discard(opened);
		return error;
	}
	insert(opened);
	*sem = semaphore_of(opened);
	return 0;
}

static int find_or_make(const struct file_path *path, int oflag, mode_t mode, unsigned int value, sem_t **sem)
{
	bool may_make = (oflag & O_CREAT) != 0, only_make = may_make && (oflag & O_EXCL);
	int error;

	do {
		error = only_make ? ENOENT : find(path, sem);
		if (error != ENOENT || !may_make)
			return error;
		if (value > SEM_VALUE_MAX)
			return EINVAL;
		error = make(path, mode, value, sem);
	} while (error == EEXIST && !only_make); /* another process was faster */
	return error;
}

static int open_named(const char *name, int oflag, mode_t mode, unsigned int value, sem_t **sem)
{
	struct file_path path;
	int error = file_path_of(name, &path);

	return error ? error : find_or_make(&path, oflag, mode, value, sem);
}

PUBLIC sem_t *sem_open(const char *name, int oflag, ...)
{
	sem_t *sem = SEM_FAILED;
	mode_t mode = 0;
	unsigned int value = 0;
	int error;

	if (oflag & O_CREAT) {
		va_list more;

		va_start(more, oflag);
		mode = va_arg(more, mode_t); /* NOLINT(clang-analyzer-valist.Uninitialized): it has begun */
		value = va_arg(more, unsigned int);
		va_end(more);
	}
	enter();
	error = open_named(name, oflag, mode, value, &sem);
	leave();
	if (error)
		errno = error;
	return sem;
}

PUBLIC int sem_close(sem_t *sem)
{
	struct opened *opened;

	enter();
	opened = find_by_address(sem);
	if (opened && --opened->times == 0) {
		remove_from_tables(opened);
		discard(opened);
	}
	leave();
	if (opened)
		return 0;
	errno = EINVAL;
	return -1;
}

PUBLIC int sem_unlink(const char *name)
{
	struct file_path path;
	int error;

	enter();
	error = file_path_of(name, &path);
	if (!error && unlink(path.whole) != 0)
		error = errno == EPERM ? EACCES : errno;
	leave();
	if (!error)
		return 0;
	errno = error == EINVAL ? ENOENT : error; /* no semaphore can have that name */
	return -1;
}
