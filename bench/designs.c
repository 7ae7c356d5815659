/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other designs of the fast path: put + take of one permit, inline, on one thread. What each needs:
 *
 *   designs/locked        two locked instructions on one word, and nothing else: the minimum of any design without
 *                         restartable sequences
 *   designs/two_counts    the sequences as they are: a slot is two counts
 *   designs/one_count     a slot is one count: fewer instructions, but each waits for the store of the previous one
 *   designs/owner         each thread has its own slot, so it needn't ask for the processor; permits would have to be
 *                         moved between threads that use one semaphore
 *   designs/unannounced   sequences that don't announce themselves: the kernel couldn't restart them
 *   designs/unchecked     sequences that don't check the processor's number. Pinned calls could do that if a chunk of
 *                         closed slots stood below the first processor's, for threads that the kernel doesn't serve
 *   designs/in_register   sequences that count in a register, and end with a store of it
 *   designs/bare          the two counts alone, without looking whether permits are in slots
 *   designs/section       two counts, and a read section of RCU around each, as a look-up outside of sequences needs
 */
#include <urcu/urcu-bp.h>

#include <ksem/inline.h>

#include "bench.h"

#if KSEM_INLINE_WORKS && defined(__x86_64__)

static _Alignas(64) char slots[64 << KSEM_INLINE_STRIDE]; /* of up to 64 processors */
static struct {
	uint64_t word;
} fake; /* a semaphore whose permits are in slots */

/* clang-format off */
#define ONE_COUNT_PUT                       \
	"movl (%%rax, %%rcx, 8), %%edx\n\t"    \
	"cmpl %[most], %%edx\n\t"           \
	"jae %l[refused]\n\t"               \
	"incl %%edx\n\t"                    \
	"movl %%edx, (%%rax, %%rcx, 8)\n"
#define ONE_COUNT_TAKE                      \
	"movl (%%rax, %%rcx, 8), %%edx\n\t"    \
	"subl $1, %%edx\n\t"                \
	"jc %l[refused]\n\t"                \
	"movl %%edx, (%%rax, %%rcx, 8)\n"

/* The parts of KSEM_INLINE_PINNED_SEQUENCE. */
#define ANNOUNCE KSEM_INLINE_ANNOUNCE
#define PROCESSOR KSEM_INLINE_PROCESSOR
#define UNCHECKED_PROCESSOR                 \
	"movl %%fs:4(%[area]), %%eax\n\t"   \
	"shlq %[stride], %%rax\n\t"
#define IN_REGISTER_PUT                     \
	"movl (%%rax, %%rcx, 8), %%edx\n\t"    \
	"movl %%edx, %%r8d\n\t"             \
	"subl 4(%%rax, %%rcx, 8), %%r8d\n\t"   \
	"cmpl %[most], %%r8d\n\t"           \
	"jae %l[refused]\n\t"               \
	"incl %%edx\n\t"                    \
	"movl %%edx, (%%rax, %%rcx, 8)\n"
#define IN_REGISTER_TAKE                    \
	"movl 4(%%rax, %%rcx, 8), %%edx\n\t"   \
	"cmpl (%%rax, %%rcx, 8), %%edx\n\t"    \
	"je %l[refused]\n\t"                \
	"incl %%edx\n\t"                    \
	"movl %%edx, 4(%%rax, %%rcx, 8)\n"
#define OWNER                               \
	"xorl %%eax, %%eax\n\t"
#define LOOK                                                    \
	KSEM_INLINE_IF_PERCPU("%[sem]")                         \
	KSEM_INLINE_OR_REFUSE                                   \
	KSEM_INLINE_SLOT("%[sem]")
#define BARE                                \
	"movq %[slots], %%rax\n\t"          \
	"xorl %%ecx, %%ecx\n\t"
#define ABORT KSEM_INLINE_ABORT KSEM_INLINE_ABORTED

#define AS_IT_IS(change)   ANNOUNCE PROCESSOR LOOK change ABORT
#define OWNED(change)      ANNOUNCE OWNER LOOK change ABORT
#define UNCHECKED(change)  ANNOUNCE UNCHECKED_PROCESSOR LOOK change ABORT
#define UNANNOUNCED(change) PROCESSOR LOOK change
#define COUNTS(change)     BARE change
/* clang-format on */

#define TRY(text, failed)                                                                               \
	do {                                                                                            \
		__label__ refused, done;                                                                \
		__asm__ goto(text                                                                       \
			     :                                                                          \
			     : KSEM_INLINE_SLOT_INPUTS(ksem_inline_2.area, own_slots), [sem] "r"(&fake) \
			     : KSEM_INLINE_CLOBBERS                                                     \
			     : refused);                                                                \
		goto done;                                                                              \
	refused:                                                                                        \
		(failed)++;                                                                             \
	done:;                                                                                          \
	} while (0)

/* An aborted sequence leaves its slot one permit too high or too low. This many may be aborted. */
static void check(struct gbench *g, int64_t pairs, int64_t failed)
{
	if (failed > pairs / 100 + 16)
		gbench_fail(g, "the sequences were refused: are they switched off?");
}

#define DESIGN(name, put, take, enter, leave)                                          \
	static void name(struct gbench *g, const void *arg)                            \
	{                                                                              \
		char *own_slots = slots;                                               \
		int64_t pairs = 0, failed = 0;                                         \
                                                                                       \
		(void)arg;                                                             \
		for (size_t at = 0; at < sizeof(slots); at += 1 << KSEM_INLINE_STRIDE) \
			memset(&slots[at], 0, 64);                                     \
		fake.word = (uint64_t)KSEM_INLINE_PERCPU << 56;                        \
		GBENCH_LOOP(g) {                                                       \
			enter;                                                         \
			TRY(put, failed);                                              \
			leave;                                                         \
			enter;                                                         \
			TRY(take, failed);                                             \
			leave;                                                         \
			pairs++;                                                       \
		}                                                                      \
		check(g, pairs, failed);                                               \
	}

DESIGN(two_counts, AS_IT_IS(KSEM_INLINE_PUT), AS_IT_IS(KSEM_INLINE_TAKE), , )
DESIGN(one_count, AS_IT_IS(ONE_COUNT_PUT), AS_IT_IS(ONE_COUNT_TAKE), , )
DESIGN(owner, OWNED(KSEM_INLINE_PUT), OWNED(KSEM_INLINE_TAKE), , )
DESIGN(unannounced, UNANNOUNCED(KSEM_INLINE_PUT), UNANNOUNCED(KSEM_INLINE_TAKE), , )
DESIGN(unchecked, UNCHECKED(KSEM_INLINE_PUT), UNCHECKED(KSEM_INLINE_TAKE), , )
DESIGN(in_register, AS_IT_IS(IN_REGISTER_PUT), AS_IT_IS(IN_REGISTER_TAKE), , )
DESIGN(bare, COUNTS(KSEM_INLINE_PUT), COUNTS(KSEM_INLINE_TAKE), , )
DESIGN(section, AS_IT_IS(KSEM_INLINE_PUT), AS_IT_IS(KSEM_INLINE_TAKE), urcu_bp_read_lock(), urcu_bp_read_unlock())

static void locked(struct gbench *g, const void *arg)
{
	static uint64_t word;

	(void)arg;
	GBENCH_LOOP(g) {
		__asm__ volatile("lock incq %0" : "+m"(word) : : "cc");
		__asm__ volatile("lock decq %0" : "+m"(word) : : "cc");
	}
}

void add_designs(void)
{
	static const struct gbench_case cases[] = {
		{.name = "designs/locked", .run = locked},           {.name = "designs/two_counts", .run = two_counts},
		{.name = "designs/one_count", .run = one_count},     {.name = "designs/owner", .run = owner},
		{.name = "designs/unannounced", .run = unannounced}, {.name = "designs/bare", .run = bare},
		{.name = "designs/section", .run = section},         {.name = "designs/unchecked", .run = unchecked},
		{.name = "designs/in_register", .run = in_register},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		gbench_add(&cases[i]);
}

#else

void add_designs(void)
{
}

#endif
