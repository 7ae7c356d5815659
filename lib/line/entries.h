/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a line: where they are, and who gets one.
 *
 * They come in chunks, each twice as large as the one before. In a process's own memory a chunk is allocated when the
 * first of its entries is needed, and stays until the line ends. In shared memory all lie one behind another, in memory
 * that nobody touches before it is needed; every process that maps it says so by line_map.
 *
 * An entry becomes somebody's by one compare-and-swap that names the holder, so that a process which is killed there
 * leaves nothing that can't be told. The stack of free entries only makes finding one fast: one that a killed process
 * took off the stack is found again, by looking at all, when no other is left.
 */
#ifndef KSEM_LINE_ENTRIES_H
#define KSEM_LINE_ENTRIES_H

#include <stddef.h>

#include "line/state.h"

/* All of LINE_BYTES of a line in shared memory, zeroes at first. */
void line_map(struct line_view *view, void *entries);

/* Gives a private line's chunks back. */
void line_free_chunks(struct line_view *view);

/* The entry of that number, or NULL: there is none, so memory that others write says what isn't true. */
struct line_entry *entry_at(const struct line_view *view, uint32_t slot);

/* The node of that number; one of the line's own, if there is none. */
struct line_node *node_at(const struct line_view *view, uint32_t slot);

/* A free entry for the holder, which is HELD now: its number. 0: none is free; or, *no_memory, there is no memory. */
uint32_t entry_claim(struct line_view *view, uint32_t holder, bool *no_memory);

/* Makes it free, if its state is still x. */
bool entry_free(struct line_view *view, uint32_t slot, uint64_t x);

#endif
