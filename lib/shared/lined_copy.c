/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of copied files: see lined_copy.h.
 */
#include "shared/lined_copy.h"

#include "line/account.h"
#include "line/ledger.h"
#include "shared/lined.h"

struct adding {
	struct shared_lined lined;
	struct shared_lined_sums sums;
};

static void add(const struct account_stake *stake, void *arg)
{
	struct adding *adding = arg;

	if (stake->waits)
		adding->sums.waiters += !records_is_gone(adding->lined.records, adding->lined.directory, stake->holder);
	else if (ledger_has_ended(&adding->lined.lined.view, stake->slot))
		adding->sums.left += stake->held; /* as if they were back */
	else
		adding->sums.held += stake->held;
}

struct shared_lined_sums shared_lined_add_up_copy(struct records *records, const struct directory *directory,
						  const struct file *file)
{
	struct adding adding = {.sums = {.left = word_left(line_word(&file->line->line))}};

	shared_lined_init_copy(&adding.lined, records, directory, file);
	account_for_all(&adding.lined.lined.view, add, &adding);
	return adding.sums;
}

void shared_lined_describe_copy(struct records *records, const struct directory *directory, const struct file *file,
				struct ksem_info *info)
{
	struct shared_lined_sums sums = shared_lined_add_up_copy(records, directory, file);
	struct line_view view;
	uint32_t waiters;

	line_view_init(&view, &file->line->line, FUTEX_SHARED, NULL, NULL);
	info->limit = line_limit(&view);
	if (line_value(&view, &info->value))
		info->value = 0;
	else if (sums.left > 0)
		info->value = sums.left < info->limit ? (uint32_t)sums.left : info->limit;
	waiters = line_waiters(&view);
	info->waiters = sums.waiters < waiters ? sums.waiters : waiters;
	info->held = sums.held;
	info->order = file->attributes.order;
	info->flags = file->attributes.flags | (line_is_shut(&view) ? KSEM_SHUTDOWN : 0);
}
