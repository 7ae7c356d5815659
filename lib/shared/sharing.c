/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared namespaces: see sharing.h.
 *
 * A name in this process's table is believed, or looked for in the directory, as shared/doubt.h says.
 */
#include "shared/sharing.h"

#include <errno.h>
#include <string.h>

#include "base/rcu.h"
#include "os/fork.h"
#include "shared/limit.h"
#include "object/names.h"
#include "shared/doubt.h"
#include "shared/census.h"
#include "shared/shared.h"

#define CENSUS_MOST 4096

int sharing_new(const char *dir, struct sharing **sharing)
{
	struct sharing *new = memory_alloc(sizeof(*new), KSEM_CACHE_LINE);
	int error;

	if (!new)
		return ENOMEM;
	error = sharing_open_directory(new, dir);
	if (error) {
		memory_free(new);
		return error;
	}
	pthread_mutex_init(&new->limit, NULL);
	memset(&new->map_cache, 0, sizeof(new->map_cache));
	ids_init(&new->held);
	new->counted = 0;
	new->all = NULL;
	*sharing = new;
	return 0;
}

void sharing_free(struct sharing *sharing)
{
	struct reclaim garbage = RECLAIM_NONE;

	ids_retire(ids_take_all(&sharing->held), &garbage);
	map_cache_drop_all(&sharing->map_cache, &garbage);
	reclaim_free(garbage);
	sharing_close_directories(sharing);
	pthread_mutex_destroy(&sharing->limit);
	memory_free(sharing);
}

/* ---- This process's tables. Under the lock. ---- */

static void drop_name(struct ksem *ksem, struct reclaim *garbage)
{
	struct name *name = ksem->name;

	if (!name)
		return;
	ksem->name = NULL;
	rcu_enter();
	names_remove(name);
	rcu_leave();
	reclaim_add(garbage, &name->retired, name_bytes(name));
}

void sharing_forget_here(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	if (shared_of(ksem)->forgotten)
		return;
	shared_of(ksem)->forgotten = true;
	ids_remove(&ns->sharing->held, ksem, garbage);
	drop_name(ksem, garbage);
}

/* Has it the name still by which this process knows it? 0; ENOENT; or what the directory couldn't be asked for. */
static int ask(struct ksem *ksem)
{
	struct shared *shared = shared_of(ksem);
	struct name *name = ksem->name;

	if (!name)
		return ENOENT;
	return doubt_ask(shared->directory, shared->page, name->bytes, name->length, shared->device, shared->number);
}

bool sharing_is_nameless(struct ksem *ksem)
{
	return ask(ksem) == ENOENT && !word_is_dead(plain_word(shared_of(ksem)->object.sem));
}

static struct name *name_in_table(struct ksem_ns *ns, const char *bytes, size_t length)
{
	struct name *name;

	rcu_enter();
	name = names_find(ns, bytes, length);
	rcu_leave();
	return name;
}

/* The semaphore that this process has by the name, if it still is the name's, or NULL: ask the directory. */
static struct ksem *find_held(struct ksem_ns *ns, const char *bytes, size_t length, struct reclaim *garbage)
{
	struct name *name = name_in_table(ns, bytes, length);
	int error = name ? ask(name->ksem) : ENOENT;

	if (!error)
		return name->ksem;
	if (name && error == ENOENT)
		drop_name(name->ksem, garbage);
	return NULL;
}

static void count_no_more(struct ksem_ns *ns, struct shared *shared)
{
	if (!shared->counted)
		return;
	census_remove(shared->directory, shared->number);
	shared->counted = false;
	ns->sharing->counted--;
}

/* A semaphore that this process comes to have, all allocated. */
struct entering {
	struct name *name; /* NULL: anonymous */
	struct ksem *ksem;
};

/* For a file that this process has mapped. 0, ENOMEM, ENOSPC. */
static int prepare(struct ksem_ns *ns, struct ids *ids, const struct making *making, const struct file *file,
		   struct entering *entering, struct reclaim *garbage)
{
	struct sharing *sharing = ns->sharing;
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
	struct name *old = name_in_table(ns, name->bytes, name->length);

	if (old)
		drop_name(old->ksem, garbage);
	entering->ksem->name = name;
	name->ksem = entering->ksem;
	names_add(name);
}

/* `held`: who made it has its hold. */
static void enter(struct ksem_ns *ns, const struct entering *entering, bool held, struct reclaim *garbage)
{
	struct sharing *sharing = ns->sharing;
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
		error = file_give_name(sharing_directory(ns->sharing), unfinished->made, making->name, making->length);
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
	const struct directory *directory = sharing_directory(ns->sharing);
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

int sharing_make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		 struct reclaim *garbage)
{
	struct unfinished unfinished;
	int error;

	error = refresh(ns);
	if (error)
		return error;
	limit_begin(ns, &unfinished.admission);
	error = file_make(sharing_directory(ns->sharing), making, &unfinished.file, &unfinished.made);
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
	struct ksem *ksem = ids_find(&ns->sharing->held, file->id);
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
		sharing_forget_here(ns, ksem, garbage); /* it is being ended */
	error = prepare(ns, NULL, making, file, &entering, garbage);
	if (error)
		return error;
	enter(ns, &entering, false, garbage);
	if (file->kept)
		map_cache_use(&ns->sharing->map_cache, file->page, garbage);
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
	directory = sharing_directory(ns->sharing);
	if (exclusive)
		return file_exists(directory, making->name, making->length) ? EEXIST : ENOENT; /* whatever it is */
	error = file_find(directory, making->name, making->length, &ns->sharing->map_cache, &file);
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

int sharing_find(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		 struct reclaim *garbage)
{
	struct ksem *ksem;
	int error = EINVAL;

	pthread_mutex_lock(&ns->lock);
	ksem = find_held(ns, making->name, making->length, garbage);
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

bool sharing_drop(struct ksem_ns *ns, struct ksem *ksem, life_t less)
{
	bool last;

	pthread_mutex_lock(&ns->lock);
	last = life_drop(&ksem->life, less) && shared_abandon(ksem);
	if (!last)
		shared_tell_refs(ksem);
	pthread_mutex_unlock(&ns->lock);
	return last;
}

void sharing_tell(struct ksem_ns *ns, struct ksem *ksem)
{
	pthread_mutex_lock(&ns->lock);
	shared_tell_refs(ksem);
	pthread_mutex_unlock(&ns->lock);
}

/* ---- Ending. ---- */

void sharing_forget(struct ksem_ns *ns, struct ksem *ksem)
{
	bool dead = word_is_dead(plain_word(shared_of(ksem)->object.sem));

	pthread_mutex_lock(&ns->lock);
	if (dead) /* else other processes have it, and this one may have it pinned */
		count_no_more(ns, shared_of(ksem));
	pthread_mutex_unlock(&ns->lock);
}

/* The hold of one that ends goes, or to the one that this process has of the same file, which came meanwhile. */
static void end_hold(struct ksem_ns *ns, struct shared *shared)
{
	struct ksem *ksem = ids_find(&ns->sharing->held, shared->object.ksem.id);
	struct shared *next = ksem && shared_of(ksem)->number == shared->number ? shared_of(ksem) : NULL;

	if (!next) {
		count_no_more(ns, shared);
	} else if (shared->counted) {
		ns->sharing->counted -= next->counted;
		next->counted = true;
	}
}

void sharing_end(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	bool named = object_is_named(ksem) && !sharing_is_nameless(ksem);

	sharing_forget_here(ns, ksem, garbage);
	*shared_of(ksem)->prev = shared_of(ksem)->next;
	if (shared_of(ksem)->next)
		shared_of(ksem)->next->prev = shared_of(ksem)->prev;
	end_hold(ns, shared_of(ksem));
	shared_end(ksem);
	if (named)
		map_cache_add(&ns->sharing->map_cache, shared_of(ksem), garbage);
	else
		map_cache_not(shared_of(ksem), garbage);
}

int sharing_kill(struct ksem *ksem)
{
	int error;

	pthread_mutex_lock(&ksem->ns->lock);
	sharing_refresh(ksem->ns); /* if it can't be, others are taken to be there */
	error = shared_kill(ksem);
	pthread_mutex_unlock(&ksem->ns->lock);
	return error;
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
	find_held(ns, bytes, length, garbage);
	page = map_cache_find(&ns->sharing->map_cache, file->device, file->number);
	if (page)
		map_cache_drop(&ns->sharing->map_cache, page, garbage);
	pthread_mutex_unlock(&ns->lock);
}

int sharing_unlink(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
		   struct reclaim *garbage)
{
	const struct directory *directory;
	struct file file;
	int unlinking;
	int error = refresh(ns);

	directory = sharing_directory(ns->sharing);
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
