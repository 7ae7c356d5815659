/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of calls, drawn from bytes: the first byte of most picks one of a few that lie about the limits. Bytes that
 * are missing are 0.
 *
 * What is returned by pointer is good until the next of its kind is drawn.
 */
#ifndef KSEM_TESTS_FUZZ_ARGUMENTS_H
#define KSEM_TESTS_FUZZ_ARGUMENTS_H

#include <stdbool.h>

#include <ksem/ksem.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

void arguments_from(const uint8_t *bytes, size_t size);
bool arguments_are_left(void);

uint8_t byte(void);
uint64_t number_of_bytes(unsigned n);

const char *any_name(void); /* NULL: none */
unsigned any_value(void);
mode_t any_mode(void);
int any_oflag(void);
const struct ksem_cred *any_cred(void);          /* NULL: the caller's effective ids */
const struct ksem_ns_options *any_options(void); /* NULL: the defaults */
const struct ksem_attr *any_attr(void);          /* NULL: the default ones */
unsigned any_count(void);                        /* of permits: mostly few */
clockid_t any_clock(void);
struct timespec *any_deadline(void); /* NULL: none; else past, or as far off as can be */
bool no_output(void);                /* one output in 16 is NULL */

#endif
