/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unlinks a name. doubt.h says how other processes learn of that.
 */
#include <errno.h>

#include "shared/doubt.h"
#include "shared/held.h"
#include "shared/namespace.h"
#include "shared/place.h"

/* Runs between doubt_begin_unlink and doubt_end_unlink. On success, *file is the file whose page was marked. */
static int take_name_away(const struct directory *directory, const struct ksem_cred *cred, const char *bytes,
			  size_t length, struct file *file)
{
	int error = file_find(directory, bytes, length, file);

	if (error)
		return error;
	if (!namespace_permits(&file->owner, file->mode, cred)) {
		error = EPERM;
	} else {
		doubt_tell(file->page);
		error = file_unlink(directory, bytes, length);
	}
	file_close(file);
	return error;
}

/* Takes the name out of this process's tables. */
static void forget_name(struct ksem_ns *ns, const char *bytes, size_t length, const struct file *file,
			struct reclaim *garbage)
{
	const struct page *page;

	pthread_mutex_lock(&ns->lock);
	held_find_name(ns, bytes, length, garbage);
	page = map_cache_find(&shared_ns_of(ns)->map_cache, file->device, file->number);
	if (page)
		map_cache_drop(&shared_ns_of(ns)->map_cache, page, garbage);
	pthread_mutex_unlock(&ns->lock);
}

int shared_ns_unlink(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
		     struct reclaim *garbage)
{
	const struct directory *directory;
	struct file file;
	int unlinking;
	int error = place_refresh(ns);

	directory = shared_ns_directory(shared_ns_of(ns));
	if (!error)
		error = doubt_begin_unlink(directory, bytes, length, &unlinking);
	if (error)
		return error;
	error = take_name_away(directory, cred, bytes, length, &file);
	doubt_end_unlink(unlinking);
	if (!error)
		forget_name(ns, bytes, length, &file, garbage);
	return error;
}
