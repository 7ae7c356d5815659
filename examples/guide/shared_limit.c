/* SPDX-License-Identifier: BSD-2-Clause */
/* Two copies of this program work at a time, whoever starts them. Each works until its input ends. */
#include <ksem/ksem.h>
#include <stdio.h>

int main(void)
{
	struct ksem_proc *proc = ksem_self(); /* in a directory that programs share: $KSEM_DIR, or /dev/shm/ksem */
	ksem_id_t id;
	int error;

	if (!proc)
		return 1;
	/* The first copy makes the semaphore. It stays there, with its value, until somebody unlinks it. */
	if (ksem_open(proc, "/guide-copies", O_CREAT, 0600, 2, &id))
		return 1;
	do
		error = ksem_wait(proc, id);
	while (error == EINTR);
	if (error)
		return 1;
	puts("works");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return ksem_post(proc, id) || ksem_close(proc, id);
}
