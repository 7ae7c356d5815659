/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps a plugin that contains restartable sequences from being unloaded: see ksem_inline_stay_here in <ksem/inline.h>,
 * which calls this when the plugin is loaded. A plugin that was linked with libksem.a contains the library; the library
 * keeps it loaded, because its sequences, fork handlers and thread destructors stay in use.
 *
 * dlopen with RTLD_NOLOAD finds the loaded object, and RTLD_NODELETE keeps it. The functions of the dynamic linker are
 * weak references: a statically linked program has no need of them, and unloads nothing.
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

/* The name of the loaded object that contains the address; NULL: the program itself, which is never unloaded. */
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
			dlerror(); /* clears it, so that the program's next dlerror is about its own call. NOLINT */
	}
	errno = saved;
}

__attribute__((constructor)) static void stay(void)
{
	static const char here;

	ksem_inline_stay(&here);
}
