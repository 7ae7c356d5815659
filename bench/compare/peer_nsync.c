/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nsync: a number under a mutex, with a condition variable.
 */
#include <stdlib.h>

#include <nsync.h>

#define PEER      peer_nsync
#define PEER_NAME "nsync mu + cv"

struct counted {
	nsync_mu lock;
	nsync_cv positive;
	unsigned value; /* under lock */
};
typedef struct counted *peer_ref;

static inline peer_ref peer_make(unsigned value)
{
	peer_ref sem = calloc(1, sizeof(*sem));

	if (!sem)
		abort();
	nsync_mu_init(&sem->lock);
	nsync_cv_init(&sem->positive);
	sem->value = value;
	return sem;
}

static inline void peer_end(peer_ref sem)
{
	free(sem);
}

static inline void peer_post(peer_ref sem)
{
	nsync_mu_lock(&sem->lock);
	sem->value++;
	nsync_cv_signal(&sem->positive);
	nsync_mu_unlock(&sem->lock);
}

static inline void peer_wait(peer_ref sem)
{
	nsync_mu_lock(&sem->lock);
	while (sem->value == 0)
		nsync_cv_wait(&sem->positive, &sem->lock);
	sem->value--;
	nsync_mu_unlock(&sem->lock);
}

#include "scenarios.h"
