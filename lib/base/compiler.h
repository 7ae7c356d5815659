/* SPDX-License-Identifier: BSD-2-Clause */
/* Hints for the compiler and the processor. None changes what a program does. */
#ifndef KSEM_BASE_COMPILER_H
#define KSEM_BASE_COMPILER_H

#define KSEM_CACHE_LINE 64

/* Built with ThreadSanitizer. */
#if defined(__SANITIZE_THREAD__)
#define KSEM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KSEM_TSAN 1
#endif
#endif

#define PUBLIC __attribute__((visibility("default")))
#define HIDDEN \
	__attribute__((visibility("hidden"))) /* of data on the fast path: the compiler then needs no address of it */

/* For functions with inline assembly: compilers count its lines, and so take a short function for a long one. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/*
 * Returns the value by a return instruction of its own. Compilers join equal returns, and a fast path then jumps to the
 * joined one. For a path of two locked instructions, that jump costs a tenth more (docs/performance.md).
 */
#define apart(value)                                                    \
	__extension__({                                                 \
		int apart_ = (value);                                   \
                                                                        \
		__asm__ volatile("" : "+r"(apart_) : "i"(__COUNTER__)); \
		apart_;                                                 \
	})

/* Tells the processor that the thread spins. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ volatile("yield");
#endif
}

#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
