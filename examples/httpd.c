/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httpd: a web server with several processes. They share a limit on the requests in progress: one named semaphore of
 * ksem.
 *
 *     master                          workers, forked: each a process of its own
 *     the listening socket,  ------>  accept connections, serve requests;
 *     the semaphore "/httpd"          each that works takes a permit, and gives it back
 *
 * The semaphore has KSEM_UNDO: when a worker is killed, its requests are lost, and nothing else. The permits that it
 * held come back when somebody next looks at the semaphore. The master looks as soon as the kernel tells it of a death,
 * and forks another worker.
 *
 * The master also looks at the semaphore each second, and keeps what it finds for the page of the server.
 *
 * httpd_worker.c   what a worker serves
 * httpd_page.c     the page
 * this file        the options, the semaphore, the master
 */
#include "httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define LIMIT_MAX  (WORKERS_MAX * CONNECTIONS_MAX)

static void usage(FILE *to)
{
	fprintf(to,
		"usage: httpd [--port N] [--workers N] [--connections N] [--limit N] [--wait MS] [--name /NAME]\n"
		"Serves /, /figures and /work?ms=N on 127.0.0.1 until SIGTERM or SIGINT.\n"
		"  --port N         0 to 65535; 0: a free one, which is printed (8080)\n"
		"  --workers N      processes, 1 to %d (4)\n"
		"  --connections N  at once in each, 1 to %d (16)\n"
		"  --limit N        requests in progress in all, 1 to %d (4)\n"
		"  --wait MS        how long a request waits for others, 0 to 60000 (1000)\n"
		"  --name /NAME     of the semaphore (/httpd), in the directory that KSEM_DIR says\n"
		"Exit status: 0; 1 if something failed; 2 for wrong arguments.\n",
		WORKERS_MAX, CONNECTIONS_MAX, LIMIT_MAX);
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
		fprintf(stderr, "httpd: --%s: '%s' isn't a number from %u to %u\n", option, text, least, most);
		wrong_arguments();
	}
	return (unsigned)n;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "httpd: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static unsigned options_from(int argc, char **argv, struct server *server)
{
	static const struct option known[] = {
		{"port", required_argument, NULL, 'p'},
		{"workers", required_argument, NULL, 'w'},
		{"connections", required_argument, NULL, 'c'},
		{"limit", required_argument, NULL, 'l'},
		{"wait", required_argument, NULL, 't'},
		{"name", required_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	unsigned port = 8080;
	int option, index = 0;

	server->workers = 4;
	server->connections = 16;
	server->limit = 4;
	server->wait_ms = 1000;
	strcpy(server->name, "/httpd");
	while ((option = getopt_long(argc, argv, "", known, &index)) != -1) {
		switch (option) {
		case 'p':
			port = number(known[index].name, optarg, 0, 65535);
			break;
		case 'w':
			server->workers = number(known[index].name, optarg, 1, WORKERS_MAX);
			break;
		case 'c':
			server->connections = number(known[index].name, optarg, 1, CONNECTIONS_MAX);
			break;
		case 'l':
			server->limit = number(known[index].name, optarg, 1, LIMIT_MAX);
			break;
		case 't':
			server->wait_ms = number(known[index].name, optarg, 0, 60000);
			break;
		case 'n':
			if (strlen(optarg) > KSEM_NAME_MAX) {
				fprintf(stderr, "httpd: --name: longer than %d bytes\n", KSEM_NAME_MAX);
				wrong_arguments();
			}
			strcpy(server->name, optarg);
			break;
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			wrong_arguments(); /* getopt_long said why */
		}
	}
	if (optind < argc) {
		fprintf(stderr, "httpd: it takes no other arguments\n");
		wrong_arguments();
	}
	return port;
}

static int listen_on(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
	socklen_t length = sizeof(address);
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, SOMAXCONN) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		fail("port");
	*port = ntohs(address.sin_port);
	return listener;
}

/* ---- The master. ---- */

/* If there is no memory for a worker now, the master tries again a second later. */
static void start(struct server *server, struct worker *worker, int listener)
{
	pid_t master = getpid(), pid = fork();

	if (pid > 0)
		worker->pid = pid;
	if (pid != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* without a master nobody would replace dead workers */
	exit(getppid() == master ? worker_run(server, listener) : EXIT_FAILURE);
}

static void start_all(struct server *server, int listener)
{
	for (unsigned i = 0; i < server->workers; i++) {
		if (server->all[i].pid == 0 && now_ms() >= server->all[i].not_before)
			start(server, &server->all[i], listener);
	}
}

static struct worker *worker_of(struct server *server, pid_t pid)
{
	for (unsigned i = 0; i < server->workers; i++) {
		if (server->all[i].pid == pid)
			return &server->all[i];
	}
	return NULL;
}

/* Clears the places of workers that have died. True: there were some. */
static bool bury(struct server *server)
{
	struct worker *worker;
	bool any = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		worker = worker_of(server, pid);
		if (!worker)
			continue;
		worker->pid = 0;
		worker->restarts++;
		worker->not_before = WIFEXITED(status) ? now_ms() + 1000 : 0; /* it couldn't start, say */
		any = true;
	}
	return any;
}

static void look(struct server *server, struct ksem_info *info)
{
	errno = ksem_stat(server->proc, server->requests, info);
	if (errno)
		fail("the semaphore");
}

static void take_sample(struct server *server, long long now)
{
	struct sample *sample = &server->history[server->samples % HISTORY];
	struct ksem_info info;

	look(server, &info);
	sample->ms = now;
	sample->in_progress = info.held;
	sample->waiting = info.waiters;
	sample->limit = info.limit;
	sample->served = server->served;
	sample->refused = server->refused;
	server->samples++; /* now others read it */
}

/* Takes a sample, if it is time; returns how long it is until the next one. */
static struct timespec sample_in_time(struct server *server)
{
	const long long now = now_ms();
	long long left;

	if (now >= server->next_sample) {
		take_sample(server, now);
		server->next_sample = now + SAMPLE_MS;
	}
	left = server->next_sample - now;
	return (struct timespec){left / 1000, left % 1000 * 1000000};
}

/*
 * Replaces workers that die, until SIGTERM or SIGINT. What they held comes back when somebody looks; requests that
 * already wait in other workers would look about a second later, so the master looks at once.
 */
static void mind(struct server *server, int listener, const sigset_t *signals)
{
	struct timespec until_next;
	struct ksem_info info;
	int signal;

	do {
		start_all(server, listener);
		until_next = sample_in_time(server);
		signal = sigtimedwait(signals, NULL, &until_next);
		if (bury(server))
			look(server, &info);
	} while (signal != SIGTERM && signal != SIGINT);
}

/* Lets all workers finish their requests and end. 1: a worker failed. */
static int end(struct server *server)
{
	int result = EXIT_SUCCESS, status;

	for (unsigned i = 0; i < server->workers; i++) {
		if (server->all[i].pid > 0) {
			kill(server->all[i].pid, SIGCONT); /* if it is stopped. First: it takes SIGSTOPs back */
			kill(server->all[i].pid, SIGTERM);
		}
	}
	while (wait(&status) > 0) {
		if (status != 0)
			result = EXIT_FAILURE;
	}
	return result;
}

static struct server *new_server(void)
{
	struct server *server = mmap(NULL, sizeof(*server), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (server == MAP_FAILED)
		fail("memory");
	return server;
}

static void make_semaphore(struct server *server)
{
	struct ksem_attr attr = {.size = sizeof(attr), .limit = server->limit, .flags = KSEM_UNDO | KSEM_METRICS};
	int error;

	server->proc = ksem_self();
	error = !server->proc ? errno :
				ksem_open_attr(server->proc, server->name, O_CREAT | O_EXCL, 0600, &attr, server->limit,
					       &server->requests);
	if (!error)
		return;
	fprintf(stderr, "httpd: %s: %s%s\n", server->name,
		server->proc ? strerror(error) : "no directory for semaphores",
		error == EEXIST ? "; if no other httpd uses it: ksem unlink" : "");
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct server *server = new_server();
	unsigned port = options_from(argc, argv, server);
	int listener = listen_on(&port), result;
	sigset_t signals;

	make_semaphore(server);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL); /* for the workers and their threads, too */
	printf("http://127.0.0.1:%u/\n", port);
	fflush(stdout);
	mind(server, listener, &signals);
	result = end(server);
	if (ksem_unlink(server->proc, server->name) != 0)
		result = EXIT_FAILURE;
	return result;
}
