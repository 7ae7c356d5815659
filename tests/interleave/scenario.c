/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One execution of a scenario: it begins, its threads make their calls, and what is left is looked at. See scenario.h.
 *
 * What must hold: the answers are those of semaphores in one order (history.h); no permit is lost or made; nobody
 * sleeps beside a permit; nobody is counted as a waiter who doesn't wait; no thread is stuck elsewhere.
 */
#include "scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/rcu.h"
#include "history.h"
#include "ksem/ksem.h"
#include "object/namespace.h"
#include "registry/process.h"
#include "words.h"

static const struct scenario *now;
static struct ksem_ns *ns;
static struct ksem_proc *procs[PROCESSES];
static unsigned processes;
static ksem_id_t ids[SEMAPHORES];
static struct ksem *pinned[SEMAPHORES];
static struct ksem *objects[SEMAPHORES];
static ksem_id_t another; /* told by a store that orders nothing */
static const struct timespec never = {1, 0};
static bool took[THREADS]; /* by its last call, a permit */

static void must(int error)
{
	if (error)
		fail("a scenario could not begin");
}

/* ---- Calls ---- */

/* Of the process that the current thread is in. */
static unsigned process_of_thread(void)
{
	return now->processes ? (unsigned)(now->processes[current_thread() - 1] - '0') : 0;
}

static struct ksem_proc *proc_now(void)
{
	return procs[process_of_thread()];
}

static struct call *begin_call(enum call_kind kind, unsigned which, bool by_id, unsigned count)
{
	return history_call(kind, which, by_id ? process_of_thread() : PINNED, count);
}

static void post(unsigned which, bool by_id, unsigned count)
{
	struct call *call = begin_call(POST, which, by_id, count);
	int error;

	if (now->plain)
		error = by_id ? words_post_by_id(which) : words_post(which, count);
	else if (count > 1)
		error = ksem_pinned_post_many(pinned[which], count);
	else
		error = by_id ? ksem_post(proc_now(), ids[which]) : ksem_pinned_post(pinned[which]);
	history_end(call, error, 0);
}

static void try_wait(unsigned which, bool by_id)
{
	struct call *call = begin_call(TRYWAIT, which, by_id, 0);
	int error;

	if (now->plain)
		error = by_id ? words_trywait_by_id(which) : words_trywait(which);
	else
		error = by_id ? ksem_trywait(proc_now(), ids[which]) : ksem_pinned_trywait(pinned[which]);
	took[current_thread()] = error == 0;
	history_end(call, error, 0);
}

static void try_wait_some(unsigned which, unsigned least, unsigned most)
{
	struct call *call = begin_call(least == most ? TRYWAIT_MANY : TRYWAIT_UPTO, which, false, most);
	unsigned got = most;
	int error;

	if (now->plain)
		error = words_trywait_some(which, least, most, &got);
	else if (least == most)
		error = ksem_pinned_trywait_many(pinned[which], most);
	else
		error = ksem_pinned_trywait_upto(pinned[which], most, &got);
	took[current_thread()] = error == 0;
	history_end(call, error, got);
}

static void wait_for_it(unsigned which, bool by_id, bool timed)
{
	struct call *call = begin_call(WAIT, which, by_id, 1);
	int error;

	if (now->plain)
		error = words_wait(which, 1, timed);
	else if (timed)
		error = by_id ? ksem_clockwait(proc_now(), ids[which], CLOCK_MONOTONIC, &never) :
				ksem_pinned_clockwait(pinned[which], CLOCK_MONOTONIC, &never);
	else
		error = by_id ? ksem_wait(proc_now(), ids[which]) : ksem_pinned_wait(pinned[which]);
	took[current_thread()] = error == 0;
	history_end(call, error, 0);
}

static void wait_for_two(unsigned which, bool timed)
{
	struct call *call = begin_call(WAIT, which, false, 2);
	int error;

	if (now->plain)
		error = words_wait(which, 2, timed);
	else
		error = ksem_pinned_wait_many(pinned[which], 2, CLOCK_MONOTONIC, timed ? &never : NULL);
	history_end(call, error, 0);
}

static void shut_down(unsigned which)
{
	struct call *call = begin_call(SHUTDOWN, which, false, 0);

	history_end(call, now->plain ? words_shut_down(which) : ksem_pinned_shutdown(pinned[which]), 0);
}

static void get_value(unsigned which, bool by_id)
{
	struct call *call = begin_call(GETVALUE, which, by_id, 0);
	unsigned value = 0;
	int error;

	if (now->plain)
		error = words_getvalue(which, &value);
	else
		error = by_id ? ksem_getvalue(proc_now(), ids[which], &value) :
				ksem_pinned_getvalue(pinned[which], &value);
	history_end(call, error, value);
}

static void destroy(unsigned which)
{
	struct call *call = begin_call(DESTROY, which, true, 0);

	history_end(call, now->plain ? words_kill(which) : ksem_destroy(proc_now(), ids[which]), 0);
}

static void destroy_and_free(unsigned which)
{
	struct call *call = begin_call(DESTROY, which, true, 0);

	history_end(call, words_drop(which), 0);
}

/* What a pin of its own keeps alive is used once. */
static void pin_and_post(unsigned which)
{
	struct call *call = begin_call(PIN, which, true, 0);
	struct ksem *pin = NULL;
	int error = ksem_pin(proc_now(), ids[which], &pin);

	history_end(call, error, 0);
	if (error)
		return;
	call = begin_call(POST, which, false, 1);
	history_end(call, ksem_pinned_post(pin), 0);
	ksem_unpin(pin);
}

static void init_another(void)
{
	ksem_id_t id;

	if (ksem_init(proc_now(), 0, &id))
		fail("another semaphore could not be made");
	memory_store(&another, sizeof(another), id, RELAXED, __func__);
}

/* Who heard of it otherwise than by an order may find it or not. */
static void look_for_another(void)
{
	ksem_id_t id = memory_load(&another, sizeof(another), RELAXED, __func__);
	unsigned value = 0;
	int error = ksem_getvalue(proc_now(), id, &value);

	if (error ? error != EINVAL : value != 0)
		fail("another semaphore's value: error %d, %u", error, value);
}

static void move_to_line(unsigned which)
{
	struct line_view *view;
	uint32_t holder;

	if (semaphore_ops(pinned[which])->line(pinned[which], &view, &holder))
		fail("it could not move to a line");
}

static void make_call(const char *letter)
{
	unsigned which = letter[1] == '\'';
	bool by_id = *letter >= 'A' && *letter <= 'Z';

	switch (*letter) {
	case 'p':
	case 'P':
		post(which, by_id, 1);
		break;
	case '2':
		post(which, false, 2);
		break;
	case 'm':
		post(which, false, UINT32_C(1) << 31);
		break;
	case 't':
	case 'T':
		try_wait(which, by_id);
		break;
	case '3':
		try_wait_some(which, 2, 2);
		break;
	case '4':
		try_wait_some(which, 1, 2);
		break;
	case 'w':
	case 'W':
	case 'c':
	case 'C':
		wait_for_it(which, by_id, *letter == 'c' || *letter == 'C');
		break;
	case 'x':
	case 'y':
		wait_for_two(which, *letter == 'y');
		break;
	case 's':
		shut_down(which);
		break;
	case 'v':
	case 'V':
		get_value(which, by_id);
		break;
	case 'D':
		destroy(which);
		break;
	case 'E':
		destroy_and_free(which);
		break;
	case 'n':
		pin_and_post(which);
		break;
	case 'i':
		init_another();
		break;
	case 'l':
		look_for_another();
		break;
	case 'q':
		move_to_line(which);
		break;
	case 'f':
		if (took[current_thread()])
			words_free(which);
		break;
	case 'G':
		rcu_wait_epoch();
		break;
	default:
		fail("no such letter: %c", *letter);
	}
}

static void run_script(unsigned thread)
{
	for (const char *letter = now->scripts[thread - 1]; *letter; letter++) {
		if (*letter != '\'' && *letter != ' ')
			make_call(letter);
	}
}

/* ---- The beginning ---- */

static void begin_slots(struct semaphore *sem, const struct beginning *begin)
{
	slots_t slots = slots_take();

	store_rlx(&semaphore_cold(sem)->slots, slots);
	store_rlx(&slots_control(slots)->back_off, begin->back_off);
	store_rlx(&slots_control(slots)->let_pass, 0);
	for (unsigned processor = 0; processor < PROCESSORS; processor++) {
		store_rlx(slots_of(processor, slots), begin->slots[processor]);
		memory_name(slots_of(processor, slots), processor == 0 ? "slot 0" : "slot 1");
	}
	memory_name(&slots_control(slots)->in_flight, "in_flight");
}

static void begin_semaphore(unsigned which, const struct beginning *begin)
{
	struct object_cold *cold;
	struct semaphore *sem;

	must(ksem_init(procs[0], begin->value, &ids[which]));
	must(ksem_pin(procs[0], ids[which], &pinned[which]));
	objects[which] = pinned[which];
	sem = &pinned[which]->sem;
	cold = object_cold(pinned[which]);
	store_rlx(&cold->sem.slots, begin->samples);
	if (begin->mode != WORD_CENTRAL || begin->has_slots)
		begin_slots(sem, begin);
	if (word_mode(word_with_mode(0, begin->mode)) != WORD_CENTRAL)
		store_rlx(&sem->word, word_with_place(semaphore_word(sem), (uint32_t)load_rlx(&cold->sem.slots)));
	store_rlx(&sem->word, word_with_mode(semaphore_word(sem), begin->mode));
	memory_name(&sem->word, which == 0 ? "word" : "word'");
	memory_name(object_tag(pinned[which]), which == 0 ? "tag" : "tag'");
	memory_name(&cold->sem.slots, which == 0 ? "slots" : "slots'");
	memory_name(&cold->sem.eventcount, which == 0 ? "eventcount" : "eventcount'");
	memory_name(&cold->sem.woken, which == 0 ? "woken" : "woken'");
	memory_name(&cold->life, which == 0 ? "life" : "life'");
	if (now->unpinned)
		ksem_unpin(pinned[which]);
}

static unsigned value_at_first(const struct beginning *begin)
{
	unsigned value = begin->value;

	for (unsigned processor = 0; begin->mode != WORD_EMPTYING && processor < PROCESSORS; processor++)
		value += begin->slots[processor];
	return value;
}

static void begin_words(void)
{
	unsigned values[SEMAPHORES];
	bool several = false;

	for (unsigned i = 0; i < 4 && now->scripts[i]; i++)
		several |= strpbrk(now->scripts[i], "xy") != NULL;
	processes = 1;
	for (unsigned which = 0; which < SEMAPHORES; which++) {
		values[which] = now->begin[which].value;
		words_begin(which, values[which], several);
	}
	history_begin(values, processes);
}

static void begin_world(void)
{
	unsigned values[SEMAPHORES];

	must(ksem_ns_create(&(struct ksem_ns_options){.size = sizeof(struct ksem_ns_options), .max_sems = 16}, &ns));
	must(ksem_proc_create(ns, &(struct ksem_cred){0, 0}, &procs[0]));
	for (unsigned which = 0; which < SEMAPHORES; which++) {
		begin_semaphore(which, &now->begin[which]);
		values[which] = value_at_first(&now->begin[which]);
	}
	for (unsigned i = 1; now->sampled && i < 16; i++)
		semaphore_take_word(&pinned[1]->sem); /* for the threads, which begin as this one is */
	processes = now->processes ? PROCESSES : 1;
	if (processes > 1)
		must(ksem_proc_fork(procs[0], &procs[1]));
	ns->retired.blocks = RECLAIM_BLOCKS; /* so that what ends is freed at once */
	history_begin(values, processes);
}

/* ---- The end ---- */

static unsigned count_threads(bool (*are)(unsigned thread), unsigned threads)
{
	unsigned n = 0;

	for (unsigned thread = 1; thread <= threads; thread++)
		n += are(thread);
	return n;
}

static int value_at_end(unsigned which, unsigned *value)
{
	int error;

	if (now->plain)
		return words_getvalue(which, value);
	error = ksem_getvalue(procs[0], ids[which], value);
	if (error && processes > 1) /* this one destroyed it, the other did not */
		error = ksem_getvalue(procs[1], ids[which], value);
	return error;
}

static unsigned waiters_at_end(unsigned which)
{
	return word_waiters(now->plain ? words_now(which) : semaphore_word(&objects[which]->sem));
}

/* As calls find it, though the thread that shut it down may be stopped. Those on a line do that thread's work first. */
static bool shows_shut(unsigned which)
{
	word_t word = now->plain ? 0 : semaphore_word(&objects[which]->sem);

	return word_is_shut(word) && !(word & WORD_MOVED);
}

static void judge_semaphore(unsigned which, unsigned threads)
{
	unsigned posted, taken, perhaps, value = 0;
	unsigned sleepers = which == 0 ? count_threads(is_asleep, threads) : 0; /* they sleep on the first */
	unsigned stopped = count_threads(is_stopped, threads);
	int64_t due;
	int error;

	if (now->plain && words_freed(which))
		return;
	if (history_destroyed(which)) {
		if (sleepers > 0)
			fail("%u threads sleep on what was destroyed", sleepers);
		if (now->unpinned &&
		    load_rlx(&object_cold(objects[which])->sem.slots) > 0) /* blocks stay, also those that ended */
			fail("a semaphore that ended has slots");
		return;
	}
	error = value_at_end(which, &value);
	if (error)
		fail("the value at the end: error %d", error);
	history_permits(which, &posted, &taken, &perhaps);
	due = (int64_t)value_at_first(&now->begin[which]) + posted - taken;
	if (value < due - (int64_t)stopped || value > due + (int64_t)perhaps)
		fail("%lld permits are due at the end, %u are there", (long long)due, value);
	if (sleepers > 0 && value >= history_least_wanted(which) + perhaps)
		fail("%u threads sleep beside %u permits", sleepers, value);
	if (sleepers > 0 && (history_shut(which) || shows_shut(which)))
		fail("%u threads sleep on what was shut down", sleepers);
	if (stopped == 0 && waiters_at_end(which) != sleepers)
		fail("%u waiters are counted, %u wait", waiters_at_end(which), sleepers);
}

void scenario_run(const struct scenario *scenario, const struct bounds *bounds)
{
	struct plan plan = {.body = run_script, .may_stop = scenario->may_stop, .bounds = *bounds};
	enum outcome outcome;

	now = scenario;
	memset(took, 0, sizeof(took));
	for (; plan.threads < 4 && scenario->scripts[plan.threads]; plan.threads++) {
		const char *processors = scenario->processors;

		plan.processor[plan.threads + 1] =
			processors ? (unsigned)(processors[plan.threads] - '0') : PROCESSORS + plan.threads;
	}
	if (now->plain)
		begin_words();
	else
		begin_world();
	outcome = run_threads(&plan);
	if (outcome == CUT)
		return;
	memory_end_threads();
	if (outcome == QUIET && count_threads(is_asleep, plan.threads) == 0 &&
	    count_threads(is_stopped, plan.threads) == 0)
		fail("no thread can go on");
	history_judge(bounds->most[STALE_READS] > 0);
	for (unsigned which = 0; which < SEMAPHORES; which++)
		judge_semaphore(which, plan.threads);
}
