/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a system call costs: one that finds nobody to wake.
 */
#include <linux/futex.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PEER      floor_syscall
#define PEER_NAME "floor: one system call"
#define PEER_CAN              \
	{                     \
		[PAIR] = true \
	}

struct line {
	_Alignas(64) uint32_t value;
};
typedef struct line *peer_ref;

static inline peer_ref peer_make(unsigned value)
{
	peer_ref line = aligned_alloc(sizeof(*line), sizeof(*line));

	if (!line)
		abort();
	line->value = value;
	return line;
}

static inline void peer_end(peer_ref line)
{
	free(line);
}

static inline void peer_post(peer_ref line)
{
	syscall(SYS_futex, &line->value, FUTEX_WAKE_PRIVATE, 1);
}

static inline void peer_wait(peer_ref line)
{
	(void)line;
}

#include "scenarios.h"
