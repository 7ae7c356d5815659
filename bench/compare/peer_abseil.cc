/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * abseil: a number under a Mutex; waits by a Condition.
 */
#include <absl/synchronization/mutex.h>

#define PEER      peer_abseil
#define PEER_NAME "abseil Mutex + Condition"

struct counted {
	absl::Mutex lock;
	unsigned value; /* under lock */
};
using peer_ref = counted *;

static bool positive(counted *sem)
{
	return sem->value > 0;
}

static inline peer_ref peer_make(unsigned value)
{
	auto *sem = new counted;

	sem->value = value;
	return sem;
}

static inline void peer_end(peer_ref sem)
{
	delete sem;
}

static inline void peer_post(peer_ref sem)
{
	sem->lock.Lock();
	sem->value++;
	sem->lock.Unlock();
}

static inline void peer_wait(peer_ref sem)
{
	sem->lock.LockWhen(absl::Condition(positive, sem));
	sem->value--;
	sem->lock.Unlock();
}

#include "scenarios.h"
