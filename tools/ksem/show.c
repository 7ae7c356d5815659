/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem ls and show: what is known of semaphores, found without opening them, so that this process isn't among those
 * that hold them.
 */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FOUND (-1) /* of a visit: no more are wanted */

uint64_t age_of(const struct details *details)
{
	struct timespec now;
	uint64_t since;

	clock_gettime(CLOCK_REALTIME, &now);
	since = (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
	return since > details->made ? since - details->made : 0; /* the clock was set back */
}

/* ---- JSON. ---- */

/* Seconds, to the nanosecond; null: unknown. */
static void print_json_time(FILE *to, const char *member, uint64_t time, bool known)
{
	if (known)
		fprintf(to, ", \"%s\": %" PRIu64 ".%09" PRIu64, member, time / SECOND, time % SECOND);
	else
		fprintf(to, ", \"%s\": null", member);
}

static void print_json_name(FILE *to, const char *name)
{
	fputs("{\"name\": ", to);
	if (put_json_string(to, name, takes_utf8(STDOUT_FILENO)))
		return;
	fputs(", \"name_bytes\": \"", to);
	for (; *name; name++)
		fprintf(to, "%02x", (unsigned char)*name);
	putc('"', to);
}

/* Limit null: it was made without one. */
static void print_json_features(FILE *to, const struct ksem_info *info, const struct details *details)
{
	if (details->limited)
		fprintf(to, ", \"limit\": %u", details->limit);
	else
		fputs(", \"limit\": null", to);
	fprintf(to, ", \"debt\": %u, \"order\": \"%s\", \"shut\": %s, \"waits\": %" PRIu64, details->debt,
		order_name(info->order), info->flags & KSEM_SHUTDOWN ? "true" : "false", details->waits);
}

static void print_json_metrics(FILE *to, const struct details *details)
{
	const struct ksem_metrics *metrics = &details->metrics;

	if (!details->measured) {
		fputs(", \"metrics\": null", to);
		return;
	}
	fprintf(to,
		", \"metrics\": {\"waits\": %" PRIu64 ", \"timeouts\": %" PRIu64 ", \"interrupts\": %" PRIu64
		", \"cancels\": %" PRIu64 ", \"shutdowns\": %" PRIu64 ", \"waiters_max\": %u",
		metrics->waits, metrics->timeouts, metrics->interrupts, metrics->cancels, metrics->shutdowns,
		metrics->waiters_max);
	print_json_time(to, "wait", metrics->wait_ns, true);
	print_json_time(to, "wait_max", metrics->wait_max_ns, true);
	fputs(", \"histogram\": [", to);
	for (int i = 0; i < 64; i++)
		fprintf(to, "%s%" PRIu64, i ? ", " : "", metrics->histogram[i]);
	fputs("]}", to);
}

static void print_json(FILE *to, const struct ksem_info *info, const struct details *details)
{
	print_json_name(to, info->name);
	fprintf(to,
		", \"id\": \"%" PRIu64 "\", \"value\": %u, \"waiters\": %u, \"refs\": %u, \"uid\": %u, \"gid\": %u, "
		"\"mode\": \"%04o\"",
		info->id, info->value, info->waiters, info->refs, info->uid, info->gid, info->mode);
	print_json_time(to, "made", details->made, details->made != 0);
	print_json_time(to, "age", age_of(details), details->made != 0);
	print_json_features(to, info, details);
	print_json_metrics(to, details);
	fputs(", \"pids\": [", to);
	for (unsigned int i = 0; i < details->pids_count; i++)
		fprintf(to, "%s%ld", i ? ", " : "", (long)details->pids[i]);
	fprintf(to, "], \"more_pids\": %s}", details->more_pids ? "true" : "false");
}

/* ---- All of them. ---- */

struct printing {
	FILE *to;
	struct table *table;
	unsigned int count;
};

static void print_one(struct printing *printing, const struct ksem_info *info)
{
	struct details details;

	printing->count++;
	if (options.names0) {
		fwrite(info->name, 1, strlen(info->name) + 1, printing->to);
		return;
	}
	find_details(info->name, info->id, &details);
	if (!options.json) {
		add_to_table(printing->table, info, &details);
		return;
	}
	fputs(printing->count > 1 ? ", " : "", printing->to);
	print_json(printing->to, info, &details);
}

static int visit(const struct ksem_info *info, void *arg)
{
	if (!*info->name || (options.name && strcmp(info->name, options.name) != 0))
		return 0;
	print_one(arg, info);
	return options.name ? FOUND : 0;
}

unsigned int print_all(FILE *to, int *error)
{
	struct printing printing = {.to = to, .table = new_table()};
	bool is_table = !options.json && !options.names0;
	int result;

	if (options.json && !options.name)
		putc('[', to);
	result = ksem_ns_foreach(ns, visit, &printing);
	*error = result == FOUND ? 0 : result;
	if (is_table)
		print_table(to, printing.table);
	else if (options.json)
		fputs(!options.name ? "]\n" : printing.count ? "\n" : "null\n", to);
	free_table(printing.table);
	return printing.count;
}

int list(void)
{
	int error;

	if (options.names0 && isatty(STDOUT_FILENO))
		die(USAGE, "--names0 is for programs: it doesn't write to a terminal");
	print_all(stdout, &error); /* what was found is shown, even if more couldn't be */
	must_have_written();
	must(error, options.directory);
	return DONE;
}

/* The head without a semaphore isn't shown; JSON's null is. */
int show(void)
{
	char *text = NULL;
	size_t length;
	FILE *memory = open_memstream(&text, &length);
	unsigned int count;
	const char *why;
	int error;

	if (!memory)
		die(FAILED, "no memory");
	count = print_all(memory, &error);
	if (fclose(memory) != 0)
		die(FAILED, "no memory");
	if (count > 0 || options.json)
		fputs(text, stdout);
	free(text);
	must_have_written();
	must(error, options.directory);
	if (count > 0)
		return DONE;
	why = why_not(options.name);
	die(FAILED, "%s: %s", options.name, why ? why : "can't be opened");
}
