#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ksem watch on a terminal of its own: what doesn't fit is marked, and the terminal is given back whatever ends or stops it.

    tests/tool_watch.py KSEM"""
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unicodedata

sys.dont_write_bytecode = True
from tool_terminal import Terminal

KSEM = os.path.realpath(sys.argv[1])
WORK = tempfile.mkdtemp(prefix='ksem-tool-', dir='/dev/shm').encode()
OWN, THEIRS = b'\x1b[?1049h', b'\x1b[?1049l'
CUT = '\x1b[7m>\x1b[m'
NAMES = ['/short', '/' + 'long' * 60, '/' + '\u65e5\u672c' * 40, '/with space', '/gr\u00f6\u00dfe', '/>']
failed = False


def fail(what):
    global failed
    failed = True
    print('FAILED:', what)


class Watch(Terminal):
    """ksem watch on a terminal of that size."""

    def __init__(self, columns, rows=40, *arguments, locale='C.UTF-8', ignore=(), in_shell=False):
        self.columns = columns
        told, tell = os.pipe()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            if in_shell: # the kernel stops no program by SIGTSTP whose parent is of another session
                self.be_shell(tell)
            self.resize(columns, rows, 0)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}: # Python, or nohup, ignores some
                signal.signal(number, signal.SIG_DFL)
            for number in ignore:
                signal.signal(number, signal.SIG_IGN)
            os.execve(KSEM, [KSEM, 'watch', *arguments], dict(os.environ, LC_ALL=locale))
        os.close(tell)
        self.program = int(os.read(told, 16)) if in_shell else self.pid
        os.close(told)
        self.seen = b''

    @staticmethod
    def be_shell(tell):
        """Runs the program, as this process goes on, in the foreground; ends as it did."""
        program = os.fork()
        if program == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(0, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.write(tell, b'%d' % os.getpid())
            return
        os.close(tell)
        os._exit(1 if os.waitpid(program, 0)[1] else 0)

    def wait_until_stopped(self):
        while True:
            with open('/proc/%d/stat' % self.program) as file:
                if file.read().rpartition(')')[2].split()[0] == 'T':
                    return
            time.sleep(0.01)

    def resize(self, columns, rows, terminal=None):
        self.columns = columns
        fcntl.ioctl(self.terminal if terminal is None else terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def view(self):
        """The lines of the next view."""
        self.expect(b'\x1b[H')
        lines = self.expect(b'\x1b[H').decode().split('\n')
        for line in lines:
            before_erasing = re.sub(r'\x1b\[[0-9]*[mJ]', '', line.rstrip('\r').partition('\x1b[K')[0])
            if '\x1b[K' in line and width_of(before_erasing) >= self.columns:
                fail('the last column is erased: %r' % line)
        return [re.sub(r'\x1b\[[KJ]', '', line).rstrip('\r') for line in lines]

    def end(self):
        """How it ended, and what it wrote then."""
        while True:
            try:
                more = os.read(self.terminal, 65536)
            except OSError:
                more = b''
            if not more:
                break
            self.seen += more
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.terminal)
        return status, self.seen

    def kill(self, number):
        os.kill(self.program, number)
        return self.end()


def width_of(text):
    return sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in text)


def shown_whole(locale):
    """The lines that there are to show."""
    lines = subprocess.run([KSEM, 'ls'], stdout=subprocess.PIPE, check=True).stdout.decode().split('\n')[:-1]
    if locale == 'C':
        lines = [''.join(c if ord(c) < 128 else ''.join('\\x%02x' % b for b in c.encode()) for c in line) for line in lines]
    return lines


def sizes():
    """Whatever the width, each line is whole, or says that it isn't."""
    for locale in ('C.UTF-8', 'C'):
        whole = [re.sub(r' +\d+s', ' _', line) for line in shown_whole(locale)]
        for columns in [1, 2, 3, *range(20, 201, 9), 57, 58, 59, 200, 500]:
            watch = Watch(columns, 40, '--times', '1', locale=locale)
            lines = watch.view()[2:]
            watch.end()
            if len(lines) != len(whole):
                fail('%d columns: %d lines of %d' % (columns, len(lines), len(whole)))
            for line, all_of_it in zip(lines, whole):
                cut = line.endswith(CUT)
                text = line[:-len(CUT)] if cut else line
                plain = re.sub(r' +\d+s', ' _', text)
                if '\x1b' in text or width_of(text) + cut > columns or (cut and width_of(text) + 3 < columns):
                    fail('%d columns: %r' % (columns, line))
                if (not cut and plain != all_of_it) or (cut and columns > 60 and not all_of_it.startswith(plain)):
                    fail('%d columns: %r of %r' % (columns, line, all_of_it))
    for rows in range(1, 12):
        watch = Watch(100, rows, '--times', '1')
        lines = watch.view()
        watch.end()
        there = len(NAMES) + 3
        last = '... %d more' % (there - rows + 1)
        if len(lines) != min(rows, there) or (rows < there and lines[-1] != last) or (rows >= there and 'more' in lines[-1]):
            fail('%d rows: %r' % (rows, lines))


def signals():
    """Whatever ends it, the terminal is given back, once; a size is followed at once."""
    ends = [s for s in range(1, signal.SIGRTMAX + 1) if s not in (
        signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT, signal.SIGCHLD, signal.SIGURG,
        signal.SIGWINCH, 32, 33)]
    faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS, signal.SIGTRAP}
    for number in ends:
        watch = Watch(80, 24, '--interval', '100')
        watch.expect(OWN)
        watch.view()
        status, seen = watch.kill(number)
        if seen.count(THEIRS) != 1 or not seen.endswith(THEIRS):
            fail('signal %d: %r' % (number, seen))
        if status != 0 and (number not in faults or not os.WIFSIGNALED(status) or os.WTERMSIG(status) != number):
            fail('signal %d: status %r' % (number, status))
    watch = Watch(80, 24, '--interval', '100', ignore=(signal.SIGHUP, signal.SIGTSTP))
    watch.view()
    os.kill(watch.pid, signal.SIGHUP)
    os.kill(watch.pid, signal.SIGTSTP)
    watch.resize(40, 24)
    watch.view()
    if THEIRS in watch.seen or watch.kill(signal.SIGTERM)[0]:
        fail('ignored signals were heeded')
    watch = Watch(200, 24, '--interval', '100', '--times', '2')
    watch.view()
    for columns in (20, 90, 33, 180):
        watch.resize(columns, 24)
        if max(width_of(line.replace(CUT, '>')) for line in watch.view()) != columns:
            fail('%d columns were not heeded' % columns)
    watch.kill(signal.SIGINT)


def stops():
    """Stopped, it leaves the screen; continued, it is back."""
    watch = Watch(80, 24, '--interval', '100', in_shell=True)
    watch.view()
    for stop in (signal.SIGTSTP, signal.SIGTSTP):
        os.kill(watch.program, stop)
        watch.expect(THEIRS)
        watch.wait_until_stopped()
        os.kill(watch.program, signal.SIGCONT)
        watch.expect(OWN)
        watch.view()
    os.kill(watch.program, signal.SIGSTOP)
    watch.wait_until_stopped()
    os.kill(watch.program, signal.SIGCONT)
    watch.expect(OWN)
    watch.view()
    os.kill(watch.program, signal.SIGTSTP)
    watch.expect(THEIRS)
    watch.wait_until_stopped()
    os.kill(watch.program, signal.SIGTERM)
    os.kill(watch.program, signal.SIGCONT)
    status, seen = watch.end()
    if status or seen.count(OWN) != seen.count(THEIRS):
        fail('ended while it was stopped: %r' % seen)
    # on the key that stops, as the terminal sends it
    watch = Watch(80, 24, '--interval', '100', in_shell=True)
    watch.view()
    os.write(watch.terminal, b'\x1a')
    watch.expect(THEIRS)
    watch.wait_until_stopped()
    os.kill(watch.program, signal.SIGCONT)
    watch.expect(OWN)
    watch.kill(signal.SIGTERM)


def main():
    os.environ['KSEM_DIR'] = WORK.decode()
    try:
        for name in NAMES:
            subprocess.run([KSEM, 'create', name], check=True)
        for check in (sizes, signals, stops):
            check()
    finally:
        shutil.rmtree(WORK)
    sys.exit(failed)


main()
