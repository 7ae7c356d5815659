/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the torture share. torture.c says what it is for and what holds it together.
 *
 *   torture.c     the command: rounds of one variant after another, progress, verdict
 *   round.c       one round: begins, runs in bursts, checks at quiescent points, ends
 *   crew.c        the threads of a round, and what is done to them: signals, affinity, scheduling classes, death
 *   books.c       semaphores of which every permit is accounted for
 *   windows.c     delays inside the library, at its system calls
 *   watchdog.c    nobody asleep beside a permit, nobody stuck; complaints, and what they show
 *   pipeline.c    permits with payloads that age: the variants hot and batches
 *   objects.c     semaphores that end while others use them: the variants anonymous and pins
 *   names.c, processes.c, hosts.c, overflow.c      the other variants
 *   features.c    the mode --features: a variant for each order, of semaphores with attributes
 *   queues.c      its completion queues
 */
#ifndef KSEM_STRESS_TORTURE_H
#define KSEM_STRESS_TORTURE_H

#include "support.h"

#define BOOKS_MAX   6
#define WORKERS_MAX 512
#define CARRIED     4  /* objects that a thread remembers */
#define AGES        12 /* of objects */

/* ---- The command (torture.c). ---- */

/* A check's broken twin: what the torture itself does wrong on purpose, so that the check must complain. */
enum plant {
	PLANT_NONE,
	PLANT_LOST_PERMIT, /* a post that posts nothing */
	PLANT_OVERFLOW,    /* a post that was refused, taken for one that was made */
	PLANT_VALUE,       /* a value that is too high */
	PLANT_HOLDER,      /* a trywait that got nothing, taken for one that did */
	PLANT_PAYLOAD,     /* a payload that doesn't age */
	PLANT_AGE,         /* an object that serves after its end */
	PLANT_ASLEEP,      /* a sleeper that no wake reaches */
	PLANT_STUCK,       /* a thread that never comes back */
	PLANT_EARLY,       /* a timeout before its time */
	PLANT_ANSWER,      /* an answer that the contract doesn't have */
	PLANT_LEFT,        /* a semaphore that nobody ends */
	PLANT_CHILD,       /* a host's child whose copy is wrong */
	PLANT_LIMIT,       /* a limit that is noted and not set */
	PLANT_ORDER,       /* a semaphore that is last in, first out, taken for one that is first in, first out */
	PLANT_COMPLETION,  /* a completion that nobody looks at */
	PLANT_SHUTDOWN,    /* no shutdown at the end */
};

struct worker;

struct variant {
	const char *name;
	void (*begin)(void);              /* makes the books; before there are threads */
	void (*act)(struct worker *self); /* what each thread does, over and over */
	void (*check)(void);              /* at a quiescent point; NULL: nothing */
	void (*end)(void);                /* when the threads are gone; NULL: nothing */
};

extern const struct variant variant_hot, variant_batches, variant_names, variant_anonymous, variant_pins,
	variant_processes, variant_hosts, variant_overflow, variant_barging, variant_first, variant_last;

/* Constant once the command line is read. */
extern struct settings {
	enum plant plant;
	unsigned patience;   /* seconds without any progress before the watchdog complains */
	unsigned processors; /* to run on; 0: changes from pass to pass */
	unsigned threads;    /* 0: changes from pass to pass */
	bool shared;         /* in namespaces that OS processes share */
	bool features;       /* the variants of semaphores with attributes, instead of the others */
} settings;

/* Once in `one_in` times, if that is what was planted. */
bool planted(enum plant plant, struct random *random, unsigned one_in);

/* ---- A round (round.c). ---- */

/* What a round's threads live under. Constant during the round. */
struct conditions {
	unsigned threads, processors;
	bool signals, deaths, migration, delays, fifo, idle;
};

/* A semaphore of the round, of which every permit is accounted for. */
struct book {
	const char *what;
	const char *name; /* NULL: anonymous */
	ksem_id_t id;
	struct ksem *pin;
	unsigned initial;   /* permits at the start of the round */
	unsigned most;      /* permits that there can ever be */
	atomic_llong there; /* permits posted, or being posted, and not known to be taken; relaxed: orders nothing */

	/* Of those with attributes (features.c); else NULL. All numbers are relaxed, but for what conductors read. */
	const struct ksem_attr *attr;
	atomic_uint limit;   /* the present one; written by one thread alone */
	atomic_uint highest; /* the highest in force since the last quiescent point, or what was held then */
	atomic_llong held;   /* permits known to be taken, and not being posted */
	atomic_ulong newest; /* the latest generation (struct round) in which a take began that got permits */
};

extern struct round {
	const struct variant *variant;
	struct conditions conditions;
	uint64_t seed;
	struct ksem_ns *ns;
	char *dir;                /* of the namespace; NULL: none */
	struct ksem_proc *root;   /* holds all books; the other processes are its forks */
	struct ksem_proc *shared; /* of many threads */
	struct book books[BOOKS_MAX];
	atomic_uint n_books; /* 0 between rounds */
	int bell;            /* the book that handlers post to; -1: none */
	struct random random;
	atomic_bool stop;                             /* threads end; permits that come now only wake them */
	atomic_ulong generation;                      /* how many quiescent points there were in this round */
	atomic_ulong steps;                           /* of the conductor; never reset: the watchdog's pulse */
	unsigned long quiescent, replaced, signalled; /* never reset; conductor only, as is random */
} round_now;

/* Runs one for about that many milliseconds; a failed check ends the program. Returns how many acts there were. */
unsigned long round_run(const struct variant *variant, unsigned pass, uint64_t seed, long ms);

/* ---- Books (books.c). ---- */

/* By whose reference a book is used. `loose`: that may be dropped at any time, and then EINVAL is right. */
struct via {
	struct ksem_proc *proc;
	bool loose;
};

struct book *book_add(const char *what, const char *name, unsigned value, unsigned most);
void books_end(void);

/* True: done. False: EOVERFLOW, or EINVAL where via is loose. */
bool book_post(struct worker *self, struct book *book, struct via via, unsigned n);

/* True: has a permit. `patient`: may wait without a deadline. */
bool book_take(struct worker *self, struct book *book, struct via via, bool patient);

/* Looks at the value: by chance, in one of the ways there are. */
void book_look(struct worker *self, struct book *book, struct via via);

/* With attributes; limits start at attr->limit. */
struct book *book_add_with(const char *what, const struct ksem_attr *attr, unsigned value);

/*
 * At rest: may threads sleep beside that value? Each wants something that isn't there; or, if they are served first in,
 * first out, one of them does, who may be the first.
 */
bool book_may_be_slept_on(const struct book *book, const struct ksem_info *info);

/* The value that a book must have at a quiescent point. */
long long book_value(const struct book *book);

/* At the end, when all processes but the root are gone: permits of KSEM_UNDO that their threads had have come back. */
void books_undone(void);

long long book_balance(const struct book *book); /* initial + posts - takes; exact only while nobody posts or takes */

/* A deadline from a little in the past to a few milliseconds ahead. */
struct timespec soon(struct worker *self, clockid_t clock);

/* Evaluates a call, which must answer with one of those that follow. */
#define CALL(call, ...) \
	must_answer(#call, (call), (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
int must_answer(const char *call, int error, const int *allowed, size_t n);

/* EINTR, where there are signals; otherwise 0, which is allowed anyway. */
int interrupted(void);

/* ---- Threads (crew.c). ---- */

enum state { STATE_RUNNING, STATE_RESTING, STATE_LEFT };

struct object;

struct worker {
	_Alignas(128) unsigned number; /* constant; 0: the conductor, which is the main thread */
	pthread_t thread;              /* conductor only */
	struct random random;          /* owner only */
	struct random window_random;   /* owner only, inside the library and in handlers */
	struct ksem_proc *own;         /* a process of its own */
	struct ksem_proc *proc;        /* that, or the shared one */
	atomic_int state;              /* enum state */
	atomic_int class;              /* SCHED_OTHER, SCHED_FIFO, SCHED_IDLE; by the conductor */
	atomic_int waiting;            /* 1 + number of the book that it waits for without a deadline; 0: none */
	atomic_uint wants;             /* and how many permits */
	atomic_ulong wait;             /* how many such waits it has begun */
	atomic_ulong acts, rests;
	atomic_ullong in[BOOKS_MAX], out[BOOKS_MAX]; /* permits posted and taken */
	atomic_ulong handlers_begun, handlers_ended;
	unsigned keeps[BOOKS_MAX]; /* permits that it has between acts; owner, and the conductor at the end */
	struct carried {           /* owner only */
		struct object *object;
		ksem_id_t id;
		struct ksem *pin;
	} carried[CARRIED];
};

extern struct worker workers[1 + WORKERS_MAX];
extern _Thread_local struct worker *worker_self; /* NULL: not one of them */

void crew_prepare(void); /* once: handlers, and which scheduling classes this machine permits */
bool crew_has_fifo(void), crew_has_idle(void);
void crew_start(void);
void crew_disturb(void); /* one random disturbance of one thread; replaces it if it has left */
void crew_ask_to_rest(bool rest);
bool crew_has_left(void); /* all threads */
void crew_join(void);
unsigned long crew_acts(void);
unsigned long crew_progress(void); /* rises with every act, rest, permit, handler, and step of the conductor */

/* A random short delay, or none: spinning, yielding, sleeping. */
void dawdle(struct random *random);

/* ---- Variants' common parts. ---- */

void pipeline_begin(void); /* pipeline.c */
void pipeline_move(struct worker *self, struct via via, unsigned batch);
void pipeline_check(void);

/* What was found of uses of objects by age, over all rounds (objects.c). */
void objects_report(void);

/* Counts permits that a call took which began in that generation; and those that are about to be posted. */
void feature_took(struct worker *self, struct book *book, unsigned n, unsigned long generation); /* features.c */
void feature_gives(struct worker *self, struct book *book, unsigned n);

/* Waits of a completion queue of its own, until all have ended (queues.c). */
void feature_queue(struct worker *self);

/* ESHUTDOWN once the round ends, else 0, which is allowed anyway. */
int feature_ended(void);

/* ---- Complaints (watchdog.c). ---- */

void watchdog_start(void);
void watchdog_stop(void);

/* Says what is wrong and what everybody was doing, and ends the program with status 1. */
void complain(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
