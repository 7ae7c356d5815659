/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a semaphore open, by the records in its file (lib/share/records.h). The library's interface doesn't tell
 * this; so this program is built with what is inside of the library, and reads the layout of its own version.
 */
#include "tool.h"

#include <string.h>

#include "share/file.h"
#include "share/records.h"

static void add(const struct holder *holder, void *arg)
{
	struct holders *holders = arg;
	uint32_t pid = load_rlx(&holder->pid); /* relaxed: a number to show */

	if (holders->count == sizeof(holders->pids) / sizeof(*holders->pids) || pid == 0)
		holders->more = true;
	else
		holders->pids[holders->count++] = (pid_t)pid;
}

void find_holders(const char *name, struct holders *holders)
{
	static struct directory directory;
	static bool is_open;
	struct records records;
	struct file file;
	struct page page;

	memset(holders, 0, sizeof(*holders));
	if (!is_open)
		must(directory_open(&directory, options.directory), options.directory);
	is_open = true;
	if (file_read(&directory, name, strlen(name), &page, &file) != 0)
		return; /* it went meanwhile */
	holders->made = (double)file.page->made / 1e9;
	records_init_copy(&records, file.page, file.bytes);
	records_for_all(&records, &directory, add, holders); /* can't fail: nothing needs to be mapped */
	file_read_end(&file, &page);
}
