/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of a wake: the futex calls alone.
 */
#include <linux/futex.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PEER      floor_futex
#define PEER_NAME "floor: futex calls"
#define PEER_CAN                                                     \
	{                                                            \
		[HANDOVER] = true, [PARK] = true, [PARK_BOTH] = true \
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
	__atomic_store_n(&line->value, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &line->value, FUTEX_WAKE_PRIVATE, 1);
}

static inline void peer_wait(peer_ref line)
{
	while (__atomic_load_n(&line->value, __ATOMIC_ACQUIRE) == 0)
		syscall(SYS_futex, &line->value, FUTEX_WAIT_PRIVATE, 0, NULL);
	__atomic_store_n(&line->value, 0, __ATOMIC_RELAXED);
}

#include "scenarios.h"
