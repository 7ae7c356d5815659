/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stopped.c plays with: an OS process, the cast, of which one thread, the victim, is stopped in a call while the
 * others use the same semaphore; and the stage, memory that the cast shares with the test, which directs it.
 *
 * The victim prepares a semaphore, makes the call between two marks (stepper.h), and then settles: sees that nobody
 * sleeps beside a permit, and counts. The test lets the workers play in between, by cue.
 */
#ifndef KSEM_TESTS_STOPPED_H
#define KSEM_TESTS_STOPPED_H

#include "../support.h"

#include <semaphore.h>

#define WORKERS  2 /* the first by id, on the victim's processor; the second by pin, on another */
#define SLEEPERS 2

/* What the semaphore is like before the call. */
enum state {
	WORD,     /* two permits, in its word */
	SHARED,   /* the same, of a semaphore that OS processes share */
	CELLS,    /* two permits, in the slot of the victim's processor */
	FAR,      /* one permit, in the slot of another */
	REVOKING, /* two permits in that, and a taker has begun to revoke it */
	EMPTYING, /* the same, and has brought them to the word */
	EARNS,    /* this take is sampled: it brings the semaphore nearer to having slots */
	GETS,     /* this gives it slots */
	PREPARES, /* this makes it percpu */
	LOSES,    /* this takes its slots away */
	SLEPT_ON, /* no permit; SLEEPERS threads sleep */
	EMPTY,    /* no permit */
};

/* What a worker plays. */
enum cue {
	PLENTY,  /* posts before it takes, so that every take must work */
	SCARCE,  /* takes what there is, and leaves permits behind */
	DRY,     /* the first worker takes all there is, so that none may be left anywhere, and gives it back */
	LOCKED,  /* the same as PLENTY, each call under cast.lock */
	UNBLOCK, /* one post, by the first worker only */
};

struct cast {
	struct ksem_ns *ns;
	struct ksem_proc *proc, *other; /* other: holds the semaphore too */
	ksem_id_t id;                   /* of the semaphore that all use */
	struct ksem *pin;               /* of the same */
	ksem_id_t aside;                /* of one without permits that only the victim uses */
	ksem_id_t made;                 /* what some calls make, or end */
	struct ksem_proc *made_proc;
	struct ksem_ns *made_ns;
	struct ksem *made_pin;
	pthread_mutex_t lock;
};
extern struct cast cast;

struct scenario {
	const char *name;
	int (*call)(void);
	enum state state;
	enum cue cue;
	int64_t gives; /* permits that the semaphore has more when the call answered 0; below 0: fewer */
	bool spins;    /* waiting threads spin, as on a machine with more than one processor */
	void (*before)(void), (*after)(void); /* the call, by the victim; may be NULL */
};

struct stage {
	/* By the test. */
	char directory[64]; /* for a semaphore that OS processes share */
	enum cue cue;
	atomic_bool over; /* the cast shall end */
	sem_t attached, play[WORKERS];

	/* By the cast. */
	sem_t ready, done;
	atomic_int victim; /* its thread's number */
	atomic_int mark;   /* 1: before the call; 2: after it; 3: settled */
	const char
		*_Atomic doing[WORKERS + 1]; /* which call each is in; last, the victim, when it prepares and settles */
	atomic_int playing;
	atomic_llong before, net;  /* permits before the call; how many more the workers have left */
	atomic_llong seen;         /* the value after the workers played */
	atomic_uint slept;         /* sleepers that have their permit */
	int result;                /* of the call */
	long long expected, final; /* values in the end */
	bool skipped;              /* that state can't be had on this machine */
};

/* The cast; in a child of fork(). Never returns. */
_Noreturn void cast_play(const struct scenario *scenario, struct stage *stage);

#endif
