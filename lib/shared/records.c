/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records: see records.h.
 *
 * A process that needs a record first looks for a free one, which costs no system call. Then it asks the kernel about
 * DEAD_TRIES records, from a random one on, whether their process is dead. To ask about all would cost each new process
 * thousands of system calls if thousands live. And if a file has more dead records than living ones, a few questions
 * find one. Only if the file can't get a further page, the process asks about all.
 *
 * The kernel writes to a further page before that counts as used (`more`). If the file system is full, the system call
 * that writes there returns EFAULT; a store would end in SIGBUS.
 */
#include "shared/records.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "os/lifetime.h"
#include "os/touch.h"
#include "shared/liveness.h"

#define TRIES       8  /* to sum up while nobody comes or goes */
#define DEAD_TRIES  16 /* records whose process may be dead */
#define ALL_RECORDS UINT32_MAX

/*
 * Each record that is in use costs a question to the kernel. A user who may write the file may fill it with records, so
 * a process that only looks at it (foreach, ksem) asks so many questions at most. A joint liveness costs more, since
 * /proc is read for it.
 */
#define ASKS_OF_COPY 8192
#define JOINT_ASKS   16

void records_init(struct records *records, struct page *page, size_t bytes, size_t room)
{
	records->page = page;
	records->bytes = bytes;
	records->pages = (uint32_t)(room / PAGE_BYTES);
	store_rlx(&records->wide, NULL); /* relaxed: nobody else has it yet */
}

void records_init_copy(struct records *records, struct page *copy, size_t bytes)
{
	records_init(records, copy, bytes, bytes);
	records->asks = ASKS_OF_COPY;
	store_rlx(&records->wide, copy); /* relaxed: nobody else has it yet */
}

struct page *records_close(struct records *records)
{
	struct page *wide = load_rlx(&records->wide); /* relaxed: the compare-and-swap checks it */

	while (!cas_acq_rel(&records->wide, &wide, MAP_FAILED)) /* KSEM_ORD_20 release, KSEM_ORD_20 acquire */
		;
	return wide != MAP_FAILED ? wide : NULL;
}

void records_discard(struct records *records)
{
	struct page *wide = records_close(records);
	int saved = errno;

	if (wide && wide != records->page)
		munmap(wide, records->bytes);
	errno = saved;
}

static bool is_copy(const struct records *records)
{
	return load_rlx(&records->wide) == records->page; /* relaxed: which never changes */
}

/* How many further pages are used, as far as the file goes. */
static uint32_t count_more(const struct records *records)
{
	uint32_t more = load_acq(&records->page->more); /* KSEM_ORD_17 acquire */

	return more < records->pages - 1 ? more : records->pages - 1;
}

struct page *records_map(struct records *records)
{
	struct page *wide = load_acq(&records->wide); /* KSEM_ORD_20 acquire */
	struct page *none = NULL;
	int saved = errno;

	if (wide)
		return wide != MAP_FAILED ? wide : NULL;
	wide = mremap(records->page, 0, records->bytes, MREMAP_MAYMOVE); /* from 0 bytes: a second mapping */
	errno = saved;
	if (wide == MAP_FAILED)
		return NULL;
	while (!none) {
		if (cas_acq_rel(&records->wide, &none, wide)) /* KSEM_ORD_20 release, KSEM_ORD_20 acquire */
			return wide;
	}
	munmap(wide, records->bytes);
	errno = saved;
	return none != MAP_FAILED ? none : NULL;
}

/* What a look goes over. */
struct look {
	struct page *page; /* mapped as far as the look goes; NULL: it can't be */
	uint32_t count;    /* of records */
	uint32_t *asks;    /* that are left; afterwards records are believed. NULL: no limit */
};

/* 0, ENOMEM. */
static int begin_look(struct records *records, struct look *look)
{
	uint32_t more = count_more(records);

	look->page = more > 0 ? records_map(records) : records->page;
	look->count = PAGE_HOLDERS + more * MORE_HOLDERS;
	look->asks = is_copy(records) ? &records->asks : NULL;
	return look->page ? 0 : ENOMEM;
}

static struct more *more_at(struct page *page, uint32_t n)
{
	return (struct more *)((char *)page + (size_t)PAGE_BYTES * (n + 1));
}

static struct holder *holder_at(const struct look *look, uint32_t place)
{
	if (place < PAGE_HOLDERS)
		return &look->page->holders[place];
	place -= PAGE_HOLDERS;
	return &more_at(look->page, place / MORE_HOLDERS)->holders[place % MORE_HOLDERS];
}

static uint64_t lifetime_tag(uint64_t liveness)
{
	return liveness / LIVENESS_OF_PROGRAM << LIFETIME_BITS;
}

/* Has the process of a joint liveness ended, as its record says? */
static bool has_ended(const struct holder *holder, uint64_t liveness)
{
	uint64_t said = load_rlx(&holder->lifetime); /* relaxed: all that is needed is in it and in the liveness */
	uint64_t lifetime = said & ((UINT64_C(1) << LIFETIME_BITS) - 1);
	uint32_t namespace = liveness_namespace(liveness);

	return liveness_is_joint(liveness) && lifetime != 0 && said - lifetime == lifetime_tag(liveness) &&
	       namespace != 0 && namespace == lifetime_namespace() && !lifetime_lasts(lifetime);
}

static bool is_there(struct look *look, const struct holder *holder, uint64_t liveness,
		     const struct directory *directory)
{
	uint32_t asks = liveness_is_joint(liveness) ? JOINT_ASKS : 1;

	if (liveness == 0 || (look->asks && *look->asks < asks))
		return liveness != 0;
	if (look->asks)
		*look->asks -= asks;
	return !has_ended(holder, liveness) && liveness_is_held(directory, liveness);
}

static bool holder_is_there(struct look *look, const struct holder *holder, const struct directory *directory)
{
	/* relaxed: what follows shows numbers */
	return is_there(look, holder, load_rlx(&holder->liveness), directory);
}

bool holder_change_liveness(struct holder *holder, uint64_t from, uint64_t to)
{
	uint64_t had = from;

	while (!cas_seq(&holder->liveness, &had, to)) { /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
		if (had != from)
			return false;
	}
	return true;
}

/* ---- Taking a record. ---- */

struct taking {
	const struct directory *directory;
	uint64_t liveness;
	uint32_t refs;
	struct record *record;
};

/* Takes the record of a process that is gone, or (`had` 0) a free one. False: another was first. */
static bool take(const struct taking *taking, struct holder *holder, uint64_t had)
{
	uint32_t begun;

	if (!holder_change_liveness(holder, had, taking->liveness))
		return false;
	begun = load_rlx(&holder->begun);       /* relaxed: the dead one changes it no more */
	store_rlx(&holder->ended, begun);       /* relaxed: too many waiters for a moment, never too few */
	store_rlx(&holder->pid, 0);             /* relaxed: a number to show */
	store_rlx(&holder->lifetime, 0);        /* relaxed: it counted for nothing */
	store_seq(&holder->refs, taking->refs); /* KSEM_ORD_21 release, KSEM_ORD_21 acquire */
	return true;
}

static bool took(const struct taking *taking, const struct look *look, uint32_t place, uint64_t had)
{
	struct holder *holder = holder_at(look, place);

	if (!take(taking, holder, had))
		return false;
	fetch_add_seq(&look->page->entered, 1); /* KSEM_ORD_21 release, KSEM_ORD_21 acquire */
	*taking->record = (struct record){holder, place};
	return true;
}

static bool take_free(const struct taking *taking, const struct look *look, uint32_t from)
{
	for (uint32_t place = from; place < look->count; place++) {
		/* relaxed: the compare-and-swap checks it */
		if (load_rlx(&holder_at(look, place)->liveness) == 0 && took(taking, look, place, 0))
			return true;
	}
	return false;
}

/* One of those `tries` from a random place on whose process is dead. */
static bool take_dead(const struct taking *taking, struct look *look, uint32_t tries)
{
	/* Liveness locks are random. NOLINTNEXTLINE(clang-analyzer-core.DivideZero): never less than PAGE_HOLDERS */
	uint32_t place = (uint32_t)(taking->liveness >> 8) % look->count;

	for (uint32_t i = 0; i < tries && i < look->count; i++, place = (place + 1) % look->count) {
		const struct holder *holder = holder_at(look, place);
		uint64_t had = load_rlx(&holder->liveness); /* relaxed: as above */

		if (!is_there(look, holder, had, taking->directory) && took(taking, look, place, had))
			return true;
	}
	return false;
}

/* One further page; the look goes over it, too. 0, ENOMEM, ENOSPC. */
static int grow(struct records *records, struct look *look)
{
	const uint32_t more = (look->count - PAGE_HOLDERS) / MORE_HOLDERS;
	struct page *wide = records_map(records);
	uint32_t was = more;

	if (more + 1 >= records->pages)
		return ENOSPC;
	if (!wide)
		return ENOMEM;
	if (!touch_page(more_at(wide, more)->touched))
		return ENOSPC;
	while (was <= more && !cas_rel(&records->page->more, &was, more + 1)) /* KSEM_ORD_17 release */
		;
	look->page = wide;
	look->count += MORE_HOLDERS;
	return 0;
}

int records_enter(struct records *records, const struct directory *directory, uint64_t liveness, uint32_t refs,
		  struct record *record)
{
	const struct taking taking = {directory, liveness, refs, record};
	struct look look;
	uint32_t from = 0;
	int error = begin_look(records, &look);

	while (!error) {
		if (take_free(&taking, &look, from) || take_dead(&taking, &look, DEAD_TRIES))
			return 0;
		from = look.count;
		error = grow(records, &look);
	}
	return look.page && take_dead(&taking, &look, ALL_RECORDS) ? 0 : error;
}

/* Where a lifetime has its tag: 10 bits for a pid namespace, never 0 but for an unknown one. */
static uint64_t namespace_tag(uint32_t namespace)
{
	uint64_t bits = (namespace * UINT64_C(0x9E3779B97F4A7C15)) >> LIFETIME_BITS;

	return namespace == 0 ? 0 : (bits ? bits : 1) << LIFETIME_BITS;
}

void holder_say_process(struct holder *holder, const struct directory *directory, uint64_t liveness)
{
	uint64_t lifetime =
		liveness_is_joint(liveness) ? lifetime_tag(liveness) | lifetime_own() : namespace_tag(directory->pids);

	store_rlx(&holder->lifetime, lifetime);      /* relaxed: as in has_ended */
	store_rlx(&holder->pid, (uint32_t)getpid()); /* relaxed: a number to show */
}

pid_t holder_pid(const struct holder *holder, const struct directory *directory)
{
	uint64_t liveness = load_rlx(&holder->liveness); /* relaxed: numbers to show, as the next two */
	uint64_t lifetime = load_rlx(&holder->lifetime); /* relaxed: as above */
	uint32_t pid = load_rlx(&holder->pid);           /* relaxed: as above */
	bool is_known = liveness_is_joint(liveness) ? liveness_namespace(liveness) == lifetime_namespace() :
						      lifetime == namespace_tag(directory->pids);

	return (is_known && directory->pids != 0) || liveness == directory_liveness(directory) ? (pid_t)pid : 0;
}

/* ---- Numbers: the place, and above it how often the record there was taken. ---- */

_Static_assert(PAGE_HOLDERS + (PAGE_LINE_AT / PAGE_BYTES - 1) * MORE_HOLDERS <= 1u << RECORD_PLACE_BITS,
	       "the places of a file with a line");

/* As `take` leaves it, both are the same. */
void records_renumber(const struct record *record)
{
	uint32_t times = load_rlx(&record->holder->begun) + 1; /* relaxed: the record is the caller's */

	store_rlx(&record->holder->begun, times); /* relaxed: as above; the line publishes it */
	store_rlx(&record->holder->ended, times); /* relaxed: as above */
}

uint32_t records_number(const struct record *record)
{
	return record->place | load_rlx(&record->holder->begun) << RECORD_PLACE_BITS; /* relaxed: as above */
}

/*
 * A record's next owner first writes its liveness and then another number. So while the old number is there, the
 * liveness may be the next owner's. Then the old one seems to be alive for a moment.
 */
bool records_is_gone(struct records *records, const struct directory *directory, uint32_t number)
{
	struct record record = {.place = records_place_of(number)};
	struct look look;

	if (begin_look(records, &look))
		return false;
	if (record.place >= look.count)
		return true; /* nobody has such a number */
	record.holder = holder_at(&look, record.place);
	return !holder_is_there(&look, record.holder, directory) || records_number(&record) != number;
}

/* ---- Adding up. ---- */

/* References of the living, but for those of the record at that place, until there are `enough`. */
static uint32_t add_up(struct look *look, uint32_t but, const struct directory *directory, uint64_t enough)
{
	uint32_t refs = 0;

	for (uint32_t place = 0; place < look->count && refs < enough; place++) {
		struct holder *holder = holder_at(look, place);
		uint32_t more = load_seq(&holder->refs); /* KSEM_ORD_21 release, KSEM_ORD_21 acquire */

		if (more > 0 && place != but && holder_is_there(look, holder, directory))
			refs += more;
	}
	return refs;
}

int records_refs(struct records *records, const struct directory *directory, uint32_t *refs)
{
	struct look look;
	int error = begin_look(records, &look);

	*refs = error ? 0 : add_up(&look, UINT32_MAX, directory, UINT64_MAX);
	return error;
}

/*
 * References may move while they are looked for: a process forks, and drops its own. The child's record was counted as
 * entered before, so a look during which no record was entered missed none.
 */
int records_have_others(struct records *records, uint32_t own, const struct directory *directory, bool *others)
{
	*others = true;
	for (int i = 0; i < TRIES; i++) {
		uint32_t entered = load_seq(&records->page->entered); /* KSEM_ORD_21 release, KSEM_ORD_21 acquire */
		struct look look;
		int error = begin_look(records, &look);

		if (error)
			return error;
		if (add_up(&look, own, directory, 1) > 0)
			return 0;
		/* KSEM_ORD_21 release, KSEM_ORD_21 acquire */
		if (load_seq(&records->page->entered) == entered) {
			*others = false;
			return 0;
		}
	}
	return 0; /* so many that enter have references */
}

int records_for_all(struct records *records, const struct directory *directory,
		    void (*visit)(const struct record *record, void *arg), void *arg)
{
	struct look look;
	int error = begin_look(records, &look);

	for (uint32_t place = 0; !error && place < look.count; place++) {
		const struct record record = {holder_at(&look, place), place};

		if (holder_is_there(&look, record.holder, directory))
			visit(&record, arg);
	}
	return error;
}

uint64_t records_waits(struct records *records)
{
	struct look look;
	uint64_t waits = 0;

	if (begin_look(records, &look))
		return 0;
	for (uint32_t place = 0; place < look.count; place++)
		waits += load_rlx(&holder_at(&look, place)->begun); /* relaxed: a number to show */
	return waits;
}

/* `ended` first: a wait that ends in between counts, and none is counted off that wasn't counted. */
uint32_t holder_waiting(const struct holder *holder)
{
	uint32_t ended = load_seq(&holder->ended); /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */

	return load_seq(&holder->begun) - ended; /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
}

void holder_begin_wait(struct holder *holder)
{
	fetch_add_seq(&holder->begun, 1); /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
}

void holder_end_wait(struct holder *holder)
{
	fetch_add_seq(&holder->ended, 1); /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
}

struct sum {
	uint32_t waiters;
	uint64_t changes; /* differs if any record of the living does */
};

static int sum_up(struct records *records, const struct directory *directory, struct sum *sum)
{
	struct look look;
	int error = begin_look(records, &look);

	*sum = (struct sum){0, 0};
	for (uint32_t place = 0; !error && place < look.count; place++) {
		struct holder *holder = holder_at(&look, place);
		uint64_t liveness = load_seq(&holder->liveness); /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
		uint32_t ended = load_seq(&holder->ended);       /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */
		uint32_t begun = load_seq(&holder->begun);       /* KSEM_ORD_17 release, KSEM_ORD_17 acquire */

		if (begun != ended && !is_there(&look, holder, liveness, directory))
			continue;
		sum->waiters += begun - ended;
		sum->changes = (sum->changes + liveness) * 31 + begun;
		sum->changes = sum->changes * 31 + ended;
	}
	return error;
}

void records_count_off_dead(struct records *records, const struct directory *directory)
{
	struct plain *sem = &records->page->sem;

	if (word_waiters(plain_word(sem)) == 0)
		return;
	for (int i = 0; i < TRIES; i++) {
		struct sum before, after;
		struct plain_seen seen;

		if (sum_up(records, directory, &before))
			return;
		seen = plain_see(sem);
		if (sum_up(records, directory, &after))
			return;
		if (before.waiters == after.waiters && before.changes == after.changes &&
		    plain_trim_waiters(sem, &seen, after.waiters))
			return;
	}
}
