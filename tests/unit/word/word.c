/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The word of a semaphore, without a thread: every transition on every kind of word, against a model that keeps each
 * fact in a variable of its own. A transition gives the model's answer, leaves the bits that it isn't about as they are
 * (also those that have no meaning yet), writes no next word when it refuses, and leads from legal words to legal words
 * only.
 */
#include "support.h"

#include "os/rseq.h"
#include "word/word.h"

static const uint32_t values[] = {0, 1, 2, 3, WORD_VALUE_MAX / 2, WORD_VALUE_MAX - 1, WORD_VALUE_MAX};
static const uint32_t waiters[] = {0, 1, 2, 3, WORD_WAITERS_MAX - 1, WORD_WAITERS_MAX};
static const uint64_t spares[] = {
	0, UINT64_C(1) << 54, UINT64_C(1) << 55, UINT64_C(1) << 61, UINT64_C(1) << 63, UINT64_C(0xE0C0000000000000)};
#define NEVER UINT64_C(0x123456789ABCDEF0) /* stands where nothing may be written */

struct model {
	uint64_t value, waiters, spare;
	bool dead, orphan;
};

static word_t word_of(struct model m)
{
	return m.value + m.waiters * (UINT64_C(1) << 32) + (m.dead ? UINT64_C(1) << 56 : 0) +
	       (m.orphan ? UINT64_C(1) << 57 : 0) + m.spare;
}

static const enum word_mode modes[] = {WORD_CENTRAL, WORD_PREPARING, WORD_PERCPU, WORD_REVOKING, WORD_EMPTYING};

/* As word.h has it: nobody waits on the dead, and an orphan has somebody who will end it. */
static bool is_legal(struct model m)
{
	return !(m.dead && m.waiters > 0) && !(m.orphan && m.waiters == 0 && !m.dead);
}

static struct model without_waiter(struct model m)
{
	if (m.waiters < WORD_WAITERS_MAX) /* else it is stuck */
		m.waiters--;
	if (m.waiters == 0)
		m.spare &= ~(WORD_WARNED | WORD_WIDE);
	if (m.orphan && m.waiters == 0)
		m.dead = true;
	return m;
}

/* A transition answered so and left *got; the model says so and `want`. */
static void check(int answer, const word_t *got, int error, struct model want)
{
	assert_int_equal(answer, error);
	assert_true(*got == (error ? NEVER : word_of(want)));
	assert_true(error || is_legal(want));
}

/* Of the waiters that can go on, those that won't look by themselves: whichever post gave the permits. */
static void check_to_wake(struct model posted)
{
	static const int32_t woken[] = {INT32_MIN, -1, 0, 1, 2, 3, INT32_MAX};

	for (size_t i = 0; i < sizeof(woken) / sizeof(*woken); i++) {
		int64_t more = posted.waiters < posted.value ? posted.waiters : posted.value;

		more -= woken[i] > 0 ? woken[i] : 0;
		if (posted.spare & (WORD_WIDE | WORD_SHUT)) /* whoever they are that can go on */
			more = posted.waiters > 0 ? WORD_WAKE_ALL : 0;
		assert_int_equal(word_to_wake(word_of(posted), woken[i]), more < 0 ? 0 : more);
	}
}

static void check_post(struct model m)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++) {
			uint32_t n = values[i], most = values[j];
			struct model want = m;
			word_t next = NEVER;
			int error = m.dead ? EINVAL : m.value + n > most ? EOVERFLOW : 0;

			want.value += n;
			check(word_post(word_of(m), n, most, &next), &next, error, want);
			if (error == 0)
				check_to_wake(want);
		}
	}
}

/* What word_take_as answers, and leaves: in *next always, and what isn't changed as it was. */
static void check_as(struct model m, uint32_t n, enum word_taker taker, int error, struct model want)
{
	word_t next = NEVER;

	assert_int_equal(word_take_as(word_of(m), n, n, taker, &next), error);
	assert_true(next == word_of(want));
	assert_true(is_legal(want));
}

static void check_take(struct model m)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		uint32_t n = values[i];
		int error = m.dead ? EINVAL : m.value < n ? EAGAIN : 0;
		struct model want = m;
		word_t next = NEVER;

		want.value -= error ? 0 : n;
		check(word_take(word_of(m), n, &next), &next, error, want);
		check_as(m, n, WORD_TRIES, error, want);
		if (error != EAGAIN)
			check_as(m, n, WORD_REGISTERS, error, want);
	}
}

static void check_take_some(struct model m)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		uint32_t most = values[i], there = m.value < most ? (uint32_t)m.value : most;
		struct model want = m;
		word_t next = NEVER;

		want.value -= most;
		check(word_take_some(word_of(m), most, most, &next), &next,
		      m.dead          ? EINVAL :
		      m.value >= most ? 0 :
					EAGAIN,
		      want);
		if (most == 0)
			continue;
		next = NEVER;
		want.value = m.value - there;
		check(word_take_some(word_of(m), 1, most, &next), &next,
		      m.dead      ? EINVAL :
		      m.value > 0 ? 0 :
				    EAGAIN,
		      want);
	}
}

static void check_register(struct model m)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		uint32_t n = values[i];
		bool shut = m.spare & WORD_SHUT;
		struct model want = m;
		word_t next = NEVER;

		if (m.waiters < WORD_WAITERS_MAX) /* else it is stuck */
			want.waiters++;
		if (n > 1)
			want.spare |= WORD_WIDE;
		check(word_register(word_of(m), n, &next), &next,
		      m.dead       ? EINVAL :
		      m.value >= n ? EAGAIN :
		      shut         ? ESHUTDOWN :
				     0,
		      want);
		if (!m.dead && m.value < n && shut)
			check_as(m, n, WORD_REGISTERS, ESHUTDOWN, m);
		else if (!m.dead && m.value < n)
			check_as(m, n, WORD_REGISTERS, EAGAIN, want);
	}
}

static void check_leave(struct model m)
{
	if (m.waiters == 0)
		return; /* only a waiter leaves */
	assert_true(word_deregister(word_of(m)) == word_of(without_waiter(m)));
	assert_true(is_legal(without_waiter(m)));
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		uint32_t n = values[i];
		struct model want = without_waiter(m);
		word_t next = NEVER;

		check(word_give_up(word_of(m), n, &next), &next, m.value >= n ? EAGAIN : 0, want);
		if (m.value < n) {
			bool shut = m.spare & WORD_SHUT;

			check_as(m, n, WORD_GIVES_UP, shut ? ESHUTDOWN : ECANCELED, want);
			check_as(m, n, WORD_REGISTERED, shut ? ESHUTDOWN : EAGAIN, shut ? want : m);
		}
		next = NEVER;
		want.value -= n;
		check(word_take_registered(word_of(m), n, &next), &next, m.value < n ? EAGAIN : 0, want);
		if (m.value >= n) {
			check_as(m, n, WORD_GIVES_UP, 0, want);
			check_as(m, n, WORD_REGISTERED, 0, want);
		}
	}
}

/* What others can write isn't believed: a count of waiters that is too low, or a word that is dead all the same. */
static void a_waiter_leaves_a_word_that_does_not_count_it(void **state)
{
	word_t next;

	(void)state;
	assert_int_equal(word_take_as(word_new(3), 1, 1, WORD_REGISTERED, &next), 0);
	assert_true(next == word_new(2));
	assert_int_equal(word_take_as(word_new(0), 1, 1, WORD_GIVES_UP, &next), ECANCELED);
	assert_true(next == word_new(0));
	assert_int_equal(word_take_as(WORD_DEAD | WORD_WAITER | 1, 1, 1, WORD_REGISTERED, &next), EINVAL);
	assert_int_equal(word_take_as(WORD_DEAD | WORD_WAITER | 1, 1, 1, WORD_GIVES_UP, &next), EINVAL);
}

/* A post in a mode other than central may lead so far that what slots hold counts. */
static void slots_count_beyond_what_a_word_may_hold_beside_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		word_t c = word_with_mode(word_new(WORD_PERCPU_MAX), modes[i]);

		assert_false(word_counts_slots(c, c));
		assert_int_equal(word_counts_slots(c, c + 1), modes[i] != WORD_CENTRAL);
	}
}

static void check_end(struct model m)
{
	struct model want = m;
	word_t next = NEVER;

	want.dead = true;
	check(word_kill(word_of(m), &next), &next, m.waiters > 0 ? EBUSY : 0, want);
	want = m;
	if (m.waiters > 0)
		want.orphan = true;
	else
		want.dead = true;
	assert_true(word_abandon(word_of(m)) == word_of(want));
	assert_true(is_legal(want));
}

static void check_after_fork(struct model m)
{
	for (uint32_t left = 0; left <= 1 && left <= m.waiters; left++) { /* a child has one thread */
		struct model want = m;

		want.waiters = left;
		if (left == 0 && m.waiters > 0)
			want.spare &= ~(WORD_SEVERAL | WORD_WIDE);
		if (want.orphan && left == 0)
			want.dead = true;
		assert_true(word_after_fork(word_of(m), left) == word_of(want));
		assert_true(is_legal(want));
	}
}

static void check_reading(struct model m)
{
	word_t c = word_of(m);

	assert_int_equal(word_value(c), m.value);
	assert_int_equal(word_waiters(c), m.waiters);
	assert_int_equal(word_is_dead(c), m.dead);
	assert_int_equal(word_is_orphan(c), m.orphan);
	assert_int_equal(word_is_shut(c), (m.spare & WORD_SHUT) != 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		assert_int_equal(word_is_empty(word_with_mode(c, modes[i])),
				 m.value == 0 && modes[i] == WORD_CENTRAL && !m.dead && !m.orphan &&
					 m.spare >> 56 == 0);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		assert_int_equal(word_ends_wait(c, values[i]),
				 m.value >= values[i] || m.spare & (WORD_SHUT | WORD_MOVED));
}

static void for_every_legal_word(void (*check_word)(struct model))
{
	unsigned words = 0;

	for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
		for (size_t w = 0; w < sizeof(waiters) / sizeof(*waiters); w++) {
			for (size_t s = 0; s < sizeof(spares) / sizeof(*spares); s++) {
				for (unsigned flags = 0; flags < 4; flags++) {
					struct model m = {values[v], waiters[w], spares[s], flags & 1, flags & 2};

					if (!is_legal(m))
						continue;
					check_word(m);
					words++;
				}
			}
		}
	}
	assert_int_equal(words, 7 * 6 * (5 * 2 + 3)); /* with waiters: orphan or not; without: any but orphan alone */
}

static void the_facts_of_a_word_are_read_apart(void **state)
{
	(void)state;
	for_every_legal_word(check_reading);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		check_reading((struct model){.value = values[i]});
	assert_true(word_new(WORD_VALUE_MAX) == word_of((struct model){.value = WORD_VALUE_MAX}));
	assert_int_equal(WORD_VALUE_MAX, KSEM_VALUE_MAX);
}

static void post_adds_all_or_nothing_and_wakes_who_can_go_on(void **state)
{
	(void)state;
	for_every_legal_word(check_post);
}

static void take_needs_a_permit(void **state)
{
	(void)state;
	for_every_legal_word(check_take);
}

static void nobody_registers_where_permits_may_be_elsewhere(void **state)
{
	word_t next = NEVER;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (modes[i] == WORD_CENTRAL)
			continue;
		FAILS(EAGAIN, word_register(word_with_mode(word_new(0), modes[i]), 1, &next));
		FAILS(EAGAIN, word_take(word_with_mode(word_new(0), modes[i]), 1, &next));
		assert_true(next == NEVER);
	}
}

static void a_mode_changes_nothing_else(void **state)
{
	const word_t words[] = {word_new(0), word_new(7), word_new(WORD_VALUE_MAX), ~WORD_MODES, WORD_DEAD | 3};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		for (size_t j = 0; j < sizeof(modes) / sizeof(*modes); j++) {
			word_t c = word_with_mode(words[i], modes[j]);

			assert_int_equal(word_mode(c), modes[j]);
			assert_true((c & ~WORD_MODES) == (words[i] & ~WORD_MODES));
		}
	}
	assert_int_equal(word_with_mode(word_new(9), WORD_PERCPU) >> 56, KSEM_INLINE_PERCPU);
}

/* Sequences may have seen percpu, and read the place while it is revoked. */
static void a_place_stays_until_a_revocation_has_ended(void **state)
{
	word_t c = word_with_place(word_with_mode(word_new(9), WORD_PREPARING), 32767);

	(void)state;
	assert_int_equal(word_mode(c), WORD_PERCPU);
	assert_int_equal(c >> 32 & 0xFFFF, 32767);
	assert_int_equal(word_waiters(c), 0);
	assert_int_equal(word_waiters(c | WORD_DEAD), 0);
	c = word_with_mode(c, WORD_REVOKING);
	assert_int_equal(c >> 32 & 0xFFFF, 32767);
	assert_int_equal(word_waiters(c), 0);
	c = word_with_mode(c, WORD_EMPTYING);
	assert_true(c == word_with_mode(word_new(9), WORD_EMPTYING));
}

static void a_take_of_several_is_all_or_nothing_or_as_many_as_there_are(void **state)
{
	(void)state;
	for_every_legal_word(check_take_some);
}

static void registering_is_only_where_there_is_no_permit(void **state)
{
	(void)state;
	for_every_legal_word(check_register);
}

static void leaving_takes_a_permit_or_finds_none(void **state)
{
	(void)state;
	for_every_legal_word(check_leave);
}

static void end_is_refused_or_left_to_the_last_waiter(void **state)
{
	(void)state;
	for_every_legal_word(check_end);
}

static void a_forks_child_counts_off_the_waiters_it_has_not(void **state)
{
	(void)state;
	for_every_legal_word(check_after_fork);
}

/* Every word that transitions can reach with up to three permits and three waiters. */

#define SPAN   4
#define STATES (SPAN * SPAN * 4)

static unsigned number_of(word_t c)
{
	return (word_value(c) * SPAN + word_waiters(c)) * 4 + word_is_dead(c) * 2 + word_is_orphan(c);
}

struct search {
	word_t queue[STATES];
	bool seen[STATES];
	unsigned found;
};

static void reach(struct search *search, word_t c)
{
	if (word_value(c) >= SPAN || word_waiters(c) >= SPAN || search->seen[number_of(c)])
		return;
	search->seen[number_of(c)] = true;
	search->queue[search->found++] = c;
}

static void reach_all_from(struct search *search, word_t c)
{
	word_t next;

	for (uint32_t n = 0; n < SPAN; n++) {
		if (word_post(c, n, WORD_VALUE_MAX, &next) == 0)
			reach(search, next);
	}
	if (word_take(c, 1, &next) == 0)
		reach(search, next);
	if (word_register(c, 1, &next) == 0)
		reach(search, next);
	if (word_waiters(c) > 0 && word_take_registered(c, 1, &next) == 0)
		reach(search, next);
	if (word_waiters(c) > 0 && word_give_up(c, 1, &next) == 0)
		reach(search, next);
	if (word_kill(c, &next) == 0)
		reach(search, next);
	reach(search, word_abandon(c));
}

static void no_way_leads_to_an_illegal_word_or_back_from_the_dead(void **state)
{
	static struct search search;

	(void)state;
	reach(&search, word_new(0));
	for (unsigned i = 0; i < search.found; i++) {
		word_t c = search.queue[i];

		assert_true(is_legal((struct model){0, word_waiters(c), 0, word_is_dead(c), word_is_orphan(c)}));
		reach_all_from(&search, c);
		if (word_is_dead(c)) {
			struct search after = {.found = 0};

			reach_all_from(&after, c);
			for (unsigned j = 0; j < after.found; j++)
				assert_true(after.queue[j] == c);
		}
	}
	/*
	 * Alive: any of 4 values with any of 4 counts of waiters; orphan: with 1 to 3 of them; dead: any value, without
	 * waiters; dead orphan: its last waiter took one of the permits, or there was none.
	 */
	assert_int_equal(search.found, 4 * 4 + 4 * 3 + 4 + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_facts_of_a_word_are_read_apart),
		cmocka_unit_test(post_adds_all_or_nothing_and_wakes_who_can_go_on),
		cmocka_unit_test(take_needs_a_permit),
		cmocka_unit_test(a_take_of_several_is_all_or_nothing_or_as_many_as_there_are),
		cmocka_unit_test(registering_is_only_where_there_is_no_permit),
		cmocka_unit_test(nobody_registers_where_permits_may_be_elsewhere),
		cmocka_unit_test(a_mode_changes_nothing_else),
		cmocka_unit_test(a_place_stays_until_a_revocation_has_ended),
		cmocka_unit_test(leaving_takes_a_permit_or_finds_none),
		cmocka_unit_test(end_is_refused_or_left_to_the_last_waiter),
		cmocka_unit_test(a_forks_child_counts_off_the_waiters_it_has_not),
		cmocka_unit_test(a_waiter_leaves_a_word_that_does_not_count_it),
		cmocka_unit_test(slots_count_beyond_what_a_word_may_hold_beside_them),
		cmocka_unit_test(no_way_leads_to_an_illegal_word_or_back_from_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
