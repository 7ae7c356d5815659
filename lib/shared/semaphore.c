/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared semaphores: see semaphore.h.
 */
#include "shared/semaphore.h"

#include <errno.h>
#include <time.h>

#include "base/rcu.h"
#include "object/namespace.h"
#include "object/holder.h"
#include "queue/all.h"
#include "shared/census.h"
#include "shared/deaths.h"
#include "shared/liveness.h"

void shared_enter_record(struct shared *shared, const struct record *record)
{
	if (object_has_line(&shared->object.ksem))
		shared_lined_enter(shared_lined_of(&shared->object.ksem), record);
	holder_say_process(record->holder, shared->directory, directory_liveness(shared->directory));
	own_record_set(&shared->record, record);
}

/* Gives it the line that the file has, if the file has one. ENOMEM. */
static int init_line(struct shared *shared, const struct file *file)
{
	struct shared_lined *lined = &((struct shared_with_line *)shared)->lined;
	int error;

	if (attributes_are_default(&file->attributes))
		return 0;
	error = shared_lined_init(lined, &shared->records, shared->directory, &file->attributes);
	if (error)
		return error;
	lined_attach(&lined->lined, &shared->object.ksem);
	if (lined_has_ledger(&lined->lined))
		shared->object.unit[0].home.semaphores[OBJECT_LINE] = object_ns(&shared->object.ksem)->ops->with_ledger;
	return 0;
}

static size_t bytes_of(const struct attributes *attributes)
{
	return attributes_are_default(attributes) ? sizeof(struct shared) : sizeof(struct shared_with_line);
}

/* Nobody looks at it any more for those that have ended. */
static void unwatch(struct ksem *ksem)
{
	if (object_has_line(ksem))
		deaths_remove(shared_lined_of(ksem));
}

void shared_discard(struct ksem *ksem)
{
	unwatch(ksem);
	own_record_leave(&shared_of(ksem)->record);
	records_discard(&shared_of(ksem)->records);
	memory_free(shared_of(ksem));
}

int shared_new(struct ksem_ns *ns, struct directory *directory, const struct file *file, bool named, struct ksem **made)
{
	bool lined = !attributes_are_default(&file->attributes);
	struct shared *shared = memory_alloc(bytes_of(&file->attributes), _Alignof(struct shared_with_line));
	struct record record;
	int error;

	if (!shared)
		return ENOMEM;
	object_shared_init(&shared->object, ns, ns->ops->semaphores, &file->owner, named, file->mode, file->id);
	shared->page = file->page;
	shared->object.sem = &file->page->sem;
	shared->device = file->device;
	shared->number = file->number;
	shared->name_hash = file->name_hash;
	shared->directory = directory;
	records_init(&shared->records, file->page, file->bytes, lined ? PAGE_LINE_AT : file->bytes);
	error = init_line(shared, file);
	if (!error)
		error = liveness_ensure(directory);
	if (!error)
		error = records_enter(&shared->records, directory, directory_liveness(directory), 1, &record);
	if (error) {
		records_discard(&shared->records);
		memory_free(shared);
		return error;
	}
	own_record_init(&shared->record, directory);
	shared_enter_record(shared, &record);
	if (lined && lined_has_ledger(lined_of(&shared->object.ksem)) &&
	    !deaths_add(directory, shared_lined_of(&shared->object.ksem))) {
		shared_discard(&shared->object.ksem);
		return ENOMEM;
	}
	*made = &shared->object.ksem;
	return 0;
}

void shared_end(struct ksem *ksem)
{
	unwatch(ksem);
	own_record_leave(&shared_of(ksem)->record);
}

void shared_retire(struct ksem *ksem, struct reclaim *garbage)
{
	struct shared *shared = shared_of(ksem);
	struct page *wide = records_close(&shared->records);

	if (object_has_line(ksem))
		lined_retire_holders(lined_of(ksem), garbage);
	if (wide)
		reclaim_add_mapping(garbage, &shared->wide_mapping, wide, shared->records.bytes);
	reclaim_add(garbage, &shared->object.retired,
		    object_has_line(ksem) ? sizeof(struct shared_with_line) : sizeof(*shared));
}

uint32_t shared_own_refs(const struct ksem *ksem)
{
	return life_count_refs(load_rlx(&object_cold(ksem)->life)); /* relaxed: nobody else changes it then */
}

void shared_tell_refs(struct ksem *ksem)
{
	own_record_tell_refs(&shared_of(ksem)->record, shared_own_refs(ksem));
}

int shared_refs(struct ksem *ksem, uint32_t *refs)
{
	struct shared *shared = shared_of(ksem);

	return records_refs(&shared->records, shared->directory, refs);
}

/*
 * The process first writes that it has no reference, and then looks for others. So if two processes drop the last two
 * references at the same time, at least one of them ends the semaphore; both may. If a process is killed in between,
 * its record says that it has no reference.
 */
int shared_kill(struct ksem *ksem)
{
	struct shared *shared = shared_of(ksem);
	bool others;
	int error;

	own_record_tell_refs(&shared->record, 0);
	error = records_have_others(&shared->records, own_record_place(&shared->record), shared->directory, &others);
	if (!error && !others)
		error = object_has_line(ksem) ? shared_lined_kill(shared_lined_of(ksem)) :
						plain_kill(shared->object.sem);
	if (error)
		shared_tell_refs(ksem);
	return error;
}

/* Looks for dead waiters, at most once a second: it asks the kernel about every process that waits. */
static void tidy(struct shared *shared)
{
	struct timespec now;
	uint32_t last = load_rlx(&shared->tidied); /* relaxed: the compare-and-swap checks it */

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	/* relaxed: only decides which thread looks */
	if (last != (uint32_t)now.tv_sec && cas_rlx(&shared->tidied, &last, (uint32_t)now.tv_sec))
		records_count_off_dead(&shared->records, shared->directory);
}

/* The id of a semaphore that queues of this OS process wait for; 0: none does. */
static ksem_id_t queued_id(struct ksem *ksem)
{
	/* relaxed: the listener looks, too */
	return unlikely(load_rlx(&shared_of(ksem)->queued)) ? object_id(ksem) : 0;
}

int shared_post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	struct shared *shared = shared_of(ksem);
	struct plain_after after = {.nobody = false};
	ksem_id_t queued = queued_id(ksem);
	int error = plain_post(shared->object.sem, n, WORD_VALUE_MAX, FUTEX_SHARED, &after);

	(void)by;
	if (unlikely(error == EOVERFLOW)) {
		fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
		error = plain_post(shared->object.sem, n, WORD_VALUE_MAX, FUTEX_SHARED, &after);
	}
	if (unlikely(after.blind))
		plain_wake_wide(shared->object.sem);
	if (unlikely(after.nobody))
		tidy(shared);
	if (unlikely(queued))
		queues_serve(queued);
	return error;
}

int shared_take(struct ksem *ksem)
{
	int error = plain_take(shared_of(ksem)->object.sem);

	if (likely(error != EAGAIN))
		return error;
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	return plain_take(shared_of(ksem)->object.sem);
}

int shared_take_soon(struct ksem *ksem)
{
	return plain_take(shared_of(ksem)->object.sem);
}

int shared_take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by)
{
	(void)by;
	if (least == most) {
		int error = plain_take_some(shared_of(ksem)->object.sem, least, most, took);

		if (likely(error != EAGAIN))
			return error;
	}
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	return plain_take_some(shared_of(ksem)->object.sem, least, most, took);
}

int shared_shut_down(struct ksem *ksem)
{
	int error = plain_shut_down(shared_of(ksem)->object.sem);

	if (queued_id(ksem))
		queues_serve(object_id(ksem));
	return error;
}

static int look(struct ksem *ksem, word_t *word)
{
	fence_seq(); /* KSEM_ORD_16 release, KSEM_ORD_16 acquire */
	*word = plain_word(shared_of(ksem)->object.sem);
	return word_is_dead(*word) ? EINVAL : 0;
}

int shared_value(struct ksem *ksem, uint32_t *value)
{
	word_t word;
	int error = look(ksem, &word);

	if (!error)
		*value = word_value(word);
	return error;
}

int shared_describe(struct ksem *ksem, struct ksem_info *info)
{
	struct shared *shared = shared_of(ksem);
	word_t word;
	int error;

	if (object_has_line(ksem))
		return shared_lined_describe(ksem, info);
	records_count_off_dead(&shared->records, shared->directory);
	error = look(ksem, &word);
	if (!error) {
		info->value = word_value(word);
		info->waiters = word_waiters(word);
		info->limit = KSEM_VALUE_MAX;
		info->order = KSEM_BARGING;
		info->flags = word_is_shut(word) ? KSEM_SHUTDOWN : 0;
		plain_end_waits(shared->object.sem);
	}
	return error;
}

bool shared_is_dead(struct ksem *ksem)
{
	return object_has_line(ksem) ? shared_lined_is_dead(shared_lined_of(ksem)) :
				       word_is_dead(plain_word(shared_of(ksem)->object.sem));
}

uint32_t shared_waiters(struct ksem *ksem)
{
	struct shared *shared = shared_of(ksem);

	records_count_off_dead(&shared->records, shared->directory);
	return word_waiters(plain_word(shared->object.sem));
}

int shared_take_or_register(struct ksem *ksem, uint32_t n, uint32_t *counted)
{
	struct shared *shared = shared_of(ksem);
	int error;

	*counted = own_record_begin_wait(&shared->record);
	error = plain_take_or_register(shared->object.sem, n);
	if (error == ESHUTDOWN)
		plain_end_waits(shared->object.sem);
	if (error != EAGAIN)
		own_record_end_wait(&shared->record, *counted);
	return error;
}

int shared_arm(struct ksem *ksem, struct waiter *waiter, bool seen)
{
	return plain_arm_shared(shared_of(ksem)->object.sem, waiter, !seen);
}

/* Ends a wait of a process that others have taken for dead. They count its waiters off in the word, so it doesn't. */
static int leave_unseen(struct plain *sem, uint32_t n, bool give_up)
{
	uint32_t took;
	int error = plain_take_some(sem, n, n, &took);

	if (error != EAGAIN)
		return error;
	if (word_is_shut(plain_word(sem)))
		return ESHUTDOWN;
	if (!give_up)
		return EAGAIN;
	plain_pass_on(sem);
	return ECANCELED;
}

int shared_deregister(struct ksem *ksem, uint32_t n, bool give_up, bool seen, uint32_t counted)
{
	struct shared *shared = shared_of(ksem);
	struct plain *sem = shared->object.sem;
	int error = likely(seen) ? plain_leave(sem, n, give_up) : leave_unseen(sem, n, give_up);

	/* EINVAL: this fork's child has lost it, or somebody has written that it is dead. */
	if (error == ESHUTDOWN)
		plain_end_waits(sem);
	if (error != EAGAIN)
		own_record_end_wait(&shared->record, counted);
	return error;
}

void shared_renounce(struct ksem *ksem, bool seen, uint32_t counted)
{
	struct shared *shared = shared_of(ksem);

	if (likely(seen))
		plain_renounce(shared->object.sem, FUTEX_SHARED);
	else
		plain_pass_on(shared->object.sem);
	own_record_end_wait(&shared->record, counted);
}

int shared_adopt_orphan(struct ksem *ksem)
{
	word_t c = load_rlx(&ksem->sem.word); /* relaxed: the compare-and-swap checks it */

	do {
		if (!word_is_orphan(c) || word_waiters(c) == 0)
			return EINVAL;
	} while (!cas_rlx(&ksem->sem.word, &c, c & ~WORD_ORPHAN)); /* relaxed: one word decides who was first */
	/* relaxed: from 0 only the namespace's lock lets it change */
	store_rlx(&object_cold(ksem)->life, life_refs(1));
	return 0;
}

bool shared_replace_record(struct shared *shared)
{
	uint32_t refs = shared_own_refs(&shared->object.ksem);
	uint64_t liveness = directory_liveness(shared->directory);
	struct record record;

	if (records_enter(&shared->records, shared->directory, liveness, refs, &record) != 0)
		return false;
	shared_enter_record(shared, &record);
	return true;
}

bool shared_is_present(struct ksem *ksem)
{
	const struct shared *shared = shared_of(ksem);

	return directory_is_present(shared->directory) && own_record_is_there(&shared->record);
}

/*
 * A record that is moved still counts the waiters, but others may have counted them off in the word. If the word then
 * has too many, they are counted off at once: the records tell how many there are. Threads in a line whose entries
 * others have taken out notice it themselves.
 */
void shared_come_back(struct ksem *ksem)
{
	struct shared *shared = shared_of(ksem);
	uint32_t waiters = word_waiters(load_rlx(&ksem->sem.word)) + /* relaxed: threads come and go */
			   load_rlx(&shared->queued);                /* relaxed: as do waits of queues */
	bool moved;

	if (!directory_liveness(shared->directory) || shared_is_lost(ksem))
		return;
	moved = own_record_move(&shared->record);
	if (!moved && !shared_replace_record(shared))
		own_record_set_none(&shared->record);
	if (!moved && object_has_line(ksem))
		lined_rename_accounts(lined_of(ksem));
	if (waiters > 0 && !object_has_line(ksem)) {
		plain_count_again(shared->object.sem, moved ? waiters : 0);
		records_count_off_dead(&shared->records, shared->directory);
	}
}

void shared_count_again(struct ksem *ksem, uint32_t want, uint32_t *counted)
{
	struct shared *shared = shared_of(ksem);

	if (likely(own_record_counts(&shared->record, *counted)))
		return;
	rcu_enter(); /* a handler that forks finds it counted, or not (own_wait.h) */
	*counted = own_record_begin_wait(&shared->record);
	plain_add_waiter(shared->object.sem, want);
	rcu_leave();
	records_count_off_dead(&shared->records, shared->directory);
}

bool shared_is_lost(struct ksem *ksem)
{
	return shared_of(ksem)->object.sem != &shared_of(ksem)->page->sem;
}
