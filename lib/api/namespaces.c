/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls on namespaces.
 */
#include <errno.h>

#include "api/common.h"
#include "api/create.h"
#include "base/cancel.h"

PUBLIC int ksem_ns_create(const struct ksem_ns_options *options, struct ksem_ns **ns)
{
	if (!ns)
		return EFAULT;
	return ANSWERS(ns, CONTROL(create_namespace(options, ns)));
}

PUBLIC int ksem_ns_destroy(struct ksem_ns *ns)
{
	if (!ns)
		return EINVAL;
	return CONTROL(namespace_destroy(ns));
}

struct visiting {
	int (*visit)(const struct ksem_info *info, void *arg);
	void *arg;
	struct cancel cancel; /* the caller's */
};

/* The program's callback may be a cancellation point, so it runs with the caller's cancellation state. */
static int visit_as_caller(const struct ksem_info *info, void *arg)
{
	struct visiting *visiting = arg;
	int result;

	watch_wrote(info, sizeof(*info));
	cancel_restore(visiting->cancel);
	result = visiting->visit(info, visiting->arg);
	visiting->cancel = cancel_disable();
	return result;
}

PUBLIC int ksem_ns_foreach(struct ksem_ns *ns, int (*visit)(const struct ksem_info *info, void *arg), void *arg)
{
	struct visiting visiting = {.visit = visit, .arg = arg};
	int result;

	if (!ns)
		return EINVAL;
	if (!visit)
		return EFAULT;
	visiting.cancel = cancel_disable();
	result = ns->ops->foreach(ns, visit_as_caller, &visiting);
	cancel_restore(visiting.cancel);
	return result;
}
