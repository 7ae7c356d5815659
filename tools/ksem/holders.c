/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a semaphore open, by the records in its file (lib/shared/records.h). The library's interface doesn't tell
 * this; so this program is built with what is inside of the library, and reads the layout of its own version.
 *
 * The file is read, not mapped: others may truncate it at any time, and a mapping of it would then be SIGBUS.
 */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "shared/file.h"
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

static void add(const struct holder *holder, void *arg)
{
	struct holders *holders = arg;
	uint32_t pid = load_rlx(&holder->pid); /* relaxed: a number to show */

	if (holders->count == sizeof(holders->pids) / sizeof(*holders->pids) || pid == 0)
		holders->more = true;
	else
		holders->pids[holders->count++] = (pid_t)pid;
}

void find_holders(const struct ksem_info *info, struct holders *holders)
{
	struct records records;
	struct file file;
	struct page page;

	memset(holders, 0, sizeof(*holders));
	if (file_read(opened_directory(), info->name, strlen(info->name), &page, &file) != 0)
		return;            /* it went meanwhile */
	if (file.id == info->id) { /* else another has the name now */
		holders->made = file.page->made;
		records_init_copy(&records, file.page, file.bytes);
		records_for_all(&records, opened_directory(), add,
				holders); /* can't fail: nothing needs to be mapped */
	}
	file_read_end(&file, &page);
}
