/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of the whole contract for one thread: the public calls over plain lists, written from what they promise and
 * not from how the library keeps it. Where the library gives out an id, the model gives out its semaphore, and is told
 * the id (model_learn_id). For one thread alone nobody waits: a call that would, answers MODEL_WOULD_WAIT.
 *
 * One rule of the contract can be broken (model_rules.h).
 *
 * A model is one thread's; nothing protects it.
 */
#ifndef KSEM_TESTS_FUZZ_MODEL_H
#define KSEM_TESTS_FUZZ_MODEL_H

#include <stdbool.h>

#include <ksem/ksem.h>

#include "model_rules.h"

#define MODEL_WOULD_WAIT (-1)

#define MODEL_PROCESSES 5

struct model_sem {
	struct model_sem *next;
	struct model_ns *ns;
	ksem_id_t id; /* 0: not learned yet */
	bool ended;   /* nothing is left of it; the entry remembers that the id was used */
	bool destroyed;
	bool opened; /* made by open */
	bool named;  /* and not unlinked */
	char name[KSEM_NAME_MAX + 2];
	uint32_t value;
	struct ksem_cred owner;
	mode_t mode;
	unsigned refs[MODEL_PROCESSES], pins;
};

struct model_proc {
	bool there;
	struct model_ns *ns;
	struct ksem_cred cred;
};

struct model_ns {
	struct model_ns *next;
	bool there;
	uint32_t max_sems, max_name;
	struct model_sem *sems;
	struct model_proc procs[MODEL_PROCESSES];
};

struct model {
	struct model_ns *namespaces; /* also those that were destroyed */
};

void model_end(struct model *model);

int model_ns_create(struct model *model, const struct ksem_ns_options *theirs, struct model_ns **ns);
int model_ns_destroy(struct model_ns *ns);
int model_ns_foreach(struct model_ns *ns, bool visits, unsigned stop_after, unsigned *visited);

/* MODEL_PROCESSES at most in a namespace: the caller sees to it. */
int model_proc_create(struct model_ns *ns, const struct ksem_cred *cred, struct model_proc **proc);
int model_proc_fork(struct model_proc *parent, struct model_proc **child);
int model_proc_exec(struct model_proc *proc);
int model_proc_exit(struct model_proc *proc);

int model_init(struct model_proc *proc, unsigned int value, struct model_sem **sem);
int model_destroy(struct model_proc *proc, ksem_id_t id);
int model_open(struct model_proc *proc, const char *name, int oflag, mode_t mode, unsigned int value,
	       struct model_sem **sem);
int model_close(struct model_proc *proc, ksem_id_t id);
int model_unlink(struct model_proc *proc, const char *name);

/* False: the id is 0, or was given out before. */
bool model_learn_id(struct model_sem *sem, ksem_id_t id);

/* What the process holds by that id; NULL: nothing. */
struct model_sem *model_held(struct model_proc *proc, ksem_id_t id);

/* What a pinned call works on; NULL: nothing any more. */
struct model_sem *model_pinned(struct model_sem *pin);

/* By id, or pinned: of what those two return. */
int model_post(struct model_sem *sem, unsigned int count);
int model_trywait(struct model_sem *sem);
int model_clockwait(struct model_sem *sem, clockid_t clock, const struct timespec *deadline);
int model_getvalue(struct model_sem *sem, unsigned int *value);

int model_pin(struct model_proc *proc, ksem_id_t id, struct model_sem **pin);
void model_unpin(struct model_sem *pin);

int model_stat(struct model_proc *proc, ksem_id_t id, struct ksem_info *info);
void model_describe(const struct model_sem *sem, struct ksem_info *info);

/* The semaphore of that id that a visitor of the namespace sees; NULL: none. */
struct model_sem *model_seen(struct model_ns *ns, ksem_id_t id);

#endif
