/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Own records: see own_record.h.
 *
 * A thread that looks reads the holder before the generation; a thread that takes a further record writes the
 * generation first. So a thread that has found its generation has found the holder that belongs to it, or an older one,
 * which another process has taken.
 */
#include "shared/own_record.h"

void own_record_init(struct own_record *own, const struct directory *directory)
{
	own->directory = directory;
	store_rlx(&own->generation, 0); /* relaxed: nobody else has it yet */
	own_record_set_none(own);
}

static void set(struct own_record *own, struct holder *holder, uint32_t place)
{
	uint32_t next = load_rlx(&own->generation) + 1; /* relaxed: changed under the lock only */

	own->place = place;
	store_rel(&own->liveness, directory_liveness(own->directory)); /* KSEM_ORD_22 release */
	store_rel(&own->generation, next ? next : 1);                  /* KSEM_ORD_22 release */
	store_rel(&own->holder, holder);                               /* KSEM_ORD_22 release */
}

void own_record_set(struct own_record *own, const struct record *record)
{
	set(own, record->holder, record->place);
}

void own_record_set_none(struct own_record *own)
{
	static struct holder none; /* of no liveness, so nobody writes there */

	set(own, &none, UINT32_MAX);
}

static struct holder *holder_of(const struct own_record *own)
{
	return load_acq(&own->holder); /* KSEM_ORD_22 acquire */
}

uint32_t own_record_generation(const struct own_record *own)
{
	return load_acq(&own->generation); /* KSEM_ORD_22 acquire */
}

/* Its liveness, if that is this process's; else 0. While it is moved, that is the former or already the next. */
static uint64_t liveness_of(const struct own_record *own, const struct holder *holder)
{
	uint64_t former = load_acq(&own->liveness);      /* KSEM_ORD_22 acquire */
	uint64_t liveness = load_acq(&holder->liveness); /* KSEM_ORD_17 acquire */

	if (liveness == former)
		return liveness;
	return liveness == directory_liveness(own->directory) ? liveness : 0;
}

bool own_record_is_there(const struct own_record *own)
{
	return liveness_of(own, holder_of(own)) != 0;
}

bool own_record_move(struct own_record *own)
{
	uint64_t former = load_rlx(&own->liveness); /* relaxed: changed under the lock only */
	uint64_t liveness = directory_liveness(own->directory);
	struct holder *holder = holder_of(own);

	if (!holder_change_liveness(holder, former, liveness))
		return false;
	store_rel(&own->liveness, liveness); /* KSEM_ORD_22 release */
	holder_say_process(holder, own->directory, liveness);
	return true;
}

void own_record_leave(const struct own_record *own)
{
	struct holder *holder = holder_of(own);
	uint64_t liveness = liveness_of(own, holder);

	if (!liveness)
		return;
	store_rlx(&holder->refs, 0); /* relaxed: a number to show */
	(void)holder_change_liveness(holder, liveness, 0);
}

void own_record_tell_refs(const struct own_record *own, uint32_t refs)
{
	struct holder *holder = holder_of(own);

	if (liveness_of(own, holder))
		store_seq(&holder->refs, refs); /* KSEM_ORD_21 release, KSEM_ORD_21 acquire */
}

void own_record_say_process(const struct own_record *own)
{
	struct holder *holder = holder_of(own);
	uint64_t liveness = liveness_of(own, holder);

	if (liveness)
		holder_say_process(holder, own->directory, liveness);
}

uint32_t own_record_place(const struct own_record *own)
{
	return own_record_is_there(own) ? own->place : UINT32_MAX;
}

uint32_t own_record_begin_wait(const struct own_record *own)
{
	struct holder *holder = holder_of(own);
	uint32_t counted = own_record_generation(own);

	if (!liveness_of(own, holder))
		return 0;
	holder_begin_wait(holder);
	return counted;
}

void own_record_end_wait(const struct own_record *own, uint32_t counted)
{
	struct holder *holder = holder_of(own);

	if (own_record_counts(own, counted) && liveness_of(own, holder))
		holder_end_wait(holder);
}

bool own_record_counts(const struct own_record *own, uint32_t counted)
{
	return counted == own_record_generation(own);
}
