/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of a project that has ksem as a subproject.
 */
#include <ksem/ksem.h>

int main(void)
{
	struct ksem_proc *proc = ksem_private();
	ksem_id_t id;

	if (!proc || ksem_open(proc, "/consumer", O_CREAT | O_EXCL, S_IRUSR | S_IWUSR, 1, &id))
		return 1;
	if (ksem_wait(proc, id) || ksem_trywait(proc, id) != EAGAIN)
		return 1;
	return ksem_close(proc, id) || ksem_unlink(proc, "/consumer");
}
