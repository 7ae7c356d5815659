/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for a permit of struct semaphore by a thread that spins (spin.h), and the last one before it sleeps.
 *
 * The caller loops: spin_take, and while that is EAGAIN and spin_again says so, spin_rest. In between it may leave and
 * re-enter a read section: spin_rest needs none, and takes most of the time.
 */
#ifndef KSEM_SEM_LOOK_H
#define KSEM_SEM_LOOK_H

#include <stdbool.h>

#include "sem/semaphore.h"
#include "wait/spin.h"

/* The miss path of spin_take, once the thread spins. */
int spin_look(struct spin *spin, struct semaphore *sem);

/* As semaphore_take_soon; *spin begins as all 0. */
static inline int spin_take(struct spin *spin, struct semaphore *sem)
{
	return likely(spin->budget == 0) ? semaphore_take_soon(sem) : spin_look(spin, sem);
}

/*
 * Before each sleep of a thread that has registered: looks for a permit a little longer, about a microsecond. Where
 * posts come so densely that one falls into going to sleep, this saves its wake call, and the sleep. True: there is
 * one.
 */
bool spin_last_look(const struct semaphore *sem);

#endif
