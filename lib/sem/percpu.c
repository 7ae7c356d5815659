/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits per processor: see percpu.h.
 *
 * Memory: for each processor RSEQ_STRIDE bytes of cells, and for each number of a cell a control block, in one mapping
 * that is made once and stays. Free numbers form a lock-free stack, its head with a tag against ABA.
 */
#include "sem/percpu.h"

#include <stddef.h>
#include <sys/mman.h>

#include "os/membarrier.h"

#define NUMBERS (RSEQ_STRIDE / (int)sizeof(uint64_t)) /* cells of a processor; number 0 is not used */

#define SAMPLE_PERIOD 16 /* takes of a thread from words to one sample */
#define SAMPLES_FIRST 4  /* samples before a semaphore gets cells */
#define BACK_OFF_MAX  16
#define FEW_CHANGES   2000 /* sequences between becoming percpu and a revocation, which costs as much as these saved */

struct control {
	_Alignas(KSEM_CACHE_LINE) atomic(uint32_t) visitors; /* atomic, as are the rest but next_free */
	atomic(uint32_t) preparer;                           /* 1: a thread prepares */
	atomic(uint32_t) let_pass;                           /* samples to let pass before it may become percpu again */
	atomic(uint32_t) back_off;                           /* a power of two */
	atomic(uint64_t) changes;                            /* of all its cells, when it last became percpu */
	percpu_cells_t next;                                 /* of whoever owns the number while nobody else sees it */
	atomic(percpu_cells_t) next_free;
};

atomic(uint64_t) *percpu_memory;

static struct control *controls;      /* constant after percpu_start */
static atomic(uint64_t) free_numbers; /* atomic: the first in the lower half, a tag in the upper; 0: none */

static _Thread_local uint32_t takes; /* owner only, and its signal handlers: it doesn't have to be exact */

static atomic(uint64_t) *cell_of(uint32_t processor, percpu_cells_t cells)
{
	return percpu_memory + (size_t)processor * NUMBERS + (size_t)cells;
}

static uint32_t cell_permits(uint64_t cell)
{
	return (uint32_t)cell - (uint32_t)(cell >> 32);
}

static uint32_t cell_changes(uint64_t cell)
{
	return (uint32_t)cell + (uint32_t)(cell >> 32);
}

/* ---- Numbers. ---- */

static void give_number(percpu_cells_t number)
{
	uint64_t head = load_rlx(&free_numbers); /* relaxed: the compare-and-swap checks it */
	uint64_t next;

	do {
		store_rlx(&controls[number].next_free,
			  (percpu_cells_t)head); /* relaxed: published by the compare-and-swap */
		next = ((head >> 32) + 1) << 32 | (uint32_t)number;
	} while (!cas_rel(&free_numbers, &head, next)); /* KSEM_ORD_12 release */
}

/* 0: all are in use. */
static percpu_cells_t take_number(void)
{
	uint64_t head = load_acq(&free_numbers); /* KSEM_ORD_12 acquire */
	uint64_t next;

	do {
		percpu_cells_t second;

		if ((uint32_t)head == 0)
			return 0;
		second = load_rlx(&controls[(uint32_t)head].next_free); /* relaxed: the tag tells if it's stale */
		next = ((head >> 32) + 1) << 32 | (uint32_t)second;
	} while (!cas_acq(&free_numbers, &head, next)); /* KSEM_ORD_12 acquire */
	return (percpu_cells_t)(uint32_t)head;
}

percpu_cells_t *percpu_next(percpu_cells_t cells)
{
	return &controls[cells].next;
}

void percpu_release(percpu_cells_t cells)
{
	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		store_rlx(cell_of(processor, cells), 0); /* relaxed: nobody sees it until it is given out again */
	store_rlx(&controls[cells].let_pass, 0);         /* relaxed: as above */
	store_rlx(&controls[cells].back_off, 0);         /* relaxed: as above */
	give_number(cells);
}

void percpu_start(void)
{
	static bool tried;
	size_t size;
	char *memory;

	if (tried)
		return;
	tried = true;
	if (!rseq_start() || !membarrier_start())
		return;
	size = (size_t)rseq_processors * RSEQ_STRIDE + NUMBERS * sizeof(struct control);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return;
	controls = (void *)(memory + (size_t)rseq_processors * RSEQ_STRIDE);
	percpu_memory = (void *)memory;
	for (percpu_cells_t number = NUMBERS - 1; number > 0; number--)
		give_number(number);
}

/* ---- Visiting: working on cells other than in a sequence. ---- */

/* After this the visitor looks at the mode. */
static void visit(percpu_cells_t cells)
{
	/* KSEM_ORD_11 release, KSEM_ORD_11 acquire: who comes after a preparer's look sees its mode */
	fetch_add_acq_rel(&controls[cells].visitors, 1);
}

static void leave(percpu_cells_t cells)
{
	fetch_sub_rel(&controls[cells].visitors, 1); /* KSEM_ORD_11 release: what it did to cells, to the preparer */
}

/* From one mode to another, whatever else the word says; nothing if the mode is no longer that. */
static bool change_mode(atomic(count_t) *word, enum count_mode from, enum count_mode to)
{
	count_t c = load_rlx(word); /* relaxed: the compare-and-swap checks it */

	do {
		if (count_mode(c) != from)
			return false;
	} while (!cas_acq_rel(word, &c, count_with_mode(c, to))); /* KSEM_ORD_13 release, KSEM_ORD_13 acquire */
	return true;
}

static uint64_t changes_of(percpu_cells_t cells)
{
	uint64_t changes = 0;

	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		changes += cell_changes(load_rlx(cell_of(processor, cells))); /* relaxed: a number to go by */
	return changes;
}

/* How soon the semaphore may become percpu again. */
static void note_revocation(percpu_cells_t cells)
{
	struct control *control = &controls[cells];
	uint64_t changes =
		changes_of(cells) - load_rlx(&control->changes); /* relaxed: numbers to go by, all of these */
	uint32_t back_off = load_rlx(&control->back_off);        /* relaxed: as above */

	if (changes >= FEW_CHANGES)
		back_off /= 2;
	else if (back_off < 1u << BACK_OFF_MAX)
		back_off = back_off ? 2 * back_off : 1;
	store_rlx(&control->back_off, back_off); /* relaxed: as above */
	store_rlx(&control->let_pass, back_off); /* relaxed: as above */
}

/* Ends the revocation that is under way, if one is. */
static void finish_revoking(atomic(count_t) *word, percpu_cells_t cells)
{
	visit(cells);
	if (count_mode(load_acq(word)) == COUNT_REVOKING) { /* KSEM_ORD_13 acquire */
		membarrier_restart_sequences();
		change_mode(word, COUNT_REVOKING, COUNT_DRAINING);
	}
	leave(cells);
}

void percpu_settle(atomic(count_t) *word, percpu_cells_t cells, count_t c)
{
	switch (count_mode(c)) {
	case COUNT_PERCPU:
		if (change_mode(word, COUNT_PERCPU, COUNT_REVOKING))
			note_revocation(cells);
		break;
	case COUNT_REVOKING:
		finish_revoking(word, cells);
		break;
	case COUNT_PREPARING:
		change_mode(word, COUNT_PREPARING, COUNT_DRAINING);
		break;
	case COUNT_DRAINING:
	case COUNT_CENTRAL:
		break;
	}
}

/* Takes a permit out of one cell. */
static bool drain(atomic(uint64_t) *cell)
{
	uint64_t old = load_acq(cell); /* KSEM_ORD_1 acquire */

	do {
		if (cell_permits(old) == 0)
			return false;
	} while (!cas_acq(cell, &old, old + (UINT64_C(1) << 32))); /* KSEM_ORD_1 acquire */
	return true;
}

/* Takes a permit out of any cell. If there is none: central, unless the mode has changed. As a visitor. */
static bool drain_any(atomic(count_t) *word, percpu_cells_t cells)
{
	if (count_mode(load_acq(word)) != COUNT_DRAINING) /* KSEM_ORD_13 acquire */
		return false;
	for (uint32_t processor = 0; processor < rseq_processors; processor++) {
		if (drain(cell_of(processor, cells)))
			return true;
	}
	change_mode(word, COUNT_DRAINING, COUNT_CENTRAL);
	return false;
}

bool percpu_take_or_settle(atomic(count_t) *word, percpu_cells_t cells, count_t c)
{
	bool took;

	if (count_mode(c) != COUNT_DRAINING) {
		percpu_settle(word, cells, c);
		return false;
	}
	visit(cells);
	took = drain_any(word, cells);
	leave(cells);
	return took;
}

bool percpu_sum(const atomic(count_t) *word, percpu_cells_t cells, count_t *c, uint64_t *sum)
{
	uint64_t changes = 0, again = 0;

	*sum = 0;
	for (uint32_t processor = 0; processor < rseq_processors; processor++) {
		uint64_t cell = load_acq(cell_of(processor, cells)); /* KSEM_ORD_1 acquire */

		*sum += cell_permits(cell);
		changes += cell_changes(cell);
	}
	*c = load_acq(word); /* KSEM_ORD_1 acquire */
	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		again += cell_changes(load_acq(cell_of(processor, cells))); /* KSEM_ORD_1 acquire */
	return again == changes;
}

/* As a visitor, so that cells can't rise between the sum and the compare-and-swap. */
static int post_draining(atomic(count_t) *word, percpu_cells_t cells, uint32_t n)
{
	uint64_t sum;
	count_t c;

	do {
		if (count_mode(load_acq(word)) != COUNT_DRAINING ||
		    !percpu_sum(word, cells, &c, &sum)) /* KSEM_ORD_13 acquire */
			return EAGAIN;
		if (count_is_dead(c))
			return EINVAL;
		if (count_mode(c) != COUNT_DRAINING)
			return EAGAIN;
		if (count_value(c) + sum + n > COUNT_VALUE_MAX)
			return EOVERFLOW;
	} while (!cas_rel(word, &c, c + n)); /* KSEM_ORD_1 release */
	return 0;
}

int percpu_post_much(atomic(count_t) *word, percpu_cells_t cells, count_t c, uint32_t n)
{
	int error;

	if (count_mode(c) != COUNT_DRAINING) {
		percpu_settle(word, cells, c);
		return EAGAIN;
	}
	visit(cells);
	error = post_draining(word, cells, n);
	leave(cells);
	return error;
}

/* ---- Becoming percpu. ---- */

/* May a semaphore with this word become percpu, and would it profit? */
static bool profits(count_t c)
{
	return (count_mode(c) == COUNT_CENTRAL || count_mode(c) == COUNT_DRAINING) && !count_is_dead(c) &&
	       !count_is_orphan(c) && count_waiters(c) == 0 && count_value(c) > 0 && count_value(c) <= PERCPU_VALUE_MAX;
}

/* With the preparer's flag. */
static void prepare(atomic(count_t) *word, percpu_cells_t cells)
{
	struct control *control = &controls[cells];
	count_t c = load_rlx(word); /* relaxed: the compare-and-swap checks it */

	do {
		if (!profits(c))
			return;
	} while (!cas_acq_rel(word, &c,
			      count_with_mode(c, COUNT_PREPARING))); /* KSEM_ORD_13 release, KSEM_ORD_13 acquire */
	store_rlx(&control->changes, changes_of(cells));             /* relaxed: a number to go by */
	if (fetch_add_acq_rel(&control->visitors, 0) == 0)           /* KSEM_ORD_11 release, KSEM_ORD_11 acquire */
		change_mode(word, COUNT_PREPARING, COUNT_PERCPU);
	else
		change_mode(word, COUNT_PREPARING, COUNT_DRAINING);
}

/* The semaphore's cells; gives it some if it has none and was sampled often. 0 or below: it has none yet. */
static percpu_cells_t cells_for(atomic(percpu_cells_t) *cells)
{
	percpu_cells_t have = load_acq(cells); /* KSEM_ORD_12 acquire */
	percpu_cells_t number;

	if (have > 0)
		return have;
	number = have > -SAMPLES_FIRST ? have - 1 : take_number();
	if (number == 0)
		return 0;
	if (cas_acq_rel(cells, &have, number)) /* KSEM_ORD_12 release, KSEM_ORD_12 acquire */
		return number;
	if (number > 0)
		give_number(number);
	return have;
}

static void consider(atomic(count_t) *word, atomic(percpu_cells_t) *cells)
{
	percpu_cells_t number;
	struct control *control;
	uint32_t let_pass, nobody = 0;

	if (!profits(load_rlx(word))) /* relaxed: a first look */
		return;
	number = cells_for(cells);
	if (number <= 0)
		return;
	control = &controls[number];
	let_pass = load_rlx(&control->let_pass); /* relaxed: a number to go by */
	if (let_pass > 0) {
		store_rlx(&control->let_pass, let_pass - 1); /* relaxed: as above */
		return;
	}
	if (!cas_acq(&control->preparer, &nobody, 1)) /* KSEM_ORD_11 acquire */
		return;
	prepare(word, number);
	store_rel(&control->preparer, 0); /* KSEM_ORD_11 release */
}

void percpu_sample(atomic(count_t) *word, atomic(percpu_cells_t) *cells)
{
	if (unlikely(++takes % SAMPLE_PERIOD == 0) && percpu_memory)
		consider(word, cells);
}

void percpu_after_fork(percpu_cells_t cells)
{
	store_rlx(&controls[cells].visitors, 0); /* relaxed: the child has one thread */
	store_rlx(&controls[cells].preparer, 0); /* relaxed: as above */
}
