/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See code_path.h.
 */
#include "code_path.h"

#include <elf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "../support.h"

enum { MANY_STOPS = 250, SHARE = 8 };
enum { FIRST_ROUNDS = 8, LAST_ROUNDS = 4, ROUNDS_APART = 16 }; /* of a loop, that are worth a stop */

static void stay_on_one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	MUST(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static void filter_calls(struct sock_filter *filter, unsigned short length)
{
	struct sock_fprog program = {length, filter};

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/*
 * When the library asks which processors threads may run on, the kernel names none. How long a thread spins would
 * depend on what else runs here. What libc asks, with a set of its own size, is answered.
 */
static void let_no_thread_spin(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_getaffinity, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sizeof(cpu_set_t), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	filter_calls(filter, sizeof(filter) / sizeof(filter[0]));
}

void code_path_begin(char **argv)
{
	if (!getenv("LD_BIND_NOW")) {
		setenv("LD_BIND_NOW", "1", 1);
		execv("/proc/self/exe", argv);
	}
	stay_on_one_processor();
	let_no_thread_spin();
}

/* fork makes another call. */
void code_path_allow_no_more_threads(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	filter_calls(filter, sizeof(filter) / sizeof(filter[0]));
}

bool code_path_start(struct stepper *stepper, void (*before)(void), void (*act)(void))
{
	int attached[2];
	char byte = 0;
	pid_t child;

	MUST(pipe(attached) == 0);
	child = fork();
	MUST(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(attached[1]);
		before();
		code_path_allow_no_more_threads();
		MUST(read(attached[0], &byte, 1) == 1);
		stepper_mark();
		act();
		_exit(1);
	}
	if (!stepper_attach(stepper, child, child)) {
		MUST(errno == EPERM && kill(child, SIGKILL) == 0);
		return false;
	}
	MUST(write(attached[1], &byte, 1) == 1);
	close(attached[0]);
	close(attached[1]);
	stepper_run(stepper);
	return true;
}

/* The steps in the order of their instructions, and those of one instruction in their own order. */
static int compare_steps(const void *a, const void *b, void *trace)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	uint64_t of_x = ((uint64_t *)trace)[x], of_y = ((uint64_t *)trace)[y];

	return of_x != of_y ? (of_x > of_y) - (of_x < of_y) : (x > y) - (x < y);
}

static void count_rounds(struct code_path *path)
{
	static unsigned steps[CODE_PATH_MAX];
	unsigned first = 0;

	for (unsigned i = 0; i < path->steps; i++)
		steps[i] = i;
	qsort_r(steps, path->steps, sizeof(*steps), compare_steps, path->trace);
	for (unsigned end = 1; end <= path->steps; end++) {
		if (end < path->steps && path->trace[steps[end]] == path->trace[steps[first]])
			continue;
		for (unsigned i = first; i < end; i++) {
			path->rounds_before[steps[i]] = i - first;
			path->rounds_after[steps[i]] = end - 1 - i;
		}
		first = end;
	}
}

static bool in_midst_of_loop(const struct code_path *path, unsigned n)
{
	return path->rounds_before[n] >= FIRST_ROUNDS && path->rounds_after[n] >= LAST_ROUNDS &&
	       path->rounds_before[n] % ROUNDS_APART != 0;
}

/* Keeps one of `share` stops. Returns how many there were. */
static unsigned thin_out(struct code_path *path, unsigned share, unsigned first)
{
	unsigned stops = 0;

	for (unsigned n = 0; n < path->steps; n++) {
		if (path->stops[n])
			path->stops[n] = stops++ % share == first;
	}
	return stops;
}

static void choose_stops(struct code_path *path, unsigned stride)
{
	for (unsigned n = 0; n < path->steps; n++)
		path->stops[n] = n % stride == 0 && !in_midst_of_loop(path, n);
	if (thin_out(path, 1, 0) > MANY_STOPS && !getenv("KSEM_TEST_WIDE")) {
		struct random random = random_new();

		thin_out(path, SHARE, random_below(&random, SHARE));
	}
}

/*
 * The kernel's page that tells the time. Its code begins anew when a tick of the clock comes in between, as it does
 * more often for a process that is stepped.
 */
static bool tells_the_time(uint64_t address)
{
	uint64_t begin = getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)begin; /* NULL: the kernel has none */
	const Elf64_Phdr *segments = vdso ? (const Elf64_Phdr *)(begin + vdso->e_phoff) : NULL;

	for (unsigned i = 0; vdso && i < vdso->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && address - begin < segments[i].p_memsz)
			return true;
	}
	return false;
}

bool code_path_record(struct code_path *path, void (*before)(void), void (*act)(void), unsigned stride)
{
	struct stepper stepper;

	if (!code_path_start(&stepper, before, act))
		return false;
	for (path->steps = 0; !stepper.ended && path->steps < CODE_PATH_MAX;) {
		if (!tells_the_time(stepper.ip))
			path->trace[path->steps++] = stepper.ip;
		stepper_forget_sequence(&stepper);
		stepper_step(&stepper);
	}
	MUST(stepper.ended && WIFSIGNALED(stepper.status) && WTERMSIG(stepper.status) == SIGKILL); /* by itself */
	count_rounds(path);
	choose_stops(path, stride);
	return true;
}

bool code_path_run_to(const struct code_path *path, struct stepper *stepper, unsigned n)
{
	unsigned times = path->rounds_before[n];

	stepper_set(stepper, path->trace[n]);
	if (stepper->ip != path->trace[n])
		stepper_run(stepper);
	for (; times > 0 && !stepper->ended; times--) {
		stepper_step_over(stepper);
		if (!stepper->ended && stepper->ip != path->trace[n])
			stepper_run(stepper);
	}
	return !stepper->ended;
}
