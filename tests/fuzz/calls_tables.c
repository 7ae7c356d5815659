/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of a sequence (run.h) that change tables: namespaces, processes, references, names, and what tools show.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

/* ---- Namespaces. ---- */

void add_namespace(struct ns_pair *place, const struct ksem_ns_options *options, bool null)
{
	struct ksem_ns *ns;
	struct model_ns *model;
	int expected;

	memset(&ns, UNTOUCHED, sizeof(ns));
	if (options)
		calling("ksem_ns_create", "{size %zu, max_sems %u, max_name %u, dir %s}", options->size,
			options->max_sems, options->max_name, options->dir ? options->dir : "NULL");
	else
		calling("ksem_ns_create", "NULL");
	expected = model_ns_create(&run.model, options, null ? NULL : &model);
	answered(ksem_ns_create(options, null ? NULL : &ns), expected);
	if (expected)
		untouched(&ns, sizeof(ns));
	else
		*place = (struct ns_pair){ns, model};
}

void call_ns_create(void)
{
	struct ns_pair *place = &run.namespaces[byte() % NAMESPACES];
	const struct ksem_ns_options *options;

	if (place->ns)
		return;
	options = any_options(); /* before no_output, whatever order a compiler evaluates arguments in */
	add_namespace(place, options, no_output());
}

void call_ns_destroy(void)
{
	struct ns_pair *pair = any_namespace();
	int expected = model_ns_destroy(pair->model);

	calling("ksem_ns_destroy", "namespace %td", pair - run.namespaces);
	answered(ksem_ns_destroy(pair->ns), expected);
	if (!expected)
		*pair = (struct ns_pair){0};
}

struct visits {
	struct model_ns *model;
	unsigned count, stop_after;
	ksem_id_t ids[IDS_MAX];
};

static int visit(const struct ksem_info *info, void *arg)
{
	struct visits *visits = arg;
	const struct model_sem *sem = model_seen(visits->model, info->id);

	if (!sem)
		differs("visits id %llx, which isn't there", (unsigned long long)info->id);
	same_info(info, sem);
	for (unsigned i = 0; i < visits->count; i++) {
		if (visits->ids[i] == info->id)
			differs("visits id %llx twice", (unsigned long long)info->id);
	}
	visits->ids[visits->count++] = info->id;
	return visits->count == visits->stop_after ? -7 : 0;
}

void call_ns_foreach(void)
{
	struct ns_pair *pair = any_namespace();
	unsigned drawn = byte();
	struct visits visits = {.model = pair->model, .stop_after = drawn % 4};
	bool visits_any = drawn < 0xf0;
	unsigned expected_count = 0;
	int expected = model_ns_foreach(pair->model, visits_any, visits.stop_after, &expected_count), answer;

	calling("ksem_ns_foreach", "namespace %td, stop after %u", pair - run.namespaces, visits.stop_after);
	answer = ksem_ns_foreach(pair->ns, visits_any ? visit : NULL, &visits);
	if (!expected && visits.stop_after > 0 && expected_count >= visits.stop_after)
		expected = -7;
	answered(answer, expected);
	if (visits.count != expected_count)
		differs("visits %u semaphores, not %u", visits.count, expected_count);
}

/* ---- Processes. ---- */

static struct proc_pair *free_place(void)
{
	for (unsigned p = 0; p < PROCESSES; p++) {
		if (!run.procs[p].proc)
			return &run.procs[p];
	}
	return NULL;
}

void add_process(struct ns_pair *in, const struct ksem_cred *cred, bool null)
{
	struct proc_pair *place = free_place();
	struct ksem_proc *proc;
	struct model_proc *model;
	int expected;

	if (!place)
		return;
	memset(&proc, UNTOUCHED, sizeof(proc));
	if (cred)
		calling("ksem_proc_create", "namespace %td, {%u, %u}", in - run.namespaces, cred->uid, cred->gid);
	else
		calling("ksem_proc_create", "namespace %td, NULL", in - run.namespaces);
	expected = model_proc_create(in->model, cred, null ? NULL : &model);
	answered(ksem_proc_create(in->ns, cred, null ? NULL : &proc), expected);
	if (expected)
		untouched(&proc, sizeof(proc));
	else
		*place = (struct proc_pair){proc, model};
}

void call_proc_create(void)
{
	struct ns_pair *in = any_namespace();
	const struct ksem_cred *cred = any_cred();

	add_process(in, cred, no_output());
}

void call_proc_fork(void)
{
	struct proc_pair *parent = any_proc(), *place = free_place();
	bool null = no_output();
	struct ksem_proc *proc;
	struct model_proc *model;
	int expected;

	if (!place)
		return;
	memset(&proc, UNTOUCHED, sizeof(proc));
	calling("ksem_proc_fork", "process %td", parent - run.procs);
	expected = model_proc_fork(parent->model, null ? NULL : &model);
	answered(ksem_proc_fork(parent->proc, null ? NULL : &proc), expected);
	if (expected)
		untouched(&proc, sizeof(proc));
	else
		*place = (struct proc_pair){proc, model};
}

void call_proc_exec(void)
{
	struct proc_pair *pair = any_proc();

	calling("ksem_proc_exec", "process %td", pair - run.procs);
	answered(ksem_proc_exec(pair->proc), model_proc_exec(pair->model));
}

void exit_process(struct proc_pair *pair)
{
	int expected = model_proc_exit(pair->model);

	calling("ksem_proc_exit", "process %td", pair - run.procs);
	answered(ksem_proc_exit(pair->proc), expected);
	if (!expected)
		*pair = (struct proc_pair){0};
}

void call_proc_exit(void)
{
	exit_process(any_proc());
}

void call_self(void)
{
	calling("ksem_self", " ");
	setenv("KSEM_DIR", "/dev/null", true); /* no directory, so there is none */
	answered(ksem_self() != NULL, 0);
}

/* ---- Semaphores and references to them. ---- */

/* What init or open gave. */
void given(const ksem_id_t *id, int expected, struct model_sem *sem)
{
	if (expected) {
		untouched(id, sizeof(*id));
		return;
	}
	if (sem->id == 0) {
		if (!model_learn_id(sem, *id))
			differs("gave id %llx, not a new one", (unsigned long long)*id);
		run.ids[run.id_count++] = *id;
	}
	if (sem->id != *id)
		differs("gave id %llx, not %llx", (unsigned long long)*id, (unsigned long long)sem->id);
}

void call_init(void)
{
	struct proc_pair *pair = any_proc();
	unsigned value = any_value();
	bool null = no_output();
	struct model_sem *sem = NULL;
	ksem_id_t id;
	int expected;

	memset(&id, UNTOUCHED, sizeof(id));
	calling("ksem_init", "process %td, %u", pair - run.procs, value);
	expected = model_init(pair->model, NULL, value, null ? NULL : &sem);
	answered(ksem_init(pair->proc, value, null ? NULL : &id), expected);
	given(&id, expected, sem);
}

void call_open(void)
{
	struct proc_pair *pair = any_proc();
	const char *name = any_name();
	int oflag = any_oflag();
	mode_t mode = any_mode();
	unsigned value = any_value();
	bool null = no_output();
	struct model_sem *sem = NULL;
	ksem_id_t id;
	int expected;

	memset(&id, UNTOUCHED, sizeof(id));
	calling("ksem_open", "process %td, '%s', %#x, %#o, %u", pair - run.procs, name ? name : "NULL", oflag, mode,
		value);
	expected = model_open(pair->model, name, oflag, mode, NULL, value, null ? NULL : &sem);
	answered(ksem_open(pair->proc, name, oflag, mode, value, null ? NULL : &id), expected);
	given(&id, expected, sem);
}

void call_destroy(void)
{
	struct proc_pair *pair = any_proc();
	ksem_id_t id = any_id();

	calling("ksem_destroy", "process %td, %llx", pair - run.procs, (unsigned long long)id);
	answered(ksem_destroy(pair->proc, id), model_destroy(pair->model, id));
}

void call_close(void)
{
	struct proc_pair *pair = any_proc();
	ksem_id_t id = any_id();

	calling("ksem_close", "process %td, %llx", pair - run.procs, (unsigned long long)id);
	answered(ksem_close(pair->proc, id), model_close(pair->model, id));
}

void call_unlink(void)
{
	struct proc_pair *pair = any_proc();
	const char *name = any_name();

	calling("ksem_unlink", "process %td, '%s'", pair - run.procs, name ? name : "NULL");
	answered(ksem_unlink(pair->proc, name), model_unlink(pair->model, name));
}

void call_stat(void)
{
	struct proc_pair *pair = any_proc();
	ksem_id_t id = any_id();
	bool null = no_output();
	struct ksem_info info, expected_info;
	int expected;

	memset(&info, UNTOUCHED, sizeof(info));
	calling("ksem_stat", "process %td, %llx", pair - run.procs, (unsigned long long)id);
	expected = model_stat(pair->model, id, null ? NULL : &expected_info);
	answered(ksem_stat(pair->proc, id, null ? NULL : &info), expected);
	if (expected)
		untouched(&info, sizeof(info));
	else
		same_info(&info, model_held(pair->model, id));
}
