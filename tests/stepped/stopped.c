/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stopped thread stops no other. One thread of a process, the victim, is stopped at every instruction of a call, by
 * ptrace (stepper.h); each time, other threads post to, take from and look at the same semaphore, and must come to the
 * end of it; the permits are counted, the victim goes on, and they are counted again.
 *
 * Calls that may stop nobody are made anew for each instruction, or for each third, from one of the first three on, by
 * chance, if KSEM_TEST_WIDE isn't set. Steps end restartable sequences, so inside those the victim is stopped by a
 * breakpoint; the kernel must end the sequence when it goes on. Calls that may take locks are gone through once, and
 * posts, takes and looks must work at each instruction of them.
 *
 * Twins that must be caught: a post under a mutex, a post that gives a permit too many, and a sequence that is gone on
 * with.
 */
#include "stopped.h"

#include "object/object.h"
#include "os/rseq.h"
#include "registry/process.h"
#include "stepper.h"
#include "stopped_scenarios.h"

#include <sys/mman.h>

#define STEPS_MAX     20000
#define SEQUENCE_MAX  64
#define WHILE         1500 /* instructions */
#define SECONDS       60   /* in which the others must have played */
#define SECONDS_TWINS 1    /* the same, where they hang for certain */

/* ---- One scenario, under way. ---- */

extern const char __executable_start; /* by the linker */

static struct run {
	const struct scenario *scenario;
	struct stage *stage;
	struct stepper victim;
	int seconds;
	bool forgets;             /* twin: sequences aren't restarted */
	unsigned windows, within; /* how often the victim was stopped, and, of these, inside a sequence */
	uint64_t trace[STEPS_MAX];
	unsigned steps, futex_at; /* of the trace; the first futex call in it */
	char wrong[512];          /* what was; "": nothing */
} run;

static bool good(void)
{
	return !run.wrong[0] && !run.victim.ended;
}

static void wrong(const char *what)
{
	size_t at;

	if (run.wrong[0])
		return;
	at = (size_t)snprintf(run.wrong, sizeof(run.wrong), "%s: %s, with the victim stopped at %#llx of the program",
			      run.scenario->name, what,
			      (unsigned long long)(run.victim.ip - (uintptr_t)&__executable_start));
	for (unsigned i = 0; i <= WORKERS && at < sizeof(run.wrong); i++) {
		const char *doing = atomic_load(&run.stage->doing[i]);

		if (doing)
			at += (size_t)snprintf(run.wrong + at, sizeof(run.wrong) - at, "; %s is in %s",
					       i < WORKERS ? "a worker" : "the victim", doing);
	}
}

static void others_play(enum cue cue)
{
	run.stage->cue = cue;
	atomic_store(&run.stage->playing, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		sem_post(&run.stage->play[i]);
	for (int done = 0, tenths = 0; done < WORKERS;) {
		struct timespec until = in_ms(CLOCK_MONOTONIC, 100);

		if (sem_clockwait(&run.stage->done, CLOCK_MONOTONIC, &until) == 0) {
			done++;
		} else if (strchr("ZX", stepper_state_of(run.victim.process, run.victim.thread))) {
			wrong("the process ended (what it says stands above)");
			return;
		} else if (++tenths == 10 * run.seconds) {
			wrong("others don't go on");
			return;
		}
	}
}

/* The victim sleeps in its call. */
static void unblock(void *arg)
{
	(void)arg;
	others_play(UNBLOCK);
}

/* The victim is stopped. */
static void others_go_on(void)
{
	const struct scenario *scenario = run.scenario;
	long long permits;

	if (!good())
		return;
	run.windows++;
	others_play(scenario->cue);
	permits = run.stage->before + run.stage->net;
	if (run.stage->seen < permits + (scenario->gives < 0 ? scenario->gives : 0) -
				      (scenario->state == SLEPT_ON ? SLEEPERS : 0) ||
	    run.stage->seen > permits + (scenario->gives > 0 ? scenario->gives : 0))
		wrong("permits are lost, or too many");
}

/* Prepares, and comes to the mark before the call. */
static void to_the_call(void)
{
	while (good() && run.stage->mark != 1)
		stepper_run(&run.victim);
	run.victim.asleep = run.scenario->state == EMPTY ? unblock : NULL;
}

/* From wherever it is to the end of the call, and settles. */
static void to_the_end(void)
{
	while (good() && run.stage->mark == 1)
		stepper_run(&run.victim);
	run.victim.asleep = NULL;
	while (good() && run.stage->mark != 3)
		stepper_run(&run.victim);
	if (good() && run.stage->result != 0 && !(run.stage->result == EAGAIN && run.scenario->state == EMPTY))
		wrong("the call failed");
	if (good() && run.stage->final != run.stage->expected)
		wrong("the permits don't add up in the end");
	if (run.victim.ended)
		wrong("the process ended (what it says stands above), or hung");
}

/* Goes through the call in steps. */
static void step_through(void (*at_each)(void))
{
	run.futex_at = STEPS_MAX;
	to_the_call();
	for (run.steps = 0; good() && run.stage->mark == 1; run.steps++) {
		if (run.steps == STEPS_MAX) {
			wrong("it has too many instructions");
			break;
		}
		run.trace[run.steps] = run.victim.ip;
		if (run.futex_at == STEPS_MAX && stepper_at_futex(&run.victim))
			run.futex_at = run.steps;
		if (at_each)
			at_each();
		if (good())
			stepper_step(&run.victim);
	}
	to_the_end();
}

/* ---- The restartable sequences of the program. ---- */

#if KSEM_INLINE_WORKS

struct descriptor {
	uint32_t version, flags;
	uint64_t start, length, abort;
};
extern struct descriptor __start___rseq_cs[], __stop___rseq_cs[];

#else

static struct descriptor {
	uint64_t start, length, abort;
} __start___rseq_cs[1];
#define __stop___rseq_cs __start___rseq_cs

#endif

static void set_at_sequences(void)
{
	for (struct descriptor *d = __start___rseq_cs; d < __stop___rseq_cs; d++) {
		for (unsigned i = 0; i < run.steps; i++) {
			if (run.trace[i] == d->start)
				stepper_set(&run.victim, d->start);
		}
	}
}

/* Of one inside of another, the one inside. */
static const struct descriptor *sequence_of(uint64_t ip)
{
	const struct descriptor *found = NULL;

	for (struct descriptor *d = __start___rseq_cs; d < __stop___rseq_cs; d++) {
		if (ip - d->start < d->length && (!found || d->length < found->length))
			found = d;
	}
	return found;
}

/* ---- A call that may stop nobody: anew for each instruction. ---- */

/*
 * To step k of the trace, on which no sequence comes to its end. From a futex call on in steps: sleepers that it wakes
 * would run into a breakpoint. False: this time it went another way.
 */
static bool run_to(unsigned k)
{
	unsigned by_breakpoint = k < run.futex_at ? k : run.futex_at, times = 0;
	uint64_t at = run.trace[by_breakpoint];

	for (unsigned i = 0; i < by_breakpoint; i++)
		times += run.trace[i] == at;
	set_at_sequences();
	stepper_set(&run.victim, at);
	while (good() && run.stage->mark == 1 && !(run.victim.ip == at && times == 0)) {
		if (stepper_at_futex(&run.victim)) {
			stepper_clear_all(&run.victim); /* earlier than in the trace */
			return false;
		}
		if (stepper_is_set(&run.victim, run.victim.ip)) {
			times -= run.victim.ip == at;
			stepper_step_over(&run.victim);
		} else {
			stepper_run(&run.victim);
		}
	}
	stepper_clear_all(&run.victim);
	for (; k > by_breakpoint && good() && run.stage->mark == 1; k--)
		stepper_step(&run.victim);
	return good() && run.stage->mark == 1;
}

/* At each stride'th instruction, the first of them by chance. */
static void stop_at_instructions(unsigned stride)
{
	struct random random = random_new();
	unsigned missed = 0;

	step_through(NULL); /* what only a thread's first call does isn't in the trace */
	step_through(NULL);
	for (unsigned k = random_below(&random, stride); k < run.steps && good(); k += stride) {
		to_the_call();
		if (run_to(k))
			others_go_on();
		else
			missed++;
		to_the_end();
	}
	if (missed > run.steps / stride / 4)
		wrong("it was not stopped at many of its instructions");
}

/* The victim has just left a sequence that wasn't refused: of what it did nothing may be left to do. */
static void sequence_is_done(void)
{
	others_go_on();
	if (good() && run.stage->seen != run.stage->before + run.stage->net + run.scenario->gives)
		wrong("a sequence was over before its store");
}

/* An instruction, and the sequence that the thread is in there; NULL: it has just done what that one does. */
struct place {
	uint64_t at;
	const struct descriptor *sequence;
};

/* Makes that step, with no sequence announced, so that it goes through. The others rest. */
static void step_in_sequence(const struct descriptor **sequence)
{
	const struct descriptor *next;

	stepper_forget_sequence(&run.victim);
	stepper_step(&run.victim);
	next = sequence_of(run.victim.ip);
	if (next && next->start == run.victim.ip)
		*sequence = next; /* the last step announced it */
}

/* The places of the first sequence that the call comes to, and of one that begins inside of that. How many. */
static unsigned places_of_sequence(struct place *places)
{
	const struct descriptor *first, *sequence;
	unsigned n = 0;

	to_the_call();
	set_at_sequences();
	if (good() && run.victim.breakpoints > 0)
		stepper_run(&run.victim);
	stepper_clear_all(&run.victim);
	first = sequence = good() && run.stage->mark == 1 ? sequence_of(run.victim.ip) : NULL;
	if (first) {
		while (good() && run.victim.ip - sequence->start < sequence->length && n < SEQUENCE_MAX) {
			places[n++] = (struct place){run.victim.ip, sequence};
			step_in_sequence(&sequence);
		}
		if (run.scenario->state == CELLS || (run.scenario->state <= SHARED && sequence != first)) {
			places[n++] = (struct place){run.victim.ip, NULL};
			sequence_is_done();
		}
	}
	to_the_end();
	return n;
}

/* What it has done is done. */
static void stop_after_sequence(uint64_t at, const struct descriptor *sequence)
{
	to_the_call();
	stepper_set(&run.victim, at);
	stepper_run(&run.victim);
	stepper_clear_all(&run.victim);
	if (good() && run.stage->mark == 1) {
		others_go_on();
		stepper_set(&run.victim, sequence->abort);
		stepper_run(&run.victim);
		stepper_clear_all(&run.victim);
		if (run.victim.ip == sequence->abort)
			wrong("a sequence was restarted after its store");
	}
	to_the_end();
}

static void stop_inside_sequence(uint64_t at, const struct descriptor *sequence)
{
	to_the_call();
	stepper_set(&run.victim, at);
	stepper_run(&run.victim);
	stepper_clear_all(&run.victim);
	if (good() && run.stage->mark == 1) {
		run.within++;
		others_go_on();
		if (good() && run.forgets)
			stepper_forget_sequence(&run.victim);
		if (good() && !run.forgets) {
			stepper_set(&run.victim, sequence->abort);
			stepper_run(&run.victim);
			stepper_clear_all(&run.victim);
			if (run.victim.ip != sequence->abort)
				wrong("the kernel went on with a sequence");
		}
	}
	to_the_end();
}

static void stop_inside_sequences(void)
{
	struct place places[SEQUENCE_MAX + 1];
	unsigned n = places_of_sequence(places);

	for (unsigned i = 0; i < n && good(); i++) {
		if (places[i].sequence)
			stop_inside_sequence(places[i].at, places[i].sequence);
		else if (!run.forgets)
			stop_after_sequence(places[i].at, places[i - 1].sequence);
	}
}

static void anew_for_instructions(unsigned stride)
{
	stop_at_instructions(stride);
	if (good() && run.scenario->state != EMPTY)
		stop_inside_sequences();
}

static void anew_for_each_instruction(void)
{
	anew_for_instructions(1);
}

static void anew_for_a_share(void)
{
	anew_for_instructions(share_of(3) == 3 ? 1 : 3);
}

static void once(void)
{
	step_through(others_go_on);
}

/* For who looks again and again, and loses each race against others that play in between. */
static void others_go_on_for_a_while(void)
{
	if (run.steps < WHILE)
		others_go_on();
}

static void once_for_a_while(void)
{
	step_through(others_go_on_for_a_while);
}

/* ---- The run of a scenario. ---- */

static void stage_init(struct stage *stage, bool shared)
{
	static const char *directory;

	memset(stage, 0, sizeof(*stage));
	if (shared && !directory)
		directory = shared_directory_new();
	if (shared)
		strcpy(stage->directory, directory);
	for (unsigned i = 0; i < WORKERS; i++)
		sem_init(&stage->play[i], 1, 0);
	sem_init(&stage->ready, 1, 0);
	sem_init(&stage->attached, 1, 0);
	sem_init(&stage->done, 1, 0);
}

/* The cast is ready, and the victim known to ptrace. False: that state can't be had here, or ptrace is forbidden. */
static bool begin(pid_t child)
{
	while (sem_wait(&run.stage->ready) != 0)
		;
	if (run.stage->skipped) {
		printf("%-48s skipped: no restartable sequences here, or one processor\n", run.scenario->name);
		waitpid(child, NULL, 0);
		return false;
	}
	if (!stepper_attach(&run.victim, child, atomic_load(&run.stage->victim))) {
		assert_int_equal(errno, EPERM);
		printf("%-48s skipped: ptrace is forbidden here\n", run.scenario->name);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return false;
	}
	sem_post(&run.stage->attached);
	stepper_run(&run.victim); /* to its first mark */
	return true;
}

/* False: skipped. */
static bool play(const struct scenario *scenario, void (*how)(void), int seconds, bool forgets)
{
	static struct stage *stage;
	pid_t child;

	if (!stage)
		stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(stage, MAP_FAILED);
	stage_init(stage, scenario->state == SHARED);
	run.scenario = scenario;
	run.stage = stage;
	run.seconds = seconds;
	run.forgets = forgets;
	run.windows = run.within = 0;
	run.wrong[0] = 0;
	fflush(stdout);
	child = fork();
	if (child == 0)
		cast_play(scenario, stage);
	assert_true(child > 0);
	if (!begin(child))
		return false;
	how();
	atomic_store(&stage->over, true);
	if (good())
		stepper_run(&run.victim);
	kill(child, SIGKILL);
	while (waitpid(child, NULL, __WALL) == child)
		;
	return true;
}

#define skip_where_nothing_can_be_stopped()                              \
	do {                                                             \
		if (!stepper_works)                                      \
			SKIP("the stepper knows x86-64 alone");          \
		if (SANITIZED)                                           \
			SKIP("a sanitizer's instructions are too many"); \
	} while (0)

static void none_stops_others(const struct scenario *scenarios, size_t n, void (*how)(void))
{
	unsigned windows = 0;

	skip_where_nothing_can_be_stopped();
	for (size_t i = 0; i < n; i++) {
		if (!play(&scenarios[i], how, SECONDS, false))
			continue;
		if (run.wrong[0])
			fail_msg("%s", run.wrong);
		printf("%-48s stopped at %5u instructions", scenarios[i].name, run.windows);
		printf(run.within ? ", %u within a sequence\n" : "\n", run.within);
		windows += run.windows;
	}
	printf("%u in all\n", windows);
}

#define NONE_STOPS_OTHERS(scenarios, how) none_stops_others(scenarios, sizeof(scenarios) / sizeof(*(scenarios)), how)

static void must_be_caught(const struct scenario *twin, bool forgets, const char *what)
{
	skip_where_nothing_can_be_stopped();
	if (!play(twin, anew_for_each_instruction, SECONDS_TWINS, forgets))
		skip();
	assert_non_null(strstr(run.wrong, what));
	printf("caught: %s\n", run.wrong);
}

/* ---- Tests. ---- */

static void in_post_take_or_look(void **state)
{
	(void)state;
	NONE_STOPS_OTHERS(scenarios_hot, anew_for_a_share);
}

static void in_a_change_of_where_permits_are(void **state)
{
	(void)state;
	NONE_STOPS_OTHERS(scenarios_change, anew_for_a_share);
}

static void in_a_wait_that_goes_to_sleep(void **state)
{
	(void)state;
	NONE_STOPS_OTHERS(scenarios_sleep, anew_for_a_share);
	NONE_STOPS_OTHERS(scenarios_spin, once_for_a_while);
}

static void in_a_call_that_may_lock(void **state)
{
	(void)state;
	NONE_STOPS_OTHERS(scenarios_lock, once);
}

static void a_post_under_a_mutex_is_caught(void **state)
{
	static const struct scenario twin = {"a post under a mutex", locked_post, WORD, LOCKED, 1};

	(void)state;
	must_be_caught(&twin, false, "others don't go on");
	assert_non_null(strstr(run.wrong, "a worker is in pthread_mutex_lock"));
}

static void a_permit_too_many_is_caught(void **state)
{
	static const struct scenario twin = {"a post of two for one", double_post, WORD, PLENTY, 1};

	(void)state;
	must_be_caught(&twin, false, "the permits don't add up");
}

static void a_sequence_that_is_gone_on_with_is_caught(void **state)
{
	static const struct scenario twin = {"a sequence that isn't restarted", post_pinned, CELLS, DRY, 1};

	(void)state;
	must_be_caught(&twin, true, "the permits don't add up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_post_take_or_look),
		cmocka_unit_test(in_a_change_of_where_permits_are),
		cmocka_unit_test(in_a_wait_that_goes_to_sleep),
		cmocka_unit_test(in_a_call_that_may_lock),
		cmocka_unit_test(a_post_under_a_mutex_is_caught),
		cmocka_unit_test(a_permit_too_many_is_caught),
		cmocka_unit_test(a_sequence_that_is_gone_on_with_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
