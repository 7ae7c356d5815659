/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inline calls as a program has them that was built for a layout which this library hasn't.
 */
#ifndef KSEM_TESTS_INLINE_OTHER_H
#define KSEM_TESTS_INLINE_OTHER_H

#include <ksem/ksem.h>

int other_pinned_post(struct ksem *sem);
int other_pinned_wait(struct ksem *sem);
int other_post(struct ksem_proc *proc, ksem_id_t id);
int other_wait(struct ksem_proc *proc, ksem_id_t id);

#endif
