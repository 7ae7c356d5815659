/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs bytes as a sequence of public calls, of the library and of the model, and compares every answer: what is
 * returned, outputs (untouched where a call failed), errno, what ksem_stat and ksem_ns_foreach show.
 *
 * Any bytes are a sequence; equal bytes are the same one. No call can wait for ever.
 */
#ifndef KSEM_TESTS_FUZZ_SEQUENCE_H
#define KSEM_TESTS_FUZZ_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQUENCE_BYTES_MAX 512

/* At the first difference: says what differs, and aborts; or, if `quiet`, ends the OS process with this status. */
#define SEQUENCE_DIFFERS 3

/* print: each call as it is made. */
void sequence_run(const uint8_t *bytes, size_t size, bool print, bool quiet);

#endif
