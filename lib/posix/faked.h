/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs whose clock another library fakes (libfaketime): a deadline of theirs is a time of that clock, and the
 * kernel knows its own only. So it is moved by as much as the clocks are apart when the wait begins. A clock that runs
 * faster or slower isn't looked at again.
 *
 * A library that fakes deadlines too does so itself, if the program's calls come to it before they come here.
 */
#ifndef KSEM_POSIX_FAKED_H
#define KSEM_POSIX_FAKED_H

#include <stdbool.h>

#include "os/futex.h"

/* Constant before main: deadlines of sem_timedwait and of sem_clockwait are of a clock that the kernel doesn't know. */
extern bool faked_timedwait, faked_clockwait;

void faked_to_kernel(struct deadline *deadline);

#endif
