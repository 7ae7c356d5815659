/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a line is made of: a word, lists, and entries. See line.h for what is done with it.
 *
 * The word is a pair (base/pair.h):
 *
 *   low    0-31   taken    permits that are taken: the limit less the value. More than the limit: the line owes them
 *          32     WAITED   an entry waits in the line. In a first-in-first-out line no thread may take meanwhile
 *          33     BUSY     an operation is under way; high says which
 *          34     SHUT     the line is shut down: no thread sleeps here any more
 *          35     SWEEP    the limit has changed, and no thread has looked yet for entries in the wrong list
 *          36     DEAD     nothing can be posted or taken any more
 *          37     DOOR     threads sleep at the door, or did: they found no free entry
 *          38     FIXED    high names a change, which may be written to its account (ledger.h)
 *          39     SUM      high names an account: what that lacks is how far `taken` is from the base
 *          40-63  the low bits of the number of the last operation
 *   high   0-31   limit    the value never passes it
 *          32-49  slot     of the operation under way: which entry it is about; else 0
 *          50-53  kind     what it does (enum line_kind); if SUM the base, the low bits of `taken`; else 0
 *          54-63  the high bits of its number
 *
 * So a post and a take change the low half alone, by one compare-and-swap of 8 bytes. It fails if the limit changes at
 * the same time: each change of the limit is an operation with a number of its own, which is in the low half, too.
 *
 * The low half has 24 bits of that number. So a take could be stopped after it read the limit, for exactly a multiple
 * of 2^24 operations, and then succeed by the old limit. Each operation takes at least 50 ns, so that is a second or
 * more. Of stops as long as that, one in 2^24 meets the number. Besides, as many permits must be taken as before, and
 * the limit must have fallen. What it takes too much, the line owes, as after any new limit. All other changes compare
 * both halves, which have 34 bits. Those of an account that SUM names are as a take: if one is stopped for so long, and
 * another account has been named under the same low bits, its permit goes to that one's sum.
 *
 * Nodes have numbers. Those below LINE_LISTS are the heads of lists, the others are entries. Lists are circular, and
 * pass through their heads. A link has the number of the node to which it leads, and that of the operation that wrote
 * it (list.h).
 *
 * An entry's state:
 *
 *   low half, on which its owner sleeps:  0-2 state  3 SLEEPS: its owner may sleep on it  4-31 round
 *   high half:  need, how many permits it waits for; if HELD the holder; if GONE or OUT why it gave up
 *
 * The round is the entry's generation: it counts the uses, so that a late thread finds another state than it expects.
 *
 *   FREE     any waiter may claim it
 *   HELD     its owner prepares it, or uses it no more (call.h), or a queue has it as the head of its ready list
 *   WAIT     in line, or prepared for that
 *   GRANTED  it has its permits, or gets them with the end of the operation that is under way
 *   TURNED   turned away: the line is shut
 *   GONE     gave up; is in its list until an operation has taken it out
 *   OUT      gave up, and is out
 *   GIVEN    its owner died after the grant, and its permits went back
 *
 * With a ledger (ledger.h) some entries are accounts, and stay HELD. While no operation is under way, FIXED or SUM say
 * that high names the account that was changed last, or the entry that says how.
 *
 * Only its owner makes an entry FREE, GONE, or HELD, or a thread that reaps it if its owner is dead. Only an operation
 * makes it GRANTED, TURNED, OUT or GIVEN; its owner waits until that operation is over, or helps, before it leaves.
 */
#ifndef KSEM_LINE_STATE_H
#define KSEM_LINE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/pair.h"
#include "os/futex.h"

#define LINE_WAITED (UINT64_C(1) << 32)
#define LINE_BUSY   (UINT64_C(1) << 33)
#define LINE_SHUT   (UINT64_C(1) << 34)
#define LINE_SWEEP  (UINT64_C(1) << 35)
#define LINE_DEAD   (UINT64_C(1) << 36)
#define LINE_DOOR   (UINT64_C(1) << 37)
#define LINE_FIXED  (UINT64_C(1) << 38)
#define LINE_SUM    (UINT64_C(1) << 39)
#define LINE_FLAGS  (UINT64_C(0xFF) << 32)

#define LINE_NUMBER_SHIFT 40 /* in low */
#define LINE_NUMBER_LOW   24 /* bits there */
#define LINE_NUMBER_MASK  ((UINT64_C(1) << 34) - 1)
#define LINE_SLOT_BITS    18
#define LINE_KIND_SHIFT   50
#define LINE_HIGH_SHIFT   54

#define LINE_SUM_MOST 7 /* an account lacks at most so many permits, or has as many too many */

enum line_kind {
	LINE_NONE,
	LINE_JOIN,
	LINE_GRANT,
	LINE_TURN,
	LINE_DROP,
	LINE_AWAY, /* from the list of a first-in-first-out line to that of those who want more than the limit */
	LINE_BACK, /* from there to the end of the line */
	LINE_POP,  /* off a queue's ready list */
	LINE_GIVE,
	LINE_SWEPT, /* no operation of its own: SWEEP goes */

	/* Changes of an account (ledger.h), which are no operations: BUSY isn't set, but FIXED. */
	LINE_TOOK_MANY,
	LINE_GAVE_MANY,
	LINE_CLOSED,
	LINE_SUMS, /* not in the word: SUM is set, and the base is there */
};

enum entry_state {
	ENTRY_FREE,
	ENTRY_HELD,
	ENTRY_WAIT,
	ENTRY_GRANTED,
	ENTRY_TURNED,
	ENTRY_GONE,
	ENTRY_OUT,
	ENTRY_GIVEN,
};

#define ENTRY_STACKED    (1u << 31) /* of free_next */
#define ENTRY_ACCOUNT    (1u << 31) /* of ready */
#define ENTRY_SLEEPS     8u
#define ENTRY_ROUND      16u
#define ENTRY_ROUND_MASK 0xFFFFFFF0u

/* Heads. */
#define LINE_LISTS 8
#define LINE_MAIN  0 /* first in, first out: entries that wait for their turn */
#define LINE_ASIDE 1 /* first in, first out: entries that want more than the present limit */

#define TALLY_TAG_SHIFT 24
#define TALLY_WAITERS   ((UINT64_C(1) << TALLY_TAG_SHIFT) - 1)

#define LINE_YIELDS 10 /* the most times that a thread yields before it sleeps */

#ifndef LINE_CHUNKS
#define LINE_CHUNKS 13
#define LINE_FIRST  16 /* entries of the first chunk; each later one has twice as many */
#endif
#define LINE_ENTRIES ((UINT32_C(1) << LINE_CHUNKS) * LINE_FIRST - LINE_FIRST)
#define LINE_BYTES   ((size_t)LINE_ENTRIES * sizeof(struct line_entry))

struct line_node {
	atomic(uint64_t) next, prev; /* atomic; changed by operations only, once the entry is in a list */
};

struct line_entry {
	_Alignas(KSEM_CACHE_LINE) union {
		struct line_node node;
		struct pair account; /* of an account: what it has (ledger.h) */
	};
	atomic(uint64_t) state;
	/* Atomic, as are the rest, for late helpers; owner's until WAIT: which JOIN. An account's: a time. */
	atomic(uint64_t) ticket;
	/*
	 * Owner's until WAIT. Of a queue's wait: its number in the queue. Of a thread's: `who` (struct line_view). Of
	 * the head of a ready list: what the notify hook is called with; without that hook, `who`.
	 */
	atomic(uint64_t) user;
	atomic(uint32_t) holder; /* owner's until WAIT */
	/*
	 * Owner's until WAIT. Of a queue's wait: the head of its queue's ready list. Of a thread's: the account that
	 * pays, with ENTRY_ACCOUNT; 0: none. Of the head of a ready list: the account that pays for the waits of the
	 * list, as of a thread.
	 */
	atomic(uint32_t) ready;
	atomic(uint32_t) free_next; /* 0: it isn't on the stack of free ones; else ENTRY_STACKED, and the next there */
	uint32_t touched;           /* the kernel writes here first (entries.c) */
	/* Owner's: until when a queue's wait waits (due.h), 0: no deadline. `image` (struct line_view) of the head. */
	atomic(uint64_t) due;
};

_Static_assert(sizeof(struct line_entry) == KSEM_CACHE_LINE, "an entry in one cache line");

/* The part of a line that all its users share. It is all zero, except for what line_init sets. */
struct line {
	_Alignas(KSEM_CACHE_LINE) struct pair word;
	/* low: waiters, above them the number of the operation that wrote it; high: how many joined, ever */
	struct pair tally;
	struct line_node lists[LINE_LISTS];
	atomic(uint64_t) free;  /* atomic: the newest free entry, and a tag */
	atomic(uint32_t) used;  /* atomic: entries from there on were never used */
	atomic(uint32_t) door;  /* atomic: incremented before threads that sleep at the door are woken */
	atomic(uint32_t) dues;  /* atomic: how many waits of queues have deadlines */
	uint32_t order;         /* constant */
	uint32_t made;          /* constant: the limit that it was made with */
	atomic(uint8_t) yields; /* atomic: a hint: how often to yield before a sleep (wait.c) */
	atomic(uint32_t) begun; /* atomic: when line_reap_unless last began to look for dead holders, in microseconds */
};

/* Functions of the line's owner. All may be called from signal handlers. */
struct line_hooks {
	/*
	 * Has the holder's OS process ended, as far as can be seen? NULL: never. If it lives nevertheless, its threads
	 * lose their places and get in line again, but nothing else is harmed, since `ended` is asked before an entry
	 * may become another's.
	 */
	bool (*gone)(void *context, uint32_t holder);

	/*
	 * Notifies that holder's queue: its ready list isn't empty, or one of its waits was moved behind others
	 * (due.h). It may be called more than once, and late. NULL: no function can reach the queue, and a thread of
	 * the queue sleeps on the ready list instead (line_ready_futex).
	 */
	void (*notify)(void *context, uint32_t holder, uint64_t user);

	/*
	 * Has the process that set `who` in its view certainly ended? NULL: as `gone`. `image` is what the view had
	 * when an account was opened: one that executes another program has ended for its accounts. 0: unknown.
	 */
	bool (*ended)(void *context, uint64_t who, uint32_t image);

	/* Where `gone` can't ask: has the process that set `who` ended all the same? NULL: unknown. */
	bool (*died)(void *context, uint64_t who);

	/* That many permits of a holder that ended went back. NULL: nothing is to be done. */
	void (*undone)(void *context, uint32_t permits);
};

/* A process's view of a line. It is constant, but for what is atomic, and for a fork's child. */
struct line_view {
	struct line *line;
	enum futex_scope scope;
	const struct line_hooks *hooks; /* or NULL */
	void *context;                  /* for the hooks */
	atomic(uint64_t) who;      /* atomic: this process, for `ended`: `user` of its threads' entries, and heads */
	uint32_t image;            /* of this process, for `ended`; 0: unknown */
	struct line_entry *mapped; /* all entries of a shared line; NULL: it is private */
	atomic(struct line_entry *) chunks[LINE_CHUNKS]; /* atomic: NULL until there is one */
};

/* The word, read at one instant. */
struct line_word {
	uint64_t low, high;
};

/* An operation that the word names. */
struct line_op {
	uint64_t high, number;
	uint32_t slot;
	enum line_kind kind;
};

static inline uint32_t word_taken(struct line_word w)
{
	return (uint32_t)w.low;
}

static inline uint32_t word_limit(struct line_word w)
{
	return (uint32_t)w.high;
}

/* Does it name a change of an account, which may not be written there yet? */
static inline bool word_names_account(struct line_word w)
{
	return (w.low & (LINE_FIXED | LINE_SUM)) != 0;
}

static inline uint32_t word_slot(struct line_word w)
{
	return (uint32_t)(w.high >> 32) & ((1u << LINE_SLOT_BITS) - 1);
}

/* If SUM: how many permits the account lacks, from -8 to 7. */
static inline int32_t word_sum(struct line_word w)
{
	uint32_t sum = (word_taken(w) - (uint32_t)(w.high >> LINE_KIND_SHIFT)) & 15;

	return (int32_t)(sum ^ 8) - 8;
}

/* Does the account of that entry lack the sum, and may its holder change that? */
static inline bool word_sums(struct line_word w, uint32_t slot)
{
	return (w.low & (LINE_FIXED | LINE_SUM)) == LINE_SUM && word_slot(w) == slot;
}

static inline int64_t word_left(struct line_word w)
{
	return (int64_t)word_limit(w) - (int64_t)word_taken(w);
}

static inline uint64_t word_number(struct line_word w)
{
	return w.low >> LINE_NUMBER_SHIFT | w.high >> LINE_HIGH_SHIFT << LINE_NUMBER_LOW;
}

static inline struct line_op word_op(struct line_word w)
{
	return (struct line_op){
		.high = w.high,
		.number = word_number(w),
		.slot = word_slot(w),
		.kind = (enum line_kind)(w.high >> LINE_KIND_SHIFT & 15),
	};
}

/* The word with the number of its next operation, and that operation; LINE_NONE: over at once. */
static inline struct line_word word_next(struct line_word w, enum line_kind kind, uint32_t slot)
{
	uint64_t number = (word_number(w) + 1) & LINE_NUMBER_MASK;

	return (struct line_word){
		.low = (w.low & ~(UINT64_MAX << LINE_NUMBER_SHIFT | LINE_FIXED | LINE_SUM)) |
		       number << LINE_NUMBER_SHIFT | (kind == LINE_NONE ? 0 : LINE_BUSY),
		.high = word_limit(w) | (uint64_t)slot << 32 | (uint64_t)kind << LINE_KIND_SHIFT |
			number >> LINE_NUMBER_LOW << LINE_HIGH_SHIFT,
	};
}

static inline enum entry_state state_of(uint64_t x)
{
	return (enum entry_state)(x & 7);
}

static inline uint32_t state_need(uint64_t x)
{
	return (uint32_t)(x >> 32);
}

static inline uint64_t state_with(uint64_t x, enum entry_state state)
{
	return (x & ~UINT64_C(7)) | (uint64_t)state;
}

/* The state of an entry that gives up, for that reason: a positive error number. */
static inline uint64_t state_gone(uint64_t x, int why)
{
	return (uint64_t)(uint32_t)why << 32 | ((uint32_t)x & ENTRY_ROUND_MASK) | ENTRY_GONE;
}

/* The account that pays for a thread's entry; 0: none. And the ready list of a queue's; 0: a thread's. */
static inline uint32_t entry_account(uint32_t ready)
{
	return ready & ENTRY_ACCOUNT ? ready & ~ENTRY_ACCOUNT : 0;
}

static inline uint32_t entry_list(uint32_t ready)
{
	return ready & ENTRY_ACCOUNT ? 0 : ready;
}

/* The word at an instant. Its halves are read separately; no operation began or ended in between. */
static inline struct line_word line_word(const struct line *line)
{
	struct line_word w;
	uint64_t before;

	w.low = load_acq(&line->word.low); /* KSEM_ORD_23 acquire */
	do {
		before = w.low;
		w.high = load_acq(&line->word.high); /* KSEM_ORD_23 acquire */
		w.low = load_acq(&line->word.low);   /* KSEM_ORD_23 acquire, KSEM_ORD_1 acquire */
	} while (unlikely((before ^ w.low) >> 32 != 0));
	return w;
}

static inline uint32_t tally_waiters(const struct line *line)
{
	return (uint32_t)(load_acq(&line->tally.low) & TALLY_WAITERS); /* KSEM_ORD_23 acquire */
}

static inline bool line_is(const struct line *line, struct line_word w)
{
	return load_acq(&line->word.low) == w.low && /* KSEM_ORD_23 acquire */
	       load_acq(&line->word.high) == w.high; /* KSEM_ORD_23 acquire */
}

#endif
