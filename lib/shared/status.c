/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says of a file: see status.h.
 */
#include "shared/status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "object/ids.h"
#include "shared/page.h"

bool status_path(const char *name, size_t length, char *file)
{
	if (length < 2 || length > KSEM_NAME_MAX || name[0] != '/' || memchr(name + 1, '/', length - 1))
		return false;
	if (name[1] == '.' || name[1] == DIRECTORY_ESCAPE)
		*file++ = DIRECTORY_ESCAPE;
	memcpy(file, name + 1, length - 1);
	file[length - 1] = '\0';
	return true;
}

int status_look(int fd, const char *path, struct statx *status)
{
	const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	return statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, status) == 0 ? 0 : errno;
}

bool status_is_of_page(const struct statx *status)
{
	return S_ISREG(status->stx_mode) && status->stx_size >= PAGE_BYTES && status->stx_size <= FILE_BYTES &&
	       status->stx_size % PAGE_BYTES == 0;
}

/*
 * The id: the time when the file was made, in milliseconds, and the low bits of the file's number. Only the kernel
 * writes these, so nobody can give a file the id of another. tmpfs numbers its files in turn, so two files of one
 * millisecond never share those bits. Without a birth time (tmpfs of Linux before 6.0) the number alone is the id.
 * The number is turned left by IDS_NUMBER_SHIFT bits, so that its lowest bits are where id tables look for a home.
 */
static ksem_id_t id_of(const struct statx *status)
{
	uint64_t milliseconds;

	if (!(status->stx_mask & STATX_BTIME))
		return ids_turned(status->stx_ino, 64);
	milliseconds = (uint64_t)status->stx_btime.tv_sec * 1000 + status->stx_btime.tv_nsec / 1000000;
	return milliseconds << 24 | ids_turned(status->stx_ino & 0xFFFFFF, 24);
}

void status_describe(struct file *file, const struct statx *status)
{
	file->device = makedev(status->stx_dev_major, status->stx_dev_minor);
	file->number = status->stx_ino;
	file->bytes = status->stx_size;
	file->owner = (struct ksem_cred){status->stx_uid, status->stx_gid};
	file->id = id_of(status);
}
