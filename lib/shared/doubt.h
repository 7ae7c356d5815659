/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doubt: does a name still belong to the semaphore that this process opened by it?
 *
 * A process that opens a name again finds it in its own table, without a system call. So an unlinker must tell the
 * processes that have the semaphore. It does that in the page: bit 0 of the word `doubt` says that they must look into
 * the directory; the other bits count how often that was set. A new semaphore starts in doubt.
 *
 * An unlinker waits for nobody, and may stop anywhere. It locks a byte of the directory, whose place is computed from
 * the name; opens the file of the name; marks its page; unlinks the name; unlocks. If it stops before it unlinks,
 * another file may get the name meanwhile, and its page is not marked. Therefore:
 *
 *  - Doubt ends only while nobody has the byte locked. An unlinker that locks it later opens the file later, too, and
 *    marks that file's page.
 *  - A thread that ends doubt first reads the word, then asks whether the byte is locked, then whether the name is
 *    still that file's. Then it clears bit 0 by a compare-and-swap from the word that it read. That fails if an
 *    unlinker marked the page meanwhile, since each mark changes the word.
 *
 * So a process trusts its table only while no unlinker can remove the name of that file without marking its page. After
 * an unlink that fails, or an unlinker that dies, one process must look into the directory once. tests/model/names.pml
 * searches all interleavings of this. Anybody who may open the directory may lock such bytes: opening is then slower,
 * but never wrong.
 */
#ifndef KSEM_SHARED_DOUBT_H
#define KSEM_SHARED_DOUBT_H

#include <sys/types.h>

#include "shared/file.h"
#include "shared/page.h"

/* Begins to unlink a name. *unlinking is for doubt_end_unlink. 0, EPERM, ENOLCK, EMFILE, ENFILE, ENOMEM. */
int doubt_begin_unlink(const struct directory *directory, const char *name, size_t length, int *unlinking);
void doubt_end_unlink(int unlinking);

/* Marks the page: the semaphore may lose its name. */
void doubt_tell(struct page *page);

/*
 * Does the name belong to the file whose page this is? 0; ENOENT: no; else an error of the look into the directory.
 * Ends the doubt if it can.
 */
int doubt_ask(const struct directory *directory, struct page *page, const char *name, size_t length, dev_t device,
	      ino_t number);

#endif
