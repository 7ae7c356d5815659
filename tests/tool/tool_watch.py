#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ksem watch on a terminal of its own: what doesn't fit is marked, and the terminal is given back whatever ends or stops it.

    tests/tool/tool_watch.py KSEM"""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata

sys.dont_write_bytecode = True
import tool_support
from tool_support import KSEM, check_all, fail
from tool_terminal import Terminal

WORK = tool_support.WORK.encode()
OWN, THEIRS = b'\x1b[?1049h', b'\x1b[?1049l'
CUT = '\x1b[7m>\x1b[m'
NAMES = ['/short', '/' + 'long' * 60, '/' + '\u65e5\u672c' * 40, '/with space', '/gr\u00f6\u00dfe', '/>']


def modes_of(terminal):
    """What its local modes are: does it show keys, and hand on lines?"""
    return termios.tcgetattr(terminal)[3]


NORMAL = modes_of(pty.openpty()[1])


class Watch(Terminal):
    """ksem watch on a terminal of that size."""

    def __init__(self, columns, rows=40, *arguments, locale='C.UTF-8', ignore=(), in_shell=False, in_background=False,
                 no_input=False):
        self.columns = columns
        told, tell = os.pipe()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            if in_shell: # the kernel stops no program by SIGTSTP whose parent is of another session
                self.be_shell(tell, in_background)
            if no_input:
                os.dup2(os.open('/dev/null', os.O_RDONLY), 0)
            told_size = 1 if no_input else 0
            self.resize(columns, rows, told_size)
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
    def be_shell(tell, in_background):
        """Runs the program, as this process goes on, in the foreground or not; ends as it did."""
        program = os.fork()
        if program == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            if not in_background:
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

    def check_modes(self, own=False):
        if (modes_of(self.terminal) != NORMAL) != own:
            fail('the terminal has other modes: %x' % modes_of(self.terminal))

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
        self.check_modes()
        os.close(self.terminal)
        return status, self.seen

    def kill(self, number):
        os.kill(self.program, number)
        return self.end()


def width_of(text):
    return sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in text)


def plain(line):
    """Without what changes from one second, or one width, to another."""
    return re.sub(r' +', ' ', re.sub(r' \d+s(?= )', ' _', line))


def begins(line, cut):
    """That line begins as it does that was cut; its age may be cut in the middle."""
    return line.startswith(plain(re.sub(r' \d+s?$', '', cut)))


def escaped(name, locale):
    return name if locale == 'C.UTF-8' else ''.join(c if ord(c) < 128 else ''.join('\\x%02x' % b for b in c.encode()) for c in name)


def shown_whole(locale):
    """The name and the rest of the lines that there are to show, the head first."""
    lines = subprocess.run([KSEM, 'watch', '--times', '1'], stdout=subprocess.PIPE, check=True).stdout.decode().split('\n')[2:-2]
    names = ['name'] + sorted(NAMES, key=str.encode)
    if len(lines) != len(names) or any(not line.startswith(name + ' ') for line, name in zip(lines, names)):
        fail('not a terminal: %r' % lines)
    return [(escaped(name, locale), plain(line[len(name):])) for line, name in zip(lines, names)]


def check_line(line, columns, name, rest):
    """It is whole, or says at the name or at its end what is cut, and is no shorter than it must be."""
    text, cut, end = line.rpartition(CUT)
    if end or not cut:
        text, cut = line, ''
    shown, cut_name, after = text.partition(CUT)
    width = width_of(shown) + width_of(after) + (cut_name != '') + (cut != '')
    if '\x1b' in shown + after or width > columns or (cut and width + 2 < columns):
        return False
    if cut_name:
        least = width_of(rest) + 20 # of the others, and of a name
        tight = width + 2 + len(after) - len(plain(after)) >= min(columns, least)
        return name.startswith(shown) and name != shown and (begins(rest, after) if cut else rest == plain(after)) and tight
    whole = plain(name + rest)
    return plain(shown) == whole or (cut and begins(whole, shown))


def sizes():
    """Whatever the width, each line is whole, or says that it isn't."""
    for locale in ('C.UTF-8', 'C'):
        whole = shown_whole(locale)
        for columns in [1, 2, 3, *range(20, 201, 9), 57, 58, 59, 200, 500]:
            watch = Watch(columns, 40, '--times', '1', locale=locale)
            lines = watch.view()[2:]
            watch.end()
            if len(lines) != len(whole):
                fail('%d columns: %d lines of %d' % (columns, len(lines), len(whole)))
            for line, (name, rest) in zip(lines, whole):
                if not check_line(line, columns, name, rest):
                    fail('%d columns: %r of %r' % (columns, line, name + rest))
            if columns == 500 and locale == 'C.UTF-8' and any(CUT in line for line in lines):
                fail('500 columns: %r' % lines)
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
        watch.check_modes()
        os.kill(watch.program, signal.SIGCONT)
        watch.expect(OWN)
        watch.view()
        watch.check_modes(own=True)
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


def named(lines):
    """The names in a view's table, and which sorting is said to be."""
    return [line.split()[0] for line in lines[3:]], re.findall(r'\[. ([^]]*)\]', lines[1])


def keys():
    """Keys sort, and end the view; others are ignored."""
    for name, value in (('/v1', '1'), ('/v3', '3'), ('/v2', '2')):
        subprocess.run([KSEM, 'create', '--value', value, '--limit', '9', '--metrics', name], check=True)
    up, down = ['/v1', '/v2', '/v3'], ['/v3', '/v2', '/v1']
    watch = Watch(200, 40, '--interval', '100')

    def shows(order, sort):
        names, said = named(watch.view())
        if [name for name in names if name.startswith('/v')] != order or said != [sort]:
            fail('%r by %r, not %r by %r' % (names, said, order, sort))

    def types(key, order, sort):
        os.write(watch.terminal, key)
        shows(order, sort)

    shows(up, 'name')
    types(b'v', down, 'value')
    types(b'v', up, 'value, reversed')
    types(b'v', down, 'value')
    types(b'n', up, 'name')
    types(b'n', down, 'name, reversed')
    waiters = [subprocess.Popen([KSEM, 'wait', '--count', '9', '/v2']) for _ in range(2)]
    while json.loads(subprocess.run([KSEM, 'show', '--json', '/v2'], stdout=subprocess.PIPE).stdout)['waiters'] != 2:
        time.sleep(0.01)
    watch.kill(signal.SIGTERM)
    watch = Watch(200, 40, '--interval', '100')
    watch.view()
    for key, sort in ((b'w', 'waiters'), (b'h', 'refs')):
        types(key, ['/v2', '/v1', '/v3'], sort)
    for key, sort in ((b'r', 'waits/s'), (b'm', 'mean')):
        types(key, up, sort)
    os.write(watch.terminal, b'v')
    if named(watch.view())[1] != ['value']:
        fail('v was not heeded')
    types(b'\x1b[A\x1b[1;5D\x1b[3~\x1bOP\x1bq\x1b\x1b[q~xQ?\xff\x00', down, 'value')
    watch.check_modes(own=True)
    os.write(watch.terminal, b'q')
    status, seen = watch.end()
    if status or seen.count(THEIRS) != 1 or not seen.endswith(THEIRS):
        fail('q: %r' % ((status, seen),))
    for waiter in waiters:
        waiter.kill()
        waiter.wait()
    watch = Watch(40, 24, '--interval', '100')
    lines = watch.view()
    if not lines[1].startswith('q quit  sort: [n name]') or not lines[1].endswith(CUT):
        fail('the line of keys: %r' % lines)
    watch.kill(signal.SIGTERM)
    subprocess.run([KSEM, 'unlink', '/v1', '/v2', '/v3'], check=True)


def no_keys():
    """Where no keys can be read, there is no line of them, and nothing stops the program."""
    watch = Watch(80, 24, '--interval', '100', no_input=True)
    lines = watch.view()
    if lines[1] != '':
        fail('keys from nowhere: %r' % lines)
    watch.check_modes()
    watch.kill(signal.SIGTERM)
    watch = Watch(80, 24, '--interval', '100', in_shell=True, in_background=True)
    lines = watch.view()
    os.write(watch.terminal, b'q\n')
    os.kill(watch.program, signal.SIGWINCH) # the kernel tells the foreground only
    if lines[1] != '' or watch.view()[1] != '':
        fail('keys in the background: %r' % lines)
    watch.check_modes()
    watch.kill(signal.SIGTERM)


def rates():
    """Waits of an interval, in a second, and how long they took."""
    for name, made in (('/default', ()), ('/measured', ('--metrics',))):
        subprocess.run([KSEM, 'create', *made, name], check=True)
        watch = subprocess.Popen([KSEM, 'watch', '--json', '--interval', '0.2', name], stdout=subprocess.PIPE)
        before = json.loads(watch.stdout.readline())
        if before['rates'] is not None or before['waits'] != 0:
            fail('the first rates: %r' % before)
        for _ in range(3):
            subprocess.run([KSEM, 'wait', '--timeout', '0.5', name])
        while before['waits'] < 3:
            now = json.loads(watch.stdout.readline())
            more, found = now['waits'] - before['waits'], now['rates']
            if (more > 0) != (found['waits'] > 0) or found['waits'] > more / 0.19 or more < 0:
                fail('rates of %s: %r after %r' % (name, now, before))
            ended = made and now['metrics']['waits'] > before['metrics']['waits']
            if ended and not 0.02 <= found['mean'] < 60 or ended and not found['mean'] / 2 < found['p99'] < 128:
                fail('times of %s: %r' % (name, now))
            if not ended and (found['mean'], found['p99']) != (None, None):
                fail('times of %s: %r' % (name, now))
            before = now
        watch.terminate()
        watch.wait()
        if not made:
            continue
        os.environ['LC_ALL'] = 'C.UTF-8'
        view = subprocess.run([KSEM, 'watch', '--times', '1', name], stdout=subprocess.PIPE).stdout.decode().split('\n')
        head, row = view[2].split(), view[3].split()
        if head[:6] != ['name', 'value', 'waiters', 'waits/s', 'mean', 'p99'] or row[:6] != [name, '0', '0', '-', '-', '-']:
            fail('the columns of %s: %r' % (name, view))
    subprocess.run([KSEM, 'unlink', '/default', '/measured'], check=True)


def make():
    for name in NAMES:
        subprocess.run([KSEM, 'create', name], check=True)


check_all(make, sizes, signals, stops, keys, no_keys, rates)
