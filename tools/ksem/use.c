/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that make and use semaphores: create, post, wait, limit, shutdown, unlink.
 *
 * Error numbers are explained for the user: by what the file says, if the number alone would not tell what is wrong.
 */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>

const char *explain(int error, const char *name)
{
	const char *why;

	switch (error) {
	case ENOENT:
	case EINVAL:
	case ELOOP:
	case ENAMETOOLONG:
		why = why_not(name);
		return why ? why : description(error);
	case EEXIST:
		why = why_unusable(name);
		return why ? why : "it exists";
	case EPERM:
	case EACCES:
		return "permission denied";
	case ESHUTDOWN:
		return "it is shut down";
	default:
		return description(error);
	}
}

static int open_with(int flags, const struct ksem_attr *attr, ksem_id_t *id)
{
	return ksem_open_attr(proc, options.name, flags, options.mode, attr, options.value, id);
}

ksem_id_t open_name(void)
{
	ksem_id_t id = 0;
	int error = open_with(0, NULL, &id);

	if (error)
		die(FAILED, "%s: %s", options.name, explain(error, options.name));
	return id;
}

/* The semaphore that is open; the program ends if another has the name by now. */
static void find_own_details(ksem_id_t id, struct details *details)
{
	if (!find_details(options.name, id, details))
		die(FAILED, "%s: it was removed", options.name);
}

int create(void)
{
	struct ksem_attr attr = {
		.size = sizeof(attr),
		.limit = options.has_limit ? options.limit : 0,
		.order = options.order,
		.flags = (options.metrics ? KSEM_METRICS : 0) | (options.undo ? KSEM_UNDO : 0),
	};
	ksem_id_t id;
	int error = open_with(O_CREAT | O_EXCL, &attr, &id);

	if (error == EFBIG)
		die(FAILED, "%s: the limit on the size of files (ulimit -f) is too low", options.name);
	if (error == ENOTSUP)
		die(FAILED, "%s: not on this processor: only semaphores without --limit, --undo, --order, --metrics",
		    options.name);
	if (error)
		die(FAILED, "%s: %s", options.name, explain(error, options.name));
	return DONE;
}

int post(void)
{
	ksem_id_t id = open_name();
	int error = ksem_post_many(proc, id, options.count);
	struct details details;

	if (error == EOVERFLOW) {
		find_own_details(id, &details);
		die(FAILED, "%s: the value would exceed %u", options.name, details.limit);
	}
	if (error == EPERM)
		die(FAILED, "%s: it was made with --undo, and this command holds no permit of it", options.name);
	if (error)
		die(FAILED, "%s: %s", options.name, explain(error, options.name));
	return DONE;
}

int take(ksem_id_t id)
{
	struct timespec until;

	if (options.timeout < 0)
		return ksem_wait_many(proc, id, options.count, CLOCK_MONOTONIC, NULL);
	until = ksem_deadline_after((uint64_t)(options.timeout * 1e9));
	return ksem_wait_many(proc, id, options.count, CLOCK_MONOTONIC, &until);
}

int wait_for(void)
{
	ksem_id_t id = open_name();
	int error = take(id);
	struct details details;

	if (error == ETIMEDOUT)
		return NO_PERMIT;
	if (error == EINVAL) {
		find_own_details(id, &details);
		die(FAILED, "%s: --count is over its limit, %u", options.name, details.limit);
	}
	if (error)
		die(FAILED, "%s: %s", options.name, explain(error, options.name));
	return DONE;
}

static void show_limit(void)
{
	struct details details;
	const char *why;

	if (find_details(options.name, 0, &details)) {
		if (details.limited)
			printf("%u\n", details.limit);
		else
			puts("none");
		return;
	}
	why = why_not(options.name);
	die(FAILED, "%s: %s", options.name, why ? why : "can't be read");
}

int limit(void)
{
	struct details details;
	ksem_id_t id;
	int error;

	if (!options.has_limit) {
		show_limit();
		return DONE;
	}
	id = open_name();
	error = ksem_set_limit(proc, id, options.limit);
	if (error == EINVAL) {
		find_own_details(id, &details);
		if (!details.limited)
			die(FAILED, "%s: it was made without a limit", options.name);
		die(FAILED, "%s: its limit is at most %u", options.name, details.highest);
	}
	if (error)
		die(FAILED, "%s: %s", options.name, explain(error, options.name));
	return DONE;
}

int shut_down(void)
{
	int error = ksem_shutdown(proc, open_name());

	if (error)
		die(FAILED, "%s: %s", options.name, explain(error, options.name));
	return DONE;
}

/* All that can be. */
int unlink_names(void)
{
	int code = DONE;

	for (char **name = options.names; *name; name++) {
		int error = ksem_unlink(proc, *name);

		if (error) {
			say("%s: %s", *name, explain(error, *name));
			code = FAILED;
		}
	}
	return code;
}
