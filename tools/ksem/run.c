/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem run: a program runs while a permit is held, which comes back however the program ends, and however ksem does.
 *
 * The permit is a process's of its own, the keeper's: it takes it, and gives it back when ksem is done or dead, and the
 * program too. Nobody else does either, so the permit comes back once. The keeper is in a session of its own, out of
 * the way of signals to the terminal's processes. If the keeper is killed, it hadn't given the permit back yet, unless
 * that was just what it did; so ksem does it in its stead.
 *
 *   ksem                                keeper                         the program's process
 *   forks the keeper                    takes a permit
 *                                  <--  'T'
 *   forks the program's process                                        waits
 *   its number                     -->  opens its pidfd
 *                                  <--  'T'
 *   'G'                            ------------------------------->   executes the program
 *   waits for it
 *   'G'                            -->  gives the permit back, ends
 *
 * An end of file where a letter should come says that the other is dead.
 */
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAKEN 'T'
#define GO    'G'
#define SLICE 1.0 /* s: how often the keeper, while it waits for a permit, looks whether ksem is there */

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static volatile sig_atomic_t program; /* its process; 0: not begun */

static void pass_on(int number)
{
	if (program)
		kill((pid_t)program, number);
}

static bool tell(int fd, const void *what, size_t size)
{
	return send(fd, what, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool hear(int fd, void *what, size_t size)
{
	ssize_t got;

	do
		got = recv(fd, what, size, MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)size;
}

/* ---- The keeper. ---- */

static void wait_for_end(int pidfd)
{
	struct pollfd poll_for = {.fd = pidfd, .events = POLLIN};

	while (pidfd >= 0 && poll(&poll_for, 1, -1) < 0 && errno == EINTR)
		;
}

/* Until ksem is done, or it and its program are dead. */
static void keep(int fd)
{
	char go = 0;
	pid_t pid;
	int pidfd = -1;

	if (!tell(fd, &(char){TAKEN}, 1) || !hear(fd, &pid, sizeof(pid)))
		return;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (tell(fd, &(char){TAKEN}, 1) && hear(fd, &go, 1))
		return;
	wait_for_end(pidfd);
}

/* By options.timeout, unless ksem dies first. 0, ETIMEDOUT, ... */
static int take_for(pid_t ksem, ksem_id_t id)
{
	double left = options.timeout;
	int error;

	do {
		options.timeout = left < 0 || left > SLICE ? SLICE : left;
		error = take(id);
		left -= left < 0 ? 0 : options.timeout;
	} while ((error == EINTR || (error == ETIMEDOUT && left != 0)) && getppid() == ksem);
	return error;
}

static _Noreturn void be_keeper(int fd, pid_t ksem, ksem_id_t id)
{
	int error;

	setsid();
	error = take_for(ksem, id);
	if (error == 0) {
		keep(fd);
		error = ksem_post(proc, id);
	}
	if (error && error != ETIMEDOUT)
		say("%s: %s", options.name, explain(error, options.name));
	_exit(error == 0 ? DONE : error == ETIMEDOUT ? NO_PERMIT : FAILED);
}

/* ---- ksem itself. ---- */

static int status_of(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static _Noreturn void be_program(int fd, char **command)
{
	char go;
	int error;

	if (!hear(fd, &go, 1))
		_exit(FAILED); /* ksem is dead */
	execvp(*command, command);
	error = errno;
	say("%s: %s", *command, error == ENOENT ? "not found" : description(error));
	_exit(error == ENOENT ? 127 : 126);
}

static void pair(int fds[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0 ? 0 : errno, "socketpair");
}

/* The program, begun by a letter on *go once the keeper knows it. -1: it couldn't be. */
static pid_t prepare_program(int keeper, int *go, char **command)
{
	int fds[2];
	pid_t child;
	char taken;

	pair(fds);
	child = fork();
	if (child == 0) {
		close(fds[0]);
		be_program(fds[1], command);
	}
	close(fds[1]);
	*go = fds[0];
	if (child > 0 && tell(keeper, &child, sizeof(child)))
		hear(keeper, &taken, 1); /* if it is dead, the program runs all the same */
	return child;
}

/* Signals that would end ksem go to the program. */
static void pass_signals_on(pid_t child)
{
	static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};

	program = child;
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		sigaction(passed_on[i], &action, NULL);
}

int run(char **command)
{
	ksem_id_t id = open_name(0);
	int keeper_fds[2], go, error, status = FAILED;
	pid_t ksem = getpid(), keeper, child;
	char taken;

	pair(keeper_fds);
	keeper = fork();
	if (keeper == 0) {
		close(keeper_fds[0]);
		be_keeper(keeper_fds[1], ksem, id);
	}
	must(keeper < 0 ? errno : 0, "fork");
	close(keeper_fds[1]);
	if (!hear(keeper_fds[0], &taken, 1))
		return status_of(keeper); /* it said why */
	child = prepare_program(keeper_fds[0], &go, command);
	error = child < 0 ? errno : 0;
	if (!error) {
		pass_signals_on(child);
		tell(go, &(char){GO}, 1);
		status = status_of(child);
	}
	tell(keeper_fds[0], &(char){GO}, 1);
	close(keeper_fds[0]);
	if (status_of(keeper) > 128)
		must(ksem_post(proc, id), options.name);
	must(error, "fork");
	return status;
}
