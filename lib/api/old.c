/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls as a program knows them that was linked to a library of 0.1, a stage of development that was never released.
 * Such a program asks the loader for ksem_stat@KSEM_0.1, and its struct ksem_info is shorter than today's. So these
 * functions write no more than it holds. Programs that are built now get the default version, ksem_stat@@KSEM_0.2. Only
 * the shared library has both (ksem.map).
 *
 * They stay so that such programs run on (tests/old_programs.c). And the next struct that grows without having a size
 * is treated the same way.
 */
#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "base/watch.h"
#include "ksem/ksem.h"

/* Gives a function of this file a version of a public symbol that isn't the default. */
#if defined(__has_attribute)
#if __has_attribute(symver)
#define VERSION(function, version) __attribute__((symver(version))) PUBLIC __typeof__(function) function
#endif
#endif
#ifndef VERSION
#define VERSION(function, version)                  \
	__asm__(".symver " #function ", " version); \
	PUBLIC __typeof__(function) function
#endif

/* struct ksem_info of 0.1 ended before `limit`. */
#define INFO_0_1 offsetof(struct ksem_info, limit)

int ksem_stat_0_1(struct ksem_proc *proc, ksem_id_t id, struct ksem_info *info);
VERSION(ksem_stat_0_1, "ksem_stat@KSEM_0.1");

int ksem_stat_0_1(struct ksem_proc *proc, ksem_id_t id, struct ksem_info *info)
{
	struct ksem_info now;
	int error = ksem_stat(proc, id, info ? &now : NULL);

	if (!error) {
		memcpy(info, &now, INFO_0_1); /* NULL is an error. NOLINT(clang-analyzer-core.NonNullParamChecker) */
		watch_wrote(info, INFO_0_1);
	}
	return error;
}

/* What visit sees begins as it did. */
int ksem_ns_foreach_0_1(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg);
VERSION(ksem_ns_foreach_0_1, "ksem_ns_foreach@KSEM_0.1");

int ksem_ns_foreach_0_1(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg)
{
	return ksem_ns_foreach(ns, visit, arg);
}
