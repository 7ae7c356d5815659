/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a line: where they are, and how a waiter gets one.
 *
 * They are in chunks, each twice as large as the one before. In a process's own memory, a chunk is allocated when the
 * first of its entries is needed, and stays until the line ends. In shared memory, all chunks lie one after another.
 * Each process that maps them calls line_map. They may be a hole in a file, and the file system may have no memory for
 * it; a thread that touched it would be killed then. So before a process uses a chunk, it has the kernel write to each
 * page of it, which fails instead. It does that whatever other processes have done or written.
 *
 * A waiter claims an entry by one compare-and-swap that writes the holder. So if its process is killed, others can see
 * to whom the entry belongs. The stack of free entries only makes finding one fast. If a killed process has taken an
 * entry off the stack without claiming it, a search through all entries finds it when no other is left.
 *
 * So a search can claim an entry that is on the stack, or that another thread is about to push. An entry may therefore
 * be on the stack while it is in use; a thread that pops it there passes it over. It is never on the stack twice: its
 * own link says whether it is there, and only the thread that changes that from no to yes pushes it.
 */
#ifndef KSEM_LINE_ENTRIES_H
#define KSEM_LINE_ENTRIES_H

#include <stddef.h>

#include "line/state.h"

/* All of LINE_BYTES of a line in shared memory, zeroes at first. Each chunk begins a page, or is within one. */
void line_map(struct line_view *view, void *entries);

/*
 * The same of a copy of a shared line, which no other thread has: it has that many entries. To have all that were ever
 * used, it must have as many as there are in their chunks.
 */
void line_map_copy(struct line_view *view, struct line_entry *entries, size_t count);
uint32_t entries_in_chunks(uint32_t used);

/* Gives a private line's chunks back. */
void line_free_chunks(struct line_view *view);

/* The entry of that number. NULL: there is none, so somebody wrote nonsense to the memory; or it has no memory. */
struct line_entry *entry_at(const struct line_view *view, uint32_t slot);

/* How many were ever used. */
static inline uint32_t entries_used(const struct line_view *view)
{
	uint32_t used = load_acq(&view->line->used); /* KSEM_ORD_25 acquire */

	return used < LINE_ENTRIES ? used : LINE_ENTRIES; /* others may write to a shared line */
}

/* The node of that number; one of the line's own, if there is none. */
struct line_node *node_at(const struct line_view *view, uint32_t slot);

/*
 * Claims a free entry for the holder, makes it HELD, and returns its number. 0: none is free, or (*no_memory) there is
 * no memory.
 */
uint32_t entry_claim(struct line_view *view, uint32_t holder, bool *no_memory);

/* Makes it free, if its state is still x, and wakes a thread at the door. */
bool entry_free(struct line_view *view, uint32_t slot, uint64_t x);

/* The same of a wait of a queue, which may have a deadline. */
bool entry_free_wait(struct line_view *view, uint32_t slot, uint64_t x);

/* Is there a free entry? One that was never used doesn't count. */
bool entry_is_free(const struct line_view *view);

/* Wakes all threads at the door, and takes DOOR out of the word. Returns how many it woke. */
int entry_call_all(const struct line_view *view);

#endif
