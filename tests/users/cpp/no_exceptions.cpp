/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compiled with -fno-exceptions -fno-rtti, and linked with other_file.cpp, which includes the header as well: calls
 * that are noexcept, and those that set a code, do without exceptions.
 */
#include <ksem/ksem.hpp>

#include "checks.hpp"

int other_file(ksem::counting_semaphore<> &s);

int main()
{
	ksem::counting_semaphore<> s(1);
	std::error_code code;
	const ksem::semaphore t(ksem::process::in_private(), 2, {2, ksem::order::fifo}, code);

	CHECK(!code && s.try_acquire() && !s.try_acquire() && other_file(s) == 0 && s.try_acquire());
	t.release(1, code);
	CHECK(code == ksem::error(EOVERFLOW));
	t.acquire(2, code);
	CHECK(!code && !ksem::permit(t, std::try_to_lock));
	t.shutdown(code);
	CHECK(!code && !ksem::permit(t, 1, code) && code == ksem::error(ESHUTDOWN));
	t.release(2, code);
	return t.try_acquire() ? 0 : 1;
}
