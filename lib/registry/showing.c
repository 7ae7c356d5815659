/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is shown of a shared namespace: see sharing.h. Numbers are sums over all OS processes that live.
 */
#include <errno.h>
#include <string.h>

#include "os/fork.h"
#include "registry/names.h"
#include "registry/sharing.h"
#include "share/shared.h"

static bool describe(struct ksem *ksem, struct ksem_info *info)
{
	memset(info, 0, sizeof(*info));
	if (shared_value(ksem, &info->value) != 0)
		return false;
	info->id = ksem->id;
	if (!sharing_is_nameless(ksem) && ksem->name)
		memcpy(info->name, ksem->name->bytes, ksem->name->length);
	info->waiters = shared_waiters(ksem);
	info->refs = shared_refs(ksem);
	info->uid = ksem->owner.uid;
	info->gid = ksem->owner.gid;
	info->mode = object_mode(ksem);
	return true;
}

bool sharing_stat(struct ksem_ns *ns, struct ksem *ksem, struct ksem_info *info)
{
	bool alive;

	pthread_mutex_lock(&ns->lock);
	alive = describe(ksem, info);
	pthread_mutex_unlock(&ns->lock);
	return alive;
}

struct visiting {
	struct ksem_ns *ns;
	int (*visit)(const struct ksem_info *info, void *arg);
	void *arg;
	ksem_id_t *
		seen; /* those with names that this process holds: they may lose them before the nameless are visited */
	size_t count, room;
};

/* ENOMEM. */
static int note_seen(struct visiting *visiting, ksem_id_t id)
{
	ksem_id_t *seen;
	bool held;

	pthread_mutex_lock(&visiting->ns->lock);
	held = ids_find(&visiting->ns->sharing->held, id) != NULL;
	pthread_mutex_unlock(&visiting->ns->lock);
	if (!held)
		return 0;
	seen = memory_grow(visiting->seen, visiting->count, &visiting->room, sizeof(*seen));
	if (!seen)
		return ENOMEM;
	visiting->seen = seen;
	visiting->seen[visiting->count++] = id;
	return 0;
}

static bool was_seen(const struct visiting *visiting, ksem_id_t id)
{
	for (size_t i = 0; i < visiting->count; i++) {
		if (visiting->seen[i] == id)
			return true;
	}
	return false;
}

static void describe_file(struct ksem_ns *ns, const struct file *file, struct ksem_info *info)
{
	struct directory *directory = &ns->sharing->directory;
	count_t word;

	page_count_off_dead(file->page, directory);
	word = plain_word(&file->page->sem);
	info->id = file->id;
	info->value = count_value(word);
	info->waiters = count_waiters(word);
	info->refs = page_refs(file->page, NULL, directory);
	info->uid = file->owner.uid;
	info->gid = file->owner.gid;
	info->mode = file->mode;
}

/* What can't be opened isn't shown: no semaphore, or another's. */
static int visit_name(const char *name, size_t length, ino_t number, void *arg)
{
	struct visiting *visiting = arg;
	struct ksem_info info = {0};
	struct file file;
	bool found;
	int error = 0;

	(void)number;
	fork_gate_enter();
	found = file_find(&visiting->ns->sharing->directory, name, length, NULL, &file) == 0;
	if (found) {
		describe_file(visiting->ns, &file, &info);
		memcpy(info.name, name, length);
		file_close(&file);
		error = note_seen(visiting, info.id);
	}
	fork_gate_leave();
	return found && !error ? visiting->visit(&info, visiting->arg) : error;
}

/* The nameless one with the lowest id above `after`. */
static bool describe_nameless(struct ksem_ns *ns, ksem_id_t after, struct ksem_info *info)
{
	struct ids_table *table;
	struct ksem *ksem, *next = NULL;
	size_t cursor = 0;
	uint32_t refs;
	bool found;

	fork_gate_enter();
	pthread_mutex_lock(&ns->lock);
	table = load_rlx(&ns->sharing->held.table); /* relaxed: changed under the lock only */
	while ((ksem = ids_next(table, &cursor, &refs))) {
		if (ksem->id > after && (!next || ksem->id < next->id) && sharing_is_nameless(ksem))
			next = ksem;
	}
	found = next && describe(next, info);
	pthread_mutex_unlock(&ns->lock);
	fork_gate_leave();
	return found;
}

int sharing_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg)
{
	struct visiting visiting = {.ns = ns, .visit = visit, .arg = arg};
	struct ksem_info info = {.id = 0};
	int result = directory_for_all(&ns->sharing->directory, visit_name, &visiting);

	while (result == 0 && describe_nameless(ns, info.id, &info))
		result = was_seen(&visiting, info.id) ? 0 : visit(&info, arg);
	memory_free(visiting.seen);
	return result;
}
