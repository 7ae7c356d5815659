/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places of a namespace: see slots.h.
 *
 * Slots stand in chunks that never move. Free slots form a stack through `holds`, so the numbers in use stay low and
 * dense. A chunk is not given back before the end: it remembers how often each slot was used.
 */
#include "registry/slots.h"

#include <errno.h>

#include "base/compiler.h"
#include "base/memory.h"

#define SLOTS_NONE ((uint64_t)UINTPTR_MAX >> 2) /* no slot has this number, and `holds` has room for it */

/* In which chunk a slot stands, and where. */
static unsigned chunk_of(uint64_t number)
{
	return 63 - (unsigned)__builtin_clzll(number / SLOTS_FIRST + 1);
}

static uint64_t chunk_size(unsigned chunk)
{
	return (uint64_t)SLOTS_FIRST << chunk;
}

static uint64_t chunk_start(unsigned chunk)
{
	return chunk_size(chunk) - SLOTS_FIRST;
}

static struct slot *slot_at(const struct slots *slots, uint64_t number)
{
	unsigned chunk = chunk_of(number);

	return &slots->chunks[chunk][number - chunk_start(chunk)];
}

static uint64_t slot_number(const struct slots *slots, ksem_id_t id)
{
	return id & ((UINT64_C(1) << slots->bits) - 1);
}

static bool slot_is_free(const struct slot *slot)
{
	return slot->holds & 1;
}

static void slot_free(struct slots *slots, struct slot *slot, uint64_t number)
{
	slot->holds = slots->free << 1 | 1;
	slots->free = number;
}

void slots_init(struct slots *slots, uint32_t max)
{
	*slots = (struct slots){.free = SLOTS_NONE, .max = max, .bits = 64 - (unsigned)__builtin_clzll(max)};
}

void slots_fini(struct slots *slots)
{
	for (unsigned chunk = 0; chunk < SLOTS_CHUNKS; chunk++)
		memory_free(slots->chunks[chunk]);
}

/* One slot more than were ever used. */
static int make_slot(struct slots *slots)
{
	uint64_t number = slots->made;
	unsigned chunk = chunk_of(number);

	if (number >> slots->bits)
		return ENFILE; /* every id there is was used */
	if (!slots->chunks[chunk]) {
		slots->chunks[chunk] = memory_alloc(chunk_size(chunk) * sizeof(struct slot), KSEM_CACHE_LINE);
		if (!slots->chunks[chunk])
			return ENOMEM;
	}
	slots->made++;
	slot_free(slots, slot_at(slots, number), number);
	return 0;
}

int slots_take(struct slots *slots, ksem_id_t *id)
{
	struct slot *slot;
	uint64_t number;

	if (slots->live == slots->max)
		return ENFILE;
	if (slots->free == SLOTS_NONE) {
		int error = make_slot(slots);

		if (error)
			return error;
	}
	number = slots->free;
	slot = slot_at(slots, number);
	slots->free = slot->holds >> 1;
	slots->live++;
	slot->holds = 0;
	slot->uses++;
	*id = slot->uses << slots->bits | number;
	return 0;
}

void slots_untake(struct slots *slots, ksem_id_t id)
{
	uint64_t number = slot_number(slots, id);
	unsigned chunk = chunk_of(number);

	if (number + 1 != slots->made || slot_at(slots, number)->uses != 1 || number != chunk_start(chunk)) {
		slots_give(slots, id);
		return;
	}
	memory_free(slots->chunks[chunk]); /* which was made for this slot */
	slots->chunks[chunk] = NULL;
	slots->made--;
	slots->live--;
}

void slots_fill(struct slots *slots, ksem_id_t id, struct ksem *ksem)
{
	slot_at(slots, slot_number(slots, id))->holds = (uintptr_t)ksem;
}

bool slots_give(struct slots *slots, ksem_id_t id)
{
	uint64_t number = slot_number(slots, id);
	struct slot *slot = slot_at(slots, number);

	if (slot_is_free(slot) || slot->uses != id >> slots->bits)
		return false;
	slots->live--;
	slot->holds = 0;
	if (slot->uses < UINT64_MAX >> slots->bits)
		slot_free(slots, slot, number);
	else
		slot->holds = SLOTS_NONE << 1 | 1; /* used up: free, but on no list */
	return true;
}

struct ksem *slots_next(const struct slots *slots, uint64_t *cursor)
{
	while (*cursor < slots->made) {
		const struct slot *slot = slot_at(slots, (*cursor)++);

		if (slot->holds && !slot_is_free(slot))
			return (struct ksem *)slot->holds;
	}
	return NULL;
}
