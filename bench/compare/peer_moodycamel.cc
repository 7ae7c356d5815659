/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * moodycamel::LightweightSemaphore.
 */
#include <cstdlib>

#include <concurrentqueue/concurrentqueue.h> /* must be included before */
#include <concurrentqueue/lightweightsemaphore.h>

#define PEER      peer_moodycamel
#define PEER_NAME "moodycamel Lightweight"
#define PEER_BATCH

using semaphore = moodycamel::LightweightSemaphore;
using peer_ref = semaphore *;

static inline peer_ref peer_make(unsigned value)
{
	return new semaphore(static_cast<ssize_t>(value));
}

static inline void peer_end(peer_ref sem)
{
	delete sem;
}

static inline void peer_post(peer_ref sem)
{
	sem->signal();
}

static inline void peer_wait(peer_ref sem)
{
	sem->wait();
}

static inline void peer_post_many(peer_ref sem, unsigned n)
{
	sem->signal(static_cast<int>(n));
}

#include "scenarios.h"
