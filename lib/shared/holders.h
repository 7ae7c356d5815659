/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OS processes that have a shared semaphore (object/holders.h), as a copy of its file shows them.
 */
#ifndef KSEM_SHARED_HOLDERS_H
#define KSEM_SHARED_HOLDERS_H

#include "object/holders.h"
#include "shared/file.h"
#include "shared/records.h"

/* Adds those that live. ENOMEM. */
int shared_holders_of_copy(struct records *records, const struct directory *directory, const struct file *file,
			   struct holders *holders);

#endif
