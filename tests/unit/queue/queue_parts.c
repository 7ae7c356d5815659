/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a completion queue: what its eventfd counts, its heap, its table; and that it changes nothing where
 * there is no memory. What programs see of queues, tests/features/queue.c has.
 */
#include "../../failing_memory.h"
#include "support.h"

#include <poll.h>
#include <unistd.h>

#include "queue/heap.h"
#include "queue/notify.h"
#include "queue/table.h"

/* ---- The eventfd. ---- */

/* How often it was written since it was last read. */
static uint64_t writes(const struct notify *notify)
{
	uint64_t count = 0;

	return read(notify->event, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static bool is_readable(const struct notify *notify)
{
	struct pollfd fd = {.fd = notify->epoll, .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static void it_is_written_once_until_it_is_cleared(void **state)
{
	struct notify notify = {0};

	(void)state;
	OK(notify_open(&notify));
	assert_false(is_readable(&notify));
	notify_set(&notify);
	notify_set(&notify);
	assert_true(is_readable(&notify));
	assert_int_equal(writes(&notify), 1);
	notify_set(&notify);
	assert_int_equal(writes(&notify), 0);
	notify_clear(&notify, false);
	notify_set(&notify);
	assert_int_equal(writes(&notify), 1);
	notify_close(&notify);
}

static void it_is_read_as_it_is_cleared(void **state)
{
	struct notify notify = {0};
	uint64_t one = 1;

	(void)state;
	OK(notify_open(&notify));
	notify_set(&notify);
	notify_clear(&notify, false);
	assert_false(is_readable(&notify));
	/* As a thread leaves it that was late: written, and not told. */
	assert_int_equal(write(notify.event, &one, sizeof(one)), sizeof(one));
	notify_clear(&notify, false);
	assert_true(is_readable(&notify));
	notify_clear(&notify, true);
	assert_false(is_readable(&notify));
	notify_close(&notify);
}

/* A thread has written, and stops before it notes that. Meanwhile a reader, who was woken by that, finds all. */
static void what_a_late_thread_notes_is_of_an_earlier_time(void **state)
{
	struct notify notify = {0};
	uint64_t one = 1, seen;

	(void)state;
	OK(notify_open(&notify));
	seen = load_rlx(&notify.state);
	assert_int_equal(write(notify.event, &one, sizeof(one)), sizeof(one));
	notify_clear(&notify, false);
	assert_false(cas_rlx(&notify.state, &seen, seen | 1));
	notify_set(&notify);
	assert_int_equal(writes(&notify), 2); /* so that there is an edge */
	notify_close(&notify);
}

static void a_timer_goes_off_and_is_armed_anew(void **state)
{
	struct notify notify = {0};

	(void)state;
	OK(notify_open(&notify));
	for (unsigned clock = 0; clock < NOTIFY_CLOCKS; clock++) {
		notify_arm(&notify, clock, 2 | clock); /* long ago */
		assert_true(is_readable(&notify));
		assert_true(notify_is_due(&notify, clock));
		notify_arm(&notify, clock, UINT64_MAX - 3 + clock); /* later than it is armed for */
		assert_int_equal(notify.armed[clock], 2 | clock);
		notify_rearm(&notify, clock, 0);
		assert_false(is_readable(&notify));
		assert_false(notify_is_due(&notify, clock));
	}
	notify_close(&notify);
}

/* ---- Heap and table, against what they stand for. ---- */

#define MANY 500

static struct timed timed[MANY];

static void a_heap_gives_the_earliest_first(void **state)
{
	struct random random = random_new();
	struct heap heap = {0};
	unsigned in = 0;

	(void)state;
	for (unsigned round = 0; round < 20 * MANY; round++) {
		struct timed *one = &timed[random_below(&random, MANY)];

		if (one->place) {
			heap_remove(&heap, one);
			in--;
		} else {
			one->due = 1 + random_below(&random, 50);
			assert_true(heap_reserve(&heap, heap.count));
			heap_add(&heap, one);
			in++;
		}
		assert_int_equal(heap.count, in);
		for (unsigned i = 0; i < MANY && in > 0; i++)
			assert_true(!timed[i].place || heap_first(&heap)->due <= timed[i].due);
	}
	for (uint64_t last = 0; heap.count > 0; heap_remove(&heap, heap_first(&heap))) {
		assert_true(heap_first(&heap)->due >= last);
		last = heap_first(&heap)->due;
	}
	assert_null(heap_first(&heap));
	heap_end(&heap);
}

static unsigned seen;

static void count_and_remove(struct link *link, void *table)
{
	seen++;
	table_remove(table, link);
}

static void a_table_finds_all_of_a_key(void **state)
{
	static struct link links[MANY];
	struct table table = {0};

	(void)state;
	assert_null(table_find(&table, 7));
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(table_reserve(&table));
		table_add(&table, &links[i], i % 10);
	}
	for (unsigned i = 0; i < MANY; i += 2)
		table_remove(&table, &links[i]);
	for (uint64_t key = 0; key < 10; key++) {
		unsigned found = 0;

		for (struct link *link = table_find(&table, key); link; link = table_find_next(link)) {
			assert_true(link->key == key);
			found++;
		}
		assert_int_equal(found, key % 2 ? MANY / 10 : 0);
	}
	seen = 0;
	table_for_all(&table, count_and_remove, &table);
	assert_int_equal(seen, MANY / 2);
	assert_int_equal(table.count, 0);
	table_end(&table);
}

/* ---- No memory. ---- */

static void without_memory_nothing_changes(void **state)
{
	struct ksem_completion done[4];
	struct ksem_attr attr = {.size = sizeof(attr), .order = KSEM_FIFO};
	struct timespec far = ksem_deadline_after(UINT64_C(3600000000000));
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	unsigned n, failed = 0;

	(void)state;
	failing_memory_install();
	OK(ksem_ns_create(NULL, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	for (unsigned at = 1;; at++) {
		struct ksem_cq *cq = NULL;
		ksem_id_t id;
		int error;

		OK(ksem_init_attr(proc, &attr, 0, &id));
		failing_memory_fail_at(at);
		error = ksem_cq_create(proc, &cq);
		assert_int_equal(error, cq ? 0 : ENOMEM);
		if (cq)
			error = ksem_cq_submit(cq, id, 1, CLOCK_MONOTONIC, &far, 1);
		if (failing_memory_failures() == 0) {
			failing_memory_fail_at(0);
			OK(error);
			OK(ksem_cq_destroy(cq));
			OK(ksem_destroy(proc, id));
			break;
		}
		failing_memory_fail_at(0);
		assert_int_equal(info_of(proc, id).waiters, cq && error == 0);
		if (cq && error) {
			assert_int_equal(error, ENOMEM);
			OK(ksem_cq_reap(cq, done, 4, &n));
			assert_int_equal(n, 0);
			OK(ksem_cq_submit(cq, id, 1, CLOCK_MONOTONIC, &far, 2));
		}
		if (cq)
			OK(ksem_cq_destroy(cq));
		OK(ksem_destroy(proc, id));
		failed++;
	}
	assert_true(failed >= 5);
	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(ns));
	failing_memory_uninstall();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_written_once_until_it_is_cleared),
		cmocka_unit_test(it_is_read_as_it_is_cleared),
		cmocka_unit_test(what_a_late_thread_notes_is_of_an_earlier_time),
		cmocka_unit_test(a_timer_goes_off_and_is_armed_anew),
		cmocka_unit_test(a_heap_gives_the_earliest_first),
		cmocka_unit_test(a_table_finds_all_of_a_key),
		cmocka_unit_test(without_memory_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
