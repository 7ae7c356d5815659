/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process holds by id: which semaphores it has references to, and how many to each; and how it finds them.
 *
 * Most semaphores are found without a table. The low bits of an id are the semaphore's number in its namespace, which
 * says where it stands (private/numbers.h). What stands there has a tag. A process has a number too, from the same
 * numbers, and `holder` is that number's offset, taken from 0. The tag of a semaphore is
 *
 *   its id + holder    while one process holds it: the one that made it. Set before the semaphore is published
 *   its id             from when another process comes to hold it, too, or that one drops its last reference
 *
 * So the tag is what a process expects, by an id and its own holder, only where it holds the semaphore of this very
 * id: two processes' holders differ in the bits that tell places, so one that expects another's tag asked by an id
 * that leads to another place. A tag that is 0 belongs to nothing; who expects it asked for the place of its own
 * process's number, where no semaphore is. Wherever a tag isn't the one expected, the table decides.
 *
 * The table holds every reference. A look-up there is wait-free, too: one cache line of the table, then the semaphore.
 * An entry's `home` is addressed by the id's low bits, which the namespace keeps dense, so nearly every entry stands in
 * its home. One that finds its home taken goes to `spill`, which is addressed by a hash, probed in order, and at most
 * half full; where it is empty a look-up doesn't go there.
 *
 * A post or take as it is most often is a look-up and the change of a slot, or of the word, in one restartable sequence
 * (ids_put, ids_take), which is its own read section.
 *
 * Changes are made under the process's lock. Other readers need an RCU read section around the look-up and the use of
 * what it found. A table that is too small, too large or too scattered is replaced whole (KSEM_ORD_2 publishes tables
 * and entries); the old one is retired to the caller's list. A reader that found an old table, or an old tag, may
 * find a reference that was dropped since it began, which is as if it had come before the drop.
 */
#ifndef KSEM_OBJECT_IDS_H
#define KSEM_OBJECT_IDS_H

#include "base/atomic.h"
#include "object/object.h"

extern struct object_elsewhere ids_nothing; /* constant; its id is 0, and it is dead, here and elsewhere */
#define ids_absent (&ids_nothing.ksem)

struct ids_entry {
	atomic(struct ksem *) ksem; /* RCU-published. ids_absent: none; in spill NULL where there was none ever */
	uint32_t refs;              /* under the process's lock: references */
	uint32_t unused;
};

struct ids_table {
	struct retired retired;
	size_t mask;             /* constant, as are spill_mask and spill: what the places of home take of an id */
	size_t spill_mask;       /* entries of spill - 1 */
	struct ids_entry *spill; /* it follows home */
	atomic(size_t) spilled;  /* entries of spill that aren't free; changed under the lock */
	size_t bytes;            /* constant: of the whole allocation */
	_Alignas(KSEM_CACHE_LINE) struct ids_entry home[];
};

struct ids {
	char *base;                       /* constant, as are mask and holder: the word of the namespace's number 0 */
	uint64_t mask;                    /* what of an id tells how far from there it is */
	uint64_t holder;                  /* never 0 */
	atomic(struct ids_table *) table; /* RCU-published */
	char apart[24];                   /* what is read seldom, and changes, from what is read much */
	size_t count;                     /* under the process's lock: entries */
};

#define IDS_NUMBER_SHIFT 4 /* a number's place in an id: how far it is from number 0, in bytes */

/* A number of so many bits, its lowest ones where tables look for places, and its highest below that. */
static inline uint64_t ids_turned(uint64_t number, unsigned bits)
{
	return (number << IDS_NUMBER_SHIFT | number >> (bits - IDS_NUMBER_SHIFT)) & UINT64_MAX >> (64 - bits);
}

/*
 * Entries that a table's home has at least. In a sequence the tag alone says whether an entry of the table is of the
 * id. So that no other id leads to an entry whose tag is its own semaphore's id + holder, a process's number is no
 * multiple of this.
 */
#define IDS_HOMES_LEAST 8

/* Of a process that has no number: it finds everything by the table. */
void ids_init(struct ids *ids);

/* Of one that has that number, whose semaphores stand from `base` on. */
void ids_init_holder(struct ids *ids, char *base, uint64_t mask, uint64_t number);

/* The miss path of ids_find_listed. */
struct ksem *ids_find_spilled(const struct ids_table *table, ksem_id_t id);

static inline struct ids_entry *ids_home(const struct ids_table *table, ksem_id_t id)
{
	return (struct ids_entry *)(uintptr_t)((uintptr_t)table->home + (id & table->mask));
}

/* The semaphore of that id, by the table, or NULL. In a read section, or under the lock. */
static inline struct ksem *ids_find_listed(const struct ids *ids, ksem_id_t id)
{
	const struct ids_table *table = load_acq(&ids->table);    /* KSEM_ORD_2 acquire */
	struct ksem *ksem = load_acq(&ids_home(table, id)->ksem); /* KSEM_ORD_2 acquire */

	if (likely(object_id(ksem) == id && id != 0))
		return ksem;
	return ids_find_spilled(table, id);
}

/* The same, without the table where it isn't needed. It may be one that is dead and was none. In a read section. */
static inline struct ksem *ids_find(const struct ids *ids, ksem_id_t id)
{
	struct ksem *ksem = (struct ksem *)(void *)(ids->base + (id & ids->mask));

	if (likely(load_acq(object_tag(ksem)) == id + ids->holder && ids->mask != 0)) /* KSEM_ORD_2 acquire */
		return ksem;
	return ids_find_listed(ids, id);
}

/*
 * One permit into, or out of, the semaphore of that id: by this processor's slot, or by the word. False: look it up,
 * and do it otherwise. Of a private namespace's process.
 */
static ALWAYS_INLINE bool ids_put(const struct ids *ids, ksem_id_t id)
{
#if KSEM_INLINE_WORKS
	__asm__ goto(KSEM_INLINE_BY_ID_SEQUENCE(KSEM_INLINE_PUT, KSEM_INLINE_WORD_PUT, "")
		     :
		     : RSEQ_INPUTS,
		       KSEM_INLINE_BY_ID_INPUTS(ids->base, ids->mask, ids->holder, ids->table, id, rseq_takes)
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
	__asm__ goto(KSEM_INLINE_BY_ID_SEQUENCE(KSEM_INLINE_TAKE, KSEM_INLINE_WORD_TAKE_COUNTED, KSEM_INLINE_COUNT)
		     :
		     : RSEQ_INPUTS,
		       KSEM_INLINE_BY_ID_INPUTS(ids->base, ids->mask, ids->holder, ids->table, id, rseq_takes)
		     : KSEM_INLINE_CLOBBERS
		     : refused, done);
done:
	return true;
refused:
#endif
	(void)ids, (void)id;
	return false;
}

/* The same of a shared namespace's process, all of whose semaphores are elsewhere (object.h). */
#define IDS_SHARED_INPUTS(ids, id)                                                               \
	RSEQ_INPUTS, [usual] "i"(KSEM_INLINE_USUAL), KSEM_INLINE_TABLE_INPUTS((ids)->table, id), \
		[elsewhere_at] "i"(offsetof(struct object_elsewhere, sem) - offsetof(struct object_elsewhere, ksem))

static ALWAYS_INLINE bool ids_put_elsewhere(const struct ids *ids, ksem_id_t id)
{
#if KSEM_INLINE_WORKS
	__asm__ goto(KSEM_INLINE_SHARED_SEQUENCE(KSEM_INLINE_WORD_PUT)
		     :
		     : IDS_SHARED_INPUTS(ids, id)
		     : KSEM_INLINE_CLOBBERS
		     : refused);
	return true;
refused:
#endif
	(void)ids, (void)id;
	return false;
}

static ALWAYS_INLINE bool ids_take_elsewhere(const struct ids *ids, ksem_id_t id)
{
#if KSEM_INLINE_WORKS
	__asm__ goto(KSEM_INLINE_SHARED_SEQUENCE(KSEM_INLINE_WORD_TAKE)
		     :
		     : IDS_SHARED_INPUTS(ids, id)
		     : KSEM_INLINE_CLOBBERS
		     : refused);
	return true;
refused:
#endif
	(void)ids, (void)id;
	return false;
}

/* Makes sure that the next insertion finds room. 0 or ENOMEM. A table that it replaced goes to *old. */
int ids_reserve(struct ids *ids, struct reclaim *old);

/* Enters a reference that the caller took: one more for an entry, or a new entry, for which ids_reserve made room. */
void ids_add(struct ids *ids, struct ksem *ksem);

/* Before a semaphore is published that this process alone will hold: its id and its tag. */
void ids_own(const struct ids *ids, struct ksem *ksem, ksem_id_t id);

/* Of a semaphore that this process drops, or that others hold too, from now on: only the table has it. */
void ids_disown(struct ksem *ksem);

/* Takes one reference of a semaphore out. What becomes of the reference is the caller's business. */
void ids_remove(struct ids *ids, struct ksem *ksem, struct reclaim *old);

/* Copies another table into an empty one, and takes references for the copy. 0 or ENOMEM. Under the other's lock. */
int ids_copy(struct ids *to, const struct ids *from);

/*
 * Empties the table and gives what was in it to the caller, who visits it with ids_next, disowns each, and retires it
 * with ids_retire.
 */
struct ids_table *ids_take_all(struct ids *ids);

/*
 * Returns the semaphore of the next entry, and its references, and moves *cursor past it. NULL: no more. Begin with
 * *cursor 0.
 */
struct ksem *ids_next(const struct ids_table *table, size_t *cursor, uint32_t *refs);

void ids_retire(struct ids_table *table, struct reclaim *list);

#endif
