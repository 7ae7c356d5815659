/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ksem peers share: a namespace and a process for each of their files, and how a semaphore is used by id, or
 * by a pin (KSEM_PINNED). The namespace is one that OS processes share (KSEM_SHARED), in a directory on tmpfs that goes
 * at the end, or this one's own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PEER_BATCH

static struct ksem_proc *proc;

#ifdef KSEM_SHARED

#define PEER_SHARED

static char directory[256];
static pid_t maker;

static void leave(void)
{
	if (getpid() == maker)
		rmdir(directory);
}

static const char *make_directory(void)
{
	const char *place = getenv("KSEM_TEST_SHM"); /* of a run of tools/test, which removes what is left there */

	maker = getpid();
	snprintf(directory, sizeof(directory), "%s/ksem-compare-XXXXXX", place ? place : "/dev/shm");
	if (!mkdtemp(directory) || atexit(leave))
		abort();
	return directory;
}

static struct ksem_ns_options ns_options(void)
{
	return (struct ksem_ns_options){sizeof(struct ksem_ns_options), make_directory(), 0, 0};
}

#else

#define PEER_IDS

static struct ksem_ns_options ns_options(void)
{
	return (struct ksem_ns_options){sizeof(struct ksem_ns_options), NULL, 1 << 22, 0};
}

#endif

static void enter(void)
{
	struct ksem_ns_options options;
	struct ksem_ns *ns;

	if (proc)
		return;
	options = ns_options();
	if (ksem_ns_create(&options, &ns) || ksem_proc_create(ns, NULL, &proc))
		abort();
}

#ifdef KSEM_PINNED

/* What a user holds is the pin; the name and the reference are gone. */
typedef struct ksem *peer_ref;

static inline peer_ref peer_make(unsigned value)
{
	ksem_id_t id = 0;
	struct ksem *sem = NULL;

	enter();
	if (ksem_open(proc, "/one", O_CREAT | O_EXCL, 0600, value, &id) || ksem_pin(proc, id, &sem) ||
	    ksem_unlink(proc, "/one") || ksem_close(proc, id))
		abort();
	return sem;
}

static inline void peer_end(peer_ref sem)
{
	ksem_unpin(sem);
}

static inline void peer_post(peer_ref sem)
{
	ksem_pinned_post(sem);
}

static inline void peer_wait(peer_ref sem)
{
	ksem_pinned_wait(sem);
}

static inline void peer_post_many(peer_ref sem, unsigned n)
{
	ksem_pinned_post_many(sem, n);
}

#else

typedef ksem_id_t peer_ref;

static inline peer_ref peer_make(unsigned value)
{
	ksem_id_t id = 0;

	enter();
	if (ksem_init(proc, value, &id))
		abort();
	return id;
}

static inline void peer_end(peer_ref id)
{
	if (ksem_destroy(proc, id))
		abort();
}

static inline void peer_post(peer_ref id)
{
	ksem_post(proc, id);
}

static inline void peer_wait(peer_ref id)
{
	ksem_wait(proc, id);
}

static inline void peer_post_many(peer_ref id, unsigned n)
{
	ksem_post_many(proc, id, n);
}

#endif

#ifdef KSEM_SHARED

static inline peer_ref peer_make_shared(unsigned value)
{
	return peer_make(value);
}

static inline void peer_end_shared(peer_ref sem)
{
	peer_end(sem);
}

#endif

#ifdef PEER_OPEN

static ksem_id_t opened;

static inline void peer_open(void)
{
	enter();
	if (ksem_open(proc, "/ksem-compare", O_CREAT, 0600, 1, &opened))
		abort();
}

static inline void peer_close(void)
{
	if (ksem_close(proc, opened))
		abort();
}

static inline void peer_unlink(void)
{
	if (ksem_unlink(proc, "/ksem-compare"))
		abort();
}

#endif
