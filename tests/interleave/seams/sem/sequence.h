/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before lib/sem/sequence.h, as os/rseq.h here does before lib/'s: a call of the checker, which interprets the
 * text of what stands there.
 */
#ifndef KSEM_SEM_SEQUENCE_H
#define KSEM_SEM_SEQUENCE_H

#define SEQUENCE(find, sem, in_cell, in_word, then, in_plain) KSEM_INLINE_SEQUENCE(find, sem, in_cell)
#define SEQUENCE_INPUTS(...)                                  [none_either] "i"(0)

#endif
