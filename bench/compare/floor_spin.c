/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of a hand-over: a cache line that moves to the other processor, and a thread there that does nothing but
 * read it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PEER      floor_spin
#define PEER_NAME "floor: spinning"
#define PEER_CAN                                      \
	{                                             \
		[HANDOVER] = true, [PROCESSES] = true \
	}
#define PEER_SHARED

struct line {
	_Alignas(64) uint32_t value;
};
typedef struct line *peer_ref;

static inline peer_ref peer_make_shared(unsigned value)
{
	peer_ref line = mmap(NULL, sizeof(*line), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (line == MAP_FAILED)
		abort();
	line->value = value;
	return line;
}

static inline void peer_end_shared(peer_ref line)
{
	munmap(line, sizeof(*line));
}

static inline peer_ref peer_make(unsigned value)
{
	return peer_make_shared(value);
}

static inline void peer_end(peer_ref line)
{
	peer_end_shared(line);
}

static inline void peer_post(peer_ref line)
{
	__atomic_store_n(&line->value, 1, __ATOMIC_RELEASE);
}

static inline void peer_wait(peer_ref line)
{
	while (__atomic_load_n(&line->value, __ATOMIC_ACQUIRE) == 0)
		;
	__atomic_store_n(&line->value, 0, __ATOMIC_RELAXED);
}

#include "scenarios.h"
