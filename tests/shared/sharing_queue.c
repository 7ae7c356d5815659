/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion queues in a namespace that OS processes share: who decides a wait is another process, which may be killed
 * anywhere, as may the queue's own.
 */
#define ATTRIBUTES ATTR(.order = KSEM_FIFO, .limit = LIMIT)
#define LIMIT      1000000

#include "queueing.h"

#include "line/line.h"
#include "line/list.h"

static void make_with(uint32_t order, uint32_t flags, uint32_t value)
{
	world = enter();
	OK(ksem_open_attr(world.proc, NAME, O_CREAT | O_EXCL, 0600,
			  ATTR(.order = order, .flags = flags, .limit = flags ? value : LIMIT), value, &id));
	OK(ksem_cq_create(world.proc, &cq));
}

/* ---- The thread. ---- */

static volatile sig_atomic_t handled;

static void note_signal(int signal)
{
	(void)signal;
	handled++;
}

/* The program's own threads block it; so it must stay pending, and not run in the library's thread. */
static void its_thread_takes_no_signals(void **state)
{
	const struct sigaction action = {.sa_handler = note_signal};
	sigset_t usr1, pending;

	(void)state;
	make(0);
	OK(submit(1, 1));
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	OK(sigaction(SIGUSR1, &action, NULL));
	OK(pthread_sigmask(SIG_BLOCK, &usr1, NULL));
	OK(kill(getpid(), SIGUSR1));
	OK(ksem_post(world.proc, id));
	comes(1, 0); /* the thread has run */
	OK(sigpending(&pending));
	assert_true(sigismember(&pending, SIGUSR1));
	assert_int_equal(handled, 0);
	OK(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL));
	assert_int_equal(handled, 1);
	signal(SIGUSR1, SIG_DFL);
	end();
}

/* ---- Deaths. ---- */

static void post_until_killed(void)
{
	come_in();
	fetch_add_seq(&board->ready, 1);
	for (;;) {
		fetch_add_seq(&board->begun, 1);
		while (ksem_post(world.proc, id) == EOVERFLOW)
			sched_yield();
		fetch_add_seq(&board->done, 1);
	}
}

/* No permit is lost that was posted, and no completion, whatever the poster was about to do. */
static void posters_may_be_killed(void **state)
{
	struct random random = random_new();
	unsigned got = 0, n;

	(void)state;
	make(0);
	for (unsigned i = 0; i < WAITS; i++)
		OK(submit(1, i));
	for (unsigned round = 0; round < (unsigned)ROUNDS(100); round++) {
		struct timespec begun;
		pid_t child = start_process(post_until_killed);

		until(&board->ready, round + 1);
		clock_gettime(CLOCK_MONOTONIC, &begun);
		for (int64_t ms = random_below(&random, 10); ms_since(begun) < ms;)
			got += readable(1) ? reap_and_wait_again() : 0;
		kill_and_reap(child);
	}
	while (got < load_seq(&board->done)) {
		assert_true(readable(PATIENCE));
		got += reap_and_wait_again();
	}
	assert_in_range(waiting(), 1, WAITS); /* and what a killed one left undone is done */
	while ((n = reap_and_wait_again()) > 0)
		got += n;
	assert_in_range(got, load_seq(&board->done), load_seq(&board->begun));
	assert_int_equal(value(), 0);
	assert_int_equal(waiting(), WAITS);
	end();
}

static void wait_in_front(void)
{
	come_in_with_queue();
	for (unsigned i = 0; i < 100; i++)
		MUST(submit(1, i) == 0);
	say_ready_and_stay();
}

static bool comes_within(int ms, uint64_t user_data)
{
	struct timespec begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	comes(user_data, 0);
	return ms_since(begun) < ms;
}

/* "Those behind it go on with the next post, else within 2 seconds." */
static void behind_a_killed_queue_others_go_on(void **state)
{
	pid_t child;

	(void)state;
	make(0);
	child = start_process(wait_in_front);
	until(&board->ready, 1);
	OK(submit(1, 1000));
	assert_int_equal(waiting(), 101);
	kill_and_reap(child);
	OK(ksem_post(world.proc, id));
	assert_true(comes_within(3000, 1000));
	assert_int_equal(waiting(), 0);
	assert_int_equal(value(), 0);
	end();
}

static void wait_and_be_granted(void)
{
	come_in_with_queue();
	for (unsigned i = 0; i < 10; i++)
		MUST(submit(1, i) == 0);
	say_ready_and_stay();
}

/* What it was granted and hasn't reaped goes on to the next. */
static void what_a_killed_queue_has_not_reaped_goes_on(void **state)
{
	pid_t child;

	(void)state;
	for (uint32_t order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		store_seq(&board->ready, 0);
		make_with(order, 0, 0);
		child = start_process(wait_and_be_granted);
		until(&board->ready, 1);
		OK(ksem_post_many(world.proc, id, 4));
		assert_int_equal(waiting(), 6);
		assert_int_equal(value(), 0);
		for (unsigned i = 0; i < 5; i++)
			OK(submit(1, 20 + i));
		kill_and_reap(child);
		for (unsigned i = 0; i < 4; i++) {
			struct ksem_completion c = next();

			assert_true(c.error == 0 && c.user_data >= 20);
		}
		assert_int_equal(waiting(), 1);
		assert_int_equal(value(), 0);
		end();
	}
}

/* The entries of the dead are free again: as many can wait as before. */
static void killed_queues_leave_no_entries(void **state)
{
	(void)state;
	make(0);
	for (unsigned round = 0; round < (unsigned)share_of(3); round++) {
		unsigned waits = 0;
		pid_t child = start_process(wait_in_front);

		until(&board->ready, round + 1);
		kill_and_reap(child);
		assert_int_equal(waiting(), 0);
		while (submit(1, 7) == 0)
			waits++;
		assert_int_equal(waits, LINE_ENTRIES - 1); /* but for the head of the ready list */
		OK(ksem_cq_destroy(cq));
		OK(ksem_cq_create(world.proc, &cq));
	}
	end();
}

/* It holds what it was granted, and no more. */
static void a_stopped_queue_holds_only_what_it_was_granted(void **state)
{
	pid_t child;

	(void)state;
	make(0);
	child = start_process(wait_and_be_granted);
	until(&board->ready, 1);
	OK(kill(child, SIGSTOP));
	OK(ksem_post_many(world.proc, id, 10));
	for (unsigned i = 0; i < 20; i++) {
		OK(submit(1, i));
		OK(ksem_post(world.proc, id));
		comes(i, 0);
	}
	assert_int_equal(value(), 0);
	kill_and_reap(child);
	end();
}

/* ---- With KSEM_UNDO. ---- */

static void take_three_and_reap_one(void)
{
	struct ksem_completion c;

	come_in_with_queue();
	for (unsigned i = 0; i < 5; i++)
		MUST(submit(1, i) == 0);
	while (reap(&c, 1) == 0)
		MUST(readable(PATIENCE));
	MUST(c.error == 0);
	say_ready_and_stay();
}

static void a_killed_queues_permits_come_back(void **state)
{
	(void)state;
	for (uint32_t order = KSEM_BARGING; order <= KSEM_LIFO; order++) {
		pid_t child;

		store_seq(&board->ready, 0);
		make_with(order, KSEM_UNDO, 3);
		child = start_process(take_three_and_reap_one);
		until(&board->ready, 1);
		assert_int_equal(info_of(world.proc, id).held, 3);
		assert_int_equal(waiting(), 2);
		OK(submit(3, 77));
		kill_and_reap(child);
		comes(77, 0);
		assert_int_equal(waiting(), 0);
		assert_int_equal(info_of(world.proc, id).held, 3);
		OK(ksem_post_many(world.proc, id, 3));
		FAILS(EPERM, ksem_post(world.proc, id));
		assert_int_equal(value(), 3);
		end();
	}
}

static void hold_all(void)
{
	come_in();
	MUST(ksem_trywait_many(world.proc, id, 3) == 0);
	say_ready_and_stay();
}

/* As a call that waits does; the permits of the dead are back before it says that there are too few. */
static void a_submit_that_cannot_wait_looks_for_the_dead(void **state)
{
	const struct timespec past = {0, 0};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		bool shut = i % 2;
		pid_t child;

		store_seq(&board->ready, 0);
		make_with(i / 2, KSEM_UNDO, 3);
		child = start_process(hold_all);
		until(&board->ready, 1);
		if (shut)
			OK(ksem_shutdown(world.proc, id));
		kill_and_reap(child);
		OK(ksem_cq_submit(cq, id, 2, CLOCK_MONOTONIC, shut ? NULL : &past, 77));
		comes(77, 0);
		OK(ksem_cq_submit(cq, id, 2, CLOCK_MONOTONIC, shut ? NULL : &past, 78));
		comes(78, shut ? ESHUTDOWN : ETIMEDOUT);
		OK(ksem_post_many(world.proc, id, 2));
		end();
	}
}

/* Not only when the queue's thread looks by itself, about once a second. */
static void a_queue_notices_the_death_of_a_holder(void **state)
{
	enum { DEATHS = 5 };
	int64_t ms = 0;

	(void)state;
	make_with(KSEM_FIFO, KSEM_UNDO, 3);
	for (unsigned i = 0; i < DEATHS; i++) {
		struct timespec begun;
		pid_t child = start_process(hold_all);

		until(&board->ready, i + 1);
		OK(submit(3, i));
		kill_and_reap(child);
		clock_gettime(CLOCK_MONOTONIC, &begun);
		comes(i, 0);
		ms += ms_since(begun);
		OK(ksem_post_many(world.proc, id, 3));
	}
	assert_true(ms < DEATHS * 1000 / 4);
	end();
}

static void with_undo_its_process_holds_what_it_was_granted(void **state)
{
	struct ksem_proc *other;
	ksem_id_t same;

	(void)state;
	make_with(KSEM_FIFO, KSEM_UNDO, 3);
	OK(ksem_proc_create(world.ns, NULL, &other));
	OK(ksem_open(other, NAME, 0, 0, 0, &same));
	OK(ksem_trywait_many(other, same, 3));
	OK(submit(2, 1));
	OK(submit(1, 2));
	OK(ksem_post_many(other, same, 2));
	comes(1, 0);
	FAILS(EPERM, ksem_post_many(other, same, 2));
	FAILS(EPERM, ksem_post_many(world.proc, id, 3));
	OK(ksem_post(other, same));
	OK(ksem_cq_destroy(cq)); /* posts what it had: one */
	OK(ksem_cq_create(world.proc, &cq));
	assert_int_equal(value(), 1);
	assert_int_equal(info_of(world.proc, id).held, 2);
	OK(ksem_post_many(world.proc, id, 2));
	FAILS(EPERM, ksem_post(world.proc, id));
	OK(ksem_proc_exit(other));
	end();
}

/* Busy while it waits; and what it was granted goes back with the reference, and is reaped nevertheless. */
static void with_undo_the_last_reference_takes_what_was_granted(void **state)
{
	struct ksem_proc *other;
	ksem_id_t same, again;

	(void)state;
	make_with(KSEM_FIFO, KSEM_UNDO, 3);
	OK(ksem_proc_create(world.ns, NULL, &other));
	OK(ksem_open(other, NAME, 0, 0, 0, &same));
	OK(ksem_trywait_many(other, same, 3));
	OK(submit(2, 1));
	FAILS(EBUSY, ksem_close(world.proc, id));
	OK(ksem_post_many(other, same, 2));
	OK(ksem_close(world.proc, id));
	assert_int_equal(value_of(other, same), 2);
	FAILS(EINVAL, submit(1, 2));
	OK(ksem_open(world.proc, NAME, 0, 0, 0, &again));
	assert_true(again == id);
	OK(submit(1, 2)); /* of another account */
	comes(1, 0);
	comes(2, 0);
	FAILS(EPERM, ksem_post_many(world.proc, id, 2));
	OK(ksem_post(world.proc, id));
	assert_int_equal(value_of(other, same), 2);
	OK(ksem_post(other, same));
	OK(ksem_proc_exit(other));
	assert_int_equal(value(), 3);
	end();
}

/* ---- Destroy. ---- */

static void post_three(void)
{
	come_in();
	MUST(ksem_post_many(world.proc, id, 3) == 0);
}

static void destroy_posts_what_was_granted_by_another_process(void **state)
{
	(void)state;
	make(0);
	OK(submit(2, 1));
	OK(submit(1, 2));
	OK(submit(5, 3));
	must_end_well(start_process(post_three));
	OK(ksem_cq_destroy(cq));
	assert_int_equal(value(), 3);
	assert_int_equal(waiting(), 0);
	OK(ksem_cq_create(world.proc, &cq));
	end();
}

/* ---- Nonsense, and closed descriptors. ---- */

static struct page_line *map_line(void)
{
	int fd = open(path_of(NAME), O_RDWR);
	struct page_line *line;

	line = mmap(NULL, FILE_BYTES - PAGE_LINE_AT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE_LINE_AT);
	MUST(fd >= 0 && line != MAP_FAILED);
	close(fd);
	return line;
}

static void scribble(void)
{
	struct page_line *line = map_line();

	for (unsigned i = 0; i < 6; i++) {
		struct line_entry *entry = &line->entries[i];

		store_rlx(&entry->user, i % 2 ? UINT64_MAX / 3 : 1); /* relaxed: nonsense */
	}
	munmap(line, FILE_BYTES - PAGE_LINE_AT);
}

/* Before each turn of the test's queue this one waits, and its list has the head that the other gets then. */
static void wait_then_post(void)
{
	come_in_with_queue();
	for (unsigned i = 1; i <= TURNS; i++) {
		until(&board->go, 2 * i - 1);
		MUST(submit(1, 1) == 0);
		MUST(!readable(2));
		MUST(ksem_post(world.proc, id) == 0);
		comes(1, 0);
		store_seq(&board->done, i);
		until(&board->go, 2 * i);
		MUST(ksem_post(world.proc, id) == 0);
	}
}

/* The threads of both queues sleep there then. If only the first was woken, the other would look once a second. */
static void a_queue_is_woken_where_another_sleeps(void **state)
{
	struct timespec begun;
	pid_t child;

	(void)state;
	make(0);
	child = start_process(wait_then_post);
	begun = this_instant();
	for (unsigned i = 1; i <= TURNS; i++) {
		store_seq(&board->go, 2 * i - 1);
		until(&board->done, i);
		OK(submit(1, i));
		assert_false(readable(2));
		store_seq(&board->go, 2 * i);
		comes(i, 0);
	}
	assert_true(ms_since(begun) < TURNS * 300);
	must_end_well(child);
	end();
}

/* What others write is no address: a result that isn't of a wait that pends there is dropped. */
static void nonsense_for_a_waits_name_harms_nobody(void **state)
{
	struct ksem_completion c[8];

	(void)state;
	make(0);
	for (unsigned i = 0; i < 5; i++)
		OK(submit(1, i));
	scribble();
	OK(ksem_post_many(world.proc, id, 5));
	while (value() > 0 || waiting() > 0)
		usleep(1000);
	assert_true(reap(c, 8) <= 1);
	end();
}

static struct line_entry *first_in_state(struct page_line *line, enum entry_state state)
{
	for (unsigned i = 0; i < LINE_FIRST; i++) {
		uint64_t x = load_acq(&line->entries[i].state);

		if (x != 0 && state_of(x) == state && load_acq(&line->entries[i].ready) != 0)
			return &line->entries[i];
	}
	fail();
	return NULL;
}

static uint32_t slot_of(const struct page_line *line, const struct line_entry *entry)
{
	return (uint32_t)(entry - line->entries) + LINE_LISTS;
}

static void lead_to(atomic(uint64_t) *link, uint32_t slot)
{
	store_seq(link, load_seq(link) - LINK_TO(load_seq(link)) + slot);
}

/* A queue with a wait that pends, and one that was reaped. Finds the head of its list, and an entry that is free. */
static struct page_line *begin_with_a_reaped_wait(struct line_entry **head, struct line_entry **free)
{
	struct page_line *line;

	make(0);
	OK(submit(1, 1));
	OK(submit(5, 2));
	OK(ksem_post(world.proc, id));
	comes(1, 0);
	line = map_line();
	*head = &line->entries[load_acq(&first_in_state(line, ENTRY_WAIT)->ready) - LINE_LISTS];
	*free = first_in_state(line, ENTRY_FREE);
	return line;
}

/* An entry on its list that names the wait that is over, as that was: it is no wait of the queue's any more. */
static void nonsense_brings_no_wait_back(void **state)
{
	struct line_entry *head, *entry;
	struct ksem_completion c[8];
	struct page_line *line;
	uint32_t round;

	(void)state;
	line = begin_with_a_reaped_wait(&head, &entry);
	round = ((uint32_t)load_seq(&entry->state) & ENTRY_ROUND_MASK) - ENTRY_ROUND;
	store_seq(&entry->state, UINT64_C(1) << 32 | round | ENTRY_GRANTED);
	store_seq(&entry->ready, 0);
	store_seq(&entry->user, 0);
	lead_to(&entry->node.prev, slot_of(line, head));
	lead_to(&entry->node.next, slot_of(line, head));
	lead_to(&head->node.prev, slot_of(line, entry));
	lead_to(&head->node.next, slot_of(line, entry));
	assert_int_equal(reap(c, 8), 0);
	munmap(line, FILE_BYTES - PAGE_LINE_AT);
	end();
}

/* A list that leads nowhere is given up. */
static void nonsense_keeps_no_reader(void **state)
{
	const uint32_t nowhere[] = {LINE_MAIN, LINE_ASIDE, LINE_LISTS - 1, LINK_TO(UINT64_MAX)};
	struct line_entry *head, *entry;
	struct ksem_completion c[8];
	struct page_line *line;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		line = begin_with_a_reaped_wait(&head, &entry);
		lead_to(&head->node.next, nowhere[i]);
		assert_int_equal(reap(c, 8), 1);
		assert_int_equal(c[0].user_data, 2);
		assert_int_equal(c[0].error, ECANCELED);
		munmap(line, FILE_BYTES - PAGE_LINE_AT);
		end();
	}
}

static void close_directory(void)
{
	for (int fd = 3; fd < 100; fd++) {
		if (is_in_directory(fd))
			close(fd);
	}
}

static void submit_two_without_descriptors(void)
{
	come_in_with_queue();
	MUST(submit(1, 1) == 0);
	MUST(submit(1, 2) == 0);
	fetch_add_seq(&board->ready, 1);
	while (load_seq(&board->go) == 0) { /* the library opens it again, now and then */
		close_directory();
		usleep(200);
	}
}

static void wait_without_descriptors(void)
{
	submit_two_without_descriptors();
	comes(1, 0);
	comes(2, 0);
	MUST(ksem_cq_destroy(cq) == 0);
}

static void cancel_and_destroy_without_descriptors(void)
{
	submit_two_without_descriptors();
	MUST(ksem_cq_cancel(cq, 1) == 0);
	comes(1, ECANCELED);
	MUST(ksem_cq_destroy(cq) == 0);
}

/* A process that waits, with a semaphore of its own. */
static pid_t start_to_wait(void (*act)(void))
{
	pid_t child;

	store_seq(&board->ready, 0);
	store_seq(&board->go, 0);
	make(0);
	child = start_process(act);
	until(&board->ready, 1);
	return child;
}

/* Others take the process for dead, and take its two waits out of the line. Then it does the rest of `act`. */
static void be_taken_for_dead(void (*act)(void), unsigned posts)
{
	pid_t child = start_to_wait(act);

	until_none_waits();
	OK(ksem_post_many(world.proc, id, posts));
	store_seq(&board->go, 1);
	must_end_well(child);
	assert_int_equal(waiting(), 0);
}

static void a_process_that_was_taken_for_dead_keeps_its_waits(void **state)
{
	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the sanitizer reports who closes what another thread uses");
	be_taken_for_dead(wait_without_descriptors, 2);
	assert_int_equal(value(), 0);
	end();
}

static void it_may_end_its_waits(void **state)
{
	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the sanitizer reports who closes what another thread uses");
	be_taken_for_dead(cancel_and_destroy_without_descriptors, 0);
	OK(ksem_post(world.proc, id));
	assert_int_equal(value(), 1);
	end();
}

static void be_granted_without_descriptors(void)
{
	come_in_with_queue();
	MUST(submit(1, 1) == 0);
	fetch_add_seq(&board->ready, 1);
	while (load_seq(&board->go) == 0)
		usleep(200);
	while (load_seq(&board->go) == 1) {
		close_directory();
		usleep(200);
	}
}

static void be_granted_at_once_without_descriptors(void)
{
	struct timespec deadline = in_ms(CLOCK_MONOTONIC, 3000);

	come_in_with_queue();
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_cq_submit(cq, id, 1, CLOCK_MONOTONIC, &deadline, 1) == 0);
	fetch_add_seq(&board->ready, 1);
	while (load_seq(&board->go) == 0)
		usleep(200);
	while (load_seq(&board->go) == 1) {
		close_directory();
		usleep(200);
	}
	comes(1, ETIMEDOUT);
	MUST(ksem_cq_destroy(cq) == 0);
}

/* Others take its grant back. Then it waits, and its deadline counts. */
static void a_wait_that_was_granted_at_once_has_a_deadline(void **state)
{
	pid_t child;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the sanitizer reports who closes what another thread uses");
	child = start_to_wait(be_granted_at_once_without_descriptors);
	store_seq(&board->go, 1);
	OK(wait_patiently(world.proc, id));
	store_seq(&board->go, 2);
	must_end_well(child);
	end();
}

static void stay_for_a_while(void)
{
	fetch_add_seq(&board->ready, 1);
	while (load_seq(&board->go) == 2)
		usleep(200);
}

static void destroy_what_was_granted(void)
{
	be_granted_without_descriptors();
	MUST(ksem_cq_destroy(cq) == 0);
	stay_for_a_while();
}

/* It was granted, so the cancel is too late; but then it wasn't. */
static void cancel_what_was_granted(void)
{
	be_granted_without_descriptors();
	MUST(ksem_cq_cancel(cq, 1) == ENOENT);
	comes(1, ECANCELED);
	stay_for_a_while();
	MUST(ksem_cq_destroy(cq) == 0);
}

/* The process is taken for dead when its wait was granted, and not reaped. Others take the permit back. */
static void what_was_granted_ends_with_the_queue(void **state)
{
	void (*const acts[])(void) = {destroy_what_was_granted, cancel_what_was_granted};

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("the sanitizer reports who closes what another thread uses");
	for (unsigned i = 0; i < 2; i++) {
		pid_t child = start_to_wait(acts[i]);

		OK(ksem_post(world.proc, id));
		assert_int_equal(value(), 0);
		store_seq(&board->go, 1);
		OK(wait_patiently(world.proc, id));
		store_seq(&board->go, 2);
		until(&board->ready, 2);
		assert_int_equal(waiting(), 0);
		OK(ksem_post(world.proc, id));
		OK(ksem_trywait(world.proc, id));
		store_seq(&board->go, 3);
		must_end_well(child);
		end();
	}
}

static void lose_the_waits(void)
{
	struct ksem_completion a, b;

	submit_two_without_descriptors();
	a = next();
	b = next();
	MUST(a.user_data + b.user_data == 1 + 2);
	MUST(a.error == ECANCELED && b.error == ECANCELED);
	MUST(submit(1, 3) == 0);
	MUST(ksem_cq_destroy(cq) == 0);
}

/* The next submit finds that they are lost, before any reap. */
static void lose_the_waits_at_a_submit(void)
{
	submit_two_without_descriptors();
	MUST(submit(1, 3) == 0);
	for (unsigned sum = 0; sum < 1 + 2;) {
		struct ksem_completion c = next();

		MUST(c.error == ECANCELED);
		sum += (unsigned)c.user_data;
	}
	MUST(ksem_cq_destroy(cq) == 0);
}

static void lose_the_waits_in_a_pid_namespace(void)
{
	MUST(unshare(CLONE_NEWPID) == 0);
	must_end_well(start_process(lose_the_waits));
}

static void lose_the_waits_at_a_submit_in_a_pid_namespace(void)
{
	MUST(unshare(CLONE_NEWPID) == 0);
	must_end_well(start_process(lose_the_waits_at_a_submit));
}

static void wait_for_one(void)
{
	MUST(wait_patiently(world.proc, id) == 0);
}

/* Nobody can tell that a process of another pid namespace lives. So others use the entries of its queue. */
static void use_what_is_taken_from(void (*act)(void))
{
	enum { OTHERS = 4 };
	pid_t child, others[OTHERS];

	if (THREAD_SANITIZED)
		SKIP("the sanitizer reports who closes what another thread uses");
	if (getuid() != 0)
		SKIP("only root makes pid namespaces");
	child = start_to_wait(act);
	until_none_waits();
	for (unsigned i = 0; i < OTHERS; i++)
		others[i] = start_process(wait_for_one);
	until_waiting(world.proc, id, OTHERS);
	store_seq(&board->go, 1);
	must_end_well(child);
	assert_int_equal(waiting(), OTHERS);
	OK(ksem_post_many(world.proc, id, OTHERS));
	for (unsigned i = 0; i < OTHERS; i++)
		must_end_well(others[i]);
	assert_int_equal(value(), 0);
	assert_int_equal(waiting(), 0);
	end();
}

static void in_another_pid_namespace_its_waits_are_over(void **state)
{
	(void)state;
	use_what_is_taken_from(lose_the_waits_in_a_pid_namespace);
}

static void a_submit_there_tells_that_they_are(void **state)
{
	(void)state;
	use_what_is_taken_from(lose_the_waits_at_a_submit_in_a_pid_namespace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(a_post_of_another_process_wakes_the_loop),
		board_test(many_that_pend_are_all_posted_by_another_process),
		board_test(news_of_hundreds_of_semaphores_arrive),
		board_test(its_thread_takes_no_signals),
		board_test(posters_may_be_killed),
		board_test(behind_a_killed_queue_others_go_on),
		board_test(what_a_killed_queue_has_not_reaped_goes_on),
		board_test(killed_queues_leave_no_entries),
		board_test(a_stopped_queue_holds_only_what_it_was_granted),
		board_test(a_killed_queues_permits_come_back),
		board_test(a_submit_that_cannot_wait_looks_for_the_dead),
		board_test(a_queue_notices_the_death_of_a_holder),
		board_test(with_undo_its_process_holds_what_it_was_granted),
		board_test(with_undo_the_last_reference_takes_what_was_granted),
		board_test(destroy_posts_what_was_granted_by_another_process),
		board_test(a_forks_child_leaves_the_queue_alone),
		board_test(a_forks_child_of_a_queue_that_keeps_a_closed_semaphore),
		board_test(a_queue_is_woken_where_another_sleeps),
		board_test(nonsense_for_a_waits_name_harms_nobody),
		board_test(nonsense_brings_no_wait_back),
		board_test(nonsense_keeps_no_reader),
		board_test(a_process_that_was_taken_for_dead_keeps_its_waits),
		board_test(it_may_end_its_waits),
		board_test(what_was_granted_ends_with_the_queue),
		board_test(a_wait_that_was_granted_at_once_has_a_deadline),
		board_test(in_another_pid_namespace_its_waits_are_over),
		board_test(a_submit_there_tells_that_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
