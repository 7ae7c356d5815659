/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storms of kills: processes that hold permits of a semaphore with KSEM_UNDO are killed at random, in batches. After
 * each batch the value, and what those hold that live, must make up the limit; with no process left, the value alone.
 *
 *   ksem-kills [--kills N] [--seed S]
 *
 * Workers are of all kinds: with several threads; with several ksem_procs, and namespaces; that fork, execute a
 * program, or end by themselves; and the workers of a pid namespace, all of which get the same pid, one after another.
 * Some of those have the /proc of the outer namespace. In some batches more processes have the semaphore than the first
 * page of its file has records for. In every second batch the workers also change the limit. While workers come and go,
 * keepers hold a number of permits that is known.
 *
 * What the workers hold is not known: a kill may come between the call and whatever would note it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ksem/ksem.h>

#define NAME      "/kills"
#define WORKERS   8
#define KEEPERS   3
#define BATCH     100 /* kills */
#define CROWD     150 /* the first page has 120 records */
#define CROWDED   10  /* of so many batches, one has a crowd */
#define PROCS     3
#define LOOKS     1000
#define SAME_PID  300
#define SECOND_NS (PROCS - 1) /* this one is in a namespace object of its own */

#define MUST(what) ((what) ? (void)0 : give_up(__LINE__, #what))

enum kind { THREADS, PROCESSES, FORKS, EXECUTES, ENDS, NAMESPACE, OUTER_PROC, KINDS };

/* What all processes see. */
static struct board {
	atomic_uint held[KEEPERS]; /* by the keeper; ready + its number */
	atomic_uint ready;
	atomic_bool failed;
	atomic_uint inner; /* processes of pid namespaces that were killed */
} * board;

static char dir[64];
static uint64_t seed;
static uint32_t limit; /* at the beginning and end of a batch */
static bool moves;     /* workers change it in between */
static struct ksem_proc *procs[PROCS];
static ksem_id_t id;
static bool no_namespaces; /* the kernel, or a sandbox, refuses them */

static void give_up(int line, const char *what)
{
	fprintf(stderr, "ksem-kills: line %d: not true: %s (errno %d)\n", line, what, errno);
	if (board)
		atomic_store(&board->failed, true);
	_exit(1);
}

static unsigned random_of(uint64_t *state, unsigned n)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33) % n;
}

/* ---- Workers. ---- */

static void come_in(void)
{
	struct ksem_ns_options where = {.size = sizeof(where), .dir = dir};
	struct ksem_ns *ns = NULL;

	for (int i = 0; i < PROCS; i++) {
		if (i == 0 || i == SECOND_NS)
			MUST(ksem_ns_create(&where, &ns) == 0);
		MUST(ksem_proc_create(ns, NULL, &procs[i]) == 0);
		MUST(ksem_open(procs[i], NAME, 0, 0, 0, &id) == 0);
	}
}

/* One call. Whether it finds permits, or may give so many back, depends on the others. */
static void step(uint64_t *state, struct ksem_proc *proc)
{
	unsigned n = 1 + random_of(state, 3), got;
	struct timespec until = ksem_deadline_after(1000000);
	int error;

	switch (random_of(state, 8)) {
	case 0:
	case 1:
		error = ksem_trywait(proc, id);
		break;
	case 2:
		error = ksem_trywait_upto(proc, id, n, &got);
		break;
	case 3:
		error = ksem_wait_many(proc, id, n <= limit ? n : 1, CLOCK_MONOTONIC, &until);
		break;
	case 4:
		error = moves && random_of(state, 8) == 0 ? ksem_set_limit(proc, id, random_of(state, 2 * limit + 1)) :
							    0;
		break;
	case 5:
		error = random_of(state, 50) == 0 ? ksem_close(proc, id) || ksem_open(proc, NAME, 0, 0, 0, &id) : 0;
		break;
	default:
		error = ksem_post_many(proc, id, n);
		break;
	}
	MUST(error == 0 || error == EAGAIN || error == ETIMEDOUT || error == EPERM || error == EINVAL);
}

static void *work_in_thread(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	for (;;)
		step(&state, procs[0]);
	return NULL;
}

static void start_threads(uint64_t *state, unsigned n)
{
	pthread_t thread;

	for (unsigned i = 0; i < n; i++)
		MUST(pthread_create(&thread, NULL, work_in_thread, (void *)(uintptr_t)(random_of(state, 1u << 30))) ==
		     0);
}

static void execute(uint64_t *state)
{
	char number[32];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)*state);
	execl("/proc/self/exe", "ksem-kills", "--worker", dir, number, (char *)NULL);
	_exit(1);
}

static _Noreturn void work(enum kind kind, uint64_t state)
{
	come_in();
	if (kind == THREADS || kind == EXECUTES)
		start_threads(&state, 1 + random_of(&state, 3));
	for (;;) {
		bool now = random_of(&state, 200) == 0;

		step(&state, procs[kind == PROCESSES ? random_of(&state, PROCS) : 0]);
		if (kind == FORKS && now && fork() == 0)
			state += (uint64_t)getpid();
		if (kind == EXECUTES && now)
			execute(&state);
		if (kind == ENDS && now)
			random_of(&state, 2) ? exit(0) : _exit(0);
	}
}

static void write_last_pid(void)
{
	FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "we");

	MUST(file && fprintf(file, "%d", SAME_PID - 1) > 0 && fclose(file) == 0);
}

/* The first process of a pid namespace: its workers have the same pid. They end with it. */
static _Noreturn void lead_namespace(enum kind kind, uint64_t state)
{
	if (kind == NAMESPACE)
		MUST(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		     mount("proc", "/proc", "proc", 0, NULL) == 0);
	for (;;) {
		pid_t child;

		write_last_pid();
		child = fork();
		if (child == 0)
			work(random_of(&state, 2) ? THREADS : PROCESSES, state);
		MUST(child == SAME_PID);
		state++;
		usleep(random_of(&state, 20000));
		MUST(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
		atomic_fetch_add(&board->inner, 1);
	}
}

/* The leader of its process group, with which its children are killed. */
static pid_t start_worker(void)
{
	enum kind kind = random_of(&seed, no_namespaces ? NAMESPACE : KINDS);
	uint64_t state = seed;
	pid_t child = kind < NAMESPACE ? fork() : (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, 0, 0, 0, 0);

	if (child == 0) {
		setpgid(0, 0);
		if (kind >= NAMESPACE)
			lead_namespace(kind, state);
		work(kind, state);
	}
	MUST(child > 0);
	setpgid(child, child);
	return child;
}

/* ---- Keepers. ---- */

static _Noreturn void keep(unsigned number, uint32_t n)
{
	unsigned got = 0;

	come_in();
	if (n > 0 && ksem_trywait_upto(procs[0], id, n, &got) != 0)
		got = 0;
	if (number < KEEPERS)
		atomic_store(&board->held[number], got);
	atomic_fetch_add(&board->ready, 1);
	for (;;)
		pause();
}

static pid_t start_keeper(unsigned number, uint32_t n)
{
	unsigned before = atomic_load(&board->ready);
	pid_t child = fork();

	if (child == 0)
		keep(number, n);
	MUST(child > 0);
	while (atomic_load(&board->ready) == before)
		usleep(100);
	return child;
}

/* ---- Batches. ---- */

static void end_process(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
}

static bool is_among(const pid_t *pids, pid_t pid)
{
	for (int i = 0; i < KEEPERS; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

/* Children of workers have become children of this process. False: there is none but those. */
static bool end_all_but(const pid_t *keepers)
{
	static char path[64], text[1 << 16];
	bool others = false;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = read(fd, text, sizeof(text) - 1);
	MUST(length >= 0);
	close(fd);
	text[length] = '\0';
	for (char *at = text; *at;) {
		pid_t child = (pid_t)strtol(at, &at, 10);

		at += *at == ' ';
		if (is_among(keepers, child))
			continue;
		others = true;
		end_process(child);
	}
	return others;
}

static void reap_all_but(const pid_t *keepers)
{
	do {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		usleep(200);
	} while (end_all_but(keepers));
}

/* A limit that was lowered below what is held leaves no permit. */
static bool adds_up(const struct ksem_info *info)
{
	return info->value + info->held == info->limit || (info->value == 0 && info->held > info->limit);
}

static void must_add_up(const char *when, bool exactly, unsigned held)
{
	struct ksem_info info = {.value = 0};

	for (unsigned looks = 0; looks < LOOKS; looks++) {
		MUST(ksem_stat(procs[0], id, &info) == 0);
		if (adds_up(&info) && (!exactly || (info.limit == limit && info.held == held)))
			return;
	}
	fprintf(stderr, "ksem-kills: %s: value %u, held %u of which %u are known, limit %u\n", when, info.value,
		info.held, held, info.limit);
	reap_all_but((pid_t[KEEPERS]){0});
	exit(1);
}

static void make_semaphore(bool moving)
{
	struct ksem_attr attr = {.size = sizeof(attr), .flags = KSEM_UNDO};

	limit = attr.limit = 1 + random_of(&seed, random_of(&seed, 4) ? 12 : 1000);
	attr.order = random_of(&seed, 3);
	moves = moving;
	MUST(ksem_open_attr(procs[0], NAME, O_CREAT | O_EXCL, 0600, &attr, limit, &id) == 0);
}

static unsigned run_batch(bool crowded, bool moving)
{
	pid_t workers[WORKERS], keepers[KEEPERS];
	unsigned held = 0, kills = 0, inner = atomic_load(&board->inner);

	make_semaphore(moving);
	for (unsigned i = 0; i < KEEPERS; i++) {
		keepers[i] = start_keeper(i, random_of(&seed, limit / KEEPERS + 1));
		held += atomic_load(&board->held[i]);
	}
	for (unsigned i = 0; crowded && i < CROWD; i++, kills++)
		start_keeper(KEEPERS, random_of(&seed, 2));
	for (unsigned i = 0; i < WORKERS; i++)
		workers[i] = start_worker();
	while (kills + atomic_load(&board->inner) - inner < BATCH) {
		unsigned one = random_of(&seed, WORKERS);

		usleep(random_of(&seed, 4000));
		end_process(workers[one]);
		kills++;
		if (random_of(&seed, 8) == 0)
			must_add_up("amid a batch", false, held);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		workers[one] = start_worker();
	}
	reap_all_but(keepers);
	kills += WORKERS;
	MUST(ksem_set_limit(procs[0], id, limit) == 0);
	must_add_up("after a batch", true, held);
	MUST(!atomic_load(&board->failed));
	for (unsigned i = 0; i < KEEPERS; i++)
		MUST(kill(keepers[i], SIGKILL) == 0 && waitpid(keepers[i], NULL, 0) == keepers[i]);
	must_add_up("with nobody left", true, 0);
	MUST(ksem_unlink(procs[0], NAME) == 0 && ksem_close(procs[0], id) == 0);
	return kills + KEEPERS + atomic_load(&board->inner) - inner;
}

static void begin(void)
{
	struct ksem_ns_options where = {.size = sizeof(where), .dir = dir};
	struct ksem_ns *ns;

	snprintf(dir, sizeof(dir), "/dev/shm/ksem-kills-XXXXXX");
	MUST(mkdtemp(dir) != NULL);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(board != MAP_FAILED && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	MUST(ksem_ns_create(&where, &ns) == 0 && ksem_proc_create(ns, NULL, &procs[0]) == 0);
	no_namespaces = geteuid() != 0;
}

int main(int argc, char **argv)
{
	unsigned long wanted = 10000, kills = 0, batches = 0;
	struct timespec now, began;

	clock_gettime(CLOCK_MONOTONIC, &began);
	if (argc == 4 && strcmp(argv[1], "--worker") == 0) {
		snprintf(dir, sizeof(dir), "%s", argv[2]);
		limit = 1;
		work(THREADS, strtoull(argv[3], NULL, 10));
	}
	seed = (uint64_t)began.tv_nsec;
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && strcmp(argv[i], "--kills") == 0)
			wanted = strtoul(argv[i + 1], NULL, 10);
		else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10);
		else
			return fprintf(stderr, "usage: ksem-kills [--kills N] [--seed S]\n"), 2;
	}
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	begin();
	for (; kills < wanted; batches++)
		kills += run_batch(batches % CROWDED == CROWDED - 1, batches % 2 == 1);
	rmdir(dir);
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%lu kills in %lu batches, %u of them in pid namespaces%s: no permit was lost or made, in %ld s\n",
	       kills, batches, atomic_load(&board->inner), no_namespaces ? ", which need root" : "",
	       (long)(now.tv_sec - began.tv_sec));
	return 0;
}
