/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue's sources: one for each semaphore that it has waits on, with the ready list in that semaphore's line
 * (line/line.h). Marks say which sources may have something on that list.
 *
 * A thread that has the queue's lock needs no mark: it puts the source on the queue's list of active ones (active.h).
 *
 * A thread that decides a wait marks its source, by one atomic operation each for the source and for the group that it
 * is in. So a thread that is stopped in between hides nothing that others mark. The reader takes all marks of a span,
 * and then those of its groups, and looks at the ready lists.
 *
 * What protects its data: the queue's lock, but for the marks. Sources aren't freed before the queue ends, and then
 * only after an epoch: a thread in a read section may still mark one that is used for another semaphore by now. The
 * reader then finds nothing there.
 */
#ifndef KSEM_QUEUE_SOURCES_H
#define KSEM_QUEUE_SOURCES_H

#include "base/atomic.h"
#include "line/line.h"
#include "object/object.h"
#include "queue/heap.h"
#include "queue/table.h"

struct ksem_cq;
struct direct_ops;
struct wait;
struct group;

/* Of a source whose semaphore has no line (queue/direct.h). */
struct direct {
	const struct direct_ops *ops; /* NULL: it has a line, or isn't open */
	struct wait *first, **last;   /* the waits that pend, the oldest first; where the next one goes */
	uint32_t least;               /* none of them wants fewer permits */
	uint32_t counted;             /* where they are counted */
	uint32_t expected;            /* if armed: the listener sleeps there while the value is this */
	bool armed;                   /* the listener sleeps on the semaphore's word, or is about to */
	bool emptied;                 /* since it was armed, the last wait ended; others may have come after that */
};

struct source {
	struct link link;   /* in the table by id */
	struct ksem_cq *cq; /* constant, as is group */
	struct group *group;
	struct ksem *ksem;      /* pinned; NULL: the source is free */
	struct line_view *view; /* NULL: not open, or it has no line: then direct.ops isn't NULL */
	uint32_t head;          /* of its ready list */
	uint32_t round;         /* of the head (line_ready_round), while the list is the queue's */
	uint32_t strange;       /* entries of that list that weren't its waits', since it was opened */
	uint32_t place;         /* in the listener's list of sources (listener.h), from 1; 0: it isn't there */
	uint64_t ready_seen;    /* what line_ready_futex returned when there last was news; 0: there was none */
	uint32_t pending;       /* its waits that aren't reaped */
	uint32_t in_line;       /* of these, those that are in line, or on the ready list there */
	uint32_t dues;          /* of those in line, the ones with a deadline */
	struct wait *done;      /* completions that are off the ready list, or never were on it, the oldest first */
	struct wait *last_done;
	struct source *next; /* on the list of active ones, or of free ones */
	bool active;
	struct timed look; /* when to call line_settle (line/line.h) */
	struct direct direct;
};

#define GROUP_SOURCES 64
#define SPAN_GROUPS   64

struct group {
	atomic(uint64_t) marks; /* atomic: a bit for each source */
	struct span *span;      /* constant, as is bit */
	uint64_t bit;           /* in the span's marks */
	struct source sources[GROUP_SOURCES];
};

struct span {
	atomic(uint64_t) marks; /* atomic: a bit for each group */
	struct span *next;
	size_t count;
	struct group *groups[SPAN_GROUPS];
};

/* All zero: empty. */
struct sources {
	struct table by_id;
	struct span *spans;
	struct source *free;
};

/* The source of that semaphore; NULL: there is none. */
struct source *sources_find(struct sources *sources, const struct ksem *ksem);
struct source *sources_find_id(struct sources *sources, ksem_id_t id);

/* Makes sure that one can be added. False: no memory. */
bool sources_reserve(struct sources *sources, struct ksem_cq *cq);

/* A new one for that semaphore, after sources_reserve. Cannot fail. */
struct source *sources_add(struct sources *sources, struct ksem *ksem);

/* From now on it is free. */
void sources_remove(struct sources *sources, struct source *source);

/* Marks a source. From any thread in a read section, and from signal handlers. */
void sources_mark(struct source *source);

/* Is any marked? */
bool sources_are_marked(const struct sources *sources);

/* Takes all marks, and calls `visit` for each source that was marked. */
void sources_take_marks(struct sources *sources, void (*visit)(struct source *source));

/*
 * Of a source in a line: is the ready list still its own? Others may have taken this process for dead, or written
 * nonsense: then more of its entries are strange than there are waits in line.
 */
bool source_has_list(const struct source *source);

/* Frees all memory. */
void sources_end(struct sources *sources);

#endif
