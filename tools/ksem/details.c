/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a semaphore's file says beyond struct ksem_info: who has it open, when it was made, what it owes. The library's
 * interface doesn't tell this; so this program is built with what is inside of the library, and reads the layout of its
 * own version.
 *
 * The file is read, not mapped: others may truncate it at any time, and a mapping of it would then be SIGBUS.
 */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "shared/file.h"
#include "shared/holders.h"
#include "shared/lined_copy.h"
#include "shared/records.h"

/* options.directory, for as long as this program runs. */
static const struct directory *opened_directory(void)
{
	static struct directory directory;
	static bool is_open;

	if (!is_open)
		must(directory_open(&directory, options.directory), options.directory);
	is_open = true;
	return &directory;
}

/* What a file is that begins with that, and that file_read refused. */
static const char *why_refused(const struct page *page)
{
	static char text[160];
	uint32_t version = page_version(page);

	if (version == 0)
		return "not a semaphore: another file has the name";
	if (version == PAGE_VERSION)
		return "its file is damaged, or has attributes that this library doesn't know";
	snprintf(text, sizeof(text),
		 "a semaphore of %s version of ksem: its file has version %" PRIu32 ", this library reads version %d",
		 version < PAGE_VERSION ? "an earlier" : "a later", version, PAGE_VERSION);
	return text;
}

const char *why_unusable(const char *name)
{
	struct file file;
	struct page page = {.version = 0};
	int error = file_read(opened_directory(), name, strlen(name), &page, &file);

	if (error == 0)
		file_read_end(&file, &page);
	return error == EINVAL || error == ELOOP ? why_refused(&page) : NULL;
}

const char *why_not(const char *name)
{
	struct file file;
	struct page page = {.version = 0};

	if (name[0] != '/' || !name[1] || strchr(name + 1, '/'))
		return "not a name: a name is one '/' and then other bytes";
	if (strlen(name) > KSEM_NAME_MAX)
		return "the name is too long";
	if (directory_is_missing)
		return "not found";
	switch (file_read(opened_directory(), name, strlen(name), &page, &file)) {
	case 0:
		file_read_end(&file, &page);
		return NULL;
	case ENOENT:
		return "not found";
	case EACCES:
	case EPERM:
		return "permission denied";
	case ELOOP:
	case EINVAL:
		return why_refused(&page);
	default:
		return "can't be read";
	}
}

bool command_of(pid_t pid, char command[16])
{
	char path[32];
	size_t length = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	file = pid > 0 ? fopen(path, "re") : NULL;
	if (file) {
		length = fread(command, 1, 15, file);
		fclose(file);
	}
	command[length] = '\0';
	if (length > 0 && command[length - 1] == '\n')
		command[length - 1] = '\0'; /* names of commands may have others */
	return length > 0;
}

static void read_holders(struct records *records, const struct file *file, struct details *details)
{
	struct holders *holders = holders_begin();

	if (!holders || shared_holders_of_copy(records, opened_directory(), file, holders) != 0)
		die(FAILED, "no memory");
	details->more_holders = holders->count > HOLDERS_KNOWN;
	details->holders_count = details->more_holders ? HOLDERS_KNOWN : (unsigned int)holders->count;
	for (unsigned int i = 0; i < details->holders_count; i++)
		details->holders[i] = holders->processes[i].shown;
	collected_end(&holders->collected);
}

/* Value and limit are of one instant, if the copy is. */
static void read_line(struct records *records, const struct file *file, struct details *details)
{
	struct shared_lined_sums sums = shared_lined_add_up_copy(records, opened_directory(), file);

	details->waits = load_rlx(&file->line->line.tally.high); /* relaxed: of a copy */
	details->measured = file->attributes.flags & KSEM_METRICS;
	if (details->measured)
		metrics_tell(&file->line->metrics, &details->metrics);
	details->undo = file->attributes.flags & KSEM_UNDO;
	details->limit = word_limit(line_word(&file->line->line));
	details->debt = sums.left < 0 ? (uint32_t)-sums.left : 0;
}

bool find_details(const char *name, ksem_id_t id, struct details *details)
{
	struct records records;
	struct file file;
	struct page page;
	bool is_it;

	memset(details, 0, sizeof(*details));
	details->limit = KSEM_VALUE_MAX;
	if (directory_is_missing || file_read(opened_directory(), name, strlen(name), &page, &file) != 0)
		return false;
	is_it = id == 0 || file.id == id;
	if (is_it) {
		details->made = file.page->made;
		details->limited = file.attributes.limited;
		details->highest = attributes_highest(file.attributes.order);
		records_init_copy(&records, file.page, file.bytes);
		if (file.line)
			read_line(&records, &file, details);
		else
			details->waits = records_waits(&records);
		read_holders(&records, &file, details);
	}
	file_read_end(&file, &page);
	return is_it;
}
