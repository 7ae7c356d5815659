/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A restartable sequence for a post or take that begins with a look-up: of one permit in this processor's slot, as in
 * <ksem/inline.h>, or else in the word, where it is central, nobody waits, and nobody else changes it just now. So a
 * call by id needs no other read section for either. What was found may also be a plain semaphore (plain.h): a bit
 * (`plain`) of the byte at `kind_at` says that it is one, and at `plain_at` stands a pointer to its memory.
 *
 * A sequence may make one change, and end with it, or it could be restarted after it. There are three such ends here,
 * so there are three sequences, from 1 to 2, from 5 to 6 and from 11 to 12, and the others begin inside of the first:
 * each at the instruction behind the one that announces it. One or the other is announced at each instruction from 1
 * on, and covers it; so what was found stays there, and if the kernel interferes the call is refused.
 *
 * The word's change is the compare-and-swap of semaphore_post_one and semaphore_take_one, or of plain_post_one and
 * plain_take_one; KSEM_ORD_1. After the former (`then`) a take counts itself in percpu_takes; one that is to be sampled
 * is refused.
 *
 * Text and nothing else, for sequences are read as well as run (tests/interleave). object/ids.h runs them.
 */
#ifndef KSEM_PERCPU_SEQUENCE_H
#define KSEM_PERCPU_SEQUENCE_H

/* clang-format off */

#define SEQUENCE(find, sem, in_slot, in_word, then, in_plain) \
	KSEM_INLINE_DESCRIPTOR("8", "5", "6")                \
	KSEM_INLINE_DESCRIPTOR("10", "11", "12")             \
	KSEM_INLINE_BEGIN(find)                              \
	KSEM_INLINE_IS_PERCPU(sem)                           \
	SEQUENCE_IF_EQUAL " 7f\n\t"                          \
	SEQUENCE_IF_PLAIN(sem, "9f")                         \
	SEQUENCE_WORD(sem, in_word, then)                    \
	"9:\n\t"                                             \
	SEQUENCE_PLAIN(sem, in_plain)                        \
	"7:\n\t"                                             \
	KSEM_INLINE_SLOT(sem)                                \
	in_slot                                              \
	KSEM_INLINE_END

/* The operands beside those of <ksem/inline.h>. */
#define SEQUENCE_INPUTS(usual_, period_, kind_at_, plain_, plain_at_, plain_word_at_)             \
	[usual] "i"(usual_), [to_sample] "i"((period_)-1), [kind_at] "i"(kind_at_),               \
		[plain] "i"(plain_), [plain_at] "i"(plain_at_), [plain_word_at] "i"(plain_word_at_)

#define SEQUENCE_WORD_PUT SEQUENCE_PLAIN_PUT

#if defined(__x86_64__)

#define SEQUENCE_IF_EQUAL "je"

#define SEQUENCE_IF_PLAIN(sem, place)                    \
	"testb %[plain], %c[kind_at](" sem ")\n\t"       \
	"jne " place "\n\t"

#define SEQUENCE_WORD(sem, change, then)                 \
	"leaq 8b(%%rip), %%rax\n\t"                      \
	"movq %%rax, %%fs:8(%[area])\n"                  \
	"5:\n\t"                                         \
	"movq %c[word_at](" sem "), %%rax\n\t"           \
	change                                           \
	"lock cmpxchgq %%rcx, %c[word_at](" sem ")\n"    \
	"6:\n\t"                                         \
	"jne %l[refused]\n\t"                            \
	then                                             \
	"jmp %l[done]\n"

#define SEQUENCE_PLAIN(sem, change)                      \
	"leaq 10b(%%rip), %%rax\n\t"                     \
	"movq %%rax, %%fs:8(%[area])\n"                  \
	"11:\n\t"                                        \
	"movq %c[plain_at](" sem "), %%r8\n\t"           \
	"movq %c[plain_word_at](%%r8), %%rax\n\t"        \
	change                                           \
	"lock cmpxchgq %%rcx, %c[plain_word_at](%%r8)\n" \
	"12:\n\t"                                        \
	"jne %l[refused]\n\t"                            \
	"jmp %l[done]\n"

#define SEQUENCE_PLAIN_PUT              \
	"cmpq %[usual], %%rax\n\t"      \
	"jae %l[refused]\n\t"           \
	"leaq 1(%%rax), %%rcx\n\t"

#define SEQUENCE_PLAIN_TAKE             \
	"leaq -1(%%rax), %%rcx\n\t"     \
	"cmpq %[usual], %%rcx\n\t"      \
	"jae %l[refused]\n\t"

#define SEQUENCE_WORD_TAKE              \
	SEQUENCE_PLAIN_TAKE             \
	"movq percpu_takes@gottpoff(%%rip), %%rdx\n\t" \
	"movl %%fs:(%%rdx), %%r8d\n\t"  \
	"incl %%r8d\n\t"                \
	"testl %[to_sample], %%r8d\n\t" \
	"je %l[refused]\n\t"

#define SEQUENCE_COUNT_TAKE             \
	"movl %%r8d, %%fs:(%%rdx)\n\t"

#elif defined(__aarch64__)

#define SEQUENCE_IF_EQUAL "b.eq"

#define SEQUENCE_IF_PLAIN(sem, place)              \
	"ldrb w11, [" sem ", %c[kind_at]]\n\t"     \
	"tst w11, %[plain]\n\t"                    \
	"b.ne " place "\n\t"

#define SEQUENCE_WORD(sem, change, then)           \
	"adrp x9, 8b\n\t"                          \
	"add x9, x9, :lo12:8b\n\t"                 \
	"str x9, [%[area], 8]\n"                   \
	"5:\n\t"                                   \
	"add x10, " sem ", %c[word_at]\n\t"        \
	change                                     \
	"6:\n\t"                                   \
	"cbnz w11, %l[refused]\n\t"                \
	then                                       \
	"b %l[done]\n"

#define SEQUENCE_PLAIN(sem, change)                \
	"adrp x9, 10b\n\t"                         \
	"add x9, x9, :lo12:10b\n\t"                \
	"str x9, [%[area], 8]\n"                   \
	"11:\n\t"                                  \
	"ldr x10, [" sem ", %c[plain_at]]\n\t"     \
	"add x10, x10, %c[plain_word_at]\n\t"      \
	change                                     \
	"12:\n\t"                                  \
	"cbnz w11, %l[refused]\n\t"                \
	"b %l[done]\n"

#define SEQUENCE_PLAIN_PUT              \
	"ldxr x9, [x10]\n\t"            \
	"mov w11, %[usual]\n\t"         \
	"cmp x9, x11\n\t"               \
	"b.hs %l[refused]\n\t"          \
	"add x9, x9, 1\n\t"             \
	"stlxr w11, x9, [x10]\n"

#define SEQUENCE_PLAIN_TAKE             \
	"ldaxr x9, [x10]\n\t"           \
	"sub x9, x9, 1\n\t"             \
	"mov w11, %[usual]\n\t"         \
	"cmp x9, x11\n\t"               \
	"b.hs %l[refused]\n\t"          \
	"stxr w11, x9, [x10]\n"

#define SEQUENCE_WORD_TAKE              \
	"adrp x13, :gottprel:percpu_takes\n\t"              \
	"ldr x13, [x13, :gottprel_lo12:percpu_takes]\n\t"   \
	"mrs x11, tpidr_el0\n\t"        \
	"add x13, x13, x11\n\t"         \
	"ldr w12, [x13]\n\t"            \
	"add w12, w12, 1\n\t"           \
	"tst w12, %[to_sample]\n\t"     \
	"b.eq %l[refused]\n\t"          \
	SEQUENCE_PLAIN_TAKE

#define SEQUENCE_COUNT_TAKE             \
	"str w12, [x13]\n\t"

#endif

/* clang-format on */

#endif
