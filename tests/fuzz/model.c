/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of the contract: see model.h. Each function goes through the checks of its call in their order.
 */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SEMS_DEFAULT 1048576

static void *allocated(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- Arguments. ---- */

static int no_output(void)
{
	return broken(RULE_NO_OUTPUT) ? EINVAL : EFAULT;
}

/* A handle that can be NULL, then an output that can be. */
static int check_handle_and_output(const void *handle, const void *output)
{
	if (!output && broken(RULE_NO_PROCESS_FIRST))
		return no_output();
	if (!handle)
		return EINVAL;
	return output ? 0 : no_output();
}

/* ---- Namespaces. ---- */

static bool is_zero(const void *from, const void *to)
{
	for (const char *byte = from; byte < (const char *)to; byte++) {
		if (*byte)
			return false;
	}
	return true;
}

/* Takes out what isn't within their size. EINVAL. */
static int read_options(const struct ksem_ns_options *theirs, struct ksem_ns_options *options)
{
	const size_t size = theirs->size;

	*options = *theirs; /* fuzz/arguments.c has memory for all of it, whatever the size */
	if ((size < sizeof(size_t) || size > 4096) && !broken(RULE_OPTIONS_SIZE))
		return EINVAL;
	if (size < sizeof(*options) && !broken(RULE_OPTIONS_SHORT))
		options->max_name = 0;
	if (size > sizeof(*options) && !is_zero(theirs + 1, (const char *)theirs + size) &&
	    !broken(RULE_OPTIONS_BEYOND))
		return EINVAL;
	return 0;
}

static int check_options(const struct ksem_ns_options *options)
{
	if (options->max_name > KSEM_NAME_MAX && !broken(RULE_OPTIONS_NAME_LONG))
		return EINVAL;
	if (options->max_name == 1 && !broken(RULE_OPTIONS_NAME_SHORT))
		return EINVAL;
	return options->dir && !broken(RULE_OPTIONS_DIR) ? ENOTDIR : 0;
}

int model_ns_create(struct model *model, const struct ksem_ns_options *theirs, struct model_ns **ns)
{
	struct ksem_ns_options options = {0};
	struct model_ns *new;
	int error;

	if (!ns)
		return no_output();
	error = theirs ? read_options(theirs, &options) : 0;
	if (!error)
		error = check_options(&options);
	if (error)
		return error;
	new = allocated(calloc(1, sizeof(*new)));
	new->there = true;
	new->max_sems = options.max_sems ? options.max_sems : MAX_SEMS_DEFAULT;
	new->max_name = options.max_name ? options.max_name : KSEM_NAME_MAX;
	new->next = model->namespaces;
	model->namespaces = new;
	*ns = new;
	return 0;
}

void model_end(struct model *model)
{
	struct model_ns *ns;
	struct model_sem *sem;

	while ((ns = model->namespaces)) {
		model->namespaces = ns->next;
		while ((sem = ns->sems)) {
			ns->sems = sem->next;
			free(sem);
		}
		free(ns);
	}
}

/* ---- What keeps a semaphore. ---- */

static unsigned references(const struct model_sem *sem)
{
	unsigned n = 0;

	for (unsigned p = 0; p < MODEL_PROCESSES; p++)
		n += sem->refs[p];
	return n;
}

/* Ends it if nothing keeps it any more. */
static void let_go(struct model_sem *sem)
{
	bool by_name = sem->named && !broken(RULE_NAME_KEEPS);
	bool by_pin = sem->pins > 0 && !broken(RULE_PIN_KEEPS);

	if (references(sem) == 0 && !by_name && !by_pin)
		sem->ended = true;
}

/* Does it take a place under the limit, and is it shown to visitors? */
static bool is_in_namespace(const struct model_sem *sem)
{
	return !sem->ended && !sem->destroyed;
}

struct model_sem *model_seen(struct model_ns *ns, ksem_id_t id)
{
	for (struct model_sem *sem = ns->sems; sem; sem = sem->next) {
		if (sem->id == id && is_in_namespace(sem))
			return sem;
	}
	return NULL;
}

int model_ns_destroy(struct model_ns *ns)
{
	if (!ns)
		return EINVAL;
	for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
		if (ns->procs[p].there && !broken(RULE_NAMESPACE_BUSY))
			return EBUSY;
	}
	for (struct model_sem *sem = ns->sems; sem; sem = sem->next) {
		sem->named = false;
		let_go(sem);
	}
	ns->there = false;
	return 0;
}

int model_ns_foreach(struct model_ns *ns, bool visits, unsigned stop_after, unsigned *visited)
{
	if (!ns)
		return EINVAL;
	if (!visits)
		return EFAULT;
	for (struct model_sem *sem = ns->sems; sem; sem = sem->next) {
		if (is_in_namespace(sem))
			++*visited;
	}
	if (stop_after > 0 && *visited >= stop_after && !broken(RULE_FOREACH_STOPS))
		*visited = stop_after;
	return 0;
}

/* ---- Processes. ---- */

static unsigned number_of(const struct model_proc *proc)
{
	return (unsigned)(proc - proc->ns->procs);
}

static struct model_proc *new_process(struct model_ns *ns, struct ksem_cred cred)
{
	for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
		if (!ns->procs[p].there) {
			ns->procs[p] = (struct model_proc){true, ns, cred};
			return &ns->procs[p];
		}
	}
	abort();
}

int model_proc_create(struct model_ns *ns, const struct ksem_cred *cred, struct model_proc **proc)
{
	int error = check_handle_and_output(ns, proc);

	if (error)
		return error;
	*proc = new_process(ns, cred ? *cred : (struct ksem_cred){geteuid(), getegid()});
	return 0;
}

int model_proc_fork(struct model_proc *parent, struct model_proc **child)
{
	int error = check_handle_and_output(parent, child);
	unsigned from, to;

	if (error)
		return error;
	*child = new_process(parent->ns, broken(RULE_FORK_CREDENTIALS) ? (struct ksem_cred){0, 0} : parent->cred);
	from = number_of(parent);
	to = number_of(*child);
	for (struct model_sem *sem = parent->ns->sems; sem; sem = sem->next) {
		sem->refs[to] = sem->refs[from];
		if (broken(RULE_FORK_EVERY_REFERENCE) && sem->refs[to] > 1)
			sem->refs[to] = 1;
	}
	return 0;
}

static void drop_all(struct model_proc *proc)
{
	for (struct model_sem *sem = proc->ns->sems; sem; sem = sem->next) {
		if (sem->refs[number_of(proc)] > 0) {
			sem->refs[number_of(proc)] = 0;
			let_go(sem);
		}
	}
}

int model_proc_exec(struct model_proc *proc)
{
	if (!proc)
		return EINVAL;
	if (!broken(RULE_EXEC_DROPS))
		drop_all(proc);
	return 0;
}

int model_proc_exit(struct model_proc *proc)
{
	if (!proc)
		return EINVAL;
	if (!broken(RULE_EXIT_DROPS))
		drop_all(proc);
	proc->there = false;
	return 0;
}

/* ---- Semaphores and references to them. ---- */

struct model_sem *model_held(struct model_proc *proc, ksem_id_t id)
{
	struct model_sem *sem;

	if (!proc)
		return NULL;
	sem = model_seen(proc->ns, id);
	return sem && (sem->refs[number_of(proc)] > 0 || broken(RULE_HELD_BY_PROCESS)) ? sem : NULL;
}

static bool is_full(const struct model_ns *ns)
{
	unsigned n = 0;

	for (const struct model_sem *sem = ns->sems; sem; sem = sem->next)
		n += is_in_namespace(sem) || (!sem->ended && broken(RULE_DESTROYED_GIVES_PLACE));
	return n >= ns->max_sems + broken(RULE_LIMIT);
}

/* With one reference of the process; ENFILE. */
static int make(struct model_proc *proc, const char *name, mode_t mode, unsigned int value, struct model_sem **made)
{
	struct model_sem *sem;

	if (is_full(proc->ns))
		return ENFILE;
	sem = allocated(calloc(1, sizeof(*sem)));
	sem->ns = proc->ns;
	sem->value = value;
	sem->owner = proc->cred;
	sem->mode = mode;
	sem->refs[number_of(proc)] = 1;
	if (name) {
		sem->opened = sem->named = true;
		strcpy(sem->name, name);
	}
	sem->next = proc->ns->sems;
	proc->ns->sems = sem;
	*made = sem;
	return 0;
}

bool model_learn_id(struct model_sem *sem, ksem_id_t id)
{
	for (const struct model_sem *other = sem->ns->sems; other; other = other->next) {
		if (other->id == id && other != sem)
			return false;
	}
	sem->id = id;
	return id != 0;
}

int model_init(struct model_proc *proc, unsigned int value, struct model_sem **sem)
{
	int error = check_handle_and_output(proc, sem);

	return error ? error : make(proc, NULL, 0, value, sem);
}

int model_destroy(struct model_proc *proc, ksem_id_t id)
{
	struct model_sem *sem = model_held(proc, id);

	if (!sem || (sem->opened && !broken(RULE_DESTROY_ANONYMOUS_ONLY)))
		return EINVAL;
	sem->refs[number_of(proc)] = 0;
	if (references(sem) == 0 || broken(RULE_DESTROY_LAST_FREES)) {
		sem->destroyed = !broken(RULE_DESTROYED_REFUSES_PINS);
		let_go(sem);
	}
	return 0;
}

static struct model_sem *named(struct model_ns *ns, const char *name)
{
	for (struct model_sem *sem = ns->sems; sem; sem = sem->next) {
		if (sem->named && !sem->ended && strcmp(sem->name, name) == 0)
			return sem;
	}
	return broken(RULE_NAMES_PER_NAMESPACE) && ns->next ? named(ns->next, name) : NULL;
}

static bool name_fits(const struct model_ns *ns, const char *name)
{
	return strlen(name) <= ns->max_name + broken(RULE_NAME_LENGTH);
}

static bool name_is_valid(const char *name)
{
	if (name[0] != '/' && !(name[0] && broken(RULE_NAME_STARTS)))
		return false;
	if (name[1] == '\0' && !broken(RULE_NAME_NOT_EMPTY))
		return false;
	return !strchr(name + 1, '/') || broken(RULE_NAME_ONE_SLASH);
}

static bool may_write(const struct model_proc *proc, const struct model_sem *sem)
{
	if (proc->cred.uid == sem->owner.uid && sem->mode & S_IWUSR && !broken(RULE_PERMIT_OWNER))
		return true;
	if (proc->cred.uid == 0 && !broken(RULE_PERMIT_SUPERUSER))
		return true;
	if (proc->cred.uid == sem->owner.uid && broken(RULE_PERMIT_ANY_ONE))
		return false;
	if (proc->cred.gid == sem->owner.gid && sem->mode & S_IWGRP && !broken(RULE_PERMIT_GROUP))
		return true;
	return sem->mode & S_IWOTH && !broken(RULE_PERMIT_OTHERS);
}

static int open_existing(struct model_proc *proc, struct model_sem *found, int oflag, mode_t mode, unsigned int value)
{
	bool permitted = may_write(proc, found) || broken(RULE_OPEN_PERMISSION);

	if (!permitted && broken(RULE_OPEN_EXCLUSIVE_FIRST))
		return EPERM;
	if (oflag & O_EXCL && !broken(RULE_OPEN_EXCLUSIVE))
		return EEXIST;
	if (!permitted)
		return EPERM;
	if (broken(RULE_LIMIT_OF_NEW_ONLY) && is_full(proc->ns))
		return ENFILE;
	if (broken(RULE_OPEN_KEEPS_MODE))
		found->mode = mode;
	if (broken(RULE_OPEN_KEEPS_VALUE))
		found->value = value;
	if (found->refs[number_of(proc)] == 0 || !broken(RULE_OPEN_ADDS_REFERENCE))
		found->refs[number_of(proc)]++;
	return 0;
}

int model_open(struct model_proc *proc, const char *name, int oflag, mode_t mode, unsigned int value,
	       struct model_sem **sem)
{
	struct model_sem *found;

	if (!proc)
		return EINVAL;
	if (!name)
		return broken(RULE_NO_NAME) ? EINVAL : EFAULT;
	if (!sem)
		return no_output();
	if (oflag & ~(O_CREAT | O_EXCL) && broken(RULE_OTHER_FLAGS))
		return EINVAL;
	if (!name_fits(proc->ns, name) && !(broken(RULE_NAME_LENGTH_FIRST) && !(oflag & O_CREAT)))
		return ENAMETOOLONG;
	found = named(proc->ns, name);
	if (found) {
		*sem = found;
		return open_existing(proc, found, oflag, mode, value);
	}
	if (!name_is_valid(name) && broken(RULE_OPEN_ABSENT_FIRST))
		return EINVAL;
	if (!(oflag & O_CREAT))
		return ENOENT;
	return name_is_valid(name) ? make(proc, name, mode, value, sem) : EINVAL;
}

int model_close(struct model_proc *proc, ksem_id_t id)
{
	struct model_sem *sem = model_held(proc, id);

	if (!sem || (!sem->opened && !broken(RULE_CLOSE_NAMED_ONLY)))
		return EINVAL;
	if (broken(RULE_CLOSE_DROPS_ONE))
		sem->refs[number_of(proc)] = 1;
	sem->refs[number_of(proc)]--;
	let_go(sem);
	return 0;
}

int model_unlink(struct model_proc *proc, const char *name)
{
	struct model_sem *sem;

	if (!proc)
		return EINVAL;
	if (!name)
		return broken(RULE_NO_NAME) ? EINVAL : EFAULT;
	if (!name_fits(proc->ns, name) && !broken(RULE_NAME_LENGTH_FIRST))
		return ENAMETOOLONG;
	sem = named(proc->ns, name);
	if (!sem)
		return ENOENT;
	if (!may_write(proc, sem) && !broken(RULE_UNLINK_PERMISSION))
		return EPERM;
	sem->named = false;
	sem->ended = broken(RULE_UNLINK_LEAVES_HOLDERS);
	let_go(sem);
	return 0;
}

/* ---- Pins. ---- */

int model_pin(struct model_proc *proc, ksem_id_t id, struct model_sem **pin)
{
	int error = check_handle_and_output(proc, pin);
	struct model_sem *sem = error ? NULL : model_held(proc, id);

	if (!sem)
		return error ? error : EINVAL;
	sem->pins++;
	*pin = sem;
	return 0;
}

void model_unpin(struct model_sem *pin)
{
	if (!pin)
		return;
	pin->pins--;
	let_go(pin);
}

/* ---- What tools show. ---- */

void model_describe(const struct model_sem *sem, struct ksem_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = sem->id;
	if (sem->named || (sem->opened && broken(RULE_NAME_AFTER_UNLINK)))
		memcpy(info->name, sem->name, strlen(sem->name));
	info->value = sem->value;
	info->refs = references(sem) + (broken(RULE_PIN_NO_REFERENCE) ? sem->pins : 0);
	info->uid = sem->owner.uid;
	info->gid = sem->owner.gid;
	info->mode = sem->mode;
}

int model_stat(struct model_proc *proc, ksem_id_t id, struct ksem_info *info)
{
	int error = check_handle_and_output(proc, info);
	struct model_sem *sem = error ? NULL : model_held(proc, id);

	if (!sem)
		return error ? error : EINVAL;
	model_describe(sem, info);
	return 0;
}
