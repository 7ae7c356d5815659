/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a semaphore open, by the records in its page (lib/share/page.h). The library's interface doesn't tell this;
 * so this program is built with what is inside of the library, and reads the layout of its own version.
 */
#include "tool.h"

#include <string.h>

#include "share/file.h"
#include "share/page.h"

static void add(struct holders *holders, const struct directory *directory, const struct page *page, int record)
{
	const struct holder *holder = &page->holders[record];
	uint64_t presence = load_rlx(&holder->presence); /* relaxed: numbers to show, as are those below */
	uint32_t refs = load_rlx(&holder->refs);         /* relaxed: as above */
	uint32_t pid = load_rlx(&holder->pid);           /* relaxed: as above */

	if (refs == 0 || presence == 0)
		return;
	if (record == 0)
		holders->more = true;
	else if (directory_is_present(directory, presence))
		holders->pids[holders->count++] = (pid_t)pid;
}

void find_holders(const char *name, struct holders *holders)
{
	static struct directory directory;
	static bool is_open;
	struct file file;

	memset(holders, 0, sizeof(*holders));
	if (!is_open)
		must(directory_open(&directory, options.directory), options.directory);
	is_open = true;
	if (file_find(&directory, name, strlen(name), NULL, &file) != 0)
		return; /* it went meanwhile */
	holders->made = (double)file.page->made / 1e9;
	for (int i = 0; i < PAGE_HOLDERS; i++)
		add(holders, &directory, file.page, i);
	file_close(&file);
}

_Static_assert(PAGE_HOLDERS <= sizeof(((struct holders *)0)->pids) / sizeof(pid_t), "there is a place for each");
