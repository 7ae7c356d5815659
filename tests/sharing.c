/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Namespaces that OS processes share, with real processes: what one does the others see; what one leaves behind when it
 * is killed, at whatever instruction, stops nobody and costs no more than the permit that it held; what lies in the
 * directory and is no semaphore is refused.
 */
#include "sharing.h"

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "share/kept.h"
#include "share/page.h"

#define PATIENCE 20000 /* ms, for what must come */

static int wait_patiently(struct ksem_proc *proc, ksem_id_t id)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, PATIENCE);

	return ksem_clockwait(proc, id, CLOCK_MONOTONIC, &until);
}

static char *path_of(const char *name)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	return path;
}

/* The page of a name. */
static struct page *map_page(const char *name)
{
	int fd = open(path_of(name), O_RDWR);
	struct page *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	MUST(fd >= 0 && page != MAP_FAILED);
	close(fd);
	return page;
}

/* ---- Each sees what others do. ---- */

static void answer(void)
{
	struct world world = enter();
	ksem_id_t ask, reply;

	MUST(ksem_open(world.proc, "/ask", 0, 0, 0, &ask) == 0);
	MUST(ksem_open(world.proc, "/reply", 0, 0, 0, &reply) == 0);
	for (int i = 0; i < 1000; i++) {
		MUST(wait_patiently(world.proc, ask) == 0);
		MUST(ksem_post(world.proc, reply) == 0);
	}
	MUST(ksem_close(world.proc, ask) == 0);
	MUST(ksem_unlink(world.proc, "/ask") == 0);
}

static void processes_meet_by_name_and_hand_over(void **state)
{
	struct world world = enter();
	ksem_id_t ask, reply;
	pid_t child;

	(void)state;
	OK(ksem_open(world.proc, "/ask", O_CREAT, 0600, 0, &ask));
	OK(ksem_open(world.proc, "/reply", O_CREAT, 0600, 0, &reply));
	child = start_process(answer);
	for (int i = 0; i < 1000; i++) {
		OK(ksem_post(world.proc, ask));
		OK(wait_patiently(world.proc, reply));
	}
	ends_well(child);
	assert_string_equal(info_of(world.proc, ask).name, "");
	assert_string_equal(info_of(world.proc, reply).name, "/reply");
	FAILS(ENOENT, ksem_open(world.proc, "/ask", 0, 0, 0, &ask));
	world_end(&world);
}

static struct world inherited;
static ksem_id_t inherited_id;

static void use_inherited(void)
{
	MUST(ksem_post(inherited.proc, inherited_id) == 0);
	MUST(wait_patiently(inherited.proc, inherited_id) == 0);
	MUST(ksem_post(inherited.proc, inherited_id) == 0);
	MUST(info_of(inherited.proc, inherited_id).refs == 2);
	MUST(ksem_destroy(inherited.proc, inherited_id) == 0);
	MUST(ksem_post(inherited.proc, inherited_id) == EINVAL);
}

static void an_anonymous_semaphore_is_inherited_over_fork(void **state)
{
	pid_t child;

	(void)state;
	inherited = enter();
	OK(ksem_init(inherited.proc, 0, &inherited_id));
	assert_int_equal(info_of(inherited.proc, inherited_id).refs, 1);
	child = start_process(use_inherited);
	ends_well(child);
	OK(wait_patiently(inherited.proc, inherited_id));
	assert_int_equal(info_of(inherited.proc, inherited_id).refs, 1);
	OK(ksem_destroy(inherited.proc, inherited_id));
	FAILS(EINVAL, ksem_post(inherited.proc, inherited_id));
	world_end(&inherited);
}

static void unlink_and_make_anew(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_unlink(world.proc, "/name") == 0);
	MUST(ksem_open(world.proc, "/name", O_CREAT | O_EXCL, 0600, 7, &id) == 0);
}

static void a_name_that_another_process_took_away_is_not_found_again(void **state)
{
	struct world world = enter();
	ksem_id_t old, new;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 3, &old));
	ends_well(start_process(unlink_and_make_anew));
	OK(ksem_open(world.proc, "/name", 0, 0, 0, &new));
	assert_true(new != old);
	assert_int_equal(value_of(world.proc, new), 7);
	assert_int_equal(value_of(world.proc, old), 3);
	assert_int_equal(semaphores_in(world.ns), 2);
	OK(ksem_close(world.proc, old));
	assert_int_equal(semaphores_in(world.ns), 1);
	world_end(&world);
}

/* How many pages of files in the directory are mapped here. */
static unsigned pages_mapped(void)
{
	char line[512];
	unsigned count = 0;
	FILE *maps = fopen("/proc/self/maps", "r");

	MUST(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, dir) != NULL;
	fclose(maps);
	return count;
}

/* Of what was closed last, pages stay mapped; they are used again, but never for another semaphore of the same name. */
static void what_is_opened_again_is_mapped_still(void **state)
{
	struct world world = enter();
	char name[16];
	ksem_id_t id, again;

	(void)state;
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 3, &id));
	OK(ksem_close(world.proc, id));
	for (int i = 0; i < 1000; i++) {
		OK(ksem_open(world.proc, "/name", 0, 0, 0, &again));
		assert_true(again == id);
		OK(ksem_post(world.proc, id));
		OK(ksem_close(world.proc, id));
		FAILS(EINVAL, ksem_post(world.proc, id));
	}
	assert_int_equal(pages_mapped(), 1);
	ends_well(start_process(unlink_and_make_anew));
	OK(ksem_open(world.proc, "/name", 0, 0, 0, &again));
	assert_true(again != id);
	assert_int_equal(value_of(world.proc, again), 7);
	OK(ksem_close(world.proc, again));
	OK(ksem_unlink(world.proc, "/name"));
	FAILS(ENOENT, ksem_open(world.proc, "/name", 0, 0, 0, &id));
	OK(ksem_open(world.proc, "/short", O_CREAT, 0600, 0, &id));
	OK(ksem_close(world.proc, id));
	MUST(truncate(path_of("/short"), 0) == 0);
	FAILS(EINVAL, ksem_open(world.proc, "/short", 0, 0, 0, &id)); /* and doesn't touch the page */
	for (int round = 0; round < 3; round++) { /* more than are kept */
		for (int i = 0; i < 3 * KEPT_PAGES; i++) {
			snprintf(name, sizeof(name), "/%d", i);
			OK(ksem_open(world.proc, name, O_CREAT, 0600, (unsigned)i, &id));
			assert_int_equal(value_of(world.proc, id), i);
			OK(ksem_close(world.proc, id));
		}
	}
	world_end(&world);
}

static void open_and_close_under_seccomp(void)
{
	struct world world = enter();
	ksem_id_t id, again;

	MUST(ksem_open(world.proc, "/name", 0, 0, 0, &id) == 0);
	MUST(ksem_open(world.proc, "/name", 0, 0, 0, &again) == 0 && again == id);
	MUST(ksem_close(world.proc, id) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0); /* any call but exit is SIGKILL from here on */
	for (int i = 0; i < 1000; i++) {
		if (ksem_open(world.proc, "/name", O_CREAT, 0, 0, &again) || ksem_close(world.proc, id))
			syscall(SYS_exit, 1);
	}
	syscall(SYS_exit, 0);
}

static void opening_a_name_that_this_process_holds_makes_no_system_call(void **state)
{
	struct world world;
	ksem_id_t id;

	(void)state;
	if (SANITIZED)
		SKIP("the sanitizers' own system calls aren't to be told apart");
	world = enter();
	OK(ksem_open(world.proc, "/name", O_CREAT, 0600, 0, &id));
	ends_well(start_process(open_and_close_under_seccomp));
	world_end(&world);
}

/* ---- What a process leaves behind. ---- */

static ksem_id_t held;
static struct ksem_proc *watcher;

static void hold_and_sleep(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	pause();
}

static void hold_and_exec(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	raise(SIGSTOP);
	execlp("sleep", "sleep", "100", (char *)NULL);
	_exit(1);
}

static void hold_and_wait(void)
{
	struct world world = enter();
	ksem_id_t id;

	MUST(ksem_open(world.proc, "/held", 0, 0, 0, &id) == 0);
	MUST(ksem_wait(world.proc, id) == 0);
}

static void refs_become(unsigned refs)
{
	for (int i = 0; info_of(watcher, held).refs != refs; i++) {
		MUST(i < PATIENCE);
		usleep(1000);
	}
}

static void waiters_become(unsigned waiters)
{
	for (int i = 0; info_of(watcher, held).waiters != waiters; i++) {
		MUST(i < PATIENCE);
		usleep(1000);
	}
}

static void kill_exec_and_exit_drop_references(void **state)
{
	struct world world = enter();
	int status;
	pid_t child;

	(void)state;
	watcher = world.proc;
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &held));
	child = start_process(hold_and_sleep); /* which has a copy of our reference too */
	refs_become(4);
	kill_and_reap(child);
	refs_become(1);
	child = start_process(hold_and_exec);
	MUST(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	refs_become(3);
	MUST(kill(child, SIGCONT) == 0);
	refs_become(1);
	assert_int_equal(kill(child, 0), 0); /* it is there, as another program */
	kill_and_reap(child);
	assert_int_equal(info_of(world.proc, held).refs, 1);
	world_end(&world);
}

static void a_killed_waiter_is_counted_no_more_and_costs_nothing(void **state)
{
	struct world world = enter();
	struct page *page;
	pid_t children[20];

	(void)state;
	watcher = world.proc;
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &held));
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 20; i++)
			children[i] = start_process(hold_and_wait);
		waiters_become(20);
		for (int i = 0; i < 19; i++)
			kill_and_reap(children[i]);
		OK(ksem_post(world.proc, held)); /* the living one has it */
		ends_well(children[19]);
		assert_int_equal(value_of(world.proc, held), 0);
		waiters_become(0);
	}
	for (int i = 0; i < 20; i++)
		children[i] = start_process(hold_and_wait);
	waiters_become(20);
	for (int i = 0; i < 20; i++)
		kill_and_reap(children[i]);
	page = map_page("/held");
	for (int i = 0; count_waiters(plain_word(&page->sem)) > 0; i++) { /* posts alone see to it */
		MUST(i < PATIENCE);
		OK(ksem_post(world.proc, held));
		usleep(1000);
	}
	munmap(page, PAGE_BYTES);
	world_end(&world);
}

static void a_waiter_goes_on_though_the_poster_died_before_its_wake(void **state)
{
	struct world world = enter();
	struct page *page;
	pid_t child;

	(void)state;
	watcher = world.proc;
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 0, &held));
	child = start_process(hold_and_wait);
	waiters_become(1);
	usleep(10000);
	page = map_page("/held");
	fetch_add_acq_rel(&page->sem.word, 1); /* what a post does that is killed then */
	ends_well(child);
	munmap(page, PAGE_BYTES);
	world_end(&world);
}

#define PERMITS 4

static void use_everything_for_ever(void)
{
	struct world world = enter();
	ksem_id_t permits, id;

	MUST(ksem_open(world.proc, "/permits", 0, 0, 0, &permits) == 0);
	for (;;) {
		int error = ksem_open(world.proc, "/coming-and-going", O_CREAT, 0600, 1, &id);

		MUST(error == 0);
		MUST(ksem_wait(world.proc, permits) == 0);
		error = ksem_unlink(world.proc, "/coming-and-going");
		MUST(error == 0 || error == ENOENT);
		MUST(ksem_post(world.proc, permits) == 0);
		MUST(ksem_close(world.proc, id) == 0);
	}
}

static void use_everything_once(struct world *world, ksem_id_t permits)
{
	ksem_id_t id;
	int error;

	OK(wait_patiently(world->proc, permits));
	OK(ksem_post(world->proc, permits));
	OK(ksem_open(world->proc, "/coming-and-going", O_CREAT, 0600, 1, &id));
	OK(ksem_post(world->proc, id));
	OK(wait_patiently(world->proc, id));
	error = ksem_unlink(world->proc, "/coming-and-going");
	assert_true(error == 0 || error == ENOENT);
	OK(ksem_close(world->proc, id));
}

static void a_process_killed_anywhere_stops_nobody_and_takes_only_what_it_held(void **state)
{
	struct world world = enter();
	unsigned lost = 0;
	ksem_id_t permits;

	(void)state;
	OK(ksem_open(world.proc, "/permits", O_CREAT, 0600, PERMITS, &permits));
	for (int round = 0; round < ROUNDS(1000); round++) {
		pid_t children[2] = {start_process(use_everything_for_ever), start_process(use_everything_for_ever)};
		unsigned left;

		usleep((useconds_t)(1000 + random() % 2000));
		kill_and_reap(children[0]);
		use_everything_once(&world, permits);
		kill_and_reap(children[1]);
		left = value_of(world.proc, permits);
		assert_in_range(left, PERMITS - 2, PERMITS);
		lost += PERMITS - left;
		OK(ksem_post_many(world.proc, permits, PERMITS - left));
		use_everything_once(&world, permits);
		assert_int_equal(info_of(world.proc, permits).refs, 1);
	}
	print_message("%u permits went with their holders\n", lost);
	OK(ksem_unlink(world.proc, "/permits"));
	assert_in_range(semaphores_in(world.ns), 1, 2);
	world_end(&world);
}

/* ---- What is no semaphore. ---- */

static void write_file(const char *name, const void *bytes, size_t length)
{
	int fd = open(path_of(name), O_CREAT | O_WRONLY | O_TRUNC, 0666);

	MUST(fd >= 0);
	MUST(write(fd, bytes, length) == (ssize_t)length);
	close(fd);
}

static void is_refused(struct world *world, const char *name, int error)
{
	ksem_id_t id = 77;

	FAILS(error, ksem_open(world->proc, name, 0, 0, 0, &id));
	FAILS(error, ksem_open(world->proc, name, O_CREAT, 0600, 0, &id));
	FAILS(EEXIST, ksem_open(world->proc, name, O_CREAT | O_EXCL, 0600, 0, &id));
	FAILS(error, ksem_unlink(world->proc, name));
	assert_true(id == 77);
}

static void what_is_no_semaphore_is_refused(void **state)
{
	struct world world = enter();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct page good, bad;
	struct page *page;
	ksem_id_t id;
	int fd;

	(void)state;
	OK(ksem_open(world.proc, "/good", O_CREAT, 0600, 1, &id));
	page = map_page("/good");
	memcpy(&good, page, sizeof(good));
	munmap(page, PAGE_BYTES);

	MUST(symlink("good", path_of("/symlink")) == 0);
	is_refused(&world, "/symlink", ELOOP);
	MUST(mkfifo(path_of("/fifo"), 0666) == 0);
	is_refused(&world, "/fifo", EINVAL);
	MUST(mkdir(path_of("/directory"), 0777) == 0);
	is_refused(&world, "/directory", EINVAL);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	stpncpy(address.sun_path, path_of("/socket"), sizeof(address.sun_path) - 1);
	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	is_refused(&world, "/socket", EINVAL);
	close(fd);
	write_file("/empty", "", 0);
	is_refused(&world, "/empty", EINVAL);
	write_file("/short", &good, sizeof(good) - 1);
	is_refused(&world, "/short", EINVAL);
	for (size_t at = 0; at < offsetof(struct page, mode); at++) { /* magic, version, order of bytes */
		char whole[PAGE_BYTES] = {0};

		bad = good;
		((char *)&bad)[at] ^= 1;
		memcpy(whole, &bad, sizeof(bad));
		write_file("/bad", whole, sizeof(whole));
		is_refused(&world, "/bad", EINVAL);
	}
	{
		char whole[PAGE_BYTES] = {0};

		memcpy(whole, &good, sizeof(good)); /* says that it is the one that is held */
		write_file("/twin", whole, sizeof(whole));
		FAILS(EINVAL, ksem_open(world.proc, "/twin", 0, 0, 0, &id));
		OK(ksem_unlink(world.proc, "/twin"));
	}
	assert_int_equal(value_of(world.proc, id), 1);
	assert_int_equal(semaphores_in(world.ns), 1);
	world_end(&world);
}

static void scribble(void)
{
	struct page *page = map_page("/scribbled");
	unsigned seed = 1;

	for (;;) {
		for (size_t at = offsetof(struct page, unlinking); at < sizeof(*page); at += sizeof(int))
			*(volatile int *)((char *)page + at) = rand_r(&seed);
	}
}

static void a_scribbled_semaphore_confuses_nothing_else(void **state)
{
	struct world world = enter();
	const struct timespec past = {0, 0};
	ksem_id_t good, bad, again;
	pid_t child;

	(void)state;
	OK(ksem_open(world.proc, "/good", O_CREAT, 0600, 1, &good));
	OK(ksem_open(world.proc, "/scribbled", O_CREAT, 0600, 1, &bad));
	child = start_process(scribble);
	for (int i = 0; i < 20000; i++) {
		unsigned value;

		ksem_post(world.proc, bad);
		ksem_trywait(world.proc, bad);
		ksem_clockwait(world.proc, bad, CLOCK_MONOTONIC, &past);
		ksem_getvalue(world.proc, bad, &value);
		if (i % 100 == 0) {
			struct ksem_info info;

			ksem_stat(world.proc, bad, &info);
			if (ksem_open(world.proc, "/scribbled", 0, 0, 0, &again) == 0)
				ksem_close(world.proc, again);
		}
		OK(ksem_wait(world.proc, good));
		OK(ksem_post(world.proc, good));
	}
	kill_and_reap(child);
	OK(ksem_close(world.proc, bad));
	assert_int_equal(value_of(world.proc, good), 1);
	world_end(&world);
}

/* ---- Who may, and where. ---- */

static void as_nobody(void)
{
	struct world world;
	ksem_id_t id;

	MUST(setgid(65534) == 0 && setuid(65534) == 0);
	world = enter();
	MUST(ksem_open(world.proc, "/mine", 0, 0, 0, &id) == EPERM);
	MUST(ksem_unlink(world.proc, "/mine") == EPERM);
	MUST(ksem_open(world.proc, "/all", 0, 0, 0, &id) == 0);
	MUST(ksem_post(world.proc, id) == 0);
	MUST(ksem_unlink(world.proc, "/all") == EPERM); /* the directory is sticky */
	MUST(ksem_open(world.proc, "/all", 0, 0, 0, &id) == 0);
	MUST(ksem_open(world.proc, "/theirs", O_CREAT, 0600, 0, &id) == 0);

	/* Also where it is mapped still. */
	MUST(ksem_close(world.proc, id) == 0);
	MUST(chmod(path_of("/theirs"), 0) == 0);
	MUST(ksem_open(world.proc, "/theirs", 0, 0, 0, &id) == EPERM);
	MUST(chmod(path_of("/theirs"), 0600) == 0);
	MUST(ksem_open(world.proc, "/theirs", 0, 0, 0, &id) == 0);
	MUST(ksem_unlink(world.proc, "/theirs") == 0);
}

static void the_kernel_enforces_mode_and_owner(void **state)
{
	static const mode_t modes[] = {0600, 0200, 0020, 0002, 0000, 0666, 0444, 0640};
	static const mode_t files[] = {0600, 0600, 0660, 0666, 0000, 0666, 0000, 0600};
	struct world world = enter();
	ksem_id_t id;
	mode_t mask = umask(077);

	(void)state;
	MUST(chmod(dir, 01777) == 0);
	OK(ksem_open(world.proc, "/mine", O_CREAT, 0600, 0, &id));
	OK(ksem_open(world.proc, "/all", O_CREAT, 0606, 0, &id));
	if (getuid() == 0)
		ends_well(start_process(as_nobody));
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct stat status;

		OK(ksem_open(world.proc, "/mode", O_CREAT, modes[i], 0, &id));
		MUST(stat(path_of("/mode"), &status) == 0);
		assert_int_equal(status.st_mode & 07777, files[i]);
		assert_int_equal(info_of(world.proc, id).mode, modes[i]);
		OK(ksem_unlink(world.proc, "/mode"));
	}
	umask(mask);
	world_end(&world);
}

static void self_is_this_process_in_the_default_namespace(void **state)
{
	char path[256];
	struct stat status;
	ksem_id_t id;

	(void)state;
	snprintf(path, sizeof(path), "%s/made", dir);
	MUST(setenv("KSEM_DIR", "/dev/null", 1) == 0);
	assert_null(ksem_self());
	MUST(setenv("KSEM_DIR", path, 1) == 0);
	assert_non_null(ksem_self());
	assert_ptr_equal(ksem_self(), ksem_self());
	MUST(stat(path, &status) == 0);
	assert_int_equal(status.st_mode, S_IFDIR | 01777);
	OK(ksem_open(ksem_self(), "/self", O_CREAT, 0600, 2, &id));
	assert_int_equal(value_of(ksem_self(), id), 2);
	OK(ksem_unlink(ksem_self(), "/self"));
	OK(ksem_close(ksem_self(), id));
}

static void names_that_are_no_file_names_work(void **state)
{
	static const char *const names[] = {"/.", "/..", "/...", "/%", "/%.", "/.hidden", "/ ", "/\n", "/%%"};
	struct world world = enter();
	ksem_id_t ids[9];

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		OK(ksem_open(world.proc, names[i], O_CREAT | O_EXCL, 0600, i, &ids[i]));
	assert_int_equal(semaphores_in(world.ns), 9);
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(value_of(world.proc, ids[i]), i);
		assert_string_equal(info_of(world.proc, ids[i]).name, names[i]);
		OK(ksem_unlink(world.proc, names[i]));
	}
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(processes_meet_by_name_and_hand_over),
		shared_test(an_anonymous_semaphore_is_inherited_over_fork),
		shared_test(a_name_that_another_process_took_away_is_not_found_again),
		shared_test(what_is_opened_again_is_mapped_still),
		shared_test(opening_a_name_that_this_process_holds_makes_no_system_call),
		shared_test(kill_exec_and_exit_drop_references),
		shared_test(a_killed_waiter_is_counted_no_more_and_costs_nothing),
		shared_test(a_waiter_goes_on_though_the_poster_died_before_its_wake),
		shared_test(a_process_killed_anywhere_stops_nobody_and_takes_only_what_it_held),
		shared_test(what_is_no_semaphore_is_refused),
		shared_test(a_scribbled_semaphore_confuses_nothing_else),
		shared_test(the_kernel_enforces_mode_and_owner),
		shared_test(self_is_this_process_in_the_default_namespace),
		shared_test(names_that_are_no_file_names_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
