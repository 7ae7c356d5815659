/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The id table of a process: to which semaphores it has references, and how many.
 *
 * A look-up is wait-free. It touches one cache line of the table, then the semaphore's: an entry is a pointer, and the
 * semaphore knows its id. The low bits of the id are the index into `home`. The namespace makes ids whose low bits are
 * dense (private/numbers.h), so nearly every entry is in `home`. If its place there is taken, it goes to `spill`, a
 * hash table with linear probing that is at most half full. While `spill` is empty, look-ups don't read it.
 *
 * In the common case, a post or take is one restartable sequence that looks the id up and changes the slot or the word
 * (ids_put, ids_take; percpu/sequence.h). It needs no read section.
 *
 * Changes are made under the process's lock. Other look-ups need an RCU read section around the look-up and the use of
 * its result. A table that is too small, too large or too scattered is replaced as a whole, and the old one is put on
 * the caller's retired list. KSEM_ORD_2 publishes tables and entries. A reader of an old table may find a reference
 * that was dropped after the reader began; that is as if it had read before the drop.
 */
#ifndef KSEM_OBJECT_IDS_H
#define KSEM_OBJECT_IDS_H

#include "base/atomic.h"
#include "object/object.h"
#include "percpu/sequence.h"

typedef struct ksem *ids_entry; /* &ids_absent: none; in spill, NULL: there never was one */

extern struct ksem ids_absent; /* constant; its id is 0, and it is dead */

struct ids_table {
	struct retired retired;
	size_t mask;              /* constant, as are spill_mask and the pointers: places of home - 1 */
	size_t spill_mask;        /* places of spill - 1 */
	atomic(ids_entry) *spill; /* RCU-published entries, as those of home */
	uint32_t *refs;           /* under the process's lock: references of each entry, first home's, then spill's */
	atomic(size_t) spilled;   /* places of spill that aren't free; changed under the lock */
	size_t bytes;             /* constant: of the whole allocation */
	atomic(ids_entry) home[];
};

struct ids {
	atomic(struct ids_table *) table;       /* RCU-published */
	_Alignas(KSEM_CACHE_LINE) size_t count; /* under the process's lock: entries; not in the readers' cache line */
};

#define IDS_FIND_INPUTS(ids, wanted)                                                                          \
	RSEQ_INPUTS, [word_at] "i"(offsetof(struct ksem, sem.word)),                                          \
		KSEM_INLINE_FIND_INPUTS((ids)->table, offsetof(struct ids_table, mask),                       \
					offsetof(struct ids_table, home), wanted, offsetof(struct ksem, id)), \
		SEQUENCE_INPUTS(WORD_USUAL, PERCPU_SAMPLE_PERIOD, offsetof(struct ksem, sem.owners_byte),     \
				OBJECT_ELSEWHERE, offsetof(struct object_elsewhere, sem),                     \
				offsetof(struct plain, word))

void ids_init(struct ids *ids);

/* The rest of ids_find, if the semaphore isn't in its place in `home`. */
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
 * Posts, or takes, one permit of the semaphore with that id, in this processor's slot or in the word, which may be
 * elsewhere (object.h). False: nothing was done; look the id up, and use the slow path.
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

/* Makes room for one more entry. 0 or ENOMEM. If it replaces the table, the old one goes to *old. */
int ids_reserve(struct ids *ids, struct reclaim *old);

/* Enters a reference that the caller took: one more for an entry, or a new entry, for which ids_reserve made room. */
void ids_add(struct ids *ids, struct ksem *ksem);

/* Takes one reference to a semaphore out of the table. The caller drops it. */
void ids_remove(struct ids *ids, struct ksem *ksem, struct reclaim *old);

/* Copies another table into an empty one, and takes references for the copy. 0 or ENOMEM. Under the other's lock. */
int ids_copy(struct ids *to, const struct ids *from);

/*
 * Empties the table, and returns the old one. The caller visits its entries by ids_next, and retires it by ids_retire.
 */
struct ids_table *ids_take_all(struct ids *ids);

/*
 * Returns the semaphore of the next entry, and its references, and moves *cursor past it. NULL: no more. Begin with
 * *cursor 0.
 */
struct ksem *ids_next(const struct ids_table *table, size_t *cursor, uint32_t *refs);

void ids_retire(struct ids_table *table, struct reclaim *list);

#endif
