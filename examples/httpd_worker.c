/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: serves requests. libmicrohttpd runs a thread for each connection.
 *
 *   /           a page that shows the figures (httpd_page.c); /now: the part of it that changes
 *   /figures    the figures, as JSON
 *   /work?ms=N  takes a permit, and works for N milliseconds (5); 503 if no permit came in time. Says when it began and
 *               ended, in nanoseconds of CLOCK_MONOTONIC, so a client can tell how many were in progress at once.
 */
#include "httpd.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORK_MAX_MS 10000

struct service {
	struct server *server;
	_Atomic unsigned in_progress; /* requests of this worker that have a permit, or wait for one */
};

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

static enum MHD_Result show(struct service *service, struct MHD_Connection *connection, bool is_whole)
{
	char *text = page_text(service->server, is_whole);
	enum MHD_Result result = text ? answer(connection, MHD_HTTP_OK, "text/html", text) : MHD_NO;

	free(text);
	return result;
}

static enum MHD_Result figures(struct service *service, struct MHD_Connection *connection)
{
	struct server *server = service->server;
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	struct ksem_info info;
	char text[256 + WORKERS_MAX * 64];
	size_t at;

	if (ksem_stat(server->proc, server->requests, &info) != 0 ||
	    ksem_metrics(server->proc, server->requests, &metrics) != 0)
		return MHD_NO;
	at = (size_t)snprintf(text, sizeof(text),
			      "{\"limit\": %u, \"permits\": %u, \"in_progress\": %u, \"waiting\": %u, "
			      "\"served\": %lu, \"refused\": %lu, \"undone\": %llu, \"workers\": [",
			      info.limit, info.value, info.held, info.waiters, server->served, server->refused,
			      (unsigned long long)metrics.undone);
	for (unsigned i = 0; i < server->workers; i++)
		at += (size_t)snprintf(&text[at], sizeof(text) - at, "%s{\"pid\": %ld, \"restarts\": %u}",
				       i ? ", " : "", (long)server->all[i].pid, server->all[i].restarts);
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

/* Takes a permit, waiting for one as long as requests may. */
static bool enter(struct server *server)
{
	struct timespec until = ksem_deadline_after(server->wait_ms * UINT64_C(1000000));
	int error;

	do
		error = ksem_clockwait(server->proc, server->requests, CLOCK_MONOTONIC, &until);
	while (error == EINTR);
	return error == 0;
}

static enum MHD_Result work_for(struct server *server, struct MHD_Connection *connection, long ms)
{
	char text[128];
	int64_t begun;

	if (!enter(server)) {
		server->refused++;
		return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain",
			      "too many requests in progress\n");
	}
	begun = ns();
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); /* stands for real work */
	snprintf(text, sizeof(text), "%lld %lld %ld\n", (long long)begun, (long long)ns(), (long)getpid());
	if (ksem_post(server->proc, server->requests) != 0)
		return MHD_NO;
	server->served++;
	return answer(connection, MHD_HTTP_OK, "text/plain", text);
}

static enum MHD_Result work(struct service *service, struct MHD_Connection *connection)
{
	long ms = work_ms(connection);
	enum MHD_Result result;

	if (ms < 0)
		return answer(connection, MHD_HTTP_BAD_REQUEST, "text/plain", "ms is a number from 0 to 10000\n");
	service->in_progress++;
	result = work_for(service->server, connection, ms);
	service->in_progress--;
	return result;
}

static enum MHD_Result serve(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
			     const char *version, const char *data, size_t *size, void **state)
{
	(void)version, (void)data, (void)size, (void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "only GET\n");
	if (strcmp(url, "/") == 0 || strcmp(url, "/now") == 0)
		return show(arg, connection, url[1] == '\0');
	if (strcmp(url, "/figures") == 0)
		return figures(arg, connection);
	if (strcmp(url, "/work") == 0)
		return work(arg, connection);
	return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain", "no such page\n");
}

int worker_run(struct server *server, int listener)
{
	struct service service = {server, 0};
	struct MHD_Daemon *daemon;
	sigset_t end;
	int signal;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL,
		NULL, serve, &service, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
		server->connections, MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_END);
	if (!daemon) {
		fprintf(stderr, "httpd: a worker can't serve\n");
		return EXIT_FAILURE;
	}
	sigwait(&end, &signal);
	MHD_quiesce_daemon(daemon); /* other workers use the socket, too: it stays open */
	while (MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections > 0 &&
	       service.in_progress > 0)
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	MHD_stop_daemon(daemon);
	return EXIT_SUCCESS;
}
