/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX: the sem_t of the libc that this is compiled against. Whoever includes it defines PEER and PEER_NAME first.
 */
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PEER_SHARED
#define PEER_IDS
#define PEER_OPEN

typedef sem_t *peer_ref;

static inline peer_ref peer_make(unsigned value)
{
	sem_t *sem = (sem_t *)malloc(sizeof(*sem));

	if (!sem || sem_init(sem, 0, value) != 0)
		abort();
	return sem;
}

static inline peer_ref peer_make_shared(unsigned value)
{
	sem_t *sem = (sem_t *)mmap(NULL, sizeof(*sem), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (sem == MAP_FAILED || sem_init(sem, 1, value) != 0)
		abort();
	return sem;
}

static inline void peer_end(peer_ref sem)
{
	sem_destroy(sem);
	free(sem);
}

static inline void peer_end_shared(peer_ref sem)
{
	sem_destroy(sem);
	munmap(sem, sizeof(*sem));
}

static inline void peer_post(peer_ref sem)
{
	sem_post(sem);
}

static inline void peer_wait(peer_ref sem)
{
	while (sem_wait(sem) != 0)
		;
}

static sem_t *opened;

static inline void peer_open(void)
{
	opened = sem_open("/ksem-compare", O_CREAT, 0600, 1);
	if (opened == SEM_FAILED)
		abort();
}

static inline void peer_close(void)
{
	sem_close(opened);
}

static inline void peer_unlink(void)
{
	sem_unlink("/ksem-compare");
}

#include "scenarios.h"
