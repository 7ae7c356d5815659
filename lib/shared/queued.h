/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits of completion queues on a shared semaphore that has no line: the functions that a queue calls (queue/direct.h).
 *
 * Each is registered in the page's word, and counted in this OS process's record, as a waiting thread is. So posts see
 * it, it keeps the semaphore from being destroyed, and others count it off when the process has died. The queue's pin
 * keeps the object in this process.
 */
#ifndef KSEM_SHARED_QUEUED_H
#define KSEM_SHARED_QUEUED_H

#include "object/kind.h"

#define QUEUED_MAX (UINT32_C(1) << 17) /* waits of this OS process on one semaphore */

extern const struct direct_ops shared_direct_ops;

#endif
