/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Now and then the host itself forks, while its other threads post and wait: the variant hosts.
 *
 * The child has one thread and a copy of everything. It finds nobody waiting, each value as it was, makes and ends
 * semaphores and processes of its own, and ends well; a child that hangs is ended by its own alarm.
 */
#include "torture.h"

#define CHILD_SECONDS 60

static void check_copy(struct worker *self, struct book *book)
{
	unsigned before = value_of(self->own, book->id), after;

	if (info_of(self->own, book->id).waiters != 0)
		complain("child", "%s: waiters in a process of one thread", book->what);
	CALL(ksem_post(self->own, book->id), 0);
	if (planted(PLANT_CHILD, &self->random, 1))
		CALL(ksem_post(self->own, book->id), 0);
	after = value_of(self->own, book->id);
	if (after != before + 1)
		complain("child", "%s: %u permits, and %u after a post", book->what, before, after);
	for (; after > 0; after--)
		CALL(ksem_pinned_trywait(book->pin), 0);
	CALL(ksem_pinned_trywait(book->pin), EAGAIN);
}

static void use_everything(struct worker *self)
{
	struct ksem_proc *child;
	ksem_id_t id;

	CALL(ksem_proc_fork(self->own, &child), 0);
	for (unsigned i = 0; i < 10; i++) {
		CALL(ksem_init(child, 1, &id), 0);
		CALL(ksem_wait(child, id), 0);
		CALL(ksem_destroy(child, id), 0);
	}
	CALL(ksem_open(child, "/child", O_CREAT | O_EXCL, 0600, 1, &id), 0);
	CALL(ksem_unlink(child, "/child"), 0);
	CALL(ksem_proc_exit(child), 0);
	CALL(ksem_proc_exit(self->own), 0);
}

static void fork_the_host(struct worker *self)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		alarm(CHILD_SECONDS);
		for (unsigned i = 0; i < atomic_load(&round_now.n_books); i++)
			check_copy(self, &round_now.books[i]);
		use_everything(self);
		_exit(0);
	}
	MUST(child > 0);
	while (waitpid(child, &status, 0) != child)
		MUST(errno == EINTR);
	if (status != 0)
		complain("child", "%s %d", WIFSIGNALED(status) ? "ended by signal" : "ended with",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void move_or_fork(struct worker *self)
{
	if (random_below(&self->random, 512) == 0)
		fork_the_host(self);
	else
		pipeline_move(self, (struct via){self->proc}, 1);
}

const struct variant variant_hosts = {"hosts", pipeline_begin, move_or_fork, pipeline_check, NULL};
