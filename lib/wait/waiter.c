/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wait: see waiter.h.
 *
 * A waiter that gives up still takes the permits that it wants, if there are enough: its policy decides both in one
 * step.
 */
#include "wait/waiter.h"

#include <errno.h>

int signal_sleep(struct waiter *waiter)
{
	const struct signal *signal = &waiter->signal;
	const struct deadline *until = signal->looks ? &signal->look : waiter->deadline;
	int error = futex_wait_in(signal->scope, signal->word, signal->expected, until);

	return error == ETIMEDOUT && signal->looks ? EAGAIN : error;
}

int waiter_wait(struct waiter *waiter)
{
	int left;

	do {
		waiter->why = waiter->policy->arm(waiter);
		if (waiter->why == 0)
			waiter->why = waiter->policy->sleep(waiter);
		left = waiter->policy->leave(waiter, waiter->why == ETIMEDOUT || waiter->why == EINTR);
	} while (left == EAGAIN);
	return left == ECANCELED ? waiter->why : left;
}
