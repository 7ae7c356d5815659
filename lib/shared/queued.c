/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits of completion queues: see queued.h.
 *
 * `queued` is raised before the wait registers, and lowered after it deregistered. So a process that comes back counts
 * enough of them (shared_come_back).
 */
#include "shared/queued.h"

#include <errno.h>

#include "shared/place.h"
#include "shared/semaphore.h"

static struct plain *plain_of(struct ksem *ksem)
{
	return object_plain(ksem);
}

static bool add_queued(struct shared *shared)
{
	if (fetch_add_rlx(&shared->queued, 1) < QUEUED_MAX) /* relaxed: a count; the word says what it is about */
		return true;
	fetch_sub_rlx(&shared->queued, 1); /* relaxed: as above */
	return false;
}

static int queued_enter(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	struct shared *shared = shared_of(ksem);
	int error;

	place_stay(ksem); /* if that fails, others may count it off; the listener looks for permits all the same */
	if (!add_queued(shared))
		return ENOMEM;
	plain_expect_stray_wakes(plain_of(ksem));
	error = shared_take_or_register(ksem, n, counted);
	if (error != EAGAIN)
		fetch_sub_rlx(&shared->queued, 1); /* relaxed: as above */
	return error;
}

static bool queued_count_again(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	if (!shared_is_present(ksem))
		return false;
	shared_count_again(ksem, n, counted);
	return true;
}

static int queued_leave(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	bool seen = queued_count_again(ksem, n, counted);
	int left = shared_deregister(ksem, n, false, seen, *counted);

	if (left != EAGAIN)
		fetch_sub_rlx(&shared_of(ksem)->queued, 1); /* relaxed: as above */
	return left;
}

static void queued_renounce(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	bool seen = queued_count_again(ksem, n, counted);

	shared_renounce(ksem, seen, *counted);
	fetch_sub_rlx(&shared_of(ksem)->queued, 1); /* relaxed: as above */
}

static void queued_look(struct ksem *ksem, struct direct_look *look)
{
	struct signal signal = plain_signal(plain_of(ksem), FUTEX_SHARED);
	word_t c = plain_word(plain_of(ksem));

	look->value = word_value(c);
	look->place = (struct futex_place){signal.word, look->value, signal.scope};
	look->ends = word_is_dead(c) || word_is_shut(c);
	look->counted = own_record_generation(&shared_of(ksem)->record);
}

static void queued_pass_on(struct ksem *ksem)
{
	plain_pass_on(plain_of(ksem));
}

const struct direct_ops shared_direct_ops = {
	.enter = queued_enter,
	.leave = queued_leave,
	.renounce = queued_renounce,
	.look = queued_look,
	.count_again = queued_count_again,
	.pass_on = queued_pass_on,
};
