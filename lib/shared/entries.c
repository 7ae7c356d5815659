/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries: see entries.h.
 */
#include "shared/entries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ksem/ksem.h"
#include "os/descriptor.h"

/* Computes the name that belongs to a file. 0: the file isn't a semaphore's. */
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

/* NULL: errno says why. */
static DIR *open_all(const struct directory *directory)
{
	int fd = descriptor_clear(openat(directory_fd(directory), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	DIR *all = fd < 0 ? NULL : fdopendir(fd);

	if (!all && fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return all;
}

/* NULL: there are no more (errno 0), or errno says why. */
static struct dirent *next_entry(DIR *all)
{
	errno = 0;
	return readdir(all); /* only this thread uses the stream. NOLINT(concurrency-mt-unsafe) */
}

int entries_for_all(const struct directory *directory,
		    int (*visit)(const char *name, size_t length, ino_t number, void *arg), void *arg)
{
	char name[KSEM_NAME_MAX + 2];
	struct dirent *entry;
	int saved = errno;
	DIR *all = open_all(directory);
	int result = all ? 0 : errno;

	if (all) {
		while ((entry = next_entry(all))) {
			size_t length = from_file(entry->d_name, name);

			if (length > 0 && (result = visit(name, length, entry->d_ino, arg)))
				break;
		}
		if (!entry)
			result = errno;
		closedir(all);
	}
	errno = saved;
	return result;
}
