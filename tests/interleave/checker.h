/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stateless model checker for the code of lib/ as it stands: what its parts say to each other.
 *
 * The sources of lib/ are compiled a second time, with the headers of seams/ before lib/'s own: atomic operations,
 * restartable sequences and liburcu's calls then come here. Threads are fibers; before each such operation the
 * scheduler may choose another thread (scheduler.c), and a load may choose an older store where C11 lets it
 * (memory.c). An execution is the list of those choices; the driver goes through all lists within bounds, or through
 * random ones (explore.c).
 *
 * Thread 0 is the driver's own: it sets an execution up and looks at what came of it, alone and unscheduled.
 */
#ifndef KSEM_TESTS_INTERLEAVE_CHECKER_H
#define KSEM_TESTS_INTERLEAVE_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREADS    6 /* the driver's own included */
#define LOCATIONS  160
#define PROCESSORS 2 /* that sequences run on */

/* ---- Memory: memory.c ---- */

enum order { RELAXED, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };

/* What a thread knows: how far it is ordered after each thread, and for each location the oldest store it may read. */
struct view {
	uint32_t clock[THREADS];
	uint16_t oldest[LOCATIONS];
};

void memory_keep(void);  /* variables as they are now are how every execution begins */
void memory_begin(void); /* an execution */
void memory_start_threads(void);
void memory_end_threads(void); /* what the threads did is seen by the driver, and stands in memory as it is */

uint64_t memory_load(const void *address, size_t size, enum order order, const char *function);
void memory_store(void *address, size_t size, uint64_t value, enum order order, const char *function);
bool memory_cas(void *address, size_t size, void *expected, uint64_t value, enum order success, enum order failure,
		const char *function);
uint64_t memory_add(void *address, size_t size, uint64_t value, enum order order, const char *function);
bool memory_cas_pair(uint64_t *pair, uint64_t low, uint64_t high, uint64_t next_low, uint64_t next_high,
		     const char *function);
uint64_t memory_or(void *address, size_t size, uint64_t bits, enum order order, const char *function);
void memory_fence(const char *function); /* sequentially consistent */

/*
 * An access without a point before it. A load's address may have been computed from values that came with these
 * views (arm64 orders it after them); what came with the loaded value goes to `with`. NULL: none.
 */
uint64_t memory_load_now(const void *address, size_t size, enum order order, const struct view *before,
			 struct view *with, const char *function);
void memory_store_now(void *address, size_t size, uint64_t value, enum order order, const char *function);
bool memory_cas_now(void *address, size_t size, void *expected, uint64_t value, enum order success, enum order failure,
		    const char *function);

/* The value as the kernel finds it: the latest. */
uint64_t memory_latest(const void *address, size_t size);

/* A plain access: reported if it races with another, or is not to memory that is there. */
void memory_plain(const void *address, size_t size, bool write);

/* Objects that any atomic access may take part of, wide as they are: all of 8 bytes in this range. */
void memory_of_slots(const void *from, size_t size);

void *memory_new(size_t size, size_t align);
void memory_end(void *block);

/*
 * The blocks of a namespace (word/state.h), of which each cache line can end by itself, and be used again. Anybody may
 * look at tags that stand there, at any time.
 */
void *memory_new_units(size_t size);
bool memory_is_word(const void *address); /* of a unit */
void memory_again(void *word);
void memory_name(const void *address, const char *name); /* in traces */

struct view *memory_view(unsigned thread);
void memory_join(struct view *to, const struct view *from);
void memory_full_barrier(unsigned thread); /* as memory_fence, made by the kernel */
uint32_t memory_tick(void);                /* the current thread's next event; its number */

/* ---- Threads and choices: scheduler.c ---- */

enum bound { PREEMPTIONS, STALE_READS, EVENTS, REFUSALS, STOPS, BOUNDS };

struct bounds {
	unsigned most[BOUNDS];
};

enum sleep_result { WOKEN, TIMED_OUT, INTERRUPTED };

unsigned current_thread(void);
bool alone(void); /* in the driver, unscheduled */

/* One of n, 0 the plainest. */
unsigned choose(unsigned n, const char *what);
bool may(enum bound bound); /* is there any left? */
void spend(enum bound bound);

void point(void); /* before an operation that other threads can see: any of them may go first */

void block_on_mutex(const void *mutex);
void block_on_readers(const bool readers[THREADS]);
enum sleep_result block_on_futex(const void *word, bool timed);
unsigned futex_sleepers(const void *word, unsigned found[THREADS]);
void futex_wake_thread(unsigned thread);
bool is_asleep(unsigned thread);
bool is_stopped(unsigned thread);

/* Sequences: on which processor the thread runs; what aborts the ones under way. */
void sequence_begin(void);
bool sequence_goes_on(void); /* no: it was aborted */
void sequence_end(void);
uint32_t processor_of_thread(void);
void abort_sequences(void); /* of all other threads */

struct plan {
	unsigned threads;
	void (*body)(unsigned thread); /* 1 .. threads */
	unsigned processor[THREADS];   /* two threads on one share it */
	unsigned may_stop;             /* the thread that may stop for ever, once; 0: none */
	struct bounds bounds;
};

enum outcome { ENDED, QUIET, CUT };

/* Runs the threads: till all have ended; none can go on (QUIET); or too many steps were made (CUT). */
enum outcome run_threads(const struct plan *plan);

/* ---- The driver: explore.c ---- */

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern bool tracing;
#define trace(...) (tracing ? trace_line(__VA_ARGS__) : (void)0)

/* For the scheduler. */
unsigned driver_choose(unsigned n);
_Noreturn void leave_execution(void); /* on the driver's own stack */

/* ---- The kernel and libraries: kernel.c, sequence.c ---- */

void kernel_start(void);     /* once */
void kernel_begin(void);     /* an execution */
void kernel_wakes_any(void); /* until the next: also who sleeps where no memory is any more, which is nobody */
void scheduler_begin(void);  /* likewise */
void sequences_start(void);

#endif
