/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem run: a program runs while a permit is held, which comes back when the program has ended, whatever happens to
 * ksem, and not before.
 *
 * With KSEM_UNDO the permit is the program's own (shared/program.h): ksem takes it, and the program's process makes it
 * its own before it executes the program. When that has ended, ksem gives the permit back; if ksem is dead, the library
 * does. Without KSEM_UNDO there is a further process, which keeps the permit (keeper.c).
 *
 * If ksem is killed before the program's process has the permit, the kernel kills that process, too. The kernel does so
 * before others can see that ksem has ended.
 *
 * Signals to ksem are held up until the program's process is there, to which they go.
 */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/program.h"

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static volatile sig_atomic_t program; /* its process; 0: not begun */
static struct sigaction for_children; /* SIGCHLD's action as ksem was started, which the program gets */

/* What the terminal sends, it sends to the program, too: both are in its foreground. */
static void pass_on(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (program && info->si_code != SI_KERNEL)
		kill((pid_t)program, number);
}

/* Signals that would end ksem go to the program. */
void pass_signals_on(pid_t child)
{
	struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_RESTART | SA_SIGINFO};

	program = child;
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		sigaction(passed_on[i], &action, NULL);
}

int status_of(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child == program)
		program = 0; /* its number may be another process's by now */
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Whoever started ksem may ignore SIGCHLD. The kernel would then keep no exit status of ksem's children. */
static void have_children_kept(void)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};

	sigaction(SIGCHLD, &standard, &for_children);
}

int execute(char **command)
{
	sigaction(SIGCHLD, &for_children, NULL);
	execvp(*command, command);
	return errno;
}

int cannot_execute(char **command, int error)
{
	say("%s: %s", *command, error == ENOENT ? "not found" : description(error));
	return error == ENOENT ? 127 : 126;
}

/* ---- With KSEM_UNDO. ---- */

/* Without fork handlers: the child is to have what ksem has. */
static pid_t begin_child(void)
{
#ifdef __s390x__
	return (pid_t)syscall(SYS_clone, 0, SIGCHLD, 0, 0, 0);
#else
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

/* It allocates no memory: another thread of ksem may have been doing that. */
static _Noreturn void be_program(pid_t ksem, const sigset_t *mask, int said, char **command)
{
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != ksem)
		_exit(FAILED);
	program_begin(ns);
	prctl(PR_SET_PDEATHSIG, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	error = execute(command);
	while (write(said, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	_exit(FAILED);
}

/* Why the program couldn't be executed; 0: it was, or its process was killed before. */
static int why_not_executed(int fd)
{
	ssize_t got;
	int error = 0;

	do
		got = read(fd, &error, sizeof(error));
	while (got < 0 && errno == EINTR);
	close(fd);
	return got == (ssize_t)sizeof(error) ? error : 0;
}

/* The program's exit status. */
static int run_program(char **command)
{
	sigset_t mask, held_up;
	pid_t child, ksem = getpid();
	int said[2], error, status;

	must(pipe2(said, O_CLOEXEC) == 0 ? 0 : errno, "pipe");
	sigemptyset(&held_up);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		sigaddset(&held_up, passed_on[i]);
	sigprocmask(SIG_BLOCK, &held_up, &mask);
	child = begin_child();
	if (child == 0)
		be_program(ksem, &mask, said[1], command);
	must(child < 0 ? errno : 0, "the program can't be started");
	close(said[1]);
	pass_signals_on(child);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	error = why_not_executed(said[0]);
	status = status_of(child);
	return error ? cannot_execute(command, error) : status;
}

/* When the program has ended, others may have given its permit back before ksem does. */
static int run_undone(ksem_id_t id, char **command)
{
	int error = take(id), status;

	if (error == ETIMEDOUT)
		return NO_PERMIT;
	if (error)
		die(FAILED, "%s: %s", options.name, explain(error, options.name));
	status = run_program(command);
	(void)!ksem_post(proc, id);
	return status;
}

int run(char **command)
{
	struct ksem_info info;
	ksem_id_t id;
	int error;

	have_children_kept();
	program_prepare(ns);
	id = open_name();
	error = ksem_stat(proc, id, &info);
	if (error)
		die(FAILED, "%s: %s", options.name, explain(error, options.name));
	return info.flags & KSEM_UNDO ? run_undone(id, command) : run_kept(id, command);
}
