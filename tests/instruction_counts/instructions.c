/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast paths, called CALLS times each, for instructions.sh to count their instructions under valgrind.
 *   instructions slots      a semaphore whose permits are in slots
 *   instructions central    one whose permits are in its word
 *   instructions unserved   the same, where there are no sequences
 *   instructions shared     one that OS processes share
 *
 * valgrind knows no restartable sequences. It runs one thread at a time on one processor, though, so a sequence that it
 * runs is never interrupted: the program says that it is on processor 0, and nothing needs to restart it.
 */
#include "../support.h"

#include "instructions_inline.h"
#include "os/rseq.h"
#include "registry/process.h"

#define CALLS 1600

static struct ksem_ns *ns;
static struct ksem_proc *proc;
static ksem_id_t id;
static struct ksem *pin;

#if KSEM_INLINE_WORKS && defined(__x86_64__)

static void use_sequences(void)
{
	char *thread;

	__asm__("movq %%fs:0, %0" : "=r"(thread));
	*(uint32_t *)(void *)(thread + rseq_area + 4) = 0; /* the number of the processor */
	rseq_processors = 1;
	rseq_slots = aligned_alloc(KSEM_CACHE_LINE, 1 << KSEM_INLINE_STRIDE);
	memset(rseq_slots, 0, 1 << KSEM_INLINE_STRIDE);
	ksem_inline_2 = (struct ksem_inline){rseq_slots, rseq_area, rseq_takes, rseq_processors};
}

static void use_slots(void)
{
	store_rlx(&semaphore_cold(&pin->sem)->slots, 8);
	store_rlx(&pin->sem.word, word_with_place(word_new(0), 8));
	store_rlx(slots_of(0, 8), 1); /* one permit */
}

#else

static void use_sequences(void)
{
	exit(77);
}

static void use_slots(void)
{
}

#endif

/* The calls that are counted are those from here. */
__attribute__((noinline)) static void measure(void)
{
	for (int i = 0; i < CALLS; i++) {
		MUST(ksem_post(proc, id) == 0);
		MUST(ksem_wait(proc, id) == 0);
		MUST(ksem_pinned_post(pin) == 0);
		MUST(ksem_pinned_wait(pin) == 0);
	}
}

__attribute__((noinline)) static void measure_trywait(void)
{
	for (int i = 0; i < CALLS; i++) {
		MUST(ksem_post(proc, id) == 0);
		MUST(ksem_trywait(proc, id) == 0);
		MUST(ksem_pinned_post(pin) == 0);
		MUST(ksem_pinned_trywait(pin) == 0);
	}
}

__attribute__((noinline)) static void measure_inline(void)
{
	for (int i = 0; i < CALLS; i++) {
		MUST(inline_post(proc, id) == 0);
		MUST(inline_wait(proc, id) == 0);
		MUST(inline_pinned_post(pin) == 0);
		MUST(inline_pinned_wait(pin) == 0);
	}
}

int main(int argc, char **argv)
{
	const char *way = argc == 2 ? argv[1] : "";
	bool slots = strcmp(way, "slots") == 0, central = strcmp(way, "central") == 0;
	bool unserved = strcmp(way, "unserved") == 0, shared = strcmp(way, "shared") == 0;
	struct ksem_ns_options options = {.size = sizeof(options)};

	if (!slots && !central && !unserved && !shared)
		return 2;
	if (shared)
		options.dir = shared_directory_new();
	MUST(ksem_ns_create(&options, &ns) == 0);
	MUST(ksem_proc_create(ns, NULL, &proc) == 0);
	MUST(ksem_init(proc, 1, &id) == 0);
	MUST(ksem_pin(proc, id, &pin) == 0);
	MUST(ksem_trywait(proc, id) == 0);
	MUST(ksem_post(proc, id) == 0); /* the thread's first calls */
	if (!unserved)
		use_sequences();
	if (slots)
		use_slots();
	measure();
	measure_trywait();
	measure_inline();
	return 0;
}
