/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Named semaphores that are opened, used, unlinked and closed all at once: the variant names.
 *
 * Each is made with one permit, so it is a lock: its payload, found by its id, is plain memory that only its holder
 * changes. Each thread opens in a process of its own, so what it may do with an id is certain: all of it from open to
 * close, nothing after.
 *
 * Payloads are handed out under a mutex, which is held over no call to the library; a payload goes with its last user.
 */
#include "torture.h"

#define NAMES 4

static struct payload {
	ksem_id_t id;   /* under the mutex, as is users; 0: free */
	unsigned users; /* threads that have the semaphore open */
	atomic_int holders;
	unsigned long turns; /* under the semaphore */
} payloads[2 * WORKERS_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct payload *payload_get(ksem_id_t id)
{
	struct payload *payload, *found = NULL;

	pthread_mutex_lock(&mutex);
	for (payload = payloads; payload < payloads + 2 * WORKERS_MAX; payload++) {
		if (payload->id == id || (payload->id == 0 && !found))
			found = payload;
		if (payload->id == id)
			break;
	}
	if (found->id == 0)
		found->turns = 0;
	found->id = id;
	found->users++;
	pthread_mutex_unlock(&mutex);
	return found;
}

static void payload_put(struct payload *payload)
{
	pthread_mutex_lock(&mutex);
	if (--payload->users == 0)
		payload->id = 0;
	pthread_mutex_unlock(&mutex);
}

static void unlink_it(struct worker *self, const char *name)
{
	CALL(ksem_unlink(self->own, name), 0, ENOENT);
}

static void hold_and_give_back(struct worker *self, struct payload *payload, ksem_id_t id, const char *name)
{
	struct timespec deadline = soon(self, CLOCK_MONOTONIC);
	int error;

	if (random_below(&self->random, 2))
		error = CALL(ksem_clockwait(self->own, id, CLOCK_MONOTONIC, &deadline), 0, ETIMEDOUT, interrupted());
	else
		error = CALL(ksem_trywait(self->own, id), 0, EAGAIN);
	if (planted(PLANT_HOLDER, &self->random, 1))
		error = 0;
	if (error)
		return;
	if (atomic_fetch_add_explicit(&payload->holders, 1, memory_order_relaxed) != 0)
		complain("holders", "%s: a second holder of its only permit", name);
	payload->turns++;
	dawdle(&self->random);
	if (random_below(&self->random, 4) == 0)
		unlink_it(self, name);
	atomic_fetch_sub_explicit(&payload->holders, 1, memory_order_relaxed);
	CALL(ksem_post(self->own, id), 0);
}

static void open_use_and_close(struct worker *self)
{
	static const int flags[] = {O_CREAT, O_CREAT, O_CREAT | O_EXCL, 0};
	int oflag = flags[random_below(&self->random, 4)];
	struct payload *payload;
	char name[16];
	ksem_id_t id;

	snprintf(name, sizeof(name), "/name%u", random_below(&self->random, NAMES));
	if (CALL(ksem_open(self->own, name, oflag, 0600, 1, &id), 0, oflag & O_EXCL ? EEXIST : 0,
		 oflag & O_CREAT ? 0 : ENOENT))
		return;
	payload = payload_get(id);
	for (unsigned i = random_below(&self->random, 4); i > 0; i--)
		hold_and_give_back(self, payload, id, name);
	payload_put(payload);
	if (random_below(&self->random, 2))
		unlink_it(self, name);
	if (planted(PLANT_LEFT, &self->random, 1))
		CALL(ksem_open(round_now.root, name, O_CREAT, 0600, 1, &(ksem_id_t){0}), 0);
	CALL(ksem_close(self->own, id), 0);
	CALL(ksem_post(self->own, id), EINVAL);
	CALL(ksem_close(self->own, id), EINVAL);
}

static void begin(void)
{
	memset(payloads, 0, sizeof(payloads));
}

static void end(void)
{
	for (unsigned i = 0; i < NAMES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/name%u", i);
		CALL(ksem_unlink(round_now.root, name), 0, ENOENT);
	}
}

const struct variant variant_names = {"names", begin, open_use_and_close, NULL, end};
