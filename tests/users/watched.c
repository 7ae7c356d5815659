/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A user's program, for the tools that watch programs; watched.sh builds and runs it. It knows the installed library
 * and headers only.
 *   watched DIRECTORY WAY...      a directory that OS processes share, or - for memory of this one
 *
 * Ways in which semaphores order what threads do to plain data; no tool may report any of these:
 *   by-id, pinned    two producers and two consumers around a ring of slots
 *   value            data that a thread touches once it has seen the value change
 *   end              a semaphore that is destroyed by the thread that took its only permit
 *   tables           threads that make, open, unlink and destroy; fork and leave processes; look at all semaphores
 *   handler          a wait that a signal's handler posts for
 *   fork             a child that goes on with what its parent had
 * And three mistakes, each of which every tool that looks for races must report:
 *   early            the poster touches the data after its post
 *   other            the threads use two semaphores, where it should be one
 *   variable         two threads have getvalue write to one variable
 */
#include <ksem/ksem.h>
#ifdef INLINE
#include <ksem/inline.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watched.h"

static struct ksem_ns *ns;
static struct ksem_proc *proc;
static ksem_id_t room, items, lock;
static struct ksem *pinned_room, *pinned_items;
static struct timespec late;

static ksem_id_t new_semaphore(unsigned value)
{
	ksem_id_t id;

	MUST(ksem_init(proc, value, &id) == 0);
	MUST(id != 0);
	return id;
}

/* ---- Producers and consumers. ---- */

static void put(long item)
{
	MUST(ksem_wait(proc, lock) == 0);
	slots[next++ % SLOTS] = item;
	MUST(ksem_post(proc, lock) == 0);
}

static void get(void)
{
	while (ksem_trywait(proc, lock) != 0)
		sched_yield();
	sum += slots[first++ % SLOTS];
	MUST(ksem_post_many(proc, lock, 1) == 0);
}

static void *produce_by_id(void *arg)
{
	for (long i = 1; i <= ITEMS; i++) {
		MUST(ksem_wait(proc, room) == 0);
		put(i);
		MUST(ksem_post(proc, items) == 0);
	}
	return arg;
}

static void *consume_by_id(void *arg)
{
	for (long i = 1; i <= ITEMS; i++) {
		MUST(ksem_clockwait(proc, items, CLOCK_MONOTONIC, &late) == 0);
		get();
		MUST(ksem_post_many(proc, room, 1) == 0);
	}
	return arg;
}

static void *produce_pinned(void *arg)
{
	for (long i = 1; i <= ITEMS; i++) {
		MUST(ksem_pinned_wait(pinned_room) == 0);
		put(i);
		MUST(ksem_pinned_post(pinned_items) == 0);
	}
	return arg;
}

static void *consume_pinned(void *arg)
{
	for (long i = 1; i <= ITEMS; i++) {
		if (ksem_pinned_trywait(pinned_items) != 0)
			MUST(ksem_pinned_clockwait(pinned_items, CLOCK_MONOTONIC, &late) == 0);
		get();
		MUST(ksem_pinned_post_many(pinned_room, 1) == 0);
	}
	return arg;
}

static void ring(void *(*produce)(void *), void *(*consume)(void *))
{
	pthread_t threads[4];

	sum = first = next = 0;
	room = new_semaphore(SLOTS);
	items = new_semaphore(0);
	lock = new_semaphore(1);
	MUST(ksem_pin(proc, room, &pinned_room) == 0 && ksem_pin(proc, items, &pinned_items) == 0);
	MUST(pinned_room != pinned_items);
	for (int i = 0; i < 4; i++)
		begin(&threads[i], i % 2 ? produce : consume, NULL);
	for (int i = 0; i < 4; i++)
		end(threads[i]);
	MUST(sum == 2L * ITEMS * (ITEMS + 1) / 2);
	ksem_unpin(pinned_room);
	ksem_unpin(pinned_items);
	MUST(ksem_destroy(proc, room) == 0 && ksem_destroy(proc, items) == 0 && ksem_destroy(proc, lock) == 0);
}

static void by_id(void)
{
	ring(produce_by_id, consume_by_id);
}

static void pinned(void)
{
	ring(produce_pinned, consume_pinned);
}

/* ---- One thread to another. ---- */

static int data;
static unsigned value; /* that getvalue writes */
static ksem_id_t ready, unrelated;
static struct ksem *pinned_ready;

static void *tell(void *arg)
{
	data = 1;
	MUST(ksem_post(proc, ready) == 0);
	return arg;
}

static void see(void)
{
	unsigned seen = 0, pinned_seen = 0;
	pthread_t thread;

	data = 0;
	ready = new_semaphore(0);
	MUST(ksem_pin(proc, ready, &pinned_ready) == 0);
	begin(&thread, tell, NULL);
	while (!seen && !pinned_seen) {
		MUST(ksem_getvalue(proc, ready, &seen) == 0);
		MUST(ksem_pinned_getvalue(pinned_ready, &pinned_seen) == 0);
		sched_yield();
	}
	MUST(data++ == 1);
	end(thread);
	ksem_unpin(pinned_ready);
	MUST(ksem_destroy(proc, ready) == 0);
}

static void *take_and_destroy(void *arg)
{
	const ksem_id_t *id = arg;

	MUST(ksem_wait(proc, *id) == 0);
	MUST(data++ == 1);
	MUST(ksem_destroy(proc, *id) == 0);
	return NULL;
}

static void destroy_after_wait(void)
{
	for (int i = 0; i < 20; i++) {
		ksem_id_t id = new_semaphore(0);
		pthread_t thread;

		data = 0;
		begin(&thread, take_and_destroy, &id);
		data = 1;
		MUST(ksem_post(proc, id) == 0);
		end(thread);
		MUST(data == 2);
	}
}

/* ---- Tables. ---- */

static int look(const struct ksem_info *info, void *arg)
{
	int *seen = arg;

	*seen += info->id != 0 && info->refs < 100;
	return 0;
}

static void *make_and_end(void *arg)
{
	for (int i = 0; i < 30; i++) {
		char name[] = "/watched-0";
		ksem_id_t id = new_semaphore(1), named;
		struct ksem_info info;
		int error;

		name[sizeof(name) - 2] = (char)('0' + i % 3);
		MUST(ksem_wait(proc, id) == 0 && ksem_destroy(proc, id) == 0);
		MUST(ksem_open(proc, name, O_CREAT, 0600, 1, &named) == 0);
		MUST(ksem_stat(proc, named, &info) == 0 && info.id == named);
		error = ksem_unlink(proc, name);
		MUST(error == 0 || error == ENOENT);
		MUST(ksem_close(proc, named) == 0);
	}
	return arg;
}

static void *fork_and_exit(void *arg)
{
	for (int i = 0; i < 10; i++) {
		struct ksem_proc *child;
		int seen = 0;

		MUST(ksem_proc_fork(proc, &child) == 0 && child != proc);
		MUST(ksem_ns_foreach(ns, look, &seen) == 0);
		MUST(ksem_proc_exec(child) == 0 && ksem_proc_exit(child) == 0);
	}
	return arg;
}

static void tables(void)
{
	pthread_t threads[5];

	for (int i = 0; i < 5; i++)
		begin(&threads[i], i < 3 ? make_and_end : fork_and_exit, NULL);
	for (int i = 0; i < 5; i++)
		end(threads[i]);
}

/* ---- Signals and forks. ---- */

static void post_ready(int number)
{
	(void)number;
	ksem_post(proc, ready);
}

static void *interrupt(void *arg)
{
	const pthread_t *thread = arg;

	for (;;) { /* until it waits, or has done so */
		struct ksem_info info;

		MUST(ksem_stat(proc, ready, &info) == 0);
		if (info.waiters > 0)
			break;
		sched_yield();
	}
	MUST(pthread_kill(*thread, SIGUSR1) == 0);
	return NULL;
}

static void handler(void)
{
	struct sigaction action = {.sa_handler = post_ready, .sa_flags = SA_RESTART};
	pthread_t self = pthread_self(), thread;

	ready = new_semaphore(0);
	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
	begin(&thread, interrupt, &self);
	MUST(ksem_wait(proc, ready) == 0);
	end(thread);
	MUST(ksem_destroy(proc, ready) == 0);
}

static void *tell_all(void *arg)
{
	const ksem_id_t *ids = arg;

	for (int i = 0; i < 20; i++)
		MUST(ksem_post(proc, ids[0]) == 0 && ksem_wait(proc, ids[1]) == 0);
	return NULL;
}

static void fork_beside(void)
{
	ksem_id_t ids[] = {new_semaphore(0), new_semaphore(0)};
	pthread_t thread;
	int status;

	begin(&thread, tell_all, ids);
	for (int i = 0; i < 20; i++) {
		pid_t child;

		MUST(ksem_wait(proc, ids[0]) == 0);
		child = i % 10 ? 0 : fork();
		if (i % 10 == 0 && child == 0) {
			ksem_id_t mine = new_semaphore(1);

			MUST(ksem_wait(proc, mine) == 0 && ksem_destroy(proc, mine) == 0);
			_exit(0);
		}
		MUST(child == 0 || (waitpid(child, &status, 0) == child && status == 0));
		MUST(ksem_post(proc, ids[1]) == 0);
	}
	end(thread);
	MUST(ksem_destroy(proc, ids[0]) == 0 && ksem_destroy(proc, ids[1]) == 0);
}

/* ---- Mistakes. ---- */

static void *touch_after_post(void *arg)
{
	MUST(ksem_post(proc, ready) == 0);
	data = 1;
	return arg;
}

static void *post_two(void *arg)
{
	MUST(ksem_post(proc, unrelated) == 0);
	data = 1;
	MUST(ksem_post(proc, ready) == 0);
	return arg;
}

static void *get_into_variable(void *arg)
{
	MUST(ksem_getvalue(proc, ready, &value) == 0);
	return arg;
}

static void mistake(void *(*run)(void *), ksem_id_t *taken)
{
	pthread_t thread;

	ready = new_semaphore(0);
	unrelated = new_semaphore(0);
	MUST(ksem_trywait(proc, ready) ==
	     EAGAIN); /* a thread's first call takes a lock of liburcu's, which orders things */
	begin(&thread, run, NULL);
	if (taken)
		MUST(ksem_wait(proc, *taken) == 0);
	else
		MUST(ksem_getvalue(proc, ready, &value) == 0);
	data++;
	end(thread);
}

static void early(void)
{
	mistake(touch_after_post, &ready);
}

static void other(void)
{
	mistake(post_two, &unrelated);
}

static void variable(void)
{
	mistake(get_into_variable, NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"by-id", by_id},   {"pinned", pinned},     {"value", see},        {"end", destroy_after_wait},
	{"tables", tables}, {"handler", handler},   {"fork", fork_beside}, {"early", early},
	{"other", other},   {"variable", variable},
};

static void run(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, name) == 0) {
			ways[i].run();
			return;
		}
	}
	fprintf(stderr, "no such way: %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct ksem_ns_options options = {.size = sizeof(options)};

	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "-") != 0)
		options.dir = argv[1];
	MUST(clock_gettime(CLOCK_MONOTONIC, &late) == 0);
	late.tv_sec += 3600;
	MUST(ksem_ns_create(&options, &ns) == 0 && ksem_proc_create(ns, NULL, &proc) == 0);
	for (int i = 2; i < argc; i++)
		run(argv[i]);
	MUST(ksem_proc_exit(proc) == 0 && ksem_ns_destroy(ns) == 0);
	puts("done");
	return 0;
}
