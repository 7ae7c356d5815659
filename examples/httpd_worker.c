/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: serves requests. libmicrohttpd runs a thread for each connection.
 *
 *   /           a page that shows the figures and updates them
 *   /figures    the figures, as JSON
 *   /work?ms=N  takes a permit, and works for N milliseconds (5); 503 if no permit came in time. Says when it began and
 *               ended, in nanoseconds of CLOCK_MONOTONIC, so a client can tell how many were in progress at once.
 */
#include "httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORK_MAX_MS 10000

struct service {
	struct books *books;
	struct worker *self;
	struct ksem *sem;
};

static const char page[] = "<!doctype html><meta charset=utf-8><title>httpd on ksem</title>\n"
			   "<style>body{font:16px sans-serif;margin:2em}td,th{padding:.2em 1em;text-align:right}"
			   "meter{width:20em}</style>\n"
			   "<h1>Requests in progress</h1>\n"
			   "<p><meter id=meter min=0></meter> <b id=now></b>\n"
			   "<table id=figures></table><h2>Workers</h2><table id=workers></table>\n"
			   "<script>\n"
			   "const row = (k, v) => `<tr><th>${k}<td>${v}`;\n"
			   "async function show() {\n"
			   "  try {\n"
			   "    const f = await (await fetch('/figures')).json();\n"
			   "    meter.max = f.limit; meter.value = f.in_progress;\n"
			   "    now.textContent = `${f.in_progress} of ${f.limit}`;\n"
			   "    figures.innerHTML = ['permits', 'waiting', 'most', 'served', 'refused', 'made_good']\n"
			   "      .map(k => row(k.replace('_', ' '), f[k])).join('');\n"
			   "    workers.innerHTML = '<tr><th>pid<th>restarts' +\n"
			   "      f.workers.map(w => `<tr><td>${w.pid}<td>${w.restarts}`).join('');\n"
			   "  } catch (e) { now.textContent = 'no answer'; }\n"
			   "  setTimeout(show, 500);\n"
			   "}\n"
			   "show();\n"
			   "</script>\n";

struct ksem *open_limit(const char *name, int oflag, unsigned value)
{
	struct ksem_proc *proc = ksem_self();
	struct ksem *sem = NULL;
	ksem_id_t id;
	int error = proc ? ksem_open(proc, name, oflag, 0600, value, &id) : errno;

	if (!error)
		error = ksem_pin(proc, id, &sem);
	if (!error)
		return sem;
	fprintf(stderr, "httpd: %s: %s%s\n", name, proc ? strerror(error) : "no directory for semaphores",
		error == EEXIST ? "; if no other httpd uses it: ksem unlink" : "");
	exit(EXIT_FAILURE);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, const char *body)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result = MHD_NO;

	if (!response)
		return MHD_NO;
	if (MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
	    (status != MHD_HTTP_SERVICE_UNAVAILABLE ||
	     MHD_add_response_header(response, "Retry-After", "1") == MHD_YES))
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result figures(struct service *service, struct MHD_Connection *connection)
{
	struct books *books = service->books;
	unsigned value = 0;
	char text[256 + WORKERS_MAX * 64];
	size_t at;

	ksem_pinned_getvalue(service->sem, &value);
	at = (size_t)snprintf(text, sizeof(text),
			      "{\"limit\": %u, \"permits\": %u, \"in_progress\": %u, \"most\": %u, \"waiting\": %u, "
			      "\"served\": %lu, \"refused\": %lu, \"made_good\": %lu, \"workers\": [",
			      books->limit, value, books->inside, books->most, books_count(books, TAKING),
			      books->served, books->refused, books->made_good);
	for (unsigned i = 0; i < books->workers; i++)
		at += (size_t)snprintf(&text[at], sizeof(text) - at, "%s{\"pid\": %ld, \"restarts\": %u}",
				       i ? ", " : "", (long)books->all[i].pid, books->all[i].restarts);
	snprintf(&text[at], sizeof(text) - at, "]}\n");
	return answer(connection, MHD_HTTP_OK, "application/json", text);
}

static int64_t ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The time that the request asks for; -1: not a valid time. */
static long work_ms(struct MHD_Connection *connection)
{
	const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "ms");
	char *end;
	long ms;

	if (!text)
		return 5;
	ms = strtol(text, &end, 10);
	return text[0] < '0' || text[0] > '9' || *end || ms > WORK_MAX_MS ? -1 : ms;
}

static enum MHD_Result work(struct service *service, struct MHD_Connection *connection)
{
	struct slot *slot = books_claim(service->self, service->books->connections);
	long ms = work_ms(connection);
	bool entered = slot && ms >= 0 && books_enter(service->books, slot, service->sem);
	int64_t begun = ns();
	char text[128];

	if (entered) {
		nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); /* stands for real work */
		snprintf(text, sizeof(text), "%lld %lld %ld\n", (long long)begun, (long long)ns(), (long)getpid());
		books_leave(service->books, slot, service->sem);
		service->books->served++;
	}
	if (slot)
		books_release(slot);
	if (ms < 0)
		return answer(connection, MHD_HTTP_BAD_REQUEST, "text/plain", "ms is a number from 0 to 10000\n");
	if (entered)
		return answer(connection, MHD_HTTP_OK, "text/plain", text);
	service->books->refused++;
	return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", "too many requests in progress\n");
}

static enum MHD_Result serve(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
			     const char *version, const char *data, size_t *size, void **state)
{
	(void)version, (void)data, (void)size, (void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "only GET\n");
	if (strcmp(url, "/") == 0)
		return answer(connection, MHD_HTTP_OK, "text/html", page);
	if (strcmp(url, "/figures") == 0)
		return figures(arg, connection);
	if (strcmp(url, "/work") == 0)
		return work(arg, connection);
	return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain", "no such page\n");
}

int worker_run(struct books *books, struct worker *self, int listener)
{
	struct service service = {books, self, open_limit(books->name, 0, 0)};
	struct MHD_Daemon *daemon;
	sigset_t end;
	int signal;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL,
		NULL, serve, &service, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
		books->connections, MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_END);
	if (!daemon) {
		fprintf(stderr, "httpd: a worker can't serve\n");
		return EXIT_FAILURE;
	}
	sigwait(&end, &signal);
	MHD_quiesce_daemon(daemon); /* other workers use the socket, too: it stays open */
	while (MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections > 0 &&
	       books_count(books, INSIDE) + books_count(books, TAKING) + books_count(books, GIVING) > 0)
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	MHD_stop_daemon(daemon);
	ksem_unpin(service.sem);
	return EXIT_SUCCESS;
}
