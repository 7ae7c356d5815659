/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before lib/os/rseq.h. A restartable sequence, where lib/ has its instructions, is here a call of the checker,
 * which interprets the text of those instructions, of <ksem/inline.h> as it is (sequence.c). What the instructions
 * would get as operands, the call gets from the same operands: the semaphore; or a process's ids, or their table, and
 * the id.
 *
 * So what is written in C around a sequence is what ships, and what is written in assembly is read from what ships.
 */
#ifndef KSEM_OS_RSEQ_H
#define KSEM_OS_RSEQ_H

#define KSEM_INLINE_NO_CALLS
#include <ksem/inline.h>

#include "base/compiler.h"

extern uint32_t rseq_processors;
extern char *rseq_slots;
extern ptrdiff_t rseq_takes;
extern _Thread_local uint32_t percpu_takes;

uint32_t rseq_possible(void);
void rseq_begin(void);
void rseq_start(char *slots, uint32_t processors);

/* Nonzero: the sequence did its change. `with`: the semaphore, the ids or where the table's address is. */
enum sequence_way { SEQUENCE_PINNED, SEQUENCE_BY_ID, SEQUENCE_SHARED, SEQUENCE_WAYS };
int sequence_run(void *with, uint64_t id, int way, int take);

#undef KSEM_INLINE_WORKS
#undef KSEM_INLINE_PINNED_SEQUENCE
#undef KSEM_INLINE_BY_ID_SEQUENCE
#undef KSEM_INLINE_SHARED_SEQUENCE
#undef KSEM_INLINE_PUT
#undef KSEM_INLINE_TAKE
#undef KSEM_INLINE_WORD_PUT
#undef KSEM_INLINE_WORD_TAKE
#undef KSEM_INLINE_CLOBBERS
#undef KSEM_INLINE_BY_ID_INPUTS
#undef KSEM_INLINE_TABLE_INPUTS

#define KSEM_INLINE_WORKS 1
#define RSEQ_INPUTS       [none] "i"(0)

/* clang-format off */

/* Off the red zone, on a stack that is aligned for a call. */
#define SEQUENCE_CALL(way, take)                              \
	"movl $" way ", %%edx\n\t"                            \
	"movl $" take ", %%ecx\n\t"                           \
	"movq %%rsp, %%r12\n\t"                               \
	"subq $128, %%rsp\n\t"                                \
	"andq $-16, %%rsp\n\t"                                \
	"call sequence_run@PLT\n\t"                           \
	"movq %%r12, %%rsp\n\t"                               \
	"testl %%eax, %%eax\n\t"                              \
	"jz %l[refused]\n\t"
#define KSEM_INLINE_PINNED_SEQUENCE(take) \
	"movq %[sem], %%rdi\n\txorl %%esi, %%esi\n\t" SEQUENCE_CALL("0", take)
#define KSEM_INLINE_BY_ID_SEQUENCE(take, in_word, then) \
	"leaq %[base], %%rdi\n\tmovq %[id], %%rsi\n\t" SEQUENCE_CALL("1", take) "jmp %l[done]\n\t"
#define KSEM_INLINE_SHARED_SEQUENCE(take) \
	"leaq %[table], %%rdi\n\tmovq %[id], %%rsi\n\t" SEQUENCE_CALL("2", take)
#define KSEM_INLINE_PUT       "0"
#define KSEM_INLINE_TAKE      "1"
#define KSEM_INLINE_WORD_PUT  "0"
#define KSEM_INLINE_WORD_TAKE "1"
#define KSEM_INLINE_BY_ID_INPUTS(base_, mask_, holder_, table_, id_, takes_) [base] "m"(base_), [id] "r"(id_)
#define KSEM_INLINE_TABLE_INPUTS(table_, id_) [table] "m"(table_), [id] "r"(id_)
#define KSEM_INLINE_CLOBBERS                                                                                       \
	"memory", "cc", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "xmm0", "xmm1", "xmm2", \
		"xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", \
		"xmm15"

/* clang-format on */

#endif
