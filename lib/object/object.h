/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct ksem: a semaphore, and what surrounds it. Its hot part is 16 bytes, the word and the tag (word/state.h). The
 * tag says who finds it by id (ids.h). Its cold part is a struct object_cold, elsewhere in its block.
 *
 * Its life: a namespace takes a number for it, which says where it is in memory (private/numbers.h). object_init fills
 * it in. It is published by its tag, in a process's id table, and perhaps under a name. It is taken out of them when it
 * loses its last reference, name, pin and waiter. Then it is retired, and after an epoch the number is free again. A
 * reader that found it may use `sem`, `life` and `id` until it leaves its read section, whatever happens meanwhile.
 */
#ifndef KSEM_OBJECT_OBJECT_H
#define KSEM_OBJECT_OBJECT_H

#include <errno.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/memory.h"
#include "ksem/ksem.h"
#include "object/life.h"
#include "object/reclaim.h"
#include "sem/semaphore.h"
#include "word/plain.h"

struct name;
struct semaphore_ops;

struct ksem {
	struct semaphore sem; /* atomic */
};

struct object_cold {
	struct semaphore_cold sem;
	atomic(life_t) life; /* atomic */
	ksem_id_t id;        /* constant after creation, as is owner */
	struct ksem_cred owner;
	union {
		struct ksem *next_retired; /* owner of the list only, from the semaphore's end on (reclaim.h) */
		struct name *name;         /* under the namespace's lock, until then; NULL: anonymous, or unlinked */
		uint64_t next_free;        /* while its number is free: private/numbers.c */
	};
};

/* Where its waiters are, and so which of them gets a permit. A semaphore's is constant. */
enum object_order {
	OBJECT_BARGING, /* on an eventcount: whichever comes first. Those of default attributes */
	OBJECT_LINE,    /* in a line: those of all others */
	OBJECT_ORDERS
};

/* The lines of semaphores that have moved to one (private/lined.h), by their place in the block. */
struct moved {
	struct lined *lines[BLOCK_UNITS];
};

/* The cold part of a block's first unit, which is no semaphore: the same for all semaphores of the block. */
struct object_home {
	struct ksem_ns *ns;                                    /* constant, as is what follows */
	const struct semaphore_ops *semaphores[OBJECT_ORDERS]; /* what each does, by its order */
	void (*give_back)(struct ksem *ksem); /* called after its end and an epoch; NULL: its memory is its own */
	void *of;                             /* the owner of the memory, for give_back */
	struct moved *moved; /* set once, under the namespace's lock: lines of its semaphores; NULL: none has moved */
};

_Static_assert(sizeof(struct object_cold) == COLD_BYTES, "a cold part");
_Static_assert(sizeof(struct object_home) <= COLD_BYTES, "a cold part");

static inline struct object_cold *object_cold(const struct ksem *ksem)
{
	return (struct object_cold *)semaphore_cold(&ksem->sem);
}

static inline const struct object_home *object_home(const struct ksem *ksem)
{
	return (const void *)semaphore_block_cold(&ksem->sem);
}

static inline struct ksem_ns *object_ns(const struct ksem *ksem)
{
	return object_home(ksem)->ns;
}

static inline ksem_id_t object_id(const struct ksem *ksem)
{
	return object_cold(ksem)->id;
}

/* Its place in its block. */
static inline size_t object_place(const struct ksem *ksem)
{
	return ((uintptr_t)ksem & (BLOCK_BYTES - 1)) / sizeof(struct semaphore_unit);
}

static inline atomic(uint64_t) *object_tag(const struct ksem *ksem)
{
	return (atomic(uint64_t) *)(uintptr_t)((uintptr_t)ksem - offsetof(struct semaphore_unit, sem));
}

/*
 * Mode and flags (OBJECT_*) are in the bytes that struct semaphore_cold leaves to its owner. The mode is constant once
 * made.
 */
static inline mode_t object_mode(const struct ksem *ksem)
{
	return object_cold(ksem)->sem.owners;
}

#define OBJECT_NAMED    1 /* constant: made by open, not by init */
#define OBJECT_LISTED   2 /* under the namespace's lock: it counts for the limit, and foreach visits it */
#define OBJECT_HAS_LINE 4 /* constant: it was made with a line (line/line.h), to which `instead` leads */
#define OBJECT_MOVES    8 /* under the namespace's lock: it moves to the line to which `moved` leads, or ends before */

static inline bool object_is_named(const struct ksem *ksem)
{
	return load_rlx(&object_cold(ksem)->sem.owners_byte) & OBJECT_NAMED; /* relaxed: constant */
}

/*
 * An object whose semaphore is shared: it is in memory that OS processes share. The object's own word is dead from the
 * start. In its address the bit KSEM_INLINE_PRIVATE is clear, as it is in NULL. In that of a private semaphore the bit
 * is set.
 */
struct object_shared {
	_Alignas(BLOCK_BYTES) union {
		struct retired retired; /* under the namespace's lock, from the semaphore's end on */
		struct semaphore_block block;
	};
	uint64_t apart;
	uint64_t tag;
	struct ksem ksem;
	struct plain *sem; /* constant, but in a fork's child */
	union {
		struct object_home home;
		char bytes[COLD_BYTES];
	} unit[3]; /* the cold parts of the block; the third is this object's */
};

_Static_assert(sizeof(struct retired) <= offsetof(struct semaphore_block, cold), "a reader still finds the cold part");
_Static_assert(offsetof(struct object_shared, ksem) - offsetof(struct object_shared, tag) ==
		       offsetof(struct semaphore_unit, sem),
	       "the tag is before the word");
_Static_assert(offsetof(struct object_shared, ksem) / sizeof(struct semaphore_unit) == 2, "it is the third unit");
_Static_assert(!(offsetof(struct object_shared, ksem) & KSEM_INLINE_PRIVATE), "its address tells what it is");
_Static_assert(offsetof(struct semaphore_unit, sem) == KSEM_INLINE_PRIVATE, "that of others tells it too");

static inline bool object_is_private(const struct ksem *ksem)
{
	return (uintptr_t)ksem & KSEM_INLINE_PRIVATE;
}

static inline bool object_is_shared(const struct ksem *ksem)
{
	return !object_is_private(ksem);
}

static inline struct object_shared *object_shared_of(const struct ksem *ksem)
{
	return (void *)((uintptr_t)ksem - offsetof(struct object_shared, ksem));
}

/* The semaphore in shared memory. */
static inline struct plain *object_plain(const struct ksem *ksem)
{
	return object_shared_of(ksem)->sem;
}

/* The word of one that moved says so, and was made dead when all else was there. Inline, or posts save registers. */
static ALWAYS_INLINE bool object_dead_has_line(const struct ksem *ksem)
{
	word_t word = load_acq(&ksem->sem.word); /* KSEM_ORD_2 acquire */

	/* relaxed: constant */
	return word & WORD_MOVED || load_rlx(&object_cold(ksem)->sem.owners_byte) & OBJECT_HAS_LINE;
}

/* The word of most isn't dead, and then the cold part needn't be read. */
static inline bool object_has_line(const struct ksem *ksem)
{
	/* relaxed: if it is dead, it is read again */
	return unlikely(word_is_dead(load_rlx(&ksem->sem.word))) && object_dead_has_line(ksem); /* relaxed: as above */
}

/* The common case of a take, in the word, whichever memory that is in. False: nothing was done. */
static inline bool object_take_one(struct ksem *ksem)
{
	return unlikely(object_is_shared(ksem)) ? plain_take_one(object_plain(ksem)) : semaphore_take_one(&ksem->sem);
}

/*
 * Can its own word alone tell that there is no permit? For a thread that will look again: as semaphore_take_soon, this
 * may not have seen what the thread just did to others.
 */
static inline bool object_is_empty(const struct ksem *ksem)
{
	return word_is_empty(semaphore_word(&ksem->sem));
}

/* Tells a thread that is about to spin which word to look at, and where its budget is. */
static inline void object_spin_at(struct ksem *ksem, struct spin *spin)
{
	bool shared = object_is_shared(ksem);

	spin->word = shared ? &object_plain(ksem)->word : &ksem->sem.word;
	spin->hint = shared ? &object_plain(ksem)->spin : &semaphore_cold(&ksem->sem)->spin;
	spin->shared = shared;
}

/* Fills in all but id, name and tag. The semaphore has one reference, and nobody sees it yet. */
static inline void object_init(struct ksem *ksem, const struct ksem_cred *owner, bool named, mode_t mode,
			       uint32_t value)
{
	struct object_cold *cold = object_cold(ksem);

	semaphore_init(&ksem->sem, value);
	store_rlx(&cold->life, life_refs(1)); /* relaxed: nobody sees it until it is published */
	cold->owner = *owner;
	cold->name = NULL;
	cold->sem.owners = mode;
	store_rlx(&cold->sem.owners_byte, named ? OBJECT_NAMED : 0); /* relaxed: as above */
}

/* The same for an object whose semaphore is shared, with id and tag. Its memory is all 0. */
static inline void object_shared_init(struct object_shared *object, struct ksem_ns *ns,
				      const struct semaphore_ops *const *ops, const struct ksem_cred *owner, bool named,
				      mode_t mode, ksem_id_t id)
{
	object->block.cold = object->unit[0].bytes;
	object->unit[0].home.ns = ns;
	for (int order = 0; order < OBJECT_ORDERS; order++)
		object->unit[0].home.semaphores[order] = ops[order];
	object_init(&object->ksem, owner, named, mode, 0);
	object_cold(&object->ksem)->id = id;
	object->tag = id;
	semaphore_kill(&object->ksem.sem);
}

/*
 * Of an object whose own word is dead, since the semaphore is shared or has a line: that word counts the threads of
 * this process that wait, and says whether anything but them keeps the object (orphan). So a waiter leaves by one
 * atomic operation, without a lock, and a fork's child finds no wait half counted.
 *
 * object_enter: a thread waits. EINVAL: the object is being ended.
 */
static inline int object_enter(struct ksem *ksem)
{
	word_t c = load_rlx(&ksem->sem.word); /* relaxed: the compare-and-swap checks it */

	do {
		if (word_is_orphan(c))
			return EINVAL;
	} while (!cas_rlx(&ksem->sem.word, &c, c + WORD_WAITER)); /* relaxed: one word decides who was first */
	return 0;
}

/* It waits no more. True: nothing else keeps the object, and the caller ends it. */
static inline bool object_leave(struct ksem *ksem)
{
	word_t was = fetch_add_acq_rel(&ksem->sem.word, -WORD_WAITER); /* KSEM_ORD_3 release, KSEM_ORD_3 acquire */

	return word_is_orphan(was) && word_waiters(was) == 1;
}

/* Nothing but waiters keeps it from now on. True: there is none, and the caller ends it. Under the namespace's lock. */
static inline bool object_abandon(struct ksem *ksem)
{
	word_t c = load_rlx(&ksem->sem.word); /* relaxed: the compare-and-swap checks it */

	while (!cas_acq(&ksem->sem.word, &c, c | WORD_ORPHAN)) /* KSEM_ORD_3 acquire */
		;
	return word_waiters(c) == 0;
}

/* Takes a keep for a pin, in the read section in which the semaphore was found. EINVAL: it is being ended. */
static inline int object_pin(struct ksem *ksem, struct ksem **pinned)
{
	int error = life_take(&object_cold(ksem)->life, life_keep());

	if (!error)
		*pinned = ksem;
	return error;
}

#endif
