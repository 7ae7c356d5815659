/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a shared namespace is: see place.h.
 */
#include "shared/place.h"

#include <errno.h>

#include "shared/census.h"
#include "shared/deaths.h"
#include "shared/liveness.h"
#include "shared/semaphore.h"

/* Opens a further directory, which is then the latest. */
int place_open(struct shared_ns *shared_ns, const char *path)
{
	struct directory *directory = memory_alloc(sizeof(*directory), _Alignof(struct directory));
	int error = directory ? directory_open(directory, path) : ENOMEM;

	if (!error) {
		error = liveness_begin(directory);
		if (error)
			directory_close(directory);
	}
	if (error) {
		memory_free(directory);
		return error;
	}
	directory->older = shared_ns_directory(shared_ns);
	store_rel(&shared_ns->directory, directory); /* KSEM_ORD_22 release */
	return 0;
}

void place_close(struct shared_ns *shared_ns)
{
	struct directory *directory = shared_ns_directory(shared_ns), *older;

	for (; directory; directory = older) {
		older = directory->older;
		deaths_close(directory);
		directory_close(directory);
		memory_free(directory);
	}
}

/* The process has a liveness again, another one. Meanwhile others may have taken it for dead. */
static void come_back(struct ksem_ns *ns, struct directory *directory)
{
	for (struct shared *shared = shared_ns_of(ns)->all; shared; shared = shared->next) {
		if (shared->directory != directory)
			continue;
		if (shared->counted && !census_add(directory, shared->number)) {
			shared->counted = false;
			shared_ns_of(ns)->counted--;
		}
		shared_come_back(&shared->object.ksem);
	}
	store_rel(&directory->away, false); /* KSEM_ORD_22 release */
}

static int refresh(struct ksem_ns *ns, struct directory *directory)
{
	bool again;
	int error = directory_refresh(directory, &again);

	if (!again)
		return error;
	if (directory_liveness(directory))
		error = liveness_begin(directory);
	if (error)
		directory_set_fd(directory, -1); /* so that the next call tries again */
	else
		come_back(ns, directory);
	return error;
}

int place_refresh_locked(struct ksem_ns *ns)
{
	struct directory *latest = shared_ns_directory(shared_ns_of(ns));
	int error = refresh(ns, latest);

	for (struct directory *older = latest->older; older; older = older->older)
		refresh(ns, older); /* EBADF: it fails, since a removed directory has no path */
	if (error == ESTALE)
		error = latest->path ? place_open(shared_ns_of(ns), latest->path) : ENOENT;
	return error;
}

int place_refresh(struct ksem_ns *ns)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	error = place_refresh_locked(ns);
	pthread_mutex_unlock(&ns->lock);
	return error;
}

void place_need_record(struct ksem_ns *ns, struct ksem *ksem)
{
	if (shared_is_present(ksem))
		return;
	place_refresh_locked(ns);
	if (directory_is_present(shared_of(ksem)->directory) && !shared_is_present(ksem))
		shared_come_back(ksem); /* there was no room for its record */
}

void place_stay(struct ksem *ksem)
{
	if (likely(shared_is_present(ksem)))
		return;
	pthread_mutex_lock(&object_ns(ksem)->lock);
	place_need_record(object_ns(ksem), ksem);
	pthread_mutex_unlock(&object_ns(ksem)->lock);
}
