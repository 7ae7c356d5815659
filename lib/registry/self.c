/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This OS process: see self.h.
 *
 * It is published when it is whole (KSEM_ORD_19), under a lock that keeps a second one from being made. A fork's child
 * has a copy, which is the child then.
 */
#include "registry/self.h"

#include "os/fork.h"
#include "share/directory.h"

static pthread_mutex_t self_lock = PTHREAD_MUTEX_INITIALIZER; /* inside the fork gate */
static atomic(struct ksem_proc *) self;                       /* atomic; changed under the lock */

static struct ksem_proc *make_self(void)
{
	struct ksem_ns_options options = {.size = sizeof(options)};
	struct ksem_proc *proc = NULL;
	struct ksem_ns *ns;

	if (directory_make_default(&options.dir) || namespace_create(&options, &ns))
		return NULL;
	if (process_create(ns, NULL, &proc))
		namespace_destroy(ns);
	return proc;
}

struct ksem_proc *self_process(void)
{
	struct ksem_proc *proc = load_acq(&self); /* KSEM_ORD_19 acquire */

	if (proc)
		return proc;
	fork_gate_enter();
	pthread_mutex_lock(&self_lock);
	proc = load_rlx(&self); /* relaxed: changed under the lock only */
	if (!proc) {
		proc = make_self();
		store_rel(&self, proc); /* KSEM_ORD_19 release */
	}
	pthread_mutex_unlock(&self_lock);
	fork_gate_leave();
	return proc;
}
