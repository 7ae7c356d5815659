/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for a permit: see look.h.
 */
#include "sem/look.h"

#include <errno.h>

#include "base/compiler.h"
#include "wait/backoff.h"

#define LAST_LOOKS 64

int spin_look(struct spin *spin, struct semaphore *sem)
{
	unsigned pauses = 0;
	int error = EAGAIN;

	for (int i = 0; i < SPIN_LOOKS && error == EAGAIN; i++) {
		word_t c = semaphore_word(sem);

		if (word_value(c) == 0 && !word_is_dead(c))
			cpu_relax();
		else if (!semaphore_takes_one(c))
			error = semaphore_take_soon(sem);
		else if (cas_acq(&sem->word, &c, c - 1)) /* KSEM_ORD_1 acquire */
			error = 0;
		else
			backoff(&pauses);
	}
	if (error == 0)
		spin_paid(spin, &sem->spin);
	return error;
}

bool spin_last_look(const struct semaphore *sem)
{
	if (!spin_can())
		return false;
	for (int i = 0; i < LAST_LOOKS; i++) {
		if (word_value(semaphore_word(sem)) > 0)
			return true;
		cpu_relax();
	}
	return false;
}
