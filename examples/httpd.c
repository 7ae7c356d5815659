/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httpd: a web server with several processes. They share a limit on the requests in progress: one named semaphore of
 * ksem.
 *
 *     master                          workers, forked: each a process of its own
 *     the listening socket,  ------>  accept connections, serve requests;
 *     the semaphore "/httpd"          each that works takes a permit, and gives it back
 *          |                               |
 *          +---- the books: who is where --+   in memory that all share
 *
 * When a worker is killed, its requests are lost, and nothing else: the master posts the permits that the worker held
 * (httpd_books.c), and forks another.
 *
 * httpd_worker.c   what a worker serves
 * httpd_books.c    who has a permit, and how a dead worker's permits are posted
 * this file        the options, the master
 */
#include "httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
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

static unsigned options_from(int argc, char **argv, struct books *books)
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

	books->workers = 4;
	books->connections = 16;
	books->limit = 4;
	books->wait_ms = 1000;
	strcpy(books->name, "/httpd");
	while ((option = getopt_long(argc, argv, "", known, &index)) != -1) {
		switch (option) {
		case 'p':
			port = number(known[index].name, optarg, 0, 65535);
			break;
		case 'w':
			books->workers = number(known[index].name, optarg, 1, WORKERS_MAX);
			break;
		case 'c':
			books->connections = number(known[index].name, optarg, 1, CONNECTIONS_MAX);
			break;
		case 'l':
			books->limit = number(known[index].name, optarg, 1, LIMIT_MAX);
			break;
		case 't':
			books->wait_ms = number(known[index].name, optarg, 0, 60000);
			break;
		case 'n':
			if (strlen(optarg) > KSEM_NAME_MAX) {
				fprintf(stderr, "httpd: --name: longer than %d bytes\n", KSEM_NAME_MAX);
				wrong_arguments();
			}
			strcpy(books->name, optarg);
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

#define PAUSE 100 /* ms: how long workers pause at most */

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* If there is no memory for a worker now, the master tries again a second later. */
static void start(struct books *books, struct worker *worker, int listener)
{
	pid_t master = getpid(), pid = fork();

	if (pid > 0)
		worker->pid = pid;
	if (pid != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* without a master nobody would post the permits of dead workers */
	exit(getppid() == master ? worker_run(books, worker, listener) : EXIT_FAILURE);
}

static void start_all(struct books *books, int listener)
{
	for (unsigned i = 0; i < books->workers; i++) {
		if (books->all[i].pid == 0 && now() >= books->all[i].not_before)
			start(books, &books->all[i], listener);
	}
}

static struct worker *worker_of(struct books *books, pid_t pid)
{
	for (unsigned i = 0; i < books->workers; i++) {
		if (books->all[i].pid == pid)
			return &books->all[i];
	}
	return NULL;
}

/* Clears the places of workers that have died. True: there were some. */
static bool bury(struct books *books)
{
	struct worker *worker;
	bool any = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		worker = worker_of(books, pid);
		if (!worker)
			continue;
		books_forget(worker);
		worker->restarts++;
		worker->not_before = WIFEXITED(status) ? now() + 1 : 0; /* it couldn't start, say */
		any = true;
	}
	return any;
}

/*
 * Replaces workers that die, and posts the permits that they held, until SIGTERM or SIGINT. While a worker stands still
 * between two states, that can't be done. So the other workers are made to pause for a moment only, once a second.
 */
static void mind(struct books *books, struct ksem *sem, int listener, const sigset_t *signals)
{
	const struct timespec second = {1, 0}, moment = {0, 1000000};
	unsigned moments = 0; /* that the workers have paused */
	bool owing = false;   /* may permits of dead workers be missing? */
	int signal;

	do {
		start_all(books, listener);
		signal = sigtimedwait(signals, NULL, books->pause ? &moment : &second);
		owing = bury(books) || owing;
		moments = books->pause ? moments + 1 : 0;
		books->pause = owing && moments < PAUSE;
		if (books->pause && books_settle(books, sem)) {
			owing = false;
			books->pause = false;
		}
	} while (signal != SIGTERM && signal != SIGINT);
	books->pause = false;
}

/* Lets all workers finish their requests and end. 1: a worker failed. */
static int end(struct books *books)
{
	int result = EXIT_SUCCESS, status;

	for (unsigned i = 0; i < books->workers; i++) {
		if (books->all[i].pid > 0) {
			kill(books->all[i].pid, SIGCONT); /* if it is stopped. First: it takes SIGSTOPs back */
			kill(books->all[i].pid, SIGTERM);
		}
	}
	while (wait(&status) > 0) {
		if (status != 0)
			result = EXIT_FAILURE;
	}
	return result;
}

static struct books *make_books(void)
{
	struct books *books = mmap(NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (books == MAP_FAILED)
		fail("memory");
	return books;
}

int main(int argc, char **argv)
{
	struct books *books = make_books();
	unsigned port = options_from(argc, argv, books);
	int listener = listen_on(&port), result;
	struct ksem *sem = open_limit(books->name, O_CREAT | O_EXCL, books->limit);
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL); /* for the workers and their threads, too */
	printf("http://127.0.0.1:%u/\n", port);
	fflush(stdout);
	mind(books, sem, listener, &signals);
	result = end(books);
	ksem_unpin(sem);
	if (ksem_unlink(ksem_self(), books->name) != 0)
		result = EXIT_FAILURE;
	return result;
}
