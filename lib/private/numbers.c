/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places of a namespace: see numbers.h.
 *
 * Slots stand in chunks that never move. Free numbers form a stack through `holds`, so the numbers in use stay low and
 * dense. A chunk is not given back before the end: it remembers how often each slot was used.
 */
#include "private/numbers.h"

#include <errno.h>

#include "base/compiler.h"
#include "base/memory.h"

#define NUMBERS_NONE ((uint64_t)UINTPTR_MAX >> 2) /* no slot has this number, and `holds` has room for it */

/* In which chunk a slot stands, and where. */
static unsigned chunk_of(uint64_t number)
{
	return 63 - (unsigned)__builtin_clzll(number / NUMBERS_FIRST + 1);
}

static uint64_t chunk_size(unsigned chunk)
{
	return (uint64_t)NUMBERS_FIRST << chunk;
}

static uint64_t chunk_start(unsigned chunk)
{
	return chunk_size(chunk) - NUMBERS_FIRST;
}

static struct number *slot_at(const struct numbers *numbers, uint64_t number)
{
	unsigned chunk = chunk_of(number);

	return &numbers->chunks[chunk][number - chunk_start(chunk)];
}

static uint64_t slot_number(const struct numbers *numbers, ksem_id_t id)
{
	return id & ((UINT64_C(1) << numbers->bits) - 1);
}

static bool slot_is_free(const struct number *slot)
{
	return slot->holds & 1;
}

static void slot_free(struct numbers *numbers, struct number *slot, uint64_t number)
{
	slot->holds = numbers->free << 1 | 1;
	numbers->free = number;
}

void numbers_init(struct numbers *numbers, uint32_t max)
{
	*numbers = (struct numbers){.free = NUMBERS_NONE, .max = max, .bits = 64 - (unsigned)__builtin_clzll(max)};
}

void numbers_fini(struct numbers *numbers)
{
	for (unsigned chunk = 0; chunk < NUMBERS_CHUNKS; chunk++)
		memory_free(numbers->chunks[chunk]);
}

/* One slot more than were ever used. */
static int make_slot(struct numbers *numbers)
{
	uint64_t number = numbers->made;
	unsigned chunk = chunk_of(number);

	if (number >> numbers->bits)
		return ENFILE; /* every id there is was used */
	if (!numbers->chunks[chunk]) {
		numbers->chunks[chunk] = memory_alloc(chunk_size(chunk) * sizeof(struct number), KSEM_CACHE_LINE);
		if (!numbers->chunks[chunk])
			return ENOMEM;
	}
	numbers->made++;
	slot_free(numbers, slot_at(numbers, number), number);
	return 0;
}

int numbers_take(struct numbers *numbers, ksem_id_t *id)
{
	struct number *slot;
	uint64_t number;

	if (numbers->live == numbers->max)
		return ENFILE;
	if (numbers->free == NUMBERS_NONE) {
		int error = make_slot(numbers);

		if (error)
			return error;
	}
	number = numbers->free;
	slot = slot_at(numbers, number);
	numbers->free = slot->holds >> 1;
	numbers->live++;
	slot->holds = 0;
	slot->uses++;
	*id = slot->uses << numbers->bits | number;
	return 0;
}

void numbers_untake(struct numbers *numbers, ksem_id_t id)
{
	uint64_t number = slot_number(numbers, id);
	unsigned chunk = chunk_of(number);

	if (number + 1 != numbers->made || slot_at(numbers, number)->uses != 1 || number != chunk_start(chunk)) {
		numbers_give(numbers, id);
		return;
	}
	memory_free(numbers->chunks[chunk]); /* which was made for this slot */
	numbers->chunks[chunk] = NULL;
	numbers->made--;
	numbers->live--;
}

void numbers_fill(struct numbers *numbers, ksem_id_t id, struct ksem *ksem)
{
	slot_at(numbers, slot_number(numbers, id))->holds = (uintptr_t)ksem;
}

bool numbers_give(struct numbers *numbers, ksem_id_t id)
{
	uint64_t number = slot_number(numbers, id);
	struct number *slot = slot_at(numbers, number);

	if (slot_is_free(slot) || slot->uses != id >> numbers->bits)
		return false;
	numbers->live--;
	slot->holds = 0;
	if (slot->uses < UINT64_MAX >> numbers->bits)
		slot_free(numbers, slot, number);
	else
		slot->holds = NUMBERS_NONE << 1 | 1; /* used up: free, but on no list */
	return true;
}

struct ksem *numbers_next(const struct numbers *numbers, uint64_t *cursor)
{
	while (*cursor < numbers->made) {
		const struct number *slot = slot_at(numbers, (*cursor)++);

		if (slot->holds && !slot_is_free(slot))
			return (struct ksem *)slot->holds;
	}
	return NULL;
}
