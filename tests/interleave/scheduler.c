/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads as fibers, and who goes on: see checker.h.
 *
 * At each point, before an operation that others can see, the thread goes on (choice 0) or another does: as long as the
 * execution has preemptions left, any that can. Where a thread blocks or ends, any that can goes on, which costs
 * nothing. A sleeper may be woken by a handler, or by nobody known (EVENTS), and by its deadline (EVENTS; free where
 * nothing else can happen any more).
 *
 * A processor is a place that threads share: who goes on there after another does so by a switch, which is a full
 * barrier in both and aborts the other's sequence, if it is in one.
 *
 * Thread-local variables of the code under test are one block of memory (dl_iterate_phdr says where), which is
 * exchanged at each switch.
 */
#include "checker.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>

#define STACK     (64 * 1024)
#define MOST_STEP 2000
#define TLS_MOST  256
#define NOBODY    THREADS

enum state { READY, ON_MUTEX, ON_READERS, ON_FUTEX, OVER, STOPPED };

static struct fiber {
	void *stack_pointer;
	enum state state;
	const void *blocker;       /* mutex or futex */
	bool readers[THREADS];     /* that must leave first */
	bool timed;                /* on a futex */
	enum sleep_result result;  /* of a futex */
	unsigned arrived;          /* on a futex: in this order */
	bool in_sequence, aborted; /* a restartable sequence */
	char locals[TLS_MOST];
} fibers[THREADS];

static _Alignas(64) char stacks[THREADS][STACK];
static const struct plan *plan;
static unsigned current, running[THREADS], steps, arrivals;
static unsigned left[BOUNDS];
static bool scheduled;
static enum outcome outcome;
static char *locals;
static size_t locals_size;
static char locals_image[TLS_MOST];

extern bool mutex_is_free(const void *mutex);
extern bool reader_has_left(unsigned thread);

/* Saves the registers that a call keeps, and the stack; goes on with another's. */
void switch_stacks(void **save, void *load);
__asm__(".text\n"
	".type switch_stacks, @function\n"
	"switch_stacks:\n\t"
	"pushq %rbp\n\tpushq %rbx\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
	"movq %rsp, (%rdi)\n\t"
	"movq %rsi, %rsp\n\t"
	"popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbx\n\tpopq %rbp\n\t"
	"ret\n");

/* ---- Thread-local variables ---- */

static int find_locals(struct dl_phdr_info *info, size_t size, void *found)
{
	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_TLS) {
			locals = info->dlpi_tls_data;
			locals_size = info->dlpi_phdr[i].p_memsz;
		}
	}
	*(bool *)found = true;
	return 1; /* the program itself comes first */
}

static void reset_locals(void)
{
	static bool found;

	if (!found) {
		dl_iterate_phdr(find_locals, &found);
		if (locals_size > TLS_MOST)
			abort();
		memcpy(locals_image, locals, locals_size);
	}
	memcpy(locals, locals_image, locals_size);
	for (unsigned i = 0; i < THREADS; i++)
		memcpy(fibers[i].locals, locals_image, locals_size);
}

/* ---- Who is there ---- */

unsigned current_thread(void)
{
	return current;
}

bool alone(void)
{
	return !scheduled;
}

bool is_asleep(unsigned thread)
{
	return fibers[thread].state == ON_FUTEX;
}

bool is_stopped(unsigned thread)
{
	return fibers[thread].state == STOPPED;
}

bool may(enum bound bound)
{
	return scheduled && left[bound] > 0;
}

void spend(enum bound bound)
{
	left[bound]--;
}

unsigned choose(unsigned n, const char *what)
{
	unsigned chosen = n > 1 ? driver_choose(n) : 0;

	if (chosen > 0)
		trace("(%s: choice %u of %u)", what, chosen, n);
	return chosen;
}

static bool can_go_on(unsigned thread)
{
	const struct fiber *fiber = &fibers[thread];

	switch (fiber->state) {
	case READY:
		return true;
	case ON_MUTEX:
		return mutex_is_free(fiber->blocker);
	case ON_READERS:
		for (unsigned i = 1; i <= plan->threads; i++) {
			if (fiber->readers[i] && !reader_has_left(i))
				return false;
		}
		return true;
	case ON_FUTEX:
	case OVER:
	case STOPPED:
		break;
	}
	return false;
}

/* ---- Switching ---- */

static void arrive_on_processor(unsigned thread)
{
	unsigned *on = &running[plan->processor[thread]];
	struct fiber *before;

	if (*on == thread)
		return;
	if (*on != NOBODY) {
		before = &fibers[*on];
		if (before->in_sequence)
			before->aborted = true;
		memory_full_barrier(*on);
		memory_full_barrier(thread);
		memory_join(memory_view(thread), memory_view(*on));
	}
	*on = thread;
}

static void switch_to(unsigned thread)
{
	unsigned from = current;

	if (thread != 0) {
		fibers[thread].state = READY;
		arrive_on_processor(thread);
	}
	if (thread == from)
		return;
	memcpy(fibers[from].locals, locals, locals_size);
	memcpy(locals, fibers[thread].locals, locals_size);
	current = thread;
	switch_stacks(&fibers[from].stack_pointer, fibers[thread].stack_pointer);
}

static void end_with(enum outcome what)
{
	outcome = what;
	switch_to(0);
	abort(); /* nobody comes back here */
}

struct option {
	unsigned thread;
	enum { GO, STOP, WAKE } what;
	enum sleep_result result;
	int cost; /* a bound, or -1 */
};

static void add(struct option *options, unsigned *n, struct option option)
{
	options[(*n)++] = option;
}

/* What may happen to sleepers. */
static void add_wakes(struct option *options, unsigned *n, bool for_nothing)
{
	for (unsigned thread = 1; thread <= plan->threads; thread++) {
		if (fibers[thread].state != ON_FUTEX)
			continue;
		if (fibers[thread].timed && (for_nothing || may(EVENTS)))
			add(options, n, (struct option){thread, WAKE, TIMED_OUT, for_nothing ? -1 : EVENTS});
		if (!for_nothing && may(EVENTS)) {
			add(options, n, (struct option){thread, WAKE, INTERRUPTED, EVENTS});
			add(options, n, (struct option){thread, WAKE, WOKEN, EVENTS});
		}
	}
}

static const char *const wakes[] = {"woken by a stranger", "its deadline passes", "a signal handler runs"};

static void carry_out(const struct option *option)
{
	if (option->cost >= 0)
		spend((enum bound)option->cost);
	if (option->what == WAKE) {
		fibers[option->thread].result = option->result;
		trace("(thread %u: %s)", option->thread, wakes[option->result]);
	}
	switch_to(option->thread);
}

/* The thread that is current goes on, or another; `stays`: it can. */
static void next_thread(bool stays)
{
	struct option options[8 * THREADS];
	unsigned n = 0, chosen;
	unsigned me = current;

	if (stays)
		add(options, &n, (struct option){me, GO, WOKEN, -1});
	for (unsigned thread = 1; thread <= plan->threads; thread++) {
		if ((!stays || (thread != me && may(PREEMPTIONS))) && can_go_on(thread))
			add(options, &n, (struct option){thread, GO, WOKEN, stays ? PREEMPTIONS : -1});
	}
	if (n > 0 || !stays)
		add_wakes(options, &n, false);
	if (stays && me == plan->may_stop && may(STOPS))
		add(options, &n, (struct option){me, STOP, WOKEN, STOPS});
	if (n == 0)
		add_wakes(options, &n, true);
	if (n == 0)
		end_with(QUIET);
	chosen = n > 1 ? driver_choose(n) : 0;
	if (options[chosen].what == STOP) {
		spend(STOPS);
		trace("(thread %u stops for ever)", me);
		fibers[me].state = STOPPED;
		next_thread(false);
		return;
	}
	carry_out(&options[chosen]);
}

void point(void)
{
	if (!scheduled)
		return;
	if (++steps > MOST_STEP)
		fail("%u steps, and no end: a thread goes round and round", MOST_STEP);
	next_thread(true);
}

static void block(enum state state, const void *blocker)
{
	fibers[current].state = state;
	fibers[current].blocker = blocker;
	next_thread(false);
}

void block_on_mutex(const void *mutex)
{
	block(ON_MUTEX, mutex);
}

void block_on_readers(const bool readers[THREADS])
{
	memcpy(fibers[current].readers, readers, sizeof(fibers[current].readers));
	block(ON_READERS, NULL);
}

enum sleep_result block_on_futex(const void *word, bool timed)
{
	unsigned me = current;

	fibers[me].timed = timed;
	fibers[me].arrived = ++arrivals;
	fibers[me].result = WOKEN;
	block(ON_FUTEX, word);
	return fibers[me].result;
}

/* In the order in which they came. */
unsigned futex_sleepers(const void *word, unsigned found[THREADS])
{
	unsigned n = 0;

	for (unsigned thread = 1; thread <= plan->threads; thread++) {
		unsigned at = n;

		if (fibers[thread].state != ON_FUTEX || fibers[thread].blocker != word)
			continue;
		for (; at > 0 && fibers[found[at - 1]].arrived > fibers[thread].arrived; at--)
			found[at] = found[at - 1];
		found[at] = thread;
		n++;
	}
	return n;
}

void futex_wake_thread(unsigned thread)
{
	fibers[thread].state = READY;
}

/* ---- Sequences ---- */

uint32_t processor_of_thread(void)
{
	return scheduled ? plan->processor[current] : 0;
}

void sequence_begin(void)
{
	fibers[current].in_sequence = true;
	fibers[current].aborted = false;
}

bool sequence_goes_on(void)
{
	return !fibers[current].aborted;
}

void sequence_end(void)
{
	fibers[current].in_sequence = false;
}

void abort_sequences(void)
{
	for (unsigned thread = 1; thread <= plan->threads; thread++) {
		if (thread != current && fibers[thread].in_sequence)
			fibers[thread].aborted = true;
	}
}

/* ---- An execution ---- */

static void run_body(void)
{
	plan->body(current);
	fibers[current].state = OVER;
	trace("(ends)");
	for (unsigned thread = 1; thread <= plan->threads; thread++) {
		if (fibers[thread].state != OVER && fibers[thread].state != STOPPED)
			next_thread(false);
	}
	end_with(ENDED);
}

static void prepare_fiber(unsigned thread)
{
	void **top = (void **)(void *)(stacks[thread] + STACK - 64);

	*--top = NULL; /* where run_body would return to; keeps the stack aligned as after a call */
	*--top = (void *)(uintptr_t)run_body;
	fibers[thread] = (struct fiber){.stack_pointer = top - 6, .state = READY};
	memset(top - 6, 0, 6 * sizeof(*top));
}

void leave_execution(void)
{
	if (current == 0)
		abort();
	end_with(CUT);
	abort();
}

enum outcome run_threads(const struct plan *new_plan)
{
	plan = new_plan;
	for (unsigned i = 0; i < BOUNDS; i++)
		left[i] = plan->bounds.most[i];
	steps = arrivals = 0;
	for (unsigned i = 0; i < THREADS; i++)
		running[i] = NOBODY;
	fibers[0].state = OVER;
	for (unsigned thread = 1; thread <= plan->threads; thread++) {
		prepare_fiber(thread);
		memcpy(fibers[thread].locals, locals, locals_size);
	}
	memory_start_threads();
	scheduled = true;
	next_thread(false);
	scheduled = false;
	return outcome;
}

void scheduler_begin(void)
{
	current = 0;
	scheduled = false;
	reset_locals();
}
