/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU permits: see percpu.h.
 */
#include "percpu/percpu.h"

#include <errno.h>

#include "base/probe.h"
#include "base/rcu.h"
#include "os/membarrier.h"

#define FEW_CHANGES  2000 /* a revocation costs as much as this many sequences save */
#define BACK_OFF_MAX 10   /* after this many doublings the semaphore loses its slots */
#define PASS_MORE    64   /* weight of a sample that finds more than one permit */
#define PASS_ONE     1    /* weight of a sample that finds the last one */
#define LOOK_PERIOD  8    /* where no slots are left, every that many samples one is looked at */

/* ---- In flight: working on slots other than in a sequence. In a read section. ---- */

/* The semaphore's slots; the caller is in flight from now on, and looks at the mode after this. 0: it has none. */
static slots_t visit(struct semaphore *sem)
{
	slots_t slots = load_acq(&semaphore_cold(sem)->slots); /* KSEM_ORD_12 acquire */

	if (slots <= 0)
		return 0;
	/* KSEM_ORD_11 release, KSEM_ORD_11 acquire: a thread that comes after a preparer's look sees its mode */
	fetch_add_acq_rel(&slots_control(slots)->in_flight, 1);
	return slots;
}

static void leave(slots_t slots)
{
	/* KSEM_ORD_11 release: what it did to slots, to the preparer */
	fetch_sub_rel(&slots_control(slots)->in_flight, 1);
}

/* Changes the mode, and nothing else of the word. False: the mode is no longer `from`. */
static bool change_mode(struct semaphore *sem, enum word_mode from, enum word_mode to)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	do {
		if (word_mode(c) != from)
			return false;
		/* KSEM_ORD_13 release, KSEM_ORD_13 acquire */
	} while (!cas_acq_rel(&sem->word, &c, word_with_mode(c, to)));
	return true;
}

/* From preparing, if it is that still: the word says where its slots are. */
static void become_percpu(struct semaphore *sem, slots_t slots)
{
	word_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	do {
		if (word_mode(c) != WORD_PREPARING)
			return;
		/* KSEM_ORD_13 release, KSEM_ORD_13 acquire */
	} while (!cas_acq_rel(&sem->word, &c, word_with_place(c, (uint32_t)slots)));
}

static uint64_t changes_of(slots_t slots)
{
	uint64_t changes = 0;

	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		changes += slot_changes(load_rlx(slots_of(processor, slots))); /* relaxed: a number to go by */
	return changes;
}

/* Decides how soon the semaphore may become percpu again. */
static void note_revocation(slots_t slots)
{
	struct slots_control *control = slots_control(slots);
	uint64_t before = load_rlx(&control->changes);    /* relaxed: numbers to go by, all of these */
	uint32_t back_off = load_rlx(&control->back_off); /* relaxed: as above */

	if (changes_of(slots) - before >= FEW_CHANGES)
		back_off /= 2;
	else if (back_off < 1u << BACK_OFF_MAX)
		back_off = back_off ? 2 * back_off : 1;
	store_rlx(&control->back_off, back_off);             /* relaxed: as above */
	store_rlx(&control->let_pass, back_off * PASS_MORE); /* relaxed: as above */
}

/*
 * In flight, in revoking, after a membarrier: no sequence changes a slot any more, and no other thread may. So one
 * compare-and-swap adds all that the slots hold to the word. After that only the word counts.
 */
static void gather(struct semaphore *sem, slots_t slots)
{
	word_t c;
	uint32_t sum = 0;

	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		sum += slot_permits(load_acq(slots_of(processor, slots))); /* KSEM_ORD_1 acquire */
	c = load_rlx(&sem->word);                                          /* relaxed: the compare-and-swap checks it */
	do {
		if (word_mode(c) != WORD_REVOKING)
			return;
		/* KSEM_ORD_1 release, KSEM_ORD_13 release, KSEM_ORD_13 acquire */
	} while (!cas_acq_rel(&sem->word, &c, word_with_mode(c + sum, WORD_EMPTYING)));
}

/* Empties the slot, by taking all of its permits. */
static void empty(atomic(uint64_t) *slot)
{
	uint64_t old = load_rlx(slot); /* relaxed: the compare-and-swap checks it */

	/* relaxed: what it held is in the word */
	while (slot_permits(old) > 0 && !cas_rlx(slot, &old, slot_emptied(old)))
		;
}

/* In flight, or with the preparer's flag. In emptying: what slots still hold doesn't count. */
static void finish_emptying(struct semaphore *sem, slots_t slots)
{
	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		empty(slots_of(processor, slots));
	change_mode(sem, WORD_EMPTYING, WORD_CENTRAL);
}

/* In flight: one step towards central. */
static void settle(struct semaphore *sem, slots_t slots)
{
	switch (word_mode(load_acq(&sem->word))) { /* KSEM_ORD_13 acquire */
	case WORD_PERCPU:
		if (change_mode(sem, WORD_PERCPU, WORD_REVOKING)) {
			PROBE(revoke, sem);
			note_revocation(slots);
		}
		break;
	case WORD_REVOKING:
		membarrier_restart_sequences();
		gather(sem, slots);
		break;
	case WORD_EMPTYING:
		finish_emptying(sem, slots);
		break;
	case WORD_PREPARING:
		change_mode(sem, WORD_PREPARING, WORD_CENTRAL);
		break;
	case WORD_CENTRAL:
		break;
	}
}

void percpu_settle(struct semaphore *sem)
{
	slots_t slots;

	rcu_enter();
	slots = visit(sem);
	while (slots && word_mode(load_acq(&sem->word)) != WORD_CENTRAL) /* KSEM_ORD_13 acquire */
		settle(sem, slots);
	if (slots)
		leave(slots);
	rcu_leave();
}

/* ---- What the slots hold. In a read section. ---- */

/* Sums up what the slots held at one instant, when the word was *c. False: they changed meanwhile. */
static bool sum_of(const struct semaphore *sem, slots_t slots, word_t *c, uint64_t *sum)
{
	uint64_t changes = 0, again = 0;

	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	*sum = 0;
	for (uint32_t processor = 0; processor < rseq_processors; processor++) {
		uint64_t slot = load_acq(slots_of(processor, slots)); /* KSEM_ORD_1 acquire */

		*sum += slot_permits(slot);
		changes += slot_changes(slot);
	}
	*c = semaphore_word(sem);
	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		again += slot_changes(load_acq(slots_of(processor, slots))); /* KSEM_ORD_1 acquire */
	return again == changes;
}

int percpu_value(struct semaphore *sem, uint32_t *value)
{
	int error = EAGAIN;
	slots_t slots;

	rcu_enter();
	slots = visit(sem);
	for (int tries = 0; slots && error == EAGAIN; tries++) {
		word_t c;
		uint64_t sum;
		bool still = sum_of(sem, slots, &c, &sum);

		if (word_is_dead(c)) {
			error = EINVAL;
		} else if (!word_slots_count(c)) {
			*value = word_value(c);
			error = 0;
		} else if (still) {
			*value = (uint32_t)(word_value(c) + sum);
			error = 0;
		} else if (tries > 8) {
			settle(sem, slots); /* then the slots don't change any more */
		}
	}
	if (slots)
		leave(slots);
	rcu_leave();
	return error;
}

/* ---- Getting slots, becoming percpu, losing slots. In a read section. ---- */

/*
 * May a semaphore with this word become percpu, and would it profit? Beside the mode the word may have a value alone,
 * neither 0 nor too high: no waiters, and no flag.
 */
static bool profits(word_t c)
{
	return (word_mode(c) == WORD_CENTRAL || word_mode(c) == WORD_EMPTYING) &&
	       (c & ~WORD_MODES) - 1 < WORD_PERCPU_MAX;
}

/* With the preparer's flag. */
static void prepare(struct semaphore *sem, slots_t slots)
{
	struct slots_control *control = slots_control(slots);
	word_t c = load_acq(&sem->word); /* KSEM_ORD_13 acquire */

	if (word_mode(c) == WORD_EMPTYING)
		finish_emptying(sem, slots);
	c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */
	do {
		if (!profits(c) || word_mode(c) != WORD_CENTRAL)
			return;
		/* KSEM_ORD_13 release, KSEM_ORD_13 acquire */
	} while (!cas_acq_rel(&sem->word, &c, word_with_mode(c, WORD_PREPARING)));
	store_rlx(&control->changes, changes_of(slots));    /* relaxed: a number to go by */
	if (fetch_add_acq_rel(&control->in_flight, 0) == 0) /* KSEM_ORD_11 release, KSEM_ORD_11 acquire */
		become_percpu(sem, slots);
	else
		change_mode(sem, WORD_PREPARING, WORD_CENTRAL);
}

/*
 * The value for slots that are lost now: the epoch that must pass before the semaphore may get others. That is the one
 * after the next: the next may begin before the slots are lost, but can't end before this read section ends.
 */
static slots_t lost_now(void)
{
	return (slots_t)(SLOTS_LOST - (int)((rcu_epochs_begun() + 2) % -SLOTS_LOST));
}

/* Has that epoch passed? False also if that is unknown. */
static bool epoch_has_passed(slots_t lost)
{
	uint64_t since = rcu_epochs_ended() - (uint64_t)(SLOTS_LOST - lost);

	return since % -SLOTS_LOST < -SLOTS_LOST / 2;
}

/* With the preparer's flag, which stays set while these slots are lost. False: the semaphore still has them. */
static bool lose(struct semaphore *sem, slots_t slots)
{
	if (word_mode(load_acq(&sem->word)) != WORD_CENTRAL) /* KSEM_ORD_13 acquire */
		return false;
	/* KSEM_ORD_12 release, KSEM_ORD_12 acquire; else the semaphore's end took them */
	if (!cas_acq_rel(&semaphore_cold(sem)->slots, &slots, lost_now()))
		return false;
	slots_lose(slots);
	return true;
}

/*
 * Gives slots to the semaphore. It may be ending at the same time: then the thread that finds the slots there must take
 * them back.
 */
static void give(struct semaphore *sem, slots_t have)
{
	slots_t slots = slots_take();
	word_t c;

	if (!slots)
		return;
	if (!cas_acq_rel(&semaphore_cold(sem)->slots, &have, slots)) { /* KSEM_ORD_12 release, KSEM_ORD_12 acquire */
		slots_give(slots);
		return;
	}
	c = semaphore_word(sem);
	if ((word_is_dead(c) || word_is_orphan(c)) && percpu_take_slots(sem))
		slots_lose(slots);
}

/* A sample of a semaphore that has no slots. */
static void earn(struct semaphore *sem, slots_t have)
{
	slots_t next;

	if (have == 0) {
		give(sem, have);
		return;
	}
	if (have <= SLOTS_LOST && !epoch_has_passed(have))
		return;
	next = (slots_t)(have <= SLOTS_LOST ? -SLOTS_AFTER_SAMPLES : have + 1);
	cas_rlx(&semaphore_cold(sem)->slots, &have, next); /* relaxed: a number to go by */
}

/* A sample of one that has. */
static void consider(struct semaphore *sem, slots_t slots)
{
	struct slots_control *control = slots_control(slots);
	uint32_t let_pass = load_rlx(&control->let_pass);                            /* relaxed: a number to go by */
	uint32_t pass = word_value(load_rlx(&sem->word)) > 1 ? PASS_MORE : PASS_ONE; /* relaxed: as above */
	uint32_t nobody = 0;

	if (let_pass > 0) {
		store_rlx(&control->let_pass, let_pass > pass ? let_pass - pass : 0); /* relaxed: as above */
		return;
	}
	if (!cas_acq(&control->preparer, &nobody, 1)) /* KSEM_ORD_11 acquire */
		return;
	/* relaxed: a number to go by */
	if (load_rlx(&control->back_off) >= 1u << BACK_OFF_MAX && lose(sem, slots))
		return;
	prepare(sem, slots);
	store_rel(&control->preparer, 0); /* KSEM_ORD_11 release */
}

/* Where no slots are left to give, few samples are worth looking at: what they look at is mostly in no cache. */
static bool worth_a_look(void)
{
	static _Thread_local unsigned skipped; /* owner only, and its signal handlers: it needn't be exact */

	return slots_are_left() || ++skipped % LOOK_PERIOD == 0;
}

void percpu_consider(struct semaphore *sem)
{
	slots_t slots;

	if (!slots_started() || !profits(load_rlx(&sem->word)) || !worth_a_look()) /* relaxed: a first look */
		return;
	rcu_enter();
	slots = load_acq(&semaphore_cold(sem)->slots); /* KSEM_ORD_12 acquire */
	if (slots > 0)
		consider(sem, slots);
	else
		earn(sem, slots);
	rcu_leave();
}

/* ---- The end, and the child of a fork. ---- */

slots_t percpu_take_slots(struct semaphore *sem)
{
	slots_t slots = load_acq(&semaphore_cold(sem)->slots); /* KSEM_ORD_12 acquire */

	while (!cas_acq_rel(&semaphore_cold(sem)->slots, &slots, 0)) /* KSEM_ORD_12 release, KSEM_ORD_12 acquire */
		;
	return (slots_t)(slots > 0 ? slots : 0);
}

void percpu_after_fork(struct semaphore *sem)
{
	slots_t slots = load_rlx(&semaphore_cold(sem)->slots); /* relaxed: the child has one thread */

	if (slots <= 0)
		return;
	store_rlx(&slots_control(slots)->in_flight, 0); /* relaxed: as above */
	store_rlx(&slots_control(slots)->preparer, 0);  /* relaxed: as above */
}
