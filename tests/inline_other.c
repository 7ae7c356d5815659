/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inline calls for another layout: see inline_other.h.
 */
#include <ksem/ksem.h>

#define ksem_inline_2 ksem_inline_9 /* which no library has */
#include <ksem/inline.h>

#include "inline_other.h"

int other_pinned_post(struct ksem *sem)
{
	return ksem_pinned_post(sem);
}

int other_pinned_wait(struct ksem *sem)
{
	return ksem_pinned_wait(sem);
}

int other_post(struct ksem_proc *proc, ksem_id_t id)
{
	return ksem_post(proc, id);
}

int other_wait(struct ksem_proc *proc, ksem_id_t id)
{
	return ksem_wait(proc, id);
}
