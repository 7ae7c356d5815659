/* SPDX-License-Identifier: BSD-2-Clause */
/* A server with worker processes. One is killed at work; the permit that it held comes back, and the next one works. */
#include <ksem/ksem.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ksem_proc *proc;
static ksem_id_t places;

static int run_worker(int number)
{
	pid_t worker = fork();
	int status = -1;

	if (worker > 0)
		waitpid(worker, &status, 0);
	if (worker != 0)
		return status;
	while (ksem_wait(proc, places) == EINTR)
		;
	printf("worker %d works\n", number);
	fflush(stdout);
	if (number == 1)
		raise(SIGKILL); /* a crash, before the post */
	_exit(ksem_post(proc, places));
}

int main(void)
{
	struct ksem_attr attr = {.size = sizeof(attr), .limit = 1, .flags = KSEM_UNDO};

	proc = ksem_self();
	if (!proc || ksem_open_attr(proc, "/guide-workers", O_CREAT, 0600, &attr, 1, &places))
		return 1;
	if (WIFSIGNALED(run_worker(1)) && run_worker(2) == 0)
		printf("worker 1 was killed, worker 2 was not\n");
	return ksem_unlink(proc, "/guide-workers");
}
