/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clients of the gateway: their connections, requests and answers.
 *
 *     READING -> CALLING -> ANSWERING -> READING, or LEAVING after the last answer
 *
 * A client has one request at a time. What it sends ahead stays in its buffer, and in the kernel's, until its answer is
 * sent; so whoever sends much slows down only itself. A client that ends its side of the connection while its request
 * waits has hung up, as for most proxies. Clients that do nothing for too long, or that read no answers, are closed. So
 * are those that send half a request: they get 408.
 *
 * In READING and CALLING, epoll looks for the same events, so most requests change nothing there.
 */
#include "gateway.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTED 64 /* in one turn of the loop */

/* ---- States. ---- */

static void watch(struct client *client, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = client};

	if (client->watched == events)
		return;
	client->watched = events;
	epoll_ctl(client->gateway->loop, EPOLL_CTL_MOD, client->fd, &event); /* can't fail: it is there */
}

static struct clients *list_of(struct client *client)
{
	return client->state == CALLING ? &client->gateway->calling : &client->gateway->idle;
}

static void set_state(struct client *client, enum state state)
{
	TAILQ_REMOVE(list_of(client), client, next);
	client->state = state;
	client->since = client->gateway->now;
	TAILQ_INSERT_TAIL(list_of(client), client, next);
}

/* Closes the connection. A call that it has goes on, and is freed when it is over. */
static void leave(struct client *client)
{
	struct gateway *gateway = client->gateway;

	close(client->fd);
	client->fd = -1;
	gateway->count--;
	if (client->state == CALLING) {
		gateway->hung_up++;
		slots_abandon(&gateway->slots, &client->call);
	} else {
		TAILQ_REMOVE(&gateway->idle, client, next);
		TAILQ_INSERT_TAIL(&gateway->gone, client, next);
	}
	if (!gateway->stopping)
		clients_listen(gateway, true); /* a descriptor is free */
}

/* ---- Answers. ---- */

/* Sends what isn't sent yet. Then the client may send its next request, or close the connection. */
static void send_answer(struct client *client)
{
	ssize_t n = send(client->fd, &client->answer[client->sent], client->answer_size - client->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		leave(client);
		return;
	}
	client->sent += n > 0 ? (size_t)n : 0;
	if (client->sent < client->answer_size) {
		watch(client, EPOLLOUT);
		return;
	}
	set_state(client, client->last ? LEAVING : READING);
	watch(client, client->last ? EPOLLIN : EPOLLIN | EPOLLRDHUP);
	if (client->last)
		shutdown(client->fd, SHUT_WR); /* close() would reset what the client hasn't read, if it sent more */
}

static const char *reason(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	default:
		return "HTTP Version Not Supported";
	}
}

static __attribute__((format(printf, 3, 4))) void answer(struct client *client, unsigned status, const char *format,
							 ...)
{
	char body[ANSWER_MAX / 2];
	va_list arguments;
	int size;

	va_start(arguments, format);
	vsnprintf(body, sizeof(body), format, arguments);
	va_end(arguments);
	client->last = client->last || client->gateway->stopping;
	size = snprintf(client->answer, sizeof(client->answer),
			"HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s%s\r\n%s", status,
			reason(status), body[0] == '{' ? "application/json" : "text/plain", strlen(body),
			status == 405 ? "Allow: GET\r\n" : "", status == 503 ? "Retry-After: 1\r\n" : "",
			client->last ? "Connection: close\r\n" : "", body);
	client->answer_size = (size_t)size;
	client->sent = 0;
	set_state(client, ANSWERING);
	send_answer(client);
}

static void refuse(struct client *client, unsigned status, const char *error)
{
	client->last = true;
	answer(client, status, "%s\n", error);
}

static void unavailable(struct client *client, const char *why)
{
	client->gateway->refused++;
	answer(client, 503, "%s\n", why);
}

static double mean_ms(uint64_t sum, uint64_t n)
{
	return n ? (double)sum / (double)n / (double)MS : 0;
}

static void answer_stats(struct client *client)
{
	struct ksem_metrics metrics = {.size = sizeof(metrics)};
	struct gateway *gateway = client->gateway;
	struct slots *slots = &gateway->slots;
	struct ksem_info info;

	if (ksem_stat(slots->proc, slots->id, &info) || ksem_metrics(slots->proc, slots->id, &metrics)) {
		unavailable(client, "no figures");
		return;
	}
	answer(client, 200,
	       "{\"limit\": %u, \"highest_limit\": %u, \"permits\": %u, \"in_backend\": %u, \"most_in_backend\": %u,\n"
	       " \"waiting\": %u, \"clients\": %u, \"served\": %llu, \"refused\": %llu, \"hung_up\": %llu,\n"
	       " \"timeouts\": %llu, \"cancels\": %llu, \"mean_wait_ms\": %.3f,\n"
	       " \"calls\": %llu, \"mean_latency_ms\": %.3f, \"busy_ms\": %.3f}\n",
	       info.limit, slots->highest, info.value, slots->backend.in, slots->backend.most, info.waiters,
	       gateway->count, (unsigned long long)gateway->served, (unsigned long long)gateway->refused,
	       (unsigned long long)gateway->hung_up, (unsigned long long)metrics.timeouts,
	       (unsigned long long)metrics.cancels, mean_ms(metrics.wait_ns, metrics.waits),
	       (unsigned long long)slots->calls, mean_ms(slots->latency, slots->calls),
	       mean_ms(slots->backend.busy, 1));
}

/* ---- Requests. ---- */

static void serve(struct client *client, const struct request *request)
{
	client->last = request->last;
	if (request->error) {
		answer(client, request->status, "%s\n", request->error);
	} else if (request->page == PAGE_STATS) {
		answer_stats(client);
	} else if (request->page == PAGE_NONE) {
		answer(client, 404, "no such page: / and /stats\n");
	} else if (slots_ask(&client->gateway->slots, &client->call) != 0) {
		unavailable(client, "no memory for the wait");
	} else {
		set_state(client, CALLING);
	}
}

/* Serves the requests that are in the buffer, until one has to wait. */
static void serve_all(struct client *client)
{
	struct request request;
	char *end;
	size_t size;

	while (client->fd >= 0 && client->state == READING && client->have > 0) {
		end = memmem(client->request, client->have, "\r\n\r\n", 4);
		if (!end) {
			if (client->have == REQUEST_MAX)
				refuse(client, 431, "a request has at most 4096 bytes");
			return;
		}
		*end = '\0';
		size = (size_t)(end - client->request);
		request_parse(client->request, size, &request);
		client->have -= size + 4;
		memmove(client->request, end + 4, client->have);
		serve(client, &request);
	}
}

static void read_more(struct client *client)
{
	ssize_t n = recv(client->fd, &client->request[client->have], REQUEST_MAX - client->have, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && client->have > 0) {
		refuse(client, 400, "half a request");
		return;
	}
	if (n <= 0) {
		leave(client);
		return;
	}
	if (client->have == 0)
		set_state(client, READING); /* its time begins */
	client->have += (size_t)n;
	serve_all(client);
}

/* After the last answer: what the client still sends is of no interest. */
static void read_nothing(struct client *client)
{
	ssize_t n = recv(client->fd, client->request, REQUEST_MAX, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		leave(client);
}

/* What the kernel says of the client's connection. */
void client_event(struct client *client, uint32_t events)
{
	if (client->fd < 0)
		return; /* it was closed earlier in this turn */
	if (events & (EPOLLERR | EPOLLHUP)) {
		leave(client);
		return;
	}
	switch (client->state) {
	case READING:
		read_more(client);
		break;
	case CALLING:
		if (events & EPOLLRDHUP)
			leave(client);
		else
			watch(client, EPOLLRDHUP); /* it sends its next request ahead: that stays where it is */
		break;
	case ANSWERING:
		send_answer(client);
		if (client->fd >= 0)
			serve_all(client);
		break;
	case LEAVING:
		read_nothing(client);
		break;
	}
}

/* The call that the client waited for has ended, or its wait has. */
void call_over(struct call *call, int error)
{
	struct client *client = (struct client *)((char *)call - offsetof(struct client, call));
	struct gateway *gateway = client->gateway;

	if (call->abandoned) {
		TAILQ_REMOVE(&gateway->calling, client, next);
		TAILQ_INSERT_TAIL(&gateway->gone, client, next);
		return;
	}
	if (error == 0) {
		gateway->served++;
		answer(client, 200, "%llu %llu\n", (unsigned long long)call->begun, (unsigned long long)call->ended);
	} else {
		unavailable(client, error == ESHUTDOWN ? "the gateway ends" : "too many requests wait");
	}
	serve_all(client);
}

/* ---- Connections. ---- */

static void add_client(struct gateway *gateway, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = client};

	if (!client || epoll_ctl(gateway->loop, EPOLL_CTL_ADD, fd, &event) != 0) {
		free(client);
		close(fd); /* no memory: this client alone has to try again */
		return;
	}
	client->gateway = gateway;
	client->fd = fd;
	client->watched = event.events;
	client->state = READING;
	client->since = gateway->now;
	TAILQ_INSERT_TAIL(&gateway->idle, client, next);
	gateway->count++;
}

/* Without descriptors or memory, it accepts nobody until a client leaves, or for a second. */
void clients_accept(struct gateway *gateway)
{
	if (gateway->stopping)
		return; /* since earlier in this turn */
	for (unsigned i = 0; i < ACCEPTED && gateway->count < gateway->options.clients; i++) {
		int fd = accept4(gateway->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			add_client(gateway, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			clients_listen(gateway, false);
			return;
		} else if (errno != ECONNABORTED) {
			return; /* EAGAIN, mostly */
		}
	}
	if (gateway->count == gateway->options.clients)
		clients_listen(gateway, false);
}

void clients_listen(struct gateway *gateway, bool on)
{
	struct epoll_event event = {.events = on ? EPOLLIN : 0, .data.ptr = &gateway->listener};

	if (on == (gateway->listen_again == 0))
		return;
	gateway->listen_again = on ? 0 : gateway->now + SECOND;
	epoll_ctl(gateway->loop, EPOLL_CTL_MOD, gateway->listener, &event);
}

static uint64_t allowed(const struct gateway *gateway)
{
	return gateway->stopping ? SECOND : gateway->options.idle;
}

uint64_t clients_next(const struct gateway *gateway)
{
	const struct client *first = TAILQ_FIRST(&gateway->idle);

	return first ? first->since + allowed(gateway) : NEVER;
}

/* Closes clients that have done nothing for too long. */
void clients_expire(struct gateway *gateway)
{
	struct client *client;

	while (clients_next(gateway) <= gateway->now) {
		client = TAILQ_FIRST(&gateway->idle);
		if (client->state == READING && client->have > 0)
			refuse(client, 408, "half a request, for too long");
		else
			leave(client);
	}
}

/* No further requests: clients that have sent none, or half a one, are closed. Others get their answers. */
void clients_stop(struct gateway *gateway)
{
	struct client *client, *next;

	gateway->stopping = true;
	gateway->listen_again = 0;
	close(gateway->listener);
	for (client = TAILQ_FIRST(&gateway->idle); client; client = next) {
		next = TAILQ_NEXT(client, next);
		if (client->state == READING)
			leave(client);
	}
}

void clients_free(struct gateway *gateway)
{
	struct client *client;

	while ((client = TAILQ_FIRST(&gateway->gone)) != NULL) {
		TAILQ_REMOVE(&gateway->gone, client, next);
		free(client);
	}
}
