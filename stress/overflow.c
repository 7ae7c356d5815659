/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Posts of many up to KSEM_VALUE_MAX and beyond, of which some must be refused whole: the variant overflow.
 *
 * Half of the rounds begin a little below the highest value; half at half of it, on whose two sides the library keeps
 * permits in different ways. The accounts have 64 bits, so a value that wraps shows as permits that are lost. In rounds
 * of the first kind the semaphore is filled up at quiescent points, to the last permit, and one more must be refused.
 */
#include "torture.h"

static struct book *book;
static bool half; /* constant during a round */

static unsigned some_or_many(struct worker *self)
{
	static const unsigned most[] = {1, 10, 1000, KSEM_VALUE_MAX / 4, KSEM_VALUE_MAX - 1};

	return 1 + random_below(&self->random, most[random_below(&self->random, half ? 2 : 5)]);
}

static void post_many_or_take(struct worker *self)
{
	struct via via = {self->proc};

	if (random_below(&self->random, 4) == 0)
		book_post(self, book, via, some_or_many(self));
	else
		book_take(self, book, via, true);
	if (random_below(&self->random, 16) == 0)
		book_look(self, book, via);
}

static void fill(void)
{
	struct worker *conductor = &workers[0];
	struct via via = {round_now.root};
	unsigned value = value_of(via.proc, book->id);

	if (half)
		return;
	if (value < KSEM_VALUE_MAX)
		book_post(conductor, book, via, KSEM_VALUE_MAX - value);
	CALL(ksem_post(via.proc, book->id), EOVERFLOW);
	CALL(ksem_pinned_post_many(book->pin, KSEM_VALUE_MAX), EOVERFLOW);
	if (value_of(via.proc, book->id) != KSEM_VALUE_MAX)
		complain("value", "%s: full with %u permits", book->what, value_of(via.proc, book->id));
	for (unsigned i = random_below(&conductor->random, 100); i > 0; i--)
		book_take(conductor, book, via, false);
}

static void begin(void)
{
	half = random_below(&round_now.random, 2);
	book = book_add("nearly full", NULL, half ? KSEM_VALUE_MAX / 2 : KSEM_VALUE_MAX - 3, KSEM_VALUE_MAX);
}

const struct variant variant_overflow = {"overflow", begin, post_many_or_take, fill, NULL};
