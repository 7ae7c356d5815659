/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem ls and show: what is known of semaphores, found without opening them, so that this process isn't among those
 * that hold them. The columns of a table are as wide as what stands in them.
 */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIDS_SHOWN 4 /* in a line of text */
#define SECOND     UINT64_C(1000000000)
#define FOUND      (-1) /* of a visit: no more are wanted */

/* Nanoseconds. */
static uint64_t age_of(const struct details *details)
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

static void print_json(FILE *to, const struct ksem_info *info, const struct details *details)
{
	print_json_name(to, info->name);
	fprintf(to,
		", \"id\": \"%" PRIu64 "\", \"value\": %u, \"waiters\": %u, \"refs\": %u, \"uid\": %u, \"gid\": %u, "
		"\"mode\": \"%04o\"",
		info->id, info->value, info->waiters, info->refs, info->uid, info->gid, info->mode);
	print_json_time(to, "made", details->made, details->made != 0);
	print_json_time(to, "age", age_of(details), details->made != 0);
	fputs(", \"pids\": [", to);
	for (unsigned int i = 0; i < details->pids_count; i++)
		fprintf(to, "%s%ld", i ? ", " : "", (long)details->pids[i]);
	fprintf(to, "], \"more_pids\": %s}", details->more_pids ? "true" : "false");
}

/* ---- A table. ---- */

enum { VALUE, WAITERS, REFS, UID, GID, MODE, AGE, PIDS, NAME, COLUMNS };

struct row {
	struct row *next;
	char *cells[COLUMNS];
};

struct table {
	struct row *first, **last;
	size_t widths[COLUMNS]; /* but for the last */
};

__attribute__((format(printf, 1, 2))) static char *cell(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		die(FAILED, "no memory");
	va_end(arguments);
	return text;
}

/* The largest unit of which there are two, or seconds. */
static char *age_cell(const struct details *details)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t age = age_of(details) / SECOND;
	size_t i = 0;

	if (!details->made)
		return cell("-");
	while (units[i].unit != 's' && age < 2 * units[i].seconds)
		i++;
	return cell("%" PRIu64 "%c", age / units[i].seconds, units[i].unit);
}

static char *pids_cell(const struct details *details)
{
	char text[PIDS_SHOWN * 12 + 8] = "-";
	size_t at = 0;

	for (unsigned int i = 0; i < details->pids_count && i < PIDS_SHOWN; i++)
		at += (size_t)snprintf(&text[at], sizeof(text) - at, "%s%ld", i ? "," : "", (long)details->pids[i]);
	if (details->pids_count > PIDS_SHOWN || details->more_pids)
		snprintf(&text[at], sizeof(text) - at, "%s...", at ? "," : "");
	return cell("%s", text);
}

static char *name_cell(const char *name)
{
	char *text = safe_text(name, STDOUT_FILENO);

	if (!text)
		die(FAILED, "no memory");
	return text;
}

static struct row *add_row(struct table *table)
{
	struct row *row = calloc(1, sizeof(*row));

	if (!row)
		die(FAILED, "no memory");
	*table->last = row;
	table->last = &row->next;
	return row;
}

static void add_head(struct table *table)
{
	static const char *const heads[COLUMNS] = {"value", "waiters", "refs", "uid", "gid",
						   "mode",  "age",     "pids", "name"};
	struct row *row = add_row(table);

	for (int i = 0; i < COLUMNS; i++)
		row->cells[i] = cell("%s", heads[i]);
}

static void add_semaphore(struct table *table, const struct ksem_info *info, const struct details *details)
{
	struct row *row = add_row(table);

	row->cells[VALUE] = cell("%u", info->value);
	row->cells[WAITERS] = cell("%u", info->waiters);
	row->cells[REFS] = cell("%u", info->refs);
	row->cells[UID] = cell("%u", info->uid);
	row->cells[GID] = cell("%u", info->gid);
	row->cells[MODE] = cell("%04o", info->mode);
	row->cells[AGE] = age_cell(details);
	row->cells[PIDS] = pids_cell(details);
	row->cells[NAME] = name_cell(info->name);
}

static void free_table(struct table *table)
{
	struct row *row;

	while ((row = table->first)) {
		table->first = row->next;
		for (int i = 0; i < COLUMNS; i++)
			free(row->cells[i]);
		free(row);
	}
}

static void print_table(FILE *to, struct table *table)
{
	for (const struct row *row = table->first; row; row = row->next) {
		for (int i = 0; i < NAME; i++) {
			size_t width = strlen(row->cells[i]);

			table->widths[i] = width > table->widths[i] ? width : table->widths[i];
		}
	}
	for (const struct row *row = table->first; row; row = row->next) {
		for (int i = 0; i < NAME; i++)
			fprintf(to, i == PIDS ? "%-*s " : "%*s ", (int)table->widths[i], row->cells[i]);
		fprintf(to, "%s\n", row->cells[NAME]);
	}
}

/* ---- All of them. ---- */

struct printing {
	FILE *to;
	struct table table;
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
		add_semaphore(&printing->table, info, &details);
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
	struct printing printing = {.to = to, .table.last = &printing.table.first};
	bool is_table = !options.json && !options.names0;
	int result;

	if (is_table)
		add_head(&printing.table);
	else if (options.json && !options.name)
		putc('[', to);
	result = ksem_ns_foreach(ns, visit, &printing);
	*error = result == FOUND ? 0 : result;
	if (is_table)
		print_table(to, &printing.table);
	else if (options.json)
		fputs(!options.name ? "]\n" : printing.count ? "\n" : "null\n", to);
	free_table(&printing.table);
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
