/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain semaphores of a scenario (sem/plain.h), called as lib/share/ and lib/posix/ call them, but with futexes of one
 * process, in memory that goes when the scenario says so.
 */
#ifndef KSEM_TESTS_INTERLEAVE_WORDS_H
#define KSEM_TESTS_INTERLEAVE_WORDS_H

#include <stdbool.h>

#include "sem/count.h"

void words_begin(unsigned which, unsigned value);

int words_post(unsigned which, unsigned count);
int words_trywait(unsigned which);
int words_wait(unsigned which, bool timed);
int words_getvalue(unsigned which, unsigned *value);
int words_kill(unsigned which);

void words_free(unsigned which);
bool words_freed(unsigned which);

/* The word at the end. */
count_t words_now(unsigned which);

#endif
