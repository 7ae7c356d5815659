/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before lib/percpu/sequence.h, as os/rseq.h here does before lib/'s: a call of the checker, which interprets
 * the text of what stands there.
 */
#ifndef KSEM_PERCPU_SEQUENCE_H
#define KSEM_PERCPU_SEQUENCE_H

#define SEQUENCE(find, sem, in_slot, in_word, then, in_plain) KSEM_INLINE_SEQUENCE(find, sem, in_slot)
#define SEQUENCE_INPUTS(...)                                  [none_either] "i"(0)

#endif
