/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Post, wait and trywait, pinned and by id, inline in the caller. Include it after <ksem/ksem.h>:
 *
 *     #include <ksem/ksem.h>
 *     #include <ksem/inline.h>
 *
 * From there on, ksem_pinned_post, ksem_pinned_wait, ksem_pinned_trywait, ksem_post, ksem_wait and ksem_trywait are
 * compiled into the caller. They do the same and return the same as the library's functions. The inline part is the
 * common case: a restartable sequence that puts a permit into this processor's slot, or takes one out. In all other
 * cases it calls the library. The address of such a function is that of the library's function, as before.
 *
 * The inline part depends on the layout of the library's memory: this is layout 1. The library says in ksem_inline_1
 * where things are. A library with another layout says there that no processor is served, and an older library doesn't
 * have ksem_inline_1. Then every call goes to the library's function. So it does where sequences don't work: on
 * processors other than x86-64 and arm64, and under ThreadSanitizer, which can't see what a sequence does.
 *
 * A plugin that includes this header can't be unloaded: see ksem_inline_stay_here.
 *
 * It needs gcc, or clang 11 or later, and C11 or C++11 or later. Names that begin with KSEM_INLINE_ or ksem_inline_ are
 * no interface.
 */
#ifndef KSEM_INLINE_H
#define KSEM_INLINE_H

#include <stddef.h>
#include <stdint.h>

#ifndef KSEM_INLINE_NO_CALLS
#include <ksem/ksem.h>
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KSEM_INLINE_WORKS 0
#endif
#endif
#ifndef KSEM_INLINE_WORKS
#if defined(__SANITIZE_THREAD__) || defined(KSEM_SANITIZED) || !defined(__LP64__)
#define KSEM_INLINE_WORKS 0
#elif defined(__x86_64__) || (defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define KSEM_INLINE_WORKS 1
#else
#define KSEM_INLINE_WORKS 0
#endif
#endif

/* Where the sequences find things. Constant from before the first semaphore is made. */
struct ksem_inline {
	char *slots;         /* the first processor's; the next one's are 1 << KSEM_INLINE_STRIDE bytes further */
	ptrdiff_t area;      /* a thread's struct rseq, from the thread pointer on; always memory that may be written */
	uint32_t processors; /* that a sequence may run on: those numbered below this. 0: none */
};

#ifdef __cplusplus
extern "C" {
#endif

extern struct ksem_inline ksem_inline_1 __attribute__((weak));

/* Keeps the object that this address lies in from being unloaded. */
void ksem_inline_stay(const void *inside) __attribute__((weak));

#ifdef __cplusplus
}
#endif

#define KSEM_INLINE_STRIDE   18
#define KSEM_INLINE_CELL_MAX 8 /* permits in a slot */
#define KSEM_INLINE_PERCPU   8 /* the upper byte of a word whose permits are in slots */

/*
 * Where things are in a struct ksem_proc, in the table that it points to, and in a semaphore that the table points to.
 */
#define KSEM_INLINE_TABLE 64
#define KSEM_INLINE_MASK  8
#define KSEM_INLINE_HOMES 56
#define KSEM_INLINE_ID    40
#define KSEM_INLINE_WORD  8 /* which slots it has, 16 bits, follows */

#if KSEM_INLINE_WORKS

/* clang-format off */

/*
 * A restartable sequence ends with one store, or one instruction that changes memory. If the thread is preempted,
 * migrated or takes a signal before that, the kernel makes it leave at 4, and nothing has happened. So on one processor
 * sequences exclude each other without a locked instruction. A thread that must be sure that none is under way anywhere
 * asks the kernel (membarrier).
 *
 * KSEM_INLINE_SEQUENCE announces itself; makes sure that the thread is one whose sequences the kernel restarts; finds
 * the semaphore (`find`, which may be empty) whose address is then in `sem`; checks that the word, `word_at` bytes on,
 * allows it; and changes the processor's slot. If one of these fails, it jumps to `refused`.
 *
 * KSEM_INLINE_FIND looks up the semaphore of an id. `table` points to a table; the low bits of the id select its only
 * place that may point to the semaphore. KSEM_INLINE_FOUND then has the address. A sequence is a read section of its
 * own: memory that it may have found is freed only after a membarrier, and a sequence that begins later finds nothing
 * that was taken out of all tables before.
 *
 * A slot is 64 bits. The lower half counts the permits that were put into it, the upper half those that were taken out;
 * it holds the difference. A put writes only the one half and a take the other. So a put needn't wait until the take
 * before it has reached memory, nor a take for a put.
 */
#define KSEM_INLINE_DESCRIPTOR(label, from, to)                    \
	".pushsection __rseq_cs, \"aw?\"\n\t"                      \
	".balign 32\n"                                             \
	label ":\n\t"                                              \
	".long 0, 0\n\t"                                           \
	".quad " from "f, " to "f - " from "f, 4f\n\t"             \
	".popsection\n\t"

/* The signature is what the kernel looks for before 4. */
#define KSEM_INLINE_ABORT(signature, jump)     \
	"2:\n\t"                               \
	".pushsection __rseq_failure, \"ax?\"\n\t" \
	signature "\n"                         \
	"4:\n\t"                               \
	jump " %l[refused]\n\t"                \
	".popsection\n\t"

#define KSEM_INLINE_CONSTANTS \
	[percpu] "i"(KSEM_INLINE_PERCPU), [stride] "i"(KSEM_INLINE_STRIDE), [most] "i"(KSEM_INLINE_CELL_MAX)

#if defined(__x86_64__)

#define KSEM_INLINE_BEGIN(find)                              \
	KSEM_INLINE_DESCRIPTOR("3", "1", "2")                \
	"leaq 3b(%%rip), %%rax\n\t"                          \
	"movq %%rax, %%fs:8(%[area])\n"                      \
	"1:\n\t"                                             \
	"movl %%fs:4(%[area]), %%eax\n\t"                    \
	"cmpl %[processors], %%eax\n\t"                      \
	"jae %l[refused]\n\t"                                \
	find

#define KSEM_INLINE_IS_PERCPU(sem) \
	"cmpb %[percpu], %c[word_at] + 7(" sem ")\n\t"

#define KSEM_INLINE_OR_REFUSE "jne %l[refused]\n\t"

#define KSEM_INLINE_SLOT(sem)                                \
	"movzwl %c[word_at] + 8(" sem "), %%ecx\n\t"         \
	"shlq %[stride], %%rax\n\t"                          \
	"addq %[slots], %%rax\n\t"

#define KSEM_INLINE_END KSEM_INLINE_ABORT(".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053", "jmp")

#define KSEM_INLINE_FIND                              \
	"movq %[table], %%r9\n\t"                     \
	"movq %c[mask_at](%%r9), %%rcx\n\t"           \
	"andq %[id], %%rcx\n\t"                       \
	"movq %c[homes_at](%%r9, %%rcx, 8), %%r9\n\t" \
	"cmpq %[id], %c[id_at](%%r9)\n\t"             \
	"jne %l[refused]\n\t"
#define KSEM_INLINE_FOUND "%%r9"

#define KSEM_INLINE_PUT                     \
	"movl (%%rax, %%rcx, 8), %%edx\n\t"    \
	"subl 4(%%rax, %%rcx, 8), %%edx\n\t"   \
	"cmpl %[most], %%edx\n\t"           \
	"jae %l[refused]\n\t"               \
	"incl (%%rax, %%rcx, 8)\n"

#define KSEM_INLINE_TAKE                    \
	"movl 4(%%rax, %%rcx, 8), %%edx\n\t"   \
	"cmpl (%%rax, %%rcx, 8), %%edx\n\t"    \
	"je %l[refused]\n\t"                \
	"incl 4(%%rax, %%rcx, 8)\n"

#define KSEM_INLINE_INPUTS(area_, processors_, slots_) \
	[area] "r"(area_), [processors] "m"(processors_), [slots] "m"(slots_), KSEM_INLINE_CONSTANTS
#define KSEM_INLINE_CLOBBERS "memory", "cc", "rax", "rcx", "rdx", "r8", "r9"

#else /* arm64 */

#define KSEM_INLINE_BEGIN(find)                      \
	KSEM_INLINE_DESCRIPTOR("3", "1", "2")        \
	"adrp x9, 3b\n\t"                            \
	"add x9, x9, :lo12:3b\n\t"                   \
	"str x9, [%[area], 8]\n"                     \
	"1:\n\t"                                     \
	"ldr w9, [%[area], 4]\n\t"                   \
	"cmp w9, %w[processors]\n\t"                 \
	"b.hs %l[refused]\n\t"                       \
	find

/* The acquire orders the place of the slots after the mode; the releases, puts and takes for who reads the slots. */
#define KSEM_INLINE_IS_PERCPU(sem)                   \
	"add x10, " sem ", %c[word_at] + 7\n\t"      \
	"ldarb w11, [x10]\n\t"                       \
	"cmp w11, %[percpu]\n\t"

#define KSEM_INLINE_OR_REFUSE "b.ne %l[refused]\n\t"

#define KSEM_INLINE_SLOT(sem)                        \
	"ldrh w11, [x10, 1]\n\t"                     \
	"add x10, %[slots], x9, lsl %[stride]\n\t"   \
	"add x10, x10, x11, lsl 3\n\t"

#define KSEM_INLINE_END KSEM_INLINE_ABORT(".inst 0xd428bc00", "b")

#define KSEM_INLINE_FIND                    \
	"ldr x12, %[table]\n\t"             \
	"ldr x13, [x12, %c[mask_at]]\n\t"   \
	"and x13, x13, %[id]\n\t"           \
	"add x12, x12, %c[homes_at]\n\t"    \
	"ldr x12, [x12, x13, lsl 3]\n\t"    \
	"ldr x13, [x12, %c[id_at]]\n\t"     \
	"cmp x13, %[id]\n\t"                \
	"b.ne %l[refused]\n\t"
#define KSEM_INLINE_FOUND "x12"

#define KSEM_INLINE_PUT             \
	"ldr w9, [x10]\n\t"         \
	"ldr w11, [x10, 4]\n\t"     \
	"sub w11, w9, w11\n\t"      \
	"cmp w11, %[most]\n\t"      \
	"b.hs %l[refused]\n\t"      \
	"add w9, w9, 1\n\t"         \
	"stlr w9, [x10]\n"

#define KSEM_INLINE_TAKE            \
	"ldr w11, [x10], 4\n\t"     \
	"ldr w9, [x10]\n\t"         \
	"cmp w9, w11\n\t"           \
	"b.eq %l[refused]\n\t"      \
	"add w9, w9, 1\n\t"         \
	"stlr w9, [x10]\n"

#define KSEM_INLINE_INPUTS(area_, processors_, slots_)                                               \
	[area] "r"((char *)__builtin_thread_pointer() + (area_)), [processors] "r"(processors_),     \
		[slots] "r"(slots_), KSEM_INLINE_CONSTANTS
#define KSEM_INLINE_CLOBBERS "memory", "cc", "x9", "x10", "x11", "x12", "x13"

#endif

#define KSEM_INLINE_SEQUENCE(find, sem, change)      \
	KSEM_INLINE_BEGIN(find)                      \
	KSEM_INLINE_IS_PERCPU(sem)                   \
	KSEM_INLINE_OR_REFUSE                        \
	KSEM_INLINE_SLOT(sem)                        \
	change                                       \
	KSEM_INLINE_END

/* clang-format on */

#define KSEM_INLINE_FIND_INPUTS(table_, mask_at_, homes_at_, id_, id_at_) \
	[table] "m"(table_), [mask_at] "i"(mask_at_), [homes_at] "i"(homes_at_), [id] "r"(id_), [id_at] "i"(id_at_)

#ifndef KSEM_INLINE_NO_CALLS

#ifdef __cplusplus
#define KSEM_INLINE_NOTHROW noexcept
extern "C" {
#else
#define KSEM_INLINE_NOTHROW /* the compiler sees it */
#endif

#define KSEM_INLINE_PINNED(change)                                                                            \
	__asm__ goto(KSEM_INLINE_SEQUENCE("", "%[sem]", change)                                               \
		     :                                                                                        \
		     : KSEM_INLINE_INPUTS(ksem_inline_1.area, ksem_inline_1.processors, ksem_inline_1.slots), \
		       [sem] "r"(sem), [word_at] "i"(KSEM_INLINE_WORD)                                        \
		     : KSEM_INLINE_CLOBBERS                                                                   \
		     : refused)

#define KSEM_INLINE_BY_ID(change)                                                                              \
	__asm__ goto(KSEM_INLINE_SEQUENCE(KSEM_INLINE_FIND, KSEM_INLINE_FOUND, change)                         \
		     :                                                                                         \
		     : KSEM_INLINE_INPUTS(ksem_inline_1.area, ksem_inline_1.processors, ksem_inline_1.slots),  \
		       KSEM_INLINE_FIND_INPUTS(*(void **)((char *)proc + KSEM_INLINE_TABLE), KSEM_INLINE_MASK, \
					       KSEM_INLINE_HOMES, id, KSEM_INLINE_ID),                         \
		       [word_at] "i"(KSEM_INLINE_WORD)                                                         \
		     : KSEM_INLINE_CLOBBERS                                                                    \
		     : refused)

static inline int ksem_inline_pinned_post(struct ksem *sem) KSEM_INLINE_NOTHROW
{
	if (!sem || !&ksem_inline_1)
		goto refused;
	KSEM_INLINE_PINNED(KSEM_INLINE_PUT);
	return 0;
refused:
	return ksem_pinned_post(sem);
}

static inline KSEM_RESULT int ksem_inline_pinned_wait(struct ksem *sem) KSEM_INLINE_NOTHROW
{
	if (!sem || !&ksem_inline_1)
		goto refused;
	KSEM_INLINE_PINNED(KSEM_INLINE_TAKE);
	return 0;
refused:
	return ksem_pinned_wait(sem);
}

static inline KSEM_RESULT int ksem_inline_pinned_trywait(struct ksem *sem) KSEM_INLINE_NOTHROW
{
	if (!sem || !&ksem_inline_1)
		goto refused;
	KSEM_INLINE_PINNED(KSEM_INLINE_TAKE);
	return 0;
refused:
	return ksem_pinned_trywait(sem);
}

static inline int ksem_inline_post(struct ksem_proc *proc, ksem_id_t id) KSEM_INLINE_NOTHROW
{
	if (!proc || !&ksem_inline_1)
		goto refused;
	KSEM_INLINE_BY_ID(KSEM_INLINE_PUT);
	return 0;
refused:
	return ksem_post(proc, id);
}

static inline KSEM_RESULT int ksem_inline_wait(struct ksem_proc *proc, ksem_id_t id) KSEM_INLINE_NOTHROW
{
	if (!proc || !&ksem_inline_1)
		goto refused;
	KSEM_INLINE_BY_ID(KSEM_INLINE_TAKE);
	return 0;
refused:
	return ksem_wait(proc, id);
}

static inline KSEM_RESULT int ksem_inline_trywait(struct ksem_proc *proc, ksem_id_t id) KSEM_INLINE_NOTHROW
{
	if (!proc || !&ksem_inline_1)
		goto refused;
	KSEM_INLINE_BY_ID(KSEM_INLINE_TAKE);
	return 0;
refused:
	return ksem_trywait(proc, id);
}

/*
 * An object that contains sequences must not be unloaded. The kernel looks at the last sequence of a thread, which
 * stands in memory of the object, when it next puts the thread on a processor: that may be long after, if the thread
 * sleeps meanwhile, and if the memory is gone then the kernel ends the process. No call of a sequence may pay for that,
 * and no system call makes a sleeping thread forget. So a plugin that includes this header stays loaded: dlclose()
 * succeeds, runs no destructors and unmaps nothing. In a program this does nothing. One that was built with a header
 * before 0.2.0's release, or that runs on such a library, must not be unloaded.
 */
__attribute__((constructor)) static void ksem_inline_stay_here(void)
{
	static const char here = 0;

	if (ksem_inline_stay)
		ksem_inline_stay(&here);
}

#define ksem_pinned_post(sem)    ksem_inline_pinned_post(sem)
#define ksem_pinned_wait(sem)    ksem_inline_pinned_wait(sem)
#define ksem_pinned_trywait(sem) ksem_inline_pinned_trywait(sem)
#define ksem_post(proc, id)      ksem_inline_post(proc, id)
#define ksem_wait(proc, id)      ksem_inline_wait(proc, id)
#define ksem_trywait(proc, id)   ksem_inline_trywait(proc, id)

#ifdef __cplusplus
}
#endif

#endif

#endif

#endif
