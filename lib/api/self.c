/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This OS process: see self.h.
 *
 * Each of its two processes is made under a lock, so that there is only one, and published when it is complete
 * (KSEM_ORD_19). It is never freed. So all threads get the same pointer, and a fork's child, too, which has a copy.
 */
#include "api/self.h"

#include "api/create.h"
#include "os/fork.h"
#include "shared/default.h"

static pthread_mutex_t making_lock = PTHREAD_MUTEX_INITIALIZER; /* inside the fork gate, outside all other locks */
static atomic(struct ksem_proc *) shared_one;                   /* atomic; changed under the lock, as is the next */
static atomic(struct ksem_proc *) private_one;

/* Makes a namespace with one process, and returns the process. NULL: it couldn't. */
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

/*
 * Relaxed suffices: a caller that has one of these pointers got it, directly or not, from a thread that read it here.
 */
bool self_is(const struct ksem_proc *proc)
{
	return proc == load_rlx(&shared_one) || proc == load_rlx(&private_one); /* relaxed: see above */
}
