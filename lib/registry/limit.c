/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit of a shared namespace, max_sems: see sharing.h.
 *
 * The limit is for all processes: names of the directory, and what processes hold without a name (share/holds.h),
 * make it up. A maker makes its semaphore first, whole but for its name, and holds it; if there may be too many then,
 * it counts, to the exclusion of others, and takes it back if there are. So of makers who come at once the last sees
 * all the others.
 *
 * A process that has HOLDS_MOST holds takes no more: each may be one more lock for the kernel to look at. Of what it
 * has beyond those, it alone counts what has no name.
 */
#include <errno.h>

#include "registry/sharing.h"
#include "share/holds.h"
#include "share/shared.h"

struct uncounted {
	const struct ids_table *table;
	size_t cursor;
};

/* What this process has without a name, and others can't count. */
static bool next_uncounted(void *arg, ino_t *number)
{
	struct uncounted *uncounted = arg;
	struct ksem *ksem;
	uint32_t refs;

	while ((ksem = ids_next(uncounted->table, &uncounted->cursor, &refs))) {
		*number = shared_of(ksem)->number;
		if (!shared_of(ksem)->counted && sharing_is_nameless(ksem))
			return true;
	}
	return false;
}

int sharing_check_limit(struct ksem_ns *ns, bool held)
{
	struct sharing *sharing = ns->sharing;
	struct uncounted own = {.table = load_rlx(&sharing->held.table)}; /* relaxed: changed under the lock only */
	uint64_t most = ns->slots.max, count;
	int error = holds_count(&sharing->directory, most + 1, next_uncounted, &own, &count);

	return error || count + !held <= most ? error : ENFILE;
}
