/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits per processor: see percpu.h.
 */
#include "sem/percpu.h"

#include <errno.h>

#include "base/rcu.h"
#include "os/membarrier.h"

#define FEW_CHANGES  2000 /* sequences between becoming percpu and a revocation, which costs as much as these saved */
#define BACK_OFF_MAX 10   /* after so many doublings it loses its cells */
#define PASS_MORE    64   /* what a sample counts for that finds more than one permit */
#define PASS_ONE     1    /* and one that finds the last */

__attribute__((used)) _Thread_local uint32_t percpu_takes;

/* ---- Visiting: working on cells other than in a sequence. In a read section. ---- */

/* The semaphore's cells, which it is a visitor of from now on; after this it looks at the mode. 0: it has none. */
static cells_t visit(struct semaphore *sem)
{
	cells_t cells = load_acq(&sem->cells); /* KSEM_ORD_12 acquire */

	if (cells <= 0)
		return 0;
	/* KSEM_ORD_11 release, KSEM_ORD_11 acquire: who comes after a preparer's look sees its mode */
	fetch_add_acq_rel(&cells_control(cells)->visitors, 1);
	return cells;
}

static void leave(cells_t cells)
{
	/* KSEM_ORD_11 release: what it did to cells, to the preparer */
	fetch_sub_rel(&cells_control(cells)->visitors, 1);
}

/* From one mode to another, whatever else the word says; nothing if the mode is no longer that. */
static bool change_mode(struct semaphore *sem, enum count_mode from, enum count_mode to)
{
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	do {
		if (count_mode(c) != from)
			return false;
		/* KSEM_ORD_13 release, KSEM_ORD_13 acquire */
	} while (!cas_acq_rel(&sem->word, &c, count_with_mode(c, to)));
	return true;
}

static uint64_t changes_of(cells_t cells)
{
	uint64_t changes = 0;

	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		changes += cell_changes(load_rlx(cells_of(processor, cells))); /* relaxed: a number to go by */
	return changes;
}

/* How soon the semaphore may become percpu again. */
static void note_revocation(cells_t cells)
{
	struct cells_control *control = cells_control(cells);
	uint64_t before = load_rlx(&control->changes);    /* relaxed: numbers to go by, all of these */
	uint32_t back_off = load_rlx(&control->back_off); /* relaxed: as above */

	if (changes_of(cells) - before >= FEW_CHANGES)
		back_off /= 2;
	else if (back_off < 1u << BACK_OFF_MAX)
		back_off = back_off ? 2 * back_off : 1;
	store_rlx(&control->back_off, back_off);             /* relaxed: as above */
	store_rlx(&control->let_pass, back_off * PASS_MORE); /* relaxed: as above */
}

/* As a visitor: ends the revocation that is under way, if one is. */
static void finish_revoking(struct semaphore *sem)
{
	if (count_mode(load_acq(&sem->word)) != COUNT_REVOKING) /* KSEM_ORD_13 acquire */
		return;
	membarrier_restart_sequences();
	change_mode(sem, COUNT_REVOKING, COUNT_DRAINING);
}

/* As a visitor: one step towards draining. In draining cells only fall. */
static void settle(struct semaphore *sem, cells_t cells)
{
	switch (count_mode(load_acq(&sem->word))) { /* KSEM_ORD_13 acquire */
	case COUNT_PERCPU:
		if (change_mode(sem, COUNT_PERCPU, COUNT_REVOKING))
			note_revocation(cells);
		break;
	case COUNT_REVOKING:
		finish_revoking(sem);
		break;
	case COUNT_PREPARING:
		change_mode(sem, COUNT_PREPARING, COUNT_DRAINING);
		break;
	case COUNT_DRAINING:
	case COUNT_CENTRAL:
		break;
	}
}

/* Takes a permit out of one cell. */
static bool drain(atomic(uint64_t) *cell)
{
	uint64_t old = load_acq(cell); /* KSEM_ORD_1 acquire */

	do {
		if (cell_permits(old) == 0)
			return false;
	} while (!cas_acq(cell, &old, old + (UINT64_C(1) << 32))); /* KSEM_ORD_1 acquire */
	return true;
}

/* As a visitor, in draining: takes a permit out of any cell. If there is none: central, unless the mode has changed. */
static bool drain_any(struct semaphore *sem, cells_t cells)
{
	for (uint32_t processor = 0; processor < rseq_processors; processor++) {
		if (drain(cells_of(processor, cells)))
			return true;
	}
	change_mode(sem, COUNT_DRAINING, COUNT_CENTRAL);
	return false;
}

bool percpu_take_or_settle(struct semaphore *sem)
{
	bool took = false;
	cells_t cells;

	rcu_enter();
	cells = visit(sem);
	if (cells) {
		if (count_mode(load_acq(&sem->word)) == COUNT_DRAINING) /* KSEM_ORD_13 acquire */
			took = drain_any(sem, cells);
		else
			settle(sem, cells);
		leave(cells);
	}
	rcu_leave();
	return took;
}

/* ---- What the cells hold. In a read section. ---- */

/* What they hold, if they held it all at one instant, at which the word was *c; false: they moved meanwhile. */
static bool sum_of(const struct semaphore *sem, cells_t cells, count_t *c, uint64_t *sum)
{
	uint64_t changes = 0, again = 0;

	fence_acq_rel(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	*sum = 0;
	for (uint32_t processor = 0; processor < rseq_processors; processor++) {
		uint64_t cell = load_acq(cells_of(processor, cells)); /* KSEM_ORD_1 acquire */

		*sum += cell_permits(cell);
		changes += cell_changes(cell);
	}
	*c = semaphore_word(sem);
	for (uint32_t processor = 0; processor < rseq_processors; processor++)
		again += cell_changes(load_acq(cells_of(processor, cells))); /* KSEM_ORD_1 acquire */
	return again == changes;
}

int percpu_value(struct semaphore *sem, uint32_t *value)
{
	int error = EAGAIN;
	cells_t cells;

	rcu_enter();
	cells = visit(sem);
	for (int tries = 0; cells && error == EAGAIN; tries++) {
		count_t c;
		uint64_t sum;
		bool still = sum_of(sem, cells, &c, &sum);

		if (count_is_dead(c)) {
			error = EINVAL;
		} else if (count_mode(c) == COUNT_CENTRAL) {
			break;
		} else if (still) {
			*value = (uint32_t)(count_value(c) + sum);
			error = 0;
		} else if (tries > 8) {
			settle(sem, cells); /* then cells only fall, and will be still */
		}
	}
	if (cells)
		leave(cells);
	rcu_leave();
	return error;
}

/* As a visitor, so that cells can't rise between the sum and the compare-and-swap. */
static int post_draining(struct semaphore *sem, cells_t cells, uint32_t n)
{
	uint64_t sum;
	count_t c;

	do {
		if (!sum_of(sem, cells, &c, &sum))
			return EAGAIN;
		if (count_is_dead(c))
			return EINVAL;
		if (count_mode(c) != COUNT_DRAINING)
			return EAGAIN;
		if (count_value(c) + sum + n > COUNT_VALUE_MAX)
			return EOVERFLOW;
	} while (!cas_rel(&sem->word, &c, c + n)); /* KSEM_ORD_1 release */
	return 0;
}

int percpu_post_much(struct semaphore *sem, uint32_t n)
{
	int error = EAGAIN;
	cells_t cells;

	rcu_enter();
	cells = visit(sem);
	if (cells) {
		if (count_mode(load_acq(&sem->word)) == COUNT_DRAINING) /* KSEM_ORD_13 acquire */
			error = post_draining(sem, cells, n);
		else
			settle(sem, cells);
		leave(cells);
	}
	rcu_leave();
	return error;
}

/* ---- Getting cells, becoming percpu, losing cells. In a read section. ---- */

/* May a semaphore with this word become percpu, and would it profit? */
static bool profits(count_t c)
{
	return (count_mode(c) == COUNT_CENTRAL || count_mode(c) == COUNT_DRAINING) && !count_is_dead(c) &&
	       !count_is_orphan(c) && count_waiters(c) == 0 && count_value(c) > 0 && count_value(c) <= PERCPU_VALUE_MAX;
}

/* With the preparer's flag. */
static void prepare(struct semaphore *sem, cells_t cells)
{
	struct cells_control *control = cells_control(cells);
	count_t c = load_rlx(&sem->word); /* relaxed: the compare-and-swap checks it */

	do {
		if (!profits(c))
			return;
		/* KSEM_ORD_13 release, KSEM_ORD_13 acquire */
	} while (!cas_acq_rel(&sem->word, &c, count_with_mode(c, COUNT_PREPARING)));
	store_rlx(&control->changes, changes_of(cells));   /* relaxed: a number to go by */
	if (fetch_add_acq_rel(&control->visitors, 0) == 0) /* KSEM_ORD_11 release, KSEM_ORD_11 acquire */
		change_mode(sem, COUNT_PREPARING, COUNT_PERCPU);
	else
		change_mode(sem, COUNT_PREPARING, COUNT_DRAINING);
}

/*
 * What stands for cells that are lost now: the epoch that must have passed before others are had. The one after next,
 * since the next may begin before they are lost; it can't end before this read section does.
 */
static cells_t lost_now(void)
{
	return (cells_t)(CELLS_LOST - (int)((rcu_epochs_begun() + 2) % -CELLS_LOST));
}

/* Has that epoch passed? If in doubt: not yet. */
static bool epoch_has_passed(cells_t lost)
{
	uint64_t since = rcu_epochs_ended() - (uint64_t)(CELLS_LOST - lost);

	return since % -CELLS_LOST < -CELLS_LOST / 2;
}

/* With the preparer's flag, which is kept for as long as these cells are lost. False: it has them still. */
static bool lose(struct semaphore *sem, cells_t cells)
{
	if (count_mode(load_acq(&sem->word)) != COUNT_CENTRAL) /* KSEM_ORD_13 acquire */
		return false;
	if (!cas_acq_rel(&sem->cells, &cells, lost_now())) /* KSEM_ORD_12 release, KSEM_ORD_12 acquire */
		return false;                              /* the semaphore's end took them */
	cells_lose(cells);
	return true;
}

/* Gives the semaphore cells. It may have come to its end meanwhile: then who finds them there must take them. */
static void give(struct semaphore *sem, cells_t have)
{
	cells_t cells = cells_take();
	count_t c;

	if (!cells)
		return;
	if (!cas_acq_rel(&sem->cells, &have, cells)) { /* KSEM_ORD_12 release, KSEM_ORD_12 acquire */
		cells_give(cells);
		return;
	}
	c = semaphore_word(sem);
	if ((count_is_dead(c) || count_is_orphan(c)) && percpu_take_cells(sem))
		cells_lose(cells);
}

/* A sample of a semaphore that has no cells. */
static void earn(struct semaphore *sem, cells_t have)
{
	cells_t next;

	if (have == 0) {
		give(sem, have);
		return;
	}
	if (have <= CELLS_LOST && !epoch_has_passed(have))
		return;
	next = (cells_t)(have <= CELLS_LOST ? -CELLS_AFTER_SAMPLES : have + 1);
	cas_rlx(&sem->cells, &have, next); /* relaxed: a number to go by */
}

/* A sample of one that has. */
static void consider(struct semaphore *sem, cells_t cells)
{
	struct cells_control *control = cells_control(cells);
	uint32_t let_pass = load_rlx(&control->let_pass);                             /* relaxed: a number to go by */
	uint32_t pass = count_value(load_rlx(&sem->word)) > 1 ? PASS_MORE : PASS_ONE; /* relaxed: as above */
	uint32_t nobody = 0;

	if (let_pass > 0) {
		store_rlx(&control->let_pass, let_pass > pass ? let_pass - pass : 0); /* relaxed: as above */
		return;
	}
	if (!cas_acq(&control->preparer, &nobody, 1)) /* KSEM_ORD_11 acquire */
		return;
	/* relaxed: a number to go by */
	if (load_rlx(&control->back_off) >= 1u << BACK_OFF_MAX && lose(sem, cells))
		return;
	prepare(sem, cells);
	store_rel(&control->preparer, 0); /* KSEM_ORD_11 release */
}

static __attribute__((noinline)) void sample(struct semaphore *sem)
{
	cells_t cells;

	if (!cells_started() || !profits(load_rlx(&sem->word))) /* relaxed: a first look */
		return;
	rcu_enter();
	cells = load_acq(&sem->cells); /* KSEM_ORD_12 acquire */
	if (cells > 0)
		consider(sem, cells);
	else
		earn(sem, cells);
	rcu_leave();
}

void percpu_sample(struct semaphore *sem)
{
	if (unlikely(++percpu_takes % PERCPU_SAMPLE_PERIOD == 0))
		sample(sem);
}

/* ---- The end, and the child of a fork. ---- */

cells_t percpu_take_cells(struct semaphore *sem)
{
	cells_t cells = load_acq(&sem->cells); /* KSEM_ORD_12 acquire */

	while (!cas_acq_rel(&sem->cells, &cells, 0)) /* KSEM_ORD_12 release, KSEM_ORD_12 acquire */
		;
	return (cells_t)(cells > 0 ? cells : 0);
}

void percpu_after_fork(struct semaphore *sem)
{
	cells_t cells = load_rlx(&sem->cells); /* relaxed: the child has one thread */

	if (cells <= 0)
		return;
	store_rlx(&cells_control(cells)->visitors, 0); /* relaxed: as above */
	store_rlx(&cells_control(cells)->preparer, 0); /* relaxed: as above */
}
