/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Payloads that hang on permits, and age: the variants hot and batches.
 *
 * A few stages in a ring, each a semaphore and the payloads for which it has permits. A thread takes permits of its
 * stage, and as many payloads; ages each by one; puts them to the next stage, and posts there. A payload's age tells at
 * which stage it must be: one that is found elsewhere, or not found at all, was reached without its permit. At a
 * quiescent point each stage has as many payloads as permits.
 *
 * Payloads are plain memory. Where there is only one, so is the place where it lies, and nothing orders its users but
 * the library: ThreadSanitizer would see it. Otherwise the places are atomic, and lend the order that their users need
 * who come by a permit of another's.
 *
 * Each stage has threads that serve no other, so there is always somebody who comes for what lies there.
 */
#include "torture.h"

#define STAGES_MAX   4
#define PAYLOADS_MAX 64

struct payload {
	unsigned long age; /* who took it out of its place */
};

static struct payload payloads[PAYLOADS_MAX];
static unsigned n_payloads, n_stages; /* constant during a round */

static struct stage {
	struct book *book;
	struct payload *only;                           /* under the permit, if there is one payload */
	_Atomic(struct payload *) places[PAYLOADS_MAX]; /* otherwise */
} stages[STAGES_MAX];

static void put(struct worker *self, struct stage *stage, struct payload *payload)
{
	unsigned i = random_below(&self->random, n_payloads);

	if (n_payloads == 1) {
		stage->only = payload;
		return;
	}
	for (;; i = (i + 1) % n_payloads) {
		struct payload *none = NULL;

		if (atomic_compare_exchange_strong(&stage->places[i], &none, payload))
			return;
	}
}

/* There is one for each permit, somewhere, but others take and put meanwhile. */
static struct payload *get(struct worker *self, struct stage *stage)
{
	unsigned i = random_below(&self->random, n_payloads);
	struct payload *payload = NULL;

	if (n_payloads == 1) {
		payload = stage->only;
		stage->only = NULL;
		if (!payload)
			complain("payload", "%s: a permit without a payload", stage->book->what);
		return payload;
	}
	for (unsigned looks = 1; !payload; looks++, i = (i + 1) % n_payloads) {
		if (atomic_load(&stage->places[i]))
			payload = atomic_exchange(&stage->places[i], NULL);
		if (looks % (4 * PAYLOADS_MAX) == 0)
			nanosleep(&(struct timespec){0, 50000}, NULL);
	}
	return payload;
}

static void make_older(struct worker *self, struct payload *payload, unsigned stage)
{
	if (payload->age % n_stages != stage)
		complain("payload", "one of age %lu at stage %u of %u", payload->age, stage, n_stages);
	if (!planted(PLANT_PAYLOAD, &self->random, 64))
		payload->age++;
}

void pipeline_move(struct worker *self, struct via via, unsigned batch)
{
	unsigned at = self->number % n_stages, n = 0;
	bool astray = random_below(&self->random, 8) == 0; /* at another stage, then; but not waiting there */
	struct payload *taken[PAYLOADS_MAX];
	struct stage *next;

	if (astray)
		at = random_below(&self->random, n_stages);
	next = &stages[(at + 1) % n_stages];
	if (batch > n_payloads)
		batch = n_payloads;
	while (n < batch && book_take(self, stages[at].book, via, n == 0 && !astray)) {
		if (atomic_load(&round_now.stop))
			return; /* a permit that was only meant to wake it */
		n++;
	}
	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++)
		taken[i] = get(self, &stages[at]);
	dawdle(&self->random);
	for (unsigned i = 0; i < n; i++) {
		make_older(self, taken[i], at);
		put(self, next, taken[i]);
	}
	book_post(self, next->book, via, n);
	if (random_below(&self->random, 16) == 0)
		book_look(self, next->book, via);
}

void pipeline_begin(void)
{
	static const char *const names[STAGES_MAX] = {"stage 0", "stage 1", "stage 2", "stage 3"};
	static const unsigned sizes[] = {1, 2, 5, PAYLOADS_MAX};

	n_stages = round_now.conditions.threads < STAGES_MAX ? round_now.conditions.threads : STAGES_MAX;
	n_payloads = sizes[random_below(&round_now.random, 4)];
	memset(stages, 0, sizeof(stages));
	memset(payloads, 0, sizeof(payloads));
	for (unsigned s = 0; s < n_stages; s++)
		stages[s].book = book_add(names[s], NULL, s == 0 ? n_payloads : 0, n_payloads);
	stages[0].only = n_payloads == 1 ? &payloads[0] : NULL;
	for (unsigned i = 0; i < n_payloads && n_payloads > 1; i++)
		atomic_store(&stages[0].places[i], &payloads[i]);
}

void pipeline_check(void)
{
	for (unsigned s = 0; s < n_stages; s++) {
		unsigned there = stages[s].only != NULL, value;

		for (unsigned i = 0; i < PAYLOADS_MAX; i++)
			there += atomic_load(&stages[s].places[i]) != NULL;
		value = value_of(round_now.root, stages[s].book->id);
		if (there != value)
			complain("payload", "%s has %u payloads of %u, but %u permits", stages[s].book->what, there,
				 n_payloads, value);
	}
}

static void move_one(struct worker *self)
{
	pipeline_move(self, (struct via){self->proc}, 1);
}

static void move_several(struct worker *self)
{
	pipeline_move(self, (struct via){self->proc}, 1 + random_below(&self->random, 8));
}

const struct variant variant_hot = {"hot", pipeline_begin, move_one, pipeline_check, NULL};
const struct variant variant_batches = {"batches", pipeline_begin, move_several, pipeline_check, NULL};
