/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restartable sequences: changing a processor's own memory with plain loads and stores.
 *
 * A sequence ends with one store. If the thread is preempted, migrated or takes a signal before that store, the kernel
 * makes it leave the sequence and nothing has happened. So on one processor sequences exclude each other
 * without a locked instruction. Another processor can make sure that none is under way by membarrier (os/membarrier.h).
 *
 * A cell is 64 bits: how often 1 was put into it, in the lower half, and how often it was taken out, in the upper. It
 * holds the difference. Two equal reads of a cell mean that it didn't change between them. And since a put only writes
 * the one half and a take the other, a put needn't wait until the take before it has reached memory, nor a take for a
 * put. A processor's cells lie RSEQ_STRIDE bytes apart from the next processor's.
 *
 * glibc (2.35) registers each thread with the kernel. Where it didn't, or the processor isn't known here, or under a
 * sanitizer, which can't see what a sequence does, rseq_start() says so, and the sequences, if they are called at all,
 * refuse.
 */
#ifndef KSEM_OS_RSEQ_H
#define KSEM_OS_RSEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

#define RSEQ_STRIDE_SHIFT 15
#define RSEQ_STRIDE       (1 << RSEQ_STRIDE_SHIFT)

/* Where a thread's struct rseq stands, from the thread pointer; constant after rseq_start. */
extern ptrdiff_t rseq_area;

/* Processors that a sequence may run on: numbered below this. Constant after rseq_start. */
extern uint32_t rseq_processors;

/* Finds out whether sequences work here. Before they are used, by one thread. */
bool rseq_start(void);

#if defined(__x86_64__) && !defined(KSEM_SANITIZED)
#define RSEQ_WORKS 1

/*
 * The frame of a sequence: announces it, checks the guard, finds the processor's cell (%rax from the first
 * processor's), does `body`, which jumps to `refused` or leaves in %ecx what the one store writes to `half`. An aborted
 * sequence is refused.
 */
#define RSEQ_SEQUENCE(body, half)                                                 \
	".pushsection __rseq_cs, \"aw\"\n\t"                                      \
	".balign 32\n"                                                            \
	"3:\n\t"                                                                  \
	".long 0, 0\n\t"                                                          \
	".quad 1f, 2f - 1f, 4f\n\t"                                               \
	".popsection\n\t"                                                         \
	"leaq 3b(%%rip), %%rax\n\t"                                               \
	"movq %%rax, %%fs:8(%[area])\n"                                           \
	"1:\n\t"                                                                  \
	"cmpb %[expected], %[guard]\n\t"                                          \
	"jne %l[refused]\n\t"                                                     \
	"movl %%fs:4(%[area]), %%eax\n\t"                                         \
	"cmpl %[processors], %%eax\n\t"                                           \
	"jae %l[refused]\n\t"                                                     \
	"shlq %[shift], %%rax\n\t" body "movl %%ecx, " half "(%[cells], %%rax)\n" \
	"2:\n\t"                                                                  \
	".pushsection __rseq_failure, \"ax\"\n\t"                                 \
	".byte 0x0f, 0xb9, 0x3d\n\t"                                              \
	".long 0x53053053\n" /* the signature that the kernel looks for */        \
	"4:\n\t"                                                                  \
	"jmp %l[refused]\n\t"                                                     \
	".popsection\n\t"

#define RSEQ_INPUTS                                                                                \
	[area] "r"(rseq_area), [guard] "m"(*guard), [expected] "iq"(expected), [cells] "r"(cells), \
		[processors] "m"(rseq_processors), [shift] "i"(RSEQ_STRIDE_SHIFT)

/*
 * Takes 1 from this processor's cell, if *guard is `expected` and the cell holds any. `cells` is the first processor's.
 */
static inline __attribute__((always_inline)) bool rseq_take(const atomic(uint8_t) *guard, const uint8_t expected,
							    atomic(uint64_t) *cells)
{
	__asm__ goto(RSEQ_SEQUENCE("movl 4(%[cells], %%rax), %%ecx\n\t"
				   "cmpl (%[cells], %%rax), %%ecx\n\t"
				   "je %l[refused]\n\t"
				   "incl %%ecx\n\t",
				   "4")
		     :
		     : RSEQ_INPUTS
		     : "memory", "cc", "rax", "rcx"
		     : refused);
	return true;
refused:
	return false;
}

/* Puts 1 into this processor's cell, likewise, if the cell holds less than `limit`. */
static inline __attribute__((always_inline)) bool rseq_put(const atomic(uint8_t) *guard, const uint8_t expected,
							   atomic(uint64_t) *cells, const uint32_t limit)
{
	__asm__ goto(RSEQ_SEQUENCE("movl (%[cells], %%rax), %%ecx\n\t"
				   "movl %%ecx, %%edx\n\t"
				   "subl 4(%[cells], %%rax), %%edx\n\t"
				   "cmpl %[limit], %%edx\n\t"
				   "jae %l[refused]\n\t"
				   "incl %%ecx\n\t",
				   "0")
		     :
		     : RSEQ_INPUTS, [limit] "ri"(limit)
		     : "memory", "cc", "rax", "rcx", "rdx"
		     : refused);
	return true;
refused:
	return false;
}

#else
#define RSEQ_WORKS 0

static inline bool rseq_take(const atomic(uint8_t) *guard, uint8_t expected, atomic(uint64_t) *cells)
{
	(void)guard, (void)expected, (void)cells;
	return false;
}

static inline bool rseq_put(const atomic(uint8_t) *guard, uint8_t expected, atomic(uint64_t) *cells,
			    const uint32_t limit)
{
	(void)guard, (void)expected, (void)cells, (void)limit;
	return false;
}

#endif

#endif
