/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Post, wait and trywait, pinned and by id, inline in the caller. Include it after <ksem/ksem.h>:
 *
 *     #include <ksem/ksem.h>
 *     #include <ksem/inline.h>
 *
 * After that, the compiler puts ksem_pinned_post, ksem_pinned_wait, ksem_pinned_trywait, ksem_post, ksem_wait and
 * ksem_trywait into the caller. They do and return what the library's functions do and return. The inline part is the
 * common case. A restartable sequence puts a permit into this processor's slot, or takes one from there. If the
 * semaphore has no slots, the inline part changes the semaphore's word, unless threads wait. In all other cases, and
 * for semaphores that OS processes share, it calls the library. The address of such a function is still that of the
 * library's function.
 *
 * The inline part depends on the layout of the library's memory. This header knows layout 2. A library with that layout
 * has the variable ksem_inline_2, which says where things are. With another library, every call goes to the library's
 * function. So do all calls where the header has no sequences: on processors other than x86-64 and arm64, and under
 * ThreadSanitizer, which can't see what a sequence does.
 *
 * A plugin that includes this header can't be unloaded: see ksem_inline_stay_here.
 *
 * The header needs gcc, or clang 11 or later, and C11 or C++11 or later. Names that begin with KSEM_INLINE_ or
 * ksem_inline_ are not part of the interface.
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
	char *slots;         /* the first processor's; each next one's are 1 << KSEM_INLINE_STRIDE bytes further */
	ptrdiff_t area;      /* offset of a thread's struct rseq from its thread pointer; always writable memory */
	ptrdiff_t takes;     /* offset of a thread's count of takes from words, 32 bits */
	uint32_t processors; /* how many processors sequences may run on; 0: none */
};

#ifdef __cplusplus
extern "C" {
#endif

extern struct ksem_inline ksem_inline_2 __attribute__((weak));

/* Keeps the object that this address lies in from being unloaded. */
void ksem_inline_stay(const void *inside) __attribute__((weak));

#ifdef __cplusplus
}
#endif

#define KSEM_INLINE_STRIDE   18
#define KSEM_INLINE_SLOT_MAX 8         /* permits in a slot */
#define KSEM_INLINE_PERCPU   8         /* the upper byte of a word whose permits are in slots */
#define KSEM_INLINE_USUAL    INT32_MAX /* the inline part changes words below this */
#define KSEM_INLINE_PERIOD   16 /* of so many takes from words, the library does one, to see how a semaphore is used */

/*
 * A struct ksem begins with its word. Its tag is in the 8 bytes before that. The bit KSEM_INLINE_PRIVATE is set in the
 * address of a semaphore in the memory of this OS process, and in that of a process with such semaphores. The other
 * numbers are offsets in a struct ksem_proc, and in the table that it points to.
 */
#define KSEM_INLINE_PRIVATE 8
#define KSEM_INLINE_BASE    0
#define KSEM_INLINE_MASK    8
#define KSEM_INLINE_HOLDER  16
#define KSEM_INLINE_TABLE   24
#define KSEM_INLINE_HOMES   64 /* in the table, whose mask is at the offset KSEM_INLINE_MASK, too */

#if !KSEM_INLINE_WORKS
#include <ksem/arch/none.h>
#elif defined(__x86_64__)
#include <ksem/arch/x86_64.h>
#else
#include <ksem/arch/aarch64.h>
#endif

#if KSEM_INLINE_WORKS

/* clang-format off */

/*
 * A restartable sequence ends with one store, or with one instruction that changes memory. If the thread is preempted,
 * migrated or interrupted by a signal before that, the kernel lets it continue at the label 4, and nothing has
 * happened. So on one processor sequences exclude each other without a locked instruction. A thread that must be sure
 * that no sequence is running anywhere asks the kernel (membarrier).
 *
 * A sequence announces itself by a store. It then checks that the kernel restarts this thread's sequences: if not, the
 * thread's processor number is negative. Whenever a check fails, the sequence jumps to `refused`.
 *
 * KSEM_INLINE_PINNED_SEQUENCE: `sem` has the address of the semaphore. The sequence checks that the word is in the mode
 * percpu, and changes the processor's slot. In that mode the word has the slot number where it otherwise has the number
 * of waiters.
 *
 * KSEM_INLINE_BY_ID_SEQUENCE: finds a semaphore by its id, for a process with KSEM_INLINE_PRIVATE in its address. The
 * low bits of the id say where the semaphore is. Its tag must be the id plus the process's `holder`, which no other
 * process expects there. If it isn't, several processes may have the semaphore, or none, and the sequence looks in the
 * process's table (KSEM_INLINE_LISTED). A sequence is a read section of its own: the semaphore that it found isn't used
 * for anything else before a membarrier.
 *     It then changes the processor's slot. Or, if the mode is central, no thread waits, and no other thread changes
 * the word at the same time, it changes the word. The kernel may still abort the sequence after the change of the word.
 * So KSEM_INLINE_ABORTED_OR_DONE finds out from the registers, which an abort leaves as they were, whether the change
 * was made. A take counts itself after the change (`then`). A take that the library must do is refused.
 *
 * KSEM_INLINE_SHARED_SEQUENCE: the same for a shared semaphore. It always looks in the table. Only the library
 * uses it.
 *
 * A slot is 64 bits. The lower half counts the permits that were put into it, and the upper half those that were taken;
 * the slot has the difference. A put writes only the lower half, and a take the upper. So the processor can execute a
 * put before the store of the take before it has reached memory, and the other way round.
 */
#define KSEM_INLINE_PINNED_SEQUENCE(change)                        \
	KSEM_INLINE_ANNOUNCE                                       \
	KSEM_INLINE_PROCESSOR                                      \
	KSEM_INLINE_IF_PERCPU("%[sem]")                            \
	KSEM_INLINE_OR_REFUSE                                      \
	KSEM_INLINE_SLOT("%[sem]")                                 \
	change                                                     \
	KSEM_INLINE_ABORT                                          \
	KSEM_INLINE_ABORTED

#define KSEM_INLINE_BY_ID_SEQUENCE(in_slot, in_word, then)         \
	KSEM_INLINE_WHERE                                          \
	KSEM_INLINE_ANNOUNCE                                       \
	KSEM_INLINE_PROCESSOR                                      \
	KSEM_INLINE_TAGGED                                         \
	KSEM_INLINE_IF_PERCPU(KSEM_INLINE_FOUND)                   \
	KSEM_INLINE_TO_SLOT                                        \
	KSEM_INLINE_WORD(in_word, then)                            \
	KSEM_INLINE_LISTED                                         \
	KSEM_INLINE_SLOT(KSEM_INLINE_FOUND)                        \
	in_slot                                                    \
	KSEM_INLINE_ABORT                                          \
	KSEM_INLINE_ABORTED_OR_DONE

#define KSEM_INLINE_SHARED_SEQUENCE(change)                        \
	KSEM_INLINE_ANNOUNCE                                       \
	KSEM_INLINE_SERVED                                         \
	KSEM_INLINE_IN_TABLE                                       \
	KSEM_INLINE_SHARED(change)                                 \
	KSEM_INLINE_ABORT                                          \
	KSEM_INLINE_ABORTED                                        \
	KSEM_INLINE_EXCHANGED

#define KSEM_INLINE_DESCRIPTOR                                     \
	".pushsection __rseq_cs, \"aw?\"\n\t"                      \
	".balign 32\n"                                             \
	"3:\n\t"                                                   \
	".long 0, 0\n\t"                                           \
	".quad 1f, 2f - 1f, 4f\n\t"                                \
	".popsection\n\t"

/* clang-format on */

#define KSEM_INLINE_SLOT_INPUTS(area_, slots_)                                                                 \
	KSEM_INLINE_INPUTS(area_, slots_), [percpu] "i"(KSEM_INLINE_PERCPU), [stride] "i"(KSEM_INLINE_STRIDE), \
		[most] "i"(KSEM_INLINE_SLOT_MAX)

#define KSEM_INLINE_TABLE_INPUTS(table_, id_) \
	[table] "m"(table_), [mask_at] "i"(KSEM_INLINE_MASK), [homes_at] "i"(KSEM_INLINE_HOMES), [id] "r"(id_)

#define KSEM_INLINE_BY_ID_INPUTS(base_, mask_, holder_, table_, id_, takes_)              \
	[base] "m"(base_), [mask] "m"(mask_), [holder] "m"(holder_), [takes] "m"(takes_), \
		[usual] "i"(KSEM_INLINE_USUAL), [to_sample] "i"(KSEM_INLINE_PERIOD - 1),  \
		KSEM_INLINE_TABLE_INPUTS(table_, id_)

#ifndef KSEM_INLINE_NO_CALLS

#ifdef __cplusplus
#define KSEM_INLINE_NOTHROW noexcept
extern "C" {
#else
#define KSEM_INLINE_NOTHROW /* the compiler sees it */
#endif

#define KSEM_INLINE_PINNED(change)                                                                      \
	__asm__ goto(KSEM_INLINE_PINNED_SEQUENCE(change)                                                \
		     :                                                                                  \
		     : KSEM_INLINE_SLOT_INPUTS(ksem_inline_2.area, ksem_inline_2.slots), [sem] "r"(sem) \
		     : KSEM_INLINE_CLOBBERS                                                             \
		     : refused)

#define KSEM_INLINE_IS_PRIVATE(object) ((uintptr_t)(object)&KSEM_INLINE_PRIVATE)

#define KSEM_INLINE_IN(proc, at, type) (*(type *)(void *)((char *)(proc) + (at)))

#define KSEM_INLINE_BY_ID(in_slot, in_word, then)                                                    \
	__asm__ goto(KSEM_INLINE_BY_ID_SEQUENCE(in_slot, in_word, then)                              \
		     :                                                                               \
		     : KSEM_INLINE_SLOT_INPUTS(ksem_inline_2.area, ksem_inline_2.slots),             \
		       KSEM_INLINE_BY_ID_INPUTS(KSEM_INLINE_IN(proc, KSEM_INLINE_BASE, char *),      \
						KSEM_INLINE_IN(proc, KSEM_INLINE_MASK, uint64_t),    \
						KSEM_INLINE_IN(proc, KSEM_INLINE_HOLDER, uint64_t),  \
						KSEM_INLINE_IN(proc, KSEM_INLINE_TABLE, void *), id, \
						ksem_inline_2.takes)                                 \
		     : KSEM_INLINE_CLOBBERS                                                          \
		     : refused, done)

/* Put a permit into the word of a pinned semaphore, or take one. 0: nothing was done, and the library must. */
static inline int ksem_inline_word_put(struct ksem *sem)
{
	uint64_t *word = (uint64_t *)(void *)sem;
	uint64_t c = __atomic_load_n(word, __ATOMIC_RELAXED);

	return c < KSEM_INLINE_USUAL &&
	       __atomic_compare_exchange_n(word, &c, c + 1, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

static inline int ksem_inline_word_take(struct ksem *sem)
{
	uint64_t *word = (uint64_t *)(void *)sem;
	uint64_t c = __atomic_load_n(word, __ATOMIC_RELAXED);
	uint32_t *takes = (uint32_t *)(void *)(ksem_inline_thread() + ksem_inline_2.takes);

	if (c - 1 >= KSEM_INLINE_USUAL || (*takes + 1) % KSEM_INLINE_PERIOD == 0)
		return 0;
	++*takes;
	return __atomic_compare_exchange_n(word, &c, c - 1, 1, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline int ksem_inline_pinned_post(struct ksem *sem) KSEM_INLINE_NOTHROW
{
	if (!KSEM_INLINE_IS_PRIVATE(sem) || !&ksem_inline_2)
		return ksem_pinned_post(sem);
	KSEM_INLINE_PINNED(KSEM_INLINE_PUT);
	return 0;
refused:
	return ksem_inline_word_put(sem) ? 0 : ksem_pinned_post(sem);
}

static inline KSEM_RESULT int ksem_inline_pinned_wait(struct ksem *sem) KSEM_INLINE_NOTHROW
{
	if (!KSEM_INLINE_IS_PRIVATE(sem) || !&ksem_inline_2)
		return ksem_pinned_wait(sem);
	KSEM_INLINE_PINNED(KSEM_INLINE_TAKE);
	return 0;
refused:
	return ksem_inline_word_take(sem) ? 0 : ksem_pinned_wait(sem);
}

static inline KSEM_RESULT int ksem_inline_pinned_trywait(struct ksem *sem) KSEM_INLINE_NOTHROW
{
	if (!KSEM_INLINE_IS_PRIVATE(sem) || !&ksem_inline_2)
		return ksem_pinned_trywait(sem);
	KSEM_INLINE_PINNED(KSEM_INLINE_TAKE);
	return 0;
refused:
	return ksem_inline_word_take(sem) ? 0 : ksem_pinned_trywait(sem);
}

static inline int ksem_inline_post(struct ksem_proc *proc, ksem_id_t id) KSEM_INLINE_NOTHROW
{
	if (!KSEM_INLINE_IS_PRIVATE(proc) || !&ksem_inline_2)
		goto refused;
	KSEM_INLINE_BY_ID(KSEM_INLINE_PUT, KSEM_INLINE_WORD_PUT, "");
done:
	return 0;
refused:
	return ksem_post(proc, id);
}

static inline KSEM_RESULT int ksem_inline_wait(struct ksem_proc *proc, ksem_id_t id) KSEM_INLINE_NOTHROW
{
	if (!KSEM_INLINE_IS_PRIVATE(proc) || !&ksem_inline_2)
		goto refused;
	KSEM_INLINE_BY_ID(KSEM_INLINE_TAKE, KSEM_INLINE_WORD_TAKE_COUNTED, KSEM_INLINE_COUNT);
done:
	return 0;
refused:
	return ksem_wait(proc, id);
}

static inline KSEM_RESULT int ksem_inline_trywait(struct ksem_proc *proc, ksem_id_t id) KSEM_INLINE_NOTHROW
{
	if (!KSEM_INLINE_IS_PRIVATE(proc) || !&ksem_inline_2)
		goto refused;
	KSEM_INLINE_BY_ID(KSEM_INLINE_TAKE, KSEM_INLINE_WORD_TAKE_COUNTED, KSEM_INLINE_COUNT);
done:
	return 0;
refused:
	return ksem_trywait(proc, id);
}

/*
 * An object that contains sequences must not be unloaded. A sequence leaves a pointer into the object's memory in the
 * thread's struct rseq. The kernel follows it when it next puts the thread on a processor, which may be long after if
 * the thread sleeps. If the memory is unmapped by then, the kernel kills the process. To clear the pointer would cost
 * each sequence an instruction, and no system call clears that of a sleeping thread. So a plugin that includes this
 * header stays loaded: dlclose() succeeds, runs no destructors and unmaps nothing. In a program this does nothing. A
 * plugin that was built with an older header, or that runs with an older library, must not be unloaded.
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
