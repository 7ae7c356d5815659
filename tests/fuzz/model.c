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

void *model_allocated(void *memory)
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
int model_check_handle_and_output(const void *handle, const void *output)
{
	if (!output && broken(RULE_NO_PROCESS_FIRST))
		return no_output();
	if (!handle)
		return EINVAL;
	return output ? 0 : no_output();
}

/* ---- Namespaces. ---- */

int model_ns_create(struct model *model, const struct ksem_ns_options *theirs, struct model_ns **ns)
{
	struct ksem_ns_options options = {0};
	struct model_ns *new;
	int error;

	if (!ns)
		return no_output();
	error = model_read_options(theirs, &options);
	if (error)
		return error;
	new = model_allocated(calloc(1, sizeof(*new)));
	new->there = true;
	new->model = model;
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

	model_end_queues(model);
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
void model_let_go(struct model_sem *sem)
{
	bool by_name = sem->named && !broken(RULE_NAME_KEEPS);
	bool by_pin = (sem->pins > 0 && !broken(RULE_PIN_KEEPS)) || model_is_queued_for(sem);

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
		model_let_go(sem);
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
	int error = model_check_handle_and_output(ns, proc);

	if (error)
		return error;
	*proc = new_process(ns, cred ? *cred : (struct ksem_cred){geteuid(), getegid()});
	return 0;
}

int model_proc_fork(struct model_proc *parent, struct model_proc **child)
{
	int error = model_check_handle_and_output(parent, child);
	unsigned from, to;

	if (error)
		return error;
	*child = new_process(parent->ns, broken(RULE_FORK_CREDENTIALS) ? (struct ksem_cred){0, 0} : parent->cred);
	from = number_of(parent);
	to = number_of(*child);
	for (struct model_sem *sem = parent->ns->sems; sem; sem = sem->next) {
		sem->refs[to] = sem->refs[from];
		sem->held[to] = broken(RULE_UNDO_CHILD_HOLDS_NONE) ? sem->held[from] : 0;
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
			model_drop_permits(sem, number_of(proc));
			model_let_go(sem);
		}
	}
}

int model_proc_exec(struct model_proc *proc)
{
	if (!proc)
		return EINVAL;
	if (model_has_queue(proc))
		return EBUSY;
	if (!broken(RULE_EXEC_DROPS))
		drop_all(proc);
	return 0;
}

int model_proc_exit(struct model_proc *proc)
{
	if (!proc)
		return EINVAL;
	if (model_has_queue(proc))
		return EBUSY;
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
static int make(struct model_proc *proc, const char *name, mode_t mode, const struct ksem_attr *attr,
		unsigned int value, struct model_sem **made)
{
	struct model_sem *sem;

	if (is_full(proc->ns))
		return ENFILE;
	sem = model_allocated(calloc(1, sizeof(*sem)));
	sem->ns = proc->ns;
	sem->limited = attr->limit != 0;
	sem->limit = sem->made = attr->limit ? attr->limit : model_highest(attr->order);
	sem->order = attr->order;
	sem->flags = attr->flags;
	sem->taken = sem->limit - value;
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

int model_init(struct model_proc *proc, const struct ksem_attr *theirs, unsigned int value, struct model_sem **sem)
{
	int error = model_check_handle_and_output(proc, sem);
	struct ksem_attr attr;

	if (!error)
		error = model_read_attr(theirs, value, &attr);
	return error ? error : make(proc, NULL, 0, &attr, value, sem);
}

int model_destroy(struct model_proc *proc, ksem_id_t id)
{
	struct model_sem *sem = model_held(proc, id);

	if (!sem || (sem->opened && !broken(RULE_DESTROY_ANONYMOUS_ONLY)))
		return EINVAL;
	if (model_waiters(sem, NULL) > 0 && !broken(RULE_QUEUE_DESTROY_BUSY))
		return EBUSY;
	sem->refs[number_of(proc)] = 0;
	model_drop_permits(sem, number_of(proc));
	if (references(sem) == 0 || broken(RULE_DESTROY_LAST_FREES)) {
		sem->destroyed = !broken(RULE_DESTROYED_REFUSES_PINS);
		model_let_go(sem);
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

static int open_existing(struct model_proc *proc, struct model_sem *found, int oflag, mode_t mode,
			 const struct ksem_attr *attr, unsigned int value)
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
	if (broken(RULE_OPEN_KEEPS_VALUE) && value <= found->limit)
		found->taken = found->limit - value;
	if (broken(RULE_ATTR_OF_MAKER_ONLY) && attr->limit > found->taken)
		found->limit = attr->limit;
	if (found->refs[number_of(proc)] == 0 || !broken(RULE_OPEN_ADDS_REFERENCE))
		found->refs[number_of(proc)]++;
	return 0;
}

int model_open(struct model_proc *proc, const char *name, int oflag, mode_t mode, const struct ksem_attr *theirs,
	       unsigned int value, struct model_sem **sem)
{
	struct model_sem *found;
	struct ksem_attr attr;

	if (!proc)
		return EINVAL;
	if (!name)
		return broken(RULE_NO_NAME) ? EINVAL : EFAULT;
	if (!sem)
		return no_output();
	if (model_read_attr(theirs, value, &attr) && !(broken(RULE_ATTR_ALWAYS_CHECKED) && !(oflag & O_CREAT)))
		return EINVAL;
	if (oflag & ~(O_CREAT | O_EXCL) && broken(RULE_OTHER_FLAGS))
		return EINVAL;
	if (!name_fits(proc->ns, name) && !(broken(RULE_NAME_LENGTH_FIRST) && !(oflag & O_CREAT)))
		return ENAMETOOLONG;
	found = named(proc->ns, name);
	if (found) {
		*sem = found;
		return open_existing(proc, found, oflag, mode, &attr, value);
	}
	if (!name_is_valid(name) && broken(RULE_OPEN_ABSENT_FIRST))
		return EINVAL;
	if (!(oflag & O_CREAT))
		return ENOENT;
	return name_is_valid(name) ? make(proc, name, mode, &attr, value, sem) : EINVAL;
}

int model_close(struct model_proc *proc, ksem_id_t id)
{
	struct model_sem *sem = model_held(proc, id);

	if (!sem || (!sem->opened && !broken(RULE_CLOSE_NAMED_ONLY)))
		return EINVAL;
	if (sem->flags & KSEM_UNDO && sem->refs[number_of(proc)] == 1 && model_waiters(sem, proc) > 0 &&
	    !broken(RULE_UNDO_CLOSE_BUSY))
		return EBUSY;
	if (broken(RULE_CLOSE_DROPS_ONE))
		sem->refs[number_of(proc)] = 1;
	if (--sem->refs[number_of(proc)] == 0)
		model_drop_permits(sem, number_of(proc));
	model_let_go(sem);
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
	model_let_go(sem);
	return 0;
}

/* ---- Pins. ---- */

int model_pin(struct model_proc *proc, ksem_id_t id, struct model_sem **pin)
{
	int error = model_check_handle_and_output(proc, pin);
	struct model_sem *sem = error ? NULL : model_held(proc, id);

	if (!sem)
		return error ? error : EINVAL;
	if (sem->flags & KSEM_UNDO && !broken(RULE_UNDO_NO_PIN))
		return ENOTSUP;
	sem->pins++;
	*pin = sem;
	return 0;
}

void model_unpin(struct model_sem *pin)
{
	if (!pin)
		return;
	pin->pins--;
	model_let_go(pin);
}

/* ---- What tools show. ---- */

void model_describe(const struct model_sem *sem, struct ksem_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = sem->id;
	if (sem->named || (sem->opened && broken(RULE_NAME_AFTER_UNLINK)))
		memcpy(info->name, sem->name, strlen(sem->name));
	info->value = model_value(sem);
	info->waiters = broken(RULE_QUEUE_WAITERS) ? 0 : model_waiters(sem, NULL);
	info->refs = references(sem) + (broken(RULE_PIN_NO_REFERENCE) ? sem->pins : 0);
	info->uid = sem->owner.uid;
	info->gid = sem->owner.gid;
	info->mode = sem->mode;
	info->limit = sem->limit;
	info->order = sem->order;
	info->flags = sem->flags | (sem->shut && !broken(RULE_SHUT_SHOWN) ? KSEM_SHUTDOWN : 0);
	info->held = broken(RULE_UNDO_HELD_SHOWN) ? 0 : model_holds(sem, NULL);
}

int model_stat(struct model_proc *proc, ksem_id_t id, struct ksem_info *info)
{
	int error = model_check_handle_and_output(proc, info);
	struct model_sem *sem = error ? NULL : model_held(proc, id);

	if (!sem)
		return error ? error : EINVAL;
	model_describe(sem, info);
	return 0;
}
