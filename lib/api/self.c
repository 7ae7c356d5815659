/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This OS process: see self.h.
 *
 * Each of its two processes is published when it is whole (KSEM_ORD_19), under a lock that keeps a second from being
 * made, and then stays: a pointer to it is the same in every thread, and in a fork's child, which has a copy.
 */
#include "api/self.h"

#include "api/create.h"
#include "os/fork.h"
#include "shared/default.h"

static pthread_mutex_t making_lock = PTHREAD_MUTEX_INITIALIZER; /* inside the fork gate */
static atomic(struct ksem_proc *) shared_one;                   /* atomic; changed under the lock, as is the next */
static atomic(struct ksem_proc *) private_one;

/* The first process of a namespace of its own. NULL: it can't be had. */
static struct ksem_proc *make_in(const struct ksem_ns_options *options)
{
	struct ksem_proc *proc = NULL;
	struct ksem_ns *ns;

	if (create_namespace(options, &ns))
		return NULL;
	if (process_create(ns, NULL, &proc))
		namespace_destroy(ns);
	return proc;
}

static struct ksem_proc *make_shared(void)
{
	struct ksem_ns_options options = {.size = sizeof(options)};

	return default_directory(true, &options.dir) ? NULL : make_in(&options);
}

static struct ksem_proc *make_private(void)
{
	return make_in(NULL);
}

static struct ksem_proc *made_once(atomic(struct ksem_proc *) *place, struct ksem_proc *(*make)(void))
{
	struct ksem_proc *proc = load_acq(place); /* KSEM_ORD_19 acquire */

	if (proc)
		return proc;
	fork_gate_enter();
	pthread_mutex_lock(&making_lock);
	proc = load_rlx(place); /* relaxed: changed under the lock only */
	if (!proc) {
		proc = make();
		store_rel(place, proc); /* KSEM_ORD_19 release */
	}
	pthread_mutex_unlock(&making_lock);
	fork_gate_leave();
	return proc;
}

struct ksem_proc *self_process(void)
{
	return made_once(&shared_one, make_shared);
}

struct ksem_proc *self_private(void)
{
	return made_once(&private_one, make_private);
}

/* Relaxed suffices: whoever has one of these pointers read it here, or was told by somebody who did. */
bool self_is(const struct ksem_proc *proc)
{
	return proc == load_rlx(&shared_one) || proc == load_rlx(&private_one); /* relaxed: see above */
}
