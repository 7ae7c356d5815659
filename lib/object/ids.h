/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The semaphores that a process has references to, and how it finds them by id.
 *
 * Most look-ups need no table. The low bits of an id are the semaphore's number in its namespace, which says where the
 * semaphore is (private/numbers.h). Beside its word is a tag, which says who finds it there. Each process has a number
 * of its own from the same namespace, and its holder offset is minus that number's offset in the range (`holder`). The
 * tag of a semaphore is
 *
 *   its id + holder    while only the process that made it has references. Set before the semaphore is published
 *   its id             once another process has references, too, or the maker dropped its last one. This stays so
 *
 * A process computes from an id where the semaphore is, and compares the tag there with the id plus its own holder
 * offset. Equal: it has a reference. Otherwise it looks in its table.
 *
 * For example, where 25 bits of an id are for the number, a process has the number 5, which is at offset 0x50. It makes
 * a semaphore, which gets the number 10, at offset 0xA0. This is the first use of that number, so the id is 0x20000A0,
 * and the tag 0x20000A0 - 0x50 = 0x2000050. A process with the number 15, at offset 0xF0, expects 0x1FFFFB0 there.
 *
 * Why no process mistakes a semaphore: suppose that a process looks for the id x, and finds the tag y + h there, with
 * the holder offset h of some process. x leads to this semaphore, so x and its id y have the same number bits. If x
 * plus its own offset is y + h, the two offsets have the same number bits, too. Two processes have different numbers,
 * so it is the same process, and x is y. A tag that is an id alone, or 0 where no semaphore ever was, misleads no
 * process either: no holder offset has number bits of 0, and at a process's own number there is a tag.
 *
 * The table has an entry for each semaphore that the process has references to. A look-up there is wait-free, too. It
 * reads two cache lines of the table, the head and the entry. Then a sequence reads the semaphore's tag, and other
 * look-ups its id, which is in the cold part. The low bits of an id say which entry is its home. The namespace keeps
 * these bits dense, so nearly every entry is at home. An entry that finds its home taken goes to `spill`, a hash table
 * with linear probing that is at most half full. If it is empty, no look-up goes there.
 *
 * A post or take is mostly one restartable sequence: it looks the id up, and changes a slot or the word (ids_put,
 * ids_take). The sequence is its own read section.
 *
 * Changes are made under the process's lock. Other readers need an RCU read section around the look-up and the use of
 * what it found. A table that is too small, too large or too scattered is replaced by a new one, and the old one goes
 * to the caller's list (KSEM_ORD_2 publishes tables and entries). A reader that found an old table, or an old tag, may
 * find a reference that was dropped after the reader began. That is as if it had come before the drop.
 */
#ifndef KSEM_OBJECT_IDS_H
#define KSEM_OBJECT_IDS_H

#include "base/atomic.h"
#include "object/object.h"

extern struct object_shared
	ids_nothing; /* constant; its id is 0, and it is dead, and so is the semaphore in shared memory */
#define ids_absent (&ids_nothing.ksem)

struct ids_entry {
	atomic(struct ksem *) ksem; /* RCU-published. ids_absent: none; in spill also NULL: there never was one */
	uint32_t refs;              /* under the process's lock: references */
	uint32_t unused;
};

struct ids_table {
	struct retired retired;
	size_t mask;             /* constant, as are spill_mask and spill: the bits of an id that say its home */
	size_t spill_mask;       /* entries of spill - 1 */
	struct ids_entry *spill; /* it follows home */
	atomic(size_t) spilled;  /* entries of spill that aren't free; changed under the lock */
	size_t bytes;            /* constant: of the whole allocation */
	_Alignas(KSEM_CACHE_LINE) struct ids_entry home[];
};

struct ids {
	char *base;                       /* constant, as are mask and holder: the word of the namespace's number 0 */
	uint64_t mask;                    /* the bits of an id that say how far from there its semaphore is */
	uint64_t holder;                  /* the holder offset; never 0 */
	atomic(struct ids_table *) table; /* RCU-published */
	char apart[24];                   /* keeps what changes out of the cache line that look-ups read */
	size_t count;                     /* under the process's lock: entries */
};

#define IDS_NUMBER_SHIFT 4 /* an id has the number above this bit: so its low bits are an offset in bytes */

/* A number of so many bits, turned left, so that its lowest bits are those that say the home of an id. */
static inline uint64_t ids_turned(uint64_t number, unsigned bits)
{
	return (number << IDS_NUMBER_SHIFT | number >> (bits - IDS_NUMBER_SHIFT)) & UINT64_MAX >> (64 - bits);
}

/*
 * A table has at least so many homes, and no process has a number that is a multiple of this. A sequence that finds an
 * entry in the home of an id compares only its tag with the id. That tag may be another id plus a holder offset. The
 * other id has the same low bits, since it has the same home. The offset changes them, so the tag isn't the id.
 */
#define IDS_HOMES_LEAST 8

/* Of a process that has no number: it finds everything by the table. */
void ids_init(struct ids *ids);

/* Of a process that has that number, in a namespace whose number 0 has its word at `base`. */
void ids_init_holder(struct ids *ids, char *base, uint64_t mask, uint64_t number);

/* The rest of ids_find_listed: the entry isn't at home. */
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

/* The same, by the tag if that suffices. The semaphore may be dead by then. In a read section. */
static inline struct ksem *ids_find(const struct ids *ids, ksem_id_t id)
{
	struct ksem *ksem = (struct ksem *)(void *)(ids->base + (id & ids->mask));

	if (likely(load_acq(object_tag(ksem)) == id + ids->holder && ids->mask != 0)) /* KSEM_ORD_2 acquire */
		return ksem;
	return ids_find_listed(ids, id);
}

/*
 * Put one permit into the semaphore of that id, or take one: in this processor's slot, or in the word. For a process of
 * a private namespace. False: nothing was done, and the caller must look the id up.
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

/* The same for a process of a shared namespace, whose semaphores are all shared (object.h). */
#define IDS_SHARED_INPUTS(ids, id)                                                               \
	RSEQ_INPUTS, [usual] "i"(KSEM_INLINE_USUAL), KSEM_INLINE_TABLE_INPUTS((ids)->table, id), \
		[shared_at] "i"(offsetof(struct object_shared, sem) - offsetof(struct object_shared, ksem))

static ALWAYS_INLINE bool ids_put_shared(const struct ids *ids, ksem_id_t id)
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

static ALWAYS_INLINE bool ids_take_shared(const struct ids *ids, ksem_id_t id)
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

/* Call it when this process drops its last reference, or another process gets one. From now on only tables find it. */
void ids_disown(struct ksem *ksem);

/* How many references there are to a semaphore that is in the table. Under the lock. */
uint32_t ids_refs(const struct ids *ids, const struct ksem *ksem);

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
