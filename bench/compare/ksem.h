/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ksem peers share: a namespace and a process for each of their files, and how a semaphore is used by id, or
 * by a pin (KSEM_PINNED).
 */
#include <fcntl.h>
#include <stdlib.h>

static struct ksem_proc *proc;

static void enter(void)
{
	const struct ksem_ns_options options = {sizeof(options), NULL, 1 << 22, 0};
	struct ksem_ns *ns;

	if (!proc && (ksem_ns_create(&options, &ns) || ksem_proc_create(ns, NULL, &proc)))
		abort();
}

#define PEER_BATCH
#define PEER_IDS

#ifdef KSEM_PINNED

/* What a user holds is the pin; the reference stays until the end. */
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
