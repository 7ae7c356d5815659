/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gateway: a web server with one thread and an epoll loop, in front of a slow backend.
 *
 *     clients, up to 10,000  ---->  gateway  ---->  the backend, which does only so many calls well at once
 *
 * A request needs a slot of the backend: a permit of a semaphore of ksem. Requests that find none wait in a completion
 * queue, first come, first served. The loop watches the queue's descriptor beside the clients' sockets, and never
 * blocks on anything else. A request that waits too long gets 503; a client that hangs up leaves the line; on SIGTERM
 * the semaphore is shut down, and everybody who waits gets 503. The number of slots is fixed, or found from the
 * backend's latency, and changed while requests wait.
 *
 * gateway_slots.c     the slots: all that the gateway does with ksem. Read it first
 * gateway_limit.c     how many slots there should be
 * gateway_backend.c   a backend, simulated
 * gateway_clients.c   the clients: connections, requests, answers
 * gateway_request.c   what a request says
 * this file           the options, the loop, the end
 */
#include "gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define EVENTS     256 /* in one turn of the loop */
#define OTHERS     16  /* descriptors that aren't clients */

/* ---- Options. ---- */

static void usage(FILE *to)
{
	fprintf(to,
		"usage: gateway [--port N] [--limit N] [--adaptive] [--patience MS] [--clients N] [--idle S]\n"
		"               [--plateau N] [--call MS]\n"
		"Serves / (a call of the backend) and /stats on 127.0.0.1 until SIGTERM or SIGINT.\n"
		"  --port N       0 to 65535; 0: a free one, which is printed (8080)\n"
		"  --limit N      calls in the backend at once, 1 to %d (40)\n"
		"  --adaptive     finds the limit from the backend's latency; it begins with --limit\n"
		"  --patience MS  how long a request waits for its call, 1 to 600000 (2000)\n"
		"  --clients N    connections at once, 1 to %d (10000)\n"
		"  --idle S       seconds until a connection that does nothing is closed, 1 to 3600 (60)\n"
		"  --plateau N    so many calls the simulated backend does without slowing down, 1 to %d (40)\n"
		"  --call MS      how long a call then takes, 1 to 60000 (10)\n"
		"Exit status: 0; 1 if something failed; 2 for wrong arguments.\n",
		LIMIT_MAX, CLIENTS_MAX, LIMIT_MAX);
}

static _Noreturn void wrong_arguments(void)
{
	usage(stderr);
	exit(EXIT_USAGE);
}

static unsigned number(const char *option, const char *text, unsigned least, unsigned most)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno || n < least || n > most) {
		fprintf(stderr, "gateway: --%s: '%s' isn't a number from %u to %u\n", option, text, least, most);
		wrong_arguments();
	}
	return (unsigned)n;
}

static _Noreturn void fail(const char *what, int error)
{
	fprintf(stderr, "gateway: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

static void set_option(struct options *options, int option, const char *name, const char *text)
{
	switch (option) {
	case 'p':
		options->port = number(name, text, 0, 65535);
		break;
	case 'l':
		options->limit = number(name, text, 1, LIMIT_MAX);
		break;
	case 'a':
		options->adaptive = true;
		break;
	case 't':
		options->patience = number(name, text, 1, 600000) * MS;
		break;
	case 'c':
		options->clients = number(name, text, 1, CLIENTS_MAX);
		break;
	case 'i':
		options->idle = number(name, text, 1, 3600) * SECOND;
		break;
	case 'b':
		options->plateau = number(name, text, 1, LIMIT_MAX);
		break;
	case 'm':
		options->call = number(name, text, 1, 60000) * MS;
		break;
	case 'h':
		usage(stdout);
		exit(EXIT_SUCCESS);
	default:
		wrong_arguments(); /* getopt_long said why */
	}
}

static void options_from(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"port", required_argument, NULL, 'p'},    {"limit", required_argument, NULL, 'l'},
		{"adaptive", no_argument, NULL, 'a'},      {"patience", required_argument, NULL, 't'},
		{"clients", required_argument, NULL, 'c'}, {"idle", required_argument, NULL, 'i'},
		{"plateau", required_argument, NULL, 'b'}, {"call", required_argument, NULL, 'm'},
		{"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
	};
	int option, index = 0;

	*options = (struct options){.port = 8080, .limit = 40, .plateau = 40, .clients = 10000};
	options->patience = 2 * SECOND;
	options->idle = 60 * SECOND;
	options->call = 10 * MS;
	while ((option = getopt_long(argc, argv, "", known, &index)) != -1)
		set_option(options, option, known[index].name, optarg);
	if (optind < argc) {
		fprintf(stderr, "gateway: it takes no other arguments\n");
		wrong_arguments();
	}
}

/* ---- What it needs of the system. ---- */

/* As many descriptors as the hard limit allows. Fewer than clients is no error: the rest of them wait. */
static void raise_descriptors(unsigned clients)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		fail("getrlimit", errno);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		fail("setrlimit", errno);
	if (files.rlim_cur < clients + OTHERS)
		fprintf(stderr, "gateway: descriptors for %llu clients at once, not for %u (ulimit -Hn)\n",
			files.rlim_cur > OTHERS ? (unsigned long long)files.rlim_cur - OTHERS : 0, clients);
}

static int listen_on(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
	socklen_t length = sizeof(address);
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) !=
		    0 || /* the clients' sockets inherit it */
	    bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, SOMAXCONN) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		fail("port", errno);
	*port = ntohs(address.sin_port);
	return listener;
}

static int signals_to_read(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* epoll tells what is ready by `what`: a client, or a part of the gateway. */
static void add(struct gateway *gateway, int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

	if (fd < 0 || epoll_ctl(gateway->loop, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll", errno);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void begin(struct gateway *gateway)
{
	int error;

	gateway->now = now();
	TAILQ_INIT(&gateway->idle);
	TAILQ_INIT(&gateway->calling);
	TAILQ_INIT(&gateway->gone);
	raise_descriptors(gateway->options.clients);
	gateway->listener = listen_on(&gateway->options.port);
	gateway->signals = signals_to_read();
	gateway->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	gateway->loop = epoll_create1(EPOLL_CLOEXEC);
	error = slots_open(&gateway->slots, &gateway->options, gateway->now);
	if (error)
		fail("the semaphore", error);
	add(gateway, gateway->listener, &gateway->listener);
	add(gateway, gateway->signals, &gateway->signals);
	add(gateway, gateway->timer, &gateway->timer);
	add(gateway, ksem_cq_fd(gateway->slots.queue), &gateway->slots);
}

/* ---- The loop. ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Also makes the timer unreadable, until that time. */
static void set_timer(struct gateway *gateway)
{
	uint64_t at = sooner(slots_next(&gateway->slots), clients_next(gateway));
	struct itimerspec time = {0};

	if (gateway->listen_again)
		at = sooner(at, gateway->listen_again);
	if (at != NEVER) {
		time.it_value.tv_sec = (time_t)(at / SECOND);
		time.it_value.tv_nsec = (long)(at % SECOND);
	}
	if (timerfd_settime(gateway->timer, TFD_TIMER_ABSTIME, &time, NULL) != 0)
		fail("timerfd", errno);
}

/* New requests find no one to take them, those that wait get ESHUTDOWN, and calls in the backend go on. */
static void stop(struct gateway *gateway)
{
	struct signalfd_siginfo signal;

	if (read(gateway->signals, &signal, sizeof(signal)) < 0 || gateway->stopping)
		return;
	clients_stop(gateway);
	slots_stop(&gateway->slots);
}

static void handle(struct gateway *gateway, const struct epoll_event *event)
{
	void *what = event->data.ptr;

	if (what == &gateway->timer)
		return; /* it has woken the loop: that's all */
	if (what == &gateway->slots)
		slots_reap(&gateway->slots);
	else if (what == &gateway->listener)
		clients_accept(gateway);
	else if (what == &gateway->signals)
		stop(gateway);
	else
		client_event(what, event->events);
}

static void turn(struct gateway *gateway)
{
	struct epoll_event events[EVENTS];
	int n;

	set_timer(gateway);
	n = epoll_wait(gateway->loop, events, EVENTS, -1);
	if (n < 0 && errno != EINTR)
		fail("epoll_wait", errno);
	gateway->now = now();
	slots_turn(&gateway->slots, gateway->now);
	for (int i = 0; i < n; i++)
		handle(gateway, &events[i]);
	clients_expire(gateway);
	if (gateway->listen_again && gateway->listen_again <= gateway->now)
		clients_listen(gateway, true);
	clients_free(gateway);
}

static bool over(const struct gateway *gateway)
{
	return gateway->stopping && TAILQ_EMPTY(&gateway->calling) && TAILQ_EMPTY(&gateway->idle);
}

int main(int argc, char **argv)
{
	struct gateway gateway = {0};
	int error;

	options_from(argc, argv, &gateway.options);
	begin(&gateway);
	printf("http://127.0.0.1:%u/\n", gateway.options.port);
	fflush(stdout);
	while (!over(&gateway))
		turn(&gateway);
	error = slots_close(&gateway.slots);
	if (error)
		fail("permits or waits are left", error);
	return EXIT_SUCCESS;
}
