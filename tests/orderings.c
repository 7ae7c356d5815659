/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Orderings of docs/ordering.md, one at a time, under ThreadSanitizer. A thread writes plain data, and then makes the
 * release end. A relaxed flag says that this is done. Then another thread makes the acquire end, and reads the data.
 * Nothing else orders the two, so if an end is weaker than it says, ThreadSanitizer reports a race on the data.
 */
#include "support.h"

#include <sys/mman.h>

#include "base/atomic.h"
#include "base/rcu.h"
#include "object/namespace.h"
#include "os/fork.h"
#include "private/numbers.h"
#include "registry/process.h"
#include "sem/semaphore.h"
#include "shared/doubt.h"
#include "shared/namespace.h"
#include "shared/place.h"
#include "shared/records.h"
#include "shared/semaphore.h"
#include "wait/plain.h"
#include "word/plain.h"

#if !THREAD_SANITIZED
#error "nothing but ThreadSanitizer would notice"
#endif

static int data;
static atomic(int) done;

static void *release(void *end)
{
	((void (*)(void))(uintptr_t)end)();
	store_rlx(&done, 1);
	return NULL;
}

/* The one in a thread, then the other in this one, which reads the data. */
static void pass(void (*release_end)(void), void (*acquire_end)(void))
{
	pthread_t thread;

	data = 0;
	store_rlx(&done, 0);
	OK(pthread_create(&thread, NULL, release, (void *)(uintptr_t)release_end));
	while (!load_rlx(&done))
		sched_yield();
	acquire_end();
	assert_int_equal(data, 1);
	OK(pthread_join(thread, NULL));
}

/* ---- KSEM_ORD_3: a waiter that leaves, and the end. ---- */

static struct semaphore sem;
static struct plain plain;
static struct ksem ksem;
static struct page page;

static void leave(void)
{
	bool last;

	assert_int_equal(semaphore_take_or_register(&sem, 1), EAGAIN);
	data = 1;
	assert_int_equal(semaphore_leave(&sem, 1, true, &last), ECANCELED);
}

static void kill_it(void)
{
	OK(semaphore_kill(&sem));
}

static void abandon(void)
{
	assert_true(semaphore_abandon(&sem));
}

static void a_waiter_has_left_before_the_end(void **state)
{
	(void)state;
	memset(&sem, 0, sizeof(sem));
	pass(leave, kill_it);
	memset(&sem, 0, sizeof(sem));
	pass(leave, abandon);
}

static void plain_leave_it(void)
{
	assert_int_equal(plain_take_or_register(&plain, 1), EAGAIN);
	data = 1;
	assert_int_equal(plain_leave(&plain, 1, true), ECANCELED);
}

static void plain_kill_it(void)
{
	OK(plain_kill(&plain));
}

static void a_waiter_has_left_a_plain_one_before_the_end(void **state)
{
	(void)state;
	pass(plain_leave_it, plain_kill_it);
}

static void enter_and_leave(void)
{
	OK(object_enter(&ksem));
	data = 1;
	assert_false(object_leave(&ksem));
}

static void abandon_shared(void)
{
	assert_true(object_abandon(&ksem));
}

static void a_waiter_has_left_a_shared_one_before_the_end(void **state)
{
	(void)state;
	pass(enter_and_leave, abandon_shared);
}

/* ---- KSEM_ORD_5: a wait by id, and exec. ---- */

static struct ksem_proc *proc;

static void wait_in_it(void)
{
	assert_true(process_begin_wait(proc));
	data = 1;
	process_end_wait(proc);
}

static void exec_it(void)
{
	OK(ksem_proc_exec(proc));
}

static void a_wait_is_over_before_an_exec(void **state)
{
	struct ksem_ns *ns;

	(void)state;
	OK(ksem_ns_create(NULL, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	pass(wait_in_it, exec_it);
	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(ns));
}

/* ---- KSEM_ORD_8 and 10: before an epoch, and after it. ---- */

static uint64_t ended;

static void ask_for_an_epoch(void)
{
	data = 1;
	rcu_epochs_begun();
}

static void see_an_epoch(void)
{
	while (rcu_epochs_ended() == ended)
		sched_yield();
}

static void have_an_epoch(void)
{
	data = 1;
	rcu_wait_epoch();
}

static void what_was_before_is_seen_in_an_epoch(void **state)
{
	(void)state;
	pass(ask_for_an_epoch, rcu_wait_epoch);
}

static void what_was_before_is_seen_after_an_epoch(void **state)
{
	(void)state;
	ended = rcu_epochs_ended();
	pass(have_an_epoch, see_an_epoch);
}

/* ---- KSEM_ORD_9: inside the gate, and a fork. ---- */

static void pass_the_gate(void)
{
	fork_gate_enter();
	data = 1;
	fork_gate_leave();
}

static void fork_and_wait(void)
{
	pid_t child = fork();

	if (child == 0)
		raise(SIGKILL); /* ThreadSanitizer looks for threads that weren't joined as a program exits */
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void write_and_fork(void)
{
	data = 1;
	fork_and_wait();
}

static void enter_the_gate(void)
{
	fork_gate_enter();
	fork_gate_leave();
}

static void a_fork_sees_what_was_done_inside_the_gate(void **state)
{
	(void)state;
	pass(pass_the_gate, fork_and_wait);
}

static void what_was_before_a_fork_is_seen_inside_the_gate(void **state)
{
	(void)state;
	pass(write_and_fork, enter_the_gate);
}

/* ---- KSEM_ORD_18 and 22: doubt about a name, and another directory. ---- */

static struct shared_ns place;
static char *path;

static void tell(void)
{
	data = 1;
	doubt_tell(&page);
}

static void ask(void)
{
	const struct directory *directory = shared_ns_directory(&place);

	assert_int_equal(doubt_ask(directory, &page, "/none", 5, 0, 0), ENOENT);
}

static void an_unlinker_tells_before_the_name_goes(void **state)
{
	(void)state;
	pass(tell, ask);
}

static void open_the_place(void)
{
	data = 1;
	OK(place_open(&place, path));
}

static void use_the_place(void)
{
	assert_non_null(shared_ns_directory(&place));
}

static void a_directory_is_open_when_it_is_found(void **state)
{
	(void)state;
	path = shared_directory_new();
	pass(open_the_place, use_the_place);
}

/* ---- KSEM_ORD_17, 20 and 21: waits, further records and references in a shared file. ---- */

static struct records records;
static struct record record;
static struct page *file; /* two pages */

static void map_a_file(void)
{
	int fd = memfd_create("orderings", MFD_CLOEXEC);

	assert_true(fd >= 0);
	OK(ftruncate(fd, (off_t)2 * PAGE_BYTES));
	file = mmap(NULL, (size_t)2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(file != MAP_FAILED);
	OK(close(fd));
	records_init(&records, file, (size_t)2 * PAGE_BYTES, (size_t)2 * PAGE_BYTES);
}

static void unmap_the_file(void)
{
	records_discard(&records);
	OK(munmap(file, (size_t)2 * PAGE_BYTES));
}

static void begin_a_wait(void)
{
	data = 1;
	holder_begin_wait(&file->holders[0]);
}

static void count_off_dead(void)
{
	records_count_off_dead(&records, shared_ns_directory(&place));
}

static void a_wait_that_began_is_seen_by_a_sum(void **state)
{
	(void)state;
	map_a_file();
	plain_add_waiter(&file->sem, 1);
	pass(begin_a_wait, count_off_dead);
	unmap_the_file();
}

static void add_up(void)
{
	uint32_t refs;

	OK(records_refs(&records, shared_ns_directory(&place), &refs));
}

static void map_more(void)
{
	data = 1;
	add_up();
}

static void further_records_are_mapped_when_they_are_found(void **state)
{
	(void)state;
	map_a_file();
	store_rlx(&file->more, 1);
	pass(map_more, add_up);
	unmap_the_file();
}

static void enter(void)
{
	const struct directory *directory = shared_ns_directory(&place);

	data = 1;
	OK(records_enter(&records, directory, directory->liveness, 1, &record));
}

static void a_reference_is_seen_with_what_was_before_it(void **state)
{
	(void)state;
	map_a_file();
	pass(enter, add_up);
	unmap_the_file();
}

/* ---- KSEM_ORD_19: the OS process's own processes. ---- */

static struct ksem_proc *own;

static void make_own(void)
{
	data = 1;
	assert_non_null(ksem_private());
}

static void use_own(void)
{
	own = ksem_private();
	assert_non_null(own->ns);
}

static void the_own_process_is_whole_when_it_is_found(void **state)
{
	(void)state;
	pass(make_own, use_own);
}

/* ---- KSEM_ORD_27: giving a number back, and taking it. ---- */

static struct numbers *numbers;
static struct ksem *number;

static void give_number_back(void)
{
	data = 1;
	object_home(number)->give_back(number);
}

static void take_number(void)
{
	struct ksem *again;
	ksem_id_t id;

	OK(numbers_take(numbers, &again, &id));
	assert_ptr_equal(again, number);
}

static void drop_numbers(void)
{
	numbers_drop(numbers);
}

static void what_was_done_with_a_number_is_seen_by_its_next_user(void **state)
{
	static const struct namespace_ops no_ops;
	static struct ksem_ns ns = {.ops = &no_ops};
	ksem_id_t id;

	(void)state;
	numbers = numbers_new(&ns, 10);
	assert_non_null(numbers);
	OK(numbers_take(numbers, &number, &id));
	pass(give_number_back, take_number);
	pass(give_number_back, drop_numbers); /* whoever is the last gives back the memory */
}

static int remove_place(void **state)
{
	(void)state;
	place_close(&place);
	shared_directory_free(path);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_waiter_has_left_before_the_end),
		cmocka_unit_test(a_waiter_has_left_a_plain_one_before_the_end),
		cmocka_unit_test(a_waiter_has_left_a_shared_one_before_the_end),
		cmocka_unit_test(a_wait_is_over_before_an_exec),
		cmocka_unit_test(what_was_before_is_seen_in_an_epoch),
		cmocka_unit_test(what_was_before_is_seen_after_an_epoch),
		cmocka_unit_test(a_fork_sees_what_was_done_inside_the_gate),
		cmocka_unit_test(what_was_before_a_fork_is_seen_inside_the_gate),
		cmocka_unit_test(a_directory_is_open_when_it_is_found),
		cmocka_unit_test(an_unlinker_tells_before_the_name_goes),
		cmocka_unit_test(a_wait_that_began_is_seen_by_a_sum),
		cmocka_unit_test(further_records_are_mapped_when_they_are_found),
		cmocka_unit_test(a_reference_is_seen_with_what_was_before_it),
		cmocka_unit_test(the_own_process_is_whole_when_it_is_found),
		cmocka_unit_test(what_was_done_with_a_number_is_seen_by_its_next_user),
	};

	return cmocka_run_group_tests(tests, NULL, remove_place);
}
