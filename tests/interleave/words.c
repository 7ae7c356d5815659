/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain semaphores of a scenario: see words.h.
 */
#include "words.h"

#include <errno.h>

#include "base/memory.h"
#include "checker.h"
#include "history.h"
#include "sem/plain.h"

static struct plain *plains[SEMAPHORES]; /* NULL: freed */

void words_begin(unsigned which, unsigned value)
{
	plains[which] = memory_alloc(sizeof(*plains[which]), KSEM_CACHE_LINE);
	plain_init(plains[which], value);
	memory_name(&plains[which]->word, which == 0 ? "word" : "word'");
	kernel_wakes_any();
}

int words_post(unsigned which, unsigned count)
{
	struct plain *sem = plains[which];
	bool nobody;

	if (count == 1 && plain_post_one(sem, COUNT_VALUE_MAX))
		return 0;
	return plain_post(sem, count, COUNT_VALUE_MAX, FUTEX_PRIVATE, &nobody);
}

int words_trywait(unsigned which)
{
	struct plain *sem = plains[which];
	int error = plain_take_one(sem) ? 0 : plain_take(sem);

	if (error != EAGAIN)
		return error;
	fence_acq_rel();
	return plain_take(sem);
}

int words_wait(unsigned which, bool timed)
{
	static const struct deadline never = {.time = {1, 0}};
	struct plain *sem = plains[which];
	int error;

	if (plain_take_one(sem))
		return 0;
	error = plain_take_or_enlist(sem);
	return error == EAGAIN ? plain_park(sem, timed ? &never : NULL, FUTEX_PRIVATE) : error;
}

int words_getvalue(unsigned which, unsigned *value)
{
	count_t word;

	fence_acq_rel();
	word = plain_word(plains[which]);
	if (count_is_dead(word))
		return EINVAL;
	*value = count_value(word);
	return 0;
}

int words_kill(unsigned which)
{
	return plain_kill(plains[which]);
}

void words_free(unsigned which)
{
	struct plain *sem = plains[which];

	plains[which] = NULL;
	memory_free(sem);
}

bool words_freed(unsigned which)
{
	return !plains[which];
}

count_t words_now(unsigned which)
{
	return plain_word(plains[which]);
}
