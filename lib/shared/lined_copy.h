/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the copy of a file with a line says of its semaphore. Nobody may do anything to the file for that. So what the
 * dead had is still there, and is added up as if it were back.
 */
#ifndef KSEM_SHARED_LINED_COPY_H
#define KSEM_SHARED_LINED_COPY_H

#include "shared/file.h"
#include "shared/records.h"

struct shared_lined_sums {
	int64_t left;           /* permits; less than 0: the semaphore owes them */
	uint32_t held, waiters; /* what the living hold, and how many of them wait */
};

struct shared_lined_sums shared_lined_add_up_copy(struct records *records, const struct directory *directory,
						  const struct file *file);

/* Value, waiters, limit, order, flags, held. */
void shared_lined_describe_copy(struct records *records, const struct directory *directory, const struct file *file,
				struct ksem_info *info);

#endif
