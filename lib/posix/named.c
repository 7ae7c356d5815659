/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of <semaphore.h> that have to do with names: sem_open, sem_close, sem_unlink.
 *
 * A process has each semaphore mapped once, however often it opens it: a list under a mutex tells which, by the file's
 * device and number. The number isn't given to another file while this one is mapped, so a name that was taken away
 * and made anew is another semaphore, at another address.
 *
 * A fork waits for the mutex, so that its child can open too; the child has what its parent had open. The forking
 * thread has the mutex meanwhile, and its calls pass: the host's own fork handlers may open and close. So does a fork
 * from a signal handler that interrupted one of these calls, whose child may go on with it.
 *
 * None of the calls is a point of cancellation: it is disabled in each, and from a fork's beginning to its end.
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

/* One that this process has open. */
struct opened {
	struct opened *next;
	struct file *file; /* constant, as are the two below */
	dev_t device;
	ino_t number;
	size_t times; /* under the lock, as next is */
};

static struct opened *all; /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Owner only, and its signal handlers. */
static _Thread_local unsigned inside;      /* calls and forks under way, of which the first has the mutex */
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

/* Early, so that few handlers of the host's run while a fork has the mutex. */
__attribute__((constructor(101))) static void watch_forks(void)
{
	pthread_atfork(enter, leave, leave); /* if it can't: forks beside sem_open may leave their child without it */
}

/* One more; ENOMEM, or what file_map says. Under the lock. */
static int add(int fd, const struct stat *status, struct opened **found)
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
	opened->times = 0;
	opened->next = all;
	all = opened;
	*found = opened;
	return 0;
}

static int find_or_add(int fd, struct opened **found)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return errno;
	for (*found = all; *found; *found = (*found)->next) {
		if ((*found)->device == status.st_dev && (*found)->number == status.st_ino)
			return 0;
	}
	return add(fd, &status, found);
}

/* The semaphore of this file, opened once more. */
static int have(int fd, sem_t **sem)
{
	struct opened *opened = NULL;
	int error;

	enter();
	error = find_or_add(fd, &opened);
	if (opened) {
		opened->times++;
		*sem = (sem_t *)&opened->file->sem;
	}
	leave();
	return error;
}

/* A descriptor, or minus an error number. */
static int find_or_make(const struct file_path *path, int oflag, mode_t mode, unsigned int value)
{
	bool make = (oflag & O_CREAT) != 0, only_make = make && (oflag & O_EXCL);
	int fd;

	do {
		fd = only_make ? -ENOENT : file_find(path);
		if (fd != -ENOENT || !make)
			return fd;
		if (value > SEM_VALUE_MAX)
			return -EINVAL;
		fd = file_make(path, mode, value);
	} while (fd == -EEXIST && !only_make); /* somebody was faster */
	return fd;
}

static int open_named(const char *name, int oflag, mode_t mode, unsigned int value, sem_t **sem)
{
	struct file_path path;
	int error = file_path_of(name, &path);
	int fd;

	if (error)
		return error;
	fd = find_or_make(&path, oflag, mode, value);
	if (fd < 0)
		return -fd;
	error = have(fd, sem);
	close(fd);
	return error;
}

PUBLIC sem_t *sem_open(const char *name, int oflag, ...)
{
	sem_t *sem = SEM_FAILED;
	mode_t mode = 0;
	unsigned int value = 0;
	struct cancel before;
	int error;

	if (oflag & O_CREAT) {
		va_list more;

		va_start(more, oflag);
		mode = va_arg(more, mode_t); /* NOLINT(clang-analyzer-valist.Uninitialized): it has begun */
		value = va_arg(more, unsigned int);
		va_end(more);
	}
	before = cancel_disable();
	error = open_named(name, oflag, mode, value, &sem);
	cancel_restore(before);
	if (error)
		errno = error;
	return sem;
}

PUBLIC int sem_close(sem_t *sem)
{
	struct opened **link = &all, *opened, *last = NULL;
	bool is_open;

	enter();
	while ((opened = *link) && (sem_t *)&opened->file->sem != sem)
		link = &opened->next;
	is_open = opened != NULL;
	if (is_open && --opened->times == 0) {
		last = opened;
		*link = opened->next;
		file_unmap(opened->file);
	}
	free(last);
	leave();
	if (is_open)
		return 0;
	errno = EINVAL;
	return -1;
}

PUBLIC int sem_unlink(const char *name)
{
	struct file_path path;
	struct cancel before = cancel_disable();
	int error = file_path_of(name, &path);

	if (!error && unlink(path.whole) != 0)
		error = errno == EPERM ? EACCES : errno;
	cancel_restore(before);
	if (!error)
		return 0;
	errno = error == EINVAL ? ENOENT : error; /* no semaphore can have that name */
	return -1;
}
