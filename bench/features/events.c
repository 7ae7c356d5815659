/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event loops, and waits for one of several: a completion queue and ksem_wait_any beside eventfd.
 */
#include "features.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PERMITS 200000 /* that go to a loop */
#define PENDING 64     /* waits of the queue at a time */
#define MANY    100000
#define SEVERAL KSEM_ANY_MAX

static ksem_id_t id;
static int event; /* an eventfd */

static void *post_all(void *arg)
{
	for (long i = 0; i < PERMITS; i++)
		must_be_0(ksem_post(own, id), "ksem_post");
	return arg;
}

static void *write_all(void *arg)
{
	for (long i = 0; i < PERMITS; i++)
		must(eventfd_write(event, 1) == 0, "eventfd_write");
	return arg;
}

static int loop_on(int fd)
{
	struct epoll_event wanted = {.events = EPOLLIN};
	int loop = epoll_create1(EPOLL_CLOEXEC);

	must(loop >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, fd, &wanted) == 0, "epoll");
	return loop;
}

static void until_readable(int loop)
{
	struct epoll_event got;

	while (epoll_wait(loop, &got, 1, -1) != 1)
		must(errno == EINTR, "epoll_wait");
}

/* Reaps what there is, and waits for as many again. */
static unsigned reap(struct ksem_cq *queue)
{
	struct ksem_completion done[PENDING];
	unsigned n;

	must_be_0(ksem_cq_reap(queue, done, PENDING, &n), "ksem_cq_reap");
	for (unsigned i = 0; i < n; i++)
		must_be_0(ksem_cq_submit(queue, id, 1, CLOCK_MONOTONIC, NULL, i), "ksem_cq_submit");
	return n;
}

double queue_loop(void)
{
	struct ksem_cq *queue;
	pthread_t poster;
	int64_t begun;
	int loop;

	must_be_0(ksem_init_attr(own, ATTR(.order = KSEM_FIFO), 0, &id), "ksem_init_attr");
	must_be_0(ksem_cq_create(own, &queue), "ksem_cq_create");
	loop = loop_on(ksem_cq_fd(queue));
	for (unsigned i = 0; i < PENDING; i++)
		must_be_0(ksem_cq_submit(queue, id, 1, CLOCK_MONOTONIC, NULL, i), "ksem_cq_submit");
	begun = now();
	must_be_0(pthread_create(&poster, NULL, post_all, NULL), "pthread_create");
	for (long got = 0; got < PERMITS; got += reap(queue))
		until_readable(loop);
	begun = now() - begun;
	pthread_join(poster, NULL);
	close(loop);
	must_be_0(ksem_cq_destroy(queue), "ksem_cq_destroy");
	must_be_0(ksem_destroy(own, id), "ksem_destroy");
	return (double)begun / PERMITS;
}

double eventfd_loop(void)
{
	pthread_t poster;
	eventfd_t value;
	int64_t begun;
	int loop;

	event = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	must(event >= 0, "eventfd");
	loop = loop_on(event);
	begun = now();
	must_be_0(pthread_create(&poster, NULL, write_all, NULL), "pthread_create");
	for (long got = 0; got < PERMITS; got++) {
		until_readable(loop);
		must(eventfd_read(event, &value) == 0, "eventfd_read");
	}
	begun = now() - begun;
	pthread_join(poster, NULL);
	close(loop);
	close(event);
	return (double)begun / PERMITS;
}

double any_of_64(void)
{
	const long turns = 200000;
	ksem_id_t ids[SEVERAL];
	unsigned which;
	int64_t begun;

	for (int i = 0; i < SEVERAL; i++)
		must_be_0(ksem_init(own, i == SEVERAL - 1, &ids[i]), "ksem_init");
	begun = now();
	for (long i = 0; i < turns; i++) {
		must_be_0(ksem_wait_any(own, ids, SEVERAL, CLOCK_MONOTONIC, NULL, &which), "ksem_wait_any");
		must_be_0(ksem_post(own, ids[which]), "ksem_post");
	}
	begun = now() - begun;
	for (int i = 0; i < SEVERAL; i++)
		must_be_0(ksem_destroy(own, ids[i]), "ksem_destroy");
	return (double)begun / (double)turns;
}

double poll_of_64(void)
{
	const long turns = 50000;
	struct pollfd events[SEVERAL];
	eventfd_t value;
	int64_t begun;

	for (int i = 0; i < SEVERAL; i++) {
		events[i] = (struct pollfd){eventfd(i == SEVERAL - 1, EFD_SEMAPHORE | EFD_CLOEXEC), POLLIN, 0};
		must(events[i].fd >= 0, "eventfd");
	}
	begun = now();
	for (long i = 0; i < turns; i++) {
		int which = 0;

		must(poll(events, SEVERAL, -1) == 1, "poll");
		while (!events[which].revents)
			which++;
		must(eventfd_read(events[which].fd, &value) == 0, "eventfd_read");
		must(eventfd_write(events[which].fd, 1) == 0, "eventfd_write");
	}
	begun = now() - begun;
	for (int i = 0; i < SEVERAL; i++)
		close(events[i].fd);
	return (double)begun / (double)turns;
}

static long resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size = 0, pages = 0;

	must(file && fscanf(file, "%ld %ld", &size, &pages) == 2, "/proc/self/statm");
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

double bytes_of_a_wait(void)
{
	struct ksem_cq *queue;
	long before, bytes;

	must_be_0(ksem_init_attr(own, ATTR(.order = KSEM_FIFO), 0, &id), "ksem_init_attr");
	must_be_0(ksem_cq_create(own, &queue), "ksem_cq_create");
	before = resident();
	for (unsigned i = 0; i < MANY; i++)
		must_be_0(ksem_cq_submit(queue, id, 1, CLOCK_MONOTONIC, NULL, i), "ksem_cq_submit");
	bytes = resident() - before;
	must_be_0(ksem_cq_destroy(queue), "ksem_cq_destroy");
	must_be_0(ksem_destroy(own, id), "ksem_destroy");
	return (double)bytes / MANY;
}
