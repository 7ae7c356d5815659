/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits per processor: every mode and every way out of it, on real processors. Skipped where restartable sequences
 * don't work (sanitized builds, GLIBC_TUNABLES=glibc.pthread.rseq=0, other architectures).
 */
#include "support.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/rcu.h"
#include "lone.h"
#include "object/object.h"
#include "object/reclaim.h"
#include "os/membarrier.h"
#include "sem/semaphore.h"

#define skip_without_sequences()                               \
	do {                                                   \
		slots_start();                                 \
		if (!slots_started())                          \
			SKIP("no restartable sequences here"); \
	} while (0)

static void run_on(unsigned processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		SKIP("no second processor, or the host keeps us off it");
}

static void run_anywhere(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned processor = 0; processor < rseq_processors && processor < CPU_SETSIZE; processor++)
		CPU_SET(processor, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static int anywhere_again(void **state)
{
	(void)state;
	run_anywhere();
	return 0;
}

static enum word_mode mode_of(struct semaphore *sem)
{
	return word_mode(semaphore_word(sem));
}

static unsigned value_now(struct semaphore *sem)
{
	uint32_t value;

	MUST(semaphore_value(sem, &value) == 0);
	return value;
}

/* A semaphore of that value, which has become percpu. */
static void make_percpu(struct semaphore *sem, uint32_t value)
{
	semaphore_init(sem, value);
	OK(semaphore_post(sem, 1));
	for (int i = 0; i < 100000 && mode_of(sem) != WORD_PERCPU; i++) {
		OK(semaphore_take(sem));
		OK(semaphore_post(sem, 1));
	}
	assert_int_equal(mode_of(sem), WORD_PERCPU);
	OK(semaphore_take(sem));
	assert_int_equal(value_now(sem), value);
}

static void done_with(struct semaphore *sem)
{
	slots_t slots = percpu_take_slots(sem);

	if (slots)
		slots_give(slots);
}

static void a_semaphore_that_is_used_much_by_id_becomes_percpu(void **state)
{
	struct ksem_proc *proc;
	struct ksem_ns *ns;
	struct ksem *pin;
	ksem_id_t id;

	(void)state;
	skip_without_sequences();
	OK(ksem_ns_create(NULL, &ns));
	OK(ksem_proc_create(ns, NULL, &proc));
	OK(ksem_init(proc, 1, &id));
	OK(ksem_pin(proc, id, &pin));
	for (int i = 0; i < 10000; i++) {
		OK(ksem_wait(proc, id));
		OK(ksem_post(proc, id));
	}
	assert_int_equal(mode_of(&pin->sem), WORD_PERCPU);
	ksem_unpin(pin);
	OK(ksem_destroy(proc, id));
	OK(ksem_proc_exit(proc));
	OK(ksem_ns_destroy(ns));
}

static void a_semaphore_that_is_used_much_becomes_percpu_and_keeps_its_value(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	make_percpu(sem, 5);
	for (unsigned i = 0; i < 5; i++)
		OK(semaphore_take(sem));
	FAILS(EAGAIN, semaphore_take(sem));
	assert_int_equal(value_now(sem), 0);
	done_with(sem);
}

static void posts_of_a_percpu_semaphore_go_to_the_slot_until_it_is_full(void **state)
{
	LONE(sem);
	word_t before;

	(void)state;
	skip_without_sequences();
	run_on(0);
	make_percpu(sem, 0);
	before = semaphore_word(sem);
	for (unsigned i = 0; i < KSEM_INLINE_SLOT_MAX; i++)
		OK(semaphore_post(sem, 1));
	assert_true(semaphore_word(sem) == before);
	OK(semaphore_post(sem, 1));
	assert_int_equal(word_value(semaphore_word(sem)), word_value(before) + 1);
	assert_int_equal(value_now(sem), KSEM_INLINE_SLOT_MAX + 1);
	done_with(sem);
}

static void a_permit_in_another_processor_s_slot_is_found(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	run_on(1);
	assert_int_equal(value_now(sem), 1);
	OK(semaphore_take(sem));
	FAILS(EAGAIN, semaphore_take(sem));
	assert_int_equal(mode_of(sem), WORD_CENTRAL);
	done_with(sem);
}

static void several_are_taken_at_once_wherever_they_lie(void **state)
{
	LONE(sem);
	uint32_t took = 0;

	(void)state;
	skip_without_sequences();
	run_on(1);
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	OK(semaphore_post(sem, 1));
	run_on(1);
	OK(semaphore_post(sem, 1));
	assert_int_equal(mode_of(sem), WORD_PERCPU);
	FAILS(EAGAIN, semaphore_take_some(sem, 4, 4, &took));
	assert_int_equal(value_now(sem), 3);
	OK(semaphore_take_some(sem, 3, 3, &took));
	assert_int_equal(took, 3);
	assert_int_equal(value_now(sem), 0);
	done_with(sem);
}

static void up_to_several_are_as_many_as_lie_in_the_word_and_slots(void **state)
{
	LONE(sem);
	uint32_t took = 0;

	(void)state;
	skip_without_sequences();
	run_on(1);
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	OK(semaphore_post_word(sem, 2));
	assert_int_equal(mode_of(sem), WORD_PERCPU);
	run_on(1);
	OK(semaphore_take_some(sem, 1, 5, &took));
	assert_int_equal(took, 3);
	assert_int_equal(value_now(sem), 0);
	done_with(sem);
}

/* Else a slot that kept what was brought to the word would give it again. */
static void slots_are_empty_after_a_revocation(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	for (unsigned processor = 0; processor < 2; processor++) {
		run_on(processor);
		make_percpu(sem, 0);
		OK(semaphore_post(sem, 1));
		OK(semaphore_post(sem, 1));
		run_on(1 - processor);
		OK(semaphore_take(sem));
		assert_int_equal(mode_of(sem), WORD_CENTRAL);
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(slot_permits(load_acq(slots_of(i, load_acq(&semaphore_cold(sem)->slots)))), 0);
		for (int i = 0; i < 100000 && mode_of(sem) != WORD_PERCPU; i++) {
			OK(semaphore_take(sem));
			OK(semaphore_post(sem, 1));
		}
		assert_int_equal(mode_of(sem), WORD_PERCPU);
		assert_int_equal(value_now(sem), 1);
		done_with(sem);
	}
}

static void a_waiter_registers_only_when_every_slot_is_empty(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	run_on(1);
	OK(semaphore_take_or_register(sem, 1));
	FAILS(EAGAIN, semaphore_take_or_register(sem, 1));
	assert_int_equal(mode_of(sem), WORD_CENTRAL);
	assert_int_equal(word_waiters(semaphore_word(sem)), 1);
	OK(semaphore_post(sem, 1));
	assert_int_equal(word_value(semaphore_word(sem)), 1); /* where the waiter looks */
	done_with(sem);
}

static void overflow_is_exact_with_permits_in_slots(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	OK(semaphore_post(sem, 1));
	FAILS(EOVERFLOW, semaphore_post(sem, UINT32_MAX));
	FAILS(EOVERFLOW, semaphore_post(sem, UINT32_MAX - 1));
	OK(semaphore_post(sem, UINT32_MAX - 2));
	assert_true(value_now(sem) == UINT32_MAX);
	FAILS(EOVERFLOW, semaphore_post(sem, 1));
	OK(semaphore_take(sem));
	OK(semaphore_post(sem, 1));
	FAILS(EOVERFLOW, semaphore_post(sem, 1));
	done_with(sem);
}

static void a_semaphore_near_the_maximum_stays_central(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	semaphore_init(sem, UINT32_MAX);
	for (int i = 0; i < 10000; i++) {
		OK(semaphore_take(sem));
		OK(semaphore_post(sem, 1));
		assert_int_equal(mode_of(sem), WORD_CENTRAL);
	}
	done_with(sem);
}

static void a_dead_semaphore_refuses_though_slots_hold_permits(void **state)
{
	LONE(sem);
	uint32_t value;

	(void)state;
	skip_without_sequences();
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	OK(semaphore_kill(sem));
	FAILS(EINVAL, semaphore_post(sem, 1));
	FAILS(EINVAL, semaphore_take(sem));
	FAILS(EINVAL, semaphore_value(sem, &value));
	done_with(sem);
}

static bool refuse(void)
{
	return false;
}

/* The C library's, counted: who asks to run on which processor. */
static atomic_uint moves;

int sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *set)
{
	atomic_fetch_add(&moves, 1);
	return (int)syscall(SYS_sched_setaffinity, thread, size, set);
}

static void permits_are_found_where_the_kernel_refuses_membarrier(void **state)
{
	const struct membarrier_ops saved = membarrier_ops;
	LONE(sem);
	cpu_set_t before, after;

	(void)state;
	skip_without_sequences();
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	run_on(1);
	membarrier_ops.restart_sequences = refuse;
	atomic_store(&moves, 0);
	OK(sched_getaffinity(0, sizeof(before), &before));
	OK(semaphore_take(sem));
	FAILS(EAGAIN, semaphore_take(sem));
	OK(sched_getaffinity(0, sizeof(after), &after));
	membarrier_ops = saved;
	assert_true(atomic_load(&moves) > rseq_processors); /* each, and back */
	assert_true(CPU_EQUAL(&before, &after));
	done_with(sem);
}

static void more_semaphores_than_slots_all_work(void **state)
{
	enum { MANY = 40000 };
	struct lone *lones;
	unsigned with = 0;

	(void)state;
	skip_without_sequences();
	lones = aligned_alloc(_Alignof(struct lone), MANY * sizeof(*lones));
	assert_non_null(lones);
	for (int round = 0; round < 2; round++) {
		with = 0;
		for (int i = 0; i < MANY; i++) {
			struct semaphore *sem = lone_semaphore(&lones[i]);

			semaphore_init(sem, 1);
			for (int j = 0; j < 200; j++) {
				OK(semaphore_take(sem));
				OK(semaphore_post(sem, 1));
			}
			with += load_rlx(&semaphore_cold(sem)->slots) > 0;
		}
		assert_int_equal(with, SLOTS_PER_CHUNK - 1); /* all of them; in the second round, again */
		for (int i = 0; i < MANY; i++) {
			OK(semaphore_take(&lones[i].unit.sem));
			FAILS(EAGAIN, semaphore_take(&lones[i].unit.sem));
			done_with(&lones[i].unit.sem);
		}
	}
	free(lones);
}

/* What the next epoch does (object/reclaim.c). */
static void give_lost_slots(void)
{
	slots_t lost = slots_take_lost();

	assert_int_not_equal(lost, 0);
	assert_int_equal(slots_next(lost), 0);
	slots_give(lost);
}

/* Back and forth between processors: each take finds the slots elsewhere, so each revokes. */
static void lose_slots(struct semaphore *sem)
{
	make_percpu(sem, 0);
	for (int i = 0; i < 10000000 && load_rlx(&semaphore_cold(sem)->slots) > 0; i++) {
		OK(semaphore_post(sem, 1));
		if (mode_of(sem) == WORD_PERCPU) {
			run_on(i % 2);
			OK(semaphore_take(sem));
			FAILS(EAGAIN, semaphore_take(sem));
		} else {
			OK(semaphore_take(sem));
		}
	}
	assert_true(load_rlx(&semaphore_cold(sem)->slots) <= SLOTS_LOST);
	assert_int_equal(mode_of(sem), WORD_CENTRAL);
}

static void a_semaphore_that_does_not_profit_loses_its_slots(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	run_on(0);
	lose_slots(sem);
	for (int i = 0; i < 10000; i++) {
		OK(semaphore_post(sem, 1));
		assert_int_equal(value_now(sem), 1);
		OK(semaphore_take(sem));
	}
	FAILS(EAGAIN, semaphore_take(sem));
	assert_true(load_rlx(&semaphore_cold(sem)->slots) <= SLOTS_LOST); /* for as long as no epoch passes */
	give_lost_slots();
	done_with(sem);
}

static void lost_slots_come_back_after_an_epoch(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	run_on(0);
	lose_slots(sem);
	rcu_wait_epoch();
	rcu_wait_epoch();
	give_lost_slots();
	OK(semaphore_post(sem, 1));
	for (int i = 0; i < 1000 && mode_of(sem) != WORD_PERCPU; i++) {
		OK(semaphore_post(sem, 1));
		OK(semaphore_take(sem));
	}
	assert_int_equal(mode_of(sem), WORD_PERCPU);
	assert_int_equal(value_now(sem), 1);
	done_with(sem);
}

/* After a revocation that came at once: the takes until a semaphore with so many permits is percpu again. */
static unsigned takes_until_percpu_again(uint32_t permits)
{
	LONE(sem);
	unsigned takes = 0;

	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	run_on(1);
	OK(semaphore_take(sem));
	FAILS(EAGAIN, semaphore_take(sem));
	OK(semaphore_post(sem, permits));
	for (; takes < 1000000 && mode_of(sem) != WORD_PERCPU; takes++) {
		OK(semaphore_take(sem));
		OK(semaphore_post(sem, 1));
	}
	assert_int_equal(mode_of(sem), WORD_PERCPU);
	assert_int_equal(value_now(sem), permits);
	done_with(sem);
	return takes;
}

static void after_a_revocation_one_permit_needs_more_takes_than_two(void **state)
{
	(void)state;
	skip_without_sequences();
	assert_true(takes_until_percpu_again(1) > 8 * takes_until_percpu_again(2));
}

static void a_fork_s_child_has_the_permits_in_slots(void **state)
{
	LONE(sem);
	pid_t child;
	int status;

	(void)state;
	skip_without_sequences();
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	OK(semaphore_post(sem, 1));
	child = fork();
	if (child == 0) {
		run_on(1);
		semaphore_after_fork(sem, false);
		_exit(semaphore_take(sem) || semaphore_take(sem) || semaphore_take(sem) != EAGAIN);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(value_now(sem), 2);
	done_with(sem);
}

/* ---- What happens while the kernel restarts sequences. ---- */

static struct membarrier_ops kernel; /* as it was before a test took its place */

static struct {
	struct semaphore *sem;
	unsigned calls; /* that found the semaphore revoking */
	slots_t slots;
	_Atomic(pthread_t) visitor; /* whom the kernel keeps, until it may go */
	atomic_bool kept, may_go;
} meanwhile;

static int kernel_again(void **state)
{
	atomic_store(&meanwhile.may_go, true);
	if (kernel.start)
		membarrier_ops = kernel;
	return anywhere_again(state);
}

static void play_kernel(bool (*restart_sequences)(void))
{
	kernel = membarrier_ops;
	membarrier_ops.restart_sequences = restart_sequences;
}

static bool look_at_mode(void)
{
	meanwhile.calls += mode_of(meanwhile.sem) == WORD_REVOKING;
	return kernel.restart_sequences();
}

static void a_revocation_restarts_sequences_before_slots_are_summed(void **state)
{
	LONE(sem);

	(void)state;
	skip_without_sequences();
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	run_on(1);
	meanwhile.sem = sem;
	play_kernel(look_at_mode);
	OK(semaphore_take(sem));
	assert_int_equal(meanwhile.calls, 1);
	done_with(sem);
}

static bool keep_visitor(void)
{
	if (pthread_equal(pthread_self(), atomic_load(&meanwhile.visitor))) {
		atomic_store(&meanwhile.kept, true);
		while (!atomic_load(&meanwhile.may_go))
			sleep_ms(1);
	}
	return kernel.restart_sequences();
}

static void *take_elsewhere(void *arg)
{
	run_on(1);
	atomic_store(&meanwhile.visitor, pthread_self());
	MUST(semaphore_take(arg) == 0);
	return NULL;
}

/*
 * Else it might end a later revocation than its membarrier was made for, or change a slot beside the sequences.
 */
static void while_a_visitor_is_stopped_it_does_not_become_percpu_again(void **state)
{
	static struct lone lone; /* which the visitor uses even where the test fails */
	struct semaphore *sem = lone_semaphore(&lone);
	pthread_t visitor;

	(void)state;
	skip_without_sequences();
	run_on(1);
	run_on(0);
	make_percpu(sem, 0);
	OK(semaphore_post(sem, 1));
	atomic_store(&meanwhile.may_go, false);
	play_kernel(keep_visitor);
	visitor = start(take_elsewhere, sem);
	for (int ms = 0; ms < 5000 && !atomic_load(&meanwhile.kept); ms++)
		sleep_ms(1);
	assert_true(atomic_load(&meanwhile.kept));
	OK(semaphore_post(sem, 1));
	for (int i = 0; i < 10000; i++) {
		OK(semaphore_take(sem));
		OK(semaphore_take(sem));
		OK(semaphore_post(sem, 2));
		assert_int_not_equal(mode_of(sem), WORD_PERCPU);
	}
	atomic_store(&meanwhile.may_go, true);
	finish(visitor);
	for (int i = 0; i < 10000 && mode_of(sem) != WORD_PERCPU; i++) {
		OK(semaphore_take(sem));
		OK(semaphore_post(sem, 1));
	}
	assert_int_equal(mode_of(sem), WORD_PERCPU);
	assert_int_equal(value_now(sem), 1);
	done_with(sem);
}

static void slots_come_back_after_an_epoch(void **state)
{
	struct reclaim batch = RECLAIM_NONE;
	slots_t had[3], have[3];

	(void)state;
	skip_without_sequences();
	for (int i = 0; i < 3; i++) {
		had[i] = slots_take();
		reclaim_add_slots(&batch, had[i]);
	}
	reclaim_free(batch);
	for (int i = 0; i < 3; i++)
		have[i] = slots_take(); /* the last that was given is the first */
	assert_memory_equal(have, had, sizeof(had));
	for (int i = 0; i < 3; i++)
		slots_give(have[i]);
}

static bool lose_meanwhile(void)
{
	meanwhile.calls++;
	slots_lose(meanwhile.slots);
	return kernel.restart_sequences();
}

static void what_is_lost_during_an_epoch_waits_for_another(void **state)
{
	struct reclaim batch = RECLAIM_NONE;

	(void)state;
	skip_without_sequences();
	meanwhile.calls = 0;
	meanwhile.slots = slots_take();
	reclaim_add_slots(&batch, slots_take());
	play_kernel(lose_meanwhile);
	reclaim_free(batch);
	assert_int_equal(meanwhile.calls, 1); /* no sequence finds what is freed then */
	assert_int_equal(slots_take_lost(), meanwhile.slots);
	slots_give(meanwhile.slots);
}

/* ---- A permit that moves while it is counted. ---- */

static struct {
	slots_t slots;
	volatile sig_atomic_t moves;
} counted;

/* To the page with the second processor's slot. */
static void set_access(int access)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t slot = (uintptr_t)slots_of(1, counted.slots);

	MUST(mprotect((void *)(slot - slot % page), page, access) == 0);
}

/* Who counts has looked at the first slot, and comes to the second: plays the sequences of both processors. */
static void move_the_permit(int signal)
{
	(void)signal;
	set_access(PROT_READ | PROT_WRITE);
	fetch_add_rlx(slots_of(0, counted.slots), UINT64_C(1) << 32);
	fetch_add_rlx(slots_of(1, counted.slots), 1);
	counted.moves++;
}

static void a_value_is_what_the_slots_held_at_one_instant(void **state)
{
	const struct sigaction move = {.sa_handler = move_the_permit};
	struct sigaction before;
	LONE(sem);
	unsigned value;

	(void)state;
	skip_without_sequences();
	run_on(1);
	run_on(0);
	make_percpu(sem, 0);
	counted.slots = load_rlx(&semaphore_cold(sem)->slots);
	counted.moves = 0;
	fetch_add_rlx(slots_of(0, counted.slots), 1);
	assert_int_equal(mode_of(sem), WORD_PERCPU);
	OK(sigaction(SIGSEGV, &move, &before));
	set_access(PROT_NONE);
	value = value_now(sem);
	set_access(PROT_READ | PROT_WRITE);
	OK(sigaction(SIGSEGV, &before, NULL));
	assert_int_equal(counted.moves, 1);
	assert_int_equal(value, 1);
	done_with(sem);
}

/* ---- Threads that move between processors. ---- */

#define PERMITS 6

static struct crowd {
	struct lone lone;
	struct semaphore *sem;
	atomic_int held;
	atomic_bool stop;
	unsigned sleepless; /* threads at most that hold at once: with fewer than PERMITS, a take must never fail */
} crowd;

static void *move_take_and_post(void *arg)
{
	struct random random = {(uintptr_t)arg};

	while (!atomic_load(&crowd.stop)) {
		unsigned what = random_below(&random, 100);
		int error;

		if (what < 4) {
			run_on(random_below(&random, rseq_processors));
		} else if (what < 6) {
			MUST(value_now(crowd.sem) <= PERMITS);
		} else {
			error = semaphore_take(crowd.sem);
			MUST(error == 0 || (error == EAGAIN && crowd.sleepless >= PERMITS));
			if (error == 0) {
				MUST(atomic_fetch_add(&crowd.held, 1) < PERMITS);
				if (what < 10)
					sched_yield();
				atomic_fetch_sub(&crowd.held, 1);
				MUST(semaphore_post(crowd.sem, 1) == 0);
			}
		}
	}
	run_anywhere();
	return NULL;
}

static void crowd_of(unsigned threads)
{
	struct random random = random_new();
	pthread_t thread[16];

	crowd.sem = lone_semaphore(&crowd.lone);
	make_percpu(crowd.sem, PERMITS);
	crowd.sleepless = threads - 1;
	atomic_store(&crowd.held, 0);
	atomic_store(&crowd.stop, false);
	for (unsigned i = 0; i < threads; i++)
		thread[i] = start(move_take_and_post, (void *)(uintptr_t)random_next(&random));
	sleep_ms(ROUNDS(1000));
	atomic_store(&crowd.stop, true);
	for (unsigned i = 0; i < threads; i++)
		finish(thread[i]);
	assert_int_equal(value_now(crowd.sem), PERMITS);
	done_with(crowd.sem);
}

static void a_take_never_fails_where_there_are_more_permits_than_takers(void **state)
{
	(void)state;
	skip_without_sequences();
	crowd_of(PERMITS);
}

static void permits_are_conserved_where_there_are_more_takers_than_permits(void **state)
{
	(void)state;
	skip_without_sequences();
	crowd_of(PERMITS + 4);
}

#define test(f) cmocka_unit_test_teardown(f, anywhere_again)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_semaphore_that_is_used_much_by_id_becomes_percpu),
		test(a_semaphore_that_is_used_much_becomes_percpu_and_keeps_its_value),
		test(posts_of_a_percpu_semaphore_go_to_the_slot_until_it_is_full),
		test(a_permit_in_another_processor_s_slot_is_found),
		test(several_are_taken_at_once_wherever_they_lie),
		test(up_to_several_are_as_many_as_lie_in_the_word_and_slots),
		test(slots_are_empty_after_a_revocation),
		test(a_waiter_registers_only_when_every_slot_is_empty),
		test(overflow_is_exact_with_permits_in_slots),
		test(a_semaphore_near_the_maximum_stays_central),
		test(a_dead_semaphore_refuses_though_slots_hold_permits),
		test(permits_are_found_where_the_kernel_refuses_membarrier),
		test(more_semaphores_than_slots_all_work),
		test(a_semaphore_that_does_not_profit_loses_its_slots),
		test(lost_slots_come_back_after_an_epoch),
		test(after_a_revocation_one_permit_needs_more_takes_than_two),
		test(a_fork_s_child_has_the_permits_in_slots),
		cmocka_unit_test_teardown(a_revocation_restarts_sequences_before_slots_are_summed, kernel_again),
		cmocka_unit_test_teardown(while_a_visitor_is_stopped_it_does_not_become_percpu_again, kernel_again),
		test(slots_come_back_after_an_epoch),
		cmocka_unit_test_teardown(what_is_lost_during_an_epoch_waits_for_another, kernel_again),
		test(a_value_is_what_the_slots_held_at_one_instant),
		test(a_take_never_fails_where_there_are_more_permits_than_takers),
		test(permits_are_conserved_where_there_are_more_takers_than_permits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
