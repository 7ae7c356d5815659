/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eventfd(EFD_SEMAPHORE).
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PEER      peer_eventfd
#define PEER_NAME "eventfd"
#define PEER_SHARED
#define PEER_BATCH

typedef int peer_ref;

static inline peer_ref peer_make(unsigned value)
{
	int fd = eventfd(value, EFD_SEMAPHORE);

	if (fd < 0)
		abort();
	return fd;
}

static inline peer_ref peer_make_shared(unsigned value)
{
	return peer_make(value);
}

static inline void peer_end(peer_ref fd)
{
	close(fd);
}

static inline void peer_end_shared(peer_ref fd)
{
	peer_end(fd);
}

static inline void peer_post_many(peer_ref fd, unsigned n)
{
	uint64_t more = n;

	if (write(fd, &more, sizeof(more)) != sizeof(more))
		abort();
}

static inline void peer_post(peer_ref fd)
{
	peer_post_many(fd, 1);
}

static inline void peer_wait(peer_ref fd)
{
	uint64_t one;

	if (read(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

#include "scenarios.h"
