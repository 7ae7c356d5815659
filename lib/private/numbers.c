/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of a namespace: see numbers.h.
 *
 * Units are in chunks that never move. In the range, all units come first, and then all cold parts. When the first
 * number of a chunk is taken, its part of both is made writable. The rest of the range can only be read, and is 0. A
 * chunk beyond the range is allocated.
 *
 * The first unit of each block is no number, but says where the cold parts are. The other units of a block are handed
 * out in steps longer than a cache line, so that semaphores made in turn don't share one. The step is odd, so numbers
 * handed out in turn differ in their low bits, and have homes of their own in an id table.
 *
 * Free numbers form a stack. The thread that waited for their epoch pushes them, without a lock. Popping needs the
 * namespace's lock. So the number on top can't be popped and pushed again while another thread pops (no ABA problem).
 */
#include "private/numbers.h"

#include <errno.h>

#include "base/compiler.h"
#include "base/memory.h"
#include "object/namespace.h"
#include "private/lined.h"

#ifndef NUMBERS_BITS_LEAST
#define NUMBERS_BITS_LEAST 20 /* bits of a number, so that there are enough while some wait for an epoch */
#endif
#define BITS_RANGE 24 /* bits of a number in the range, at most */
#define BLOCK_USED (BLOCK_UNITS - 1)
#define STEP       5 /* odd, and more than a cache line holds */

/* The n-th number that is handed out. */
static uint64_t numbers_nth(uint64_t n)
{
	return n / BLOCK_USED * BLOCK_UNITS + (n % BLOCK_USED + 1) * STEP % BLOCK_UNITS;
}

/* Which chunk a number is in; chunks after the first begin at a power of two. */
static unsigned chunk_of(uint64_t number)
{
	return number < NUMBERS_FIRST ? 0 : 64 - (unsigned)__builtin_clzll(number / NUMBERS_FIRST);
}

static uint64_t chunk_start(unsigned chunk)
{
	return chunk == 0 ? 0 : (uint64_t)NUMBERS_FIRST << (chunk - 1);
}

static uint64_t chunk_size(unsigned chunk)
{
	return chunk == 0 ? NUMBERS_FIRST : chunk_start(chunk);
}

static struct ksem *ksem_at(const struct numbers *numbers, uint64_t number)
{
	unsigned chunk = chunk_of(number);

	return (struct ksem *)&numbers->chunks[chunk].units[number - chunk_start(chunk)].sem;
}

static uint64_t number_of(const struct numbers *numbers, ksem_id_t id)
{
	return (id & ((UINT64_C(1) << numbers->bits) - 1)) >> IDS_NUMBER_SHIFT;
}

static size_t range_bytes(uint64_t reserved)
{
	return (size_t)reserved * (sizeof(struct semaphore_unit) + COLD_BYTES);
}

struct numbers *numbers_new(struct ksem_ns *ns, uint32_t max)
{
	struct numbers *numbers = memory_alloc(sizeof(*numbers), KSEM_CACHE_LINE);
	/* at least twice as many numbers as semaphores */
	unsigned bits = 65 - (unsigned)__builtin_clzll((max - 1) | 1);
	uint64_t reserved;

	if (!numbers)
		return NULL;
	bits = bits > NUMBERS_BITS_LEAST ? bits : NUMBERS_BITS_LEAST;
	reserved = UINT64_C(1) << (bits < BITS_RANGE ? bits : BITS_RANGE);
	numbers->ns = ns;
	numbers->max = max;
	numbers->bits = bits + IDS_NUMBER_SHIFT;
	numbers->range = memory_reserve(range_bytes(reserved));
	numbers->reserved = numbers->range ? reserved : 0;
	store_rlx(&numbers->users, 1); /* relaxed: nobody else has it yet */
	return numbers;
}

static void free_moved(const struct numbers_chunk *chunk, uint64_t units)
{
	for (uint64_t first = 0; first < units; first += BLOCK_UNITS)
		memory_free(((struct object_home *)(void *)(chunk->cold + first * COLD_BYTES))->moved);
}

static void free_all(struct numbers *numbers)
{
	for (unsigned chunk = 0; chunk < NUMBERS_CHUNKS; chunk++) {
		struct semaphore_unit *units = numbers->chunks[chunk].units;

		if (!units)
			continue;
		free_moved(&numbers->chunks[chunk], chunk_size(chunk));
		memory_use(units, chunk_size(chunk) * sizeof(*units));
		memory_use(numbers->chunks[chunk].cold, chunk_size(chunk) * COLD_BYTES);
		if (chunk_start(chunk) >= numbers->reserved)
			memory_free(units);
	}
	if (numbers->range)
		memory_release(numbers->range, range_bytes(numbers->reserved));
	memory_free(numbers);
}

/* One user fewer. */
static void drop(struct numbers *numbers)
{
	if (fetch_add_acq_rel(&numbers->users, -UINT64_C(1)) == 1) /* KSEM_ORD_27 release, KSEM_ORD_27 acquire */
		free_all(numbers);
}

/* For a thread that is alone with the semaphore. */
static bool has_or_gets_line(const struct ksem *ksem)
{
	uint8_t kind = load_rlx(&object_cold(ksem)->sem.owners_byte); /* relaxed: nobody else uses it */

	return kind & (OBJECT_HAS_LINE | OBJECT_MOVES);
}

/* Called after the epoch, without a lock: frees the number, unless its uses are up. */
static void numbers_give_back(struct ksem *ksem)
{
	struct numbers *numbers = object_home(ksem)->of;
	ksem_id_t id = object_id(ksem);
	uint64_t head = load_rlx(&numbers->free); /* relaxed: the compare-and-swap checks it */

	if (has_or_gets_line(ksem)) {
		private_lined_free(lined_of(ksem));
		store_rlx(&object_cold(ksem)->sem.owners_byte, 0); /* relaxed: nobody sees it any more */
	}
	memory_rest(&ksem->sem, sizeof(ksem->sem));
	memory_rest(&object_cold(ksem)->life, sizeof(life_t));
	if (id >> numbers->bits < UINT64_MAX >> numbers->bits) {
		do {
			object_cold(ksem)->next_free = head;
		} while (!cas_rel(&numbers->free, &head, number_of(numbers, id))); /* KSEM_ORD_27 release */
	}
	drop(numbers);
}

void numbers_drop(struct numbers *numbers)
{
	struct ksem *unfit = numbers->unfit, *next;

	for (; unfit; unfit = next) {
		next = object_cold(unfit)->next_retired;
		numbers_give_back(unfit);
	}
	drop(numbers);
}

static void make_blocks(struct numbers *numbers, struct numbers_chunk *chunk, uint64_t units)
{
	const struct semaphore_ops *const *ops = numbers->ns->ops->semaphores;

	for (uint64_t first = 0; first < units; first += BLOCK_UNITS) {
		struct semaphore_block *block = (void *)&chunk->units[first];

		block->cold = chunk->cold + first * COLD_BYTES;
		*(struct object_home *)(void *)block->cold = (struct object_home){
			.ns = numbers->ns,
			.semaphores = {ops[OBJECT_BARGING], ops[OBJECT_LINE]},
			.give_back = numbers_give_back,
			.of = numbers,
		};
	}
}

static int make_chunk(struct numbers *numbers, unsigned index)
{
	struct numbers_chunk *chunk = &numbers->chunks[index];
	uint64_t start = chunk_start(index), units = chunk_size(index);
	size_t hot = (size_t)units * sizeof(struct semaphore_unit), cold = (size_t)units * COLD_BYTES;

	if (start < numbers->reserved) {
		struct semaphore_unit *at = numbers->range + start;
		char *cold_at = (char *)(numbers->range + numbers->reserved) + start * COLD_BYTES;

		if (!memory_commit(at, hot) || !memory_commit(cold_at, cold))
			return ENOMEM;
		*chunk = (struct numbers_chunk){at, cold_at};
	} else {
		struct semaphore_unit *at = memory_alloc(hot + cold, BLOCK_BYTES);

		if (!at)
			return ENOMEM;
		*chunk = (struct numbers_chunk){at, (char *)at + hot};
	}
	make_blocks(numbers, chunk, units);
	return 0;
}

/* Takes a free number off the stack; 0: none. */
static uint64_t pop(struct numbers *numbers)
{
	uint64_t head = load_acq(&numbers->free); /* KSEM_ORD_27 acquire */

	while (head != 0) {
		uint64_t next = object_cold(ksem_at(numbers, head))->next_free;

		if (cas_acq(&numbers->free, &head, next)) /* KSEM_ORD_27 acquire */
			break;
	}
	return head;
}

/* Takes any number, with its next id. 0; ENFILE: no number is free; ENOMEM. */
static int take(struct numbers *numbers, struct ksem **ksem, ksem_id_t *id)
{
	uint64_t number = pop(numbers);

	if (number == 0) {
		unsigned chunk;

		number = numbers_nth(numbers->made);
		chunk = chunk_of(number);
		if (number << IDS_NUMBER_SHIFT >> numbers->bits)
			return ENFILE;
		if (!numbers->chunks[chunk].units && make_chunk(numbers, chunk) != 0)
			return ENOMEM;
		numbers->made++;
	}
	*ksem = ksem_at(numbers, number);
	*id = ((object_id(*ksem) >> numbers->bits) + 1) << numbers->bits | number << IDS_NUMBER_SHIFT;
	object_cold(*ksem)->id = *id;
	memory_use(&(*ksem)->sem, sizeof((*ksem)->sem));
	memory_use(&object_cold(*ksem)->life, sizeof(life_t));
	fetch_add_rlx(&numbers->users, 1); /* relaxed: the caller has the namespace, which is one of them */
	return 0;
}

int numbers_take(struct numbers *numbers, struct ksem **ksem, ksem_id_t *id)
{
	int error;

	if (numbers->live == numbers->max)
		return ENFILE;
	if (numbers->unfit) {
		*ksem = numbers->unfit;
		*id = object_id(*ksem);
		numbers->unfit = object_cold(*ksem)->next_retired;
		error = 0;
	} else {
		error = take(numbers, ksem, id);
	}
	if (!error)
		numbers->live++;
	return error;
}

/* Was the number the last one that was handed out, its chunk allocated for it, and this its first use? */
static bool made_its_chunk(const struct numbers *numbers, ksem_id_t id)
{
	uint64_t number = number_of(numbers, id), last = numbers->made - 1;

	return number >= numbers->reserved && id >> numbers->bits == 1 && number == numbers_nth(last) &&
	       last % BLOCK_USED == 0 && last / BLOCK_USED * BLOCK_UNITS == chunk_start(chunk_of(number));
}

void numbers_untake(struct numbers *numbers, struct ksem *ksem)
{
	struct numbers_chunk *chunk = &numbers->chunks[chunk_of(number_of(numbers, object_id(ksem)))];

	numbers->live--;
	if (!made_its_chunk(numbers, object_id(ksem))) {
		numbers_give_back(ksem);
		return;
	}
	memory_free(chunk->units);
	chunk->units = NULL;
	numbers->made--;
	fetch_sub_rlx(&numbers->users, 1); /* relaxed: as in take */
}

/* Takes a number for a process: no multiple of IDS_HOMES_LEAST (object/ids.h). Leaves those for semaphores. */
static int take_fit(struct numbers *numbers, struct ksem **ksem, ksem_id_t *id)
{
	int error;

	while ((error = take(numbers, ksem, id)) == 0 && number_of(numbers, *id) % IDS_HOMES_LEAST == 0) {
		object_cold(*ksem)->next_retired = numbers->unfit;
		numbers->unfit = *ksem;
	}
	return error;
}

int numbers_take_holder(struct numbers *numbers, struct ids *ids, struct ksem **taken)
{
	struct ksem *ksem;
	ksem_id_t id;
	uint64_t number;
	int error = numbers->reserved > 0 ? take_fit(numbers, &ksem, &id) : ENFILE;

	*taken = NULL;
	if (error)
		return error == ENFILE ? 0 : error;
	number = number_of(numbers, id);
	if (number >= numbers->reserved) {
		numbers_give_back(ksem);
		return 0;
	}
	store_rlx(&ksem->sem.word, WORD_DEAD);             /* relaxed: the process isn't known to anybody yet */
	store_rlx(object_tag(ksem), id);                   /* relaxed: as above */
	store_rlx(&object_cold(ksem)->sem.owners_byte, 0); /* relaxed: as above */
	store_rlx(&object_cold(ksem)->life, 0);            /* relaxed: as above */
	ids_init_holder(ids, (char *)&numbers->range[0].sem, (numbers->reserved - 1) << IDS_NUMBER_SHIFT, number);
	*taken = ksem;
	return 0;
}

static bool is_listed(const struct ksem *ksem)
{
	return load_rlx(&object_cold(ksem)->sem.owners_byte) & OBJECT_LISTED; /* relaxed: under the lock */
}

static void set_listed(struct ksem *ksem, bool listed)
{
	atomic(uint8_t) *kind = &object_cold(ksem)->sem.owners_byte;
	uint8_t rest = load_rlx(kind) & (uint8_t)~OBJECT_LISTED; /* relaxed: under the lock */

	store_rlx(kind, listed ? rest | OBJECT_LISTED : rest); /* relaxed: without the lock, only other bits are read */
}

void numbers_list(struct ksem *ksem)
{
	set_listed(ksem, true);
}

void numbers_unlist(struct numbers *numbers, struct ksem *ksem)
{
	if (!is_listed(ksem))
		return;
	set_listed(ksem, false);
	numbers->live--;
}

/* Not one that waits for its epoch, or was given back: that has no waiters. */
static bool is_waited_for(const struct ksem *ksem)
{
	/* relaxed: the child has one thread */
	return has_or_gets_line(ksem) && word_waiters(load_rlx(&ksem->sem.word)) > 0;
}

static struct ksem *next_that(const struct numbers *numbers, uint64_t *cursor, bool (*fits)(const struct ksem *ksem))
{
	uint64_t end = (numbers->made + BLOCK_USED - 1) / BLOCK_USED * BLOCK_UNITS;

	while (*cursor < end) {
		uint64_t number = (*cursor)++;
		struct ksem *ksem = ksem_at(numbers, number);

		if (number % BLOCK_UNITS != 0 && fits(ksem))
			return ksem;
	}
	return NULL;
}

struct ksem *numbers_next(const struct numbers *numbers, uint64_t *cursor)
{
	return next_that(numbers, cursor, is_listed);
}

static bool is_left_to_child(const struct ksem *ksem)
{
	return is_listed(ksem) || is_waited_for(ksem);
}

struct ksem *numbers_next_in_child(const struct numbers *numbers, uint64_t *cursor)
{
	return next_that(numbers, cursor, is_left_to_child);
}
