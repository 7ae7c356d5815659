/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places of semaphores: this process's own memory, the default directory, and other directories.
 *
 * A directory is known by its device and inode number, so two paths to one directory lead to one place. While a place
 * is in use it keeps the directory open, and nobody else can get that inode number.
 *
 * A child of fork() has its own copy of each place, and may use it: so the library has it.
 */
#include "binding.h"

#include <stdlib.h>
#include <sys/stat.h>

static struct place *directories; /* those that are in use */
static struct place private_place, default_place;

struct place *place_ref(struct place *place)
{
	place->refs++;
	return place;
}

static struct place *lasting(struct place *place, struct ksem_proc *proc)
{
	place->proc = proc;
	return place_ref(place);
}

struct place *place_private(void)
{
	struct ksem_proc *proc = ksem_private();

	return proc ? lasting(&private_place, proc) : (struct place *)(void *)PyErr_NoMemory();
}

struct place *place_default(void)
{
	struct ksem_proc *proc = ksem_self();

	if (proc)
		return lasting(&default_place, proc);
	PyErr_SetString(PyExc_OSError,
			"the default directory of semaphores can't be opened: $KSEM_DIR, or /dev/shm/ksem");
	return NULL;
}

static int enter(struct place *place, const char *path)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = path};
	int error = ksem_ns_create(&options, &place->ns);

	if (error)
		return error;
	error = ksem_proc_create(place->ns, NULL, &place->proc);
	if (error)
		ksem_ns_destroy(place->ns);
	return error;
}

struct place *place_directory(PyObject *dir)
{
	const char *path = PyBytes_AsString(dir);
	struct place *place;
	struct stat status;
	int error;

	if (!path)
		return NULL;
	if (stat(path, &status) == -1)
		return (struct place *)(void *)fail(errno, dir);
	for (place = directories; place; place = place->next)
		if (place->device == status.st_dev && place->inode == status.st_ino)
			return place_ref(place);
	place = calloc(1, sizeof(*place));
	if (!place)
		return (struct place *)(void *)PyErr_NoMemory();
	error = enter(place, path);
	if (error) {
		free(place);
		return (struct place *)(void *)fail(error, dir);
	}
	place->device = status.st_dev;
	place->inode = status.st_ino;
	place->next = directories;
	directories = place;
	return place_ref(place);
}

void place_unref(struct place *place)
{
	struct place **link;

	if (--place->refs > 0 || !place->ns)
		return;
	for (link = &directories; *link != place; link = &(*link)->next)
		;
	*link = place->next;
	/* No thread waits in it, and it has no queue: each would have a reference. */
	ksem_proc_exit(place->proc);
	ksem_ns_destroy(place->ns);
	free(place);
}
