/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared semaphores with a line: see lined.h.
 */
#include "shared/lined.h"

#include <errno.h>

#include "line/entries.h"
#include "object/holder.h"
#include "os/lifetime.h"

static bool gone(void *context, uint32_t holder)
{
	const struct shared_lined *lined = context;

	return records_is_gone(lined->records, lined->directory, holder);
}

/* The lifetime, and above it bits that tell pid namespaces apart: a number has a meaning in its own only. */
static uint64_t who(void)
{
	uint64_t namespace = lifetime_namespace();

	return namespace ? lifetime_own() | namespace << LIFETIME_BITS : 0;
}

static uint64_t lifetime_of(uint64_t who)
{
	return who & ((UINT64_C(1) << LIFETIME_BITS) - 1);
}

/* Does /proc tell of it? */
static bool is_in_sight(uint64_t who)
{
	uint64_t namespace = lifetime_namespace();

	return who != 0 && who >> LIFETIME_BITS == (namespace << LIFETIME_BITS) >> LIFETIME_BITS;
}

/* Of a process in another pid namespace nobody can know more than `gone` does. */
static bool ended(void *context, uint64_t who, uint32_t image)
{
	static atomic(uint64_t) last; /* that has ended; a queue leaves many entries */

	(void)context;
	if (who == load_rlx(&last) || !is_in_sight(who)) /* relaxed: once it has ended, it has */
		return true;
	if (!lifetime_lasts(lifetime_of(who))) {
		store_rlx(&last, who); /* relaxed: as above */
		return true;
	}
	return image != 0 && lifetime_has_other_image(lifetime_of(who), image);
}

/* The program has closed the directory's descriptor, and nobody has noticed yet: nobody can be asked about locks. */
static bool died(void *context, uint64_t who)
{
	const struct shared_lined *lined = context;

	return directory_fd(lined->directory) < 0 && is_in_sight(who) && !lifetime_lasts(lifetime_of(who));
}

static const struct line_hooks hooks = {.gone = gone, .ended = ended, .died = died, .undone = lined_undone};

int shared_lined_init(struct shared_lined *lined, struct records *records, const struct directory *directory,
		      const struct attributes *attributes)
{
	struct page *file = records_map(records);
	struct page_line *line;

	if (!file)
		return ENOMEM;
	line = (struct page_line *)((char *)file + PAGE_LINE_AT);
	lined->lined.attributes = *attributes;
	lined->lined.metrics = attributes->flags & KSEM_METRICS ? &line->metrics : NULL;
	lined->records = records;
	lined->directory = directory;
	line_view_init(&lined->lined.view, &line->line, FUTEX_SHARED, &hooks, lined);
	line_map(&lined->lined.view, line->entries);
	return 0;
}

void shared_lined_enter(struct shared_lined *lined, const struct record *record)
{
	records_renumber(record);
	store_rlx(&lined->lined.view.who, who()); /* relaxed: entries publish it */
	lined->lined.view.image = lifetime_own_image();
	store_rlx(&lined->lined.holder, records_number(record)); /* relaxed: a number; entries publish it */
}

void shared_lined_entrust(struct shared_lined *lined)
{
	store_rlx(&lined->lined.view.who, who()); /* relaxed: the process has one thread */
	lined_entrust_accounts(&lined->lined);
}

void shared_lined_lose(struct shared_lined *lined)
{
	static struct line dead = {.word = {.low = LINE_DEAD}};

	lined->lined.view.line = &dead;
}

bool shared_lined_is_dead(const struct shared_lined *lined)
{
	uint32_t value;

	return line_value(&lined->lined.view, &value) != 0;
}

void shared_lined_look_from(const struct shared_lined *lined, const struct directory *directory,
			    uint32_t unless_microseconds)
{
	struct shared_lined own = {.records = lined->records, .directory = directory};
	const struct line_view *view = &lined->lined.view;

	own.lined.metrics = lined->lined.metrics;
	line_view_init(&own.lined.view, view->line, FUTEX_SHARED, &hooks, &own);
	line_map(&own.lined.view, view->mapped);
	line_reap_unless(&own.lined.view, unless_microseconds);
}

/* Has the line look for the dead, if there may be some. False: nothing can have changed. */
static bool look_for_dead(struct ksem *ksem)
{
	struct line_view *view = &lined_of(ksem)->view;

	if (line_waiters(view) == 0)
		return false;
	line_look(view);
	return true;
}

/*
 * The same for a call that found too few permits. Some may have been granted to a waiter that has ended, and is no
 * waiter any more. With a ledger, a holder that has ended may have them.
 */
static bool look_for_permits(struct ksem *ksem)
{
	struct line_view *view = &lined_of(ksem)->view;

	if (lined_has_ledger(lined_of(ksem)))
		line_reap(view);
	else if (line_was_joined(view))
		line_look(view);
	else
		return false;
	return true;
}

int shared_lined_post(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	int error = lined_post(ksem, n, by);

	look_for_dead(ksem);
	return error;
}

void shared_lined_give_back(struct ksem *ksem, uint32_t n, const struct ksem_proc *by)
{
	lined_give_back(ksem, n, by);
	look_for_dead(ksem);
}

int shared_lined_take_by(struct ksem *ksem, const struct ksem_proc *by)
{
	int error = lined_take_by(ksem, by);

	return error == EAGAIN && look_for_permits(ksem) ? lined_take_by(ksem, by) : error;
}

int shared_lined_take(struct ksem *ksem)
{
	return shared_lined_take_by(ksem, NULL);
}

int shared_lined_value(struct ksem *ksem, uint32_t *value)
{
	look_for_permits(ksem);
	return lined_value(ksem, value);
}

int shared_lined_take_some(struct ksem *ksem, uint32_t least, uint32_t most, uint32_t *took, const struct ksem_proc *by)
{
	int error = lined_take_some(ksem, least, most, took, by);

	return error == EAGAIN && look_for_permits(ksem) ? lined_take_some(ksem, least, most, took, by) : error;
}

uint32_t shared_lined_waiters(struct ksem *ksem)
{
	line_reap(&lined_of(ksem)->view);
	return lined_waiters(ksem);
}

int shared_lined_kill(struct shared_lined *lined)
{
	line_reap(&lined->lined.view);
	return line_kill(&lined->lined.view);
}

int shared_lined_describe(struct ksem *ksem, struct ksem_info *info)
{
	line_reap(&lined_of(ksem)->view);
	return lined_describe(ksem, info);
}

void shared_lined_init_copy(struct shared_lined *lined, struct records *records, const struct directory *directory,
			    const struct file *file)
{
	size_t count = (file->line_bytes - offsetof(struct page_line, entries)) / sizeof(struct line_entry);

	*lined = (struct shared_lined){.records = records, .directory = directory};
	line_view_init(&lined->lined.view, &file->line->line, FUTEX_SHARED, &hooks, lined);
	line_map_copy(&lined->lined.view, file->line->entries, count);
}
