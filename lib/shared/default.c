/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default directory: see default.h.
 *
 * A directory is made under a temporary name, gets its mode, and is then renamed, unless something has the name
 * already. A maker that is killed leaves at most an empty directory with a temporary name.
 */
#include "shared/default.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOR_ALL "/dev/shm/ksem"

#define MODE_FOR_ALL (S_ISVTX | S_IRWXU | S_IRWXG | S_IRWXO)

static char started_in[PATH_MAX]; /* constant once main runs; empty: unknown */

__attribute__((constructor)) static void note_start(void)
{
	int saved = errno;

	if (!getcwd(started_in, sizeof(started_in)))
		started_in[0] = '\0';
	errno = saved;
}

/*
 * Sets the mode of a directory that this user made. Not by its path: whoever may write beside it could have put a
 * symbolic link in its place. 0, or an error; EACCES: it is no directory, or another user's.
 */
static int give_mode(const char *path, mode_t mode)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	int error = 0;

	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? EACCES : errno;
	if (fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid())
		error = EACCES;
	else if (fchmod(fd, mode) != 0)
		error = errno;
	close(fd);
	return error;
}

/* For file systems that can't rename like that: the directory gets its mode a moment after its name. */
static int make_at_once(const char *path, mode_t mode)
{
	if (mkdir(path, mode) != 0)
		return errno == EEXIST ? 0 : errno;
	return give_mode(path, mode);
}

static bool is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

/* Makes the directory with that mode, whatever the umask is, unless something has the name. */
static int make_whole(const char *path, mode_t mode)
{
	char beside[PATH_MAX];
	int error;

	if (is_there(path))
		return 0;
	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return ENAMETOOLONG;
	if (!mkdtemp(beside))
		return errno;
	error = give_mode(beside, mode);
	if (!error && renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	error = error ? error : errno;
	rmdir(beside);
	if (error == EINVAL || error == ENOSYS)
		return make_at_once(path, mode);
	return error == EEXIST ? 0 : error;
}

static int from_environment(const char *named, bool make, char *path, size_t room)
{
	bool relative = *named != '/';

	if (relative && !*started_in)
		return ENOENT;
	if (snprintf(path, room, "%s%s%s", relative ? started_in : "", relative ? "/" : "", named) >= (int)room)
		return ENAMETOOLONG;
	return make ? make_whole(path, MODE_FOR_ALL) : 0;
}

/* Sets the mode of a directory whose maker was killed before it did that. */
static void finish(const struct stat *status)
{
	if (status->st_uid == geteuid() && status->st_mode & S_ISVTX)
		(void)give_mode(FOR_ALL, MODE_FOR_ALL);
}

/* May this user open and make semaphores there? */
static bool is_for_all(void)
{
	struct stat status;

	if (lstat(FOR_ALL, &status) != 0 || !S_ISDIR(status.st_mode))
		return false;
	if ((status.st_mode & MODE_FOR_ALL) != MODE_FOR_ALL)
		finish(&status);
	return faccessat(AT_FDCWD, FOR_ALL, R_OK | W_OK | X_OK, AT_EACCESS) == 0;
}

/* Chooses a directory for this user alone. */
static int choose_own(bool make, char *path, size_t room)
{
	struct stat status;
	int error;

	(void)snprintf(path, room, FOR_ALL "-%u", (unsigned)geteuid());
	error = make ? make_whole(path, S_IRWXU) : 0;
	if (!error && lstat(path, &status) != 0)
		error = errno;
	if (error)
		return error;
	return S_ISDIR(status.st_mode) && status.st_uid == geteuid() ? 0 : EACCES;
}

static int choose(bool make, char *path, size_t room)
{
	const char *named = secure_getenv("KSEM_DIR");
	int error;

	if (named && *named)
		return from_environment(named, make, path, room);
	(void)snprintf(path, room, "%s", FOR_ALL);
	error = make ? make_whole(FOR_ALL, MODE_FOR_ALL) : 0;
	if (error || is_for_all() || !is_there(FOR_ALL))
		return error;
	error = choose_own(make, path, room);
	return error == ENOENT && !make ? 0 : error; /* whoever opens it gets the error */
}

int default_directory(bool make, const char **path)
{
	static char chosen[PATH_MAX]; /* the caller's, as *path is */
	int saved = errno;
	int error = choose(make, chosen, sizeof(chosen));

	*path = chosen;
	errno = saved;
	return error;
}
