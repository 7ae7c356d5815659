/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories: see directory.h.
 *
 * The lock between makers at the limit, and between unlinkers, is flock() on the directory: the kernel lets go of it
 * for who died. Who has stopped in it, or keeps it on purpose, is waited for LOCK_TRIES milliseconds; what it is for is
 * then less exact: a limit, or whether the holders of a name know that it was taken away.
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
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "share/kept.h"
#include "share/page.h"

#define DEFAULT_PATH "/dev/shm/ksem"
#define LOCK_TRIES   200
#define ESCAPE       '%'

/* ---- Presence. ---- */

static struct flock byte_lock(short type, uint64_t presence)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)presence, .l_len = 1};
}

static void become_present(struct directory *directory)
{
	uint64_t presence = 0;
	struct flock lock;

	directory->process = getpid();
	directory->presence = 0;
	if (getrandom(&presence, sizeof(presence), GRND_NONBLOCK) != sizeof(presence))
		return;
	presence = presence >> 2 | 1;
	lock = byte_lock(F_RDLCK, presence);
	if (fcntl(directory->fd, F_OFD_SETLK, &lock) == 0)
		directory->presence = presence;
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

void directory_after_fork(struct directory *directory)
{
	int saved = errno;
	int own = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	directory->presence = 0;
	if (own >= 0) {
		dup3(own, directory->fd, O_CLOEXEC); /* lets go of the parent's */
		close(own);
		become_present(directory);
	}
	errno = saved;
}

/* ---- The directory itself. ---- */

static int make_nameless(const struct directory *directory)
{
	return openat(directory->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
}

int directory_open(struct directory *directory, const char *path)
{
	int saved = errno;
	int probe, error = 0;

	directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory->fd < 0) {
		error = errno;
	} else {
		probe = make_nameless(directory);
		if (probe >= 0)
			close(probe);
		else if (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)
			error = ENOTSUP;
		/* anything else: who may not make semaphores here may still open them */
		if (error)
			close(directory->fd);
		else
			become_present(directory);
	}
	errno = saved;
	return error;
}

void directory_close(struct directory *directory)
{
	int saved = errno;

	close(directory->fd);
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
	static const struct timespec millisecond = {0, 1000 * 1000};
	int saved = errno;

	for (int i = 0; i < LOCK_TRIES && flock(directory->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++)
		nanosleep(&millisecond, NULL);
	errno = saved;
}

void directory_unlock(const struct directory *directory)
{
	int saved = errno;

	flock(directory->fd, LOCK_UN);
	errno = saved;
}

/* ---- Names. ---- */

/* The name of the file. False: no semaphore can have the name. */
static bool to_file(const char *name, size_t length, char *file)
{
	if (length < 2 || length > KSEM_NAME_MAX || name[0] != '/' || memchr(name + 1, '/', length - 1))
		return false;
	if (name[1] == '.' || name[1] == ESCAPE)
		*file++ = ESCAPE;
	memcpy(file, name + 1, length - 1);
	file[length - 1] = '\0';
	return true;
}

/* The name of which this is the file; 0: none. */
static size_t from_file(const char *file, char *name)
{
	size_t length = strlen(file);

	if (file[0] == '.' || length > KSEM_NAME_MAX)
		return 0;
	if (file[0] == ESCAPE) {
		file++;
		length--;
		if (file[0] != '.' && file[0] != ESCAPE)
			return 0;
	}
	if (length + 1 > KSEM_NAME_MAX)
		return 0;
	name[0] = '/';
	memcpy(name + 1, file, length + 1);
	return length + 1;
}

/* ---- Files. ---- */

/* What the contract calls it. */
static int error_of(int error)
{
	switch (error) {
	case EACCES:
	case EROFS:
		return EPERM;
	case EISDIR: /* something that isn't a file */
	case ENXIO:
	case ENODEV:
	case ETXTBSY:
		return EINVAL;
	default:
		return error;
	}
}

static uint32_t hash_of(const char *name, size_t length)
{
	uint32_t hash = UINT32_C(2166136261); /* FNV-1a */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * UINT32_C(16777619);
	return hash;
}

/*
 * What the kernel says of a file: of `path` in the directory `fd`, itself even if it is a symbolic link, or of `fd`
 * (path ""). 0, or the kernel's error.
 */
static int look(int fd, const char *path, struct statx *status)
{
	const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	return statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, status) == 0 ? 0 : errno;
}

static bool is_a_page(const struct statx *status)
{
	return S_ISREG(status->stx_mode) && status->stx_size == PAGE_BYTES;
}

/*
 * When the file was made, in milliseconds, and the low bits of its number: only the kernel writes these, so nobody can
 * give a file the id of another. tmpfs numbers its files in turn, so no two of one millisecond share those bits.
 *
 * Without a birth time (tmpfs of Linux before 6.0) the number alone is the id.
 */
static ksem_id_t id_of(const struct statx *status)
{
	uint64_t milliseconds;

	if (!(status->stx_mask & STATX_BTIME))
		return status->stx_ino;
	milliseconds = (uint64_t)status->stx_btime.tv_sec * 1000 + status->stx_btime.tv_nsec / 1000000;
	return milliseconds << 24 | (status->stx_ino & 0xFFFFFF);
}

static void describe(struct file *file, const struct statx *status)
{
	file->device = makedev(status->stx_dev_major, status->stx_dev_minor);
	file->number = status->stx_ino;
	file->owner = (struct ksem_cred){status->stx_uid, status->stx_gid};
	file->id = id_of(status);
}

static int map(int fd, const struct kept *kept, struct file *file)
{
	struct statx status;
	int error = look(fd, "", &status);

	if (error)
		return error;
	if (!is_a_page(&status))
		return EINVAL;
	describe(file, &status);
	file->page = kept ? kept_find(kept, file->device, file->number) : NULL;
	file->kept = file->page;
	if (!file->page)
		file->page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return file->page == MAP_FAILED ? error_of(errno) : 0;
}

/*
 * The file of the path, if its page is kept, without opening it again: if the kernel would let this process. False:
 * open it.
 */
static bool find_kept(const struct directory *directory, const char *path, const struct kept *kept, struct file *file)
{
	struct statx status;

	if (!kept || !kept_may_have(kept, file->name_hash) || look(directory->fd, path, &status))
		return false;
	describe(file, &status);
	file->page = kept_find(kept, file->device, file->number);
	file->kept = file->page;
	return file->page && is_a_page(&status) && faccessat(directory->fd, path, R_OK | W_OK, AT_EACCESS) == 0;
}

void file_close(struct file *file)
{
	int saved = errno;

	if (!file->kept)
		munmap(file->page, PAGE_BYTES);
	errno = saved;
}

static bool is_semaphore(struct file *file)
{
	file->mode = load_rlx(&file->page->mode); /* relaxed: constant, if nobody plays tricks */
	return page_is_semaphore(file->page) && file->id != 0;
}

static int open_file(const struct directory *directory, const char *path, const struct kept *kept, struct file *file)
{
	int fd = openat(directory->fd, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return error_of(errno);
	error = map(fd, kept, file);
	close(fd);
	return error;
}

int directory_find(const struct directory *directory, const char *name, size_t length, const struct kept *kept,
		   struct file *file)
{
	char path[KSEM_NAME_MAX + 2];
	int saved = errno;
	int error;

	if (!to_file(name, length, path))
		return ENOENT;
	file->name_hash = hash_of(name, length);
	error = find_kept(directory, path, kept, file) ? 0 : open_file(directory, path, kept, file);
	if (!error && !is_semaphore(file)) {
		file_close(file);
		error = EINVAL;
	}
	errno = saved;
	return error;
}

bool directory_has(const struct directory *directory, const char *name, size_t length)
{
	char path[KSEM_NAME_MAX + 2];
	struct statx status;
	int saved = errno;
	bool has = to_file(name, length, path) && look(directory->fd, path, &status) == 0;

	errno = saved;
	return has;
}

/* Whoever the contract lets use the semaphore may read and write the file; it has no classes that shut others out. */
static mode_t mode_of_file(mode_t mode)
{
	mode_t others = mode & S_IWOTH ? S_IROTH | S_IWOTH : 0;
	mode_t group = mode & S_IWGRP || others ? S_IRGRP | S_IWGRP : 0;
	mode_t user = mode & S_IWUSR || group ? S_IRUSR | S_IWUSR : 0;

	return user | group | others;
}

static int fill(int fd, const struct ksem_cred *owner, mode_t mode, uint32_t value, struct file *file)
{
	int error = posix_fallocate(fd, 0, PAGE_BYTES);

	if (!error)
		error = map(fd, NULL, file);
	if (error)
		return error;
	file->mode = mode;
	page_init(file->page, value, mode);
	if (((owner->uid != file->owner.uid || owner->gid != file->owner.gid) &&
	     fchown(fd, owner->uid, owner->gid) != 0) ||
	    fchmod(fd, mode_of_file(mode)) != 0)
		error = error_of(errno);
	file->owner = *owner;
	if (error)
		file_close(file);
	return error;
}

static int give_name(const struct directory *directory, int fd, const char *path)
{
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, directory->fd, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno == ENOENT && linkat(fd, "", directory->fd, path, AT_EMPTY_PATH) == 0) /* no /proc: root may */
		return 0;
	return error_of(errno);
}

int directory_make(const struct directory *directory, const struct making *making,
		   int (*admit)(const struct file *file, void *arg), void *arg, struct file *file)
{
	char path[KSEM_NAME_MAX + 2];
	int saved = errno;
	int fd, error;

	if (making->name && !to_file(making->name, making->length, path))
		return EINVAL;
	file->name_hash = making->name ? hash_of(making->name, making->length) : 0;
	fd = make_nameless(directory);
	if (fd < 0) {
		error = error_of(errno);
	} else {
		error = fill(fd, making->owner, making->mode, making->value, file);
		if (!error) {
			error = admit(file, arg);
			if (!error && making->name)
				error = give_name(directory, fd, path);
			if (error)
				file_close(file);
		}
		close(fd);
	}
	errno = saved;
	return error;
}

int directory_unlink(const struct directory *directory, const char *name, size_t length)
{
	char path[KSEM_NAME_MAX + 2];
	int saved = errno;
	int error = 0;

	if (!to_file(name, length, path))
		return ENOENT;
	if (unlinkat(directory->fd, path, 0) != 0)
		error = error_of(errno);
	errno = saved;
	return error;
}

/* ---- All of them. ---- */

static DIR *open_all(const struct directory *directory)
{
	int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *all;

	if (fd < 0)
		return NULL;
	all = fdopendir(fd);
	if (!all)
		close(fd);
	return all;
}

int directory_for_all(const struct directory *directory,
		      int (*visit)(const char *name, size_t length, ino_t number, void *arg), void *arg)
{
	int saved = errno;
	DIR *all = open_all(directory);
	struct dirent *entry;
	char name[KSEM_NAME_MAX + 2];
	int result = 0;

	if (!all)
		result = errno ? errno : ENOMEM;
	/* readdir: its stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (all && result == 0 && (entry = readdir(all))) {
		size_t length = from_file(entry->d_name, name);

		if (length > 0)
			result = visit(name, length, entry->d_ino, arg);
	}
	if (all)
		closedir(all);
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
