/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The restartable sequences of <ksem/inline.h>, for x86-64. That file says what they do, and in which order. Each
 * processor has the same parts, with the same names.
 *
 * They are string literals only, since the model checker reads them, too (tests/interleave).
 */
#ifndef KSEM_ARCH_X86_64_H
#define KSEM_ARCH_X86_64_H

/* clang-format off */

#define KSEM_INLINE_ANNOUNCE                         \
	KSEM_INLINE_DESCRIPTOR                       \
	"leaq 3b(%%rip), %%rax\n\t"                  \
	"movq %%rax, %%fs:8(%[area])\n"              \
	"1:\n\t"

/* rax: how far this processor's slots are from the first processor's. */
#define KSEM_INLINE_PROCESSOR                        \
	"movslq %%fs:4(%[area]), %%rax\n\t"          \
	"shlq %[stride], %%rax\n\t"                  \
	"js %l[refused]\n\t"

/* The kernel looks for the signature before 4. */
#define KSEM_INLINE_ABORT                            \
	"2:\n\t"                                     \
	".pushsection __rseq_failure, \"ax?\"\n\t"   \
	".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n" \
	"4:\n\t"

#define KSEM_INLINE_ABORTED                          \
	"jmp %l[refused]\n\t"                        \
	".popsection\n\t"

/* r9 is the id only just before the exchange and after it. The flags say "equal" only if the exchange was made. */
#define KSEM_INLINE_ABORTED_OR_DONE                  \
	"jne %l[refused]\n\t"                        \
	"cmpq %[id], %%r9\n\t"                       \
	"jne %l[refused]\n\t"                        \
	"jmp %l[done]\n\t"                           \
	".popsection\n\t"

#define KSEM_INLINE_IF_PERCPU(sem)                   \
	"cmpb %[percpu], 7(" sem ")\n\t"

#define KSEM_INLINE_OR_REFUSE                        \
	"jne %l[refused]\n\t"

#define KSEM_INLINE_SLOT(sem)                        \
	"movzwl 4(" sem "), %%ecx\n\t"               \
	"addq %[slots], %%rax\n\t"

#define KSEM_INLINE_PUT                              \
	"movl (%%rax, %%rcx, 8), %%edx\n\t"          \
	"subl 4(%%rax, %%rcx, 8), %%edx\n\t"         \
	"cmpl %[most], %%edx\n\t"                    \
	"jae %l[refused]\n\t"                        \
	"incl (%%rax, %%rcx, 8)\n"

#define KSEM_INLINE_TAKE                             \
	"movl 4(%%rax, %%rcx, 8), %%edx\n\t"         \
	"cmpl (%%rax, %%rcx, 8), %%edx\n\t"          \
	"je %l[refused]\n\t"                         \
	"incl 4(%%rax, %%rcx, 8)\n"

#define KSEM_INLINE_FOUND "%%rcx"

/* rcx: the address where the semaphore of the id is; r9: the tag that is expected there. */
#define KSEM_INLINE_WHERE                            \
	"movq %[mask], %%rcx\n\t"                    \
	"andq %[id], %%rcx\n\t"                      \
	"addq %[base], %%rcx\n\t"                    \
	"movq %[holder], %%r9\n\t"                   \
	"addq %[id], %%r9\n\t"

#define KSEM_INLINE_TAGGED                           \
	"cmpq %%r9, -8(%%rcx)\n\t"                   \
	"jne 20f\n"                                  \
	"21:\n\t"

#define KSEM_INLINE_TO_SLOT                          \
	"je 7f\n\t"

#define KSEM_INLINE_LISTED                           \
	"20:\n\t"                                    \
	KSEM_INLINE_IN_TABLE                         \
	"jmp 21b\n"                                  \
	"7:\n\t"

#define KSEM_INLINE_IN_TABLE                         \
	"movq %[table], %%r8\n\t"                    \
	"movq %c[mask_at](%%r8), %%rcx\n\t"          \
	"andq %[id], %%rcx\n\t"                      \
	"movq %c[homes_at](%%r8, %%rcx), %%rcx\n\t"  \
	"cmpq %[id], -8(%%rcx)\n\t"                 \
	"jne %l[refused]\n\t"

#define KSEM_INLINE_WORD(change, then)               \
	"movq (%%rcx), %%rax\n\t"                    \
	change                                       \
	"movq %[id], %%r9\n\t"                       \
	"lock cmpxchgq %%rdx, (%%rcx)\n\t"           \
	"jne %l[refused]\n\t"                        \
	then                                         \
	"jmp %l[done]\n"

#define KSEM_INLINE_SHARED(change)                   \
	"movq %c[shared_at](%%rcx), %%rcx\n\t"       \
	"movq (%%rcx), %%rax\n\t"                    \
	change                                       \
	"lock cmpxchgq %%rdx, (%%rcx)\n"

#define KSEM_INLINE_EXCHANGED KSEM_INLINE_OR_REFUSE

#define KSEM_INLINE_WORD_PUT                         \
	"cmpq %[usual], %%rax\n\t"                   \
	"jae %l[refused]\n\t"                        \
	"leaq 1(%%rax), %%rdx\n\t"

#define KSEM_INLINE_WORD_TAKE                        \
	"leaq -1(%%rax), %%rdx\n\t"                  \
	"cmpq %[usual], %%rdx\n\t"                   \
	"jae %l[refused]\n\t"

#define KSEM_INLINE_WORD_TAKE_COUNTED                \
	KSEM_INLINE_WORD_TAKE                        \
	"movq %[takes], %%r8\n\t"                    \
	"movl %%fs:(%%r8), %%r8d\n\t"                \
	"incl %%r8d\n\t"                             \
	"testl %[to_sample], %%r8d\n\t"              \
	"je %l[refused]\n\t"

/* After the exchange, and still part of the sequence: no instruction here may change the flags. */
#define KSEM_INLINE_COUNT                            \
	"movq %[takes], %%rax\n\t"                   \
	"movl %%r8d, %%fs:(%%rax)\n\t"

#define KSEM_INLINE_SERVED                           \
	"movl %%fs:4(%[area]), %%eax\n\t"            \
	"testl %%eax, %%eax\n\t"                     \
	"js %l[refused]\n\t"

#define KSEM_INLINE_INPUTS(area_, slots_) \
	[area] "r"(area_), [slots] "m"(slots_)
#define KSEM_INLINE_CLOBBERS "memory", "cc", "rax", "rcx", "rdx", "r8", "r9"

/* clang-format on */

static inline char *ksem_inline_thread(void)
{
	char *pointer;

	__asm__("movq %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

#endif
