/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the object that contains restartable sequences from being unloaded: see ksem_inline_stay_here in
 * <ksem/inline.h>, which calls this as the object is loaded. The library keeps the one that contains itself, which is
 * a plugin where that was linked with libksem.a: its sequences, fork handlers and what ends with a thread are in use.
 *
 * dlopen marks an object that is there (RTLD_NOLOAD) as one that stays (RTLD_NODELETE). The functions of the dynamic
 * linker are weak references: a program that is linked statically unloads nothing, and needn't have them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>

#include "os/rseq.h"

#pragma weak dladdr1
#pragma weak dlopen
#pragma weak dlclose
#pragma weak dlerror

/* What that address lies in; NULL: the program itself, which isn't unloaded. */
static const char *object_of(const void *address)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) || !map || !map->l_name[0])
		return NULL;
	return map->l_name;
}

PUBLIC void ksem_inline_stay(const void *inside)
{
	int saved = errno;
	const char *object;
	void *handle;

	if (!dladdr1 || !dlopen || !dlclose || !dlerror)
		return;
	object = object_of(inside);
	if (object) {
		handle = dlopen(object, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
		if (handle)
			dlclose(handle);
		else
			dlerror(); /* each thread has one, and the host's next is about its own. NOLINT */
	}
	errno = saved;
}

__attribute__((constructor)) static void stay(void)
{
	static const char here;

	ksem_inline_stay(&here);
}
