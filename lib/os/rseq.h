/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restartable sequences: changing a processor's own memory with plain loads and stores. What a sequence is, and what
 * one does, stands in <ksem/inline.h>, which this library's users may include too: the sequences are the same.
 *
 * Here is whether sequences work at all. glibc (2.35) registers each thread with the kernel. Where it didn't, or the
 * processor isn't known, or under a sanitizer, which can't see what a sequence does, no processor is served, and every
 * sequence that is called all the same is refused.
 */
#ifndef KSEM_OS_RSEQ_H
#define KSEM_OS_RSEQ_H

#define KSEM_INLINE_NO_CALLS /* the library calls its own */
#include <ksem/inline.h>

#include "base/compiler.h"

/* What ksem_inline_2 has, for this library's own sequences. Constant after rseq_start. */
extern HIDDEN ptrdiff_t rseq_area;
extern HIDDEN uint32_t rseq_processors;
extern HIDDEN char *rseq_slots;

extern HIDDEN ptrdiff_t rseq_takes;

/* Takes from words. Owner only, and its signal handlers: it needn't be exact. Sequences find it by rseq_takes. */
extern HIDDEN _Thread_local uint32_t percpu_takes;

#define RSEQ_INPUTS KSEM_INLINE_SLOT_INPUTS(rseq_area, rseq_slots)

/* How many processors sequences can serve here; 0: they don't work. */
uint32_t rseq_possible(void);

/*
 * Makes sequences that are called be refused, until rseq_start. Before main; and before there are semaphores, since
 * other constructors may make calls first.
 */
void rseq_begin(void);

/* Lets sequences begin, with the first processor's chunk of slots. Before there are semaphores, by one thread. */
void rseq_start(char *slots);

#endif
