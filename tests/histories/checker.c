/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search for an order: see checker.h. Recursive; as deep as the history has calls.
 */
#include "checker.h"

#include <stdlib.h>
#include <string.h>

/* A set of words other than 0, in a table that is at most half full. */
struct words {
	uint64_t *table;
	size_t size, used;
};

struct search {
	const struct history *history;
	unsigned position[HISTORY_THREADS]; /* the thread's first call that is not in order yet */
	unsigned calls, done;
	struct words tried;
	struct furthest furthest;
};

static void *allocated(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static struct words words_new(size_t size)
{
	return (struct words){.table = allocated(calloc(size, sizeof(uint64_t))), .size = size};
}

static uint64_t *words_place(const struct words *words, uint64_t word)
{
	size_t i = (size_t)((word * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (words->size - 1);

	while (words->table[i] != 0 && words->table[i] != word)
		i = (i + 1) & (words->size - 1);
	return &words->table[i];
}

static void words_grow(struct words *words)
{
	struct words larger = words_new(2 * words->size);

	for (size_t i = 0; i < words->size; i++) {
		if (words->table[i])
			*words_place(&larger, words->table[i]) = words->table[i];
	}
	larger.used = words->used;
	free(words->table);
	*words = larger;
}

/* False: it was there. */
static bool words_add(struct words *words, uint64_t word)
{
	uint64_t *place = words_place(words, word);

	if (*place)
		return false;
	*place = word;
	if (2 * ++words->used > words->size)
		words_grow(words);
	return true;
}

/* The set of calls in order, as a word. */
static uint64_t set_of(const struct search *search)
{
	uint64_t word = 0;

	for (unsigned t = 0; t < search->history->threads; t++)
		word |= (uint64_t)search->position[t] << 8 * t;
	return word;
}

/* The thread's first call that is not in order yet, or NULL. */
static const struct call *next_call(const struct search *search, unsigned t)
{
	const struct thread_history *thread = &search->history->thread[t];

	return search->position[t] < thread->length ? &thread->calls[search->position[t]] : NULL;
}

/* A call that begins after this can't be next: another had ended. */
static uint64_t earliest_end(const struct search *search)
{
	uint64_t earliest = UINT64_MAX;

	for (unsigned t = 0; t < search->history->threads; t++) {
		const struct call *call = next_call(search, t);

		if (call && call->end < earliest)
			earliest = call->end;
	}
	return earliest;
}

static void note_furthest(struct search *search, uint32_t value)
{
	if (search->done < search->furthest.calls)
		return;
	search->furthest.calls = search->done;
	memcpy(search->furthest.position, search->position, sizeof(search->position));
	search->furthest.value = value;
}

static bool order_from(struct search *search, uint32_t value)
{
	uint64_t limit = earliest_end(search);

	note_furthest(search, value);
	if (search->done == search->calls)
		return true;
	for (unsigned t = 0; t < search->history->threads; t++) {
		const struct call *call = next_call(search, t);
		uint32_t after = value;

		if (!call || call->begin > limit || !semaphore_would_answer(&after, call))
			continue;
		search->position[t]++;
		search->done++;
		if (words_add(&search->tried, set_of(search)) && order_from(search, after))
			return true;
		search->done--;
		search->position[t]--;
	}
	return false;
}

bool history_is_linearizable(const struct history *history, struct furthest *furthest)
{
	struct search search = {.history = history, .tried = words_new(256)};
	bool found;

	for (unsigned t = 0; t < history->threads; t++)
		search.calls += history->thread[t].length;
	found = order_from(&search, history->initial);
	if (!found && furthest)
		*furthest = search.furthest;
	free(search.tried.table);
	return found;
}
