/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of slots: see slots.h.
 *
 * One mapping has a chunk for each processor, and a control block for each number. It is made once and stays; its pages
 * are allocated as they are used. Numbers are handed out in order, and then again after they were given back. The head
 * of each stack has a tag against the ABA problem.
 */
#include "percpu/slots.h"

#include <stddef.h>
#include <sys/mman.h>

#include "os/membarrier.h"

#define MANY_LOST 256

typedef uint64_t head_t; /* the first in the lower half, 0: none; a tag in the upper */

static struct slots_control *controls; /* constant after slots_start */
static atomic(head_t) unused;          /* atomic: of those that came back */
static atomic(uint32_t) next_new = 1;  /* atomic: the first number that was never taken */
static atomic(head_t) lost;            /* atomic */
static atomic(uint32_t) lost_count;    /* atomic: a number to go by */

struct slots_control *slots_control(slots_t slots)
{
	return &controls[slots];
}

void slots_set_next(slots_t slots, slots_t next)
{
	store_rlx(&slots_control(slots)->next, next); /* relaxed: published by what publishes the chain */
}

slots_t slots_next(slots_t slots)
{
	return load_rlx(&slots_control(slots)->next); /* relaxed: the chain was acquired; in `pop` the tag checks it */
}

static void push(atomic(head_t) *stack, slots_t slots)
{
	head_t head = load_rlx(stack); /* relaxed: the compare-and-swap checks it */
	head_t next;

	do {
		slots_set_next(slots, (slots_t)head);
		next = ((head >> 32) + 1) << 32 | (uint32_t)slots;
	} while (!cas_rel(stack, &head, next)); /* KSEM_ORD_12 release */
}

static slots_t pop(atomic(head_t) *stack)
{
	head_t head = load_acq(stack); /* KSEM_ORD_12 acquire */
	head_t next;

	do {
		if ((uint32_t)head == 0)
			return 0;
		next = ((head >> 32) + 1) << 32 | (uint32_t)slots_next((slots_t)head);
	} while (!cas_acq(stack, &head, next)); /* KSEM_ORD_12 acquire */
	return (slots_t)head;
}

slots_t slots_take(void)
{
	slots_t slots = pop(&unused);
	uint32_t number = load_rlx(&next_new); /* relaxed: the compare-and-swap checks it */

	if (slots)
		return slots;
	do {
		if (number == SLOTS_PER_CHUNK)
			return 0;
	} while (!cas_rlx(&next_new, &number, number + 1)); /* relaxed: what is taken was never used */
	return (slots_t)number;
}

bool slots_are_left(void)
{
	/* relaxed: numbers to go by */
	return load_rlx(&next_new) < SLOTS_PER_CHUNK || (uint32_t)load_rlx(&unused) != 0;
}

void slots_give(slots_t slots)
{
	struct slots_control *control = slots_control(slots);

	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		store_rlx(slots_of(processor, slots), 0); /* relaxed: nobody sees them until they are taken again */
	store_rlx(&control->in_flight, 0);                /* relaxed: as above, all of these */
	store_rlx(&control->preparer, 0);                 /* relaxed: as above */
	store_rlx(&control->let_pass, 0);                 /* relaxed: as above */
	store_rlx(&control->back_off, 0);                 /* relaxed: as above */
	push(&unused, slots);
}

void slots_lose(slots_t slots)
{
	push(&lost, slots);
	fetch_add_rlx(&lost_count, 1); /* relaxed: a number to go by */
}

bool slots_many_lost(void)
{
	return load_rlx(&lost_count) >= MANY_LOST; /* relaxed: a number to go by */
}

slots_t slots_take_lost(void)
{
	head_t head = load_acq(&lost); /* KSEM_ORD_12 acquire */

	if ((uint32_t)head == 0)
		return 0;
	store_rlx(&lost_count, 0);                               /* relaxed: a number to go by */
	while (!cas_acq(&lost, &head, ((head >> 32) + 1) << 32)) /* KSEM_ORD_12 acquire */
		;
	return (slots_t)head;
}

bool slots_started(void)
{
	return controls != NULL;
}

void slots_start(void)
{
	static bool tried;
	uint32_t processors;
	size_t chunks, size;
	char *memory;

	if (tried)
		return;
	tried = true;
	rseq_begin();
	processors = rseq_possible(); /* once: a second look may find no descriptor free */
	if (!processors || !membarrier_start())
		return;
	chunks = (size_t)processors << KSEM_INLINE_STRIDE;
	size = chunks + SLOTS_PER_CHUNK * sizeof(struct slots_control);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return;
	controls = (void *)(memory + chunks);
	rseq_start(memory, processors);
}
