/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds how many calls the backend does well at once, from their latency: the gradient method, as in Netflix's
 * concurrency-limits.
 *
 * In each window of time, the mean latency is compared with the lowest one. While they are equal, no call waits for
 * another inside the backend, and the limit grows. When the latency is higher, the backend has a queue of its own, and
 * the limit shrinks in proportion. The limit settles where the backend's queue is about sqrt(limit) calls long:
 *
 *     limit = limit * clamp(lowest / latency, 0.5, 1) + sqrt(limit)      and of this change, a part in each window
 *
 * The lowest latency is forgotten slowly, since a backend may become slower for good. But under steady load that alone
 * would take the latency of a queue for the lowest, and the limit would grow for ever. So now and then, one window has
 * half the limit: it sees the latency of a backend without a queue.
 */
#include "gateway.h"

#include <math.h>

#define WINDOW  (100 * MS)
#define SAMPLES 10  /* a window that has fewer goes on */
#define SMOOTH  0.3 /* the part of a change that one window makes */
#define FORGET  100 /* windows */
#define PROBE   20  /* after so many windows, one has half the limit */
#define SOON    2   /* or after so many, while such windows find much lower latencies than before */

static void begin_window(struct gradient *gradient, uint64_t now)
{
	gradient->begun = now;
	gradient->sum = 0;
	gradient->samples = gradient->most = 0;
	gradient->least = NEVER;
}

void gradient_init(struct gradient *gradient, unsigned limit, uint64_t now)
{
	gradient->limit = limit;
	gradient->lowest = INFINITY;
	gradient->until_probe = SOON;
	begin_window(gradient, now);
}

/* Calls from before this window count for nothing: they had another limit. */
void gradient_saw(struct gradient *gradient, const struct call *call, unsigned in_backend)
{
	uint64_t latency = call->ended - call->begun;

	if (in_backend > gradient->most)
		gradient->most = in_backend;
	if (call->begun < gradient->begun)
		return;
	gradient->samples++;
	gradient->sum += latency;
	if (latency < gradient->least)
		gradient->least = latency;
}

/* True: it is much lower than was known. */
static bool learn_lowest(struct gradient *gradient, double latency)
{
	double least = (double)gradient->least;
	bool lower = least < gradient->lowest * 0.9;

	if (least < gradient->lowest)
		gradient->lowest = least;
	else
		gradient->lowest += (latency - gradient->lowest) / FORGET;
	return lower;
}

static void learn_limit(struct gradient *gradient, double latency)
{
	double factor = fmax(0.5, fmin(1, gradient->lowest / latency));
	double change = gradient->limit * factor + sqrt(gradient->limit) - gradient->limit;

	gradient->limit = fmax(1, fmin(LIMIT_MAX, gradient->limit + SMOOTH * change));
}

static void end_window(struct gradient *gradient)
{
	double latency = (double)gradient->sum / gradient->samples;
	bool lower = learn_lowest(gradient, latency);

	if (gradient->probing) {
		gradient->probing = false;
		gradient->until_probe = lower ? SOON : PROBE;
	} else if (gradient->most * 2 >= (unsigned)gradient->limit) { /* else it says nothing: nobody reaches it */
		learn_limit(gradient, latency);
		gradient->probing = --gradient->until_probe == 0;
	}
}

unsigned gradient_turn(struct gradient *gradient, uint64_t now)
{
	if (gradient->samples >= SAMPLES && now - gradient->begun >= WINDOW) {
		end_window(gradient);
		begin_window(gradient, now);
	}
	return (unsigned)fmax(1, gradient->probing ? gradient->limit / 2 : gradient->limit);
}
