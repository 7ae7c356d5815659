/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit of a shared namespace: see limit.h.
 *
 * A maker takes the census lock of its semaphore before it counts. So of several makers at the same time, the last one
 * sees all the others. It counts only if the file system has more files than the limit, and then excludes other makers.
 *
 * Near the limit, makers exclude each other from the start. Otherwise one could be refused because it saw the attempt
 * of another, which is refused as well.
 */
#include "shared/limit.h"

#include <errno.h>

#include "shared/held.h"
#include "shared/census.h"
#include "shared/semaphore.h"

#define NEAR 64 /* so many makers may come at the same time, unseen by each other */

struct uncounted {
	ino_t *numbers;
	size_t count, room;
};

/* Lists the nameless semaphores of this process that others can't count. Under the lock. 0 or ENOMEM. */
static int list_uncounted(const struct shared_ns *shared_ns, struct uncounted *uncounted)
{
	const struct ids_table *table = load_rlx(&shared_ns->held.table); /* relaxed: changed under the lock only */
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

/* Opens files to look into them only if there may be too many. */
static int count(const struct shared_ns *shared_ns, const struct uncounted *own, bool counted, uint64_t most)
{
	uint64_t others;
	int error = census_count(shared_ns_directory(shared_ns), most + 1, false, own->numbers, own->count, &others);

	if (!error && others + !counted > most)
		error = census_count(shared_ns_directory(shared_ns), most + 1, true, own->numbers, own->count, &others);
	return error || others + !counted <= most ? error : ENFILE;
}

static int check(struct ksem_ns *ns, bool counted)
{
	struct uncounted own = {.numbers = NULL};
	int error;

	pthread_mutex_lock(&ns->lock);
	error = list_uncounted(shared_ns_of(ns), &own);
	pthread_mutex_unlock(&ns->lock);
	if (!error)
		error = count(shared_ns_of(ns), &own, counted, ns->max_sems);
	memory_free(own.numbers);
	return error;
}

/* Is there surely room for that many semaphores under the limit? */
static bool has_room(struct ksem_ns *ns, uint64_t room)
{
	uint64_t files = directory_count_at_most(shared_ns_directory(shared_ns_of(ns)));

	return files <= ns->max_sems && ns->max_sems - files >= room;
}

static void lock(struct shared_ns *shared_ns, struct admission *admission)
{
	pthread_mutex_lock(&shared_ns->limit);
	directory_lock(shared_ns_directory(shared_ns));
	admission->locked = true;
}

void limit_begin(struct ksem_ns *ns, struct admission *admission)
{
	*admission = (struct admission){.locked = false};
	if (!has_room(ns, NEAR))
		lock(shared_ns_of(ns), admission);
}

int limit_admit(struct ksem_ns *ns, ino_t number, struct admission *admission)
{
	struct shared_ns *shared_ns = shared_ns_of(ns);

	admission->counted = census_add(shared_ns_directory(shared_ns), number);
	if (has_room(ns, 0))
		return 0;
	if (!admission->locked)
		lock(shared_ns, admission);
	return check(ns, admission->counted);
}

void limit_end(struct ksem_ns *ns, const struct admission *admission)
{
	if (!admission->locked)
		return;
	directory_unlock(shared_ns_directory(shared_ns_of(ns)));
	pthread_mutex_unlock(&shared_ns_of(ns)->limit);
}
