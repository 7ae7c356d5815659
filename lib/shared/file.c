/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of semaphores: see file.h.
 */
#include "shared/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "os/descriptor.h"
#include "shared/page.h"
#include "shared/status.h"

/* ---- Files. ---- */

/* The error number that the calls promise for it. */
static int error_of(int error)
{
	switch (error) {
	case EACCES:
	case EROFS:
	case EAGAIN: /* its owner has a lease on it */
		return EPERM;
	case EISDIR: /* a directory */
	case ENXIO:
	case ENODEV:
	case ETXTBSY:
		return EINVAL;
	default:
		return error;
	}
}

static int error_of_reading(int error)
{
	switch (error) {
	case EAGAIN: /* its owner has a lease on it */
		return EACCES;
	case EISDIR: /* it is a directory */
	case ENXIO:
	case ENODEV:
	case ELOOP:
		return EINVAL;
	default:
		return error;
	}
}

uint64_t file_name_hash(const char *name, size_t length)
{
	return hash_bytes(HASH_START, name, length);
}

void file_close(struct file *file)
{
	int saved = errno;

	if (!file->cached)
		munmap(file->page, PAGE_BYTES);
	errno = saved;
}

static bool has_line(const struct file *file)
{
	return !attributes_are_default(&file->attributes);
}

static bool is_semaphore(struct file *file)
{
	file->mode = load_rlx(&file->page->mode); /* relaxed: constant, unless somebody writes to the page */
	return page_is_semaphore(file->page) && file->id != 0 && page_attributes(file->page, &file->attributes) &&
	       (!has_line(file) || file->bytes == FILE_BYTES);
}

int file_use(struct file *file, struct page *page)
{
	file->page = page;
	file->cached = true;
	return is_semaphore(file) ? 0 : EINVAL;
}

static bool is_still(int fd, const struct file *file)
{
	return descriptor_is_of(fd, file->device, file->number);
}

static int map(int fd, struct file *file)
{
	file->cached = false;
	file->page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return file->page == MAP_FAILED ? error_of(errno) : 0;
}

int file_map(int fd, struct file *file)
{
	int saved = errno;
	int error = map(fd, file);

	if (!error && !is_semaphore(file)) {
		file_close(file);
		error = EINVAL;
	}
	errno = saved;
	return error;
}

/* As status_look; EINVAL: it can't be a semaphore's. */
static int look(int fd, const char *path, struct statx *status)
{
	int error = status_look(fd, path, status);

	return error || status_is_of_page(status) ? error : EINVAL;
}

int file_look(const struct directory *directory, const char *name, size_t length, struct file *file)
{
	char path[KSEM_NAME_MAX + 2];
	struct statx status;
	int saved = errno;
	int fd, error;

	if (!status_path(name, length, path))
		return ENOENT;
	fd = directory_fd(directory);
	error = look(fd, path, &status);
	if (!error && faccessat(fd, path, R_OK | W_OK, AT_EACCESS) != 0)
		error = error_of(errno);
	if (!error)
		status_describe(file, &status);
	file->name_hash = (uint32_t)file_name_hash(name, length);
	errno = saved;
	return error;
}

static int describe_open(int fd, struct file *file)
{
	struct statx status;
	int error = look(fd, "", &status);

	if (!error)
		status_describe(file, &status);
	return error;
}

int file_open(const struct directory *directory, const char *name, size_t length, struct file *file, int *opened)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char path[KSEM_NAME_MAX + 2];
	int saved = errno;
	int fd, error;

	if (!status_path(name, length, path))
		return ENOENT;
	fd = descriptor_clear(openat(directory_fd(directory), path, flags));
	error = fd < 0 ? error_of(errno) : describe_open(fd, file);
	if (error && fd >= 0)
		close(fd);
	file->name_hash = (uint32_t)file_name_hash(name, length);
	*opened = fd;
	errno = saved;
	return error;
}

int file_find(const struct directory *directory, const char *name, size_t length, struct file *file)
{
	int fd;
	int error = file_open(directory, name, length, file, &fd);

	if (error)
		return error;
	error = file_map(fd, file);
	file_end(fd, file);
	return error;
}

void file_read_end(struct file *file, struct page *page)
{
	if (file->page != page)
		memory_free(file->page);
	memory_free(file->line);
	file->page = page;
	file->line = NULL;
}

/* Copies all pages of a file that are in use, if there is more than one. */
static int read_all(int fd, struct file *file)
{
	struct page *copy = memory_alloc(file->bytes, _Alignof(struct page));
	ssize_t bytes = copy ? pread(fd, copy, file->bytes, 0) : 0;
	int error = !copy ? ENOMEM : bytes < 0 ? errno : bytes < PAGE_BYTES ? EINVAL : 0;

	if (error) {
		memory_free(copy);
		return error;
	}
	file->page = copy;
	file->bytes = (size_t)bytes - (size_t)bytes % PAGE_BYTES;
	return 0;
}

static int read_page(int fd, struct page *page, struct file *file)
{
	int error = describe_open(fd, file);
	ssize_t bytes;

	if (error)
		return error;
	bytes = pread(fd, page, sizeof(*page), 0);
	if (bytes != sizeof(*page) || !is_semaphore(file))
		return bytes < 0 ? errno : EINVAL;
	if (has_line(file))
		file->bytes = PAGE_LINE_AT;
	if (file->bytes > sizeof(*page) * (1 + (size_t)load_rlx(&page->more)))     /* relaxed: of a copy */
		file->bytes = sizeof(*page) * (1 + (size_t)load_rlx(&page->more)); /* relaxed: as above */
	error = has_line(file) ? page_read_line(fd, &file->line, &file->line_bytes) : 0;
	return error || file->bytes == sizeof(*page) ? error : read_all(fd, file);
}

/* Opens only a file that looks like a semaphore: opening a FIFO or a device would have an effect on it. */
static int open_and_read(const struct directory *directory, const char *path, struct page *page, struct file *file)
{
	struct statx status;
	int error = look(directory_fd(directory), path, &status);
	int fd;

	file->page = page;
	file->line = NULL;
	if (error)
		return error;
	fd = descriptor_clear(
		openat(directory_fd(directory), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
	if (fd < 0)
		return error_of_reading(errno);
	error = read_page(fd, page, file);
	close(fd);
	if (error)
		file_read_end(file, page);
	return error;
}

int file_read(const struct directory *directory, const char *name, size_t length, struct page *page, struct file *file)
{
	char path[KSEM_NAME_MAX + 2];
	int saved = errno;
	int error = status_path(name, length, path) ? open_and_read(directory, path, page, file) : ENOENT;

	errno = saved;
	return error;
}

int file_check(const struct directory *directory, const char *name, size_t length, bool closely)
{
	char path[KSEM_NAME_MAX + 2];
	struct statx status;
	struct file file;
	struct page page;
	int saved = errno;
	int error;

	if (!status_path(name, length, path))
		return ENOENT;
	if (closely) {
		error = open_and_read(directory, path, &page, &file);
		if (!error)
			file_read_end(&file, &page);
	} else {
		error = look(directory_fd(directory), path, &status);
	}
	errno = saved;
	return error == EACCES ? 0 : error;
}

bool file_exists(const struct directory *directory, const char *name, size_t length)
{
	char path[KSEM_NAME_MAX + 2];
	struct statx status;
	int saved = errno;
	bool has = status_path(name, length, path) && status_look(directory_fd(directory), path, &status) == 0;

	errno = saved;
	return has;
}

int file_compare(const struct directory *directory, const char *name, size_t length, dev_t device, ino_t number)
{
	char path[KSEM_NAME_MAX + 2];
	struct statx status;
	struct file file;
	int saved = errno;
	int error;

	if (!status_path(name, length, path))
		return ENOENT;
	error = status_look(directory_fd(directory), path, &status);
	errno = saved;
	if (error)
		return error;
	status_describe(&file, &status);
	return file.device == device && file.number == number ? 0 : ENOENT;
}

/*
 * Users whom the mode gives write permission may read and write the file. One permission suffices, so the owner may if
 * others may.
 */
static mode_t mode_of_file(mode_t mode)
{
	mode_t others = mode & S_IWOTH ? S_IROTH | S_IWOTH : 0;
	mode_t group = mode & S_IWGRP || others ? S_IRGRP | S_IWGRP : 0;
	mode_t user = mode & S_IWUSR || group ? S_IRUSR | S_IWUSR : 0;

	return user | group | others;
}

/* Gives memory to a page of the file. 0, or the kernel's error. tmpfs gives up if a signal comes. */
static int allocate_page(int fd, const struct file *file, off_t at)
{
	int error;

	do
		error = is_still(fd, file) ? posix_fallocate(fd, at, PAGE_BYTES) : EBADF;
	while (error == EINTR);
	return error;
}

/*
 * Makes the file as long as the process's limit allows, up to FILE_BYTES. A shorter file has records for fewer
 * processes. A file beyond the limit would be SIGXFSZ. EFBIG: the limit is less than one page, or than a line needs.
 *
 * The first page gets its memory before the file gets long: else a tmpfs with huge pages could use a whole huge page.
 */
static int give_length(int fd, struct file *file)
{
	struct rlimit limit;
	off_t bytes = FILE_BYTES;
	int error;

	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < FILE_BYTES)
		bytes = (off_t)(limit.rlim_cur - limit.rlim_cur % PAGE_BYTES);
	if (bytes == 0 || (has_line(file) && bytes < FILE_BYTES))
		return EFBIG;
	file->bytes = (size_t)bytes;
	error = allocate_page(fd, file, 0);
	if (error)
		return error;
	if (!is_still(fd, file))
		return EBADF;
	if (ftruncate(fd, bytes) != 0)
		return errno;
	if (!has_line(file))
		return 0;
	return allocate_page(fd, file, PAGE_LINE_AT);
}

/* Mostly it has both: it was made with them, and the umask took nothing away. */
static int give_owner_and_mode(int fd, const struct making *making, mode_t made_with, struct file *file)
{
	const struct ksem_cred *owner = making->owner;

	if (!is_still(fd, file))
		return EBADF;
	if ((owner->uid != file->owner.uid || owner->gid != file->owner.gid) && fchown(fd, owner->uid, owner->gid) != 0)
		return error_of(errno);
	file->owner = *owner;
	if (mode_of_file(making->mode) == made_with)
		return 0;
	return !is_still(fd, file) ? EBADF : fchmod(fd, mode_of_file(making->mode)) == 0 ? 0 : error_of(errno);
}

/* Makes the line. A page of another file isn't blank. */
static int fill_line(int fd, const struct making *making, const struct file *file)
{
	void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE_LINE_AT);
	bool ours;

	if (page == MAP_FAILED)
		return error_of(errno);
	ours = is_still(fd, file) && page_is_blank(page);
	if (ours)
		page_init_line(page, making);
	munmap(page, PAGE_BYTES);
	return ours ? 0 : EBADF;
}

/* Maps the page, and makes a semaphore of it. A page of another file isn't blank. */
static int fill(int fd, const struct making *making, struct file *file)
{
	int error = map(fd, file);

	if (!error && (!is_still(fd, file) || !page_is_blank(file->page))) {
		file_close(file);
		error = EBADF;
	}
	if (!error && has_line(file)) {
		error = fill_line(fd, making, file);
		if (error)
			file_close(file);
	}
	file->mode = making->mode;
	if (!error)
		page_init(file->page, making);
	return error;
}

/* Recognizes the new file, and checks before each change that the descriptor is still for it (os/descriptor.h). */
static int make_whole(int fd, const struct making *making, struct file *file)
{
	struct statx status;
	int error = status_look(fd, "", &status);

	if (error)
		return error;
	if (!S_ISREG(status.stx_mode) || status.stx_nlink != 0 || status.stx_size != 0)
		return EBADF;
	status_describe(file, &status);
	file->attributes = *making->attributes;
	error = give_length(fd, file);
	if (!error)
		error = give_owner_and_mode(fd, making, status.stx_mode & ALLPERMS, file);
	return error ? error : fill(fd, making, file);
}

int file_make(const struct directory *directory, const struct making *making, struct file *file, int *made)
{
	char path[KSEM_NAME_MAX + 2];
	int saved = errno;
	int fd, error;

	if (making->name && !status_path(making->name, making->length, path))
		return EINVAL;
	file->name_hash = making->name ? (uint32_t)file_name_hash(making->name, making->length) : 0;
	fd = directory_make_nameless(directory, mode_of_file(making->mode));
	error = fd < 0 ? error_of(errno) : make_whole(fd, making, file);
	if (error && error != EBADF && fd >= 0)
		close(fd);
	*made = fd;
	errno = saved;
	return error;
}

int file_give_name(const struct directory *directory, int made, const struct file *file, const char *name,
		   size_t length)
{
	char self[64], path[KSEM_NAME_MAX + 2];
	int saved = errno;
	int error = 0;

	if (!status_path(name, length, path))
		return EINVAL;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", made);
	if (!is_still(made, file)) {
		error = EBADF;
	} else if (linkat(AT_FDCWD, self, directory_fd(directory), path, AT_SYMLINK_FOLLOW) != 0) {
		error = error_of(errno);
		if (errno == ENOENT && linkat(made, "", directory_fd(directory), path, AT_EMPTY_PATH) == 0)
			error = 0; /* no /proc: this works for root */
	}
	errno = saved;
	return error;
}

void file_end(int fd, const struct file *file)
{
	int saved = errno;

	if (is_still(fd, file))
		close(fd);
	errno = saved;
}

int file_unlink(const struct directory *directory, const char *name, size_t length)
{
	char path[KSEM_NAME_MAX + 2];
	int saved = errno;
	int error = 0;

	if (!status_path(name, length, path))
		return ENOENT;
	if (unlinkat(directory_fd(directory), path, 0) != 0)
		error = error_of(errno);
	errno = saved;
	return error;
}
