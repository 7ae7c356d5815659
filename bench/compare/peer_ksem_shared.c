/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem in a namespace that OS processes share, pinned: in a directory on tmpfs, which goes at the end. Each opening of
 * the name is one of a name that this process doesn't hold.
 */
#include <fcntl.h>
#include <ksem/ksem.h>
#include <stdlib.h>
#include <unistd.h>

#define PEER      peer_ksem_shared
#define PEER_NAME "ksem, shared"
#define PEER_SHARED
#define PEER_BATCH
#define PEER_OPEN

typedef struct ksem *peer_ref;

static struct ksem_proc *proc;
static char directory[] = "/dev/shm/ksem-compare-XXXXXX";
static ksem_id_t opened;
static pid_t maker;

static void leave(void)
{
	if (getpid() == maker)
		rmdir(directory);
}

static void enter(void)
{
	const struct ksem_ns_options options = {sizeof(options), directory, 0, 0};
	struct ksem_ns *ns;

	if (proc)
		return;
	maker = getpid();
	if (!mkdtemp(directory) || atexit(leave) || ksem_ns_create(&options, &ns) || ksem_proc_create(ns, NULL, &proc))
		abort();
}

/* What a user holds is the pin; the name and the reference are gone. */
static inline peer_ref peer_make(unsigned value)
{
	struct ksem *sem = NULL;
	ksem_id_t id = 0;

	enter();
	if (ksem_open(proc, "/one", O_CREAT | O_EXCL, 0600, value, &id) || ksem_pin(proc, id, &sem) ||
	    ksem_unlink(proc, "/one") || ksem_close(proc, id))
		abort();
	return sem;
}

static inline peer_ref peer_make_shared(unsigned value)
{
	return peer_make(value);
}

static inline void peer_end(peer_ref sem)
{
	ksem_unpin(sem);
}

static inline void peer_end_shared(peer_ref sem)
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

#include "scenarios.h"
