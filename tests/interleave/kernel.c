/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel and the libraries below lib/, as the checker has them: futexes, membarrier, processors, memory, liburcu's
 * read sections and grace periods, mutexes; and those parts of lib/ that are not explored here: names, spinning, the
 * fork gate.
 *
 * A grace period waits for the read sections that are under way when it begins. What its thread did before is known in
 * every section that begins later; what was done in the sections that it waited for is known when it ends.
 */
#include "checker.h"

#include <errno.h>
#include <stdlib.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "base/rcu.h"
#include "base/readers.h"
#include "api/forks.h"
#include "os/fork.h"
#include "os/futex.h"
#include "os/membarrier.h"
#include "os/rseq.h"
#include "os/yield.h"
#include "object/names.h"
#include "percpu/slots.h"
#include "queue/all.h"
#include "wait/spin.h"

/* ---- Memory ---- */

void *memory_alloc(size_t size, size_t align)
{
	return memory_new(size, align);
}

void memory_free(void *block)
{
	if (block)
		memory_end(block);
}

void *memory_reserve(size_t size)
{
	return memory_new_units(size);
}

bool memory_commit(void *start, size_t size)
{
	(void)start, (void)size;
	return true;
}

void memory_release(void *range, size_t size)
{
	(void)size;
	memory_end(range);
}

/* Of what rests in turn, the word alone: the cold part is used in between. */
void memory_rest(void *start, size_t size)
{
	(void)size;
	if (memory_is_word(start))
		memory_end(start);
}

void memory_use(void *start, size_t size)
{
	(void)size;
	if (memory_is_word(start))
		memory_again(start);
}

/* ---- Futexes ---- */

static bool wakes_any;

void kernel_wakes_any(void)
{
	wakes_any = true;
}

/* Sleepers in the scope FUTEX_SHARED are apart from those in FUTEX_PRIVATE. */
static const void *queue_of(enum futex_scope scope, atomic(uint32_t) *word)
{
	return (const char *)word + (scope == FUTEX_SHARED);
}

/* Deadlines are 1 s (words.c, scenario.c); a look by itself (wait/plain.h) never comes: nobody dies here. */
static int sleep_in(enum futex_scope scope, atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	static const int errors[] = {[WOKEN] = 0, [TIMED_OUT] = ETIMEDOUT, [INTERRUPTED] = EINTR};
	enum sleep_result result;
	uint32_t found;

	if (alone())
		fail("the driver would sleep");
	point();
	memory_tick();
	found = (uint32_t)memory_latest(word, sizeof(*word));
	if (found != expected) {
		trace("futex_wait: is %#x, not %#x", found, expected);
		return EAGAIN;
	}
	trace("futex_wait: sleeps");
	result = block_on_futex(queue_of(scope, word), deadline && deadline->time.tv_sec == 1);
	trace("futex_wait: wakes");
	return errors[result];
}

static int model_wait(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	return sleep_in(FUTEX_PRIVATE, word, expected, deadline);
}

static int model_wait_shared(atomic(uint32_t) *word, uint32_t expected, const struct deadline *deadline)
{
	return sleep_in(FUTEX_SHARED, word, expected, deadline);
}

static int wake_now(enum futex_scope scope, atomic(uint32_t) *word, uint32_t n)
{
	unsigned sleepers[THREADS];
	unsigned found = futex_sleepers(queue_of(scope, word), sleepers);
	int woken = 0;

	for (; found > 0 && n > 0; found--, n--, woken++) {
		unsigned which = found > n ? choose(found, "who is woken") : 0;

		futex_wake_thread(sleepers[which]);
		trace("futex_wake: wakes thread %u", sleepers[which]);
		for (unsigned i = which; i + 1 < found; i++)
			sleepers[i] = sleepers[i + 1];
	}
	trace("futex_wake: %d woken", woken);
	return woken;
}

static int wake_in(enum futex_scope scope, atomic(uint32_t) *word, uint32_t n)
{
	if (alone())
		return 0;
	point();
	memory_tick();
	if (!wakes_any)
		memory_latest(word, sizeof(*word)); /* it must be there */
	return wake_now(scope, word, n);
}

static int model_wake(atomic(uint32_t) *word, uint32_t n)
{
	return wake_in(FUTEX_PRIVATE, word, n);
}

static int model_wake_shared(atomic(uint32_t) *word, uint32_t n)
{
	return wake_in(FUTEX_SHARED, word, n);
}

/* Of the half of a semaphore's word that is the value. Others may come in between, which they can't in Linux. */
static int model_add(atomic(uint32_t) *word, uint32_t n, uint32_t wake)
{
	memory_add(word, sizeof(word_t), n, RELEASE, __func__);
	return model_wake_shared(word, wake);
}

/* The same half. Nothing comes in between. */
static int model_mark(atomic(uint32_t) *word, unsigned bit)
{
	memory_or(word, sizeof(word_t), UINT64_C(1) << bit, RELEASE, __func__);
	return alone() ? 0 : wake_now(FUTEX_SHARED, word, INT32_MAX);
}

struct futex_ops futex_ops = {model_wait, model_wake, model_wait_shared, model_wake_shared, model_add, model_mark};

/* ---- membarrier and processors ---- */

uint32_t rseq_processors;
ptrdiff_t rseq_takes;
_Thread_local uint32_t percpu_takes;
char *rseq_slots;

static bool model_start(void)
{
	return true;
}

static bool model_restart(void)
{
	if (alone())
		return true;
	point();
	memory_tick();
	abort_sequences();
	memory_full_barrier(current_thread());
	for (unsigned thread = 1; thread < THREADS; thread++)
		memory_full_barrier(thread);
	for (unsigned thread = 1; thread < THREADS; thread++)
		memory_join(memory_view(current_thread()), memory_view(thread));
	trace("membarrier");
	point();
	return true;
}

uint32_t rseq_possible(void)
{
	return PROCESSORS;
}

void rseq_begin(void)
{
}

void rseq_start(char *slots, uint32_t processors)
{
	rseq_slots = slots;
	rseq_processors = processors;
	memory_of_slots(slots, (size_t)processors << KSEM_INLINE_STRIDE);
}

/* ---- Read sections ---- */

static struct {
	unsigned depth;
	uint64_t sections; /* that ended */
} readers[THREADS];
static uint64_t must_end[THREADS][THREADS]; /* for a grace period of the first, sections of the second */
static struct view begun, over;             /* what grace periods make known; what sections did */

bool reader_has_left(unsigned thread);
bool reader_has_left(unsigned thread)
{
	return readers[thread].depth == 0 || readers[thread].sections >= must_end[0][thread];
}

void urcu_bp_read_lock(void)
{
	unsigned me = current_thread();

	if (readers[me].depth++ == 0 && !alone())
		memory_join(memory_view(me), &begun);
}

void urcu_bp_read_unlock(void)
{
	unsigned me = current_thread();

	if (readers[me].depth == 0)
		fail("the end of a read section that did not begin");
	if (--readers[me].depth == 0 && !alone()) {
		memory_tick();
		memory_join(&over, memory_view(me));
		readers[me].sections++;
	}
}

int urcu_bp_read_ongoing(void)
{
	return readers[current_thread()].depth != 0;
}

void urcu_bp_synchronize_rcu(void)
{
	unsigned me = current_thread();
	bool wait_for[THREADS] = {false};

	if (readers[me].depth)
		fail("a grace period inside a read section");
	if (alone())
		return;
	point();
	memory_tick();
	memory_full_barrier(me);
	memory_join(&begun, memory_view(me));
	trace("a grace period begins");
	for (unsigned thread = 1; thread < THREADS; thread++) {
		wait_for[thread] = readers[thread].depth > 0;
		must_end[0][thread] = readers[thread].sections + 1;
	}
	block_on_readers(wait_for); /* one at a time: rcu.c has a lock around this */
	memory_join(memory_view(me), &over);
	trace("a grace period ends");
}

void urcu_bp_before_fork(void)
{
}

void urcu_bp_after_fork_parent(void)
{
}

void urcu_bp_after_fork_child(void)
{
}

/* ---- Mutexes ---- */

#define MUTEXES 16

static struct mutex {
	const void *address;
	unsigned owner; /* + 1 */
	struct view with;
} mutexes[MUTEXES];

static struct mutex *mutex_of(const void *address)
{
	for (unsigned i = 0; i < MUTEXES; i++) {
		if (mutexes[i].address == address || !mutexes[i].address) {
			mutexes[i].address = address;
			return &mutexes[i];
		}
	}
	fail("too many mutexes");
}

bool mutex_is_free(const void *address);
bool mutex_is_free(const void *address)
{
	return mutex_of(address)->owner == 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *address);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *address);

int __wrap_pthread_mutex_lock(pthread_mutex_t *address)
{
	struct mutex *mutex;

	if (alone())
		return 0;
	point();
	mutex = mutex_of(address);
	if (mutex->owner == current_thread() + 1)
		fail("a thread locks a mutex that it has");
	while (mutex->owner)
		block_on_mutex(address);
	mutex->owner = current_thread() + 1;
	memory_tick();
	memory_join(memory_view(current_thread()), &mutex->with);
	trace("locks a mutex");
	return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *address)
{
	struct mutex *mutex;

	if (alone())
		return 0;
	mutex = mutex_of(address);
	if (mutex->owner != current_thread() + 1)
		fail("a thread unlocks a mutex that it has not");
	memory_tick();
	memory_join(&mutex->with, memory_view(current_thread()));
	mutex->owner = 0;
	return 0;
}

void kernel_start(void)
{
	membarrier_ops = (struct membarrier_ops){model_start, model_restart};
	slots_start();
	if (!slots_started())
		abort();
	sequences_start();
	memory_keep();
}

/* The credentials of every process, which cost a system call an execution otherwise. */
uid_t __wrap_geteuid(void);
gid_t __wrap_getegid(void);

uid_t __wrap_geteuid(void)
{
	return 0;
}

gid_t __wrap_getegid(void)
{
	return 0;
}

void kernel_begin(void)
{
	memset(readers, 0, sizeof(readers));
	memset(must_end, 0, sizeof(must_end));
	memset(&begun, 0, sizeof(begun));
	memset(&over, 0, sizeof(over));
	memset(mutexes, 0, sizeof(mutexes));
	wakes_any = false;
}

/* ---- What is not explored: spinning (nobody does), how long yields take, forks, the fork gate, names ---- */

bool readers_lost_liburcu(void)
{
	return false;
}

void readers_lock(void)
{
	fail("a lock of a fork's child");
}

void readers_unlock(void)
{
}

void readers_wait(void)
{
}

bool yield_pays(void)
{
	return true;
}

void yield_processor(void)
{
}

bool spin_can(bool shared)
{
	(void)shared;
	return false;
}

enum spin_next spin_look(struct spin *spin)
{
	(void)spin;
	return SPIN_SLEEP;
}

void spin_paid(const struct spin *spin)
{
	(void)spin;
}

void spin_rest(void)
{
}

bool spin_last_look(const atomic(word_t) *word)
{
	(void)word;
	return false;
}

void forks_install(void)
{
}

void fork_gate_enter(void)
{
}

void fork_gate_leave(void)
{
}

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

void rcu_meet_thread(void)
{
}

bool rcu_forgo_membarrier(void)
{
	return false;
}

bool fork_is_new_child(void)
{
	return false;
}

void fork_settle(void)
{
}

bool names_start(void)
{
	return true;
}

struct name *name_new(const struct ksem_ns *ns, struct ksem *ksem, const char *bytes, size_t length)
{
	(void)ns;
	(void)ksem;
	(void)bytes;
	(void)length;
	fail("a name");
}

size_t name_bytes(const struct name *name)
{
	return sizeof(*name) + name->length;
}

struct name *names_find(const struct ksem_ns *ns, const char *bytes, size_t length)
{
	(void)ns;
	(void)bytes;
	(void)length;
	return NULL;
}

void names_add(struct name *name)
{
	(void)name;
	fail("a name");
}

bool names_remove(struct name *name)
{
	(void)name;
	return false;
}

void names_make_room(void)
{
}

/* No queue waits for a shared semaphore. */
void queues_serve(ksem_id_t id)
{
	(void)id;
	fail("a queue");
}
