/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The id table of a process: which semaphores it holds references to, and how many to each.
 *
 * A look-up is wait-free and touches one cache line of the table, then the semaphore's own: an entry is a pointer, and
 * the semaphore knows its id. `home` is addressed by the id's low bits, which the namespace keeps dense
 * (private/numbers.h), so nearly every entry stands in its home. One that finds its home taken goes to `spill`, which
 * is addressed by a hash, probed in order, and at most half full; where it is empty a look-up doesn't go there.
 *
 * A post or take as it is most often is a look-up and the change of a slot, or of the word, in one restartable sequence
 * (ids_put, ids_take; percpu/sequence.h), which is its own read section.
 *
 * Changes are made under the process's lock. Other readers need an RCU read section around the look-up and the use of
 * what it found. A table that is too small, too large or too scattered is replaced whole (KSEM_ORD_2 publishes tables
 * and entries); the old one is retired to the caller's list. A reader on an old table may find a reference that was
 * dropped since it began, which is as if it had come before the drop.
 */
#ifndef KSEM_OBJECT_IDS_H
#define KSEM_OBJECT_IDS_H

#include "base/atomic.h"
#include "object/object.h"
#include "percpu/sequence.h"

typedef struct ksem *ids_entry; /* &ids_absent: none; in spill NULL where there was none ever */

extern struct ksem ids_absent; /* constant; its id is 0, and it is dead */

struct ids_table {
	struct retired retired;
	size_t mask;              /* constant, as are spill_mask and the pointers: slots of home - 1 */
	size_t spill_mask;        /* slots of spill - 1 */
	atomic(ids_entry) *spill; /* RCU-published entries, as those of home */
	uint32_t *refs;           /* under the process's lock: references an entry, home's and then spill's */
	atomic(size_t) spilled;   /* slots of spill that aren't free; changed under the lock */
	size_t bytes;             /* constant: of the whole allocation */
	atomic(ids_entry) home[];
};

struct ids {
	atomic(struct ids_table *) table;       /* RCU-published */
	_Alignas(KSEM_CACHE_LINE) size_t count; /* under the process's lock: entries; apart from what readers read */
};

#define IDS_FIND_INPUTS(ids, wanted)                                                                          \
	RSEQ_INPUTS, [word_at] "i"(offsetof(struct ksem, sem.word)),                                          \
		KSEM_INLINE_FIND_INPUTS((ids)->table, offsetof(struct ids_table, mask),                       \
					offsetof(struct ids_table, home), wanted, offsetof(struct ksem, id)), \
		SEQUENCE_INPUTS(WORD_USUAL, PERCPU_SAMPLE_PERIOD, offsetof(struct ksem, sem.owners_byte),     \
				OBJECT_ELSEWHERE, offsetof(struct object_elsewhere, sem),                     \
				offsetof(struct plain, word))

void ids_init(struct ids *ids);

/* The miss path of ids_find. */
struct ksem *ids_find_spilled(const struct ids_table *table, ksem_id_t id);

/* The semaphore of that id, or NULL. In a read section, or under the lock. */
static inline struct ksem *ids_find(const struct ids *ids, ksem_id_t id)
{
	const struct ids_table *table = load_acq(&ids->table);        /* KSEM_ORD_2 acquire */
	struct ksem *ksem = load_acq(&table->home[id & table->mask]); /* KSEM_ORD_2 acquire */

	if (likely(ksem->id == id && id != 0))
		return ksem;
	return ids_find_spilled(table, id);
}

/*
 * One permit into, or out of, the semaphore of that id: by this processor's slot, or by the word, which may be
 * elsewhere (object.h). False: look it up, and do it otherwise.
 */
static ALWAYS_INLINE bool ids_put(const struct ids *ids, ksem_id_t id)
{
#if KSEM_INLINE_WORKS
	__asm__ goto(SEQUENCE(KSEM_INLINE_FIND, KSEM_INLINE_FOUND, KSEM_INLINE_PUT, SEQUENCE_WORD_PUT, "",
			      SEQUENCE_PLAIN_PUT)
		     :
		     : IDS_FIND_INPUTS(ids, id)
		     : KSEM_INLINE_CLOBBERS
		     : refused, done);
done:
	return true;
refused:
#endif
	(void)ids, (void)id;
	return false;
}

static ALWAYS_INLINE bool ids_take(const struct ids *ids, ksem_id_t id)
{
#if KSEM_INLINE_WORKS
	__asm__ goto(SEQUENCE(KSEM_INLINE_FIND, KSEM_INLINE_FOUND, KSEM_INLINE_TAKE, SEQUENCE_WORD_TAKE,
			      SEQUENCE_COUNT_TAKE, SEQUENCE_PLAIN_TAKE)
		     :
		     : IDS_FIND_INPUTS(ids, id)
		     : KSEM_INLINE_CLOBBERS
		     : refused, done);
done:
	return true;
refused:
#endif
	(void)ids, (void)id;
	return false;
}

/* Makes sure that the next insertion finds room. 0 or ENOMEM. A table that it replaced goes to *old. */
int ids_reserve(struct ids *ids, struct reclaim *old);

/*
 * Adds a reference that the caller took: to a semaphore that is in the table, or as a new entry that was reserved for.
 */
void ids_add(struct ids *ids, struct ksem *ksem);

/* Takes one reference of a semaphore out. What becomes of the reference is the caller's business. */
void ids_remove(struct ids *ids, struct ksem *ksem, struct reclaim *old);

/* Makes an empty table a copy of another, taking references for it. 0 or ENOMEM. Under the other's lock. */
int ids_copy(struct ids *to, const struct ids *from);

/*
 * Empties the table and gives what was in it to the caller, who visits it with ids_next and retires it with ids_retire.
 */
struct ids_table *ids_take_all(struct ids *ids);

/*
 * The semaphore of the first entry from *cursor on, which moves past it, and its references; NULL: none. Begin with 0.
 */
struct ksem *ids_next(const struct ids_table *table, size_t *cursor, uint32_t *refs);

void ids_retire(struct ids_table *table, struct reclaim *list);

#endif
