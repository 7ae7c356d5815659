/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for a permit: see look.h.
 */
#include "sem/look.h"

#include <errno.h>

#include "base/compiler.h"

#define LAST_LOOKS 64

int spin_look(struct spin *spin, struct semaphore *sem)
{
	int error = EAGAIN;

	for (int i = 0; i < SPIN_LOOKS && error == EAGAIN; i++) {
		count_t c = semaphore_word(sem);

		if (count_value(c) > 0 || count_is_dead(c))
			error = semaphore_take_one(sem) ? 0 : semaphore_take_soon(sem);
		else
			cpu_relax();
	}
	if (error == 0)
		spin_paid(spin, &sem->spin);
	return error;
}

bool spin_last_look(const struct semaphore *sem)
{
	for (int i = 0; i < LAST_LOOKS && spin_can(); i++) {
		if (count_value(semaphore_word(sem)) > 0)
			return true;
		cpu_relax();
	}
	return false;
}
