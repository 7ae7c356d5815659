/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem by id.
 */
#include <ksem/ksem.h>

#include "ksem.h"

#define PEER      peer_ksem_id
#define PEER_NAME "ksem, by id"
#define PEER_OPEN

static ksem_id_t opened;

static inline void peer_open(void)
{
	enter();
	if (ksem_open(proc, "/ksem-compare", O_CREAT, 0600, 1, &opened))
		abort();
}

static inline void peer_close(void)
{
	if (ksem_close(proc, opened))
		abort();
}

static inline void peer_unlink(void)
{
	if (ksem_unlink(proc, "/ksem-compare"))
		abort();
}

#include "scenarios.h"
