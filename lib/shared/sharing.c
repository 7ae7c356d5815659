/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared namespaces: see sharing.h.
 */
#include "shared/sharing.h"

#include <errno.h>
#include <string.h>

#include "shared/limit.h"
#include "shared/held.h"
#include "shared/doubt.h"
#include "shared/census.h"
#include "shared/shared.h"
#include "shared/wait.h"

#define CENSUS_MOST 4096

/* A semaphore that this process comes to have, all allocated. */
struct entering {
	struct name *name; /* NULL: anonymous */
	struct ksem *ksem;
};

/* For a file that this process has mapped. 0, ENOMEM, ENOSPC. */
static int prepare(struct ksem_ns *ns, struct ids *ids, const struct making *making, const struct file *file,
		   struct entering *entering, struct reclaim *garbage)
{
	struct shared_ns *sharing = shared_ns(ns);
	int error;

	entering->name = NULL;
	if (making->name) {
		entering->name = name_new(ns, NULL, making->name, making->length);
		if (!entering->name)
			return ENOMEM;
	}
	error = shared_new(ns, sharing_directory(sharing), file, making->name, &entering->ksem);
	if (error)
		goto no_object;
	error = ENOMEM;
	if (ids_reserve(&sharing->held, garbage) || (ids && ids_reserve(ids, garbage)))
		goto no_room;
	return 0;

no_room:
	shared_discard(entering->ksem);
no_object:
	memory_free(entering->name);
	return error;
}

static void unprepare(const struct entering *entering)
{
	shared_discard(entering->ksem);
	memory_free(entering->name);
}

/* The name was just given to, or seen of, this semaphore: so it isn't that of another one any more. */
static void enter_name(struct ksem_ns *ns, const struct entering *entering, struct reclaim *garbage)
{
	struct name *name = entering->name;
	struct name *old = held_name(ns, name->bytes, name->length);

	if (old)
		held_drop_name(old->ksem, garbage);
	entering->ksem->name = name;
	name->ksem = entering->ksem;
	names_add(name);
}

/* `held`: who made it has its hold. */
static void enter(struct ksem_ns *ns, const struct entering *entering, bool held, struct reclaim *garbage)
{
	struct shared_ns *sharing = shared_ns(ns);
	struct shared *shared = shared_of(entering->ksem);

	shared->counted = sharing->counted < CENSUS_MOST && (held || census_add(shared->directory, shared->number));
	sharing->counted += shared->counted;
	if (!shared->counted && held)
		census_remove(shared->directory, shared->number);
	ids_add(&sharing->held, entering->ksem);
	shared->next = sharing->all;
	shared->prev = &sharing->all;
	if (shared->next)
		shared->next->prev = &shared->next;
	sharing->all = shared;
	ns->objects++;
	if (entering->name)
		enter_name(ns, entering, garbage);
}

static int refresh(struct ksem_ns *ns)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	error = sharing_refresh(ns);
	pthread_mutex_unlock(&ns->lock);
	return error;
}

/* ---- Making. ---- */

/* What a maker has of a semaphore, until this process has it. */
struct unfinished {
	struct file file;
	int made; /* see file_make */
	struct admission admission;
};

/*
 * Allocates all that this process needs to have it, and gives it its name. After that nothing can fail. Under the lock,
 * so that nobody here opens it by its name before it is entered.
 */
static int finish(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct unfinished *unfinished,
		  struct ksem **made, struct reclaim *garbage)
{
	struct entering entering;
	int error = prepare(ns, ids, making, &unfinished->file, &entering, garbage);

	if (error)
		return error;
	if (making->name)
		error = file_give_name(sharing_directory(shared_ns(ns)), unfinished->made, making->name,
				       making->length);
	if (error) {
		unprepare(&entering);
	} else {
		enter(ns, &entering, unfinished->admission.held, garbage);
		*made = entering.ksem;
	}
	return error;
}

/* It is whole, but for its name. */
static int admit_and_finish(struct ksem_ns *ns, const struct making *making, struct ids *ids,
			    struct unfinished *unfinished, struct ksem **made, struct reclaim *garbage)
{
	const struct directory *directory = sharing_directory(shared_ns(ns));
	int error = limit_admit(ns, unfinished->file.number, &unfinished->admission);

	if (error == ENFILE && making->name && file_exists(directory, making->name, making->length))
		error = EEXIST;
	if (!error) {
		pthread_mutex_lock(&ns->lock);
		error = finish(ns, making, ids, unfinished, made, garbage);
		pthread_mutex_unlock(&ns->lock);
	}
	if (error && unfinished->admission.held)
		census_remove(directory, unfinished->file.number);
	file_made(unfinished->made);
	if (error)
		file_close(&unfinished->file);
	return error;
}

static int sharing_make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
			struct reclaim *garbage)
{
	struct unfinished unfinished;
	int error;

	error = refresh(ns);
	if (error)
		return error;
	limit_begin(ns, &unfinished.admission);
	error = file_make(sharing_directory(shared_ns(ns)), making, &unfinished.file, &unfinished.made);
	if (!error)
		error = admit_and_finish(ns, making, ids, &unfinished, made, garbage);
	limit_end(ns, &unfinished.admission);
	if (!error && making->name)
		names_make_room();
	return error;
}

/* ---- Finding. ---- */

static int take_reference(struct ksem *ksem)
{
	int error = life_take(&ksem->life, life_refs(1));

	if (error == EINVAL)
		error = shared_take_back(ksem);
	if (!error)
		shared_tell_refs(ksem);
	return error;
}

/* The semaphore of a file that was opened: the one that this process has, or a new one. */
static int meet(struct ksem_ns *ns, const struct making *making, struct file *file, struct ksem **found,
		struct reclaim *garbage)
{
	struct ksem *ksem = ids_find(&shared_ns(ns)->held, file->id);
	struct entering entering;
	int error = EINVAL;

	if (ksem) {
		if (shared_of(ksem)->device == file->device && shared_of(ksem)->number == file->number)
			error = take_reference(ksem);
		else
			return EINVAL; /* another one says that it is this one */
	}
	if (error != EINVAL) {
		if (!error) {
			file_close(file);
			*found = ksem;
		}
		return error;
	}
	if (ksem)
		held_forget(ns, ksem, garbage); /* it is being ended */
	error = prepare(ns, NULL, making, file, &entering, garbage);
	if (error)
		return error;
	enter(ns, &entering, false, garbage);
	if (file->kept)
		map_cache_use(&shared_ns(ns)->map_cache, file->page, garbage);
	*found = entering.ksem;
	return 0;
}

static int find_file(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		     struct reclaim *garbage)
{
	const struct directory *directory;
	struct file file;
	int error = sharing_refresh(ns);

	if (error)
		return error;
	directory = sharing_directory(shared_ns(ns));
	if (exclusive)
		return file_exists(directory, making->name, making->length) ? EEXIST : ENOENT; /* whatever it is */
	error = file_find(directory, making->name, making->length, &shared_ns(ns)->map_cache, &file);
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

static int sharing_find(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
			struct reclaim *garbage)
{
	struct ksem *ksem;
	int error = EINVAL;

	pthread_mutex_lock(&ns->lock);
	ksem = held_find_name(ns, making->name, making->length, garbage);
	if (ksem && exclusive)
		error = EEXIST;
	else if (ksem && !namespace_permits(&ksem->owner, object_mode(ksem), making->owner))
		error = EPERM;
	else if (ksem)
		error = take_reference(ksem);
	if (!error)
		*found = ksem;
	else if (error == EINVAL)
		error = find_file(ns, making, exclusive, found, garbage);
	pthread_mutex_unlock(&ns->lock);
	return error;
}

/* ---- Ending. ---- */

static void sharing_forget(struct ksem_ns *ns, struct ksem *ksem)
{
	bool dead = word_is_dead(plain_word(shared_of(ksem)->object.sem));

	pthread_mutex_lock(&ns->lock);
	if (dead) /* else other processes have it, and this one may have it pinned */
		held_leave_census(ns, shared_of(ksem));
	pthread_mutex_unlock(&ns->lock);
}

/* The hold of one that ends goes, or to the one that this process has of the same file, which came meanwhile. */
static void end_hold(struct ksem_ns *ns, struct shared *shared)
{
	struct ksem *ksem = ids_find(&shared_ns(ns)->held, shared->object.ksem.id);
	struct shared *next = ksem && shared_of(ksem)->number == shared->number ? shared_of(ksem) : NULL;

	if (!next) {
		held_leave_census(ns, shared);
	} else if (shared->counted) {
		shared_ns(ns)->counted -= next->counted;
		next->counted = true;
	}
}

static void sharing_end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	bool named = object_is_named(ksem) && !held_is_nameless(ksem);

	held_forget(ns, ksem, garbage);
	*shared_of(ksem)->prev = shared_of(ksem)->next;
	if (shared_of(ksem)->next)
		shared_of(ksem)->next->prev = shared_of(ksem)->prev;
	end_hold(ns, shared_of(ksem));
	shared_end(ksem);
	if (named)
		map_cache_add(&shared_ns(ns)->map_cache, shared_of(ksem), garbage);
	else
		map_cache_not(shared_of(ksem), garbage);
}

/* What stands between doubt_begin_unlink and its end. On success *file tells which file was told. */
static int take_name_away(const struct directory *directory, const struct ksem_cred *cred, const char *bytes,
			  size_t length, struct file *file)
{
	int error = file_find(directory, bytes, length, NULL, file);

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

/* What this process had by the name. */
static void forget_name(struct ksem_ns *ns, const char *bytes, size_t length, const struct file *file,
			struct reclaim *garbage)
{
	const struct page *page;

	pthread_mutex_lock(&ns->lock);
	held_find_name(ns, bytes, length, garbage);
	page = map_cache_find(&shared_ns(ns)->map_cache, file->device, file->number);
	if (page)
		map_cache_drop(&shared_ns(ns)->map_cache, page, garbage);
	pthread_mutex_unlock(&ns->lock);
}

static int sharing_unlink(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
			  struct reclaim *garbage)
{
	const struct directory *directory;
	struct file file;
	int unlinking;
	int error = refresh(ns);

	directory = sharing_directory(shared_ns(ns));
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

/* The names stay in the directory. What this process has of them goes with the semaphores. */
static void keep_names(struct ksem_ns *ns, struct reclaim *garbage)
{
	(void)ns, (void)garbage;
}

static void sharing_drop_cached(struct ksem_ns *ns, struct reclaim *garbage)
{
	map_cache_drop_all(&shared_ns(ns)->map_cache, garbage);
}

static void sharing_free(struct ksem_ns *ns)
{
	struct shared_ns *sharing = shared_ns(ns);
	struct reclaim garbage = RECLAIM_NONE;

	ids_retire(ids_take_all(&sharing->held), &garbage);
	map_cache_drop_all(&sharing->map_cache, &garbage);
	reclaim_free(garbage);
	sharing_close_directories(sharing);
	pthread_mutex_destroy(&sharing->limit);
	namespace_fini(ns);
	memory_free(sharing);
}

static const struct namespace_ops shared_namespace_ops = {
	.semaphores = {[OBJECT_BARGING] = &shared_semaphore_ops},
	.has_common_ids = true,
	.make = sharing_make,
	.find = sharing_find,
	.unlink = sharing_unlink,
	.tell_refs = held_tell_refs,
	.drop = held_drop,
	.forget = sharing_forget,
	.end = sharing_end,
	.drop_names = keep_names,
	.drop_cached = sharing_drop_cached,
	.free = sharing_free,
	.stat = sharing_stat,
	.foreach = sharing_foreach,
	.before_fork = sharing_before_fork,
	.parent_after_fork = sharing_parent_after_fork,
	.child_after_fork = sharing_child_after_fork,
};

int sharing_new(const struct ksem_ns_options *options, struct ksem_ns **made)
{
	struct shared_ns *new = memory_alloc(sizeof(*new), KSEM_CACHE_LINE);
	int error;

	if (!new)
		return ENOMEM;
	namespace_init(&new->ns, &shared_namespace_ops, options);
	pthread_mutex_init(&new->limit, NULL);
	ids_init(&new->held);
	error = sharing_open_directory(new, options->dir);
	if (error) {
		pthread_mutex_destroy(&new->limit);
		namespace_fini(&new->ns);
		memory_free(new);
		return error;
	}
	*made = &new->ns;
	return 0;
}
