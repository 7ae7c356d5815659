/* SPDX-License-Identifier: BSD-2-Clause */
/* One thread, eight jobs, at most three at once. Jobs wait in a completion queue; libuv watches its descriptor. */
#include <ksem/ksem.h>
#include <stdio.h>
#include <uv.h>

static struct ksem_proc *proc;
static struct ksem_cq *queue;
static ksem_id_t places;
static uv_timer_t timers[8]; /* a job takes 50 ms */

static void end_job(uv_timer_t *timer)
{
	printf("job %d is done\n", (int)(timer - timers));
	ksem_post(proc, places);
	if (timer == &timers[7]) /* it began last */
		uv_stop(timer->loop);
}

static void begin_jobs(uv_poll_t *poll, int status, int events)
{
	struct ksem_completion job;

	for (unsigned n; status == 0 && events && ksem_cq_reap(queue, &job, 1, &n) == 0 && n == 1;)
		if (uv_timer_init(poll->loop, &timers[job.user_data]) == 0)
			uv_timer_start(&timers[job.user_data], end_job, 50, 0);
}

int main(void)
{
	struct ksem_attr attr = {.size = sizeof(attr), .limit = 3, .order = KSEM_FIFO};
	uv_poll_t poll;

	if (!(proc = ksem_private()) || ksem_init_attr(proc, &attr, 3, &places) || ksem_cq_create(proc, &queue) ||
	    uv_poll_init(uv_default_loop(), &poll, ksem_cq_fd(queue)) || uv_poll_start(&poll, UV_READABLE, begin_jobs))
		return 1;
	for (unsigned i = 0; i < 8; i++)
		if (ksem_cq_submit(queue, places, 1, CLOCK_MONOTONIC, NULL, i))
			return 1;
	return uv_run(uv_default_loop(), UV_RUN_DEFAULT) == 0 || ksem_cq_destroy(queue);
}
