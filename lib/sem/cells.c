/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of cells: see cells.h.
 *
 * Each processor's chunk, and a control block for each number, are one mapping that is made once and stays; its pages
 * come as they are used. Numbers are taken in order, until they come back.
 * The head of a stack has a tag against ABA: pops of the one see no push of the other, but their own place come again.
 */
#include "sem/cells.h"

#include <stddef.h>
#include <sys/mman.h>

#include "os/membarrier.h"

#define MANY_LOST 256

typedef uint64_t head_t; /* the first in the lower half, 0: none; a tag in the upper */

static struct cells_control *controls; /* constant after cells_start */
static atomic(head_t) unused;          /* atomic: of those that came back */
static atomic(uint32_t) next_new = 1;  /* atomic: the first number that was never taken */
static atomic(head_t) lost;            /* atomic */
static atomic(uint32_t) lost_count;    /* atomic: a number to go by */

struct cells_control *cells_control(cells_t cells)
{
	return &controls[cells];
}

void cells_set_next(cells_t cells, cells_t next)
{
	store_rlx(&cells_control(cells)->next, next); /* relaxed: published by what publishes the chain */
}

cells_t cells_next(cells_t cells)
{
	return load_rlx(&cells_control(cells)->next); /* relaxed: the chain was acquired; in `pop` the tag checks it */
}

static void push(atomic(head_t) *stack, cells_t cells)
{
	head_t head = load_rlx(stack); /* relaxed: the compare-and-swap checks it */
	head_t next;

	do {
		cells_set_next(cells, (cells_t)head);
		next = ((head >> 32) + 1) << 32 | (uint32_t)cells;
	} while (!cas_rel(stack, &head, next)); /* KSEM_ORD_12 release */
}

static cells_t pop(atomic(head_t) *stack)
{
	head_t head = load_acq(stack); /* KSEM_ORD_12 acquire */
	head_t next;

	do {
		if ((uint32_t)head == 0)
			return 0;
		next = ((head >> 32) + 1) << 32 | (uint32_t)cells_next((cells_t)head);
	} while (!cas_acq(stack, &head, next)); /* KSEM_ORD_12 acquire */
	return (cells_t)head;
}

cells_t cells_take(void)
{
	cells_t cells = pop(&unused);
	uint32_t number = load_rlx(&next_new); /* relaxed: the compare-and-swap checks it */

	if (cells)
		return cells;
	do {
		if (number == CELLS_PER_CHUNK)
			return 0;
	} while (!cas_rlx(&next_new, &number, number + 1)); /* relaxed: what is taken was never used */
	return (cells_t)number;
}

void cells_give(cells_t cells)
{
	struct cells_control *control = cells_control(cells);

	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		store_rlx(cells_of(processor, cells), 0); /* relaxed: nobody sees them until they are taken again */
	store_rlx(&control->visitors, 0);                 /* relaxed: as above, all of these */
	store_rlx(&control->preparer, 0);                 /* relaxed: as above */
	store_rlx(&control->let_pass, 0);                 /* relaxed: as above */
	store_rlx(&control->back_off, 0);                 /* relaxed: as above */
	push(&unused, cells);
}

void cells_lose(cells_t cells)
{
	push(&lost, cells);
	fetch_add_rlx(&lost_count, 1); /* relaxed: a number to go by */
}

bool cells_many_lost(void)
{
	return load_rlx(&lost_count) >= MANY_LOST; /* relaxed: a number to go by */
}

cells_t cells_take_lost(void)
{
	head_t head = load_acq(&lost); /* KSEM_ORD_12 acquire */

	if ((uint32_t)head == 0)
		return 0;
	store_rlx(&lost_count, 0);                               /* relaxed: a number to go by */
	while (!cas_acq(&lost, &head, ((head >> 32) + 1) << 32)) /* KSEM_ORD_12 acquire */
		;
	return (cells_t)head;
}

bool cells_started(void)
{
	return controls != NULL;
}

void cells_start(void)
{
	static bool tried;
	size_t chunks, size;
	char *memory;

	if (tried)
		return;
	tried = true;
	if (!rseq_possible() || !membarrier_start())
		return;
	chunks = (size_t)rseq_possible() << KSEM_INLINE_STRIDE;
	size = chunks + CELLS_PER_CHUNK * sizeof(struct cells_control);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return;
	controls = (void *)(memory + chunks);
	rseq_start(memory);
}
