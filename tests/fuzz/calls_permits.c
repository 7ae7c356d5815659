/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of a sequence (run.h) that work on permits, by id or pinned; and pins.
 */
#include "run.h"

#include <errno.h>
#include <string.h>

#define USES 200 /* enough to get permits per processor */

/* ---- Post and wait, by id or pinned. ---- */

struct target any_target(void)
{
	struct target target = {.pinned = byte() & 1};

	if (target.pinned) {
		struct pin_pair *pair = any_pin();

		target.pin = pair->pin;
		target.model = model_pinned(pair->model);
	} else {
		struct proc_pair *pair = any_proc();

		target.proc = pair->proc;
		target.id = any_id();
		target.by = pair->model;
		target.model = model_held(pair->model, target.id);
	}
	return target;
}

bool is_null(const struct target *target)
{
	return target->pinned ? !target->pin : !target->proc;
}

void calling_on(const char *name, const struct target *target, unsigned long long number)
{
	calling(name, "%s, id %llx, %llu", target->pinned ? "pinned" : "by id",
		(unsigned long long)(target->model ? target->model->id : target->id), number);
}

void call_post(void)
{
	struct target on = any_target();

	calling_on("ksem_post", &on, 1);
	answered(on.pinned ? ksem_pinned_post(on.pin) : ksem_post(on.proc, on.id), model_post(on.model, on.by, 1));
}

void call_post_many(void)
{
	struct target on = any_target();
	unsigned count = any_value();

	calling_on("ksem_post_many", &on, count);
	answered(on.pinned ? ksem_pinned_post_many(on.pin, count) : ksem_post_many(on.proc, on.id, count),
		 is_null(&on) ? EINVAL : model_post(on.model, on.by, count));
}

void call_trywait(void)
{
	struct target on = any_target();

	calling_on("ksem_trywait", &on, 0);
	answered(on.pinned ? ksem_pinned_trywait(on.pin) : ksem_trywait(on.proc, on.id),
		 model_trywait(on.model, on.by));
}

/*
 * As the library says, so that whatever the model says, no call waits for ever. But of those in line, who make a call
 * wait though there are permits, only the model knows.
 */
bool would_wait(const struct target *on, unsigned count)
{
	unsigned value;
	int error = on->pinned ? ksem_pinned_getvalue(on->pin, &value) : ksem_getvalue(on->proc, on->id, &value);

	if (error)
		return false;
	return value < count || (count > 0 && on->model && !model_has(on->model, count));
}

void call_wait(void)
{
	struct target on = any_target();

	if (would_wait(&on, 1)) {
		calling_on("ksem_trywait", &on, 0);
		answered(on.pinned ? ksem_pinned_trywait(on.pin) : ksem_trywait(on.proc, on.id),
			 model_trywait(on.model, on.by));
	} else {
		calling_on("ksem_wait", &on, 0);
		answered(on.pinned ? ksem_pinned_wait(on.pin) : ksem_wait(on.proc, on.id),
			 model_trywait(on.model, on.by));
	}
}

void call_clockwait(void)
{
	struct target on = any_target();
	clockid_t clock = any_clock();
	struct timespec *deadline = any_deadline();

	if (deadline && deadline->tv_sec > 0 && would_wait(&on, 1))
		deadline->tv_sec = 0;
	calling_on("ksem_clockwait", &on, (unsigned long long)clock);
	answered(on.pinned ? ksem_pinned_clockwait(on.pin, clock, deadline) :
			     ksem_clockwait(on.proc, on.id, clock, deadline),
		 is_null(&on) ? EINVAL : model_clockwait(on.model, on.by, clock, deadline));
}

static void getvalue(const struct target *on, bool null)
{
	unsigned value, expected_value;
	int expected = is_null(on) ? EINVAL : model_getvalue(on->model, null ? NULL : &expected_value);

	memset(&value, UNTOUCHED, sizeof(value));
	calling_on("ksem_getvalue", on, 0);
	answered(on->pinned ? ksem_pinned_getvalue(on->pin, null ? NULL : &value) :
			      ksem_getvalue(on->proc, on->id, null ? NULL : &value),
		 expected);
	if (expected)
		untouched(&value, sizeof(value));
	else if (value != expected_value)
		differs("value %u, not %u", value, expected_value);
}

void call_getvalue(void)
{
	struct target on = any_target();

	getvalue(&on, no_output());
}

/* So often that it gets permits per processor, where there can be any. */
void call_use_much(void)
{
	struct target on = any_target();

	for (unsigned i = 0; i < USES; i++) {
		calling_on("ksem_post", &on, 1);
		answered(on.pinned ? ksem_pinned_post(on.pin) : ksem_post(on.proc, on.id),
			 model_post(on.model, on.by, 1));
		calling_on("ksem_trywait", &on, 0);
		answered(on.pinned ? ksem_pinned_trywait(on.pin) : ksem_trywait(on.proc, on.id),
			 model_trywait(on.model, on.by));
	}
	getvalue(&on, false);
}

/* ---- Pins. ---- */

void unpin(struct pin_pair *pair)
{
	calling("ksem_unpin", "pin %td", pair - run.pins);
	ksem_unpin(pair->pin);
	model_unpin(pair->model);
	answered(0, 0);
	*pair = (struct pin_pair){0};
}

/* Into a place that is emptied first, if need be. */
void call_pin(void)
{
	struct proc_pair *pair = any_proc();
	ksem_id_t id = any_id();
	struct pin_pair *place = any_pin();
	bool null = no_output();
	struct model_sem *model;
	struct ksem *pin;
	int expected;

	if (place->pin)
		unpin(place);
	memset(&pin, UNTOUCHED, sizeof(pin));
	calling("ksem_pin", "process %td, %llx", pair - run.procs, (unsigned long long)id);
	expected = model_pin(pair->model, id, null ? NULL : &model);
	answered(ksem_pin(pair->proc, id, null ? NULL : &pin), expected);
	if (expected)
		untouched(&pin, sizeof(pin));
	else
		*place = (struct pin_pair){pin, model};
}

void call_unpin(void)
{
	unpin(any_pin());
}
