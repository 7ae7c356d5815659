/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processor's sequences are run: x86-64's, or arm64's.
 */
#ifndef KSEM_TESTS_INTERLEAVE_SEQUENCE_H
#define KSEM_TESTS_INTERLEAVE_SEQUENCE_H

#include <stdbool.h>

void sequences_of_arm64(bool yes);

#endif
