/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGTERM: the worker finishes the jobs that are there, and ends. */
#include <ksem/ksem.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

static struct ksem_proc *proc;
static ksem_id_t jobs;

static void stop(int signal)
{
	(void)signal;
	ksem_shutdown(proc, jobs); /* a handler may call it */
}

static void *work(void *arg)
{
	int *done = arg, error;

	while ((error = ksem_wait(proc, jobs)) == 0 || error == EINTR)
		*done += !error; /* EINTR: the handler ran in this thread */
	return NULL;
}

int main(void)
{
	struct sigaction action = {.sa_handler = stop};
	pthread_t worker;
	int done = 0;

	proc = ksem_private();
	if (!proc || ksem_init(proc, 5, &jobs) || sigaction(SIGTERM, &action, NULL) ||
	    pthread_create(&worker, NULL, work, &done) || puts("ready") == EOF || fflush(stdout))
		return 1;
	pthread_join(worker, NULL);
	return printf("%d jobs done\n", done) < 0;
}
