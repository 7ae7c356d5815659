/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References: init + destroy; open + close of a name that exists (beside glibc's sem_open + sem_close); look-ups by id
 * among few and many semaphores; post + trywait by id while one process has the semaphores, and when a second one has
 * them, too.
 */
#include <fcntl.h>
#include <semaphore.h>
#include <unistd.h>

#include "bench.h"

static struct ksem_ns *ns;
static struct ksem_proc *procs[2]; /* one for each thread */

static void init_destroy(struct gbench *g, const void *arg)
{
	struct ksem_proc *proc = procs[gbench_thread(g)];
	int error = 0;

	(void)arg;
	GBENCH_LOOP(g) {
		ksem_id_t id = 0;

		error |= ksem_init(proc, 1, &id);
		error |= ksem_destroy(proc, id);
	}
	if (error)
		gbench_fail(g, "ksem_init or ksem_destroy failed");
}

static void open_close(struct gbench *g, const void *arg)
{
	struct ksem_proc *proc = procs[gbench_thread(g)];
	ksem_id_t held, id = 0;
	int error;

	(void)arg;
	error = ksem_open(proc, "/bench", O_CREAT, 0600, 0, &held);
	GBENCH_LOOP(g) {
		error |= ksem_open(proc, "/bench", O_CREAT, 0600, 0, &id);
		error |= ksem_close(proc, id);
	}
	error |= ksem_close(proc, held);
	if (error)
		gbench_fail(g, "ksem_open or ksem_close failed");
}

static void open_close_glibc(struct gbench *g, const void *arg)
{
	char name[32];
	sem_t *held;
	int error = 0;

	(void)arg;
	snprintf(name, sizeof(name), "/ksem-bench-%ld", (long)getpid());
	held = sem_open(name, O_CREAT, 0600, 0);
	if (held == SEM_FAILED) {
		gbench_fail(g, "sem_open failed");
		return;
	}
	GBENCH_LOOP(g) {
		sem_t *sem = sem_open(name, O_CREAT, 0600, 0);

		error |= sem == SEM_FAILED;
		error |= sem != SEM_FAILED && sem_close(sem) != 0;
	}
	error |= sem_close(held);
	error |= sem_unlink(name);
	if (error)
		gbench_fail(g, "sem_open, sem_close or sem_unlink failed");
}

/* The ids of that many new semaphores, in random order. Each is looked up once before any is looked up again. */
static ksem_id_t *make_many(struct ksem_proc *proc, size_t count)
{
	ksem_id_t *ids = calloc(count, sizeof(*ids));

	must(ids ? 0 : ENOMEM, "ids");
	for (size_t i = 0; i < count; i++)
		must(ksem_init(proc, 1, &ids[i]), "ksem_init");
	srandom(1);
	for (size_t i = count - 1; i > 0; i--) {
		size_t j = (size_t)random() % (i + 1);
		ksem_id_t id = ids[i];

		ids[i] = ids[j];
		ids[j] = id;
	}
	return ids;
}

/*
 * They have a namespace of their own. The first benchmark that needs them makes them; later ones with the same number
 * use them again.
 */
static struct {
	struct ksem_ns *ns;
	struct ksem_proc *proc, *other; /* other: it has them, too; NULL: nobody has */
	ksem_id_t *ids;
	size_t count;
} many;

static void drop_many(void)
{
	if (!many.ns)
		return;
	if (many.other)
		must(ksem_proc_exit(many.other), "ksem_proc_exit");
	must(ksem_proc_exit(many.proc), "ksem_proc_exit");
	must(ksem_ns_destroy(many.ns), "ksem_ns_destroy");
	free(many.ids);
	memset(&many, 0, sizeof(many));
}

static void have_many(size_t count)
{
	if (many.count == count && !many.other)
		return;
	drop_many();
	must(ksem_ns_create(NULL, &many.ns), "ksem_ns_create");
	must(ksem_proc_create(many.ns, NULL, &many.proc), "ksem_proc_create");
	many.ids = make_many(many.proc, count);
	many.count = count;
}

/* The cheapest call by id is a look-up and a load. */
static void look_up(struct gbench *g, const void *arg)
{
	size_t count = *(const size_t *)arg, next = 0;
	unsigned value, sum = 0;
	struct ksem_proc *proc;
	const ksem_id_t *ids;
	int error = 0;

	have_many(count);
	proc = many.proc;
	ids = many.ids;
	GBENCH_LOOP(g) {
		error |= ksem_getvalue(proc, ids[next], &value);
		sum += value;
		if (++next == count)
			next = 0;
	}
	if (error || sum == 0)
		gbench_fail(g, "ksem_getvalue failed");
}

struct pairs {
	const char *name;
	size_t count;
	bool both; /* a second process has the semaphores, too */
};

static void pair_by_id(struct gbench *g, const void *arg)
{
	const struct pairs *pairs = arg;
	size_t next = 0;
	int error = 0;

	have_many(pairs->count);
	if (pairs->both)
		must(ksem_proc_fork(many.proc, &many.other), "ksem_proc_fork");
	GBENCH_LOOP(g) {
		error |= ksem_post(many.proc, many.ids[next]);
		error |= ksem_trywait(many.proc, many.ids[next]);
		if (++next == pairs->count)
			next = 0;
	}
	if (error)
		gbench_fail(g, "ksem_post or ksem_trywait failed");
}

void add_references(void)
{
	static const size_t counts[] = {100, 1000, 10000, 100000, 1000000};
	static char names[sizeof(counts) / sizeof(*counts)][32];
	static const struct pairs pairs[] = {
		{"pair_by_id/one_process/1", 1, false},
		{"pair_by_id/two_processes/1", 1, true},
		{"pair_by_id/one_process/1000", 1000, false},
		{"pair_by_id/two_processes/1000", 1000, true},
		{"pair_by_id/one_process/1000000", 1000000, false},
		{"pair_by_id/two_processes/1000000", 1000000, true},
	};

	must(ksem_ns_create(NULL, &ns), "ksem_ns_create");
	for (int i = 0; i < 2; i++)
		must(ksem_proc_create(ns, NULL, &procs[i]), "ksem_proc_create");
	gbench_add(&(struct gbench_case){.name = "init_destroy", .run = init_destroy});
	gbench_add(&(struct gbench_case){.name = "init_destroy", .run = init_destroy, .threads = 2});
	gbench_add(&(struct gbench_case){.name = "open_close/ksem", .run = open_close});
	gbench_add(&(struct gbench_case){.name = "open_close/glibc", .run = open_close_glibc});
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		snprintf(names[i], sizeof(names[i]), "look_up/%zu", counts[i]);
		gbench_add(&(struct gbench_case){.name = names[i], .run = look_up, .arg = &counts[i]});
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		gbench_add(&(struct gbench_case){.name = pairs[i].name, .run = pair_by_id, .arg = &pairs[i]});
}

void drop_references(void)
{
	drop_many();
	for (int i = 0; i < 2; i++)
		must(ksem_proc_exit(procs[i]), "ksem_proc_exit");
	must(ksem_ns_destroy(ns), "ksem_ns_destroy");
}
