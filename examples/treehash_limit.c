/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit on open files: a named semaphore with as many permits as files may be open. The two processes have only its
 * name in common. The first that opens it makes it (O_CREAT), the other finds it, and each holds its own reference.
 *
 * The count beside it shows that it works: it goes up after a permit was taken and down before the permit is given
 * back, so it can't pass the limit.
 */
#include <fcntl.h>

#include "treehash.h"

static const char name[] = "/open-files";

void limit_make(struct limit *limit, struct ksem_proc *proc)
{
	limit->open = limit->highest = 0;
	must(ksem_init(proc, 1, &limit->lock), "ksem_init");
}

void limit_join(struct limit *limit, struct ksem_proc *proc, unsigned permits)
{
	must(ksem_open(proc, name, O_CREAT, 0600, permits, &limit->permits), "ksem_open"); /* the same id for both */
}

void limit_enter(struct limit *limit, struct ksem_proc *proc)
{
	wait_for(proc, limit->permits);
	wait_for(proc, limit->lock);
	limit->open++;
	if (limit->open > limit->highest)
		limit->highest = limit->open;
	post(proc, limit->lock);
}

void limit_leave(struct limit *limit, struct ksem_proc *proc)
{
	wait_for(proc, limit->lock);
	limit->open--;
	post(proc, limit->lock);
	post(proc, limit->permits);
}

void limit_let_go(struct limit *limit, struct ksem_proc *proc)
{
	must(ksem_close(proc, limit->permits), "ksem_close");
	must(ksem_destroy(proc, limit->lock), "ksem_destroy");
}

void limit_end(struct ksem_proc *proc)
{
	/* Otherwise the semaphore would stay under its name, without references, until the namespace is destroyed. */
	must(ksem_unlink(proc, name), "ksem_unlink");
}
