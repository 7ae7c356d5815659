/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V semaphores: a set of one, semop().
 */
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#define PEER      peer_sysv
#define PEER_NAME "SysV semop"
#define PEER_SHARED
#define PEER_OPEN
#define PEER_BATCH

typedef int peer_ref;

static inline peer_ref peer_make(unsigned value)
{
	int set = semget(IPC_PRIVATE, 1, 0600);

	if (set < 0 || semctl(set, 0, SETVAL, (int)value) != 0)
		abort();
	return set;
}

static inline peer_ref peer_make_shared(unsigned value)
{
	return peer_make(value);
}

static inline void peer_end(peer_ref set)
{
	semctl(set, 0, IPC_RMID);
}

static inline void peer_end_shared(peer_ref set)
{
	peer_end(set);
}

static inline void peer_add(peer_ref set, short amount)
{
	struct sembuf change = {0, amount, 0};

	while (semop(set, &change, 1) != 0)
		;
}

static inline void peer_post(peer_ref set)
{
	peer_add(set, 1);
}

static inline void peer_post_many(peer_ref set, unsigned n)
{
	peer_add(set, (short)n);
}

static inline void peer_wait(peer_ref set)
{
	peer_add(set, -1);
}

#define KEY 0x6b73656d

static int opened;

/* A key; there is nothing to close. */
static inline void peer_open(void)
{
	opened = semget(KEY, 1, 0600 | IPC_CREAT);
	if (opened < 0)
		abort();
}

static inline void peer_close(void)
{
}

static inline void peer_unlink(void)
{
	peer_end(opened);
}

#include "scenarios.h"
