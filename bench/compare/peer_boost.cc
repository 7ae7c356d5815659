/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boost.Interprocess: interprocess_semaphore, named_semaphore.
 */
#include <cstdint>
#include <cstdlib>
#include <new>

#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#include <boost/interprocess/sync/named_semaphore.hpp>
#include <sys/mman.h>

#define PEER      peer_boost
#define PEER_NAME "Boost.Interprocess"
#define PEER_SHARED
#define PEER_OPEN

using semaphore = boost::interprocess::interprocess_semaphore;
using peer_ref = semaphore *;

static inline peer_ref peer_make(unsigned value)
{
	return new semaphore(value);
}

static inline void peer_end(peer_ref sem)
{
	delete sem;
}

static inline void peer_end_shared(peer_ref sem)
{
	sem->~semaphore();
	munmap(sem, sizeof(*sem));
}

static inline void peer_post(peer_ref sem)
{
	sem->post();
}

static inline void peer_wait(peer_ref sem)
{
	sem->wait();
}

static inline peer_ref peer_make_shared(unsigned value)
{
	void *memory = mmap(nullptr, sizeof(semaphore), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return new (memory) semaphore(value);
}

static boost::interprocess::named_semaphore *opened;

static inline void peer_open()
{
	opened = new boost::interprocess::named_semaphore(boost::interprocess::open_or_create, "ksem-compare-boost", 1);
}

static inline void peer_close()
{
	delete opened;
}

static inline void peer_unlink()
{
	boost::interprocess::named_semaphore::remove("ksem-compare-boost");
}

#include "scenarios.h"
