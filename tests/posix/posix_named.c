/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of <semaphore.h> that have to do with names.
 */
#include "posix.h"

#include <dirent.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NOBODY 65534

static char name[64]; /* of this test's semaphore; no other program's */
static char *directory;

/* The file behind a name that begins with '/'. */
static const char *file_of(const char *which)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s%s", directory, OURS ? "ksm." : "sem.", which + 1);
	return path;
}

static int setup(void **state)
{
	static unsigned count;

	(void)state;
	(void)snprintf(name, sizeof(name), "/ksem-test-posix-%ld-%u", (long)getpid(), ++count);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return sem_unlink(name) == 0 || errno == ENOENT ? 0 : -1;
}

static sem_t *open_new(unsigned value)
{
	sem_t *sem = sem_open(name, O_CREAT | O_EXCL, 0600, value);

	assert_ptr_not_equal(sem, SEM_FAILED);
	return sem;
}

#define OPEN_REFUSES(error, call)                     \
	do {                                          \
		errno = 0;                            \
		assert_ptr_equal((call), SEM_FAILED); \
		assert_int_equal(errno, (error));     \
	} while (0)

static int open_descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(all))
		count++;
	closedir(all);
	return count;
}

static void one_name_is_one_address(void **state)
{
	int before = open_descriptors();
	sem_t *sem = open_new(3);

	(void)state;
	assert_ptr_equal(sem_open(name, 0), sem);
	assert_ptr_equal(sem_open(name, O_CREAT, 0, 17), sem); /* mode and value count for the maker only */
	if (OURS)
		assert_ptr_equal(sem_open(name + 1, 0), sem); /* the same name as with the '/' */
	else
		assert_ptr_equal(sem_open(name, 0), sem);
	assert_int_equal(sem_value(sem), 3);
	assert_int_equal(open_descriptors(), before);
	for (int i = 0; i < 4; i++) {
		OK(sem_post(sem)); /* it is there till the last is closed */
		OK(sem_close(sem));
	}
	REFUSES(EINVAL, sem_close(sem));
	sem = sem_open(name, 0); /* it keeps its value while nobody has it open */
	assert_int_equal(sem_value(sem), 7);
	OK(sem_close(sem));
}

static void a_name_goes_and_the_semaphore_stays(void **state)
{
	sem_t *old = open_new(1), *new;

	(void)state;
	OK(sem_unlink(name));
	REFUSES(ENOENT, sem_unlink(name));
	OPEN_REFUSES(ENOENT, sem_open(name, 0));
	new = open_new(5);
	assert_ptr_not_equal(new, old);
	OK(sem_post(old));
	assert_int_equal(sem_value(old), 2);
	assert_int_equal(sem_value(new), 5);
	OK(sem_close(old));
	OK(sem_close(new));
}

static void names_and_flags_are_checked(void **state)
{
	char long_name[NAME_MAX + 3];
	sem_t *sem;

	(void)state;
	OPEN_REFUSES(ENOENT, sem_open(name, 0));
	OPEN_REFUSES(EINVAL, sem_open(name, O_CREAT, 0600, (unsigned)SEM_VALUE_MAX + 1));
	OPEN_REFUSES(ENOENT, sem_open(name, 0));
	sem = open_new(SEM_VALUE_MAX);
	OPEN_REFUSES(EEXIST, sem_open(name, O_CREAT | O_EXCL, 0600, 1));
	REFUSES(EOVERFLOW, sem_post(sem));
	OK(sem_close(sem));
	OPEN_REFUSES(EINVAL, sem_open("", O_CREAT, 0600, 1));
	OPEN_REFUSES(EINVAL, sem_open("/", O_CREAT, 0600, 1));
	OPEN_REFUSES(EINVAL, sem_open("/a/b", O_CREAT, 0600, 1));
	REFUSES(ENOENT, sem_unlink("/"));
	REFUSES(ENOENT, sem_unlink("/a/b"));
	memset(long_name, 'x', sizeof(long_name));
	long_name[0] = '/';
	long_name[NAME_MAX + 2] = '\0';
	OPEN_REFUSES(EINVAL, sem_open(long_name, O_CREAT, 0600, 1));
	REFUSES(ENOENT, sem_unlink(long_name));
	for (int length = NAME_MAX; length > NAME_MAX - 4; length--) { /* no room for the prefix */
		long_name[length + 1] = '\0';
		OPEN_REFUSES(ENAMETOOLONG, sem_open(long_name, O_CREAT, 0600, 1));
		OPEN_REFUSES(ENAMETOOLONG, sem_open(long_name, 0));
		REFUSES(ENAMETOOLONG, sem_unlink(long_name));
	}
	for (int length = NAME_MAX - 4; length > 230; length--) {
		long_name[length + 1] = '\0';
		sem = sem_open(long_name, O_CREAT | O_EXCL, 0600, 1);
		assert_ptr_not_equal(sem, SEM_FAILED);
		OK(sem_close(sem));
		OK(sem_unlink(long_name));
	}
}

static void many_slashes_and_dots_are_names(void **state)
{
	static const char *const names[] = {"/.ksem-test", "/..ksem-test", "///ksem-test", "ksem-test..", "/.", "/.."};

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		sem_t *sem = sem_open(names[i], O_CREAT, 0600, 1);

		assert_ptr_not_equal(sem, SEM_FAILED);
		assert_ptr_equal(sem_open(names[i], 0), sem);
		OK(sem_close(sem));
		OK(sem_close(sem));
		OK(sem_unlink(names[i]));
		REFUSES(ENOENT, sem_unlink(names[i]));
	}
}

/* ---- What fails leaves nothing. ---- */

static unsigned files_there(void)
{
	DIR *all = opendir(directory);
	struct dirent *entry;
	unsigned count = 0;

	while ((entry = readdir(all)))
		count += strstr(entry->d_name, name + 1) != NULL || strncmp(entry->d_name, ".ksm.", 5) == 0;
	closedir(all);
	return count;
}

static void limit_to(int which, rlim_t most)
{
	struct rlimit limit;

	MUST(getrlimit(which, &limit) == 0);
	limit.rlim_cur = most;
	MUST(setrlimit(which, &limit) == 0);
}

#define MUST_REFUSE(error, oflag)                                                         \
	do {                                                                              \
		errno = 0;                                                                \
		MUST(sem_open(name, (oflag), 0600, 1) == SEM_FAILED && errno == (error)); \
		MUST(files_there() == 0);                                                 \
	} while (0)

static void open_without_memory(void)
{
	limit_to(RLIMIT_AS, 0);
	errno = 0;
	MUST(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == ENOMEM);
	limit_to(RLIMIT_AS, RLIM_INFINITY);
	MUST(files_there() == 0);
}

static void open_without_descriptors(void)
{
	rlim_t before;
	struct rlimit limit;

	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	before = limit.rlim_cur;
	limit_to(RLIMIT_NOFILE, 0);
	errno = 0;
	MUST(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EMFILE);
	limit_to(RLIMIT_NOFILE, before);
	MUST(files_there() == 0);
}

/* A write beyond the limit would be SIGXFSZ. */
static void open_with_no_file_size(void)
{
	limit_to(RLIMIT_FSIZE, 8);
	MUST_REFUSE(EFBIG, O_CREAT);
	MUST_REFUSE(EFBIG, O_CREAT | O_EXCL);
}

static void in_child(void (*body)(void))
{
	pid_t child = fork();

	if (child == 0) {
		body();
		_exit(0);
	}
	child_succeeds(child);
}

static void an_open_that_fails_leaves_no_name(void **state)
{
	sem_t *sem;

	(void)state;
	if (SANITIZED || EMULATED)
		SKIP("a process without memory of its own kind");
	in_child(open_without_memory);
	in_child(open_without_descriptors);
	if (OURS)
		in_child(open_with_no_file_size);
	sem = open_new(1); /* the name is free */
	OK(sem_close(sem));
}

/* ---- File systems and machines that lack something. ---- */

#define FLAG_TMPFILE 020000000 /* of O_TMPFILE, what O_DIRECTORY hasn't got */

/* From now on no file without a name can be made, as on FUSE. False: no filters here. */
static bool refuse_unnamed_files(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FLAG_TMPFILE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

static void make_find_and_fail(void)
{
	sem_t *sem = sem_open(name, O_CREAT | O_EXCL, 0640, 7);
	struct stat status;

	MUST(sem != SEM_FAILED && sem_value(sem) == 7);
	MUST(files_there() == 1);
	MUST(stat(file_of(name), &status) == 0 && (status.st_mode & 07777) == 0640);
	errno = 0;
	MUST(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EEXIST);
	MUST(files_there() == 1);
	MUST(sem_open(name, O_CREAT, 0600, 1) == sem);
	MUST(sem_unlink(name) == 0);
	MUST(files_there() == 0);
}

static int refusal;

static void open_without_unnamed_files(void)
{
	if (refuse_unnamed_files(refusal)) {
		make_find_and_fail();
		limit_to(RLIMIT_FSIZE, 8);
		MUST_REFUSE(EFBIG, O_CREAT);
	}
}

static void open_without_proc(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    umount2("/proc", MNT_DETACH) != 0)
		return; /* not root, or not let */
	MUST(access("/proc/self", F_OK) != 0);
	make_find_and_fail();
}

static void file_systems_without_unnamed_files_do(void **state)
{
	static const int refusals[] = {EOPNOTSUPP, EISDIR, EINVAL, ENOSYS, EPERM};

	(void)state;
	if (!OURS || EMULATED)
		SKIP("libc doesn't try");
	umask(022);
	for (unsigned i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		refusal = refusals[i];
		in_child(open_without_unnamed_files);
	}
}

static void no_proc_does(void **state)
{
	(void)state;
	if (EMULATED)
		SKIP("qemu-user needs it");
	umask(022);
	if (OURS)
		in_child(open_without_proc);
}

static void open_with_all_descriptors_closed(void)
{
	sem_t *sem;

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	MUST((sem = sem_open(name, O_CREAT, 0600, 1)) != SEM_FAILED && sem_post(sem) == 0);
	for (int fd = 0; fd < 3; fd++)
		MUST(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}

static void an_open_keeps_no_descriptor(void **state)
{
	(void)state;
	in_child(open_with_all_descriptors_closed);
}

/* ---- Directories. ---- */

static void a_relative_directory_stays_where_it_was(void **state)
{
	char before[PATH_MAX], *last = strrchr(directory, '/');
	sem_t *sem;

	(void)state;
	if (!OURS)
		SKIP("libc knows no KSEM_DIR");
	assert_non_null(getcwd(before, sizeof(before)));
	*last = '\0';
	OK(chdir(directory));
	*last = '/';
	setenv("KSEM_DIR", last + 1, 1);
	sem = open_new(3);
	OK(access(file_of(name), F_OK));
	OK(chdir("/"));
	assert_ptr_equal(sem_open(name, 0), sem);
	OK(sem_close(sem));
	OK(sem_close(sem));
	OK(sem_unlink(name));
	assert_int_equal(files_there(), 0);
	setenv("KSEM_DIR", directory, 1);
	OK(chdir(before));
}

/* ---- Many. ---- */

#define MANY 20000

static sem_t *sems[MANY];

static const char *name_of(int i)
{
	static char one[96];

	(void)snprintf(one, sizeof(one), "%s-%d", name, i);
	return one;
}

/* How long it takes to open and close the first tenth again, in ns. */
static int64_t time_the_first(void)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (int i = 0; i < MANY / 10; i++) {
		assert_ptr_equal(sem_open(name_of(i), 0), sems[i]);
		OK(sem_close(sems[i]));
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	return (end.tv_sec - begin.tv_sec) * INT64_C(1000000000) + end.tv_nsec - begin.tv_nsec;
}

/* A list would be ten times as long, and take several times as much time. */
static void opening_does_not_slow_down_with_how_many_are_open(void **state)
{
	int64_t few = 0, many;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		if (i == MANY / 10)
			few = time_the_first();
		sems[i] = sem_open(name_of(i), O_CREAT, 0600, 1);
		assert_ptr_not_equal(sems[i], SEM_FAILED);
	}
	many = time_the_first();
	printf("beside few: %lld ns each, beside many: %lld\n", (long long)(few / (MANY / 10)),
	       (long long)(many / (MANY / 10)));
	for (int i = 0; i < MANY; i++) {
		OK(sem_unlink(name_of(i)));
		OK(sem_close(sems[i]));
		REFUSES(EINVAL, sem_close(sems[i]));
	}
	if (OURS)
		assert_true(many < 3 * few);
}

static void close_knows_its_own_only(void **state)
{
	sem_t sem;

	(void)state;
	OK(sem_init(&sem, 0, 1));
	REFUSES(EINVAL, sem_close(&sem));
}

static mode_t mode_made(mode_t mask, mode_t mode)
{
	mode_t before = umask(mask);
	sem_t *sem = sem_open(name, O_CREAT | O_EXCL, mode, 1);
	struct stat status;

	umask(before);
	assert_ptr_not_equal(sem, SEM_FAILED);
	OK(stat(file_of(name), &status));
	OK(sem_close(sem));
	OK(sem_unlink(name));
	return status.st_mode & 07777;
}

static void the_umask_counts(void **state)
{
	(void)state;
	assert_int_equal(mode_made(0, 0666), 0666);
	assert_int_equal(mode_made(022, 0666), 0644);
	assert_int_equal(mode_made(077, 0660), 0600);
	assert_int_equal(mode_made(0, 0), 0);
}

/* Runs it as a user without rights, in a child. */
static void as_nobody(void (*body)(void))
{
	pid_t child = fork();

	if (child == 0) {
		MUST(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
		body();
		_exit(0);
	}
	child_succeeds(child);
}

static void find_is_refused(void)
{
	errno = 0;
	MUST(sem_open(name, 0) == SEM_FAILED && errno == EACCES);
	errno = 0;
	MUST(sem_open(name, O_CREAT, 0666, 1) == SEM_FAILED && errno == EACCES);
	errno = 0;
	MUST(sem_unlink(name) == -1 && errno == EACCES);
}

static void find_and_post(void)
{
	sem_t *sem = sem_open(name, 0);

	MUST(sem != SEM_FAILED && sem_post(sem) == 0 && sem_close(sem) == 0);
}

static void make_without_rights(void)
{
	sem_t *sem = sem_open(name, O_CREAT | O_EXCL, 0, 1); /* the maker may use it; nobody opens it again */

	MUST(sem != SEM_FAILED && sem_post(sem) == 0 && sem_close(sem) == 0);
	errno = 0;
	MUST(sem_open(name, 0) == SEM_FAILED && errno == EACCES);
	MUST(sem_unlink(name) == 0);
}

static void the_mode_counts(void **state)
{
	mode_t before;
	sem_t *sem;

	(void)state;
	if (geteuid() != 0)
		SKIP("it isn't root, who can become others");
	sem = open_new(0);
	as_nobody(find_is_refused);
	OK(sem_close(sem));
	OK(sem_unlink(name));
	before = umask(0);
	sem = sem_open(name, O_CREAT | O_EXCL, 0666, 0);
	umask(before);
	as_nobody(find_and_post);
	assert_int_equal(sem_value(sem), 1);
	OK(sem_close(sem));
	OK(sem_unlink(name));
	as_nobody(make_without_rights);
}

static void files_that_are_none_are_refused(void **state)
{
	const char *file = file_of(name);
	char content[4096] = {0};
	int fd;

	(void)state;
	OK(symlink("/dev/null", file));
	OPEN_REFUSES(ELOOP, sem_open(name, 0));
	OPEN_REFUSES(ELOOP, sem_open(name, O_CREAT, 0600, 1));
	OK(unlink(file));
	if (!OURS)
		return;
	for (unsigned size = 0; size <= sizeof(content); size += 8) {
		fd = open(file, O_CREAT | O_EXCL | O_WRONLY, 0600);
		assert_int_equal(write(fd, content, size), size);
		close(fd);
		OPEN_REFUSES(EINVAL, sem_open(name, 0));
		OK(unlink(file));
		if (size == 64)
			size = sizeof(content) - 8;
	}
	OK(mkfifo(file, 0600));
	OPEN_REFUSES(EINVAL, sem_open(name, O_CREAT, 0600, 1));
	OK(unlink(file));
	OK(mkdir(file, 0700));
	OPEN_REFUSES(EISDIR, sem_open(name, 0));
	OK(rmdir(file));
}

static void a_directory_that_is_not_there(void **state)
{
	(void)state;
	if (!OURS)
		SKIP("libc's is always there");
	setenv("KSEM_DIR", "/nonexistent", 1);
	OPEN_REFUSES(ENOENT, sem_open(name, O_CREAT, 0600, 1));
	setenv("KSEM_DIR", "/dev/null", 1);
	OPEN_REFUSES(ENOTDIR, sem_open(name, O_CREAT, 0600, 1));
	setenv("KSEM_DIR", directory, 1);
}

/* ---- Races. ---- */

static struct {
	atomic_int round, won, at_it;
	_Atomic(sem_t *) sem;
} race;

static void *make_it(void *arg)
{
	for (int round = 1; round <= ROUNDS(1000); round++) {
		sem_t *sem;

		while (atomic_load(&race.round) != round)
			sched_yield();
		sem = sem_open(name, O_CREAT | (arg ? O_EXCL : 0), 0600, 0);
		if (sem != SEM_FAILED) {
			MUST(sem_post(sem) == 0);
			atomic_store(&race.sem, sem);
			atomic_fetch_add(&race.won, 1);
		} else {
			MUST(arg && errno == EEXIST);
		}
		atomic_fetch_sub(&race.at_it, 1);
	}
	return NULL;
}

static void makers_that_race(bool exclusive)
{
	enum { MAKERS = 3 };
	pthread_t makers[MAKERS];

	memset(&race, 0, sizeof(race));
	for (int i = 0; i < MAKERS; i++)
		makers[i] = start(make_it, exclusive ? &race : NULL);
	for (int round = 1; round <= ROUNDS(1000); round++) {
		atomic_store(&race.won, 0);
		atomic_store(&race.at_it, MAKERS);
		atomic_store(&race.round, round);
		while (atomic_load(&race.at_it) > 0)
			sched_yield();
		assert_int_equal(atomic_load(&race.won), exclusive ? 1 : MAKERS);
		assert_int_equal(sem_value(atomic_load(&race.sem)), exclusive ? 1 : MAKERS); /* all have the same */
		for (int i = 0; i < (exclusive ? 1 : MAKERS); i++)
			OK(sem_close(atomic_load(&race.sem)));
		REFUSES(EINVAL, sem_close(atomic_load(&race.sem)));
		OK(sem_unlink(name));
	}
	for (int i = 0; i < MAKERS; i++)
		finish(makers[i]);
}

static void of_exclusive_makers_one_wins(void **state)
{
	(void)state;
	makers_that_race(true);
}

static void makers_that_race_have_the_same(void **state)
{
	(void)state;
	makers_that_race(false);
}

/* Beside one who makes and unlinks all the time, an open finds a whole semaphore, or makes one. */
static void *make_and_unlink(void *arg)
{
	while (atomic_load(&race.round) == 0) {
		sem_t *sem = sem_open(name, O_CREAT, 0600, 42);

		MUST(sem != SEM_FAILED);
		MUST(sem_value(sem) == 42);
		MUST(sem_close(sem) == 0);
		MUST(sem_unlink(name) == 0 || errno == ENOENT);
	}
	return arg;
}

static void opens_meet_unlinks(void **state)
{
	pthread_t threads[3];

	(void)state;
	memset(&race, 0, sizeof(race));
	for (int i = 0; i < 3; i++)
		threads[i] = start(make_and_unlink, NULL);
	sleep_ms(500);
	atomic_store(&race.round, 1);
	for (int i = 0; i < 3; i++)
		finish(threads[i]);
}

static void processes_meet_by_name(void **state)
{
	sem_t *go = open_new(0);
	pid_t children[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			sem_t *sem = sem_open(name, 0);

			MUST(sem == go); /* inherited: it is open already */
			MUST(sem_close(sem) == 0);
			for (int n = 0; n < ROUNDS(2000); n++)
				MUST(sem_wait(sem) == 0 && sem_post(sem) == 0);
			MUST(sem_close(sem) == 0);
			MUST((sem = sem_open(name, 0)) != SEM_FAILED);
			MUST(sem_wait(sem) == 0 && sem_post(sem) == 0);
			_exit(0);
		}
	}
	until_sem_waiters(go, 4);
	OK(sem_post(go));
	for (int i = 0; i < 4; i++)
		child_succeeds(children[i]);
	assert_int_equal(sem_value(go), 1);
	OK(sem_close(go));
}

static void *open_with_cancellation_pending(void *arg)
{
	sem_t *sem;

	pthread_cancel(pthread_self());
	sem = sem_open(name, O_CREAT, 0600, 1);
	MUST(sem != SEM_FAILED && sem_close(sem) == 0);
	return arg;
}

static void opening_is_no_point_of_cancellation(void **state)
{
	(void)state;
	assert_ptr_equal(finish(start(open_with_cancellation_pending, name)), name);
}

/* While others open, a fork's child can too. */
static void *open_and_close(void *arg)
{
	while (atomic_load(&race.round) == 0) {
		sem_t *sem = sem_open(name, 0);

		MUST(sem != SEM_FAILED && sem_close(sem) == 0);
	}
	return arg;
}

static void a_forks_child_can_open(void **state)
{
	sem_t *sem = open_new(1);
	pthread_t thread;

	(void)state;
	if (!OURS)
		SKIP("glibc doesn't promise it: its child may wait for a lock for ever");
	if (THREAD_SANITIZED)
		SKIP("its runtime doesn't let threads fork beside others");
	if (EMULATED)
		SKIP("qemu-user's own locks don't outlive a fork beside other threads");
	memset(&race, 0, sizeof(race));
	thread = start(open_and_close, NULL);
	for (int i = 0; i < ROUNDS(500); i++) {
		pid_t child = fork();

		if (child == 0) {
			sem_t *own = sem_open(name, 0);

			_exit(own == SEM_FAILED || sem_close(own) != 0);
		}
		child_succeeds(child);
	}
	atomic_store(&race.round, 1);
	finish(thread);
	OK(sem_close(sem));
}

/* ---- Fork handlers of the host: registered before the library's, and after them. ---- */

static bool handlers_open;
static int handled; /* in the parent */

static void open_in_handler(void)
{
	sem_t *sem;

	if (!handlers_open)
		return;
	sem = sem_open(name, O_CREAT, 0600, 1);
	MUST(sem != SEM_FAILED && sem_close(sem) == 0);
	handled++;
}

static void register_handlers(void)
{
	pthread_atfork(open_in_handler, open_in_handler, open_in_handler);
}

__attribute__((section(".preinit_array"), used)) static void (*before_libraries)(void) = register_handlers;

static void the_hosts_fork_handlers_may_open(void **state)
{
	sem_t *sem = open_new(1);
	pthread_t thread;

	(void)state;
	if (!OURS || THREAD_SANITIZED || EMULATED)
		SKIP("it isn't ours, or threads can't be stopped so here");
	memset(&race, 0, sizeof(race));
	thread = start(open_and_close, NULL);
	handled = 0;
	handlers_open = true;
	for (int i = 0; i < ROUNDS(100); i++) {
		pid_t child;

		alarm(60); /* a fork that hangs ends the test */
		child = fork();
		if (child == 0) {
			sem_t *own = sem_open(name, 0);

			_exit(own == SEM_FAILED || sem_close(own) != 0);
		}
		child_succeeds(child);
	}
	handlers_open = false;
	alarm(0);
	assert_int_equal(handled, 4 * ROUNDS(100));
	atomic_store(&race.round, 1);
	finish(thread);
	OK(sem_close(sem));
}

int main(void)
{
#define named_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		named_test(one_name_is_one_address),
		named_test(a_name_goes_and_the_semaphore_stays),
		named_test(names_and_flags_are_checked),
		named_test(many_slashes_and_dots_are_names),
		named_test(an_open_that_fails_leaves_no_name),
		named_test(file_systems_without_unnamed_files_do),
		named_test(no_proc_does),
		named_test(an_open_keeps_no_descriptor),
		named_test(a_relative_directory_stays_where_it_was),
		named_test(opening_does_not_slow_down_with_how_many_are_open),
		named_test(close_knows_its_own_only),
		named_test(the_umask_counts),
		named_test(the_mode_counts),
		named_test(files_that_are_none_are_refused),
		named_test(a_directory_that_is_not_there),
		named_test(of_exclusive_makers_one_wins),
		named_test(makers_that_race_have_the_same),
		named_test(opens_meet_unlinks),
		named_test(processes_meet_by_name),
		named_test(opening_is_no_point_of_cancellation),
		named_test(a_forks_child_can_open),
		named_test(the_hosts_fork_handlers_may_open),
	};

	directory = OURS ? shared_directory_new() : strdup("/dev/shm");
	if (OURS) {
		OK(chmod(directory, 01777));
		setenv("KSEM_DIR", directory, 1);
	}
	(void)before_libraries;
	register_handlers();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
