/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pair of 64-bit words that one compare-and-swap changes together.
 *
 * Each word is an atomic of its own, too, and may be read or changed alone. The processor orders such changes with
 * those of the whole pair. A processor without a compare-and-swap of 16 bytes has PAIR_WORKS 0: pair_cas always fails
 * there, and pairs must not be used.
 *
 * The compare-and-swap is one instruction, or a short loop, in assembler. Compilers would call libatomic for it, which
 * may take a lock, and a lock is wrong where processes may be killed or signal handlers run. ThreadSanitizer doesn't
 * see what assembler does, so pair_cas tells it.
 */
#ifndef KSEM_BASE_PAIR_H
#define KSEM_BASE_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/rcu.h"

struct pair {
	_Alignas(16) atomic(uint64_t) low;
	atomic(uint64_t) high;
};

#if defined(__x86_64__) || defined(__aarch64__) || defined(__s390x__)
#define PAIR_WORKS 1
#else
#define PAIR_WORKS 0
#endif

#if defined(__x86_64__)

static inline bool pair_swap(struct pair *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high)
{
	bool done;

	__asm__ volatile("lock cmpxchg16b %[pair]"
			 : "=@ccz"(done), [pair] "+m"(*pair), "+a"(low), "+d"(high)
			 : "b"(next_low), "c"(next_high)
			 : "memory");
	return done;
}

#elif defined(__aarch64__)

static inline bool pair_swap(struct pair *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high)
{
	uint64_t found_low, found_high;
	uint32_t refused;

	__asm__ volatile("1:	ldaxp %[found_low], %[found_high], %[pair]\n"
			 "	cmp %[found_low], %[low]\n"
			 "	ccmp %[found_high], %[high], #0, eq\n"
			 "	b.ne 2f\n"
			 "	stlxp %w[refused], %[next_low], %[next_high], %[pair]\n"
			 "	cbnz %w[refused], 1b\n"
			 "	b 3f\n"
			 "2:	mov %w[refused], #1\n"
			 "	clrex\n"
			 "3:\n"
			 : [pair] "+Q"(*pair), [found_low] "=&r"(found_low), [found_high] "=&r"(found_high),
			   [refused] "=&r"(refused)
			 : [low] "r"(low), [high] "r"(high), [next_low] "r"(next_low), [next_high] "r"(next_high)
			 : "cc", "memory");
	return refused == 0;
}

#elif defined(__s390x__)

static inline bool pair_swap(struct pair *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high)
{
	unsigned __int128 expected = (unsigned __int128)low << 64 | high;
	unsigned __int128 next = (unsigned __int128)next_low << 64 | next_high;
	int failed;

	__asm__ volatile("	cdsg %[expected], %[next], %[pair]\n"
			 "	ipm %[failed]\n"
			 "	srl %[failed], 28\n"
			 : [expected] "+d"(expected), [pair] "+QS"(*pair), [failed] "=d"(failed)
			 : [next] "d"(next)
			 : "cc", "memory");
	return failed == 0;
}

#else

static inline bool pair_swap(struct pair *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high)
{
	(void)pair, (void)low, (void)high, (void)next_low, (void)next_high;
	return false;
}

#endif

/* Acquire and release; all pair_cas of a pair are in one order. Fails only if the pair has other values. */
static inline bool pair_cas(struct pair *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high)
{
	bool done;

	rcu_tell_release(&pair->low);
	done = pair_swap(pair, low, high, next_low, next_high);
	rcu_tell_acquire(&pair->low);
	return done;
}

#endif
