#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Completion of ksem(1) in bash: names are data. Each is completed in an interactive bash on a terminal of its own, in
each kind of quotes, and bash must then hand ksem just that name. No name is ever evaluated: those here would make a file.

    tests/tool/tool_completion.py KSEM COMPLETION"""
import json
import os
import pty
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import tool_support
from tool_support import KSEM, check_all, fail, share_of
from tool_terminal import Terminal

COMPLETION = os.path.realpath(sys.argv[2])
WORK = tool_support.WORK.encode()
CWD = WORK + b'/cwd'
ATTACKS = [
    b'$(touch PWNED)', b'`touch PWNED`', b';touch PWNED', b'|touch PWNED', b'&touch PWNED', b'\ntouch PWNED\n',
    b'"$(touch PWNED)"', b"'$(touch PWNED)'", b"';touch PWNED;'", b'";touch PWNED;"', b'<(touch PWNED)',
    b'>PWNED', b'a >PWNED', b'$((a[$(touch PWNED)]))', b'a[$(touch PWNED)]', b'${a:-$(touch PWNED)}', b'\\$(touch PWNED)',
    b"$'\\n'touch PWNED", b'{a,$(touch PWNED)}', b'!touch', b'!!', b'-n $(touch PWNED)', b'--dir=$(touch PWNED)',
    b'\rtouch PWNED\r', b'\x03touch PWNED', b'\tx', b'\x1b]0;touch PWNED\x07', b'\x16\n', b'\\', b'\\\\', b'a\\',
]
ODD = [
    b'a b', b' a', b'a ', b'  ', b'a\\b', b'a"b', b"a'b", b'$HOME', b'$', b'~', b'#a', b'a\nb', b'\n', b'-rf', b'--', b'--name',
    b'*', b'?', b'[a]', b'{a,b}', b'a:b', b'a=b', b'a@b', b'%a', b'.a', b'a!b', b'^a^b', b'a\tb', b'\xff', b'a\xc3', b'\xc3(',
    b'\x9b31m', 'größe'.encode(), '日本'.encode(), '\u202eabc'.encode(), 'e\u0301'.encode(), '\U0001f600'.encode(),
    '\x9b31m'.encode(), b'\x1b[31m', b'\x7f', b'\x01', b'a' * 253,
]


def ksem(*arguments, **more):
    return subprocess.run([KSEM, *arguments], stdout=subprocess.PIPE, check=True, **more).stdout


def value(directory, name):
    return json.loads(ksem('--dir', directory, 'show', '--json', name))['value']


class Shell(Terminal):
    """An interactive bash that completes ksem."""

    def __init__(self, directory, locale='C.UTF-8'):
        variables = dict(os.environ, KSEM_DIR=directory.decode(), LC_ALL=locale, PS1='@', TERM='dumb', HISTFILE='/dev/null',
                         INPUTRC='/dev/null', PATH=os.path.dirname(KSEM) + ':' + os.environ['PATH'])
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(CWD)
            os.execvpe('bash', ['bash', '--norc', '--noprofile', '-i'], variables)
        self.seen = b''
        self.expect(b'@')
        self.type(b"bind 'set enable-bracketed-paste off'; bind 'set eventcount-style none'; bind 'set page-completions off'; "
                  b"bind 'set completion-query-items 0'; source '%s'; PS1='<rea''dy>'\n" % COMPLETION.encode())
        self.expect(b'<ready>')

    def type(self, text):
        os.write(self.terminal, text)

    def run(self, text):
        self.type(text + b"; echo do''ne\n")
        self.expect(b'done\r\n')
        self.expect(b'<ready>')

    def shown_for(self, text):
        """What the terminal got for it; nothing is executed."""
        self.type(text + b"\x15echo do''ne\n")
        shown = self.expect(b'done\r\n')
        self.expect(b'<ready>')
        return shown

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def check_no_evaluation(what):
    if os.listdir(CWD):
        fail('%s: something was evaluated: %s' % (what, os.listdir(CWD)))
        for name in os.listdir(CWD):
            os.remove(os.path.join(CWD, name))


def each_alone():
    """A name that is alone in its directory is completed to a command that posts to it."""
    directory = WORK + b'/alone'
    os.mkdir(directory)
    shell = Shell(directory)
    for name in share_of(ATTACKS + ODD):
        if b'/' in name:
            continue
        ksem('--dir', directory, 'create', b'/' + name)
        posted = 0
        for typed in (b'post ', b'post /', b"post '/", b'post "/', b"post $'/"):
            shell.run(b'ksem ' + typed + b'\t')
            posted += 1
            if value(directory, b'/' + name) != posted:
                fail('%r was not completed to %r' % (typed, name))
                posted = value(directory, b'/' + name)
        shell.run(b'ksem run --name=/\t -- true && ksem post /\t')
        if value(directory, b'/' + name) != posted + 1:
            fail('--name= was not completed to %r' % name)
        check_no_evaluation(repr(name))
        ksem('--dir', directory, 'unlink', b'/' + name)
    shell.end()


def all_together():
    """Of many, each is reached by typing its beginning and Tab; a list of them shows a terminal nothing but text."""
    directory = WORK + b'/together'
    os.mkdir(directory)
    for name in ATTACKS + ODD:
        ksem('--dir', directory, 'create', b'/' + name)
    for locale in ('C.UTF-8', 'C'):
        shell = Shell(directory, locale)
        for start in (b'/', b"'/", b'"/', b"$'/", b'/a', b'', b"'/a", b'/\\$'):
            shown = shell.shown_for(b'ksem show ' + start + b'\t\t').translate(None, b'\r\n\x07\x08')
            try:
                text = shown.decode()
            except UnicodeDecodeError:
                text = '\x9b'
                fail('%r: not UTF-8: %r' % (start, shown))
            if any(ord(c) < 32 or 127 <= ord(c) < 160 or ord(c) in (0x202e, 0x301) for c in text):
                fail('%s: %r: shown to a terminal: %r' % (locale, start, shown))
            check_no_evaluation(repr(start))
        shell.end()
    # What Tab leaves on the line is a beginning of a name, whole characters of it.
    pairs = [(b'p a', b'p b'), (b'q$1', b'q;2'), (b'r\n1', b'r\x012'), (b"s'1", b's"2'), (b't\xff1', b't\xfe2'), (b'u!1', b'u`2'),
             ('vé'.encode(), 'vè'.encode()), (b'w', b'w w')]
    for pair in pairs:
        for name in pair:
            ksem('--dir', directory, 'create', b'/' + name)
        shell = Shell(directory)
        for quote in (b'', b'"', b"$'"):
            for name in pair:
                shared = b'v' if name[:1] == b'v' else os.path.commonprefix(pair)
                rest = b''.join(b'\\x%02x' % byte for byte in name[len(shared):])
                close = {b'': b'', b'"': b'"', b"$'": b"'"}[quote]
                had = value(directory, b'/' + name)
                shell.run(b'ksem post ' + quote + b'/' + name[:1] + b'\t' + close + b"$'" + rest + b"'")
                if value(directory, b'/' + name) != had + 1:
                    fail('%r and %r, in %r: Tab did not leave what both begin with' % (pair + (quote,)))
        shell.end()


def directories():
    """Directories' names are data, too; and what a variable or a command gives isn't looked at."""
    top = WORK + b'/top'
    os.mkdir(top)
    directory = top + b'/$(touch PWNED) x'
    os.mkdir(directory)
    ksem('--dir', directory, 'create', '/inside')
    ksem('--dir', top, 'create', '/outside')
    shell = Shell(top)
    shell.run(b'ksem --dir ' + top + b'/\t post /in\t')
    check_no_evaluation('--dir')
    if value(directory, '/inside') != 1:
        fail('--dir was not completed, or names in it')
    for typed in (b"post '", b"post ''/", b'--dir=\t post /'):
        had = value(top, '/outside')
        shell.run(b'ksem ' + typed.replace(b'=', b'=' + WORK + b'/top') + b'\t')
        if value(top, '/outside') != had + 1:
            fail('%r was not completed' % typed)
    shell.run(b"ksem --dir '" + directory + b"' post /in\t")
    if value(directory, '/inside') != 2:
        fail('--dir in quotes was not heeded')
    shell.run(b'cd ' + top)
    os.environ['HOME'] = top.decode()
    shell.run(b'HOME=' + top)
    shell.run(b"ksem --dir ~/'$(touch PWNED) x' post /in\t")
    if value(directory, '/inside') != 3:
        fail('~ was not heeded')
    shell.run(b'cd ' + CWD)
    for typed in (b'ksem --dir $(touch PWNED) post /\t', b'ksem --dir "`touch PWNED`" post /\t', b'ksem post $(touch PWNED\t',
                  b'ksem --dir $(touch PWNED)/\t', b'ksem run --name /x -- $(touch PWNED)\t', b'ksem post "$(touch PWNED)/\t'):
        shell.shown_for(typed)
        check_no_evaluation(repr(typed))
    shell.end()


def programs():
    """After -- come programs, then files."""
    directory = WORK + b'/programs'
    os.mkdir(directory)
    with open(directory + b'/ksem-tool-program', 'w') as script:
        script.write('#!/bin/sh\nexec ksem post "$1"\n')
    os.chmod(directory + b'/ksem-tool-program', 0o755)
    ksem('--dir', directory, 'create', '--value', '1', '/p')
    shell = Shell(directory)
    shell.run(b'PATH=$PATH:' + directory)
    shell.run(b'ksem run --name /p -- ksem-tool-pro\t /p')
    if value(directory, '/p') != 2:
        fail('a program was not completed')
    shell.end()


os.mkdir(CWD)
check_all(each_alone, all_together, directories, programs)
