/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving memory back after readers have left (object/reclaim.h): nothing is freed under a reader that may see it; lists
 * are bounded; grace periods are shared, but only by those who came before they began. And what follows for semaphores:
 * a look-up's result outlives destroy, and an unlinked semaphore lives for as long as something keeps it.
 *
 * liburcu's grace period is replaced by one that this file counts, and can hold up, around the real one.
 */
#include "support.h"

#include <dlfcn.h>
#include <limits.h>

#include "base/rcu.h"
#include "failing_memory.h"
#include "line/line.h"
#include "object/reclaim.h"
#include "os/futex.h"
#include "registry/process.h"

static struct {
	atomic_uint begun;
	atomic_uint allowed; /* the n-th to begin ends when n are allowed to */
} grace;

void urcu_bp_synchronize_rcu(void)
{
	void (*real)(void) = (void (*)(void))(uintptr_t)dlsym(RTLD_NEXT, "urcu_bp_synchronize_rcu");
	unsigned number = atomic_fetch_add(&grace.begun, 1) + 1;

	while (atomic_load(&grace.allowed) < number)
		sched_yield();
	real();
}

static int counted(void **state)
{
	(void)state;
	failing_memory_install();
	atomic_store(&grace.begun, 0);
	atomic_store(&grace.allowed, UINT_MAX);
	return 0;
}

static int counted_world(void **state)
{
	return counted(state) || world_setup(state);
}

static int world_given_back(void **state)
{
	return world_teardown(state) || failing_memory_teardown(state);
}

struct block {
	struct retired retired;
	uint64_t content;
};

#define CONTENT UINT64_C(0x0123456789ABCDEF)

static struct block *block_new(void)
{
	struct block *block = memory_alloc(sizeof(*block), _Alignof(struct block));

	MUST(block);
	block->content = CONTENT;
	return block;
}

static struct reclaim list_of(unsigned blocks)
{
	struct reclaim list = {NULL, 0, 0};

	while (blocks--)
		reclaim_add(&list, &block_new()->retired, sizeof(struct block));
	return list;
}

/* ---- Lists. ---- */

static void a_list_is_full_at_its_count_or_its_bytes(void **state)
{
	struct reclaim list = list_of(RECLAIM_BLOCKS - 1), other = list_of(1), wide = {NULL, 0, 0};

	(void)state;
	assert_false(reclaim_is_full(&list));
	reclaim_when_full(&list);
	assert_int_equal(failing_memory_frees(), 0);
	reclaim_join(&list, &other);
	assert_true(reclaim_is_full(&list));
	assert_null(other.head);
	assert_int_equal(other.blocks, 0);
	assert_int_equal(other.bytes, 0);
	assert_int_equal(list.blocks, RECLAIM_BLOCKS);
	assert_int_equal(list.bytes, RECLAIM_BLOCKS * sizeof(struct block));
	reclaim_join(&list, &other); /* of nothing */
	assert_int_equal(list.blocks, RECLAIM_BLOCKS);
	reclaim_when_full(&list);
	assert_int_equal(failing_memory_frees(), RECLAIM_BLOCKS);
	assert_null(list.head);

	reclaim_add(&wide, &block_new()->retired, RECLAIM_BYTES - 1);
	assert_false(reclaim_is_full(&wide));
	reclaim_add(&wide, &block_new()->retired, 1);
	assert_true(reclaim_is_full(&wide));
	other = reclaim_take(&wide);
	assert_false(reclaim_is_full(&wide));
	assert_null(wide.head);
	assert_int_equal(other.blocks, 2);
	reclaim_free(other);
}

static void an_empty_list_waits_for_nobody(void **state)
{
	struct reclaim list = {NULL, 0, 0};

	(void)state;
	reclaim_free(list);
	reclaim_free(reclaim_take(&list));
	reclaim_when_full(&list);
	assert_int_equal(atomic_load(&grace.begun), 0);
	reclaim_free(list_of(RECLAIM_BLOCKS));
	assert_int_equal(atomic_load(&grace.begun), 1); /* one for all of them */
}

/* ---- Readers. While others use what is on its stack, a test can't jump off by an assertion: MUST. ---- */

/* A thread that enters a read section, says so, and leaves when it's told to. */
struct reader {
	pthread_t thread;
	atomic_bool in, leave;
	const struct block *sees; /* checked before it leaves; may be NULL */
};

static void *read_until_told(void *arg)
{
	struct reader *reader = arg;

	rcu_enter();
	rcu_enter(); /* sections nest: the inner end doesn't end the outer */
	rcu_leave();
	atomic_store(&reader->in, true);
	while (!atomic_load(&reader->leave))
		sched_yield();
	MUST(!reader->sees || reader->sees->content == CONTENT);
	rcu_leave();
	return NULL;
}

static void reader_enter(struct reader *reader, const struct block *sees)
{
	atomic_store(&reader->in, false);
	atomic_store(&reader->leave, false);
	reader->sees = sees;
	reader->thread = start(read_until_told, reader);
	while (!atomic_load(&reader->in))
		sched_yield();
}

static void reader_leave(struct reader *reader)
{
	atomic_store(&reader->leave, true);
	finish(reader->thread);
}

static void *free_list(void *arg)
{
	reclaim_free(*(struct reclaim *)arg);
	return NULL;
}

/* Until so many grace periods have begun, or, wrongly, what is watched was freed without. */
static void until_begun(unsigned graces)
{
	while (atomic_load(&grace.begun) < graces && !failing_memory_watched_is_freed())
		sched_yield();
}

static void nothing_is_freed_under_a_reader(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		struct reclaim list = list_of(10);
		size_t frees = failing_memory_frees();
		struct reader reader;
		pthread_t freeing;

		failing_memory_watch(list.head);
		reader_enter(&reader, (const struct block *)list.head);
		freeing = start(free_list, &list);
		until_begun(round + 1);
		sleep_ms(30); /* a chance to go wrong */
		MUST(failing_memory_frees() == frees);
		reader_leave(&reader);
		finish(freeing);
		MUST(failing_memory_frees() == frees + 10);
	}
}

static void each_of_many_readers_is_waited_for(void **state)
{
	enum { READERS = 5 };
	struct reclaim list = list_of(1);
	struct reader readers[READERS];
	pthread_t freeing;

	(void)state;
	failing_memory_watch(list.head);
	for (unsigned i = 0; i < READERS; i++)
		reader_enter(&readers[i], (const struct block *)list.head);
	freeing = start(free_list, &list);
	until_begun(1);
	for (unsigned i = 0; i < READERS; i++) {
		sleep_ms(10); /* a chance to go wrong */
		MUST(failing_memory_frees() == 0);
		reader_leave(&readers[(i * 2 + 1) % READERS]);
	}
	finish(freeing);
	MUST(failing_memory_frees() == 1);
}

static void who_comes_during_a_grace_period_waits_for_the_next(void **state)
{
	struct reclaim early = list_of(1), late = list_of(1);
	pthread_t a, b;

	(void)state;
	failing_memory_watch(late.head);
	atomic_store(&grace.allowed, 0);
	a = start(free_list, &early);
	until_begun(1);
	b = start(free_list, &late);
	sleep_ms(50); /* so that it mostly gets in line while the first runs */
	atomic_store(&grace.allowed, 1);
	finish(a);
	until_begun(2);
	MUST(atomic_load(&grace.begun) == 2);
	MUST(!failing_memory_watched_is_freed());
	atomic_store(&grace.allowed, 2);
	finish(b);
	MUST(failing_memory_watched_is_freed());
}

static void those_who_wait_together_share_a_grace_period(void **state)
{
	enum { TOGETHER = 8 };
	struct reclaim first = list_of(1), lists[TOGETHER];
	pthread_t a, threads[TOGETHER];

	(void)state;
	failing_memory_watch(first.head);
	atomic_store(&grace.allowed, 0);
	a = start(free_list, &first);
	until_begun(1);
	for (unsigned i = 0; i < TOGETHER; i++) {
		lists[i] = list_of(1);
		threads[i] = start(free_list, &lists[i]);
	}
	sleep_ms(100); /* they get in line; one of them that did is enough */
	atomic_store(&grace.allowed, UINT_MAX);
	finish(a);
	for (unsigned i = 0; i < TOGETHER; i++)
		finish(threads[i]);
	MUST(atomic_load(&grace.begun) >= 2);
	MUST(atomic_load(&grace.begun) < 1 + TOGETHER);
	MUST(failing_memory_frees() == 1 + TOGETHER);
}

/* A block that is replaced again and again, and read all the time. */
static _Atomic(struct block *) current;
static atomic_bool stop;

static void *read_current(void *arg)
{
	(void)arg;
	do {
		const struct block *block;

		rcu_enter();
		block = atomic_load(&current);
		for (unsigned i = 0; i < 50; i++) {
			MUST(block->content == CONTENT);
			atomic_signal_fence(memory_order_seq_cst); /* read it anew */
		}
		rcu_leave();
	} while (!atomic_load(&stop));
	return NULL;
}

static void *replace_current(void *arg)
{
	struct reclaim list = {NULL, 0, 0};

	(void)arg;
	for (unsigned i = 0; i < ROUNDS(1000); i++) {
		reclaim_add(&list, &atomic_exchange(&current, block_new())->retired, sizeof(struct block));
		if (list.blocks == 5)
			reclaim_free(reclaim_take(&list));
	}
	reclaim_free(list);
	return NULL;
}

static void what_a_reader_sees_is_never_freed(void **state)
{
	pthread_t readers[2], writers[2];

	(void)state;
	atomic_store(&stop, false);
	atomic_store(&current, block_new());
	for (unsigned i = 0; i < 2; i++)
		readers[i] = start(read_current, NULL);
	for (unsigned i = 0; i < 2; i++)
		writers[i] = start(replace_current, NULL);
	for (unsigned i = 0; i < 2; i++)
		finish(writers[i]);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		finish(readers[i]);
	memory_free(atomic_load(&current));
}

/* ---- Semaphores. ---- */

/* Ends so many semaphores that whatever was retired before is freed. */
static void flush(struct ksem_proc *proc)
{
	for (unsigned i = 0; i < 2 * RECLAIM_BLOCKS; i++) {
		ksem_id_t id;

		MUST(ksem_init(proc, 0, &id) == 0);
		MUST(ksem_destroy(proc, id) == 0);
	}
}

static void *flush_in_thread(void *arg)
{
	flush(arg);
	return NULL;
}

static void what_is_retired_is_bounded_and_shares_grace_periods(void **state)
{
	struct world *world = *state;
	char name[KSEM_NAME_MAX + 1] = "/";
	size_t blocks, bytes;
	ksem_id_t id;

	OK(ksem_init(world->proc, 0, &id)); /* makes slots and table */
	OK(ksem_destroy(world->proc, id));
	memset(name + 1, 'n', sizeof(name) - 2);
	blocks = failing_memory_blocks();
	bytes = failing_memory_bytes();
	atomic_store(&grace.begun, 0);
	for (unsigned i = 0; i < 10 * RECLAIM_BLOCKS; i++) {
		OK(ksem_init(world->proc, 0, &id));
		OK(ksem_destroy(world->proc, id));
		assert_true(failing_memory_blocks() <= blocks + RECLAIM_BLOCKS);
	}
	assert_true(atomic_load(&grace.begun) >= 9);
	assert_true(atomic_load(&grace.begun) <= 11);
	for (unsigned i = 0; i < 4 * RECLAIM_BLOCKS; i++) {
		OK(ksem_open(world->proc, name, O_CREAT, 0600, 0, &id));
		OK(ksem_unlink(world->proc, name));
		OK(ksem_close(world->proc, id));
		assert_true(failing_memory_bytes() <= bytes + RECLAIM_BYTES + 1024);
	}
}

/* A thread that looks a semaphore up, and looks at it again after it was destroyed. */
struct look {
	struct ksem_proc *proc;
	ksem_id_t id;
	atomic_bool found, look_again;
};

static void *look_twice(void *arg)
{
	struct look *look = arg;
	const struct ksem *ksem;

	rcu_enter();
	ksem = process_find(look->proc, look->id);
	MUST(ksem);
	atomic_store(&look->found, true);
	while (!atomic_load(&look->look_again))
		sched_yield();
	MUST(object_id(ksem) == look->id);
	MUST(word_is_dead(semaphore_word(&ksem->sem)));
	rcu_leave();
	return NULL;
}

static void what_was_looked_up_outlives_destroy(void **state)
{
	struct world *world = *state;
	struct look look = {.proc = world->proc};
	pthread_t looking, flushing;

	OK(ksem_init(world->proc, 0, &look.id));
	failing_memory_watch(ids_find_listed(&world->proc->ids, look.id));
	looking = start(look_twice, &look);
	while (!atomic_load(&look.found))
		sched_yield();
	OK(ksem_destroy(world->proc, look.id));
	atomic_store(&grace.begun, 0);
	flushing = start(flush_in_thread, world->proc);
	until_begun(1);
	sleep_ms(30); /* a chance to go wrong */
	MUST(!failing_memory_watched_is_freed());
	atomic_store(&look.look_again, true);
	finish(looking);
	finish(flushing);
	MUST(failing_memory_watched_is_freed());
}

static void an_unlinked_semaphore_lives_while_it_is_referenced(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	ksem_id_t id, same;
	struct ksem *pin;

	OK(ksem_open(world->proc, "/name", O_CREAT | O_EXCL, 0600, 1, &id));
	OK(ksem_open(other, "/name", 0, 0, 0, &same));
	assert_true(same == id);
	failing_memory_watch(ids_find_listed(&other->ids, id));
	OK(ksem_unlink(world->proc, "/name"));
	flush(world->proc);
	OK(ksem_wait(other, id));
	OK(ksem_post(world->proc, id));
	OK(ksem_close(world->proc, id));
	flush(world->proc);
	assert_false(failing_memory_watched_is_freed());
	OK(ksem_wait(other, id));
	OK(ksem_post_many(other, id, 3));
	assert_int_equal(value_of(other, id), 3);

	OK(ksem_pin(other, id, &pin)); /* kept by a pin alone */
	OK(ksem_close(other, id));
	flush(world->proc);
	assert_false(failing_memory_watched_is_freed());
	OK(ksem_pinned_wait(pin));
	ksem_unpin(pin);
	flush(world->proc);
	assert_true(failing_memory_watched_is_freed());
	OK(ksem_proc_exit(other));
}

struct wait {
	struct ksem_proc *proc;
	ksem_id_t id;
};

static void *wait_once(void *arg)
{
	struct wait *wait = arg;

	MUST(ksem_wait(wait->proc, wait->id) == 0);
	return NULL;
}

static void a_waiter_alone_keeps_a_semaphore(void **state)
{
	struct world *world = *state;
	struct ksem_proc *other = world_user(world, 0, 0);
	struct wait wait = {.proc = other};
	pthread_t waiting;
	struct ksem *ksem;

	OK(ksem_open(other, "/name", O_CREAT | O_EXCL, 0600, 0, &wait.id));
	ksem = ids_find_listed(&other->ids, wait.id);
	failing_memory_watch(ksem);
	waiting = start(wait_once, &wait);
	until_waiting(other, wait.id, 1);
	OK(ksem_unlink(world->proc, "/name"));
	OK(ksem_close(other, wait.id));
	flush(world->proc);
	assert_false(failing_memory_watched_is_freed());
	OK(semaphore_post(&ksem->sem, 1)); /* nobody can by id; as one who looked it up before */
	finish(waiting);
	flush(world->proc);
	assert_true(failing_memory_watched_is_freed());
	OK(ksem_proc_exit(other));
}

/* ---- A post that is in its wake call, while who took its permit ends the semaphore. ---- */

static struct {
	struct ksem_proc *proc;
	ksem_id_t id;
	struct ksem *pin;
	int (*wake)(atomic(uint32_t) *word, uint32_t n);
	atomic_bool called;
	pthread_t ending;
	bool freed; /* when the call ended */
} late;

static void *end_and_flush(void *arg)
{
	(void)arg;
	ksem_unpin(late.pin);
	while (ksem_destroy(late.proc, late.id) == EBUSY)
		sched_yield();
	flush(late.proc);
	return NULL;
}

static int wake_slowly(atomic(uint32_t) *word, uint32_t n)
{
	int woken = late.wake(word, n);

	if (!atomic_exchange(&late.called, true)) {
		late.ending = start(end_and_flush, NULL);
		sleep_ms(100); /* a chance to go wrong */
		late.freed = failing_memory_watched_is_freed();
	}
	return woken;
}

static void a_post_keeps_the_semaphore_until_it_has_counted_who_woke(void **state)
{
	struct world *world = *state;
	struct wait wait = {.proc = world->proc};
	pthread_t waiting;

	late.proc = world->proc;
	OK(ksem_init(world->proc, 0, &wait.id));
	OK(ksem_pin(world->proc, wait.id, &late.pin));
	late.id = wait.id;
	failing_memory_watch(late.pin);
	waiting = start(wait_once, &wait);
	until_waiting(world->proc, wait.id, 1);
	sleep_ms(100); /* to sleep */
	late.wake = futex_ops.wake;
	futex_ops.wake = wake_slowly;
	OK(ksem_pinned_post(late.pin));
	if (atomic_load(&late.called)) /* unless the waiter took the permit before it slept */
		finish(late.ending);
	else
		end_and_flush(NULL);
	futex_ops.wake = late.wake;
	finish(waiting);
	assert_false(late.freed);
	assert_true(failing_memory_watched_is_freed());
}

static void *exec(void *arg)
{
	MUST(ksem_proc_exec(arg) == 0);
	return NULL;
}

/* Who found the semaphore before the references went would wait for what nobody in the process can post. */
static void nobody_begins_to_wait_in_a_process_that_drops_its_references(void **state)
{
	struct world *world = *state;
	pthread_t dropping;
	bool began;

	for (unsigned i = 0; i < 2 * RECLAIM_BLOCKS; i++) {
		ksem_id_t id;

		OK(ksem_init(world->proc, 0, &id));
	}
	failing_memory_watch(NULL);
	atomic_store(&grace.begun, 0);
	atomic_store(&grace.allowed, 0);
	dropping = start(exec, world->proc);
	until_begun(1); /* in the middle of it, memory goes back */
	began = process_begin_wait(world->proc);
	if (began)
		process_end_wait(world->proc);
	atomic_store(&grace.allowed, UINT_MAX);
	finish(dropping);
	assert_false(began);
	assert_true(process_begin_wait(world->proc));
	process_end_wait(world->proc);
}

#define counted_test(f)       cmocka_unit_test_setup_teardown(f, counted, failing_memory_teardown)
#define counted_world_test(f) cmocka_unit_test_setup_teardown(f, counted_world, world_given_back)

/* Of files that are unlinked, nothing stays mapped: a line's mapping is so long that the list is full. */
static void leaves_no_mapping(struct ksem_proc *proc, const char *dir)
{
	const struct ksem_attr with_line = {.size = sizeof(with_line), .order = KSEM_FIFO};
	char name[32];
	ksem_id_t id;

	for (int i = 0; i < 20; i++) { /* more than stay mapped */
		snprintf(name, sizeof(name), "/line%d", i);
		OK(ksem_open_attr(proc, name, O_CREAT, 0600, &with_line, 0, &id));
		OK(ksem_close(proc, id));
		OK(ksem_open(proc, name, 0, 0, 0, &id));
		OK(ksem_close(proc, id));
	}
	assert_true(mappings_of(dir) > 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "/line%d", i);
		OK(ksem_unlink(proc, name));
	}
	assert_int_equal(mappings_of(dir), 0);
}

/* Its page stays mapped, and the library's struct for it is another one each time. */
static void what_opens_of_a_shared_name_retire_shares_grace_periods(void **state)
{
	char *dir = shared_directory_new();
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = dir};
	struct ksem_ns *ns;
	struct ksem_proc *proc;
	ksem_id_t id;

	(void)state;
	OK(ksem_ns_create(&options, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	OK(ksem_open(proc, "/again", O_CREAT, 0600, 0, &id));
	atomic_store(&grace.begun, 0);
	for (int i = 0; i < 100; i++) {
		OK(ksem_close(proc, id));
		OK(ksem_open(proc, "/again", 0, 0, 0, &id));
	}
	assert_int_equal(atomic_load(&grace.begun), 0);
	OK(ksem_close(proc, id));
	OK(ksem_unlink(proc, "/again"));
	if (!EMULATED && line_works()) /* the emulator gives a shared semaphore no line */
		leaves_no_mapping(proc, dir);

	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(ns));
	shared_directory_free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(a_list_is_full_at_its_count_or_its_bytes),
		counted_test(an_empty_list_waits_for_nobody),
		counted_test(nothing_is_freed_under_a_reader),
		counted_test(each_of_many_readers_is_waited_for),
		counted_test(who_comes_during_a_grace_period_waits_for_the_next),
		counted_test(those_who_wait_together_share_a_grace_period),
		counted_test(what_a_reader_sees_is_never_freed),
		counted_world_test(what_is_retired_is_bounded_and_shares_grace_periods),
		counted_test(what_opens_of_a_shared_name_retire_shares_grace_periods),
		counted_world_test(what_was_looked_up_outlives_destroy),
		counted_world_test(an_unlinked_semaphore_lives_while_it_is_referenced),
		counted_world_test(a_waiter_alone_keeps_a_semaphore),
		counted_world_test(nobody_begins_to_wait_in_a_process_that_drops_its_references),
		counted_world_test(a_post_keeps_the_semaphore_until_it_has_counted_who_woke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
