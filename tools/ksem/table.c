/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores as a table. Its columns are as wide as what stands in them.
 *
 * Some columns say what only some semaphores have, such as a limit. Such a column is left out if no semaphore in the
 * table has it.
 */
#include "tool.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIDS_SHOWN 4 /* in a line */

enum {
	VALUE,
	LIMIT,
	DEBT,
	WAITERS,
	WAITS,
	TIMEOUTS,
	MEAN,
	MAX,
	REFS,
	UID,
	GID,
	MODE,
	ORDER,
	SHUT,
	AGE,
	PIDS,
	NAME,
	COLUMNS
};

static const char *const heads[COLUMNS] = {
	[VALUE] = "value",       [LIMIT] = "limit", [DEBT] = "debt",   [WAITERS] = "waiters", [WAITS] = "waits",
	[TIMEOUTS] = "timeouts", [MEAN] = "mean",   [MAX] = "max",     [REFS] = "refs",       [UID] = "uid",
	[GID] = "gid",           [MODE] = "mode",   [ORDER] = "order", [SHUT] = "shut",       [AGE] = "age",
	[PIDS] = "pids",         [NAME] = "name",
};

static const bool is_left_aligned[COLUMNS] = {[ORDER] = true, [SHUT] = true, [PIDS] = true, [NAME] = true};

struct row {
	char *name; /* as it is */
	char *cells[COLUMNS];
};

struct table {
	struct row *rows;
	size_t count, room;
	bool has[COLUMNS]; /* columns that aren't left out */
};

/* ---- Cells. ---- */

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

/* Three digits or more. */
static char *duration_cell(uint64_t nanoseconds)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	double time = (double)nanoseconds;
	size_t i = 0;

	for (; i < 3 && time >= 999.5; i++)
		time /= 1000;
	return cell("%.*f%s", i == 0 || time >= 99.95 ? 0 : time >= 9.995 ? 1 : 2, time, units[i]);
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

/* ---- Rows. ---- */

struct table *new_table(void)
{
	static const int always[] = {VALUE, WAITERS, REFS, UID, GID, MODE, AGE, PIDS, NAME};
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		die(FAILED, "no memory");
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		table->has[always[i]] = true;
	return table;
}

static struct row *add_row(struct table *table)
{
	if (table->count == table->room) {
		table->room = 2 * table->room + 16;
		table->rows = reallocarray(table->rows, table->room, sizeof(*table->rows));
		if (!table->rows)
			die(FAILED, "no memory");
	}
	return &table->rows[table->count++];
}

static void set_features(struct table *table, struct row *row, const struct ksem_info *info,
			 const struct details *details)
{
	row->cells[LIMIT] = details->limited ? cell("%u", details->limit) : cell("-");
	row->cells[DEBT] = details->limited ? cell("%u", details->debt) : cell("-");
	row->cells[ORDER] = cell("%s", order_name(info->order));
	row->cells[SHUT] = cell(info->flags & KSEM_SHUTDOWN ? "shut" : "-");
	table->has[LIMIT] |= details->limited;
	table->has[DEBT] |= details->debt > 0;
	table->has[ORDER] |= info->order != KSEM_BARGING;
	table->has[SHUT] |= (info->flags & KSEM_SHUTDOWN) != 0;
}

static void set_metrics(struct table *table, struct row *row, const struct details *details)
{
	const struct ksem_metrics *metrics = &details->metrics;
	static const int columns[] = {WAITS, TIMEOUTS, MEAN, MAX};

	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		table->has[columns[i]] |= details->measured;
	row->cells[WAITS] = details->measured ? cell("%" PRIu64, metrics->waits) : cell("-");
	row->cells[TIMEOUTS] = details->measured ? cell("%" PRIu64, metrics->timeouts) : cell("-");
	row->cells[MEAN] = metrics->waits ? duration_cell(metrics->wait_ns / metrics->waits) : cell("-");
	row->cells[MAX] = metrics->waits ? duration_cell(metrics->wait_max_ns) : cell("-");
}

void add_to_table(struct table *table, const struct ksem_info *info, const struct details *details)
{
	struct row *row = add_row(table);

	row->name = cell("%s", info->name);
	row->cells[VALUE] = cell("%u", info->value);
	row->cells[WAITERS] = cell("%u", info->waiters);
	row->cells[REFS] = cell("%u", info->refs);
	row->cells[UID] = cell("%u", info->uid);
	row->cells[GID] = cell("%u", info->gid);
	row->cells[MODE] = cell("%04o", info->mode);
	row->cells[AGE] = age_cell(details);
	row->cells[PIDS] = pids_cell(details);
	row->cells[NAME] = name_cell(info->name);
	set_features(table, row, info, details);
	set_metrics(table, row, details);
}

void free_table(struct table *table)
{
	for (size_t at = 0; at < table->count; at++) {
		for (int i = 0; i < COLUMNS; i++)
			free(table->rows[at].cells[i]);
		free(table->rows[at].name);
	}
	free(table->rows);
	free(table);
}

/* ---- Printing. ---- */

static int compare_names(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static void print_cells(FILE *to, const struct table *table, const char *const *cells, const size_t *widths)
{
	for (int i = 0; i < NAME; i++) {
		if (table->has[i])
			fprintf(to, is_left_aligned[i] ? "%-*s " : "%*s ", (int)widths[i], cells[i]);
	}
	fprintf(to, "%s\n", cells[NAME]);
}

void print_table(FILE *to, struct table *table)
{
	size_t widths[COLUMNS];

	if (table->count > 0)
		qsort(table->rows, table->count, sizeof(*table->rows), compare_names);
	for (int i = 0; i < NAME; i++) {
		widths[i] = strlen(heads[i]);
		for (size_t at = 0; at < table->count; at++) {
			size_t width = strlen(table->rows[at].cells[i]);

			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	print_cells(to, table, heads, widths);
	for (size_t at = 0; at < table->count; at++)
		print_cells(to, table, (const char *const *)table->rows[at].cells, widths);
}
