/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records many histories of a profile, and holds each to linearizability. Into some of them lies are planted, which the
 * checker must see.
 *
 * KSEM_HISTORIES=n records n times as many. KSEM_SEED gives the calls back, not how the threads interleave.
 */
#ifndef KSEM_TESTS_HISTORIES_JUDGE_H
#define KSEM_TESTS_HISTORIES_JUDGE_H

#include "lies.h"
#include "recorder.h"

/* A test of cmocka's: state leads to a world. */
void record_and_judge(void **state, const struct profile *profile, unsigned histories);

/*
 * Prints how much was judged. Fails unless each of the first `expected` lies was told: a run without has shown nothing.
 */
void judge_report(unsigned expected);

#endif
