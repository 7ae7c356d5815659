/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries: see entries.h.
 *
 * The stack's top has a tag that counts its changes, so that a compare-and-swap by somebody who slept meanwhile fails.
 *
 * A thread that frees an entry makes it free, and then looks whether it is on the stack. A thread that pops an entry
 * notes in it that it is no longer there, and then looks whether it is free. All four steps are sequentially
 * consistent, so a free entry isn't lost between them. A push that comes late may put an entry on the stack that is in
 * use again by then, which is allowed.
 */
#include "line/entries.h"

#include <errno.h>

#include "base/memory.h"
#include "os/touch.h"

#define ENTRIES_A_PAGE (4096 / sizeof(struct line_entry)) /* of the smallest pages */

#define TOP_TAG (UINT64_C(1) << LINE_SLOT_BITS)

static uint32_t chunk_of(uint32_t index)
{
	return 31 - (uint32_t)__builtin_clz(index / LINE_FIRST + 1);
}

static uint32_t chunk_begin(uint32_t chunk)
{
	return LINE_FIRST * ((UINT32_C(1) << chunk) - 1);
}

void line_map(struct line_view *view, void *entries)
{
	view->mapped = entries;
}

void line_map_copy(struct line_view *view, struct line_entry *entries, size_t count)
{
	for (uint32_t chunk = 0; chunk < LINE_CHUNKS && chunk_begin(chunk + 1) <= count; chunk++)
		store_rlx(&view->chunks[chunk], entries + chunk_begin(chunk)); /* relaxed: no other thread has it */
}

uint32_t entries_in_chunks(uint32_t used)
{
	return used == 0 ? 0 : chunk_begin(chunk_of(used - 1) + 1);
}

/* A chunk of a shared line. NULL: no memory; or, of a private line, there is none. */
static __attribute__((noinline)) struct line_entry *use_chunk(const struct line_view *view, uint32_t chunk)
{
	struct line_entry *begin = view->mapped ? view->mapped + chunk_begin(chunk) : NULL;
	struct line_view *filled = (struct line_view *)(uintptr_t)view;

	for (uint32_t at = 0; begin && at < (uint32_t)LINE_FIRST << chunk; at += ENTRIES_A_PAGE) {
		if (!touch_page(&begin[at].touched))
			return NULL;
	}
	if (begin)
		store_rel(&filled->chunks[chunk], begin); /* KSEM_ORD_26 release */
	return begin;
}

void line_free_chunks(struct line_view *view)
{
	for (uint32_t chunk = 0; chunk < LINE_CHUNKS; chunk++)
		memory_free(load_rlx(&view->chunks[chunk])); /* relaxed: nobody else has the line any more */
}

/* Makes sure that there is the chunk. False: no memory. */
static bool make_chunk(struct line_view *view, uint32_t chunk)
{
	size_t bytes = ((size_t)LINE_FIRST << chunk) * sizeof(struct line_entry);
	struct line_entry *made, *none = NULL;

	if (load_acq(&view->chunks[chunk])) /* KSEM_ORD_26 acquire */
		return true;
	if (view->mapped)
		return use_chunk(view, chunk);
	made = memory_alloc(bytes, KSEM_CACHE_LINE);
	if (!made)
		return false;
	while (!cas_acq_rel(&view->chunks[chunk], &none, made)) { /* KSEM_ORD_26 release, KSEM_ORD_26 acquire */
		if (none) {                                       /* another thread was faster */
			memory_free(made);
			break;
		}
	}
	return true;
}

struct line_entry *entry_at(const struct line_view *view, uint32_t slot)
{
	uint32_t index = slot - LINE_LISTS, chunk;
	struct line_entry *entries;

	if (unlikely(index >= LINE_ENTRIES))
		return NULL;
	chunk = chunk_of(index);
	entries = load_acq(&view->chunks[chunk]); /* KSEM_ORD_26 acquire */
	if (unlikely(!entries))
		entries = use_chunk(view, chunk);
	return likely(entries) ? &entries[index - chunk_begin(chunk)] : NULL;
}

struct line_node *node_at(const struct line_view *view, uint32_t slot)
{
	struct line_entry *entry;

	if (slot < LINE_LISTS)
		return &view->line->lists[slot];
	entry = entry_at(view, slot);
	return likely(entry) ? &entry->node : &view->line->lists[LINE_LISTS - 1];
}

/* Makes a free entry the holder's. */
static bool take_free(struct line_entry *entry, uint32_t holder)
{
	uint64_t x = load_seq(&entry->state); /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */

	while (state_of(x) == ENTRY_FREE) {
		uint64_t held = (uint64_t)holder << 32 | ((uint32_t)x & ENTRY_ROUND_MASK) | ENTRY_HELD;

		if (cas_acq_rel(&entry->state, &x, held)) /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
			return true;
	}
	return false;
}

static uint32_t pop_free(struct line_view *view)
{
	uint64_t top = load_acq(&view->line->free); /* KSEM_ORD_25 acquire */

	for (;;) {
		uint32_t slot = (uint32_t)(top & (TOP_TAG - 1));
		struct line_entry *entry = slot ? entry_at(view, slot) : NULL;
		uint64_t next;

		if (!entry)
			return 0;
		next = load_rlx(&entry->free_next) & (TOP_TAG - 1); /* relaxed: the tag of the top tells */
		next |= (top & ~(TOP_TAG - 1)) + TOP_TAG;
		if (cas_acq_rel(&view->line->free, &top, next)) { /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
			store_seq(&entry->free_next, 0);          /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
			return slot;
		}
	}
}

/* Pushes an entry, unless it is on the stack, or another thread is about to push it. */
static void push_free(struct line_view *view, struct line_entry *entry, uint32_t slot)
{
	uint64_t top = load_rlx(&view->line->free); /* relaxed: the compare-and-swap checks it */
	uint32_t off = 0;
	uint64_t next;

	while (!cas_seq(&entry->free_next, &off, ENTRY_STACKED)) { /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
		if (off != 0)
			return;
	}
	do {
		next = ENTRY_STACKED | (top & (TOP_TAG - 1));
		store_rlx(&entry->free_next, (uint32_t)next); /* relaxed: published with the top */
		next = ((top & ~(TOP_TAG - 1)) + TOP_TAG) | slot;
	} while (!cas_acq_rel(&view->line->free, &top, next)); /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
}

/* One that was never used. */
static uint32_t claim_new(struct line_view *view, uint32_t holder, bool *no_memory)
{
	struct line *line = view->line;
	uint32_t used = load_rlx(&line->used); /* relaxed: the compare-and-swap checks it */

	while (used < LINE_ENTRIES) {
		if (!make_chunk(view, chunk_of(used))) {
			*no_memory = true;
			return 0;
		}
		if (!cas_rlx(&line->used, &used, used + 1)) /* relaxed: the entry's own state says whose it is */
			continue;
		if (take_free(entry_at(view, used + LINE_LISTS), holder))
			return used + LINE_LISTS;
		used = load_rlx(&line->used); /* relaxed: as above */
	}
	return 0;
}

/* Whatever is free of those that were ever used. */
static uint32_t claim_any(struct line_view *view, uint32_t holder)
{
	uint32_t used = entries_used(view);

	for (uint32_t slot = LINE_LISTS; slot < used + LINE_LISTS; slot++) {
		struct line_entry *entry = entry_at(view, slot);

		if (entry && take_free(entry, holder))
			return slot;
	}
	return 0;
}

uint32_t entry_claim(struct line_view *view, uint32_t holder, bool *no_memory)
{
	uint32_t slot;

	*no_memory = false;
	while ((slot = pop_free(view)) != 0) {
		if (take_free(entry_at(view, slot), holder))
			return slot;
	}
	slot = claim_new(view, holder, no_memory);
	return slot ? slot : claim_any(view, holder);
}

bool entry_is_free(const struct line_view *view)
{
	uint32_t used = entries_used(view);

	for (uint32_t slot = LINE_LISTS; slot < used + LINE_LISTS; slot++) {
		const struct line_entry *entry = entry_at(view, slot);

		/* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
		if (entry && state_of(load_seq(&entry->state)) == ENTRY_FREE)
			return true;
	}
	return false;
}

/* A thread at the door reads `door` before it sees or sets DOOR; so if it missed this change, it won't sleep. */
int entry_call_all(const struct line_view *view)
{
	struct line *line = view->line;
	uint64_t low = load_rlx(&line->word.low); /* relaxed: the compare-and-swap checks it */

	while (low & LINE_DOOR) {
		if (!cas_seq(&line->word.low, &low, low & ~LINE_DOOR)) /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
			continue;
		fetch_add_seq(&line->door, 1); /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
		return futex_wake_in(view->scope, &line->door, INT32_MAX);
	}
	return 0;
}

/* For a free entry. If nobody sleeps at the door any more, later callers needn't look. */
static void call_one(const struct line_view *view)
{
	fetch_add_seq(&view->line->door, 1); /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
	if (futex_wake_in(view->scope, &view->line->door, 1) == 0)
		entry_call_all(view);
}

bool entry_free(struct line_view *view, uint32_t slot, uint64_t x)
{
	struct line_entry *entry = entry_at(view, slot);
	uint64_t next = ((uint32_t)x & ENTRY_ROUND_MASK) + ENTRY_ROUND;

	next &= ENTRY_ROUND_MASK;
	/* KSEM_ORD_25 release, KSEM_ORD_25 acquire */
	for (uint64_t found = x; !cas_seq(&entry->state, &found, next);) {
		if (found != x)
			return false;
	}
	push_free(view, entry, slot);
	if (unlikely(load_seq(&view->line->word.low) & LINE_DOOR)) /* KSEM_ORD_25 acquire, KSEM_ORD_25 release */
		call_one(view);
	return true;
}

/* The count is lowered last. If the process is killed before that, it stays too high, which only costs others looks. */
bool entry_free_wait(struct line_view *view, uint32_t slot, uint64_t x)
{
	bool counted = load_rlx(&entry_at(view, slot)->due) != 0; /* relaxed: constant while the state is */

	if (!entry_free(view, slot, x))
		return false;
	if (counted)
		fetch_sub_rlx(&view->line->dues, 1); /* relaxed: a hint; it was counted for as long as it was in line */
	return true;
}
