/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of a sequence (run.h) on semaphores with attributes: making them, several permits, one of several semaphores,
 * shutdown, limits, metrics.
 */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LIST 4 /* ids of a list; but for those that are too long */

/* ---- Making them. ---- */

/* Half of the values are the limit, so that KSEM_UNDO is met. */
static unsigned value_for(const struct ksem_attr *attr)
{
	unsigned drawn = byte();

	return drawn < 0x80 && attr ? attr->limit : any_value();
}

static void print_attr(const struct ksem_attr *attr)
{
	if (run.print && attr)
		printf("{size %zu, limit %u, order %u, flags %#x, reserved %u} ", attr->size, attr->limit, attr->order,
		       attr->flags, attr->reserved);
}

void call_init_attr(void)
{
	struct proc_pair *pair = any_proc();
	const struct ksem_attr *attr = any_attr();
	unsigned value = value_for(attr);
	bool null = no_output();
	struct model_sem *sem = NULL;
	ksem_id_t id;
	int expected;

	memset(&id, UNTOUCHED, sizeof(id));
	print_attr(attr);
	calling("ksem_init_attr", "process %td, %s, %u", pair - run.procs, attr ? "attributes" : "NULL", value);
	expected = model_init(pair->model, attr, value, null ? NULL : &sem);
	answered(ksem_init_attr(pair->proc, attr, value, null ? NULL : &id), expected);
	given(&id, expected, sem);
}

void call_open_attr(void)
{
	struct proc_pair *pair = any_proc();
	const char *name = any_name();
	int oflag = any_oflag();
	mode_t mode = any_mode();
	const struct ksem_attr *attr = any_attr();
	unsigned value = value_for(attr);
	bool null = no_output();
	struct model_sem *sem = NULL;
	ksem_id_t id;
	int expected;

	memset(&id, UNTOUCHED, sizeof(id));
	print_attr(attr);
	calling("ksem_open_attr", "process %td, '%s', %#x, %#o, %s, %u", pair - run.procs, name ? name : "NULL", oflag,
		mode, attr ? "attributes" : "NULL", value);
	expected = model_open(pair->model, name, oflag, mode, attr, value, null ? NULL : &sem);
	answered(ksem_open_attr(pair->proc, name, oflag, mode, attr, value, null ? NULL : &id), expected);
	given(&id, expected, sem);
}

/* ---- Several permits. ---- */

void call_trywait_many(void)
{
	struct target on = any_target();
	unsigned count = any_count();

	calling_on("ksem_trywait_many", &on, count);
	answered(on.pinned ? ksem_pinned_trywait_many(on.pin, count) : ksem_trywait_many(on.proc, on.id, count),
		 model_trywait_many(on.model, on.by, count));
}

void call_trywait_upto(void)
{
	struct target on = any_target();
	unsigned count = any_count(), got, expected_got;
	bool null = no_output();
	int expected = is_null(&on) ? EINVAL : model_trywait_upto(on.model, on.by, count, null ? NULL : &expected_got);

	memset(&got, UNTOUCHED, sizeof(got));
	calling_on("ksem_trywait_upto", &on, count);
	answered(on.pinned ? ksem_pinned_trywait_upto(on.pin, count, null ? NULL : &got) :
			     ksem_trywait_upto(on.proc, on.id, count, null ? NULL : &got),
		 expected);
	if (expected)
		untouched(&got, sizeof(got));
	else if (got != expected_got)
		differs("got %u, not %u", got, expected_got);
}

static bool is_far(const struct timespec *deadline)
{
	return !deadline || deadline->tv_sec > 0;
}

static struct timespec *past(void)
{
	static struct timespec time;

	time = (struct timespec){0, 0};
	return &time;
}

void call_wait_many(void)
{
	struct target on = any_target();
	unsigned count = any_count();
	clockid_t clock = any_clock();
	struct timespec *deadline = any_deadline();

	if (is_far(deadline) && would_wait(&on, count))
		deadline = past();
	calling_on("ksem_wait_many", &on, count);
	answered(on.pinned ? ksem_pinned_wait_many(on.pin, count, clock, deadline) :
			     ksem_wait_many(on.proc, on.id, count, clock, deadline),
		 model_wait_many(on.model, on.by, count, clock, deadline));
}

/* ---- One of several. ---- */

static struct list {
	ksem_id_t ids[KSEM_ANY_MAX + 1];
	unsigned n;
	bool null;
} list;

static void draw_list(void)
{
	unsigned drawn = byte();

	list.n = drawn < 0xf0 ? drawn % (LIST + 1) : KSEM_ANY_MAX + drawn % 2;
	list.null = no_output();
	for (unsigned i = 0; i < list.n; i++)
		list.ids[i] = i <= LIST ? any_id() : list.ids[0];
}

/* Has none of those that are held a permit? As the library says, or the model, as in would_wait. */
static bool any_would_wait(struct proc_pair *pair)
{
	for (unsigned i = 0; i < list.n; i++) {
		struct target on = {.proc = pair->proc, .id = list.ids[i], .by = pair->model};

		on.model = model_held(pair->model, on.id);
		if (!would_wait(&on, 1))
			return false;
	}
	return true;
}

static void same_which(unsigned which, unsigned expected, int error)
{
	if (error && error != ESHUTDOWN)
		untouched(&which, sizeof(which));
	else if (which != expected)
		differs("which is %u, not %u", which, expected);
}

void call_trywait_any(void)
{
	struct proc_pair *pair = any_proc();
	unsigned which, expected_which = 0;
	bool null = no_output();
	int expected;

	draw_list();
	memset(&which, UNTOUCHED, sizeof(which));
	calling("ksem_trywait_any", "process %td, %u", pair - run.procs, list.n);
	expected = model_trywait_any(pair->model, list.null ? NULL : list.ids, list.n, null ? NULL : &expected_which);
	answered(ksem_trywait_any(pair->proc, list.null ? NULL : list.ids, list.n, null ? NULL : &which), expected);
	same_which(which, expected_which, expected);
}

void call_wait_any(void)
{
	struct proc_pair *pair = any_proc();
	clockid_t clock = any_clock();
	struct timespec *deadline = any_deadline();
	unsigned which, expected_which = 0;
	bool null = no_output();
	int expected;

	draw_list();
	if (is_far(deadline) && any_would_wait(pair))
		deadline = past();
	memset(&which, UNTOUCHED, sizeof(which));
	calling("ksem_wait_any", "process %td, %u", pair - run.procs, list.n);
	expected = model_wait_any(pair->model, list.null ? NULL : list.ids, list.n, clock, deadline,
				  null ? NULL : &expected_which);
	answered(ksem_wait_any(pair->proc, list.null ? NULL : list.ids, list.n, clock, deadline, null ? NULL : &which),
		 expected);
	same_which(which, expected_which, expected);
}

/* ---- Shutdown, limit, metrics. ---- */

void call_shutdown(void)
{
	struct target on = any_target();

	calling_on("ksem_shutdown", &on, 0);
	answered(on.pinned ? ksem_pinned_shutdown(on.pin) : ksem_shutdown(on.proc, on.id), model_shutdown(on.model));
}

void call_set_limit(void)
{
	struct target on = any_target();
	unsigned limit = any_count();

	calling_on("ksem_set_limit", &on, limit);
	answered(on.pinned ? ksem_pinned_set_limit(on.pin, limit) : ksem_set_limit(on.proc, on.id, limit),
		 model_set_limit(on.model, limit));
}

static void is_between(const char *what, uint64_t shown, uint64_t most, uint64_t uncounted)
{
	if (shown > most || shown + uncounted < most)
		differs("%s %llu, where %llu were decided, and %llu need not be counted", what,
			(unsigned long long)shown, (unsigned long long)most, (unsigned long long)uncounted);
}

static void same_metrics(const struct ksem_metrics *shown, const struct model_sem *sem)
{
	uint64_t uncounted = model_unreaped(sem) + sem->lost, in_histogram = 0;

	is_between("waits", shown->waits, sem->counts.waits, uncounted);
	is_between("timeouts", shown->timeouts, sem->counts.timeouts, uncounted);
	is_between("cancels", shown->cancels, sem->counts.cancels, uncounted);
	is_between("shutdowns", shown->shutdowns, sem->counts.shutdowns, uncounted);
	for (unsigned i = 0; i < 64; i++)
		in_histogram += shown->histogram[i];
	if (shown->interrupts || in_histogram != shown->waits || shown->wait_max_ns > shown->wait_ns)
		differs("metrics contradict each other");
	if (shown->undone != sem->undone)
		differs("undone %llu, not %llu", (unsigned long long)shown->undone, (unsigned long long)sem->undone);
	if (shown->waiters_max < sem->waiters_max || shown->waiters_max > sem->waiters_max_or)
		differs("waiters_max %u, not %u to %u", shown->waiters_max, sem->waiters_max, sem->waiters_max_or);
}

void call_metrics(void)
{
	static const size_t sizes[] = {sizeof(struct ksem_metrics), 0, 7, 8, 4097};
	struct proc_pair *pair = any_proc();
	ksem_id_t id = any_id();
	unsigned drawn = byte();
	struct ksem_metrics metrics;
	const size_t size = drawn < 0xe0 ? sizes[0] : sizes[drawn % COUNT_OF(sizes)];
	int expected;

	memset(&metrics, UNTOUCHED, sizeof(metrics));
	metrics.size = size;
	calling("ksem_metrics", "process %td, %llx, size %zu", pair - run.procs, (unsigned long long)id, size);
	expected = model_metrics(pair->model, id, drawn == UINT8_MAX ? NULL : &metrics);
	answered(ksem_metrics(pair->proc, id, drawn == UINT8_MAX ? NULL : &metrics), expected);
	if (expected || size < sizeof(metrics))
		untouched(&metrics.size + 1, sizeof(metrics) - sizeof(metrics.size));
	else
		same_metrics(&metrics, model_held(pair->model, id));
}
