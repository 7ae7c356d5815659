/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doubt: see doubt.h.
 *
 * An unlinker opens a file description of its own for the lock, so that all others see the lock, even threads of its
 * own process. The kernel drops it when the process ends.
 */
#include "shared/doubt.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "os/descriptor.h"

#define TELL UINT64_C(2)
#define UNLINKERS_BEGIN \
	(UINT64_C(1) << 61) /* the bytes of liveness locks lie below, those of the census above (census.c) */

static struct flock byte_of(short type, const char *name, size_t length)
{
	uint64_t byte = UNLINKERS_BEGIN | (file_name_hash(name, length) & (UNLINKERS_BEGIN - 1));

	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
}

int doubt_begin_unlink(const struct directory *directory, const char *name, size_t length, int *unlinking)
{
	struct flock lock = byte_of(F_RDLCK, name, length);
	int saved = errno;
	int fd = descriptor_clear(openat(directory_fd(directory), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int error = 0;

	if (fd < 0) {
		error = errno == EACCES ? EPERM : errno;
	} else if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		error = errno;
		close(fd);
	}
	*unlinking = fd;
	errno = saved;
	return error;
}

void doubt_end_unlink(int unlinking)
{
	int saved = errno;

	close(unlinking);
	errno = saved;
}

void doubt_tell(struct page *page)
{
	uint64_t was = load_rlx(&page->doubt); /* relaxed: the compare-and-swap checks it */

	while (!cas_rel(&page->doubt, &was, (was + TELL) | PAGE_IN_DOUBT)) /* KSEM_ORD_18 release */
		;
}

/* Is anybody unlinking this name? True also if that can't be found out. */
static bool has_unlinker(const struct directory *directory, const char *name, size_t length)
{
	struct flock lock = byte_of(F_WRLCK, name, length);
	int saved = errno;
	bool has = fcntl(directory_fd(directory), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;

	errno = saved;
	return has;
}

int doubt_ask(const struct directory *directory, struct page *page, const char *name, size_t length, dev_t device,
	      ino_t number)
{
	uint64_t was = load_acq(&page->doubt); /* KSEM_ORD_18 acquire */
	bool settled;
	int error;

	if (!(was & PAGE_IN_DOUBT))
		return 0;
	settled = !has_unlinker(directory, name, length);
	error = file_compare(directory, name, length, device, number);
	if (!error && settled)
		cas_rlx(&page->doubt, &was, was & ~PAGE_IN_DOUBT); /* relaxed: orders no other memory */
	return error;
}
