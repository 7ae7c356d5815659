/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * std::counting_semaphore of the library that this is compiled against. Whoever includes it defines PEER and PEER_NAME
 * first.
 */
#include <cstdlib>
#include <semaphore>

#define PEER_BATCH

using semaphore = std::counting_semaphore<>;
using peer_ref = semaphore *;

static inline peer_ref peer_make(unsigned value)
{
	return new semaphore(static_cast<std::ptrdiff_t>(value));
}

static inline void peer_end(peer_ref sem)
{
	delete sem;
}

static inline void peer_post(peer_ref sem)
{
	sem->release();
}

static inline void peer_wait(peer_ref sem)
{
	sem->acquire();
}

static inline void peer_post_many(peer_ref sem, unsigned n)
{
	sem->release(static_cast<int>(n));
}

#include "scenarios.h"
