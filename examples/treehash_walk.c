/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walkers share a list of directories to be read. `found` counts them, so a walker waits while the list is empty;
 * `lock`, a binary semaphore, protects it. The walker that finishes the last directory posts `found` once for each
 * walker (ksem_post_many). They find the list empty, and stop.
 *
 * A walker reads a whole directory and closes it before it passes on what it found. If it kept the directory open while
 * it waits for room in the queue, it would hold a permit that a worker may be waiting for, and neither could go on.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "treehash.h"

struct directory {
	struct directory *next;
	char *path;
};

struct entry {
	char *path;
	bool is_directory;
};

struct entries {
	struct entry *all;
	size_t count, room;
};

/* ---- The list of directories ---- */

static void add_directory(struct walk *walk, char *path)
{
	struct directory *directory = need(malloc(sizeof(*directory)));

	directory->path = path;
	wait_for(walk->proc, walk->lock);
	directory->next = walk->list;
	walk->list = directory;
	walk->unfinished++;
	post(walk->proc, walk->lock);
	post(walk->proc, walk->found);
}

/* The path of a directory to read; NULL: no more will come. */
static char *next_directory(struct walk *walk)
{
	struct directory *directory;
	char *path = NULL;

	wait_for(walk->proc, walk->found);
	wait_for(walk->proc, walk->lock);
	directory = walk->list;
	if (directory)
		walk->list = directory->next;
	post(walk->proc, walk->lock);
	if (directory)
		path = directory->path;
	free(directory);
	return path;
}

static void finish_directory(struct walk *walk)
{
	bool last;

	wait_for(walk->proc, walk->lock);
	last = --walk->unfinished == 0;
	post(walk->proc, walk->lock);
	if (!last)
		return;
	must(ksem_post_many(walk->proc, walk->found, walk->walkers), "ksem_post_many"); /* wakes all walkers */
	for (unsigned i = 0; i < walk->workers; i++)
		queue_put(walk->queue, walk->proc, NULL); /* one for each worker: no more files */
}

/* ---- Reading one directory ---- */

static void report(struct walk *walk, const char *path, int error)
{
	fprintf(stderr, "treehash: %s: %s\n", path, strerror(error));
	wait_for(walk->proc, walk->lock);
	walk->unreadable++;
	post(walk->proc, walk->lock);
}

static char *join(const char *directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		path = NULL;
	return need(path);
}

/* S_IFREG, S_IFDIR, ..., of the entry itself, not of what it links to; 0: unknown, and reported. */
static mode_t type_of(struct walk *walk, const struct dirent *entry, const char *path)
{
	struct stat status;

	if (entry->d_type != DT_UNKNOWN)
		return DTTOIF(entry->d_type);
	if (lstat(path, &status) == 0)
		return status.st_mode & S_IFMT;
	report(walk, path, errno);
	return 0;
}

static void add_entry(struct entries *entries, char *path, bool is_directory)
{
	if (entries->count == entries->room) {
		entries->room = entries->room ? 2 * entries->room : 64;
		entries->all = need(reallocarray(entries->all, entries->room, sizeof(*entries->all)));
	}
	entries->all[entries->count++] = (struct entry){path, is_directory};
}

static void gather(struct walk *walk, struct entries *entries, const char *directory, const struct dirent *entry)
{
	char *path;
	mode_t type;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return;
	path = join(directory, entry->d_name);
	type = type_of(walk, entry, path);
	if (type == S_IFREG || type == S_IFDIR)
		add_entry(entries, path, type == S_IFDIR);
	else
		free(path);
}

static struct entries read_directory(struct walk *walk, const char *path)
{
	struct entries entries = {NULL, 0, 0};
	struct dirent *entry;
	DIR *directory;

	limit_enter(walk->limit, walk->proc); /* a directory is an open file, too */
	directory = opendir(path);
	if (!directory) {
		report(walk, path, errno);
	} else {
		while (errno = 0, entry = readdir(directory))
			gather(walk, &entries, path, entry);
		if (errno)
			report(walk, path, errno);
		closedir(directory);
	}
	limit_leave(walk->limit, walk->proc);
	return entries;
}

/* ---- What treehash.c uses ---- */

void walk_make(struct walk *walk)
{
	must(ksem_init(walk->proc, 0, &walk->found), "ksem_init");
	must(ksem_init(walk->proc, 1, &walk->lock), "ksem_init");
	add_directory(walk, need(strdup(".")));
}

void *walk_run(void *arg)
{
	struct walk *walk = arg;
	char *path;

	while ((path = next_directory(walk))) {
		struct entries entries = read_directory(walk, path);

		for (size_t i = 0; i < entries.count; i++) {
			if (entries.all[i].is_directory)
				add_directory(walk, entries.all[i].path);
			else
				queue_put(walk->queue, walk->proc, entries.all[i].path);
		}
		free(entries.all);
		free(path);
		finish_directory(walk);
	}
	return NULL;
}

void walk_let_go(struct walk *walk, struct ksem_proc *proc)
{
	must(ksem_destroy(proc, walk->found), "ksem_destroy");
	must(ksem_destroy(proc, walk->lock), "ksem_destroy");
}
