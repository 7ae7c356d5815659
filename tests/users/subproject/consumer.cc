/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same in C++, with the calls inline.
 */
#include <ksem/ksem.h>

#include <ksem/inline.h>

int main()
{
	ksem_proc *proc = ksem_private();
	ksem_id_t id;

	static_assert(noexcept(ksem_post(proc, 1)) && noexcept(ksem_private()), "calls don't throw");
	if (!proc || ksem_init(proc, 0, &id))
		return 1;
	if (ksem_post(proc, id) || ksem_wait(proc, id))
		return 1;
	const timespec deadline = ksem_deadline_after(1000);
	if (ksem_clockwait(proc, id, CLOCK_MONOTONIC, &deadline) != ETIMEDOUT)
		return 1;
	return ksem_destroy(proc, id);
}
