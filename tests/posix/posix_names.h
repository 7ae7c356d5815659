/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other names for the calls of <semaphore.h>, for the library and the tests alike: under those, sanitizers don't step
 * between, whose own versions order what they call, and so hide what the library doesn't.
 */
#ifndef KSEM_TESTS_POSIX_NAMES_H
#define KSEM_TESTS_POSIX_NAMES_H

#define sem_init      own_init
#define sem_destroy   own_destroy
#define sem_getvalue  own_getvalue
#define sem_post      own_post
#define sem_trywait   own_trywait
#define sem_wait      own_wait
#define sem_timedwait own_timedwait
#define sem_clockwait own_clockwait
#define sem_open      own_open
#define sem_close     own_close
#define sem_unlink    own_unlink

#endif
