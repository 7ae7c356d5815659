/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a semaphore of a shared namespace, or finds one by its name: in this process's own table, or else in the
 * directory.
 *
 * Every step that can fail comes before a semaphore gets its name.
 *
 * A process takes at most CENSUS_MOST census locks, since the kernel looks at all of them for each question. It alone
 * counts its nameless semaphores beyond those (limit.c).
 */
#include <errno.h>

#include "shared/census.h"
#include "shared/held.h"
#include "shared/limit.h"
#include "shared/place.h"

#define CENSUS_MOST 4096

/* A semaphore that this process is about to have. All its memory is allocated. */
struct entering {
	struct name *name; /* NULL: anonymous */
	struct ksem *ksem;
};

/* Undoes prepare. */
static void unprepare(const struct entering *entering)
{
	shared_discard(entering->ksem);
	memory_free(entering->name);
}

/* Prepares one for a file that this process has mapped. 0, ENOMEM, ENOSPC. */
static int prepare(struct ksem_ns *ns, struct ids *ids, const struct making *making, const struct file *file,
		   struct entering *entering, struct reclaim *garbage)
{
	struct shared_ns *shared_ns = shared_ns_of(ns);
	int error;

	entering->name = NULL;
	if (making->name) {
		entering->name = name_new(ns, NULL, making->name, making->length);
		if (!entering->name)
			return ENOMEM;
	}
	error = shared_new(ns, shared_ns_directory(shared_ns), file, making->name, &entering->ksem);
	if (error) {
		memory_free(entering->name);
		return error;
	}
	if (ids_reserve(&shared_ns->held, garbage) || (ids && ids_reserve(ids, garbage))) {
		unprepare(entering);
		return ENOMEM;
	}
	return 0;
}

/* The semaphore was just given the name, or found to have it. So no other semaphore has it any more. */
static void enter_name(struct ksem_ns *ns, const struct entering *entering, struct reclaim *garbage)
{
	struct name *name = entering->name;
	struct name *old = held_name(ns, name->bytes, name->length);

	if (old)
		held_drop_name(old->ksem, garbage);
	object_cold(entering->ksem)->name = name;
	name->ksem = entering->ksem;
	names_add(name);
}

/* `counted`: its maker has taken its census lock. */
static void enter(struct ksem_ns *ns, const struct entering *entering, bool counted, struct reclaim *garbage)
{
	struct shared_ns *shared_ns = shared_ns_of(ns);
	struct shared *shared = shared_of(entering->ksem);

	shared->counted =
		shared_ns->counted < CENSUS_MOST && (counted || census_add(shared->directory, shared->number));
	shared_ns->counted += shared->counted;
	if (!shared->counted && counted)
		census_remove(shared->directory, shared->number);
	ids_add(&shared_ns->held, entering->ksem);
	shared->next = shared_ns->all;
	shared->prev = &shared_ns->all;
	if (shared->next)
		shared->next->prev = &shared->next;
	shared_ns->all = shared;
	ns->objects++;
	if (entering->name)
		enter_name(ns, entering, garbage);
}

/* ---- Making. ---- */

/* A semaphore that is being made. */
struct unfinished {
	struct file file;
	int made; /* see file_make */
	struct admission admission;
};

/*
 * Allocates all memory that this process needs for it, and gives it its name; after that nothing can fail. Under the
 * lock, so that no thread opens it by its name before it is in the tables.
 */
static int finish(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct unfinished *unfinished,
		  struct ksem **made, struct reclaim *garbage)
{
	struct entering entering;
	int error = prepare(ns, ids, making, &unfinished->file, &entering, garbage);

	if (error)
		return error;
	if (making->name)
		error = file_give_name(shared_ns_directory(shared_ns_of(ns)), unfinished->made, &unfinished->file,
				       making->name, making->length);
	if (error) {
		unprepare(&entering);
	} else {
		enter(ns, &entering, unfinished->admission.counted, garbage);
		*made = entering.ksem;
	}
	return error;
}

/* The semaphore lacks only its name. */
static int admit_and_finish(struct ksem_ns *ns, const struct making *making, struct ids *ids,
			    struct unfinished *unfinished, struct ksem **made, struct reclaim *garbage)
{
	const struct directory *directory = shared_ns_directory(shared_ns_of(ns));
	int error = limit_admit(ns, unfinished->file.number, &unfinished->admission);

	if (error == ENFILE && making->name && file_exists(directory, making->name, making->length))
		error = EEXIST;
	if (!error) {
		pthread_mutex_lock(&ns->lock);
		error = finish(ns, making, ids, unfinished, made, garbage);
		pthread_mutex_unlock(&ns->lock);
	}
	if (error && unfinished->admission.counted)
		census_remove(directory, unfinished->file.number);
	file_end(unfinished->made, &unfinished->file);
	if (error)
		file_close(&unfinished->file);
	return error;
}

int shared_ns_make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		   struct reclaim *garbage)
{
	struct unfinished unfinished;
	int error;

	if (!attributes_are_default(making->attributes) && !line_works())
		return ENOTSUP;
	error = place_refresh(ns);
	if (error)
		return error;
	limit_begin(ns, &unfinished.admission);
	error = file_make(shared_ns_directory(shared_ns_of(ns)), making, &unfinished.file, &unfinished.made);
	if (!error)
		error = admit_and_finish(ns, making, ids, &unfinished, made, garbage);
	limit_end(ns, &unfinished.admission);
	if (!error && making->name)
		names_make_room();
	return error;
}

/* ---- Finding. ---- */

/* The semaphore of an opened file: the one that this process has already, or a new one. */
static int meet(struct ksem_ns *ns, const struct making *making, struct file *file, struct ksem **found,
		struct reclaim *garbage)
{
	struct ksem *ksem = ids_find_listed(&shared_ns_of(ns)->held, file->id);
	struct entering entering;
	int error;

	if (ksem && (shared_of(ksem)->device != file->device || shared_of(ksem)->number != file->number))
		return EINVAL; /* another file has the same id */
	error = ksem ? held_take(ns, ksem) : EINVAL;
	if (!error) {
		file_close(file);
		*found = ksem;
	}
	if (error != EINVAL)
		return error;
	if (ksem)
		held_forget(ns, ksem, garbage); /* it is being ended */
	error = prepare(ns, NULL, making, file, &entering, garbage);
	if (error)
		return error;
	enter(ns, &entering, false, garbage);
	if (file->cached)
		map_cache_use(&shared_ns_of(ns)->map_cache, file->page, garbage);
	*found = entering.ksem;
	return 0;
}

/* The file of that name. EEXIST: `exclusive`, and there is one of any kind. */
static int open_file(struct ksem_ns *ns, const struct making *making, bool exclusive, struct file *file)
{
	const struct shared_ns *shared_ns = shared_ns_of(ns);
	const struct directory *directory = shared_ns_directory(shared_ns);

	if (exclusive)
		return file_exists(directory, making->name, making->length) ? EEXIST : ENOENT;
	return map_cache_open(&shared_ns->map_cache, directory, making->name, making->length, file);
}

/* If that fails, the directory may have been removed, or its descriptor closed. */
static int find_file(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		     struct reclaim *garbage)
{
	struct file file;
	int error = open_file(ns, making, exclusive, &file);

	if (error && error != EEXIST) {
		error = place_refresh_locked(ns);
		if (!error)
			error = open_file(ns, making, exclusive, &file);
	}
	if (error)
		return error;
	if (!namespace_permits(&file.owner, file.mode, making->owner))
		error = EPERM;
	else
		error = meet(ns, making, &file, found, garbage);
	if (error)
		file_close(&file);
	return error;
}

int shared_ns_find(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		   struct reclaim *garbage)
{
	struct ksem *ksem;
	int error = EINVAL;

	pthread_mutex_lock(&ns->lock);
	ksem = held_find_name(ns, making->name, making->length, garbage);
	if (ksem && exclusive)
		error = EEXIST;
	else if (ksem && !namespace_permits(&object_cold(ksem)->owner, object_mode(ksem), making->owner))
		error = EPERM;
	else if (ksem)
		error = held_take(ns, ksem);
	if (!error)
		*found = ksem;
	else if (error == EINVAL)
		error = find_file(ns, making, exclusive, found, garbage);
	namespace_pool(ns, garbage);
	pthread_mutex_unlock(&ns->lock);
	return error;
}
