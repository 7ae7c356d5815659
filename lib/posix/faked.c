/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faked clocks: see faked.h.
 */
#include "posix/faked.h"

#include <dlfcn.h>
#include <stddef.h>

#include "os/clock.h"

#define FOREVER (INT64_C(1) << 62) /* ns, a century and more */

bool faked_timedwait, faked_clockwait;

/* Where the library begins that contains the address; NULL: not found. */
static const void *library_with(const void *address)
{
	Dl_info info;

	return address && dladdr(address, &info) ? info.dli_fbase : NULL;
}

static const void *library_of(const char *name)
{
	return library_with(dlsym(RTLD_DEFAULT, name));
}

__attribute__((constructor)) static void look_who_is_there(void)
{
	static const char own = 0;
	const void *here = library_with(&own), *libc = library_of("gnu_get_libc_version");
	const void *clock = library_of("clock_gettime");

	if (!here || !libc || !clock || clock == libc)
		return;
	faked_timedwait = library_of("sem_timedwait") == here;
	faked_clockwait = library_of("sem_clockwait") == here;
}

void faked_to_kernel(struct deadline *deadline)
{
	struct timespec shown, now = clock_now(deadline->clock);
	int64_t left;

	if (clock_gettime(deadline->clock, &shown) != 0)
		return;
	left = clock_between(&shown, &deadline->time, FOREVER);
	deadline->time = left > 0 ? clock_after(&now, left) : (struct timespec){0, 0};
}
