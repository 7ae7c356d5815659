/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that are each one inline call, their return included.
 */
#ifndef KSEM_TESTS_INSTRUCTIONS_INLINE_H
#define KSEM_TESTS_INSTRUCTIONS_INLINE_H

#include <ksem/ksem.h>

int inline_post(struct ksem_proc *proc, ksem_id_t id);
int inline_wait(struct ksem_proc *proc, ksem_id_t id);
int inline_pinned_post(struct ksem *sem);
int inline_pinned_wait(struct ksem *sem);

#endif
