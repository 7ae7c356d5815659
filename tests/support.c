/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The namespaces of worlds are in this OS process's memory; where the environment has
 * KSEM_TEST_SHARED, each is in a directory of its own, on tmpfs, that goes with the world.
 */
#include "support.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/syscall.h>

/* Those that there are; at exit, what their tests left. */
static struct directory {
	struct directory *next;
	pid_t maker;
	char path[256];
} * directories;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status, (void)kind, (void)where;
	return remove(path);
}

static void remove_the_rest(void)
{
	while (directories) {
		struct directory *directory = directories;

		directories = directory->next;
		if (directory->maker == getpid())
			nftw(directory->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
		free(directory);
	}
}

char *shared_directory_new(void)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	const char *place = getenv("KSEM_TEST_SHM"); /* tools/test says where, and removes what a killed test left */

	if (!directories)
		atexit(remove_the_rest);
	snprintf(directory->path, sizeof(directory->path), "%s/ksem-test-XXXXXX", place ? place : "/dev/shm");
	MUST(mkdtemp(directory->path));
	directory->maker = getpid();
	directory->next = directories;
	directories = directory;
	return directory->path;
}

void shared_directory_free(char *path)
{
	struct directory **at = &directories;
	struct directory *directory;

	if (!path)
		return;
	while ((*at)->path != path)
		at = &(*at)->next;
	directory = *at;
	*at = directory->next;
	MUST(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	free(directory);
}

static bool tell_kernel(const char *path, const char *format, unsigned number)
{
	char line[32];
	int fd = open(path, O_WRONLY), length = snprintf(line, sizeof(line), format, number);
	bool told = fd >= 0 && write(fd, line, (size_t)length) == length;

	if (fd >= 0)
		close(fd);
	return told;
}

static bool is_only_user; /* in this process's user namespace */

bool become_root(void)
{
	unsigned uid = geteuid(), gid = getegid();

	if (uid == 0)
		return true;
	is_only_user = unshare(CLONE_NEWUSER) == 0 && tell_kernel("/proc/self/setgroups", "deny", 0) &&
		       tell_kernel("/proc/self/uid_map", "0 %u 1", uid) &&
		       tell_kernel("/proc/self/gid_map", "0 %u 1", gid);
	return is_only_user;
}

bool may_be_others(void)
{
	return !is_only_user;
}

static bool all_rounds; /* constant once main runs */

__attribute__((constructor)) static void look_for_wide(void)
{
	all_rounds = getenv("KSEM_TEST_WIDE") != NULL;
}

int share_of(int n)
{
	return all_rounds ? n : (n + 2) / 3;
}

void needs_root_to_share(void)
{
	if (become_root())
		return;
	puts("skipped: only root can make root's files, and user namespaces are forbidden here");
	exit(77);
}

static void make_namespace(struct world *world, uint32_t max_sems, uint32_t max_name)
{
	struct ksem_ns_options options = {.size = sizeof(options), .max_sems = max_sems, .max_name = max_name};

	world->dir = NULL;
	if (getenv("KSEM_TEST_SHARED")) {
		needs_root_to_share();
		world->dir = shared_directory_new();
	}
	options.dir = world->dir;
	OK(ksem_ns_create(&options, &world->ns));
}

int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct ksem_cred root = {0, 0};

	make_namespace(world, 0, 0);
	OK(ksem_proc_create(world->ns, &root, &world->proc));
	*state = world;
	return 0;
}

int world_teardown(void **state)
{
	struct world *world = *state;

	OK(ksem_proc_exit(world->proc));
	OK(ksem_ns_destroy(world->ns));
	shared_directory_free(world->dir);
	free(world);
	return 0;
}

struct ksem_proc *world_user(struct world *world, uid_t uid, gid_t gid)
{
	const struct ksem_cred cred = {uid, gid};
	struct ksem_proc *proc;

	if (world->dir && is_only_user && (uid != 0 || gid != 0))
		SKIP("only root can make files for other users");
	OK(ksem_proc_create(world->ns, &cred, &proc));
	return proc;
}

struct world world_limited(uint32_t max_sems, uint32_t max_name)
{
	struct world world;

	make_namespace(&world, max_sems, max_name);
	world.proc = world_user(&world, 0, 0);
	return world;
}

void world_end(struct world *world)
{
	OK(ksem_proc_exit(world->proc));
	OK(ksem_ns_destroy(world->ns));
	shared_directory_free(world->dir);
}

int visit_and_count(const struct ksem_info *info, void *arg)
{
	(void)info;
	++*(unsigned *)arg;
	return 0;
}

unsigned semaphores_in(struct ksem_ns *ns)
{
	unsigned n = 0;

	MUST(ksem_ns_foreach(ns, visit_and_count, &n) == 0);
	return n;
}

unsigned value_of(struct ksem_proc *proc, ksem_id_t id)
{
	unsigned value;

	MUST(ksem_getvalue(proc, id, &value) == 0);
	return value;
}

struct ksem_info info_of(struct ksem_proc *proc, ksem_id_t id)
{
	struct ksem_info info;

	MUST(ksem_stat(proc, id, &info) == 0);
	return info;
}

void must_end_well(pid_t child)
{
	int status;

	MUST(child > 0);
	MUST(waitpid(child, &status, 0) == child);
	if (status != 0)
		fprintf(stderr, "child: %s %d\n", WIFSIGNALED(status) ? "signal" : "exit",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	MUST(status == 0);
}

unsigned mappings_of(const char *path)
{
	char line[512];
	unsigned count = 0;
	FILE *maps = fopen("/proc/self/maps", "r");

	MUST(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, path) != NULL;
	fclose(maps);
	return count;
}

void until_waiting(struct ksem_proc *proc, ksem_id_t id, unsigned waiters)
{
	for (int looks = 0; info_of(proc, id).waiters != waiters; looks++) {
		if (looks < 100)
			sched_yield();
		else
			sleep_ms(1); /* a look at a thousand processes takes long, and delays them */
	}
}

static char state_of(const char *thread)
{
	char path[64], text[512] = "";
	const char *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", thread);
	file = fopen(path, "r");
	if (!file || !fgets(text, sizeof(text), file))
		text[0] = '\0'; /* it has ended */
	if (file)
		fclose(file);
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : 'S';
}

static bool all_others_sleep(void)
{
	DIR *threads = opendir("/proc/self/task");
	struct dirent *thread;
	bool sleep = true;

	MUST(threads);
	while (sleep && (thread = readdir(threads))) {
		if (thread->d_name[0] != '.' && atol(thread->d_name) != syscall(SYS_gettid))
			sleep = state_of(thread->d_name) == 'S';
	}
	closedir(threads);
	return sleep;
}

void until_asleep(struct ksem_proc *proc, ksem_id_t id, unsigned waiters)
{
	until_waiting(proc, id, waiters);
	while (!all_others_sleep())
		sched_yield();
}

pthread_t start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, body, arg) == 0);
	return thread;
}

void *finish(pthread_t thread)
{
	void *result;

	MUST(pthread_join(thread, &result) == 0);
	return result;
}

bool has_futex_waitv(void)
{
	return syscall(449, NULL, 0, 0, NULL, 0) != 0 && errno == EINVAL; /* else ENOSYS, or EPERM */
}

void sleep_ms(long ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&left, &left) != 0)
		;
}

struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;
	int64_t ns;

	clock_gettime(clock, &t);
	ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec + ms * INT64_C(1000000);
	return (struct timespec){ns / 1000000000, ns % 1000000000};
}

struct random random_new(void)
{
	static uint64_t seed;
	const char *given = getenv("KSEM_SEED");

	if (!seed) {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec * 1000000007 ^ (uint64_t)now.tv_nsec;
		printf("KSEM_SEED=%llu\n", (unsigned long long)seed);
	}
	return (struct random){seed};
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

unsigned random_below(struct random *random, unsigned n)
{
	return (unsigned)(random_next(random) % n);
}
