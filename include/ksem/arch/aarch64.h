/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The restartable sequences of <ksem/inline.h>, for arm64: see arch/x86_64.h.
 *
 * x12: the address of the semaphore; x13: the tag that is expected there, and later the id, as a mark that the word is
 * about to change; w9: the processor.
 */
#ifndef KSEM_ARCH_AARCH64_H
#define KSEM_ARCH_AARCH64_H

/* clang-format off */

#define KSEM_INLINE_ANNOUNCE                         \
	KSEM_INLINE_DESCRIPTOR                       \
	"adrp x9, 3b\n\t"                            \
	"add x9, x9, :lo12:3b\n\t"                   \
	"str x9, [%[area], 8]\n"                     \
	"1:\n\t"

#define KSEM_INLINE_PROCESSOR                        \
	"ldr w9, [%[area], 4]\n\t"                   \
	"cmp w9, 0\n\t"                              \
	"b.lt %l[refused]\n\t"

#define KSEM_INLINE_ABORT                            \
	"2:\n\t"                                     \
	".pushsection __rseq_failure, \"ax?\"\n\t"   \
	".inst 0xd428bc00\n"                         \
	"4:\n\t"

#define KSEM_INLINE_ABORTED                          \
	"b %l[refused]\n\t"                          \
	".popsection\n\t"

/* x13 is the id once the word is about to change. From then on w11 is 0 only if the exclusive store was made. */
#define KSEM_INLINE_ABORTED_OR_DONE                  \
	"cmp x13, %[id]\n\t"                         \
	"b.ne %l[refused]\n\t"                       \
	"cbnz w11, %l[refused]\n\t"                  \
	"b %l[done]\n\t"                             \
	".popsection\n\t"

/*
 * The load of the mode is an acquire, so the slot number is read after it. The store to a slot is a release, for
 * threads that read the slots of other processors.
 */
#define KSEM_INLINE_IF_PERCPU(sem)                   \
	"add x10, " sem ", 7\n\t"                    \
	"ldarb w11, [x10]\n\t"                       \
	"cmp w11, %[percpu]\n\t"

#define KSEM_INLINE_OR_REFUSE                        \
	"b.ne %l[refused]\n\t"

#define KSEM_INLINE_SLOT(sem)                        \
	"ldrh w11, [" sem ", 4]\n\t"                 \
	"add x10, %[slots], x9, lsl %[stride]\n\t"   \
	"add x10, x10, x11, lsl 3\n\t"

#define KSEM_INLINE_PUT                              \
	"ldr w9, [x10]\n\t"                          \
	"ldr w11, [x10, 4]\n\t"                      \
	"sub w11, w9, w11\n\t"                       \
	"cmp w11, %[most]\n\t"                       \
	"b.hs %l[refused]\n\t"                       \
	"add w9, w9, 1\n\t"                          \
	"stlr w9, [x10]\n"

#define KSEM_INLINE_TAKE                             \
	"ldr w11, [x10], 4\n\t"                      \
	"ldr w9, [x10]\n\t"                          \
	"cmp w9, w11\n\t"                            \
	"b.eq %l[refused]\n\t"                       \
	"add w9, w9, 1\n\t"                          \
	"stlr w9, [x10]\n"

#define KSEM_INLINE_FOUND "x12"

#define KSEM_INLINE_WHERE                            \
	"ldr x12, %[mask]\n\t"                       \
	"ldr x13, %[base]\n\t"                       \
	"and x12, x12, %[id]\n\t"                    \
	"add x12, x12, x13\n\t"                      \
	"ldr x13, %[holder]\n\t"                     \
	"add x13, x13, %[id]\n\t"

#define KSEM_INLINE_TAGGED                           \
	"ldr x11, [x12, -8]\n\t"                    \
	"cmp x11, x13\n\t"                           \
	"b.ne 20f\n"                                 \
	"21:\n\t"

#define KSEM_INLINE_TO_SLOT                          \
	"b.eq 7f\n\t"

#define KSEM_INLINE_LISTED                           \
	"20:\n\t"                                    \
	KSEM_INLINE_IN_TABLE                         \
	"b 21b\n"                                    \
	"7:\n\t"

#define KSEM_INLINE_IN_TABLE                         \
	"ldr x14, %[table]\n\t"                      \
	"ldr x12, [x14, %c[mask_at]]\n\t"            \
	"and x12, x12, %[id]\n\t"                    \
	"add x14, x14, %c[homes_at]\n\t"             \
	"ldr x12, [x14, x12]\n\t"                    \
	"ldr x11, [x12, -8]\n\t"                    \
	"cmp x11, %[id]\n\t"                         \
	"b.ne %l[refused]\n\t"

#define KSEM_INLINE_WORD(change, then)               \
	change                                       \
	"cbnz w11, %l[refused]\n\t"                  \
	then                                         \
	"b %l[done]\n"

#define KSEM_INLINE_SHARED(change)                   \
	"ldr x12, [x12, %c[shared_at]]\n\t"          \
	change

#define KSEM_INLINE_EXCHANGED                        \
	"cbnz w11, %l[refused]\n\t"

#define KSEM_INLINE_WORD_PUT                         \
	"ldxr x9, [x12]\n\t"                         \
	"mov w11, %[usual]\n\t"                      \
	"cmp x9, x11\n\t"                            \
	"b.hs %l[refused]\n\t"                       \
	"add x9, x9, 1\n\t"                          \
	"mov x13, %[id]\n\t"                         \
	"stlxr w11, x9, [x12]\n"

#define KSEM_INLINE_WORD_TAKE                        \
	"ldaxr x9, [x12]\n\t"                        \
	"sub x9, x9, 1\n\t"                          \
	"mov w11, %[usual]\n\t"                      \
	"cmp x9, x11\n\t"                            \
	"b.hs %l[refused]\n\t"                       \
	"mov x13, %[id]\n\t"                         \
	"stxr w11, x9, [x12]\n"

#define KSEM_INLINE_WORD_TAKE_COUNTED                \
	"ldr x14, %[takes]\n\t"                      \
	"mrs x11, tpidr_el0\n\t"                     \
	"add x14, x14, x11\n\t"                      \
	"ldr w10, [x14]\n\t"                         \
	"add w10, w10, 1\n\t"                        \
	"tst w10, %[to_sample]\n\t"                  \
	"b.eq %l[refused]\n\t"                       \
	KSEM_INLINE_WORD_TAKE

#define KSEM_INLINE_COUNT                            \
	"str w10, [x14]\n\t"

#define KSEM_INLINE_SERVED KSEM_INLINE_PROCESSOR

#define KSEM_INLINE_INPUTS(area_, slots_) \
	[area] "r"(ksem_inline_thread() + (area_)), [slots] "r"(slots_)
#define KSEM_INLINE_CLOBBERS "memory", "cc", "x9", "x10", "x11", "x12", "x13", "x14"

/* clang-format on */

static inline char *ksem_inline_thread(void)
{
	return (char *)__builtin_thread_pointer();
}

#endif
