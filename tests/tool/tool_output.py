#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What ksem(1) prints: names are bytes, which nobody may use to command a terminal, and which programs get back exactly.
What can't be written is said.

    tests/tool/tool_output.py KSEM"""
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import tool_support
from tool_support import KSEM, check_all, fail, run, share_of

WORK = tool_support.WORK.encode()
NODE = shutil.which('node')
NAMES = [bytes([c]) for c in range(1, 256) if c != ord('/')] + [
    'größe'.encode(), '日本'.encode(), '\U0001f600'.encode(), 'e\u0301'.encode(), b'\\x9b', b'\\\\', b'a b', b' ', b'"', b"'",
    b'\xc3', b'\xc3(', b'\xe2\x82', b'\xf0\x9f\x98', b'\xc0\xaf', b'\xed\xa0\x80', b'\xed\xb2\x80', b'\xf4\x90\x80\x80', b'\xf8\x88\x80\x80\x80',
    b'\xef\xbf\xbd', b'\xef\xbf\xbf', b'a\xff\xfeb', b'\x1b]0;x\x07', b'a' * 254, '\u2028'.encode() * 84,
] + [chr(c).encode() for c in [*range(0x80, 0xa1), 0xad, 0x61c, 0x115f, 0x1160, 0x180e, *range(0x2000, 0x2010), *range(0x2028, 0x2030), 0x205f,
                               *range(0x2060, 0x2070), 0x2800, 0x3000, 0x3164, 0xe000, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xe0001,
                               0xe0020, 0xf0000, 0x10ffff]]
SHOWN = ['größe', '日本', '\U0001f600']  # as they are, on a terminal that can
if 'KSEM_TEST_SANITIZED' in os.environ:
    NAMES = share_of(NAMES) + [b'a'] + [name.encode() for name in SHOWN]
NAMES = sorted(set(NAMES))
UNSAFE = re.compile('[\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f'
                    '\ufeff\uffa0\ufff9-\ufffb\ue000-\uf8ff\u0300-\u036f\U000e0000-\U0010ffff]')


def check_safe(what, text, utf8=True):
    for line in text.split(b'\n'):
        try:
            if UNSAFE.search(line.decode('utf-8' if utf8 else 'ascii')):
                fail('%s: would command a terminal, or not be seen: %r' % (what, line))
        except UnicodeDecodeError:
            fail('%s: not UTF-8: %r' % (what, line))


def unescaped(text):
    return re.sub(rb'\\(\\|x[0-9a-f]{2})', lambda m: b'\\' if m[1] == b'\\' else bytes.fromhex(m[1][1:].decode()), text)


def on_terminal(*arguments, **variables):
    """What the command writes to a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(KSEM, [KSEM, *arguments], dict(os.environ, **variables))
    seen = b''
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:
            more = b''
        if not more:
            break
        seen += more
    os.waitpid(pid, 0)
    os.close(terminal)
    return seen


def text():
    """ls and watch show each name, safely, so that it can be told."""
    lines = run('ls').stdout.split(b'\n')
    check_safe('ls', b'\n'.join(lines))
    at = lines[0].index(b'name')
    listed = sorted(unescaped(line[at:]) for line in lines[1:-1])
    if listed != sorted(b'/' + name for name in NAMES):
        fail('ls: other names than there are: %r' % (set(listed) ^ set(b'/' + name for name in NAMES)))
    for shown in SHOWN:
        if ('/' + shown).encode() not in [line[at:] for line in lines]:
            fail('ls: %s is not shown as it is' % shown)
    check_safe('watch', run('watch', '--times', '1').stdout)
    check_safe('ls on a terminal', on_terminal('ls', LC_ALL='C.UTF-8').replace(b'\r\n', b'\n'))
    check_safe('ls on a terminal that knows ASCII only', on_terminal('ls', LC_ALL='C').replace(b'\r\n', b'\n'), utf8=False)
    check_safe('ls --json on a terminal', on_terminal('ls', '--json', LC_ALL='C').replace(b'\r\n', b'\n'), utf8=False)


def names0():
    if sorted(run('ls', '--names0').stdout.split(b'\0')) != sorted([b''] + [b'/' + name for name in NAMES]):
        fail('ls --names0: other names')
    if b'not write to a terminal' not in on_terminal('ls', '--names0').replace(b"doesn't", b'not'):
        fail('ls --names0 wrote to a terminal')


def bytes_of(semaphore):
    if 'name_bytes' in semaphore:
        return bytes.fromhex(semaphore['name_bytes'])
    return semaphore['name'].encode()


def as_json():
    """JSON of all names is JSON, and tells their bytes."""
    output = run('ls', '--json').stdout
    check_safe('ls --json', output)
    listed = json.loads(output.decode())
    if sorted(bytes_of(s) for s in listed) != sorted(b'/' + name for name in NAMES):
        fail('ls --json: other names')
    for semaphore in listed:
        name = bytes_of(semaphore)
        try:
            if name.decode() != semaphore['name'] or 'name_bytes' in semaphore:
                fail('ls --json: %r for %r' % (semaphore['name'], name))
        except UnicodeDecodeError:
            if semaphore['name'] != name.decode(errors='replace') and '\ufffd' not in semaphore['name']:
                fail('ls --json: %r for %r' % (semaphore['name'], name))
        if not isinstance(semaphore['id'], str) or not 0 < int(semaphore['id']) < 2 ** 64:
            fail('ls --json: id %r' % semaphore['id'])
    for semaphore in share_of(listed):
        name = bytes_of(semaphore)
        if json.loads(run('show', '--json', name).stdout)['name'] != semaphore['name']:
            fail('show --json: %r' % name)
    if 'größe'.encode() not in output:
        fail('ls --json: UTF-8 is not UTF-8')
    made = re.search(rb'"made": (\d+)\.(\d{9}),', output)
    if not made or abs(int(made[1]) - time.time()) > 600:
        fail('ls --json: "made"')
    if NODE:
        program = 'for (const s of JSON.parse(require("fs").readFileSync(0))) console.log(s.id + " " + Buffer.from(s.name).toString("hex"))'
        seen = subprocess.run([NODE, '-e', program], input=output, stdout=subprocess.PIPE, check=True).stdout.decode().split()
        if seen[::2] != [s['id'] for s in listed] or seen[1::2] != [s['name'].encode().hex() for s in listed]:
            fail('ls --json: node reads something else')


def messages():
    """Errors name what others chose, safely, in a line each."""
    for bad in (b'/\x1b[31m', b'/\xc2\x9b31m', b'/\x9b31m', b'/a\nksem: b', '/\u202ea'.encode(), b'/\xff', b'/\\x9b'):
        for arguments in ((b'show', bad), (b'post', bad), (b'wait', bad), (b'unlink', bad), (b'run', b'--name', bad, b'true'),
                          (b'create', bad + b'/'), (b'--dir', bad, b'ls'), (bad,), (b'--' + bad, b'ls'), (b'-' + bad[1:], b'ls'),
                          (b'create', b'--value', bad, b'/a'), (b'--json=' + bad, b'ls'), (b'ls', bad), (b'unlink', bad, bad),
                          (b'wait', b'--timeout', bad, b'/a'), (b'create', b'--mode', bad, b'/a'), (b'show', b'/a', bad)):
            answer = run(*(argument.replace(bad, bad + b'-none') for argument in arguments))
            check_safe(arguments, answer.stderr)
            if answer.returncode == 0 or answer.stdout or answer.stderr.count(b'\n') != 1 or not answer.stderr.startswith(b'ksem: '):
                fail('%r: %r' % (arguments, answer))
    run('create', '--value', '1', '/run')
    answer = run('run', '--name', '/run', b'/none\x1b\xc2\x9b\n')
    check_safe('run', answer.stderr)
    if answer.returncode != 127 or answer.stderr.count(b'\n') != 1:
        fail('run: %r' % answer)
    directory = WORK + b'/\x1b[31m\xc2\x9b\n\xff'
    os.mkdir(directory)
    check_safe('watch', run('--dir', directory, 'watch', '--times', '1').stdout)
    run('unlink', '/run')


def writing():
    """What can't be written is said, and the status says so."""
    commands = [('ls',), ('ls', '--json'), ('ls', '--names0'), ('show', '/a'), ('show', '--json', '/a'), ('show', '--json', '/none'),
                ('--help',), ('--version',), ('watch', '--times', '1'), ('watch', '--json', '--times', '2', '--interval', '0.01')]
    for arguments in commands:
        with open('/dev/full', 'wb') as full:
            answer = run(*arguments, stdout=full)
        if answer.returncode != 1 or answer.stderr.count(b'\n') != 1 or b"can't write: No space" not in answer.stderr:
            fail('/dev/full: %r: %r' % (arguments, answer))
        answer = run(*arguments, preexec_fn=lambda: os.close(1))
        if answer.returncode != 1 or b"can't write" not in answer.stderr:
            fail('closed: %r: %r' % (arguments, answer))
        reader, writer = os.pipe()
        os.close(reader)
        answer = run(*arguments, stdout=writer)
        os.close(writer)
        quiet = arguments[0] == 'watch'
        if answer.returncode == 0 or (answer.stderr != b'') == quiet:
            fail('no reader: %r: %r' % (arguments, answer))
    began = time.monotonic()
    answer = subprocess.run(['bash', '-c', '"$0" watch --interval 100 | head -1; echo ${PIPESTATUS[*]}', KSEM], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    if answer.stderr or time.monotonic() - began > 50 or answer.stdout.count(b'\n') != 2:
        fail('watch | head: %r' % answer)


def standard_descriptors():
    """Closed ones aren't taken by files that the library opens, and what is printed goes to none of those."""
    run('create', '--value', '3', '/fds')
    was = run('show', '--json', '/fds').stdout
    for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)):
        for arguments in (('post', '/fds'), ('wait', '/fds'), ('show', '/fds'), ('show', '/none'), ('post', '/none'), ('ls',), ('frob',),
                          ('run', '--name', '/fds', '--', 'sh', '-c', 'echo gone; echo gone >&2; exit 0')):
            subprocess.run([KSEM, *arguments], preexec_fn=lambda: [os.close(fd) for fd in closed], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        now = run('show', '--json', '/fds').stdout
        if json.loads(now)['value'] != 3 or json.loads(now)['id'] != json.loads(was)['id']:
            fail('with %r closed: %r' % (closed, now))
        # a program that is run finds them as they were
        answer = subprocess.run([KSEM, 'run', '--name', '/fds', '--', 'sh', '-c', 'for fd in 0 1 2; do [ -e /proc/$$/fd/$fd ] || n=$n$fd; '
                                 'done; exec 3>"$0"; echo "$n" >&3', WORK + b'/.closed'],
                                preexec_fn=lambda: [os.close(fd) for fd in closed])
        with open(WORK + b'/.closed') as file:
            if file.read().strip() != ''.join(map(str, closed)):
                fail('run with %r closed: the program finds them otherwise' % (closed,))
    run('unlink', '/fds')


def truncated():
    """Files that others truncate and grow, all the time, kill nobody who looks."""
    path = WORK + b'/truncated'
    run('create', '/truncated')
    with open(path, 'rb') as file:
        page = file.read()
    done = threading.Event()

    def change():
        while not done.is_set():
            with open(path, 'r+b') as file:
                file.truncate(0)
                file.write(page)

    thread = threading.Thread(target=change)
    thread.start()
    for i in share_of(range(100)):
        for arguments in (('ls', '--json'), ('show', '/truncated'), ('watch', '--times', '1')):
            answer = run('--dir', WORK, *arguments)
            if answer.returncode not in (0, 1):
                fail('truncated: %r: %r' % (arguments, answer))
    done.set()
    thread.join()


def a_directory_that_goes():
    """That isn't a semaphore that isn't there."""
    for name in ((), ('/lost',)):
        place = os.path.join(WORK, b'.place')
        os.mkdir(place)
        run('--dir', place, 'create', '/lost')
        watch = subprocess.Popen([KSEM, '--dir', place, 'watch', '--json', '--interval', '0.1', *name],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        watch.stdout.readline()
        shutil.rmtree(place)
        errors = watch.communicate(timeout=60)[1]
        if watch.returncode != 1 or b'No such file or directory' not in errors:
            fail('watch %r of a directory that went: %r %r' % (name, watch.returncode, errors))


def none():
    if run('ls', '--json').stdout != b'[]\n':
        fail('ls --json of none')


def make():
    run('unlink', '/truncated')
    for name in NAMES:
        if run('create', b'/' + name).returncode:
            fail('create %r' % name)


os.environ.pop('LC_ALL', None)
check_all(none, a_directory_that_goes, truncated, make, text, names0, as_json, messages, writing, standard_descriptors)
