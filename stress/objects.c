/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores that are made and destroyed while others use them, by ids and pins that are long out of date: the variants
 * anonymous and pins.
 *
 * Objects age, as rcutorture's do: 0 alive, 1 about to be ended, 2 ended, and older as its thread and others make and
 * end more; at the highest age its place serves for a new one. Whoever uses one looks at its age before and after. A
 * use that began at age 2 or later must answer EINVAL: a success would have reached a semaphore that was reclaimed, or
 * another in its place. A use that ended at age 0 may not answer EINVAL. How many uses there were at each age is
 * printed at the end.
 *
 * The age is an atomic of sequential consistency; so is the id, which changes only while the age is that of a place in
 * use for a new one. An id that no longer stands there is older than all ages.
 */
#include "torture.h"

#define OBJECTS 512

enum { AGE_ALIVE, AGE_ENDING, AGE_ENDED, AGE_GONE = AGES - 2, AGE_MAKING = AGES - 1 };

static struct object {
	_Atomic ksem_id_t id; /* 0: none yet */
	atomic_int age;
} objects[OBJECTS];

static atomic_ulong uses[AGES]; /* over all rounds */

static struct object *pick_object(struct worker *self)
{
	return &objects[random_below(&self->random, OBJECTS)];
}

/* Of the object that had this id; AGE_GONE: its place has another. */
static int age_of(struct object *object, ksem_id_t id)
{
	int age = atomic_load(&object->age);

	return atomic_load(&object->id) == id ? age : AGE_GONE;
}

static bool claim(struct object *object, int age, int next)
{
	return atomic_compare_exchange_strong(&object->age, &age, next);
}

/* ---- Making, ending, ageing. ---- */

static void make(struct worker *self)
{
	struct object *object = pick_object(self);
	ksem_id_t id;

	if (!claim(object, AGE_GONE, AGE_MAKING))
		return;
	atomic_store(&object->id, 0);
	CALL(ksem_init(round_now.shared, random_below(&self->random, 3), &id), 0);
	atomic_store(&object->age, AGE_ALIVE);
	atomic_store(&object->id, id);
}

static void end(struct object *object)
{
	ksem_id_t id = atomic_load(&object->id);

	if (id == 0 || !claim(object, AGE_ALIVE, AGE_ENDING))
		return;
	id = atomic_load(&object->id); /* it may have been made anew since */
	if (id == 0)                   /* and not be told of yet */
		atomic_store(&object->age, AGE_ALIVE);
	else if (CALL(ksem_destroy(round_now.shared, id), 0, EBUSY) == 0)
		atomic_store(&object->age, AGE_ENDED);
	else
		atomic_store(&object->age, AGE_ALIVE);
}

static void grow_older(struct worker *self)
{
	struct object *object = pick_object(self);
	int age = atomic_load(&object->age);

	if (age >= AGE_ENDED && age < AGE_GONE)
		claim(object, age, age + 1);
}

/* ---- Uses. ---- */

static int clockwait(struct worker *self, const struct carried *carried)
{
	clockid_t clock = random_below(&self->random, 2) ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	struct timespec deadline = soon(self, clock);

	return carried->pin ? ksem_pinned_clockwait(carried->pin, clock, &deadline) :
			      ksem_clockwait(round_now.shared, carried->id, clock, &deadline);
}

/* Any call on it, by id or pinned. */
static int use_somehow(struct worker *self, const struct carried *carried)
{
	struct ksem_proc *proc = round_now.shared;
	struct ksem *pin = carried->pin;
	struct ksem_info info;
	unsigned value;
	int error;

	switch (random_below(&self->random, 8)) {
	case 0:
		return CALL(clockwait(self, carried), 0, EINVAL, ETIMEDOUT, interrupted());
	case 1:
		error = pin ? ksem_pinned_trywait(pin) : ksem_trywait(proc, carried->id);
		return CALL(error, 0, EINVAL, EAGAIN);
	case 2:
		error = pin ? ksem_pinned_getvalue(pin, &value) : ksem_getvalue(proc, carried->id, &value);
		return CALL(error, 0, EINVAL);
	case 3:
		error = pin ? ksem_pinned_post_many(pin, 3) : ksem_post_many(proc, carried->id, 3);
		return CALL(error, 0, EINVAL);
	case 4:
		return CALL(ksem_stat(proc, carried->id, &info), 0, EINVAL);
	default:
		error = pin ? ksem_pinned_post(pin) : ksem_post(proc, carried->id);
		return CALL(error, 0, EINVAL);
	}
}

static void judge(struct worker *self, const struct carried *carried, int before, int error)
{
	int after = age_of(carried->object, carried->id);

	if (before >= AGE_ENDED && planted(PLANT_AGE, &self->random, 1))
		error = 0;
	if (before >= AGE_ENDED && error != EINVAL)
		complain("age", "a semaphore of age %d answered %d", before, error);
	if (after == AGE_ALIVE && error == EINVAL)
		complain("age", "a semaphore that is alive answered EINVAL");
	atomic_fetch_add_explicit(&uses[before], 1, memory_order_relaxed);
}

static void use(struct worker *self, const struct carried *carried)
{
	int before;

	if (!carried->id)
		return;
	before = age_of(carried->object, carried->id);
	judge(self, carried, before, use_somehow(self, carried));
}

/* To be used later, at whatever age it is then; perhaps with a pin. */
static void carry(struct worker *self, bool pinned)
{
	struct carried *carried = &self->carried[random_below(&self->random, CARRIED)];
	int before;

	ksem_unpin(carried->pin);
	carried->pin = NULL;
	carried->object = pick_object(self);
	carried->id = atomic_load(&carried->object->id);
	if (!pinned || !carried->id)
		return;
	before = age_of(carried->object, carried->id);
	judge(self, carried, before, CALL(ksem_pin(round_now.shared, carried->id, &carried->pin), 0, EINVAL));
}

static void make_use_and_end(struct worker *self, bool pinned)
{
	struct object *object = pick_object(self);
	struct carried now = {.object = object, .id = atomic_load(&object->id)};

	switch (random_below(&self->random, 8)) {
	case 0:
	case 1:
		make(self);
		break;
	case 2:
	case 3:
		end(object);
		break;
	case 4:
		carry(self, pinned);
		break;
	case 5:
		use(self, &now);
		break;
	default:
		use(self, &self->carried[random_below(&self->random, CARRIED)]);
	}
	for (int i = 0; i < 8; i++)
		grow_older(self);
}

/* ---- The variants. ---- */

static void begin(void)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		atomic_store(&objects[i].id, 0);
		atomic_store(&objects[i].age, AGE_GONE);
	}
}

static void end_all(void)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		end(&objects[i]);
	for (unsigned i = 1; i <= round_now.conditions.threads; i++) {
		for (unsigned c = 0; c < CARRIED; c++)
			ksem_unpin(workers[i].carried[c].pin);
	}
}

static void by_id(struct worker *self)
{
	make_use_and_end(self, false);
}

static void by_pin(struct worker *self)
{
	make_use_and_end(self, true);
}

void objects_report(void)
{
	printf("torture: uses of semaphores by age:");
	for (int age = 0; age < AGE_MAKING; age++)
		printf(" %lu", atomic_load(&uses[age]));
	printf(" (from %d on: ended)\n", AGE_ENDED);
}

const struct variant variant_anonymous = {"anonymous", begin, by_id, NULL, end_all};
const struct variant variant_pins = {"pins", begin, by_pin, NULL, end_all};
