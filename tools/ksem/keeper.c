/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksem run with a semaphore without KSEM_UNDO, whose permits the library doesn't give back for a process that is killed
 * (run.c has the others).
 *
 * The permit is a process's of its own, the keeper's: it takes it, and gives it back when ksem is done or dead, and the
 * program too. Nobody else does either, so the permit comes back once. The keeper is in a session of its own, out of
 * the way of signals to the terminal's processes, and while it has the permit it blocks all signals. If the keeper is
 * killed, it hadn't given the permit back yet, unless that was just what it did; so ksem does it in its stead. If it is
 * killed before it says that it has the permit, ksem fails.
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
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TAKEN 'T'
#define GO    'G'
#define SLICE 1.0 /* s: how often the keeper, while it waits for a permit, looks whether ksem is there */
#define LOOK  100 /* ms: how often it looks for a program of which it could open no pidfd */

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

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

/* Without a pidfd, which old kernels and some sandboxes don't give, by asking again and again. */
static void wait_for_end(pid_t pid, int pidfd)
{
	struct pollfd poll_for = {.fd = pidfd, .events = POLLIN}; /* fd -1: poll only waits */
	bool has_ended;

	do
		has_ended = poll(&poll_for, 1, pidfd >= 0 ? -1 : LOOK) > 0 || (kill(pid, 0) != 0 && errno == ESRCH);
	while (!has_ended);
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
	wait_for_end(pid, pidfd);
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

/* While it has the permit, only SIGKILL ends it: a service manager sends SIGTERM to it as well as to the program. */
static void ignore_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

static _Noreturn void be_keeper(int fd, pid_t ksem, ksem_id_t id)
{
	int error;

	setsid();
	error = take_for(ksem, id);
	if (error == 0) {
		ignore_signals();
		keep(fd);
		error = ksem_post(proc, id);
	}
	if (error && error != ETIMEDOUT)
		say("%s: %s", options.name, explain(error, options.name));
	_exit(error == 0 ? DONE : error == ETIMEDOUT ? NO_PERMIT : FAILED);
}

/* ---- ksem itself. ---- */

static _Noreturn void be_program(int fd, char **command)
{
	char go;
	int error;

	if (!hear(fd, &go, 1))
		_exit(FAILED); /* ksem is dead */
	error = execute(command);
	_exit(cannot_execute(command, error));
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

/* The exit status where the keeper ended without a permit, or couldn't tell that it had one. */
static int without_permit(pid_t keeper)
{
	int status = status_of(keeper);

	if (status > 128)
		die(FAILED, "%s: the process that holds the permit was killed", options.name);
	if (status == DONE)
		die(FAILED, "%s: the process that holds the permit can't be read from", options.name);
	return status; /* it said why */
}

/* The program's exit status. *error: 0, or why it couldn't be begun. */
static int run_program(pid_t child, int go, int *error)
{
	int status;

	pass_signals_on(child);
	*error = tell(go, &(char){GO}, 1) ? 0 : errno;
	close(go); /* without the letter its process ends */
	status = status_of(child);
	if (status > 128) /* it was killed before it could be told */
		*error = 0;
	return status;
}

int run_kept(ksem_id_t id, char **command)
{
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
		return without_permit(keeper);
	child = prepare_program(keeper_fds[0], &go, command);
	error = child < 0 ? errno : 0;
	if (!error)
		status = run_program(child, go, &error);
	tell(keeper_fds[0], &(char){GO}, 1);
	close(keeper_fds[0]);
	if (status_of(keeper) > 128) {
		int left = ksem_post(proc, id);

		must(left, options.name);
	}
	must(error, "the program can't be started");
	return status;
}
