/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit of a shared namespace: see limit.h.
 *
 * A maker holds its semaphore before it looks how many there are. So of makers who come at once the last sees all the
 * others. Only if the file system has more files than the limit does it count, and it excludes other makers then.
 *
 * Near the limit makers exclude each other from the start. Else one could be refused because it saw another's attempt,
 * which is refused too.
 *
 * A process that has CENSUS_MOST holds takes no more: each may be one more lock for the kernel to look at. Of what it
 * has beyond those, it alone counts what has no name.
 */
#include "shared/limit.h"

#include <errno.h>

#include "shared/held.h"
#include "shared/census.h"
#include "shared/shared.h"

#define NEAR 64 /* so many may come at once unseen */

struct uncounted {
	ino_t *numbers;
	size_t count, room;
};

/* What this process has without a name, and others can't count. Under the lock. 0 or ENOMEM. */
static int list_uncounted(const struct shared_ns *sharing, struct uncounted *uncounted)
{
	const struct ids_table *table = load_rlx(&sharing->held.table); /* relaxed: changed under the lock only */
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;

	while ((ksem = ids_next(table, &cursor, &refs))) {
		ino_t *numbers;

		if (shared_of(ksem)->counted || !held_is_nameless(ksem))
			continue;
		numbers = memory_grow(uncounted->numbers, uncounted->count, &uncounted->room, sizeof(*numbers));
		if (!numbers)
			return ENOMEM;
		uncounted->numbers = numbers;
		uncounted->numbers[uncounted->count++] = shared_of(ksem)->number;
	}
	return 0;
}

/* Files are looked into only if there may be too many. */
static int count(const struct shared_ns *sharing, const struct uncounted *own, bool held, uint64_t most)
{
	uint64_t others;
	int error = census_count(sharing_directory(sharing), most + 1, false, own->numbers, own->count, &others);

	if (!error && others + !held > most)
		error = census_count(sharing_directory(sharing), most + 1, true, own->numbers, own->count, &others);
	return error || others + !held <= most ? error : ENFILE;
}

static int check(struct ksem_ns *ns, bool held)
{
	struct uncounted own = {.numbers = NULL};
	int error;

	pthread_mutex_lock(&ns->lock);
	error = list_uncounted(shared_ns(ns), &own);
	pthread_mutex_unlock(&ns->lock);
	if (!error)
		error = count(shared_ns(ns), &own, held, ns->max_sems);
	memory_free(own.numbers);
	return error;
}

/* Are there surely that many semaphores fewer than the limit? */
static bool has_room(struct ksem_ns *ns, uint64_t room)
{
	uint64_t files = directory_count_at_most(sharing_directory(shared_ns(ns)));

	return files <= ns->max_sems && ns->max_sems - files >= room;
}

static void lock(struct shared_ns *sharing, struct admission *admission)
{
	pthread_mutex_lock(&sharing->limit);
	directory_lock(sharing_directory(sharing));
	admission->locked = true;
}

void limit_begin(struct ksem_ns *ns, struct admission *admission)
{
	*admission = (struct admission){.locked = false};
	if (!has_room(ns, NEAR))
		lock(shared_ns(ns), admission);
}

int limit_admit(struct ksem_ns *ns, ino_t number, struct admission *admission)
{
	struct shared_ns *sharing = shared_ns(ns);

	admission->held = census_add(sharing_directory(sharing), number);
	if (has_room(ns, 0))
		return 0;
	if (!admission->locked)
		lock(sharing, admission);
	return check(ns, admission->held);
}

void limit_end(struct ksem_ns *ns, const struct admission *admission)
{
	if (!admission->locked)
		return;
	directory_unlock(sharing_directory(shared_ns(ns)));
	pthread_mutex_unlock(&shared_ns(ns)->limit);
}
