/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listing: see listing.h.
 */
#include "shared/listing.h"

#include <errno.h>
#include <string.h>

#include "os/fork.h"
#include "object/collected.h"
#include "object/names.h"
#include "shared/held.h"
#include "shared/entries.h"
#include "shared/lined_copy.h"
#include "shared/semaphore.h"
#include "shared/place.h"

/* 0; EINVAL: it is dead; ENOMEM. */
static int describe(struct ksem *ksem, struct ksem_info *info)
{
	memset(info, 0, sizeof(*info));
	if (shared_describe(ksem, info) != 0)
		return EINVAL;
	info->id = object_id(ksem);
	if (!held_is_nameless(ksem) && object_cold(ksem)->name)
		memcpy(info->name, object_cold(ksem)->name->bytes, object_cold(ksem)->name->length);
	info->uid = object_cold(ksem)->owner.uid;
	info->gid = object_cold(ksem)->owner.gid;
	info->mode = object_mode(ksem);
	return shared_refs(ksem, &info->refs);
}

int shared_ns_stat(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	place_refresh_locked(ns); /* if that fails, processes that can't be asked about count as living */
	error = describe(ksem, info);
	pthread_mutex_unlock(&ns->lock);
	return error;
}

/* ---- All of them. ---- */

struct listed {
	ksem_id_t id; /* 0: none */
	bool shown;
};

/*
 * What was there when the call began. It is all in memory: while `visit` runs, the call has no lock and no descriptor.
 */
struct listing {
	struct collected collected;
	struct listed *held; /* the semaphores of this process: a hash table of `mask` + 1 places, at most half full */
	size_t mask;
	char *names; /* the names in the directory, each after a byte with its length */
	size_t bytes, room;
};

static void listing_free(struct collected *collected)
{
	struct listing *listing = (struct listing *)collected;

	memory_free(listing->held);
	memory_free(listing->names);
	memory_free(listing);
}

/* NULL: no memory. */
static struct listing *listing_begin(void)
{
	struct listing *listing = memory_alloc(sizeof(*listing), _Alignof(struct listing));

	if (!listing || collected_begin(&listing->collected, listing_free))
		return listing;
	memory_free(listing);
	return NULL;
}

/* The place where that id is, or where it belongs. */
static struct listed *place_of(const struct listing *listing, ksem_id_t id)
{
	size_t at = (size_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> 32);

	while (listing->held[at & listing->mask].id != 0 && listing->held[at & listing->mask].id != id)
		at++;
	return &listing->held[at & listing->mask];
}

/* Under the lock. */
static int list_held(struct ksem_ns *ns, struct listing *listing)
{
	struct ids_table *table = load_rlx(&shared_ns_of(ns)->held.table); /* relaxed: changed under the lock only */
	size_t places = 1, cursor = 0;
	struct ksem *ksem;
	uint32_t refs;

	while (places < 2 * (shared_ns_of(ns)->held.count + 1))
		places *= 2;
	listing->held = memory_alloc(places * sizeof(*listing->held), _Alignof(struct listed));
	if (!listing->held)
		return ENOMEM;
	listing->mask = places - 1;
	while ((ksem = ids_next(table, &cursor, &refs)))
		place_of(listing, object_id(ksem))->id = object_id(ksem);
	return 0;
}

static int list_name(const char *name, size_t length, ino_t number, void *arg)
{
	struct listing *listing = arg;

	(void)number;
	while (listing->room - listing->bytes < 1 + length) {
		char *more = memory_grow(listing->names, listing->room, &listing->room, 1);

		if (!more)
			return ENOMEM;
		listing->names = more;
	}
	listing->names[listing->bytes] = (char)length;
	memcpy(&listing->names[listing->bytes + 1], name, length);
	listing->bytes += 1 + length;
	return 0;
}

/*
 * Lists first the semaphores of this process, then the names. So one that loses its name in between is in one of them.
 */
static int list_all(struct ksem_ns *ns, struct listing *listing)
{
	int error;

	pthread_mutex_lock(&ns->lock);
	error = place_refresh_locked(ns);
	if (!error)
		error = list_held(ns, listing);
	pthread_mutex_unlock(&ns->lock);
	return error ? error : entries_for_all(shared_ns_directory(shared_ns_of(ns)), list_name, listing);
}

/* In the copy, dead waiters are counted off. */
static void describe_plain_copy(struct records *records, const struct directory *directory, const struct file *file,
				struct ksem_info *info)
{
	word_t word;

	records_count_off_dead(records, directory);
	word = plain_word(&file->page->sem);
	info->value = word_value(word);
	info->waiters = word_waiters(word);
	info->limit = KSEM_VALUE_MAX;
	info->order = KSEM_BARGING;
	info->flags = word_is_shut(word) ? KSEM_SHUTDOWN : 0;
}

/* Describes a semaphore by a copy of its file. */
static void describe_file(struct ksem_ns *ns, const struct file *file, struct ksem_info *info)
{
	struct directory *directory = shared_ns_directory(shared_ns_of(ns));
	struct records records;

	records_init_copy(&records, file->page, file->bytes);
	if (file->line)
		shared_lined_describe_copy(&records, directory, file, info);
	else
		describe_plain_copy(&records, directory, file, info);
	info->id = file->id;
	records_refs(&records, directory, &info->refs); /* can't fail: nothing needs to be mapped */
	info->uid = file->owner.uid;
	info->gid = file->owner.gid;
	info->mode = file->mode;
}

/* ENOENT: there is none; EINVAL: no semaphore; EACCES: this process may not read it; other errors of the kernel. */
static int describe_name(struct ksem_ns *ns, const char *name, size_t length, struct ksem_info *info)
{
	struct file file;
	struct page page;
	int error;

	memset(info, 0, sizeof(*info));
	fork_gate_enter();
	error = file_read(shared_ns_directory(shared_ns_of(ns)), name, length, &page, &file);
	if (!error) {
		describe_file(ns, &file, info);
		file_read_end(&file, &page);
		memcpy(info->name, name, length);
	}
	fork_gate_leave();
	return error;
}

/* Of describe_name: such a file is left out. */
static bool is_left_out(int error)
{
	return error == ENOENT || error == EINVAL || error == EACCES;
}

int shared_ns_look(struct ksem_ns *ns, const char *name, struct ksem_info *info, bool *found)
{
	int error;

	*found = false;
	fork_gate_enter();
	pthread_mutex_lock(&ns->lock);
	error = place_refresh_locked(ns);
	pthread_mutex_unlock(&ns->lock);
	fork_gate_leave();
	if (error)
		return error;
	error = describe_name(ns, name, strlen(name), info);
	*found = error == 0;
	return is_left_out(error) ? 0 : error;
}

/* ENOENT: this process no longer has it, or it has a name, or it is dead; ENOMEM. */
static int describe_nameless(struct ksem_ns *ns, ksem_id_t id, struct ksem_info *info)
{
	struct ksem *ksem;
	int error;

	fork_gate_enter();
	pthread_mutex_lock(&ns->lock);
	ksem = ids_find_listed(&shared_ns_of(ns)->held, id);
	error = ksem && held_is_nameless(ksem) ? describe(ksem, info) : ENOENT;
	pthread_mutex_unlock(&ns->lock);
	fork_gate_leave();
	return error == EINVAL ? ENOENT : error;
}

static int visit_listed(struct ksem_ns *ns, struct listing *listing,
			int (*visit)(const struct ksem_info *info, void *arg), void *arg)
{
	struct ksem_info info;
	int result = 0;

	for (size_t at = 0; result == 0 && at < listing->bytes; at += 1 + (unsigned char)listing->names[at]) {
		result = describe_name(ns, &listing->names[at + 1], (unsigned char)listing->names[at], &info);
		if (result == 0) {
			struct listed *held = place_of(listing, info.id);

			held->shown = held->id != 0;
			result = visit(&info, arg);
		} else if (is_left_out(result))
			result = 0;
	}
	for (size_t at = 0; result == 0 && at <= listing->mask; at++) {
		const struct listed *held = &listing->held[at];

		result = held->id != 0 && !held->shown ? describe_nameless(ns, held->id, &info) : ENOENT;
		if (result == 0)
			result = visit(&info, arg);
		else if (result == ENOENT)
			result = 0;
	}
	return result;
}

int shared_ns_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg)
{
	struct listing *listing;
	int result;

	fork_gate_enter(); /* inside it, the thread can't be cancelled */
	listing = listing_begin();
	result = listing ? list_all(ns, listing) : ENOMEM;
	fork_gate_leave();
	if (!listing)
		return ENOMEM;
	if (!result)
		result = visit_listed(ns, listing, visit, arg);
	fork_gate_enter();
	collected_end(&listing->collected);
	fork_gate_leave();
	return result;
}
