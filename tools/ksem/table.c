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

#define PIDS_SHOWN   4 /* in a line */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum column {
	VALUE,
	LIMIT,
	DEBT,
	HELD,
	UNDONE,
	WAITERS,
	WAITS,
	TIMEOUTS,
	RATE,
	MEAN,
	MAX,
	P99,
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

static const struct {
	const char *head;
	bool is_left_aligned;
} columns[COLUMNS] = {
	[VALUE] = {"value", false},     [LIMIT] = {"limit", false}, [DEBT] = {"debt", false},
	[WAITERS] = {"waiters", false}, [WAITS] = {"waits", false}, [TIMEOUTS] = {"timeouts", false},
	[RATE] = {"waits/s", false},    [MEAN] = {"mean", false},   [MAX] = {"max", false},
	[P99] = {"p99", false},         [REFS] = {"refs", false},   [UID] = {"uid", false},
	[GID] = {"gid", false},         [MODE] = {"mode", false},   [ORDER] = {"order", true},
	[SHUT] = {"shut", true},        [AGE] = {"age", false},     [PIDS] = {"pids", true},
	[NAME] = {"name", true},        [HELD] = {"held", false},   [UNDONE] = {"undone", false},
};

/* The columns, from left to right. */
static const enum column listed[] = {VALUE, LIMIT, DEBT, HELD, UNDONE, WAITERS, WAITS, TIMEOUTS, MEAN, MAX,
				     REFS,  UID,   GID,  MODE, ORDER,  SHUT,    AGE,   PIDS,     NAME};
static const enum column watched[] = {NAME, VALUE, LIMIT, DEBT, HELD, UNDONE, WAITERS, RATE, MEAN,
				      P99,  REFS,  UID,   GID,  MODE, ORDER,  SHUT,    AGE,  PIDS};

struct row {
	char *name; /* as it is */
	char *cells[COLUMNS];
	double keys[SORTS]; /* to sort by; none for BY_NAME */
};

struct table {
	struct row *rows;
	size_t count, room;
	const enum column *order; /* of columns, and how many */
	size_t order_count;
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

char *age_text(uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;

	while (units[i].unit != 's' && seconds < 2 * units[i].seconds)
		i++;
	return cell("%" PRIu64 "%c", seconds / units[i].seconds, units[i].unit);
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

/* Those that have one here. */
static char *pids_cell(const struct details *details)
{
	char text[PIDS_SHOWN * 12 + 8] = "-";
	unsigned int shown = 0;
	bool more = details->more_holders;
	size_t at = 0;

	for (unsigned int i = 0; i < details->holders_count; i++) {
		long pid = (long)details->holders[i].pid;

		if (pid == 0 || shown == PIDS_SHOWN)
			more = true;
		else
			at += (size_t)snprintf(&text[at], sizeof(text) - at, "%s%ld", shown++ ? "," : "", pid);
	}
	if (more)
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

struct table *new_table(bool is_watched)
{
	static const enum column always[] = {VALUE, WAITERS, RATE, REFS, UID, GID, MODE, AGE, PIDS, NAME};
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		die(FAILED, "no memory");
	table->order = is_watched ? watched : listed;
	table->order_count = is_watched ? COUNT(watched) : COUNT(listed);
	for (size_t i = 0; i < COUNT(always); i++)
		table->has[always[i]] = true;
	return table;
}

size_t rows_of_table(const struct table *table)
{
	return table->count;
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
	row->cells[HELD] = details->undo ? cell("%u", info->held) : cell("-");
	table->has[HELD] |= details->undo;
	table->has[LIMIT] |= details->limited;
	table->has[DEBT] |= details->debt > 0;
	table->has[ORDER] |= info->order != KSEM_BARGING;
	table->has[SHUT] |= (info->flags & KSEM_SHUTDOWN) != 0;
}

/* Of all waits that have ended. */
static void set_metrics(struct table *table, struct row *row, const struct details *details)
{
	const struct ksem_metrics *metrics = &details->metrics;
	static const enum column measured[] = {WAITS, TIMEOUTS, MEAN, MAX, P99};

	for (size_t i = 0; i < COUNT(measured); i++)
		table->has[measured[i]] |= details->measured;
	table->has[UNDONE] |= details->measured && details->undo;
	row->cells[UNDONE] = details->measured && details->undo ? cell("%" PRIu64, metrics->undone) : cell("-");
	row->cells[WAITS] = details->measured ? cell("%" PRIu64, metrics->waits) : cell("-");
	row->cells[TIMEOUTS] = details->measured ? cell("%" PRIu64, metrics->timeouts) : cell("-");
	row->cells[MAX] = metrics->waits ? duration_cell(metrics->wait_max_ns) : cell("-");
	row->cells[MEAN] = metrics->waits ? duration_cell(metrics->wait_ns / metrics->waits) : cell("-");
}

/* Of those since the last look. */
static void set_rates(struct row *row, const struct rates *rates)
{
	free(row->cells[MEAN]);
	row->cells[RATE] = rates->known ? cell("%.*f", rates->waits < 99.95 ? 1 : 0, rates->waits) : cell("-");
	row->cells[MEAN] = rates->ended ? duration_cell(rates->mean) : cell("-");
	row->cells[P99] = rates->ended ? duration_cell(rates->p99) : cell("-");
	row->keys[BY_RATE] = rates->known ? rates->waits : -1;
	row->keys[BY_MEAN] = rates->ended ? (double)rates->mean : -1;
}

void add_to_table(struct table *table, const struct ksem_info *info, const struct details *details)
{
	struct row *row = add_row(table);

	*row = (struct row){.name = cell("%s", info->name),
			    .keys = {[BY_VALUE] = info->value,
				     [BY_WAITERS] = info->waiters,
				     [BY_REFS] = info->refs,
				     [BY_AGE] = (double)age_of(details)}};
	row->cells[VALUE] = cell("%u", info->value);
	row->cells[WAITERS] = cell("%u", info->waiters);
	row->cells[REFS] = cell("%u", info->refs);
	row->cells[UID] = cell("%u", info->uid);
	row->cells[GID] = cell("%u", info->gid);
	row->cells[MODE] = cell("%04o", info->mode);
	row->cells[AGE] = details->made ? age_text(age_of(details) / SECOND) : cell("-");
	row->cells[PIDS] = pids_cell(details);
	row->cells[NAME] = name_cell(info->name);
	set_features(table, row, info, details);
	set_metrics(table, row, details);
	if (table->order == watched) {
		struct rates rates = rates_of(info, details);

		set_rates(row, &rates);
	}
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

/* ---- Sorting. ---- */

struct sorting {
	enum sort sort;
	bool reversed;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct sorting *sorting = arg;
	const struct row *one = a, *other = b;
	double mine = one->keys[sorting->sort], its = other->keys[sorting->sort];
	int result = mine != its ? (mine > its ? -1 : 1) : strcmp(one->name, other->name);

	return sorting->reversed ? -result : result;
}

void sort_table(struct table *table, enum sort sort, bool reversed)
{
	struct sorting sorting = {sort, reversed};

	if (table->count > 0)
		qsort_r(table->rows, table->count, sizeof(*table->rows), compare, &sorting);
}

/* ---- Printing. ---- */

/* How many columns of a terminal a cell takes. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	while (*text) {
		unsigned int more;
		size_t length = showable(text, true, &more); /* what isn't was escaped */

		text += length > 0 ? length : 1;
		width += more;
	}
	return width;
}

/* The text, in that many columns; `last`: nothing comes behind it. */
static void print_cell(FILE *to, const char *text, size_t width, bool is_left_aligned, bool last)
{
	size_t own = width_of(text), used = 0;

	if (own <= width && !is_left_aligned)
		fprintf(to, "%*s", (int)(width - own), "");
	while (*text) {
		unsigned int more;
		size_t length = showable(text, true, &more);

		if (own > width && used + more > width - 1)
			break;
		length = length > 0 ? length : 1;
		fwrite(text, 1, length, to);
		text += length;
		used += more;
	}
	if (*text) {
		putc(CUT, to);
		used++;
	}
	if (is_left_aligned && !last)
		fprintf(to, "%*s", (int)(width - used), "");
	putc(last ? '\n' : ' ', to);
}

#define LEAST_NAME 20 /* columns, however narrow the terminal is */

/* How wide the columns are. Names get the room that the others leave, if that is less than they need. */
static void find_widths(const struct table *table, size_t width, size_t *widths)
{
	size_t others = 0, room;

	for (int i = 0; i < COLUMNS; i++) {
		widths[i] = strlen(columns[i].head);
		for (size_t at = 0; at < table->count && table->rows[at].cells[i]; at++) {
			size_t own = width_of(table->rows[at].cells[i]);

			widths[i] = own > widths[i] ? own : widths[i];
		}
	}
	if (width == 0)
		return;
	for (size_t at = 0; at < table->order_count; at++)
		others += table->order[at] != NAME && table->has[table->order[at]] ? widths[table->order[at]] + 1 : 0;
	room = width > others + LEAST_NAME ? width - others : LEAST_NAME;
	widths[NAME] = widths[NAME] < room ? widths[NAME] : room;
}

static void print_row(FILE *to, const struct table *table, const struct row *row, const size_t *widths)
{
	for (size_t at = 0; at < table->order_count; at++) {
		enum column i = table->order[at];

		if (table->has[i])
			print_cell(to, row ? row->cells[i] : columns[i].head, widths[i], columns[i].is_left_aligned,
				   at + 1 == table->order_count);
	}
}

void print_table(FILE *to, const struct table *table, size_t width)
{
	size_t widths[COLUMNS];

	find_widths(table, width, widths);
	print_row(to, table, NULL, widths); /* the heads */
	for (size_t at = 0; at < table->count; at++)
		print_row(to, table, &table->rows[at], widths);
}
