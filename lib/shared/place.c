/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a shared namespace is: its directory, whatever others do to it and to the descriptor (sharing.h).
 *
 * A host may close every descriptor that it finds open. While the directory's is closed, other processes take this one
 * for dead. When it notices that, it opens the directory again, and has its liveness, holds and records again.
 *
 * A directory that was removed is followed by the one that its path leads to now. The semaphores that this process has
 * from the old one stay, and so does that one's descriptor: their holders see each other by locks on it.
 */
#include <errno.h>

#include "shared/sharing.h"
#include "shared/census.h"
#include "shared/shared.h"

/* One more; the latest. */
int sharing_open_directory(struct shared_ns *sharing, const char *path)
{
	struct directory *directory = memory_alloc(sizeof(*directory), _Alignof(struct directory));
	int error = directory ? directory_open(directory, path) : ENOMEM;

	if (error) {
		memory_free(directory);
		return error;
	}
	directory->older = sharing_directory(sharing);
	store_rel(&sharing->directory, directory); /* KSEM_ORD_22 release */
	return 0;
}

void sharing_close_directories(struct shared_ns *sharing)
{
	struct directory *directory = sharing_directory(sharing), *older;

	for (; directory; directory = older) {
		older = directory->older;
		directory_close(directory);
		memory_free(directory);
	}
}

/* Has the liveness that it had; others may have taken it for dead meanwhile. */
static int come_back(struct ksem_ns *ns, const struct directory *directory)
{
	int first = 0;

	for (struct shared *shared = shared_ns(ns)->all; shared; shared = shared->next) {
		int error;

		if (shared->directory != directory)
			continue;
		if (shared->counted && !census_add(directory, shared->number)) {
			shared->counted = false;
			shared_ns(ns)->counted--;
		}
		error = shared_come_back(&shared->object.ksem);
		first = first ? first : error;
	}
	return first;
}

static int refresh(struct ksem_ns *ns, struct directory *directory)
{
	bool again;
	int error = directory_refresh(directory, &again);

	return again ? come_back(ns, directory) : error;
}

int sharing_refresh(struct ksem_ns *ns)
{
	struct directory *latest = sharing_directory(shared_ns(ns));
	int error = refresh(ns, latest);

	for (struct directory *older = latest->older; older; older = older->older)
		refresh(ns, older); /* EBADF: it can't be, for it has no path any more */
	if (error == ESTALE)
		error = latest->path ? sharing_open_directory(shared_ns(ns), latest->path) : ENOENT;
	return error;
}
