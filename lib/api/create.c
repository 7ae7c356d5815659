/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a namespace: see create.h. This is the only place that knows all kinds.
 */
#include "api/create.h"

#include <errno.h>

#include "api/forks.h"
#include "base/sized.h"
#include "private/namespace.h"
#include "shared/namespace.h"

#define MAX_SEMS_DEFAULT (UINT32_C(1) << 20)

/*
 * Nothing needs the fork handlers before there is a namespace. In a statically linked program, this runs before
 * constructors without a priority.
 */
__attribute__((constructor(102))) static void start(void)
{
	forks_install();
}

/* Copies the caller's options to *options, or the defaults if they are NULL. EINVAL. */
static int read_options(const struct ksem_ns_options *wanted, struct ksem_ns_options *options)
{
	static const size_t ends[] = {
		SIZED_END(struct ksem_ns_options, size),
		SIZED_END(struct ksem_ns_options, dir),
		SIZED_END(struct ksem_ns_options, max_sems),
		SIZED_END(struct ksem_ns_options, max_name),
	};

	*options = (struct ksem_ns_options){0};
	if (wanted && sized_read(SIZED(ends), options, wanted) != 0)
		return EINVAL;
	if (options->max_name == 1 || options->max_name > KSEM_NAME_MAX)
		return EINVAL;
	if (!options->max_sems)
		options->max_sems = MAX_SEMS_DEFAULT;
	if (!options->max_name)
		options->max_name = KSEM_NAME_MAX;
	return 0;
}

int create_namespace(const struct ksem_ns_options *wanted, struct ksem_ns **created)
{
	struct ksem_ns_options options;
	struct ksem_ns *ns;
	int error = read_options(wanted, &options);

	if (error)
		return error;
	error = options.dir ? shared_namespace_new(&options, &ns) : private_namespace_new(&options, &ns);
	if (error)
		return error;
	if (!namespace_publish(ns)) {
		ns->ops->free(ns);
		return ENOMEM;
	}
	*created = ns;
	return 0;
}
