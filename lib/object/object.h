/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct ksem: a semaphore with what surrounds it, in one cache line.
 *
 * Its life: object_new; published in a namespace's slots, a process's id table, perhaps under a name; taken out of them
 * as it loses its last reference, name, pin and waiter; retired; freed after an epoch. A reader that found it in a
 * table may use `sem`, `id` and `life` until it leaves its read section, whatever happens to it meanwhile.
 */
#ifndef KSEM_OBJECT_OBJECT_H
#define KSEM_OBJECT_OBJECT_H

#include <sys/types.h>

#include "base/compiler.h"
#include "base/memory.h"
#include "ksem/ksem.h"
#include "object/life.h"
#include "object/reclaim.h"
#include "sem/semaphore.h"
#include "word/plain.h"

struct name;

struct ksem {
	union {
		struct retired retired; /* under the namespace's lock, from the semaphore's end on */
		struct name *name;      /* under the namespace's lock, until then; NULL: anonymous, or unlinked */
	};
	struct semaphore sem; /* atomic */
	atomic(life_t) life;  /* atomic */
	ksem_id_t id;         /* constant after creation, as are ns and owner */
	struct ksem_ns *ns;
	struct ksem_cred owner;
};

_Static_assert(sizeof(struct ksem) <= KSEM_CACHE_LINE, "a semaphore is one cache line");
_Static_assert(offsetof(struct ksem, retired) == 0, "reclaim_free frees from the first member on");

/* Mode and kind stand in the bytes that the semaphore leaves; constant after creation. */
static inline mode_t object_mode(const struct ksem *ksem)
{
	return ksem->sem.owners;
}

#define OBJECT_NAMED     1 /* made by open, not by init */
#define OBJECT_ELSEWHERE 2 /* its permits and waiters are in a semaphore elsewhere (struct object_elsewhere) */

static inline bool object_is_named(const struct ksem *ksem)
{
	return ksem->sem.owners_byte & OBJECT_NAMED;
}

static inline bool object_is_elsewhere(const struct ksem *ksem)
{
	return ksem->sem.owners_byte & OBJECT_ELSEWHERE;
}

/* Which waiter gets a permit (enum object_order, kind.h): there is one order yet. */
static inline unsigned object_order(const struct ksem *ksem)
{
	(void)ksem;
	return 0;
}

/*
 * An object whose semaphore is elsewhere: in memory that OS processes share. Its own word is dead from the start, so
 * that a sequence of <ksem/inline.h>, which knows only that word, is refused.
 */
struct object_elsewhere {
	struct ksem ksem;
	struct plain *sem; /* constant, but in a fork's child */
};

/* That semaphore. */
static inline struct plain *object_elsewhere(struct ksem *ksem)
{
	return ((struct object_elsewhere *)ksem)->sem;
}

/* The common case of a take by the word, wherever that is. False: nothing was done. */
static inline bool object_take_one(struct ksem *ksem)
{
	return unlikely(object_is_elsewhere(ksem)) ? plain_take_one(object_elsewhere(ksem)) :
						     semaphore_take_one(&ksem->sem);
}

/* Where a thread spins that waits for it, wherever that is. */
static inline void object_spin_at(struct ksem *ksem, struct spin *spin)
{
	bool elsewhere = object_is_elsewhere(ksem);

	spin->word = elsewhere ? &object_elsewhere(ksem)->word : &ksem->sem.word;
	spin->hint = elsewhere ? &object_elsewhere(ksem)->spin : &ksem->sem.spin;
}

/* All but id and name, of one with one reference that nobody sees yet. */
static inline void object_init(struct ksem *ksem, struct ksem_ns *ns, const struct ksem_cred *owner, unsigned kind,
			       mode_t mode, uint32_t value)
{
	semaphore_init(&ksem->sem, value);
	store_rlx(&ksem->life, life_refs(1)); /* relaxed: nobody sees it until it is published */
	ksem->ns = ns;
	ksem->owner = *owner;
	ksem->sem.owners = mode;
	ksem->sem.owners_byte = (uint8_t)kind;
}

/*
 * A semaphore that nobody sees yet, with one reference; id, name and the name's keep are the caller's to set. NULL: no
 * memory.
 */
static inline struct ksem *object_new(struct ksem_ns *ns, const struct ksem_cred *owner, bool named, mode_t mode,
				      uint32_t value)
{
	struct ksem *ksem = memory_alloc(sizeof(*ksem), KSEM_CACHE_LINE);

	if (!ksem)
		return NULL;
	object_init(ksem, ns, owner, named ? OBJECT_NAMED : 0, mode, value);
	return ksem;
}

/* A keep for who found the semaphore in a read section. EINVAL: it is being ended. */
static inline int object_pin(struct ksem *ksem, struct ksem **pinned)
{
	int error = life_take(&ksem->life, life_keep());

	if (!error)
		*pinned = ksem;
	return error;
}

#endif
