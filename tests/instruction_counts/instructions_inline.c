/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inline calls, each in a function of its own, whose instructions can be counted: see instructions.c.
 */
#include <ksem/ksem.h>

#include <ksem/inline.h>

#include "instructions_inline.h"

int inline_post(struct ksem_proc *proc, ksem_id_t id)
{
	return ksem_post(proc, id);
}

int inline_wait(struct ksem_proc *proc, ksem_id_t id)
{
	return ksem_wait(proc, id);
}

int inline_pinned_post(struct ksem *sem)
{
	return ksem_pinned_post(sem);
}

int inline_pinned_wait(struct ksem *sem)
{
	return ksem_pinned_wait(sem);
}
