/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Retired lists: see reclaim.h.
 */
#include "object/reclaim.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "base/rcu.h"
#include "object/object.h"
#include "os/membarrier.h"

void reclaim_wait_epoch(void)
{
	bool by_hand = membarrier_is_refused() && rcu_forgo_membarrier();

	if (unlikely(by_hand))
		membarrier_visit_processors();
	rcu_wait_epoch();
	if (unlikely(by_hand))
		membarrier_visit_processors();
	if (slots_started())
		membarrier_restart_sequences();
}

void reclaim_add(struct reclaim *list, struct retired *retired, size_t bytes)
{
	retired->next = list->head;
	list->head = retired;
	list->blocks++;
	list->bytes += bytes;
}

void reclaim_add_ended(struct reclaim *list, struct ksem *ksem, size_t bytes)
{
	object_cold(ksem)->next_retired = list->ended;
	list->ended = ksem;
	list->blocks++;
	list->bytes += sizeof(struct semaphore_unit) + COLD_BYTES + bytes;
}

static void push_mapping(struct reclaim *list, struct mapping *mapping)
{
	mapping->next = list->mappings;
	list->mappings = mapping;
}

void reclaim_join(struct reclaim *list, struct reclaim *from)
{
	struct retired **end = &from->head;

	while (*end)
		end = &(*end)->next;
	*end = list->head;
	list->head = from->head;
	while (from->slots) {
		slots_t slots = from->slots;

		from->slots = slots_next(slots);
		reclaim_add_slots(list, slots);
	}
	while (from->mappings) {
		struct mapping *mapping = from->mappings;

		from->mappings = mapping->next;
		push_mapping(list, mapping);
	}
	while (from->ended) {
		struct ksem *ksem = from->ended;

		from->ended = object_cold(ksem)->next_retired;
		object_cold(ksem)->next_retired = list->ended;
		list->ended = ksem;
	}
	list->blocks += from->blocks;
	list->bytes += from->bytes;
	*from = RECLAIM_NONE;
}

void reclaim_add_mapping(struct reclaim *list, struct mapping *mapping, void *start, size_t bytes)
{
	*mapping = (struct mapping){.start = start, .bytes = bytes};
	push_mapping(list, mapping);
	list->bytes += bytes;
}

void reclaim_add_slots(struct reclaim *list, slots_t slots)
{
	slots_set_next(slots, list->slots);
	list->slots = slots;
}

bool reclaim_is_full(const struct reclaim *list)
{
	return list->blocks >= RECLAIM_BLOCKS || list->bytes >= RECLAIM_BYTES;
}

struct reclaim reclaim_take(struct reclaim *list)
{
	struct reclaim batch = *list;

	*list = RECLAIM_NONE;
	return batch;
}

static void give_slots(slots_t slots)
{
	while (slots) {
		slots_t next = slots_next(slots);

		slots_give(slots);
		slots = next;
	}
}

static void unmap(const struct mapping *mapping)
{
	int saved = errno;

	for (; mapping; mapping = mapping->next)
		munmap(mapping->start, mapping->bytes);
	errno = saved;
}

static void give_back(struct ksem *ended)
{
	while (ended) {
		struct ksem *next = object_cold(ended)->next_retired;

		object_home(ended)->give_back(ended);
		ended = next;
	}
}

void reclaim_free(struct reclaim batch)
{
	slots_t lost;

	if (!batch.head && !batch.slots && !batch.mappings && !batch.ended && likely(!slots_many_lost()))
		return;
	lost = slots_take_lost();
	reclaim_wait_epoch();
	give_slots(lost);
	give_slots(batch.slots);
	unmap(batch.mappings);
	give_back(batch.ended);
	while (batch.head) {
		struct retired *retired = batch.head;

		batch.head = retired->next;
		memory_free(retired);
	}
}

void reclaim_when_full(struct reclaim *list)
{
	if (reclaim_is_full(list))
		reclaim_free(reclaim_take(list));
}
