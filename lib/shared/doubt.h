/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doubt: is a name still that of the semaphore which this process found by it?
 *
 * A process that opens a name again finds it in its own table, without a system call. So whoever takes the name away
 * must tell those who have the semaphore: in its page, whose word `doubt` says in bit 0 that they must ask the
 * directory. The other bits count the tells. A new semaphore starts in doubt.
 *
 * No unlinker waits for anybody, and one may stop anywhere. While it works it has a lock on a byte of the directory, at
 * a place that the name gives: it locks, opens the file of the name, tells its page, unlinks the name, unlocks. If it
 * stops before it unlinks, the file of that name may meanwhile be another, whose page it never told. Therefore:
 *
 *  - Doubt ends only while nobody has the byte locked. An unlinker that locks it later opens the file later too, and
 *    tells that one.
 *  - Whoever ends it reads the word first, then asks for the lock, then the directory: is the name still that file's?
 *    Then it clears bit 0 by a compare-and-swap from the word that it read. Since each tell makes it another word, that
 *    fails if anybody told meanwhile.
 *
 * So a holder trusts its table only while no unlinker can take away the name of that file untold. An unlink that
 * fails, or an unlinker that dies, costs each semaphore one look at the directory. tests/model/names.pml searches all
 * interleavings of this. Anybody who may open the directory may lock such bytes: opening is then slower, never wrong.
 */
#ifndef KSEM_SHARED_DOUBT_H
#define KSEM_SHARED_DOUBT_H

#include <sys/types.h>

#include "shared/file.h"
#include "shared/page.h"

/* What begins to take a name away: a descriptor for doubt_end_unlink. 0, EPERM, ENOLCK, EMFILE, ENFILE, ENOMEM. */
int doubt_begin_unlink(const struct directory *directory, const char *name, size_t length, int *unlinking);
void doubt_end_unlink(int unlinking);

/* Tells all who have the semaphore that its name may go. */
void doubt_tell(struct page *page);

/*
 * Is the name that of the file, whose page this is? 0; ENOENT: it is another's, or nobody's; else what the directory
 * couldn't be asked for. Ends the doubt where it can.
 */
int doubt_ask(const struct directory *directory, struct page *page, const char *name, size_t length, dev_t device,
	      ino_t number);

#endif
