/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that fork, exec and exit while others post and wait: the variant processes.
 *
 * Children of the root move payloads in the pipeline, as others do all the while, and then go. In a process that many
 * share, threads open, post, wait and close beside others that exec it: there an id may end in the middle, and EINVAL
 * is right, but each permit that a post put in is there still. In the root, names come and go while it is forked: a
 * reference that is copied torn is left at the end.
 */
#include "torture.h"

#define COMMON "/common" /* which the shared process opens and loses */
#define PASSER "/passer" /* which the root opens and closes */

static struct book *common;

static void drop_all_and_use(struct worker *self, struct ksem_proc *child)
{
	struct book *book = &round_now.books[0];

	CALL(ksem_proc_exec(child), 0);
	CALL(ksem_trywait(child, book->id), EINVAL);
	if (random_below(&self->random, 2)) {
		ksem_id_t id;

		CALL(ksem_init(child, 1, &id), 0);
		CALL(ksem_wait(child, id), 0, interrupted());
	}
}

static void live_in_a_child(struct worker *self)
{
	struct ksem_proc *child, *grandchild;

	CALL(ksem_proc_fork(random_below(&self->random, 4) ? round_now.root : self->own, &child), 0);
	if (random_below(&self->random, 4) == 0) {
		CALL(ksem_proc_fork(child, &grandchild), 0);
		CALL(ksem_proc_exit(child), 0);
		child = grandchild;
	}
	pipeline_move(self, (struct via){child}, 1);
	if (random_below(&self->random, 2))
		drop_all_and_use(self, child);
	CALL(ksem_proc_exit(child), 0);
}

static void live_in_the_shared_one(struct worker *self)
{
	struct via via = {round_now.shared, true};
	ksem_id_t id;

	CALL(ksem_open(via.proc, COMMON, 0, 0, 0, &id), 0);
	for (unsigned i = random_below(&self->random, 6); i > 0; i--) {
		if (book_take(self, common, via, false)) {
			dawdle(&self->random);
			book_post(self, common, (struct via){self->own}, 1);
		}
	}
	if (random_below(&self->random, 4) == 0)
		book_look(self, common, via);
	CALL(ksem_close(via.proc, id), 0, EINVAL);
}

static void come_and_go_in_the_root(struct worker *self)
{
	ksem_id_t id;

	CALL(ksem_open(round_now.root, PASSER, O_CREAT, 0600, 0, &id), 0);
	if (random_below(&self->random, 2))
		CALL(ksem_unlink(round_now.root, PASSER), 0, ENOENT);
	if (!planted(PLANT_LEFT, &self->random, 1))
		CALL(ksem_close(round_now.root, id), 0);
}

static void fork_and_end(struct worker *self)
{
	switch (random_below(&self->random, 16)) {
	case 0:
	case 1:
		live_in_a_child(self);
		break;
	case 2:
	case 3:
	case 4:
		live_in_the_shared_one(self);
		break;
	case 5:
		CALL(ksem_proc_exec(round_now.shared), 0, EBUSY);
		break;
	case 6:
		come_and_go_in_the_root(self);
		break;
	default:
		pipeline_move(self, (struct via){self->own}, 1);
	}
}

static void begin(void)
{
	pipeline_begin();
	common = book_add("common", COMMON, 3, 3);
}

static void end(void)
{
	CALL(ksem_unlink(round_now.root, PASSER), 0, ENOENT);
}

const struct variant variant_processes = {"processes", begin, fork_and_end, pipeline_check, end};
