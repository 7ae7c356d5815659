/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host that closes every descriptor while a call is under way, and opens a file of its own under all numbers: the
 * library doesn't write to that file, nor change its length, mode, owner or names, whatever call of the system the host
 * comes after.
 *
 * The linker puts the functions here before libc's (--wrap). What another thread of the host would do happens in them,
 * after each call in turn.
 */
#include "sharing.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>

static struct world world;
static char victim[128]; /* the host's file */

/* ---- The host. ---- */

#define NUMBERS 64

static unsigned countdown; /* calls of the system until the host comes; 0: it doesn't */
static bool came;

int __real_open64(const char *path, int flags, mode_t mode);

static void swap_descriptors(void)
{
	for (int fd = 3; fd < NUMBERS; fd++)
		close(fd);
	for (int fd = 3; fd < NUMBERS; fd++)
		MUST(__real_open64(victim, O_RDWR, 0) == fd);
}

static void after_call(void)
{
	int saved = errno;

	if (countdown > 0 && --countdown == 0) {
		swap_descriptors();
		came = true;
	}
	errno = saved;
}

#define WRAP(name, type, parameters, arguments)        \
	type __real_##name parameters;                 \
	type __wrap_##name parameters;                 \
	type __wrap_##name parameters                  \
	{                                              \
		type answer = __real_##name arguments; \
                                                       \
		after_call();                          \
		return answer;                         \
	}

WRAP(open64, int, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP(openat64, int, (int fd, const char *path, int flags, mode_t mode), (fd, path, flags, mode))
WRAP(mmap64, void *, (void *at, size_t size, int prot, int flags, int fd, off_t offset),
     (at, size, prot, flags, fd, offset))
WRAP(posix_fallocate64, int, (int fd, off_t offset, off_t size), (fd, offset, size))
WRAP(ftruncate64, int, (int fd, off_t size), (fd, size))
WRAP(linkat, int, (int from, const char *path, int to, const char *name, int flags), (from, path, to, name, flags))
WRAP(unlinkat, int, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(fchmod, int, (int fd, mode_t mode), (fd, mode))
WRAP(fchown, int, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(flock, int, (int fd, int operation), (fd, operation))
WRAP(fdopendir, DIR *, (int fd), (fd))
WRAP(pread64, ssize_t, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at))

/* A look whether a descriptor is the library's is no occasion: nothing tells a host that comes just after it. */
int __real_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg)
{
	int answer = __real_fcntl64(fd, command, arg);

	if (command != F_GETSIG)
		after_call();
	return answer;
}

/* ---- The calls. ---- */

static int make_anonymous(void)
{
	ksem_id_t id;

	return ksem_init(world.proc, 3, &id);
}

static int make_named(void)
{
	ksem_id_t id;

	return ksem_open(world.proc, "/new", O_CREAT, 0666, 3, &id); /* the umask takes some of that away */
}

static int make_anothers(void)
{
	const struct ksem_cred cred = {4321, 4321};
	struct ksem_proc *other;
	ksem_id_t id;
	int error = ksem_proc_create(world.ns, &cred, &other);

	return error ? error : ksem_open(other, "/new", O_CREAT, 0606, 3, &id);
}

static int open_old(void)
{
	ksem_id_t id;

	return ksem_open(world.proc, "/old", 0, 0, 0, &id);
}

static int unlink_old(void)
{
	return ksem_unlink(world.proc, "/old");
}

static int visit_all(void)
{
	unsigned visited = 0;

	return ksem_ns_foreach(world.ns, visit_and_count, &visited);
}

static int make_namespace(void)
{
	const struct ksem_ns_options options = {.size = sizeof(options), .dir = dir};
	struct ksem_ns *ns;

	return ksem_ns_create(&options, &ns);
}

static int fork_and_make(void)
{
	must_end_well(start_process((void (*)(void))make_anonymous));
	return 0;
}

static int (*const calls[])(void) = {
	make_anonymous, make_named, make_anothers, open_old, unlink_old, visit_all, make_namespace, fork_and_make,
};

#define CALLS (sizeof(calls) / sizeof(*calls))

/* ---- What the host has. ---- */

static void make_victim(void)
{
	int fd;

	snprintf(victim, sizeof(victim), "%s/.victim", dir); /* of the same file system, so that it could be linked */
	fd = open(victim, O_CREAT | O_EXCL | O_WRONLY, 0644);
	MUST(fd >= 0 && write(fd, victim, sizeof(victim)) == sizeof(victim));
	MUST(close(fd) == 0 && chmod(victim, 0644) == 0);
}

static void the_victim_is_untouched(void)
{
	struct stat status;
	char bytes[2 * sizeof(victim)];
	int fd = open(victim, O_RDONLY);

	MUST(fd >= 0 && read(fd, bytes, sizeof(bytes)) == sizeof(victim));
	MUST(memcmp(bytes, victim, sizeof(victim)) == 0);
	MUST(fstat(fd, &status) == 0);
	MUST(status.st_size == sizeof(victim));
	MUST((status.st_mode & ALLPERMS) == 0644);
	MUST(status.st_uid == geteuid());
	MUST(status.st_nlink == 1);
	close(fd);
}

/* `which`: the call; `when`: after how many calls of the system the host comes. */
static unsigned which, when;

struct board {
	atomic(bool) came;
};

#define board ((struct board *)board_page)

static void meet_the_host(void)
{
	ksem_id_t id;

	umask(022);
	world = enter();
	MUST(ksem_open(world.proc, "/old", O_CREAT, 0600, 1, &id) == 0 && ksem_close(world.proc, id) == 0);
	make_victim();
	countdown = when;
	calls[which]();
	countdown = 0;
	the_victim_is_untouched();
	store_rlx(&board->came, came);
}

static void a_file_of_the_hosts_is_untouched(void **state)
{
	unsigned occasions = 0;

	(void)state;
	for (which = 0; which < CALLS; which++) {
		if (calls[which] == make_anothers && geteuid() != 0)
			continue;
		for (when = 1; when == 1 || load_rlx(&board->came); when++) {
			teardown(NULL);
			setup(NULL);
			must_end_well(start_process(meet_the_host));
			occasions += load_rlx(&board->came);
		}
	}
	printf("%u occasions\n", occasions);
	assert_true(occasions > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(a_file_of_the_hosts_is_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
