#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ksem run with a semaphore made with --undo: the permit is the program's, and there are two processes at most."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

from tool_support import KSEM, WORK, check_all, does, fail, run

NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc']  # another pid namespace


def shown():
    return json.loads(run('show', '--json', '/r').stdout)


def children(pid):
    return [int(child) for task in os.listdir('/proc/%d/task' % pid)
            for child in open('/proc/%d/task/%s/children' % (pid, task)).read().split()]


def is_free():
    return run('wait', '--timeout', '0', '/r').returncode == 0


def held(what):
    if is_free():
        fail('%s: the permit came back' % what)


def free(what):
    if run('wait', '--timeout', '20', '/r').returncode:
        fail('%s: the permit is lost' % what)
    if (shown()['value'], shown()['held']) != (1, 0):
        fail('%s: %r' % (what, shown()))


class Run:
    """ksem run with a shell as its program, up to where that has printed a line."""

    def __init__(self, script='echo runs; read x', before=(), **more):
        self.ksem = subprocess.Popen([*before, KSEM, 'run', '--name', '/r', '--', 'bash', '-c', script], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        self.ksem.stdout.readline()
        self.program, = shown()['pids']

    @staticmethod
    def kill(*pids):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def end(self):
        """Lets the program go on."""
        self.ksem.stdin.close()

    def status(self, wanted):
        answer = self.ksem.wait(timeout=60)
        error = self.ksem.stderr.read()
        if answer != wanted or error:
            fail('status %d: %r' % (answer, error))


def two():
    """ksem has one child, the program, which holds the permit; and it says how that ended."""
    one = Run('echo runs; read x; exit 7')
    if children(one.ksem.pid) != [one.program] or os.path.basename(os.readlink('/proc/%d/exe' % one.program)) != 'bash':
        fail('processes: %r, of which %d is to hold the permit' % (children(one.ksem.pid), one.program))
    holder, = shown()['holders']
    if (holder['held'], holder['command']) != (1, 'bash'):
        fail('who holds: %r' % holder)
    held('the program runs')
    one.end()
    one.status(7)
    if not is_free():
        fail('ksem has ended, but the permit is not back')
    if shown()['metrics']['undone']:
        fail('not ksem has given the permit back: %r' % shown())
    for status, script in ((137, 'kill -KILL $$'), (143, 'kill $$'), (0, 'exit')):
        if run('run', '--name', '/r', '--', 'bash', '-c', script).returncode != status:
            fail('no status %d: %s' % (status, script))
        if not is_free():
            fail('no permit after: %s' % script)
    for status, program, error in ((127, '/nothing', 'not found'), (126, '/', 'Permission denied')):
        answer = run('run', '--name', '/r', '--', program, text=True)
        if (answer.returncode, answer.stderr) != (status, 'ksem: %s: %s\n' % (program, error)):
            fail('%r' % answer)
        if not is_free():
            fail('no permit after a program that can not be executed')
    ignored = subprocess.run(['env', '--ignore-signal=CHLD', KSEM, 'run', '--name', '/r', '--', 'grep', '^SigIgn', '/proc/self/status'],
                             stdout=subprocess.PIPE, text=True)
    if ignored.returncode or not int(ignored.stdout.split()[1], 16) & 1 << signal.SIGCHLD - 1:
        fail('the program is to ignore SIGCHLD: %r' % ignored)


def killed():
    """The permit comes back when the program has ended, and not before, in whichever order they are killed."""
    one = Run()
    one.kill(one.program)
    one.status(137)
    free('the program was killed')
    one = Run()
    one.kill(one.ksem.pid)
    one.ksem.wait()
    held('ksem was killed')
    if shown()['holders'][0]['pid'] != one.program:
        fail('who holds without ksem: %r' % shown())
    one.kill(one.program)
    free('both were killed, ksem first')
    one = Run()
    one.kill(one.program, one.ksem.pid)
    free('both were killed, the program first')
    one = Run()
    one.kill(one.ksem.pid)
    one.ksem.wait()
    one.end()
    free('ksem was killed, and then the program ended')


def stopped():
    """While ksem is stopped the permit comes back, too; and a stopped program has it."""
    one = Run(start_new_session=True)
    os.killpg(one.ksem.pid, signal.SIGSTOP)
    held('both are stopped')
    one.kill(one.program)
    free('the program was killed while ksem was stopped')
    os.kill(one.ksem.pid, signal.SIGCONT)
    one.status(137)
    one = Run(start_new_session=True)
    os.killpg(one.ksem.pid, signal.SIGTSTP)
    os.killpg(one.ksem.pid, signal.SIGCONT)
    one.end()
    one.status(1)  # of read, at the end of the file
    one = Run('trap "exit 5" TERM; echo runs; while true; do sleep 0.01; done')
    os.kill(one.ksem.pid, signal.SIGTERM)
    one.status(5)
    free('a signal was passed on')


def programs():
    """The permit goes by the program's process, whatever that closes, executes, or leaves behind."""
    close = 'import os; os.closerange(3, 1000); print("runs", flush=True); os.read(0, 1)'
    one = Run("exec python3 -c '%s'" % close)
    one.kill(one.ksem.pid)
    one.ksem.wait()
    held('ksem was killed, and the program has closed all descriptors')
    one.end()
    free('a program that has closed all descriptors has ended')
    one = Run('echo runs; read x; exec sleep 60')
    one.kill(one.ksem.pid)
    one.end()
    while open('/proc/%d/comm' % one.program).read() != 'sleep\n':
        time.sleep(0.01)
    held('the program executed another')
    one.kill(one.program)
    free('that was killed')
    for killed in (False, True):
        one = Run('sleep 60 </dev/null >/dev/null 2>&1 & echo runs; echo $!; read x')
        child = int(one.ksem.stdout.readline())
        if killed:
            one.kill(one.ksem.pid)
        one.end()
        free('the program has left a child')
        one.kill(child)


def namespaces():
    """In another pid namespace the permit is seen to be held, and to come back."""
    if subprocess.run([*NAMESPACE, 'true'], stderr=subprocess.DEVNULL).returncode:
        print('no pid namespaces')
        return

    def is_free_there():
        return subprocess.run([*NAMESPACE, KSEM, 'wait', '--timeout', '0', '/r']).returncode == 0

    for kill_ksem in (False, True):
        one = Run()
        if kill_ksem:
            one.kill(one.ksem.pid)
            one.ksem.wait()
        if is_free_there():
            fail('the permit came back in another namespace')
        one.end()
        if not kill_ksem:
            one.status(1)
        while os.path.exists('/proc/%d' % one.program):
            time.sleep(0.01)
        if not is_free_there():
            fail('no permit in another namespace')
    # A namespace that has the /proc of another, in which the program's pid is that of a process that has ended.
    with subprocess.Popen(['true']) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        script = """echo %d >/proc/sys/kernel/ns_last_pid
"$0" run --name /r -- sh -c 'echo $$ >"$KSEM_DIR/.pid"; exec sleep 60' &
until [ -s "$KSEM_DIR/.pid" ]; do :; done  # a process more would have the pid
kill -KILL $!
wait $!
ASAN_OPTIONS=detect_leaks=0 "$0" wait --timeout 0 /r  # LeakSanitizer looks for its own pid in /proc
exit $?""" % (ended.pid - 2)
        answer = subprocess.run([*NAMESPACE[:3], 'bash', '-c', script, KSEM], stderr=subprocess.PIPE, text=True)
        with open(WORK + '/.pid') as pid:
            if answer.returncode != 3 or int(pid.read()) != ended.pid:
                fail('the permit came back where /proc is another namespace\'s: %s' % answer)
    # Two of ksem run, each in a namespace of its own: the one finds the other dead.
    with subprocess.Popen([*NAMESPACE, KSEM, 'run', '--name', '/r', '--', 'bash', '-c', 'echo runs; read x'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        other.stdout.readline()
        os.kill(children(other.pid)[0], signal.SIGKILL)  # the first process of its namespace
    if subprocess.run([*NAMESPACE, KSEM, 'run', '--name', '/r', '--timeout', '20', '--', 'true']).returncode:
        fail('no permit for another ksem run in another namespace')


def too_early():
    """If ksem is killed before the program has the permit, there is no program. strace holds up the program's process."""
    if not shutil.which('strace'):
        print('no strace')
        return
    for nth in (1, 2):  # before it takes over, and after that
        trace = os.path.join(WORK, '.trace%d' % nth)
        begun = os.path.join(WORK, '.begun')
        environment = dict(os.environ, ASAN_OPTIONS=os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0')
        tracer = subprocess.Popen(['strace', '-f', '-qq', '-o', trace, '-e', 'trace=prctl', '-e',
                                   'inject=prctl:delay_enter=1s:when=%d' % nth, KSEM, 'run', '--name', '/r', '--', 'touch', begun],
                                  env=environment, stderr=subprocess.DEVNULL)
        lines = []
        while len(lines) < nth:
            lines = re.findall('^([0-9]+) +prctl\\(PR_SET_PDEATHSIG', open(trace).read(), re.M) if os.path.exists(trace) else []
            time.sleep(0.01)
        ksem, = re.findall('^PPid:\t([0-9]+)$', open('/proc/%s/status' % lines[0]).read(), re.M)
        os.kill(int(ksem), signal.SIGKILL)
        free('ksem was killed early')
        tracer.wait()
        if os.path.exists(begun):
            fail('a program without a permit: %d' % nth)
        free('the process that was to be the program has ended')


def begin():
    does('create', '--undo', '--limit', '1', '--metrics', '/r')


if __name__ == '__main__':
    check_all(begin, two, killed, stopped, programs, namespaces, too_early)
