/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain semaphores of a scenario (word/plain.h), called as lib/shared/ and lib/posix/ call them, but with futexes of
 * one process, in memory that goes when the scenario says so. By id, they are what processes share
 * (shared/semaphore.h), in a table, and the memory is the page.
 */
#ifndef KSEM_TESTS_INTERLEAVE_WORDS_H
#define KSEM_TESTS_INTERLEAVE_WORDS_H

#include <stdbool.h>

#include "word/word.h"

/* `several`: threads wait for several permits. Then the memory must stay until posts are through. */
void words_begin(unsigned which, unsigned value, bool several);

int words_post(unsigned which, unsigned count);
int words_trywait(unsigned which);
int words_trywait_some(unsigned which, unsigned least, unsigned most, unsigned *took);
int words_wait(unsigned which, unsigned count, bool timed);
int words_shut_down(unsigned which);
int words_getvalue(unsigned which, unsigned *value);
int words_kill(unsigned which);

int words_post_by_id(unsigned which);
int words_trywait_by_id(unsigned which);

/* Kills, and if it can be, drops it from the table; its memory goes after an epoch. */
int words_drop(unsigned which);

void words_free(unsigned which);
bool words_freed(unsigned which);

/* The word at the end. */
word_t words_now(unsigned which);

#endif
