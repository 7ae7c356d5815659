/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the gateway have in common: see gateway.c.
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#include <ksem/ksem.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define CLIENTS_MAX 100000
#define LIMIT_MAX   10000
#define MS          UINT64_C(1000000) /* times are nanoseconds of CLOCK_MONOTONIC */
#define SECOND      (1000 * MS)
#define NEVER       UINT64_MAX

struct options {
	unsigned port, clients, limit, plateau;
	uint64_t patience, call, idle; /* times */
	bool adaptive;
};

/* A request's call of the backend. First it waits for a permit, then it is in the backend. */
struct call {
	TAILQ_ENTRY(call) next; /* in the backend */
	bool in_backend;
	bool abandoned; /* its client has hung up */
	uint64_t begun, ended;
	uint64_t work_end;
};

TAILQ_HEAD(calls, call);

/* gateway_backend.c */
struct backend {
	uint64_t call_work; /* how much work a call is */
	unsigned plateau;   /* so many calls don't slow each other down */
	unsigned in, most;  /* calls that are in it, and were at most */
	struct calls calls; /* in the order in which they end */
	uint64_t at, worked;
	uint64_t busy; /* time with calls in it */
};

void backend_init(struct backend *backend, const struct options *options, uint64_t now);
void backend_begin(struct backend *backend, struct call *call);
/* A call that has ended by now, or NULL. Before calls begin, all that have ended must have been taken. */
struct call *backend_ended(struct backend *backend, uint64_t now);
uint64_t backend_next(const struct backend *backend); /* when the next call ends, or NEVER */

/* gateway_limit.c */
struct gradient {
	double limit;  /* found so far */
	double lowest; /* latency */
	uint64_t begun, sum, least;
	unsigned samples, most;
	unsigned until_probe; /* windows */
	bool probing;         /* this window has half the limit */
};

void gradient_init(struct gradient *gradient, unsigned limit, uint64_t now);
void gradient_saw(struct gradient *gradient, const struct call *call, unsigned in_backend);
/* Ends the window of time if it has seen enough. Returns the limit for the next one. */
unsigned gradient_turn(struct gradient *gradient, uint64_t now);

/* gateway_slots.c */
struct slots {
	struct ksem_proc *proc;
	ksem_id_t id;          /* the semaphore: a permit for each call in the backend */
	struct ksem_cq *queue; /* requests that wait for a permit; user_data: the struct call */
	uint64_t patience;
	struct backend backend;
	bool adaptive;
	struct gradient gradient;
	unsigned limit, highest; /* now, and ever */
	uint64_t calls, latency; /* that have ended, and how long they were in the backend in all */
};

int slots_open(struct slots *slots, const struct options *options, uint64_t now);
int slots_ask(struct slots *slots, struct call *call); /* 0: call_over comes later, once */
void slots_abandon(struct slots *slots, struct call *call);
void slots_turn(struct slots *slots, uint64_t now); /* first of all in each turn of the loop */
void slots_reap(struct slots *slots);               /* when the queue's descriptor is readable */
uint64_t slots_next(const struct slots *slots);     /* when slots_turn is to be called, at the latest */
void slots_stop(struct slots *slots);
int slots_close(struct slots *slots); /* EBUSY: permits or waits are left. None may be */

/* gateway_clients.c */
enum state {
	READING,   /* a request, or the pause before it */
	CALLING,   /* it waits for a permit, or is in the backend */
	ANSWERING, /* the answer isn't sent whole */
	LEAVING    /* the last answer is sent: until the client closes, or is slow to */
};

#define REQUEST_MAX 4096
#define ANSWER_MAX  1024

struct client {
	struct gateway *gateway;
	TAILQ_ENTRY(client) next;
	struct call call;
	int fd;           /* -1: the client has gone */
	uint32_t watched; /* the events that epoll looks for */
	enum state state;
	bool last;      /* the connection ends with this answer */
	uint64_t since; /* when its state began */
	size_t have, answer_size, sent;
	char request[REQUEST_MAX + 1], answer[ANSWER_MAX];
};

TAILQ_HEAD(clients, client);

struct gateway {
	struct options options;
	struct slots slots;
	int loop; /* the epoll */
	int listener, timer, signals;
	uint64_t now;             /* when this turn of the loop began */
	uint64_t listen_again;    /* it doesn't accept clients until then; 0: it does */
	bool stopping;            /* after SIGTERM */
	unsigned count;           /* clients that are connected */
	struct clients idle;      /* those that do nothing, longest first: all but the CALLING ones */
	struct clients calling;   /* gone ones too, while their calls go on */
	struct clients gone;      /* freed at the end of the turn: events of the same turn may name them */
	uint64_t served, refused; /* 200 and 503 */
	uint64_t hung_up;         /* clients that went before their answers */
};

void clients_accept(struct gateway *gateway);
void clients_listen(struct gateway *gateway, bool on);
void client_event(struct client *client, uint32_t events);
void call_over(struct call *call, int error); /* 0: it was served. ETIMEDOUT, ESHUTDOWN, ECANCELED */
void clients_expire(struct gateway *gateway);
uint64_t clients_next(const struct gateway *gateway); /* when clients_expire is to be called */
void clients_stop(struct gateway *gateway);
void clients_free(struct gateway *gateway); /* those that are gone */

/* gateway_request.c */
enum page { PAGE_CALL, PAGE_STATS, PAGE_NONE };

struct request {
	enum page page;
	bool last;         /* the client wants no further one */
	const char *error; /* if it isn't a request that this server answers */
	unsigned status;   /* then: the status of the answer */
};

/* Reads a request's head, NUL-terminated and without the empty line, and writes into it. */
void request_parse(char *head, size_t size, struct request *request);

#endif
