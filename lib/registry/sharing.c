/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared namespaces: see sharing.h.
 *
 * Taking a name away. The holders of the semaphore are told first, in its page, and the file goes then; so no holder
 * finds by its own table what others find no more by the directory. Who dies in between has told, and the name stays:
 * holders then go by the directory. Unlinkers exclude each other for as long (directory_lock), so that the file that
 * goes is the one whose page was told.
 *
 * The limit is for all processes: names of the directory, and what processes hold without a name (share/holds.h),
 * make it up. A maker makes its semaphore first, whole but for its name, and holds it; if there may be too many then,
 * it counts, to the exclusion of others, and takes it back if there are. So of makers who come at once the last sees
 * all the others.
 *
 * A process that has HOLDS_MOST holds takes no more: each may be one more lock for the kernel to look at. Of what it
 * has beyond those, it alone counts what has no name.
 */
#include "registry/sharing.h"

#include <errno.h>
#include <string.h>

#include "base/rcu.h"
#include "os/fork.h"
#include "registry/names.h"
#include "share/holds.h"
#include "share/shared.h"

#define HOLDS_MOST 4096

int sharing_new(const char *dir, struct sharing **sharing)
{
	struct sharing *new = memory_alloc(sizeof(*new), KSEM_CACHE_LINE);
	int error;

	if (!new)
		return ENOMEM;
	error = directory_open(&new->directory, dir);
	if (error) {
		memory_free(new);
		return error;
	}
	memset(&new->kept, 0, sizeof(new->kept));
	ids_init(&new->held);
	new->counted = 0;
	*sharing = new;
	return 0;
}

void sharing_free(struct sharing *sharing)
{
	struct reclaim garbage = RECLAIM_NONE;

	ids_retire(ids_take_all(&sharing->held), &garbage);
	kept_drop_all(&sharing->kept, &garbage);
	reclaim_free(garbage);
	directory_close(&sharing->directory);
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

/* Out of the tables, if it is still there. */
static void forget(struct ksem_ns *ns, struct ksem *ksem, struct reclaim *garbage)
{
	if (shared_of(ksem)->forgotten)
		return;
	shared_of(ksem)->forgotten = true;
	ids_remove(&ns->sharing->held, ksem, garbage);
	drop_name(ksem, garbage);
}

static bool is_current(struct ksem *ksem)
{
	return load_acq(&shared_of(ksem)->page->unlinking) == 0; /* KSEM_ORD_18 acquire */
}

bool sharing_is_nameless(struct ksem *ksem)
{
	return (!object_is_named(ksem) || !is_current(ksem)) && !count_is_dead(plain_word(shared_of(ksem)->sem));
}

/* The semaphore that this process has by the name, and others still have; NULL: none. */
static struct ksem *find_held(struct ksem_ns *ns, const char *bytes, size_t length, struct reclaim *garbage)
{
	struct name *name;
	struct ksem *ksem;

	rcu_enter();
	name = names_find(ns, bytes, length);
	rcu_leave();
	if (!name)
		return NULL;
	ksem = name->ksem;
	if (is_current(ksem))
		return ksem;
	drop_name(ksem, garbage);
	return NULL;
}

static void count_no_more(struct ksem_ns *ns, struct shared *shared)
{
	if (!shared->counted)
		return;
	holds_remove(shared->directory, shared->number);
	shared->counted = false;
	ns->sharing->counted--;
}

/* Enters a new one, for which everything is there; `name` may be NULL. `held`: who made it has its hold. */
static void enter(struct ksem_ns *ns, struct ksem *ksem, struct name *name, bool held)
{
	struct sharing *sharing = ns->sharing;
	struct shared *shared = shared_of(ksem);

	shared->counted = sharing->counted < HOLDS_MOST && (held || holds_add(shared->directory, shared->number));
	sharing->counted += shared->counted;
	if (!shared->counted && held)
		holds_remove(shared->directory, shared->number);
	ids_add(&sharing->held, ksem);
	ns->objects++;
	ksem->name = name;
	if (!name)
		return;
	name->ksem = ksem;
	names_add(name);
}

/*
 * For a file that this process has mapped: a semaphore that it hasn't got yet. The name is NULL where it wouldn't stay.
 */
static int enter_file(struct ksem_ns *ns, struct ids *ids, const struct making *making, const struct file *file,
		      bool held, struct ksem **entered, struct reclaim *garbage)
{
	struct sharing *sharing = ns->sharing;
	struct name *name = NULL;
	struct ksem *ksem;

	if (making->name) {
		name = name_new(ns, NULL, making->name, making->length);
		if (!name)
			return ENOMEM;
	}
	ksem = shared_new(ns, &sharing->directory, file, making->name);
	if (!ksem)
		goto no_object;
	if (ids_reserve(&sharing->held, garbage) || (ids && ids_reserve(ids, garbage)))
		goto no_room;
	if (name && !is_current(ksem)) {
		memory_free(name);
		name = NULL;
	}
	enter(ns, ksem, name, held);
	if (file->kept)
		kept_use(&sharing->kept, file->page, garbage);
	*entered = ksem;
	return 0;

no_room:
	shared_discard(ksem);
no_object:
	memory_free(name);
	return ENOMEM;
}

/* ---- Making. ---- */

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

/* With the one that is being made: held, or counted here. */
static int check_limit(struct ksem_ns *ns, bool held)
{
	struct sharing *sharing = ns->sharing;
	struct uncounted own = {.table = load_rlx(&sharing->held.table)}; /* relaxed: changed under the lock only */
	uint64_t most = ns->slots.max, count;
	int error = holds_count(&sharing->directory, most + 1, next_uncounted, &own, &count);

	return error || count + !held <= most ? error : ENFILE;
}

struct admitting {
	struct ksem_ns *ns;
	bool held, locked;
};

/* A new one: holds it, and makes sure that there aren't too many. */
static int admit(const struct file *file, void *arg)
{
	struct admitting *admitting = arg;
	const struct directory *directory = &admitting->ns->sharing->directory;

	admitting->held = holds_add(directory, file->number);
	if (directory_count_at_most(directory) <= admitting->ns->slots.max)
		return 0;
	directory_lock(directory);
	admitting->locked = true;
	return check_limit(admitting->ns, admitting->held);
}

static int make_file(struct ksem_ns *ns, const struct making *making, struct file *file, bool *held)
{
	const struct directory *directory = &ns->sharing->directory;
	struct admitting admitting = {.ns = ns};
	int error = directory_make(directory, making, admit, &admitting, file);

	*held = admitting.held;
	if (error && admitting.held)
		holds_remove(directory, file->number);
	if (admitting.locked)
		directory_unlock(directory);
	if (error == ENFILE && admitting.locked && making->name &&
	    directory_has(directory, making->name, making->length))
		return EEXIST;
	return error;
}

static int make_locked(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		       struct reclaim *garbage)
{
	struct file file;
	bool held;
	int error = make_file(ns, making, &file, &held);

	if (error)
		return error;
	error = enter_file(ns, ids, making, &file, held, made, garbage);
	if (error) {
		if (making->name)
			directory_unlink(&ns->sharing->directory, making->name, making->length);
		holds_remove(&ns->sharing->directory, file.number);
		file_close(&file);
	}
	return error;
}

int sharing_make(struct ksem_ns *ns, const struct making *making, struct ids *ids, struct ksem **made,
		 struct reclaim *garbage)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	if (making->name)
		find_held(ns, making->name, making->length, garbage); /* a name that has gone makes room */
	error = make_locked(ns, making, ids, made, garbage);
	pthread_mutex_unlock(&ns->lock);
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
		forget(ns, ksem, garbage); /* it is being ended */
	return enter_file(ns, NULL, making, file, false, found, garbage);
}

static int find_file(struct ksem_ns *ns, const struct making *making, bool exclusive, struct ksem **found,
		     struct reclaim *garbage)
{
	const struct directory *directory = &ns->sharing->directory;
	struct file file;
	int error;

	if (exclusive)
		return directory_has(directory, making->name, making->length) ? EEXIST : ENOENT; /* whatever it is */
	error = directory_find(directory, making->name, making->length, &ns->sharing->kept, &file);
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
	bool dead = count_is_dead(plain_word(shared_of(ksem)->sem));

	pthread_mutex_lock(&ns->lock);
	if (dead) /* else other processes have it, and this one may have it pinned */
		count_no_more(ns, shared_of(ksem));
	pthread_mutex_unlock(&ns->lock);
}

/* The hold of one that ends goes, or to the one that this process has of the same file, which came meanwhile. */
static void end_hold(struct ksem_ns *ns, struct shared *shared)
{
	struct ksem *ksem = ids_find(&ns->sharing->held, shared->ksem.id);
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
	forget(ns, ksem, garbage);
	end_hold(ns, shared_of(ksem));
	shared_end(ksem);
	if (object_is_named(ksem) && is_current(ksem))
		kept_add(&ns->sharing->kept, shared_of(ksem), garbage);
	else
		kept_not(shared_of(ksem), garbage);
}

int sharing_kill(struct ksem *ksem)
{
	return shared_refs(ksem) > 1 ? 0 : plain_kill(shared_of(ksem)->sem);
}

static int unlink_locked(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
			 struct reclaim *garbage)
{
	const struct directory *directory = &ns->sharing->directory;
	struct file file;
	int error = directory_find(directory, bytes, length, &ns->sharing->kept, &file);

	if (error)
		return error;
	if (!namespace_permits(&file.owner, file.mode, cred)) {
		error = EPERM;
	} else {
		fetch_add_rel(&file.page->unlinking, 1); /* KSEM_ORD_18 release */
		error = directory_unlink(directory, bytes, length);
		if (error)
			fetch_sub_rel(&file.page->unlinking, 1); /* KSEM_ORD_18 release */
		else
			kept_drop(&ns->sharing->kept, file.page, garbage);
	}
	file_close(&file);
	find_held(ns, bytes, length, garbage);
	return error;
}

int sharing_unlink(struct ksem_ns *ns, const struct ksem_cred *cred, const char *bytes, size_t length,
		   struct reclaim *garbage)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	directory_lock(&ns->sharing->directory);
	error = unlink_locked(ns, cred, bytes, length, garbage);
	directory_unlock(&ns->sharing->directory);
	pthread_mutex_unlock(&ns->lock);
	return error;
}

/* ---- In the child of a fork. ---- */

void sharing_after_fork(struct ksem_ns *ns, const struct ksem *waits_on, bool enlisted, struct reclaim *garbage)
{
	struct ids_table *table = load_rlx(&ns->sharing->held.table); /* relaxed: the child has one thread */
	size_t cursor = 0;
	struct ksem *ksem;
	uint32_t refs;

	directory_after_fork(&ns->sharing->directory);
	while ((ksem = ids_next(table, &cursor, &refs))) {
		if (shared_of(ksem)->counted && !holds_add(shared_of(ksem)->directory, shared_of(ksem)->number)) {
			shared_of(ksem)->counted = false;
			ns->sharing->counted--;
		}
		if (shared_after_fork(ksem, ksem == waits_on, enlisted) && namespace_end(ns, ksem, garbage))
			return;
	}
}
