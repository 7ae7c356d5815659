/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of post + wait without restartable sequences: two locked instructions. For ids: through a plain array of
 * pointers.
 */
#include <stdint.h>
#include <stdlib.h>

#define PEER      floor_locked
#define PEER_NAME "floor: two locked instructions"
#define PEER_CAN                            \
	{                                   \
		[PAIR] = true, [IDS] = true \
	}
#define PEER_IDS

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
	__atomic_fetch_add(&line->value, 1, __ATOMIC_RELEASE);
}

static inline void peer_wait(peer_ref line)
{
	__atomic_fetch_sub(&line->value, 1, __ATOMIC_ACQUIRE);
}

#include "scenarios.h"
