/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs of users that watched.sh runs have in common.
 */
#ifndef KSEM_TESTS_WATCHED_H
#define KSEM_TESTS_WATCHED_H

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define MUST(condition)                                                         \
	do {                                                                    \
		if (!(condition)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			_exit(3);                                               \
		}                                                               \
	} while (0)

#define ITEMS 100
#define SLOTS 4

static long slots[SLOTS], sum; /* under the lock of the program */
static unsigned first, next;   /* as are these */

static void begin(pthread_t *thread, void *(*run)(void *), void *arg)
{
	MUST(pthread_create(thread, NULL, run, arg) == 0);
}

static void end(pthread_t thread)
{
	MUST(pthread_join(thread, NULL) == 0);
}

#endif
