/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue's sources: see sources.h.
 */
#include "queue/sources.h"

#include "base/memory.h"
#include "base/rcu.h"

struct source *sources_find_id(struct sources *sources, ksem_id_t id)
{
	struct link *link = table_find(&sources->by_id, id);

	return link ? container_of(link, struct source, link) : NULL;
}

struct source *sources_find(struct sources *sources, const struct ksem *ksem)
{
	return sources_find_id(sources, object_id(ksem));
}

static bool add_span(struct sources *sources)
{
	struct span *span = memory_alloc(sizeof(*span), KSEM_CACHE_LINE);

	if (!span)
		return false;
	span->next = sources->spans;
	sources->spans = span;
	return true;
}

/* Makes more free sources. False: no memory. */
static bool add_group(struct sources *sources, struct ksem_cq *cq)
{
	struct group *group;
	struct span *span;

	if ((!sources->spans || sources->spans->count == SPAN_GROUPS) && !add_span(sources))
		return false;
	group = memory_alloc(sizeof(*group), KSEM_CACHE_LINE);
	if (!group)
		return false;
	span = sources->spans;
	group->span = span;
	group->bit = UINT64_C(1) << span->count;
	for (size_t i = GROUP_SOURCES; i-- > 0;) {
		struct source *source = &group->sources[i];

		source->cq = cq;
		source->group = group;
		source->next = sources->free;
		sources->free = source;
	}
	span->groups[span->count++] = group;
	return true;
}

bool sources_reserve(struct sources *sources, struct ksem_cq *cq)
{
	return table_reserve(&sources->by_id) && (sources->free || add_group(sources, cq));
}

struct source *sources_add(struct sources *sources, struct ksem *ksem)
{
	struct source *source = sources->free;

	sources->free = source->next;
	source->next = NULL;
	source->ksem = ksem;
	table_add(&sources->by_id, &source->link, object_id(ksem));
	return source;
}

void sources_remove(struct sources *sources, struct source *source)
{
	table_remove(&sources->by_id, &source->link);
	source->ksem = NULL;
	source->view = NULL;
	source->direct.ops = NULL;
	source->next = sources->free;
	sources->free = source;
}

/*
 * Each thread marks the source, though it may be marked already: so the reader that takes the mark sees what this
 * thread did before. If the group is marked already, its marks haven't been taken yet.
 */
void sources_mark(struct source *source)
{
	struct group *group = source->group;

	/* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
	fetch_or_seq(&group->marks, UINT64_C(1) << (source - group->sources));
	if (!(load_seq(&group->span->marks) & group->bit))     /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
		fetch_or_seq(&group->span->marks, group->bit); /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
}

bool sources_are_marked(const struct sources *sources)
{
	for (const struct span *span = sources->spans; span; span = span->next) {
		if (load_seq(&span->marks) != 0) /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
			return true;
	}
	return false;
}

static void take_marks_of(struct group *group, void (*visit)(struct source *source))
{
	uint64_t marks = exchange_seq(&group->marks, 0); /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */

	for (; marks; marks &= marks - 1)
		visit(&group->sources[__builtin_ctzll(marks)]);
}

void sources_take_marks(struct sources *sources, void (*visit)(struct source *source))
{
	for (struct span *span = sources->spans; span; span = span->next) {
		uint64_t marks = load_seq(&span->marks); /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */

		if (marks != 0)
			marks = exchange_seq(&span->marks, 0); /* KSEM_ORD_28 acquire, KSEM_ORD_28 release */
		for (; marks; marks &= marks - 1)
			take_marks_of(span->groups[__builtin_ctzll(marks)], visit);
	}
}

void sources_end(struct sources *sources)
{
	while (sources->spans) {
		struct span *span = sources->spans;

		sources->spans = span->next;
		while (span->count > 0)
			memory_free(span->groups[--span->count]);
		memory_free(span);
	}
	table_end(&sources->by_id);
	sources->free = NULL;
}

bool source_has_list(const struct source *source)
{
	bool has;

	if (source->view->scope == FUTEX_PRIVATE)
		return true;
	if (unlikely(source->strange > source->in_line))
		return false;
	rcu_enter();
	has = line_ready_round(source->view, source->head) == source->round;
	rcu_leave();
	return has;
}
