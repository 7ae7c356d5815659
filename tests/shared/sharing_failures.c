/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every call in a namespace that OS processes share meets the failure of each of its allocations and of each of its
 * system calls, one after another: it answers what failed, or does without; when it fails it has changed nothing, and
 * however it ends it keeps no descriptor, no mapping and no file that it shouldn't.
 *
 * The linker puts the functions here before libc's (--wrap), for all that this program calls.
 */
#include "../support.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../failing_memory.h"
#include "shared/namespace.h"
#include "shared/census.h"

#define UNTOUCHED 77 /* what output arguments hold before a call; errno too */

/* ---- System calls that fail. ---- */

static unsigned countdown; /* until the one that fails; 0: none will */
static int failed_with;    /* the error of the one that did; 0: none */
static bool lasts;         /* from then on each call of that name fails, as where something is used up */
static const char *broken; /* that name */

static bool must_fail(const char *name, int error)
{
	if (!(broken && strcmp(name, broken) == 0) && (countdown == 0 || --countdown > 0))
		return false;
	if (lasts)
		broken = name;
	failed_with = error;
	errno = error;
	return true;
}

/* WRAP(name, what it returns, its parameters, their names, error, what it returns then) */
#define WRAP(name, type, parameters, arguments, error, answer) \
	type __real_##name parameters;                         \
	type __wrap_##name parameters;                         \
	type __wrap_##name parameters                          \
	{                                                      \
		if (must_fail(#name, error))                   \
			return answer;                         \
		return __real_##name arguments;                \
	}

WRAP(open64, int, (const char *path, int flags, mode_t mode), (path, flags, mode), EMFILE, -1)
WRAP(openat64, int, (int fd, const char *path, int flags, mode_t mode), (fd, path, flags, mode), EMFILE, -1)
WRAP(faccessat, int, (int fd, const char *path, int mode, int flags), (fd, path, mode, flags), EIO, -1)
WRAP(fstatfs64, int, (int fd, struct statfs *status), (fd, status), EIO, -1)
WRAP(mmap64, void *, (void *at, size_t size, int prot, int flags, int fd, off_t offset),
     (at, size, prot, flags, fd, offset), ENOMEM, MAP_FAILED)
WRAP(ftruncate64, int, (int fd, off_t size), (fd, size), EFBIG, -1)
WRAP(linkat, int, (int from, const char *path, int to, const char *name, int flags), (from, path, to, name, flags),
     ENOSPC, -1)
WRAP(unlinkat, int, (int fd, const char *path, int flags), (fd, path, flags), EIO, -1)
WRAP(fchmod, int, (int fd, mode_t mode), (fd, mode), EPERM, -1)
WRAP(fchown, int, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), EPERM, -1)
WRAP(flock, int, (int fd, int operation), (fd, operation), ENOLCK, -1)
WRAP(getrandom, ssize_t, (void *bytes, size_t size, unsigned flags), (bytes, size, flags), EAGAIN, -1)
WRAP(fdopendir, DIR *, (int fd), (fd), ENOMEM, NULL)
WRAP(readdir64, struct dirent *, (DIR * all), (all), EIO, NULL)
WRAP(pread64, ssize_t, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at), EIO, -1)

static unsigned interrupted; /* so many times does a signal end an allocation */

int __real_posix_fallocate64(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t size)
{
	if (must_fail("posix_fallocate64", ENOSPC))
		return ENOSPC;
	if (interrupted > 0) {
		interrupted--;
		return EINTR;
	}
	return __real_posix_fallocate64(fd, offset, size);
}

static bool no_locks; /* the kernel has no more */

/*
 * All but looking at the mark of a descriptor, which can't fail: what it then says is that it isn't ours. To give back
 * a lock may fail once, but not because there are no more.
 */
int __real_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg)
{
	bool gives_back = command == F_OFD_SETLK && ((struct flock *)arg)->l_type == F_UNLCK;

	if (command != F_GETSIG && !(gives_back && broken) && must_fail("fcntl64", ENOLCK))
		return -1;
	if (no_locks && command == F_OFD_SETLK) {
		errno = ENOLCK;
		return -1;
	}
	return __real_fcntl64(fd, command, arg);
}

static bool no_birth_times; /* statx tells none, as on tmpfs before Linux 6.0 */

int __real_statx(int fd, const char *path, int flags, unsigned mask, struct statx *status);
int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *status);
int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *status)
{
	int result;

	if (must_fail("statx", EIO))
		return -1;
	result = __real_statx(fd, path, flags, mask, status);
	if (no_birth_times)
		status->stx_mask &= ~STATX_BTIME;
	return result;
}

/* ---- What a call must leave as it was. ---- */

static struct world world;
static struct ksem_proc *other; /* a process of another user's */

struct view {
	unsigned descriptors, files, mappings;
	uint64_t sems, values, refs, counted;
};

static unsigned entries_in(const char *path)
{
	DIR *all = opendir(path);
	unsigned count = 0;

	MUST(all);
	while (readdir(all))
		count++;
	closedir(all);
	return count;
}

static int add_to_view(const struct ksem_info *info, void *arg)
{
	struct view *view = arg;

	view->sems++;
	view->values += info->value;
	view->refs += info->refs;
	return 0;
}

static struct view view_now(void)
{
	struct view view = {0};

	if (world.ns) {
		OK(ksem_ns_foreach(world.ns, add_to_view, &view));
		OK(census_count(shared_ns_directory(shared_ns_of(world.ns)), UINT64_MAX, true, NULL, 0, &view.counted));
	}
	view.descriptors = entries_in("/proc/self/fd");
	view.files = entries_in(world.dir);
	view.mappings = mappings_of(world.dir);
	return view;
}

/* What succeeded and was undone may have left mappings that wait for an epoch. */
static void is_as_before(const struct view *before, bool failed)
{
	struct view now = view_now();

	assert_int_equal(now.descriptors, before->descriptors);
	assert_int_equal(now.files, before->files);
	if (failed)
		assert_true(now.mappings <= before->mappings); /* fewer, if it freed some for a second try */
	assert_int_equal(now.sems, before->sems);
	assert_int_equal(now.values, before->values);
	assert_int_equal(now.refs, before->refs);
	assert_int_equal(now.counted, before->counted);
}

/* ---- The calls. ---- */

static struct {
	ksem_id_t id;
	struct ksem_proc *proc;
	struct ksem_ns *ns;
	struct ksem_info info;
	unsigned visited;
} out;

static int ns_create(void)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = world.dir};

	return ksem_ns_create(&options, &out.ns);
}

static void ns_undo(void)
{
	OK(ksem_ns_destroy(out.ns));
}

static int proc_create(void)
{
	return ksem_proc_create(world.ns, NULL, &out.proc);
}

static int proc_fork(void)
{
	return ksem_proc_fork(world.proc, &out.proc);
}

static void proc_undo(void)
{
	OK(ksem_proc_exit(out.proc));
}

static int open_new(void)
{
	return ksem_open(world.proc, "/new", O_CREAT, 0600, 3, &out.id);
}

static int open_exclusive(void)
{
	return ksem_open(world.proc, "/new", O_CREAT | O_EXCL, 0600, 3, &out.id);
}

static int open_new_of_another(void)
{
	return ksem_open(other, "/new", O_CREAT, 0600, 3, &out.id);
}

static void open_new_undo(void)
{
	OK(ksem_close(out.proc ? out.proc : world.proc, out.id));
	OK(ksem_unlink(world.proc, "/new"));
}

static void open_new_of_another_undo(void)
{
	OK(ksem_close(other, out.id));
	OK(ksem_unlink(world.proc, "/new"));
}

static int open_old(void)
{
	return ksem_open(world.proc, "/old", O_CREAT, 0600, 0, &out.id);
}

static int open_held(void)
{
	return ksem_open(world.proc, "/held", 0, 0, 0, &out.id);
}

static void open_undo(void)
{
	OK(ksem_close(world.proc, out.id));
}

static int init(void)
{
	return ksem_init(world.proc, 5, &out.id);
}

static int init_of_another(void)
{
	return ksem_init(other, 5, &out.id);
}

static void init_of_another_undo(void)
{
	OK(ksem_destroy(other, out.id));
}

static void init_undo(void)
{
	OK(ksem_destroy(world.proc, out.id));
}

static int unlink_old(void)
{
	return ksem_unlink(world.proc, "/old");
}

static void unlink_undo(void)
{
	ksem_id_t id;

	OK(ksem_open(world.proc, "/old", O_CREAT | O_EXCL, 0600, 2, &id));
	OK(ksem_close(world.proc, id));
}

static ksem_id_t held_id;

static int stat_held(void)
{
	return ksem_stat(world.proc, held_id, &out.info);
}

static int visit_all(void)
{
	int error = ksem_ns_foreach(world.ns, visit_and_count, &out.visited);

	if (!error)
		assert_int_equal(out.visited, 2); /* whatever it couldn't look at isn't passed over in silence */
	return error;
}

static void nothing(void)
{
}

static const struct call {
	const char *name;
	int (*make)(void);
	void (*undo)(void);
} calls[] = {
	{"ksem_ns_create", ns_create, ns_undo},
	{"ksem_proc_create", proc_create, proc_undo},
	{"ksem_proc_fork", proc_fork, proc_undo},
	{"ksem_open: new", open_new, open_new_undo},
	{"ksem_open: new, exclusive", open_exclusive, open_new_undo},
	{"ksem_open: new, another's", open_new_of_another, open_new_of_another_undo},
	{"ksem_open: there", open_old, open_undo},
	{"ksem_open: held", open_held, open_undo},
	{"ksem_init", init, init_undo},
	{"ksem_init: another's", init_of_another, init_of_another_undo},
	{"ksem_unlink", unlink_old, unlink_undo},
	{"ksem_stat", stat_held, nothing},
	{"ksem_ns_foreach", visit_all, nothing},
};

static void begin(uint32_t max_sems)
{
	ksem_id_t id;

	setenv("KSEM_TEST_SHARED", "1", 1);
	world = world_limited(max_sems, 0);
	other = may_be_others() ? world_user(&world, 4321, 4321) : NULL;
	OK(ksem_open(world.proc, "/held", O_CREAT, 0600, 1, &held_id));
	OK(ksem_open(world.proc, "/old", O_CREAT, 0600, 2, &id));
	OK(ksem_close(world.proc, id));
}

static void end(void)
{
	if (other)
		OK(ksem_proc_exit(other));
	world_end(&world);
}

static void outputs_are_untouched(void)
{
	assert_true(out.id == UNTOUCHED);
	assert_null(out.proc);
	assert_null(out.ns);
}

/*
 * One call, of which the n-th of something fails, once or (`lasting`) from then on: a call for a semaphore may free
 * memory, and try again. True: there was an n-th.
 */
static bool one_failure(const struct call *call, unsigned n, bool of_memory, bool lasting)
{
	struct view before = view_now();
	int error;
	bool failed;

	memset(&out, 0, sizeof(out));
	out.id = UNTOUCHED;
	failed_with = 0;
	lasts = lasting;
	if (of_memory && lasting)
		failing_memory_fail_from(n);
	else if (of_memory)
		failing_memory_fail_at(n);
	else
		countdown = n;
	errno = UNTOUCHED;
	error = call->make();
	assert_int_equal(errno, UNTOUCHED);
	countdown = 0;
	broken = NULL;
	failed = of_memory ? failing_memory_failures() > 0 : failed_with != 0;
	failing_memory_fail_at(0);
	if (error) {
		assert_true(failed);
		assert_int_equal(error, of_memory ? ENOMEM : failed_with);
		outputs_are_untouched();
	} else {
		call->undo();
	}
	is_as_before(&before, error != 0);
	return failed;
}

static void meets(bool of_memory, uint32_t max_sems)
{
	begin(max_sems);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		unsigned n = 1;

		if (!other && strstr(calls[i].name, "another's"))
			continue;
		while (one_failure(&calls[i], n, of_memory, false) && one_failure(&calls[i], n, of_memory, true))
			n++;
		printf("%s: %u\n", calls[i].name, n - 1);
	}
	end();
}

static void calls_meet_the_failure_of_each_system_call(void **state)
{
	(void)state;
	meets(false, 0);
}

/* Near the limit, names are counted. */
static void the_same_where_the_limit_is_near(void **state)
{
	(void)state;
	meets(false, 4);
}

static void calls_meet_the_failure_of_each_allocation(void **state)
{
	(void)state;
	meets(true, 0);
}

static void the_same_of_allocations_where_the_limit_is_near(void **state)
{
	(void)state;
	meets(true, 4);
}

static void letting_go_does_not_fail(void **state)
{
	ksem_id_t named, nameless;

	(void)state;
	for (unsigned n = 1; n < 20; n++) {
		begin(0);
		OK(ksem_open(world.proc, "/new", O_CREAT, 0600, 0, &named));
		OK(ksem_init(world.proc, 0, &nameless));
		countdown = n;
		OK(ksem_close(world.proc, named));
		OK(ksem_destroy(world.proc, nameless));
		OK(ksem_close(world.proc, held_id));
		if (other)
			OK(ksem_proc_exit(other));
		OK(ksem_proc_exit(world.proc));
		OK(ksem_ns_destroy(world.ns));
		countdown = 0;
		assert_int_equal(mappings_of(world.dir), 0);
		shared_directory_free(world.dir);
	}
}

static void without_birth_times_the_number_of_the_file_is_the_id(void **state)
{
	struct stat status;
	char path[256];
	ksem_id_t one, same, another;

	(void)state;
	begin(0);
	no_birth_times = true;
	OK(ksem_open(world.proc, "/one", O_CREAT, 0600, 1, &one));
	OK(ksem_open(world.proc, "/another", O_CREAT, 0600, 2, &another));
	snprintf(path, sizeof(path), "%s/one", world.dir);
	MUST(stat(path, &status) == 0);
	assert_true(one == ((uint64_t)status.st_ino << 4 | (uint64_t)status.st_ino >> 60));
	assert_true(another != one);
	OK(ksem_close(world.proc, one));
	OK(ksem_open(world.proc, "/one", 0, 0, 0, &same));
	assert_true(same == one);
	assert_int_equal(value_of(world.proc, one), 1);
	assert_int_equal(value_of(world.proc, another), 2);
	no_birth_times = false;
	end();
}

static void without_locks_a_maker_keeps_the_limit(void **state)
{
	ksem_id_t one, two, three;

	(void)state;
	begin(4); /* two have names */
	no_locks = true;
	OK(ksem_init(world.proc, 0, &one));
	OK(ksem_init(world.proc, 0, &two));
	FAILS(ENFILE, ksem_init(world.proc, 0, &three));
	OK(ksem_destroy(world.proc, one));
	OK(ksem_init(world.proc, 0, &three));
	no_locks = false;
	end();
}

static void an_allocation_that_a_signal_ended_is_repeated(void **state)
{
	struct ksem_attr attr = {.size = sizeof(attr), .order = KSEM_FIFO};
	ksem_id_t id;

	(void)state;
	begin(0);
	interrupted = 3;
	OK(ksem_init_attr(world.proc, &attr, 1, &id));
	assert_int_equal(interrupted, 0);
	OK(ksem_trywait(world.proc, id));
	OK(ksem_destroy(world.proc, id));
	end();
}

/* Has this process a liveness lock on the directory, as others see it? */
static bool is_seen(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd = open(world.dir, O_RDONLY | O_DIRECTORY);

	lock.l_start = (off_t)shared_ns_directory(shared_ns_of(world.ns))->liveness;
	MUST(fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0);
	MUST(close(fd) == 0);
	return lock.l_type != F_UNLCK;
}

/* The program closed the descriptor, and the kernel has no lock for the one that is opened in its place. */
static void a_lock_that_was_refused_is_taken_at_the_next_call(void **state)
{
	ksem_id_t id;

	(void)state;
	begin(0);
	MUST(is_seen());
	MUST(close(directory_fd(shared_ns_directory(shared_ns_of(world.ns)))) == 0);
	assert_false(is_seen());
	no_locks = true;
	FAILS(ENOLCK, ksem_init(world.proc, 0, &id));
	no_locks = false;
	OK(ksem_init(world.proc, 0, &id));
	assert_true(is_seen());
	end();
}

#define counted_test(f) cmocka_unit_test_setup_teardown(f, failing_memory_setup, failing_memory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted_test(calls_meet_the_failure_of_each_system_call),
		counted_test(the_same_where_the_limit_is_near),
		counted_test(calls_meet_the_failure_of_each_allocation),
		counted_test(the_same_of_allocations_where_the_limit_is_near),
		counted_test(letting_go_does_not_fail),
		counted_test(without_locks_a_maker_keeps_the_limit),
		counted_test(without_birth_times_the_number_of_the_file_is_the_id),
		counted_test(an_allocation_that_a_signal_ended_is_repeated),
		counted_test(a_lock_that_was_refused_is_taken_at_the_next_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
