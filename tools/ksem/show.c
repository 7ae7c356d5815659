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

#include "shared/listing.h"

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
	fprintf(to, ", \"debt\": %u, \"order\": \"%s\", \"shut\": %s, \"undo\": %s, \"held\": %u, \"waits\": %" PRIu64,
		details->debt, order_name(info->order), info->flags & KSEM_SHUTDOWN ? "true" : "false",
		details->undo ? "true" : "false", info->held, details->waits);
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
		", \"cancels\": %" PRIu64 ", \"shutdowns\": %" PRIu64 ", \"undone\": %" PRIu64 ", \"waiters_max\": %u",
		metrics->waits, metrics->timeouts, metrics->interrupts, metrics->cancels, metrics->shutdowns,
		metrics->undone, metrics->waiters_max);
	print_json_time(to, "wait", metrics->wait_ns, true);
	print_json_time(to, "wait_max", metrics->wait_max_ns, true);
	fputs(", \"histogram\": [", to);
	for (int i = 0; i < 64; i++)
		fprintf(to, "%s%" PRIu64, i ? ", " : "", metrics->histogram[i]);
	fputs("]}", to);
}

/* Null: there are none yet. */
static void print_json_rates(FILE *to, const struct rates *rates)
{
	if (!rates->known) {
		fputs(", \"rates\": null", to);
		return;
	}
	fprintf(to, ", \"rates\": {\"waits\": %.3f", rates->waits);
	print_json_time(to, "mean", rates->mean, rates->ended);
	print_json_time(to, "p99", rates->p99, rates->ended);
	putc('}', to);
}

/* Null: not known here. */
static void print_json_holder(FILE *to, const struct ksem_holder *holder)
{
	char command[16];

	if (holder->pid)
		fprintf(to, "{\"pid\": %ld, \"command\": ", (long)holder->pid);
	else
		fputs("{\"pid\": null, \"command\": ", to);
	if (command_of(holder->pid, command))
		put_json_string(to, command, takes_utf8(STDOUT_FILENO));
	else
		fputs("null", to);
	fprintf(to, ", \"refs\": %u, \"held\": %u, ", holder->refs, holder->held);
	if (holder->held > 0)
		fprintf(to, "\"oldest\": %u", holder->oldest);
	else
		fputs("\"oldest\": null", to);
	fprintf(to, ", \"waiting\": %u}", holder->waiting);
}

/* The numbers of processes alone, and all that is known of each. */
static void print_json_holders(FILE *to, const struct details *details)
{
	bool more = details->more_holders;
	unsigned int count = 0;

	fputs(", \"pids\": [", to);
	for (unsigned int i = 0; i < details->holders_count; i++) {
		more = more || details->holders[i].pid == 0;
		if (details->holders[i].pid)
			fprintf(to, "%s%ld", count++ ? ", " : "", (long)details->holders[i].pid);
	}
	fprintf(to, "], \"more_pids\": %s, \"holders\": [", more ? "true" : "false");
	for (unsigned int i = 0; i < details->holders_count; i++) {
		fputs(i ? ", " : "", to);
		print_json_holder(to, &details->holders[i]);
	}
	fprintf(to, "], \"more_holders\": %s}", details->more_holders ? "true" : "false");
}

static void print_json(FILE *to, const struct ksem_info *info, bool watched)
{
	struct details details;
	struct rates rates;

	find_details(info->name, info->id, &details);
	print_json_name(to, info->name);
	fprintf(to,
		", \"id\": \"%" PRIu64 "\", \"value\": %u, \"waiters\": %u, \"refs\": %u, \"uid\": %u, \"gid\": %u, "
		"\"mode\": \"%04o\"",
		info->id, info->value, info->waiters, info->refs, info->uid, info->gid, info->mode);
	print_json_time(to, "made", details.made, details.made != 0);
	print_json_time(to, "age", age_of(&details), details.made != 0);
	print_json_features(to, info, &details);
	print_json_metrics(to, &details);
	if (watched) {
		rates = rates_of(info, &details);
		print_json_rates(to, &rates);
	}
	print_json_holders(to, &details);
}

/* ---- All of them, or the one of options.name. ---- */

struct looking {
	void (*act)(const struct ksem_info *info, void *arg);
	void *arg;
};

static int visit(const struct ksem_info *info, void *arg)
{
	const struct looking *looking = arg;

	if (*info->name)
		looking->act(info, looking->arg);
	return 0;
}

/* As foreach: what isn't there, or can't be looked at, is left out. */
static int look_at_one(void (*act)(const struct ksem_info *info, void *arg), void *arg)
{
	struct ksem_info info;
	bool found = false;
	int error = directory_is_missing ? 0 : shared_ns_look(ns, options.name, &info, &found);

	if (found)
		act(&info, arg);
	return error;
}

/* All that are to be shown. 0, or an error. */
static int look_at_all(void (*act)(const struct ksem_info *info, void *arg), void *arg)
{
	struct looking looking = {act, arg};

	return options.name ? look_at_one(act, arg) : ksem_ns_foreach(ns, visit, &looking);
}

static void add_row(const struct ksem_info *info, void *table)
{
	struct details details;

	find_details(info->name, info->id, &details);
	add_to_table(table, info, &details);
}

struct table *find_table(bool watched, int *error)
{
	struct table *table = new_table(watched);

	*error = look_at_all(add_row, table);
	sort_table(table, BY_NAME, false);
	return table;
}

struct printing {
	FILE *to;
	bool watched;
	unsigned int count;
};

static void print_next(const struct ksem_info *info, void *arg)
{
	struct printing *printing = arg;

	fputs(printing->count++ > 0 ? ", " : "", printing->to);
	print_json(printing->to, info, printing->watched);
}

unsigned int print_json_all(FILE *to, bool watched, int *error)
{
	struct printing printing = {.to = to, .watched = watched};

	fputs(options.name ? "" : "[", to);
	*error = look_at_all(print_next, &printing);
	fputs(!options.name ? "]\n" : printing.count ? "\n" : "null\n", to);
	return printing.count;
}

static void print_name(const struct ksem_info *info, void *arg)
{
	(void)arg;
	fwrite(info->name, 1, strlen(info->name) + 1, stdout);
}

/* Prints all, or if options.name is given that one, if there is one: JSON says so otherwise. How many there were. */
static size_t print_all(int *error)
{
	struct table *table;
	size_t count;

	if (options.json)
		return print_json_all(stdout, false, error);
	table = find_table(false, error);
	count = rows_of_table(table);
	if (count > 0 || !options.name)
		print_table(stdout, table, 0);
	free_table(table);
	return count;
}

/* ---- One of them. ---- */

static void print_holder(const struct ksem_holder *holder, bool undo)
{
	char *oldest = holder->held > 0 ? age_text(holder->oldest) : NULL;
	char command[16];

	if (holder->pid)
		printf("%10ld", (long)holder->pid);
	else
		printf("%10s", "-");
	printf(" %6u", holder->refs);
	if (undo)
		printf(" %10u %6s", holder->held, oldest ? oldest : "-");
	printf(" %7u ", holder->waiting);
	put_text(stdout, command_of(holder->pid, command) ? command : "-", takes_utf8(STDOUT_FILENO));
	putchar('\n');
	free(oldest);
}

/* Who has it. */
static void print_holders(void)
{
	struct details details;

	if (!find_details(options.name, 0, &details) || details.holders_count == 0)
		return;
	printf("\n%10s %6s%s %7s command\n", "pid", "refs", details.undo ? "       held oldest" : "", "waiting");
	for (unsigned int i = 0; i < details.holders_count; i++)
		print_holder(&details.holders[i], details.undo);
	fputs(details.more_holders ? "       ...\n" : "", stdout);
}

int list(void)
{
	int error;

	if (options.names0 && isatty(STDOUT_FILENO))
		die(USAGE, "--names0 is for programs: it doesn't write to a terminal");
	if (options.names0)
		error = look_at_all(print_name, NULL);
	else
		print_all(&error); /* what was found is shown, even if more couldn't be */
	must_have_written();
	must(error, options.directory);
	return DONE;
}

int show(void)
{
	int error;
	size_t count = print_all(&error);
	const char *why;

	if (count > 0 && !options.json)
		print_holders();
	must_have_written();
	must(error, options.directory);
	if (count > 0)
		return DONE;
	why = why_not(options.name);
	die(FAILED, "%s: %s", options.name, why ? why : "can't be opened");
}
