/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header a second time in one program, here behind <ksem/inline.h>, and with the pinned semaphore of C.
 */
#include <ksem/ksem.h>
#include <ksem/inline.h>

#include <ksem/ksem.hpp>

int other_file(ksem::counting_semaphore<> &s);
int other_file(ksem::counting_semaphore<> &s)
{
	struct ksem *const pin = s.native_handle();

	if (ksem_pinned_trywait(pin) != EAGAIN || ksem_pinned_post(pin) != 0)
		return 1;
	const ksem::permit held(s);
	return ksem_pinned_trywait(pin) == EAGAIN ? 0 : 1;
}
