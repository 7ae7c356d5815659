/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast paths, called CALLS times each, for instructions.sh to count their instructions under valgrind.
 *   instructions cells      a semaphore whose permits are in cells
 *   instructions central    one whose permits are in its word
 *   instructions unserved   the same, where there are no sequences
 *
 * valgrind knows no restartable sequences. It runs one thread at a time on one processor, though, so a sequence that it
 * runs is never interrupted: the program says that it is on processor 0, and nothing needs to restart it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ksem/ksem.h>

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
	rseq_cells = aligned_alloc(KSEM_CACHE_LINE, 1 << KSEM_INLINE_STRIDE);
	memset(rseq_cells, 0, 1 << KSEM_INLINE_STRIDE);
	ksem_inline_1 = (struct ksem_inline){rseq_cells, rseq_area, rseq_processors};
}

static void use_cells(void)
{
	store_rlx(&pin->sem.cells, 8);
	store_rlx(&pin->sem.word, count_with_mode(count_new(0), COUNT_PERCPU));
	store_rlx(cells_of(0, 8), 1); /* one permit */
}

#else

static void use_sequences(void)
{
	exit(77);
}

static void use_cells(void)
{
}

#endif

static void must(int error)
{
	if (error) {
		fprintf(stderr, "instructions: a call failed: %d\n", error);
		exit(1);
	}
}

/* The calls that are counted are those from here. */
__attribute__((noinline)) static void measure(void)
{
	for (int i = 0; i < CALLS; i++) {
		must(ksem_post(proc, id));
		must(ksem_wait(proc, id));
		must(ksem_pinned_post(pin));
		must(ksem_pinned_wait(pin));
	}
}

__attribute__((noinline)) static void measure_trywait(void)
{
	for (int i = 0; i < CALLS; i++) {
		must(ksem_post(proc, id));
		must(ksem_trywait(proc, id));
		must(ksem_pinned_post(pin));
		must(ksem_pinned_trywait(pin));
	}
}

__attribute__((noinline)) static void measure_inline(void)
{
	for (int i = 0; i < CALLS; i++) {
		must(inline_post(proc, id));
		must(inline_wait(proc, id));
		must(inline_pinned_post(pin));
		must(inline_pinned_wait(pin));
	}
}

int main(int argc, char **argv)
{
	bool cells = argc == 2 && strcmp(argv[1], "cells") == 0, central = argc == 2 && strcmp(argv[1], "central") == 0;

	if (!cells && !central && !(argc == 2 && strcmp(argv[1], "unserved") == 0))
		return 2;
	must(ksem_ns_create(NULL, &ns));
	must(ksem_proc_create(ns, NULL, &proc));
	must(ksem_init(proc, 1, &id));
	must(ksem_pin(proc, id, &pin));
	must(ksem_trywait(proc, id));
	must(ksem_post(proc, id)); /* the thread's first calls */
	if (cells || central)
		use_sequences();
	if (cells)
		use_cells();
	measure();
	measure_trywait();
	measure_inline();
	return 0;
}
