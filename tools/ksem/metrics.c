/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem metrics: what is known of semaphores, as OpenMetrics text, for Prometheus and the like.
 *
 * OpenMetrics wants all samples of a family together. So all semaphores are looked at before anything is printed. The
 * text ends with "# EOF" only if it is whole.
 *
 * Counters are printed as they were read, and none is computed from others. So each only rises. One that fell would be
 * taken for a restart.
 */
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Buckets of the histogram that are printed: their upper bounds are about 1 microsecond to 69 seconds. */
#define FIRST_BUCKET 9
#define LAST_BUCKET  35

enum {
	VALUE,
	LIMIT,
	DEBT,
	HELD,
	UNDONE,
	WAITERS,
	REFERENCES,
	SHUT,
	MADE,
	WAITS,
	TIMEOUTS,
	INTERRUPTS,
	CANCELS,
	SHUTDOWNS,
	WAIT_MAX,
	WAITERS_MAX,
	NUMBERS
};

/* Which semaphores have a sample: their details are known; they were made with a limit, metrics, undo, the last two. */
enum which { ALL, KNOWN, LIMITED, MEASURED, UNDOES, UNDOES_MEASURED, WHICHES };

static const struct family {
	const char *name, *type, *help;
	enum which which;
	bool is_time; /* of nanoseconds; printed in seconds */
} families[NUMBERS] = {
	[VALUE] = {"ksem_value", "gauge", "Permits that can be taken.", ALL, false},
	[LIMIT] = {"ksem_limit", "gauge", "The value never passes it. Only if made with a limit.", LIMITED, false},
	[DEBT] = {"ksem_debt", "gauge", "Permits that posts pay before the value rises.", LIMITED, false},
	[HELD] = {"ksem_held", "gauge", "Permits that living processes hold. Only if made with undo.", UNDOES, false},
	[UNDONE] = {"ksem_undone", "counter", "Permits that came back because their holder had ended.", UNDOES_MEASURED,
		    false},
	[WAITERS] = {"ksem_waiters", "gauge", "Threads and queued waits that wait now.", ALL, false},
	[REFERENCES] = {"ksem_references", "gauge", "References of living processes.", ALL, false},
	[SHUT] = {"ksem_shut", "gauge", "1 after a shutdown, else 0.", ALL, false},
	[MADE] = {"ksem_made_timestamp_seconds", "gauge", "When the semaphore was made.", KNOWN, true},
	[WAITS] = {"ksem_waits", "counter", "Waits that began. A wait that finds its permits doesn't.", KNOWN, false},
	[TIMEOUTS] = {"ksem_wait_timeouts", "counter", "Waits that ended at their deadline.", MEASURED, false},
	[INTERRUPTS] = {"ksem_wait_interrupts", "counter", "Waits that a signal handler ended.", MEASURED, false},
	[CANCELS] = {"ksem_wait_cancels", "counter", "Waits that were canceled.", MEASURED, false},
	[SHUTDOWNS] = {"ksem_wait_shutdowns", "counter", "Waits that a shutdown ended.", MEASURED, false},
	[WAIT_MAX] = {"ksem_wait_max_seconds", "gauge", "The longest wait so far.", MEASURED, true},
	[WAITERS_MAX] = {"ksem_waiters_max", "gauge", "The most waiters at a time so far.", MEASURED, false},
};

/* A semaphore that was looked at. */
struct seen {
	char *labels;      /* its name */
	char *facts;       /* further labels, which say what it is */
	bool has[WHICHES]; /* by enum which */
	uint64_t numbers[NUMBERS];
	struct ksem_metrics *metrics; /* NULL: it has none */
};

struct all {
	struct seen *seen;
	size_t count, room;
	bool *found; /* which of options.names */
};

/* ---- Looking. ---- */

static void *got(void *memory)
{
	if (!memory)
		die(FAILED, "no memory");
	return memory;
}

/* In quotes, with those characters escaped that OpenMetrics wants escaped. */
static void put_label(FILE *to, const char *name, const char *text)
{
	fprintf(to, "%s=\"", name);
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", to);
		else
			fprintf(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	}
	putc('"', to);
}

/* The text in UTF-8, U+FFFD for each byte that isn't. True: it has such bytes. */
static bool to_utf8(const char *text, char **utf8)
{
	size_t size;
	FILE *to = got(open_memstream(utf8, &size));
	bool is_wrong = false;

	while (*text) {
		uint32_t code;
		size_t length = utf8_next(text, &code);

		if (length > 0)
			fwrite(text, 1, length, to);
		else
			fputs("\xef\xbf\xbd", to);
		is_wrong = is_wrong || length == 0;
		text += length > 0 ? length : 1;
	}
	if (fclose(to) != 0)
		die(FAILED, "no memory");
	return is_wrong;
}

/* The labels that tell a semaphore from others. A terminal gets the name as ls shows it. */
static char *labels_of(const char *name)
{
	char *text = NULL, *labels = NULL;
	size_t size;
	bool on_terminal = isatty(STDOUT_FILENO);
	bool is_wrong = !on_terminal && to_utf8(name, &text);
	FILE *to = got(open_memstream(&labels, &size));

	if (on_terminal)
		text = got(safe_text(name, STDOUT_FILENO));
	put_label(to, "name", text);
	if (is_wrong) {
		fputs(",name_bytes=\"", to);
		for (; *name; name++)
			fprintf(to, "%02x", (unsigned char)*name);
		putc('"', to);
	}
	free(text);
	if (fclose(to) != 0)
		die(FAILED, "no memory");
	return labels;
}

static char *facts_of(const struct ksem_info *info)
{
	char *facts = NULL;

	if (asprintf(&facts, "id=\"%" PRIu64 "\",order=\"%s\",uid=\"%u\",gid=\"%u\",mode=\"%04o\"", info->id,
		     order_name(info->order), info->uid, info->gid, info->mode) < 0)
		die(FAILED, "no memory");
	return facts;
}

static void read_metrics(struct seen *seen, const struct ksem_metrics *metrics)
{
	seen->numbers[TIMEOUTS] = metrics->timeouts;
	seen->numbers[INTERRUPTS] = metrics->interrupts;
	seen->numbers[CANCELS] = metrics->cancels;
	seen->numbers[SHUTDOWNS] = metrics->shutdowns;
	seen->numbers[WAIT_MAX] = metrics->wait_max_ns;
	seen->numbers[WAITERS_MAX] = metrics->waiters_max;
	seen->metrics = got(malloc(sizeof(*metrics)));
	*seen->metrics = *metrics;
}

static struct seen look_at(const struct ksem_info *info)
{
	struct details details;
	bool known = find_details(info->name, info->id, &details);
	struct seen seen = {
		.labels = labels_of(info->name),
		.facts = facts_of(info),
		.has = {[ALL] = true,
			[KNOWN] = known,
			[LIMITED] = details.limited,
			[MEASURED] = details.measured,
			[UNDOES] = details.undo,
			[UNDOES_MEASURED] = details.undo && details.measured},
		.numbers = {[VALUE] = info->value,
			    [LIMIT] = details.limit,
			    [DEBT] = details.debt,
			    [HELD] = info->held,
			    [UNDONE] = details.metrics.undone,
			    [WAITERS] = info->waiters,
			    [REFERENCES] = info->refs,
			    [SHUT] = (info->flags & KSEM_SHUTDOWN) != 0,
			    [MADE] = details.made,
			    [WAITS] = details.waits},
	};

	if (details.measured)
		read_metrics(&seen, &details.metrics);
	return seen;
}

/* Is it one of those that are to be printed? */
static bool is_wanted(const char *name, struct all *all)
{
	if (!*name || !*options.names)
		return *name;
	for (size_t i = 0; options.names[i]; i++) {
		if (strcmp(options.names[i], name) == 0)
			return all->found[i] = true;
	}
	return false;
}

static int visit(const struct ksem_info *info, void *arg)
{
	struct all *all = arg;

	if (!is_wanted(info->name, all))
		return 0;
	if (all->count == all->room) {
		all->room = 2 * all->room + 16;
		all->seen = got(reallocarray(all->seen, all->room, sizeof(*all->seen)));
	}
	all->seen[all->count++] = look_at(info);
	return 0;
}

/* ---- Printing. ---- */

static void put_head(const char *name, const char *type, bool is_time, const char *help)
{
	printf("# TYPE %s %s\n", name, type);
	if (is_time)
		printf("# UNIT %s seconds\n", name);
	printf("# HELP %s %s\n", name, help);
}

static void put_seconds(uint64_t nanoseconds)
{
	printf("%" PRIu64 ".%09" PRIu64, nanoseconds / SECOND, nanoseconds % SECOND);
}

static void put_facts(const struct all *all)
{
	put_head("ksem_semaphore", "info", false, "What the semaphore is.");
	for (size_t i = 0; i < all->count; i++)
		printf("ksem_semaphore_info{%s,%s} 1\n", all->seen[i].labels, all->seen[i].facts);
}

static void put_family(const struct all *all, int number)
{
	const struct family *family = &families[number];
	const char *suffix = strcmp(family->type, "counter") == 0 ? "_total" : "";

	put_head(family->name, family->type, family->is_time, family->help);
	for (size_t i = 0; i < all->count; i++) {
		const struct seen *seen = &all->seen[i];

		if (!seen->has[family->which])
			continue;
		printf("%s%s{%s} ", family->name, suffix, seen->labels);
		if (family->is_time)
			put_seconds(seen->numbers[number]);
		else
			printf("%" PRIu64, seen->numbers[number]);
		putchar('\n');
	}
}

/* Counts the waits of all buckets, since `waits` was read at another instant. */
static void put_histogram(const char *labels, const struct ksem_metrics *metrics)
{
	uint64_t waits = 0;

	for (int i = 0; i < 64; i++) {
		waits += metrics->histogram[i];
		if (i < FIRST_BUCKET || i > LAST_BUCKET)
			continue;
		printf("ksem_wait_seconds_bucket{%s,le=\"", labels);
		put_seconds((UINT64_C(2) << i) - 1);
		printf("\"} %" PRIu64 "\n", waits);
	}
	printf("ksem_wait_seconds_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", labels, waits);
	printf("ksem_wait_seconds_count{%s} %" PRIu64 "\n", labels, waits);
	printf("ksem_wait_seconds_sum{%s} ", labels);
	put_seconds(metrics->wait_ns);
	putchar('\n');
}

static void put_histograms(const struct all *all)
{
	put_head("ksem_wait_seconds", "histogram", true, "How long waits took that have ended.");
	for (size_t i = 0; i < all->count; i++) {
		if (all->seen[i].metrics)
			put_histogram(all->seen[i].labels, all->seen[i].metrics);
	}
}

static void free_all(struct all *all)
{
	for (size_t i = 0; i < all->count; i++) {
		free(all->seen[i].labels);
		free(all->seen[i].facts);
		free(all->seen[i].metrics);
	}
	free(all->seen);
	free(all->found);
}

/* Says which names have no semaphore. */
static int check_found(const bool *found)
{
	int code = DONE;

	for (size_t i = 0; options.names[i]; i++) {
		const char *why;

		if (found[i])
			continue;
		why = why_not(options.names[i]);
		say("%s: %s", options.names[i], why ? why : "can't be opened");
		code = FAILED;
	}
	return code;
}

int metrics(void)
{
	struct all all = {.count = 0};
	size_t names = 0;
	int error, code;

	while (options.names[names])
		names++;
	all.found = got(calloc(names + 1, sizeof(*all.found)));
	error = ksem_ns_foreach(ns, visit, &all);
	put_facts(&all);
	for (int number = 0; number < NUMBERS; number++)
		put_family(&all, number);
	put_histograms(&all);
	fputs(error ? "" : "# EOF\n", stdout);
	must_have_written();
	must(error, options.directory);
	code = check_found(all.found);
	free_all(&all);
	return code;
}
