/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs whose clock is faked by another library, such as libfaketime. Their deadlines are times of the faked clock,
 * but the kernel knows only its own. So a wait begins by moving the deadline by the difference between the two clocks.
 * It doesn't notice if the faked clock runs faster or slower.
 *
 * If the program's calls reach the faking library first, that library moves the deadlines itself.
 */
#ifndef KSEM_POSIX_FAKED_H
#define KSEM_POSIX_FAKED_H

#include <stdbool.h>

#include "os/futex.h"

/* Constant before main: must deadlines of sem_timedwait, and of sem_clockwait, be moved to the kernel's clock? */
extern bool faked_timedwait, faked_clockwait;

void faked_to_kernel(struct deadline *deadline);

#endif
