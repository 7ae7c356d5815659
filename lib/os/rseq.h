/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restartable sequences: they change memory of the processor that they run on by plain loads and stores.
 * <ksem/inline.h> says what a sequence is, and has the sequences. The library and the programs that include that header
 * run the same.
 *
 * This file says whether sequences work. glibc registers each thread with the kernel, from 2.35 on. If it didn't, or if
 * the numbers of the processors are unknown, or under a sanitizer, which can't see what a sequence does, sequences
 * serve no processor. Then each sequence that is called refuses.
 */
#ifndef KSEM_OS_RSEQ_H
#define KSEM_OS_RSEQ_H

#define KSEM_INLINE_NO_CALLS /* the library calls its own */
#include <ksem/inline.h>

#include "base/compiler.h"

/* The members of ksem_inline_2, for the library's own sequences. Constant after rseq_start. */
extern HIDDEN ptrdiff_t rseq_area;
extern HIDDEN uint32_t rseq_processors;
extern HIDDEN char *rseq_slots;

extern HIDDEN ptrdiff_t rseq_takes;

/* Counts takes from words. Sequences find it by rseq_takes. Owner only, and its signal handlers; needn't be exact. */
extern HIDDEN _Thread_local uint32_t percpu_takes;

#define RSEQ_INPUTS KSEM_INLINE_SLOT_INPUTS(rseq_area, rseq_slots)

/* How many processors sequences can serve here; 0: they don't work. */
uint32_t rseq_possible(void);

/*
 * From now on, until rseq_start, each sequence that is called refuses. Called before main, and before the first
 * semaphore is made, since other constructors may call the library earlier.
 */
void rseq_begin(void);

/*
 * From now on sequences work. `slots`: the chunk of the first processor; `processors`: as rseq_possible said. Before
 * there are semaphores, by one thread.
 */
void rseq_start(char *slots, uint32_t processors);

#endif
