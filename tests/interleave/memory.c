/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory as C11 has it, operationally: each location is a list of stores, in modification order; a load may read any
 * store that is not older than what its thread knows of (its view); a store carries the view that an acquire of it
 * gains. A release carries the thread's view; a read-modify-write also that of the store it replaces (release
 * sequences). Sequentially consistent fences exchange views with one common view.
 *
 * Plain accesses of heap memory are compared with others' by vector clocks: an unordered pair of which one writes is a
 * race. Memory is never used twice in an execution, so every access of an ended block is found.
 *
 * What this leaves out of C11: a store comes last in modification order when it is made; a load reads no store that is
 * made later in the execution (no load buffering). The halves of a slot are one location.
 *
 * While the driver is alone, accesses go to memory itself, and what they overwrite outside the heap is written down, to
 * be put back when the next execution begins.
 */
#include "checker.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "word/state.h"

#define HEAP    (256 * 1024)
#define GRAIN   4
#define BLOCK   64
#define STORES  8192
#define VIEWS   8192
#define TABLE   1024
#define JOURNAL 65536
#define NAMES   32

struct store {
	uint64_t value;
	const struct view *with; /* what an acquire gains; NULL: nothing */
	struct store *before;
	uint16_t number; /* in modification order */
};

struct location {
	uintptr_t address;
	size_t size;
	struct store *last;
};

struct grain {
	uint32_t execution;
	uint8_t writer;
	uint32_t written, read[THREADS];
};

struct block {
	uintptr_t end;
	bool ended;
	uint32_t used[THREADS]; /* each thread's last access, by its clock */
};

static struct location locations[LOCATIONS];
static unsigned locations_used;
static struct {
	uint32_t execution;
	uint16_t location;
} table[TABLE];
static struct store stores[STORES];
static unsigned stores_used;
static struct view views[VIEWS];
static unsigned views_used;
static struct view known[THREADS], pending[THREADS], fenced[THREADS], common;
static const struct view *fence_of[THREADS]; /* what a relaxed store carries; NULL: nothing */

static _Alignas(BLOCK_BYTES) char heap[HEAP];
static size_t heap_used;
static struct grain grains[HEAP / GRAIN];
static struct block blocks[HEAP / BLOCK];
static uint16_t block_at[HEAP / BLOCK]; /* which block; 0: none */
static unsigned blocks_used;

static struct {
	void *address;
	uint64_t old;
	uint8_t size;
} journal[JOURNAL];
static unsigned journal_used;

static struct {
	const void *address;
	const char *name;
} names[NAMES];
static unsigned names_used;
static uintptr_t slots_from, slots_to, units_from, units_to;
static uint32_t execution;

static bool in_heap(uintptr_t address)
{
	return address >= (uintptr_t)heap && address < (uintptr_t)heap + HEAP;
}

/* ---- Executions ---- */

extern char __data_start, _end; /* of the program's variables */

/* Only variables and slots: a stack's, or a thread's own, are not the driver's to put back. */
static void write_down(void *address, size_t size)
{
	uintptr_t at = (uintptr_t)address;

	if (in_heap(at))
		return;
	if (!(at >= (uintptr_t)&__data_start && at < (uintptr_t)&_end) && !(at >= slots_from && at < slots_to))
		return;
	while (size > 0) {
		size_t part = size < 8 ? size : 8;

		if (journal_used == JOURNAL)
			fail("the journal is full");
		journal[journal_used].address = (void *)address;
		journal[journal_used].size = (uint8_t)part;
		memcpy(&journal[journal_used++].old, (void *)address, part);
		address = (char *)address + part;
		size -= part;
	}
}

void memory_keep(void)
{
	journal_used = 0;
}

void memory_begin(void)
{
	while (journal_used > 0) {
		journal_used--;
		memcpy(journal[journal_used].address, &journal[journal_used].old, journal[journal_used].size);
	}
	execution++;
	memset(heap, 0, heap_used);
	memset(block_at, 0, (heap_used + BLOCK - 1) / BLOCK * sizeof(block_at[0]));
	heap_used = locations_used = stores_used = views_used = blocks_used = names_used = 0;
	memset(known, 0, sizeof(known));
	memset(pending, 0, sizeof(pending));
	memset(fence_of, 0, sizeof(fence_of));
	memset(&common, 0, sizeof(common));
}

void memory_start_threads(void)
{
	memory_tick();
	for (unsigned thread = 1; thread < THREADS; thread++) {
		known[thread] = known[0];
		known[thread].clock[thread]++;
	}
}

void memory_end_threads(void)
{
	for (unsigned i = 0; i < locations_used; i++) {
		write_down((void *)locations[i].address, locations[i].size);
		memcpy((void *)locations[i].address, &locations[i].last->value, locations[i].size);
	}
	for (unsigned thread = 1; thread < THREADS; thread++)
		memory_join(&known[0], &known[thread]);
}

/* ---- Views ---- */

struct view *memory_view(unsigned thread)
{
	return &known[thread];
}

void memory_join(struct view *to, const struct view *from)
{
	for (unsigned i = 0; i < THREADS; i++)
		to->clock[i] = to->clock[i] > from->clock[i] ? to->clock[i] : from->clock[i];
	for (unsigned i = 0; i < locations_used; i++)
		to->oldest[i] = to->oldest[i] > from->oldest[i] ? to->oldest[i] : from->oldest[i];
}

static void copy_view(struct view *to, const struct view *from)
{
	memcpy(to->clock, from->clock, sizeof(to->clock));
	memcpy(to->oldest, from->oldest, locations_used * sizeof(to->oldest[0]));
	memset(to->oldest + locations_used, 0, (LOCATIONS - locations_used) * sizeof(to->oldest[0]));
}

static struct view *new_view(const struct view *from)
{
	if (views_used == VIEWS)
		fail("too many views");
	copy_view(&views[views_used], from);
	return &views[views_used++];
}

uint32_t memory_tick(void)
{
	return ++known[current_thread()].clock[current_thread()];
}

void memory_full_barrier(unsigned thread)
{
	struct view *view = &known[thread];

	memory_join(view, &pending[thread]);
	for (unsigned i = 0; i < locations_used; i++) {
		uint16_t most = view->oldest[i] > common.oldest[i] ? view->oldest[i] : common.oldest[i];

		view->oldest[i] = common.oldest[i] = most;
	}
	copy_view(&fenced[thread], view);
	fence_of[thread] = &fenced[thread];
}

/* ---- Names, for traces ---- */

void memory_name(const void *address, const char *name)
{
	if (names_used < NAMES) {
		names[names_used].address = address;
		names[names_used++].name = name;
	}
}

static const char *name_of(uintptr_t address)
{
	static char name[64];
	const char *nearest = NULL;
	uintptr_t offset = 0;

	for (unsigned i = 0; i < names_used; i++) {
		uintptr_t at = (uintptr_t)names[i].address;

		if (at <= address && address - at < 64 && (!nearest || address - at <= offset)) {
			nearest = names[i].name;
			offset = address - at;
		}
	}
	if (nearest && offset == 0)
		return nearest;
	if (nearest)
		snprintf(name, sizeof(name), "%s+%zu", nearest, (size_t)offset);
	else if (address >= (uintptr_t)heap && address < (uintptr_t)heap + HEAP)
		snprintf(name, sizeof(name), "heap+%zu", (size_t)(address - (uintptr_t)heap));
	else
		snprintf(name, sizeof(name), "%#zx", (size_t)address);
	return name;
}

/* ---- The heap ---- */

void *memory_new(size_t size, size_t align)
{
	size_t whole = (size + BLOCK - 1) / BLOCK * BLOCK, at;

	if (align > BLOCK)
		heap_used = (heap_used + align - 1) / align * align;
	at = heap_used;
	if (at + whole > HEAP)
		fail("the heap is full");
	blocks_used++;
	blocks[blocks_used] = (struct block){.end = (uintptr_t)heap + at + size};
	for (size_t i = 0; i < whole / BLOCK; i++)
		block_at[at / BLOCK + i] = (uint16_t)blocks_used;
	heap_used += whole;
	return heap + at;
}

void *memory_new_units(size_t size)
{
	char *units = memory_new(size, BLOCK_BYTES);

	for (size_t i = 0; i < size / BLOCK; i++) {
		blocks_used++;
		blocks[blocks_used] = (struct block){.end = (uintptr_t)units + (i + 1) * BLOCK};
		block_at[(size_t)(units - heap) / BLOCK + i] = (uint16_t)blocks_used;
	}
	units_from = (uintptr_t)units;
	units_to = units_from + size / (sizeof(struct semaphore_unit) + COLD_BYTES) * sizeof(struct semaphore_unit);
	return units;
}

static bool is_in_units(uintptr_t address, size_t offset)
{
	return address >= units_from && address < units_to && address % sizeof(struct semaphore_unit) / 8 * 8 == offset;
}

bool memory_is_word(const void *address)
{
	return is_in_units((uintptr_t)address, offsetof(struct semaphore_unit, sem));
}

void memory_again(void *word)
{
	struct block *block = &blocks[block_at[((uintptr_t)word - (uintptr_t)heap) / BLOCK]];

	*block = (struct block){.end = block->end};
}

/* The block of an access, which must be there. */
static struct block *check_block(uintptr_t address, size_t size, const char *what)
{
	size_t at = address - (uintptr_t)heap;
	struct block *block = &blocks[block_at[at / BLOCK]];

	if (is_in_units(address, offsetof(struct semaphore_unit, tag)))
		return block;

	if (block == &blocks[0])
		fail("%s outside every block", what);
	if (address + size > block->end)
		fail("%s beyond the end of a block", what);
	if (block->ended)
		fail("use after free: %s of %s", what, name_of(address));
	block->used[current_thread()] = known[current_thread()].clock[current_thread()];
	return block;
}

void memory_end(void *address)
{
	struct block *block = check_block((uintptr_t)address, 1, "free");
	unsigned me = current_thread();

	for (unsigned thread = 0; thread < THREADS; thread++) {
		if (block->used[thread] > known[me].clock[thread])
			fail("free of %s, which is not ordered after thread %u's last use", name_of((uintptr_t)address),
			     thread);
	}
	trace("free %s", name_of((uintptr_t)address));
	block->ended = true;
}

void memory_plain(const void *address, size_t size, bool write)
{
	uintptr_t from = (uintptr_t)address;
	unsigned me = current_thread();
	uint32_t now = known[me].clock[me];

	if (!in_heap(from)) {
		return;
	}
	check_block(from, size, write ? "a plain write" : "a plain read");
	for (uintptr_t at = (from - (uintptr_t)heap) / GRAIN; at <= (from + size - 1 - (uintptr_t)heap) / GRAIN; at++) {
		struct grain *grain = &grains[at];

		if (grain->execution != execution) {
			memset(grain, 0, sizeof(*grain));
			grain->execution = execution;
		}
		if (grain->written > known[me].clock[grain->writer])
			fail("race: plain %s of %s, after a write by thread %u", write ? "write" : "read",
			     name_of(from), grain->writer);
		for (unsigned thread = 0; write && thread < THREADS; thread++) {
			if (grain->read[thread] > known[me].clock[thread])
				fail("race: plain write of %s, after a read by thread %u", name_of(from), thread);
		}
		if (write) {
			grain->writer = (uint8_t)me;
			grain->written = now;
		} else {
			grain->read[me] = now;
		}
	}
}

/* ---- Locations ---- */

void memory_of_slots(const void *from, size_t size)
{
	slots_from = (uintptr_t)from;
	slots_to = slots_from + size;
}

static uint64_t raw_read(uintptr_t address, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)address, size);
	return value;
}

static struct location *find(uintptr_t address)
{
	unsigned at = (unsigned)((address * UINT64_C(0x9E3779B97F4A7C15)) >> 50) % TABLE;

	for (; table[at].execution == execution; at = (at + 1) % TABLE) {
		if (locations[table[at].location].address == address)
			return &locations[table[at].location];
	}
	return NULL;
}

static struct store *new_store(struct location *location, uint64_t value, const struct view *with)
{
	struct store *store = &stores[stores_used++];

	if (stores_used == STORES)
		fail("too many stores");
	*store = (struct store){.value = value, .with = with, .before = location->last};
	store->number = location->last ? location->last->number + 1 : 0;
	location->last = store;
	return store;
}

static struct location *add(uintptr_t address, size_t size)
{
	unsigned at = (unsigned)((address * UINT64_C(0x9E3779B97F4A7C15)) >> 50) % TABLE;
	struct location *location = &locations[locations_used];

	if (locations_used == LOCATIONS)
		fail("too many locations");
	while (table[at].execution == execution)
		at = (at + 1) % TABLE;
	table[at].execution = execution;
	table[at].location = (uint16_t)locations_used++;
	*location = (struct location){address, size, NULL};
	new_store(location, raw_read(address, size), NULL);
	return location;
}

/* The location that an access is to, perhaps to a part of. */
static struct location *locate(const void *address, size_t size)
{
	uintptr_t at = (uintptr_t)address;
	struct location *location;

	if (in_heap(at))
		check_block(at, size, "an atomic access");
	/* Half a slot; the word's guard, and its place. */
	if ((at >= slots_from && at < slots_to) || (size == 1 && at % 8 == 7) || (size == 2 && at % 8 == 4)) {
		at -= at % 8;
		size = 8;
	}
	location = find(at);
	return location ? location : add(at, size);
}

static uint64_t mask_of(size_t size)
{
	return size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
}

/* The part of a store's value that an access is to. */
static uint64_t part(uint64_t value, const struct location *location, const void *address, size_t size)
{
	return value >> 8 * ((uintptr_t)address - location->address) & mask_of(size);
}

static uint64_t with_part(uint64_t value, const struct location *location, const void *address, size_t size,
			  uint64_t of)
{
	unsigned shift = 8 * (unsigned)((uintptr_t)address - location->address);

	return (value & ~(mask_of(size) << shift)) | (of & mask_of(size)) << shift;
}

/* ---- Accesses ---- */

static const char *const order_names[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};

static bool acquires(enum order order)
{
	return order == ACQUIRE || order == ACQ_REL || order == SEQ_CST;
}

/* Of the sequentially consistent operations of a location, none sees less than the last one did. */
static void seen_in_order(const struct location *location, unsigned number_of_store, enum order order)
{
	uint16_t *oldest = &common.oldest[location - locations];

	if (order == SEQ_CST && *oldest < number_of_store)
		*oldest = (uint16_t)number_of_store;
}

static void read_store(struct location *location, const struct store *store, enum order order)
{
	unsigned me = current_thread(), number = (unsigned)(location - locations);

	seen_in_order(location, store->number, order);
	if (known[me].oldest[number] < store->number)
		known[me].oldest[number] = store->number;
	if (store->with)
		memory_join(acquires(order) ? &known[me] : &pending[me], store->with);
}

/* One of the stores that the thread may read, but `differs` (if not NULL) only those older ones with another value. */
static struct store *choose_store(struct location *location, const void *address, size_t size, enum order order,
				  const uint64_t *differs)
{
	unsigned number = (unsigned)(location - locations);
	uint16_t oldest = known[current_thread()].oldest[number];
	struct store *readable[16], *store = location->last;
	unsigned n = 0;

	if (order == SEQ_CST && oldest < common.oldest[number])
		oldest = common.oldest[number];
	readable[n++] = store;
	for (store = store->before; store && store->number >= oldest && n < 16; store = store->before) {
		if (!differs || part(store->value, location, address, size) != *differs)
			readable[n++] = store;
	}
	if (n == 1 || !may(STALE_READS))
		return readable[0];
	oldest = (uint16_t)choose(n, "which store is read");
	if (oldest > 0)
		spend(STALE_READS);
	return readable[oldest];
}

static const char *age(const struct location *location, const struct store *store)
{
	return store == location->last ? "" : " (an older store)";
}

uint64_t memory_load(const void *address, size_t size, enum order order, const char *function)
{
	point();
	return memory_load_now(address, size, order, NULL, NULL, function);
}

uint64_t memory_load_now(const void *address, size_t size, enum order order, const struct view *before,
			 struct view *with, const char *function)
{
	unsigned me = current_thread();
	struct location *location;
	struct store *store;
	struct view saved;
	uint64_t value;

	if (alone())
		return raw_read((uintptr_t)address, size);
	memory_tick();
	if (before) {
		copy_view(&saved, &known[me]);
		memory_join(&known[me], before);
	}
	location = locate(address, size);
	store = choose_store(location, address, size, order, NULL);
	if (before)
		copy_view(&known[me], &saved);
	read_store(location, store, order);
	if (with && store->with)
		memory_join(with, store->with);
	value = part(store->value, location, address, size);
	trace("%s: load %s %s: %#zx%s", function, order_names[order], name_of((uintptr_t)address), (size_t)value,
	      age(location, store));
	return value;
}

/* What a store carries. */
static const struct view *carried(enum order order)
{
	unsigned me = current_thread();

	if (order == RELEASE || order == ACQ_REL || order == SEQ_CST)
		return new_view(&known[me]);
	return fence_of[me] ? new_view(fence_of[me]) : NULL;
}

static void put_last(struct location *location, uint64_t value, const struct view *with, enum order order)
{
	struct store *store = new_store(location, value, with);

	seen_in_order(location, store->number, order);
	known[current_thread()].oldest[location - locations] = store->number;
}

void memory_store(void *address, size_t size, uint64_t value, enum order order, const char *function)
{
	point();
	memory_store_now(address, size, value, order, function);
}

void memory_store_now(void *address, size_t size, uint64_t value, enum order order, const char *function)
{
	struct location *location;
	struct store *store;
	unsigned me = current_thread();

	if (alone()) {
		write_down(address, size);
		memcpy((void *)address, &value, size);
		return;
	}
	memory_tick();
	location = locate(address, size);
	store = location->last;
	known[me].oldest[location - locations] = (uint16_t)(store->number + 1); /* what it carries includes itself */
	put_last(location, with_part(store->value, location, address, size, value), carried(order), order);
	trace("%s: store %s %s: %#zx", function, order_names[order], name_of((uintptr_t)address),
	      (size_t)(value & mask_of(size)));
}

/* The second half of a read-modify-write, which has read the last store. */
static void replace(struct location *location, uint64_t value, enum order order)
{
	unsigned me = current_thread();
	const struct view *before = location->last->with, *own;
	struct view *both;

	known[me].oldest[location - locations] = (uint16_t)(location->last->number + 1);
	own = carried(order);
	if (own && before) {
		both = new_view(own);
		memory_join(both, before);
		own = both;
	}
	put_last(location, value, own ? own : before, order);
}

bool memory_cas(void *address, size_t size, void *expected, uint64_t value, enum order success, enum order failure,
		const char *function)
{
	point();
	return memory_cas_now(address, size, expected, value, success, failure, function);
}

bool memory_cas_now(void *address, size_t size, void *expected, uint64_t value, enum order success, enum order failure,
		    const char *function)
{
	uint64_t wanted = raw_read((uintptr_t)expected, size), found;
	struct location *location;
	struct store *store;

	if (alone()) {
		found = raw_read((uintptr_t)address, size);
		if (found != wanted) {
			memcpy(expected, &found, size);
			return false;
		}
		write_down(address, size);
		memcpy((void *)address, &value, size);
		return true;
	}
	memory_tick();
	location = locate(address, size);
	store = choose_store(location, address, size, failure, &wanted);
	found = part(store->value, location, address, size);
	if (found != wanted || (may(REFUSALS) && choose(2, "a compare-and-swap fails"))) {
		if (found == wanted)
			spend(REFUSALS);
		read_store(location, store, failure);
		memcpy(expected, &found, size);
		trace("%s: cas %s %s: is %#zx, not %#zx%s", function, order_names[success], name_of((uintptr_t)address),
		      (size_t)found, (size_t)wanted, age(location, store));
		return false;
	}
	read_store(location, store, success);
	replace(location, with_part(store->value, location, address, size, value), success);
	trace("%s: cas %s %s: %#zx -> %#zx", function, order_names[success], name_of((uintptr_t)address), (size_t)found,
	      (size_t)(value & mask_of(size)));
	return true;
}

/* Both halves are as they are now, whatever a thread last saw. */
bool memory_cas_pair(uint64_t *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high,
		     const char *function)
{
	const uint64_t wanted[2] = {low, high}, next[2] = {next_low, next_high};
	struct location *halves[2];
	bool same = true;

	if (alone()) {
		if (pair[0] != low || pair[1] != high)
			return false;
		write_down(pair, 2 * sizeof(*pair));
		memcpy(pair, next, sizeof(next));
		return true;
	}
	point();
	memory_tick();
	for (int i = 0; i < 2; i++) {
		halves[i] = locate(&pair[i], sizeof(*pair));
		same &= part(halves[i]->last->value, halves[i], &pair[i], sizeof(*pair)) == wanted[i];
	}
	for (int i = 0; i < 2; i++)
		read_store(halves[i], halves[i]->last, ACQ_REL);
	for (int i = 0; i < 2 && same; i++)
		replace(halves[i], with_part(halves[i]->last->value, halves[i], &pair[i], sizeof(*pair), next[i]),
			ACQ_REL);
	trace("%s: cas of both halves of %s: %s", function, name_of((uintptr_t)pair), same ? "done" : "they differ");
	return same;
}

/* Adds, and then sets these bits. */
static uint64_t change(void *address, size_t size, uint64_t add, uint64_t set, enum order order, const char *function)
{
	struct location *location;
	uint64_t found, next;

	if (alone()) {
		found = raw_read((uintptr_t)address, size);
		next = (found + add) | set;
		write_down(address, size);
		memcpy((void *)address, &next, size);
		return found;
	}
	point();
	memory_tick();
	location = locate(address, size);
	found = part(location->last->value, location, address, size);
	read_store(location, location->last, order);
	next = (found + add) | set;
	replace(location, with_part(location->last->value, location, address, size, next), order);
	trace("%s: change %s %s: %#zx -> %#zx", function, order_names[order], name_of((uintptr_t)address),
	      (size_t)found, (size_t)(next & mask_of(size)));
	return found;
}

uint64_t memory_add(void *address, size_t size, uint64_t value, enum order order, const char *function)
{
	return change(address, size, value, 0, order, function);
}

uint64_t memory_or(void *address, size_t size, uint64_t bits, enum order order, const char *function)
{
	return change(address, size, 0, bits, order, function);
}

void memory_fence(const char *function)
{
	if (alone())
		return;
	point();
	memory_tick();
	memory_full_barrier(current_thread());
	trace("%s: fence", function);
}

uint64_t memory_latest(const void *address, size_t size)
{
	struct location *location;

	if (alone())
		return raw_read((uintptr_t)address, size);
	location = locate(address, size);
	read_store(location, location->last, RELAXED);
	return part(location->last->value, location, address, size);
}

/*
 * ---- What the compiler calls at each plain access of code that is compiled with -fsanitize=thread ----
 */

static void plain_write(void *address, size_t size)
{
	if (alone() && !in_heap((uintptr_t)address))
		write_down(address, size);
	memory_plain(address, size, true);
}

#define PLAIN(size)                                       \
	void __tsan_read##size(void *address);            \
	void __tsan_write##size(void *address);           \
	void __tsan_unaligned_read##size(void *address);  \
	void __tsan_unaligned_write##size(void *address); \
	void __tsan_read##size(void *address)             \
	{                                                 \
		memory_plain(address, size, false);       \
	}                                                 \
	void __tsan_write##size(void *address)            \
	{                                                 \
		plain_write(address, size);               \
	}                                                 \
	void __tsan_unaligned_read##size(void *address)   \
	{                                                 \
		memory_plain(address, size, false);       \
	}                                                 \
	void __tsan_unaligned_write##size(void *address)  \
	{                                                 \
		plain_write(address, size);               \
	}

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_read_range(void *address, size_t size);
void __tsan_write_range(void *address, size_t size);
void __tsan_acquire(void *address);
void __tsan_release(void *address);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *address, size_t size)
{
	memory_plain(address, size, false);
}

void __tsan_write_range(void *address, size_t size)
{
	plain_write(address, size);
}

/* Hints for ThreadSanitizer itself: here, edges are those that there are. */
void __tsan_acquire(void *address)
{
	(void)address;
}

void __tsan_release(void *address)
{
	(void)address;
}
