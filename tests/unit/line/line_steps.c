/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line, step by step: a few threads, and all orders in which their atomic operations can come, with a few changes
 * of thread at any of them. So each helper of an operation is late at each of its steps, and each thread is killed at
 * each. Unless KSEM_TEST_WIDE is set, only an eighth of the orders is gone through, which eighth is by chance.
 *
 * lib/line/ is compiled a second time for it, with the headers of seams/ before its own: there is a point before each
 * atomic operation. Threads are fibers. At a point the thread goes on, or another does, as long as the run has changes
 * left; where a thread sleeps or ends, any other goes on for nothing. A run is the list of those choices. All lists are
 * gone through, depth first. Memory is in order: orderings are the business of line_storm under ThreadSanitizer.
 *
 * A line has four entries here. What must hold after each run: lists are whole, and have those who wait; no entry is
 * lost, or twice on the stack of free ones; no permit is lost or made; nothing is left to do for the line.
 *
 *	line_steps                    all scenarios
 *	line_steps SCENARIO CHOICES   one run of one, as a failure prints it
 */
#include "support.h"
#include "waiting.h"

#include <ucontext.h>

#include "base/memory.h"
#include "line/account.h"
#include "line/entries.h"
#include "line/help.h"
#include "line/ledger.h"
#include "line/line.h"
#include "line/order.h"
#include "line/quick.h"
#include "os/fork.h"
#include "os/yield.h"

#define THREADS 4
#define STACK   (64 * 1024)
#define CHOICES 8192
#define STEPS   6000 /* of a run: more, and a thread goes round and round */
#define DRIVER  THREADS

/* ---- Choices ---- */

static struct {
	uint8_t chosen, n;
} choices[CHOICES];
static unsigned made, given;
static const char *scenario_name;

static _Noreturn void bad(const char *what)
{
	printf("line_steps '%s' ", scenario_name);
	for (unsigned i = 0; i < made; i++) {
		if (choices[i].chosen)
			printf("%u:%u,", i, choices[i].chosen);
	}
	printf("\nFAILED: %s\n", what);
	fflush(stdout);
	_exit(1);
}

static unsigned choose(unsigned n)
{
	if (n < 2)
		return 0;
	if (made == CHOICES)
		bad("too many choices");
	if (made >= given)
		choices[made].chosen = 0;
	choices[made].n = (uint8_t)n;
	return choices[made++].chosen;
}

#define STRIDE 8

static unsigned phase = STRIDE; /* which share of the runs is gone through; STRIDE: all */

/* Is a run in the share that makes another choice than the last one? The first choice that isn't 0 says so. */
static bool in_share(void)
{
	if (phase == STRIDE || (made - 1) % STRIDE == phase)
		return true;
	for (unsigned i = 0; i + 1 < made; i++) {
		if (choices[i].chosen > 0)
			return true; /* that one is */
	}
	return false;
}

static bool next_run(void)
{
	while (made > 0 && (choices[made - 1].chosen + 1 == choices[made - 1].n || !in_share()))
		made--;
	if (made == 0)
		return false;
	choices[made - 1].chosen++;
	given = made;
	return true;
}

/* ---- Threads ---- */

enum state {
	READY,
	ASLEEP,
	LURKS, /* until the mortal one is dead or through */
	OVER,
	DEAD,
};

static struct thread {
	ucontext_t context;
	enum state state;
	const void *word; /* where it sleeps */
	void (*body)(void);
} threads[THREADS + 1];

static char stacks[THREADS][STACK];
static unsigned current = DRIVER, steps, changes, mortal = DRIVER;
static bool kills;     /* one may still be killed */
static unsigned whole; /* bit mask: threads whose steps no other parts, and that come where one sleeps or ends */

static void switch_to(unsigned thread)
{
	unsigned from = current;

	if (thread == from)
		return;
	current = thread;
	swapcontext(&threads[from].context, &threads[thread].context);
}

static bool can_go_on(unsigned thread)
{
	if (threads[thread].state == LURKS)
		return threads[mortal].state == DEAD || threads[mortal].state == OVER;
	return threads[thread].body && threads[thread].state == READY;
}

/* Any thread but this one; the driver, if there is none. */
static void leave_to_others(void)
{
	unsigned others[THREADS], n = 0;

	for (unsigned thread = 0; thread < THREADS; thread++) {
		if (thread != current && can_go_on(thread))
			others[n++] = thread;
	}
	switch_to(n == 0 ? DRIVER : others[choose(n)]);
}

void point(void)
{
	unsigned others[THREADS], n = 0, chosen;

	if (current == DRIVER)
		return;
	if (++steps > STEPS)
		bad("a thread goes round and round");
	if (whole >> current & 1)
		return;
	for (unsigned thread = 0; changes > 0 && thread < THREADS; thread++) {
		if (thread != current && can_go_on(thread) && (whole >> thread & 1) == 0)
			others[n++] = thread;
	}
	chosen = choose(1 + n + (kills && current == mortal));
	if (chosen == 0)
		return;
	if (chosen <= n) {
		changes--;
		switch_to(others[chosen - 1]);
		return;
	}
	kills = false;
	threads[current].state = DEAD;
	leave_to_others();
}

/* Any other may go first, for nothing. */
static void let_others(void)
{
	unsigned others[THREADS + 1] = {current}, n = 1;

	for (unsigned thread = 0; thread < THREADS; thread++) {
		if (thread != current && can_go_on(thread))
			others[n++] = thread;
	}
	switch_to(others[choose(n)]);
}

static void run_body(void)
{
	threads[current].body();
	threads[current].state = OVER;
	leave_to_others();
}

static void lurk(void)
{
	threads[current].state = LURKS;
	if (!can_go_on(current))
		leave_to_others();
	threads[current].state = READY;
}

/* ---- What lib/line/ stands on ---- */

static _Alignas(KSEM_CACHE_LINE) char memory[LINE_FIRST * sizeof(struct line_entry)];

void *memory_alloc(size_t size, size_t align)
{
	(void)align;
	assert_true(size <= sizeof(memory));
	return memory;
}

void memory_free(void *block)
{
	(void)block;
}

static int sleep_on(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	(void)deadline;
	point();
	if (*word != expected)
		return EAGAIN;
	threads[current].state = ASLEEP;
	threads[current].word = word;
	leave_to_others();
	return 0;
}

static int wake(atomic(uint32_t) *word, uint32_t n)
{
	int woken = 0;

	point();
	for (unsigned thread = 0; thread < THREADS && n > 0; thread++) {
		if (threads[thread].state != ASLEEP || threads[thread].word != word)
			continue;
		threads[thread].state = READY;
		woken++;
		n--;
	}
	return woken;
}

/* Nobody forks. */
uint32_t fork_generation(void)
{
	return 0;
}

bool fork_has_left(uint32_t generation)
{
	return generation != 0;
}

static uint32_t settled = FORK_SETTLED;
struct fork_state fork_state = {.settled = &settled};

bool yield_pays(void)
{
	return true;
}

void yield_processor(void)
{
}

/* In the run's own time: some steps are a second. */
#define STEPS_A_SECOND 2

static uint32_t seconds(void)
{
	return steps / STEPS_A_SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){.tv_sec = seconds()};
	return 0;
}

struct futex_ops futex_ops = {sleep_on, wake, sleep_on, wake, NULL, NULL};

/* ---- The line, and what its users know ---- */

static struct line line;
static struct line_view view, mortals_view; /* of two processes */
static struct {
	int64_t all;      /* value and what is held, owed for: by the limit and posts */
	int64_t taken;    /* by threads that are alive */
	int64_t risk;     /* what the dead one may have taken with it */
	unsigned entries; /* that are in use though their threads are through */
	unsigned through; /* threads that waited at the door */
} due;
static uint32_t slots[THREADS];

#define QUEUE  UINT64_C(4711)
#define HOLDER 7 /* of the mortal thread; others have 1 */
#define CORPSE 9 /* of a process that died before the threads began */

static bool has_corpse;

static bool gone(void *context, uint32_t holder)
{
	(void)context;
	if (holder == CORPSE)
		return has_corpse;
	return holder == HOLDER && (mortal == DRIVER || threads[mortal].state == DEAD);
}

static void notify(void *context, uint32_t holder, uint64_t user)
{
	(void)context;
	if (user != QUEUE || (holder != 1 && holder != HOLDER))
		bad("another is notified");
}

static const struct line_hooks hooks = {gone, notify};

static bool all_ended;

/* A process is known by the holder number of its threads. */
static bool ended(void *context, uint64_t who, uint32_t image)
{
	(void)image;
	return all_ended || gone(context, (uint32_t)who);
}

static const struct line_hooks shared_hooks = {.gone = gone, .ended = ended};

static uint32_t holder_now(void)
{
	return current == mortal && current != DRIVER ? HOLDER : 1;
}

static void took(uint32_t n)
{
	due.taken += n;
}

/* In line; or took, or was refused: 0. */
static uint32_t enter_as(uint32_t n, uint32_t holder)
{
	uint32_t slot;
	bool full;
	int error = enter_line(&view, n, holder, &slot, &full);

	if (error == EAGAIN)
		return slot;
	if (error == 0)
		took(n);
	return 0;
}

static void leave(uint32_t slot, uint32_t n, bool give_up)
{
	int error;

	while ((error = line_leave(&view, slot, give_up)) == EAGAIN)
		sleep_in_line(&view, slot, NULL);
	if (error == 0)
		took(n);
}

static void wait_for(uint32_t n)
{
	uint32_t slot = enter_as(n, holder_now());

	if (slot)
		leave(slot, n, false);
}

static void try_waiting(uint32_t n)
{
	uint32_t slot = enter_as(n, holder_now());

	if (slot)
		leave(slot, n, true);
}

static void post(uint32_t n)
{
	if (line_post(&view, n) != 0)
		bad("a post failed");
	due.all += n;
}

static void set_limit(uint32_t limit)
{
	due.all += (int64_t)limit - line_limit(&view);
	line_set_limit(&view, limit);
}

/* ---- A line with a ledger: what each thread's account has, as the thread knows it ---- */

static struct account accounts[THREADS];
static uint32_t has[THREADS];
static struct {
	bool known;
	uint32_t least, most; /* since when it has the oldest permit */
} since[THREADS];
static bool ledger, twins; /* the second and the third thread have one account */

/* Whose account the thread takes by. */
static unsigned own(void)
{
	return twins && current == 2 ? 1 : current;
}

/* It has n more, and began to take them then. */
static void gets(uint32_t n, uint32_t begun)
{
	if (n > 0 && has[own()] == 0) {
		since[own()].known = true;
		since[own()].least = twins ? 0 : begun; /* the other may have taken before, and not say so yet */
		since[own()].most = seconds();
	}
	has[own()] += n;
}

/* Of the thread's process. */
static struct line_view *view_of(unsigned thread)
{
	return thread == 0 ? &mortals_view : &view;
}

static void open_one(unsigned thread)
{
	if (!account_open(view_of(thread), thread == 0 ? HOLDER : 1, &accounts[thread]))
		accounts[thread].slot = 0;
}

static bool take_as(uint32_t n)
{
	uint32_t begun = seconds();
	bool one = n == 1 && quick_add(&view, accounts[own()], 1, 0);
	int error = one ? 0 : account_take(&view, accounts[own()], n);

	if (error != 0 && error != EAGAIN && error != ENOMEM)
		bad("a take failed");
	gets(error == 0 ? n : 0, begun);
	return error == 0;
}

static void give_as(uint32_t n)
{
	bool one = n == 1 && quick_add(&view, accounts[own()], -1, 0);
	int error = one ? 0 : account_give(&view, accounts[own()], n);

	if (error != (has[own()] < n ? EPERM : 0))
		bad("more was given back than is held, or less");
	has[own()] -= error == 0 ? n : 0;
	if (twins) /* the other may have taken meanwhile */
		since[own()].known = false;
}

static void wait_as(uint32_t n, bool give_up, bool renounce)
{
	uint32_t slot, begun = seconds();
	bool full;
	int error = line_enter(&view, n, (struct line_by){current == 0 ? HOLDER : 1, accounts[current]}, &slot, &full);

	if (error == EAGAIN && renounce) {
		line_renounce(&view, slot);
		return;
	}
	if (error == EAGAIN) {
		while ((error = line_leave(&view, slot, give_up)) == EAGAIN)
			sleep_in_line(&view, slot, NULL);
	}
	gets(error == 0 ? n : 0, begun);
}

static void judge_time(const struct account_stake *stake, void *arg)
{
	(void)arg;
	for (unsigned thread = 0; thread < THREADS; thread++) {
		if (accounts[thread].slot == stake->slot && since[thread].known &&
		    (stake->since < since[thread].least || stake->since > since[thread].most))
			bad("a permit isn't held since it was taken");
	}
}

/* Value and accounts make up the limit; and when the dead have been reaped, each account has what its thread knows. */
static void judge_ledger(void)
{
	uint32_t value, sum = account_sum(&view, UINT32_MAX, &value), held = 0, open = 0, used = 0;

	if (value + sum != line_limit(&view))
		bad(value + sum > line_limit(&view) ? "a permit was made" : "a permit was lost");
	if (mortal != DRIVER) /* else HOLDER would pass for gone */
		line_reap(&view);
	if (mortal != DRIVER && threads[mortal].state == DEAD) {
		has[0] = 0;
		accounts[0].slot = 0;
		all_ended = true; /* it may have claimed an entry that says still that it is the other's */
		line_reap(&view);
		all_ended = false;
	}
	for (unsigned thread = 0; thread < THREADS; thread++) {
		if (accounts[thread].slot == 0)
			continue;
		held += has[thread];
		open++;
		if (account_has(&view, accounts[thread]) != has[thread])
			bad("an account has something else");
	}
	account_for_all(&view, judge_time, NULL);
	account_sum(&view, UINT32_MAX, &value);
	if (value + held != line_limit(&view))
		bad(value + held > line_limit(&view) ? "a permit was made at last" : "a permit was lost at last");
	for (uint32_t slot = LINE_LISTS; slot < LINE_LISTS + line.used; slot++)
		used += state_of(entry_at(&view, slot)->state) != ENTRY_FREE;
	if (used != open + line_waiters(&view))
		bad("an entry is lost");
}

/* ---- The judge ---- */

static void judge_list(uint32_t head, uint32_t *members)
{
	uint32_t at = head, next, length = 0;

	do {
		next = link_read(&node_at(&view, at)->next);
		if (link_read(&node_at(&view, next)->prev) != at)
			bad("a list isn't whole");
		if (++length > LINE_ENTRIES + 1)
			bad("a list goes round and round");
		at = next;
	} while (next != head);
	*members += length - 1;
}

static void judge_stack(void)
{
	uint32_t slot = (uint32_t)line.free & ((1u << LINE_SLOT_BITS) - 1), length = 0, free = 0;

	for (; slot != 0; slot = (uint32_t)entry_at(&view, slot)->free_next & ((1u << LINE_SLOT_BITS) - 1)) {
		if (++length > LINE_ENTRIES)
			bad("an entry is twice on the stack of free ones");
		free += state_of(entry_at(&view, slot)->state) == ENTRY_FREE;
	}
	for (slot = LINE_LISTS; slot < LINE_LISTS + line.used; slot++)
		free -= state_of(entry_at(&view, slot)->state) == ENTRY_FREE;
	if (free != 0 && threads[mortal].state != DEAD)
		bad("a free entry isn't on the stack");
}

static void judge(void)
{
	struct line_word w = line_word(&line);
	struct line_place place = LINE_NO_PLACE;
	uint32_t members = 0, used = 0;
	int64_t value = (int64_t)word_limit(w) - word_taken(w);
	bool killed = mortal != DRIVER && threads[mortal].state == DEAD;

	for (unsigned thread = 0; thread < THREADS; thread++) {
		if (threads[thread].state == ASLEEP && threads[thread].word == &line.door && entry_is_free(&view) &&
		    !killed)
			bad("one sleeps at the door though an entry is free");
	}
	if (w.low & LINE_BUSY)
		bad("an operation isn't over");
	for (uint32_t list = 0; list < LINE_LISTS; list++)
		judge_list(list, &members);
	if (members != line_waiters(&view))
		bad("others wait than are in the lists");
	judge_stack();
	if (ledger) {
		judge_ledger();
		return;
	}
	for (uint32_t slot = LINE_LISTS; slot < LINE_LISTS + line.used; slot++)
		used += state_of(entry_at(&view, slot)->state) != ENTRY_FREE;
	if (used != members + due.entries)
		bad(used > members ? "an entry is lost" : "an entry that waits is free");
	if (value + due.taken > due.all || value + due.taken < due.all - (killed ? due.risk : 0))
		bad(value + due.taken > due.all ? "a permit was made" : "a permit was lost");
	if (line_order(&line)->choose(&view, w, &place).kind != LINE_NONE &&
	    (value > 0 || (w.low & (LINE_SHUT | LINE_SWEEP))))
		bad("there is something left to do");
}

/* ---- Scenarios ---- */

struct scenario {
	const char *name;
	uint32_t order, value, limit;
	void (*begin)(void); /* by the driver */
	void (*bodies[THREADS])(void);
	unsigned changes;
	bool kills; /* the first thread is killed, at any point */
	unsigned whole;
	unsigned through;
	bool twins;
	unsigned accounts; /* bit mask: threads that have one; the line has a ledger then */
	unsigned entries;  /* that the line must have; 0: 4 */
};

static void begin(const struct scenario *now)
{
	memset((void *)&line, 0, sizeof(line));
	memset(memory, 0, sizeof(memory));
	memset(&due, 0, sizeof(due));
	memset(slots, 0, sizeof(slots));
	line_init(&line, now->value, now->limit, now->order);
	line_view_init(&view, &line, FUTEX_PRIVATE, now->accounts ? &shared_hooks : &hooks, NULL);
	line_view_init(&mortals_view, &line, FUTEX_PRIVATE, view.hooks, NULL);
	view.who = 1;
	mortals_view.who = HOLDER;
	view.chunks[0] = mortals_view.chunks[0] = (struct line_entry *)memory;
	view.mapped = mortals_view.mapped = now->accounts ? (struct line_entry *)memory : NULL;
	store_rlx(&line.yields, 0);
	due.all = now->value;
	made = 0;
	steps = 0;
	changes = now->changes;
	kills = now->kills;
	due.risk = now->kills;
	whole = now->whole;
	mortal = DRIVER;
	current = DRIVER;
	for (unsigned thread = 0; thread < THREADS; thread++) {
		threads[thread].body = now->bodies[thread];
		threads[thread].state = READY;
		if (!threads[thread].body)
			continue;
		getcontext(&threads[thread].context);
		threads[thread].context.uc_stack.ss_sp = stacks[thread];
		threads[thread].context.uc_stack.ss_size = STACK;
		threads[thread].context.uc_link = NULL;
		makecontext(&threads[thread].context, run_body, 0);
	}
	memset(accounts, 0, sizeof(accounts));
	memset(has, 0, sizeof(has));
	memset(since, 0, sizeof(since));
	ledger = now->accounts != 0;
	twins = now->twins;
	has_corpse = false;
	for (unsigned thread = 0; thread < THREADS; thread++) {
		if (now->accounts >> thread & 1)
			open_one(thread);
	}
	if (now->begin)
		now->begin();
	mortal = now->kills ? 0 : DRIVER;
}

static void run(const struct scenario *now)
{
	scenario_name = now->name;
	begin(now);
	leave_to_others(); /* comes back when no thread can go on */
	judge();
	if (due.through != now->through)
		bad("a thread sleeps at the door");
}

/* Those who are in line when the threads begin. */

static void one_wants_more_than_the_limit(void)
{
	slots[1] = enter_as(10, 1);
}

static void one_waits_for_a_higher_limit(void)
{
	one_wants_more_than_the_limit();
	due.risk = 15; /* which a killed thread has not added */
}

static struct line_op begun;

/* It is to be moved back to the line, and no helper has come yet. */
static void one_is_to_be_moved(void)
{
	struct line_place place = LINE_NO_PLACE;
	struct line_word w, next;
	struct line_act act;

	one_wants_more_than_the_limit();
	w = line_word(&line);
	next = word_next(w, LINE_NONE, 0);
	next.high = (next.high & ~(uint64_t)UINT32_MAX) | 20;
	if (!pair_cas(&line.word, w.low, w.high, next.low | LINE_SWEEP, next.high))
		bad("a limit isn't raised");
	due.all += 15;
	w = line_word(&line);
	act = line_order(&line)->choose(&view, w, &place);
	if (act.slot != slots[1] || !line_announce(&view, w, act.kind, act.slot, &begun))
		bad("it isn't to be moved");
}

static void help(void)
{
	line_help(&view, &begun);
}

static void raise_limit(void)
{
	set_limit(20);
}

static void first_waits(void)
{
	leave(slots[1], 10, false);
}

static void first_gives_up(void)
{
	leave(slots[1], 10, true);
}

/* As line_leave, whose thread others leave behind in the middle. */
static void first_gives_up_in_two_steps(void)
{
	struct line_entry *entry = entry_at(&view, slots[1]);
	uint64_t x = load_acq(&entry->state);
	uint64_t gone = (uint64_t)ECANCELED << 32 | ((uint32_t)x & ENTRY_ROUND_MASK) | ENTRY_GONE;

	if (state_of(x) == ENTRY_WAIT && cas_acq_rel(&entry->state, &x, gone)) {
		help();
		let_others();
		line_settle_with(&view, (struct line_wish){LINE_DROP, slots[1], gone});
	}
	first_gives_up();
}

static void limit_goes_up_and_down(void)
{
	set_limit(20);
	set_limit(5);
}

/* One was granted and is dead; the one before it has left since. */
static void one_is_dead_with_its_permit(void)
{
	uint32_t b;

	slots[2] = enter_as(1, 1);
	b = enter_as(1, 1);
	enter_as(1, HOLDER);
	post(1);
	leave(b, 1, true);
}

static void reap(void)
{
	line_reap(&view);
}

static void third_waits(void)
{
	leave(slots[2], 1, false);
}

/* It must come through. */
static void wait_through(void)
{
	wait_for(1);
	due.through++;
}

static void post_when_the_first_is_over(void)
{
	lurk();
	post(1);
}

static void reap_the_dead(void)
{
	lurk();
	line_reap(&view);
}

static void wait_one(void)
{
	wait_for(1);
}

static void join_for_thirty(void)
{
	enter_as(30, 1);
}

static void wait_two(void)
{
	wait_for(2);
}

static void try_one(void)
{
	try_waiting(1);
}

static void try_one_twice(void)
{
	try_waiting(1);
	try_waiting(1);
}

/* What a thread does that waits for one of several, and has another. */
static void renounce_one(void)
{
	uint32_t slot;
	bool full;
	int error = enter_line(&view, 1, holder_now(), &slot, &full);

	if (error == 0 && line_post(&view, 1) != 0)
		bad("a permit can't be given back");
	if (error == ENOMEM)
		sleep_at_door(&view, 1, NULL);
	if (error == EAGAIN || error == ENOMEM)
		line_renounce(&view, error == EAGAIN ? slot : 0);
}

static void post_one(void)
{
	post(1);
}

static void post_two(void)
{
	post(2);
}

static void post_three(void)
{
	post(3);
}

static void settle(void)
{
	line_settle(&view);
}

static void use_all_entries(void)
{
	struct line_handle handle;
	uint32_t head;

	line_open_ready(&view, 1, QUEUE, &head);
	while (line_submit(&view, 5, head, (struct line_by){.holder = 1}, 1, 0, &handle) == 0)
		;
	due.entries = 1;
}

/* A thread that finds no entry sleeps at the door. Here it must come through. */
static void wait_at_door(void)
{
	uint32_t slot;
	bool full;
	int error;

	while ((error = enter_line(&view, 1, 1, &slot, &full)) == ENOMEM)
		sleep_at_door(&view, 1, NULL);
	if (error == EAGAIN)
		leave(slot, 1, false);
	else if (error == 0)
		took(1);
	due.through++;
}

static void shut_down(void)
{
	line_shutdown(&view);
	due.entries = LINE_ENTRIES; /* what was turned away stands ready */
}

/* The entry of a thread that is turned away is the thread's until it leaves. */
static void shut_down_thread(void)
{
	line_shutdown(&view);
}

static void raise_limit_by_one(void)
{
	set_limit(6);
}

static void use_all_entries_without_waiting(void)
{
	bool no_memory;

	while (line.used < LINE_ENTRIES)
		entry_claim(&view, 1, &no_memory);
	due.entries = LINE_ENTRIES;
}

/* If somebody sleeps at the door, it is refused. */
static void kill_or_post(void)
{
	if (line_kill(&view) == EBUSY)
		post(1);
}

/* All entries but one are in use. */
static void one_entry_is_left(void)
{
	bool no_memory;

	while (line.used < LINE_ENTRIES) {
		entry_claim(&view, 1, &no_memory);
		due.entries++;
	}
	entry_free(&view, LINE_LISTS, entry_at(&view, LINE_LISTS)->state);
	due.entries--;
}

static bool cancel(struct line_view *of, struct line_handle handle)
{
	bool canceled = line_give_up(of, handle, ECANCELED);

	line_drop(of, handle);
	return canceled;
}

static void use_a_ready_list(void)
{
	struct line_handle handle;
	struct line_result result;
	uint32_t head;

	if (line_open_ready(&view, holder_now(), QUEUE, &head))
		return;
	if (line_submit(&view, 1, head, (struct line_by){.holder = holder_now()}, 1, 0, &handle) == 0) {
		if (line_reap_ready(&view, head, &result) != 0) {
			cancel(&view, handle);
			if (line_reap_ready(&view, head, &result) != 0)
				bad("what was canceled isn't ready");
		}
		took(result.need);
	}
	line_close_ready(&view, head, line_ready_round(&view, head));
}

static void use_two_ready_lists(void)
{
	use_a_ready_list();
	use_a_ready_list();
}

static uint32_t heads[2];

/* A GRANT of a queue's wait is under way, and no helper has come yet. */
static void one_of_a_queue_is_to_be_granted(void)
{
	struct line_handle handle;
	struct line_word w;

	line_open_ready(&view, 1, QUEUE, &heads[1]);
	line_open_ready(&view, 1, QUEUE, &heads[0]);
	line_submit(&view, 1, heads[0], (struct line_by){.holder = 1}, 1, 0, &handle);
	due.entries = 1;
	due.all = 1;
	line.word.low--; /* a post that goes no further */
	w = line_word(&line);
	if (!line_announce(&view, w, LINE_GRANT, handle.slot, &begun))
		bad("it isn't to be granted");
}

static void reap_and_close(void)
{
	struct line_result result;

	if (line_reap_ready(&view, heads[0], &result) != 0)
		bad("what was granted isn't ready");
	took(result.need);
	line_close_ready(&view, heads[0], line_ready_round(&view, heads[0]));
}

static void reap_and_use_another_list(void)
{
	reap_and_close();
	use_a_ready_list();
}

/* The entry of the list's head becomes a wait of the other list. */
static void reap_and_wait_in_the_other_list(void)
{
	struct line_handle handle;
	struct line_result result;

	reap_and_close();
	if (line_submit(&view, 1, heads[1], (struct line_by){.holder = 1}, 1, 0, &handle) != 0 ||
	    !cancel(&view, handle) || line_reap_ready(&view, heads[1], &result) != 0)
		bad("a wait in the other list failed");
}

static void take_and_give(void)
{
	if (take_as(1))
		give_as(1);
}

static void take_one(void)
{
	take_as(1);
}

static void take_twice_give_once(void)
{
	take_as(1);
	take_as(1);
	give_as(1);
}

static void take_two(void)
{
	take_as(2);
}

static void take_and_give_two(void)
{
	if (take_as(2))
		give_as(2);
}

static void take_eight(void)
{
	take_as(8);
}

static void take_and_give_eight(void)
{
	if (take_as(8))
		give_as(8);
}

static void take_and_give_twice(void)
{
	take_and_give();
	take_and_give();
}

/* The sum goes below 0. */
static void give_and_take(void)
{
	give_as(1);
	take_as(1);
}

/* More than a sum can be. */
static void take_and_give_many(void)
{
	for (unsigned i = 0; i < LINE_SUM_MOST + 1; i++)
		take_as(1);
	for (unsigned i = 0; i < LINE_SUM_MOST + 1; i++)
		give_as(1);
}

static void wait_for_one(void)
{
	wait_as(1, false, false);
}

static void wait_for_one_and_give(void)
{
	wait_as(1, false, false);
	if (has[current] > 0)
		give_as(1);
}

static void try_to_wait(void)
{
	wait_as(1, true, false);
}

static void wait_and_renounce(void)
{
	wait_as(1, false, true);
}

static void close_own(void)
{
	take_as(1);
	account_close(&view, accounts[current]);
	accounts[current].slot = 0;
	has[current] = 0;
}

/* By an account that the second thread closes meanwhile. What it takes before, goes back. */
static void take_by_what_is_closed(void)
{
	struct account closed = accounts[1];
	int error = closed.slot == 0 || quick_add(&view, closed, 1, 0) ? 0 : account_take(&view, closed, 1);

	if (error != 0 && error != EINVAL && error != EAGAIN)
		bad("a take failed");
}

static void open_own(void)
{
	open_one(current);
}

static void open_and_take_twice(void)
{
	open_one(current);
	if (accounts[current].slot == 0)
		return;
	take_as(1);
	take_as(1);
}

/* Thread 0, or 1, has the only permit. */
static void first_has_it(void)
{
	has[0] = account_take(&view, accounts[0], 1) == 0;
}

static void second_has_it(void)
{
	has[1] = account_take(&view, accounts[1], 1) == 0;
}

static void give_it_back(void)
{
	give_as(1);
}

static void give_too_much(void)
{
	give_as(2);
}

/* Takes by an account that may be where the dead one's was. */
static void come_late(void)
{
	lurk();
	line_reap(&view);
	open_one(current);
	if (accounts[current].slot != 0)
		take_as(1);
}

/* A process with a queue has died: one wait was granted, one is in line. */
static void one_has_died_that_had_a_queue(void)
{
	struct line_by by = {.holder = CORPSE};
	struct line_handle handle;
	uint32_t head;

	mortal = 0;
	mortals_view.who = CORPSE;
	if (line_open_ready(&mortals_view, CORPSE, QUEUE, &head) != 0 ||
	    !account_open(&mortals_view, CORPSE, &by.account) ||
	    line_submit(&mortals_view, 1, head, by, 1, 0, &handle) != 0 ||
	    line_submit(&mortals_view, 1, head, by, 1, 0, &handle) != 0)
		bad("it has no queue");
	mortals_view.who = HOLDER;
	has_corpse = true;
}

static uint32_t own_heads[THREADS];
static struct line_handle own_waits[THREADS];

/* Begins a wait in a queue of its own. False: there is no entry. */
static bool begin_queue(unsigned thread)
{
	struct line_view *own = view_of(thread);
	struct line_by by = {thread == 0 ? HOLDER : 1, accounts[thread]};

	return accounts[thread].slot != 0 && line_open_ready(own, by.holder, QUEUE, &own_heads[thread]) == 0 &&
	       line_submit(own, 1, own_heads[thread], by, 1, 0, &own_waits[thread]) == 0;
}

/* What it was granted, it gives back. */
static void end_queue(void)
{
	struct line_view *own = view_of(current);
	struct line_result result;

	cancel(own, own_waits[current]);
	while (line_reap_ready(own, own_heads[current], &result) == 0)
		has[current] += result.need;
	since[current].known = false;
	line_close_ready(own, own_heads[current], line_ready_round(own, own_heads[current]));
	if (has[current] > 0)
		give_as(1);
}

static void use_queue(void)
{
	if (begin_queue(current))
		end_queue();
}

/* The first one's process has a queue, which waits already. Its account comes behind the queue's entries. */
static void first_has_a_queue(void)
{
	bool no_memory;
	uint32_t slots_before[2] = {entry_claim(&view, 1, &no_memory), entry_claim(&view, 1, &no_memory)};

	mortal = 0; /* it lives as yet */
	account_close(&mortals_view, accounts[0]);
	open_one(0);
	for (unsigned i = 0; i < 2; i++)
		entry_free(&view, slots_before[i], entry_at(&view, slots_before[i])->state);
	if (!begin_queue(0))
		bad("it has no queue");
}

/* Its process dies now, or ends its queue. */
static void die_or_end_queue(void)
{
	point();
	whole |= 1;
	end_queue();
}

static void first_waits_for_the_second(void)
{
	second_has_it();
	first_has_a_queue();
}

static void come_late_with_a_queue(void)
{
	lurk();
	open_one(current);
	use_queue();
}

static void reap_and_give_it_back(void)
{
	line_reap(&view);
	give_as(1);
}

static void reap_at_once(void)
{
	whole |= 1u << current;
	line_reap(&view);
}

static const struct scenario scenarios[] = {
	/* A ledger, and queues. */
	{"a dead queue is reaped by one that is killed",
	 LINE_FIFO,
	 1,
	 1,
	 one_has_died_that_had_a_queue,
	 {reap, reap_the_dead, come_late_with_a_queue},
	 .changes = 1,
	 .kills = true,
	 .whole = 1 << 1 | 1 << 2,
	 .accounts = 1,
	 .entries = 8},
	{"a dead queue is reaped by two, and others come",
	 LINE_FIFO,
	 1,
	 1,
	 one_has_died_that_had_a_queue,
	 {reap, reap_at_once, wait_for_one_and_give},
	 .changes = 1,
	 .accounts = 4,
	 .entries = 8},
	{"a queue's process is killed while another looks",
	 LINE_BARGING,
	 1,
	 1,
	 first_waits_for_the_second,
	 {die_or_end_queue, reap_and_give_it_back, come_late_with_a_queue},
	 .changes = 2,
	 .kills = true,
	 .accounts = 3,
	 .entries = 8},
	{"one is killed that has a queue with an account",
	 LINE_FIFO,
	 1,
	 1,
	 NULL,
	 {use_queue, reap_the_dead, come_late_with_a_queue},
	 .changes = 1,
	 .kills = true,
	 .whole = 1 << 2,
	 .accounts = 1,
	 .entries = 8},
	/* A ledger. */
	{"one is killed that takes and gives back",
	 LINE_BARGING,
	 2,
	 2,
	 NULL,
	 {take_and_give, take_one, reap_the_dead},
	 .changes = 2,
	 .kills = true,
	 .accounts = 3},
	{"two reap one that has taken",
	 LINE_BARGING,
	 2,
	 2,
	 NULL,
	 {take_twice_give_once, reap_the_dead, reap_the_dead, take_and_give},
	 .changes = 1,
	 .kills = true,
	 .accounts = 9},
	{"one comes where the dead one was",
	 LINE_FIFO,
	 2,
	 2,
	 NULL,
	 {take_one, reap_the_dead, come_late},
	 .changes = 1,
	 .kills = true,
	 .accounts = 1},
	{"one is killed that takes two",
	 LINE_BARGING,
	 2,
	 2,
	 NULL,
	 {take_and_give_two, take_one, reap_the_dead},
	 .changes = 1,
	 .kills = true,
	 .accounts = 3},
	{"one is killed that takes eight",
	 LINE_BARGING,
	 9,
	 9,
	 NULL,
	 {take_and_give_eight, take_one, reap_the_dead},
	 .changes = 1,
	 .kills = true,
	 .accounts = 3},
	{"two take eight", LINE_LIFO, 17, 17, NULL, {take_and_give_eight, take_eight}, .changes = 3, .accounts = 3},
	{"one is killed that takes and gives back twice",
	 LINE_BARGING,
	 2,
	 2,
	 NULL,
	 {take_and_give_twice, take_and_give, reap_the_dead},
	 .changes = 1,
	 .kills = true,
	 .accounts = 3},
	{"two threads have one account, another is killed",
	 LINE_BARGING,
	 3,
	 3,
	 NULL,
	 {take_and_give, take_and_give, take_and_give, reap_the_dead},
	 .changes = 1,
	 .kills = true,
	 .twins = true,
	 .accounts = 3},
	{"two threads have one account, another takes",
	 LINE_BARGING,
	 3,
	 3,
	 NULL,
	 {take_and_give, take_and_give, take_and_give},
	 .changes = 3,
	 .twins = true,
	 .accounts = 3},
	{"two threads take by one account",
	 LINE_BARGING,
	 2,
	 2,
	 NULL,
	 {NULL, take_one, take_one},
	 .changes = 4,
	 .twins = true,
	 .accounts = 2},
	{"one gives back and takes again, another takes",
	 LINE_BARGING,
	 2,
	 2,
	 first_has_it,
	 {give_and_take, take_and_give_twice},
	 .changes = 3,
	 .accounts = 3},
	{"one takes more than a sum can be, another takes",
	 LINE_BARGING,
	 9,
	 9,
	 NULL,
	 {take_and_give_many, take_and_give},
	 .changes = 2,
	 .accounts = 3},
	{"two take two", LINE_LIFO, 3, 3, NULL, {take_and_give_two, take_two}, .changes = 3, .accounts = 3},
	{"one is killed that waits for a permit of its own",
	 LINE_FIFO,
	 1,
	 1,
	 second_has_it,
	 {wait_for_one, give_it_back, reap_the_dead},
	 .changes = 1,
	 .kills = true,
	 .accounts = 3},
	{"one waits for the permit of one that is killed",
	 LINE_FIFO,
	 1,
	 1,
	 first_has_it,
	 {give_it_back, wait_for_one, reap_the_dead},
	 .changes = 1,
	 .kills = true,
	 .accounts = 3},
	{"one waits for the permit of one that waits itself",
	 LINE_FIFO,
	 1,
	 1,
	 NULL,
	 {wait_for_one_and_give, wait_for_one_and_give, reap_the_dead},
	 .changes = 1,
	 .kills = true,
	 .accounts = 3},
	{"a permit is granted, and its waiter renounces or gives up",
	 LINE_LIFO,
	 1,
	 1,
	 second_has_it,
	 {wait_and_renounce, give_it_back, try_to_wait},
	 .changes = 2,
	 .accounts = 7},
	{"one leaves with its permit, one waits for it",
	 LINE_BARGING,
	 1,
	 1,
	 NULL,
	 {close_own, wait_for_one},
	 .changes = 3,
	 .accounts = 3},
	{"one takes by an account that another opens",
	 LINE_BARGING,
	 3,
	 3,
	 NULL,
	 {open_own, close_own, take_by_what_is_closed},
	 .changes = 2,
	 .accounts = 2},
	{"one takes by an account that is another's by now",
	 LINE_BARGING,
	 3,
	 3,
	 NULL,
	 {open_and_take_twice, close_own, take_by_what_is_closed},
	 .changes = 3,
	 .whole = 1 << 0,
	 .accounts = 2},
	{"no more is given back than is held",
	 LINE_BARGING,
	 3,
	 3,
	 second_has_it,
	 {take_and_give, give_too_much},
	 .changes = 3,
	 .accounts = 3},
	/* An entry that is moved between the lists of the limit. */
	{"a limit is raised, and one gives up",
	 LINE_FIFO,
	 0,
	 5,
	 one_wants_more_than_the_limit,
	 {raise_limit, first_gives_up},
	 .changes = 2},
	{"a limit is raised, one gives up, one posts",
	 LINE_FIFO,
	 0,
	 5,
	 one_wants_more_than_the_limit,
	 {raise_limit, first_gives_up, post_one},
	 .changes = 2},
	{"a limit goes up and down, one comes, one gives up",
	 LINE_FIFO,
	 0,
	 5,
	 one_wants_more_than_the_limit,
	 {limit_goes_up_and_down, first_gives_up, wait_one},
	 .changes = 2},
	{"one gives up while it is moved, and one comes",
	 LINE_FIFO,
	 0,
	 5,
	 one_is_to_be_moved,
	 {help, first_gives_up_in_two_steps, join_for_thirty},
	 .changes = 3,
	 .whole = 1 << 2},
	/* Permits of the dead. */
	{"the dead one's permit goes back, and one comes",
	 LINE_LIFO,
	 0,
	 5,
	 one_is_dead_with_its_permit,
	 {reap, wait_one, third_waits},
	 .changes = 2,
	 .whole = 1 << 2},
	{"two give the dead one's permit back, and one comes",
	 LINE_FIFO,
	 0,
	 5,
	 one_is_dead_with_its_permit,
	 {reap, wait_one, third_waits, reap},
	 .changes = 1,
	 .whole = 1 << 2},
	{"one is killed that waits",
	 LINE_FIFO,
	 0,
	 5,
	 NULL,
	 {wait_one, post_one, reap_the_dead, try_one},
	 .changes = 1,
	 .whole = 1 << 3,
	 .kills = true},
	{"one is killed that has a queue",
	 LINE_FIFO,
	 0,
	 5,
	 NULL,
	 {use_a_ready_list, post_one, reap_the_dead},
	 .changes = 1,
	 .kills = true},
	/* Few entries. */
	{"three for one entry", LINE_BARGING, 0, 5, one_entry_is_left, {try_one, try_one_twice, try_one}, .changes = 2},
	{"two for one entry", LINE_BARGING, 0, 5, one_entry_is_left, {try_one_twice, try_one_twice}, .changes = 2},
	/* The door. */
	{"one waits at the door, one posts",
	 LINE_BARGING,
	 0,
	 5,
	 use_all_entries,
	 {wait_at_door, post_one},
	 .changes = 3,
	 .through = 1},
	{"two wait at the door, two are posted",
	 LINE_LIFO,
	 0,
	 5,
	 use_all_entries,
	 {wait_at_door, wait_at_door, post_two},
	 .changes = 2,
	 .through = 2},
	{"one waits at the door of a line that is shut down",
	 LINE_BARGING,
	 0,
	 5,
	 use_all_entries,
	 {wait_at_door, shut_down},
	 .changes = 2,
	 .through = 1},
	{"one waits at the door of a line whose limit is raised",
	 LINE_LIFO,
	 0,
	 5,
	 use_all_entries,
	 {wait_at_door, raise_limit_by_one},
	 .changes = 3,
	 .through = 1},
	{"one waits at the door of a line that is killed",
	 LINE_BARGING,
	 0,
	 5,
	 use_all_entries_without_waiting,
	 {wait_at_door, kill_or_post},
	 .changes = 3,
	 .through = 1},
	{"two wait at the door for one entry",
	 LINE_FIFO,
	 0,
	 5,
	 one_entry_is_left,
	 {try_one, wait_at_door, wait_at_door, post_three},
	 .changes = 1,
	 .through = 2},
	{"one goes through the door that others left",
	 LINE_FIFO,
	 0,
	 5,
	 one_entry_is_left,
	 {try_one, wait_at_door, post_two},
	 .changes = 2,
	 .through = 1},
	/* Waits, of threads and of queues. */
	{"one renounces, one waits, one posts",
	 LINE_FIFO,
	 0,
	 5,
	 NULL,
	 {renounce_one, wait_through, post_one},
	 .changes = 2,
	 .through = 1},
	{"one renounces what was posted, and one comes",
	 LINE_LIFO,
	 0,
	 5,
	 NULL,
	 {renounce_one, post_one, wait_through},
	 .changes = 2,
	 .through = 1},
	{"one is killed that renounces",
	 LINE_FIFO,
	 0,
	 5,
	 NULL,
	 {renounce_one, post_one, reap_the_dead, try_one},
	 .changes = 1,
	 .whole = 1 << 3,
	 .kills = true},
	{"one at the door renounces",
	 LINE_FIFO,
	 0,
	 5,
	 one_entry_is_left,
	 {try_one, renounce_one, wait_at_door, post_two},
	 .changes = 1,
	 .through = 1},
	{"one at the door renounces, and one gets in line",
	 LINE_FIFO,
	 0,
	 5,
	 one_entry_is_left,
	 {try_one, renounce_one, wait_at_door},
	 .changes = 2},
	{"a limit is raised by one that is killed, and one posts",
	 LINE_FIFO,
	 0,
	 5,
	 one_waits_for_a_higher_limit,
	 {raise_limit, first_waits, post_when_the_first_is_over},
	 .changes = 1,
	 .kills = true},
	{"one is killed that shuts down, and one posts",
	 LINE_FIFO,
	 0,
	 5,
	 one_wants_more_than_the_limit,
	 {shut_down_thread, first_waits, post_when_the_first_is_over},
	 .changes = 1,
	 .kills = true},
	{"a post and a wait", LINE_FIFO, 0, 5, NULL, {wait_one, post_one, settle}, .changes = 2},
	{"two waits and a post", LINE_LIFO, 0, 5, NULL, {wait_one, wait_two, post_two}, .changes = 2},
	{"waits in a row", LINE_BARGING, 0, 5, NULL, {try_one_twice, post_one, try_one}, .changes = 2},
	{"a queue of which helpers are late",
	 LINE_FIFO,
	 0,
	 5,
	 NULL,
	 {use_two_ready_lists, post_two, settle},
	 .changes = 2},
	{"a ready list at the same place",
	 LINE_FIFO,
	 0,
	 5,
	 one_of_a_queue_is_to_be_granted,
	 {help, reap_and_use_another_list},
	 .changes = 2},
	{"a ready list's entry becomes a wait",
	 LINE_FIFO,
	 0,
	 5,
	 one_of_a_queue_is_to_be_granted,
	 {help, reap_and_wait_in_the_other_list},
	 .changes = 2},
};

static void read_choices(const char *text)
{
	unsigned at, chosen;
	int length;

	while (sscanf(text, "%u:%u,%n", &at, &chosen, &length) == 2) {
		choices[at].chosen = (uint8_t)chosen;
		given = at + 1;
		text += length;
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	for (unsigned i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		unsigned long runs = 0;
		const char *only = argv[1];

		if (only ? strcmp(only, scenarios[i].name) != 0 :
			   LINE_FIRST != (scenarios[i].entries | !scenarios[i].entries * 4))
			continue;

		given = 0;
		if (!getenv("KSEM_TEST_WIDE"))
			phase = ((unsigned)getpid() + i) % STRIDE;
		if (only && argv[2]) {
			read_choices(argv[2]);
			run(&scenarios[i]);
			continue;
		}
		do {
			run(&scenarios[i]);
			runs++;
		} while (next_run());
		printf("%-55s %u changes: %lu runs\n", scenarios[i].name, scenarios[i].changes, runs);
		fflush(stdout);
	}
	return 0;
}
