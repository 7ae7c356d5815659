#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ksem(1) on semaphores with a limit, an order or metrics: it makes and uses them, shows what they have, and says what
others lack. Wrong arguments do nothing.

    tests/tool/tool_features.py KSEM"""
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import tool_support
from tool_support import KSEM, WORK, check_all, fail

HIGHEST = {'barging': 4294967295, 'fifo': 1 << 30, 'lifo': 1 << 30}


def run(*arguments, **more):
    return tool_support.run(*arguments, text=True, **more)


def does(*arguments, prints=''):
    tool_support.does(*arguments, prints=prints.encode())


def says(text, *arguments, status=1, **more):
    """It fails with that status, and says that, in a line."""
    answer = run(*arguments, **more)
    if answer.returncode != status or answer.stdout or answer.stderr != 'ksem: %s\n' % text:
        fail('%r: %r, not %r' % (arguments, answer, text))


def shown(name):
    return json.loads(run('show', '--json', name).stdout)


def until(name, member, value):
    end = time.monotonic() + 60
    while shown(name)[member] != value:
        if time.monotonic() > end:
            raise SystemExit('FAILED: %s of %s is not %r: %r' % (member, name, value, shown(name)))
        time.sleep(0.01)


def start(*arguments):
    return subprocess.Popen([KSEM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(program, status, text=''):
    out, err = program.communicate(timeout=60)
    if (program.returncode, out, err) != (status, '', text and 'ksem: %s\n' % text):
        fail('%r: %r' % (program.args, (program.returncode, out, err)))


def arguments():
    """Wrong ones are refused before anything is done."""
    for number in ('', ' ', 'x', '1x', '-1', '+1', ' 1', '1.0', '0x1', '4294967296', '18446744073709551617'):
        says("--limit: not a number from 1 to 4294967295: '%s'" % number, 'create', '--limit', number, '/x', status=2)
        says("--count: not a number from 0 to 4294967295: '%s'" % number, 'wait', '--count', number, '/a', status=2)
        says("limit: not a number from 0 to 4294967295: '%s'" % number, 'limit', '/a', '--', number, status=2)
    says('no such option: -1 (--help lists them)', 'limit', '/a', '-1', status=2)
    says("--limit: not a number from 1 to 4294967295: '0'", 'create', '--limit', '0', '/x', status=2)
    for order in ('', ' ', 'FIFO', 'fif', 'fifo ', '1', 'none', 'barging,fifo'):
        says("--order: not barging, fifo or lifo: '%s'" % order, 'create', '--order', order, '/x', status=2)
    says('--order: a value is missing', 'create', '--order', status=2)
    says('--limit: a value is missing', 'create', '--limit', status=2)
    says('--metrics=yes: takes no value', 'create', '--metrics=yes', '/x', status=2)
    says('--limit: given twice', 'create', '--limit', '1', '--limit', '1', '/x', status=2)
    says('--undo: not without --limit', 'create', '--undo', '/x', status=2)
    says('--value: with --undo it is the limit', 'create', '--undo', '--limit', '3', '--value', '0', '/x', status=2)
    says('--value: over --limit: 4', 'create', '--limit', '3', '--value', '4', '/x', status=2)
    for order in ('fifo', 'lifo'):
        beyond = str(HIGHEST[order] + 1)
        says('--limit: at most 1073741824 with --order ' + order, 'create', '--order', order, '--limit', beyond, '/x', status=2)
        says('--value: at most 1073741824 with --order ' + order, 'create', '--order', order, '--value', beyond, '/x', status=2)
    for command in ('limit', 'shutdown', 'wait'):
        says(command + ': a name is missing', command, status=2)
        says('/none: not found', command, '/none')
        says("a: not a name: a name is one '/' and then other bytes", command, 'a')
        says(": not a name: a name is one '/' and then other bytes", command, '')
    says('/none: not found', 'limit', '/none', '1')
    says("limit: too many operands, from '2' on", 'limit', '/a', '1', '2', status=2)
    says("shutdown: too many operands, from '/b' on", 'shutdown', '/a', '/b', status=2)
    says('limit: takes no --limit', 'limit', '--limit', '1', '/a', status=2)
    says('post: takes no --metrics', 'post', '--metrics', '/a', status=2)
    with open('/dev/full', 'w') as full:
        does('create', '/full')
        answer = subprocess.run([KSEM, 'limit', '/full'], stdout=full, stderr=subprocess.PIPE, text=True)
        if answer.returncode != 1 or "can't write: No space" not in answer.stderr:
            fail('/dev/full: %r' % answer)
        does('unlink', '/full')
    does('ls', '--json', prints='[]\n')


def mixed():
    """Options may stand among the names, up to --; but not behind the program that run runs."""
    does('create', '/a', '--limit', '3', '--value=2')
    does('limit', '/a', prints='3\n')
    does('create', '--limit', '3', '/b', '--undo', '--metrics')
    if shown('/a')['value'] != 2 or shown('/b')['value'] != 3 or not shown('/b')['metrics']:
        fail('options behind the name: %r' % shown('/a'))
    for arguments in (('post', '/a', '--count', '1'), ('wait', '/a', '--count', '3', '--timeout', '5'), ('post', '--count', '2', '--', '/a'),
                      ('limit', '/a', '2'), ('limit', '/a', '3', '--dir', WORK), ('post', '/a', '--')):
        does(*arguments)
    for arguments in (('show', '/a', '--json'), ('show', '--json', '--', '/a'), ('watch', '/a', '--json', '--times', '1')):
        if json.loads(run(*arguments).stdout)['value'] != 3:
            fail('%r: %r' % (arguments, run(*arguments)))
    says("show: too many operands, from '--json' on", 'show', '/a', '--', '--json', status=2)
    says("--json: not a name: a name is one '/' and then other bytes", 'show', '--', '--json')
    says('--count: given twice', 'post', '--count', '1', '/a', '--count', '1', status=2)
    says('--count: a value is missing', 'post', '/a', '--count', status=2)
    says('--json=1: takes no value', 'show', '/a', '--json=1', status=2)
    says('no such option: --none (--help lists them)', 'unlink', '/a', '--none', '/b', status=2)
    says('no such option: -x (--help lists them)', 'unlink', '/a', '-x', '/b', status=2)
    says('unlink: takes no --count', 'unlink', '/a', '/b', '--count', '1', status=2)
    says("unlink: '/a' is named twice", 'unlink', '/a', '--dir', WORK, '/a', status=2)
    does('run', '--name', '/a', 'echo', '--name', '-n', '--', '--json', prints='--name -n -- --json\n')
    does('run', '--name', '/a', '--', 'echo', '--timeout', prints='--timeout\n')
    says('-: not a name: a name is one \'/\' and then other bytes', 'unlink', '-')
    does('unlink', '/a', '--dir', WORK, '/b')


def limits():
    """Permits never pass the limit, which can be changed; what is owed then is paid first."""
    does('create', '--value', '2', '--limit', '3', '/limit')
    does('limit', '/limit', prints='3\n')
    does('post', '/limit')
    says('/limit: the value would exceed 3', 'post', '/limit')
    does('wait', '--count', '3', '/limit')
    says('/limit: --count is over its limit, 3', 'wait', '--count', '4', '/limit')
    does('limit', '/limit', '1')
    does('limit', '/limit', prints='1\n')
    if shown('/limit')['value'] != 0:
        fail('a limit was lowered: %r' % shown('/limit'))
    does('post', '--count', '2', '/limit')
    if shown('/limit')['value'] != 0:
        fail('a debt was not paid: %r' % shown('/limit'))
    does('post', '/limit')
    says('/limit: the value would exceed 1', 'post', '/limit')
    does('limit', '/limit', '0')
    does('limit', '/limit', prints='0\n')
    if shown('/limit')['value'] != 0 or run('wait', '--timeout', '0', '/limit').returncode != 3:
        fail('limit 0: %r' % shown('/limit'))
    does('limit', '/limit', '4294967295')
    says("limit: not a number from 0 to 4294967295: '4294967296'", 'limit', '/limit', '4294967296', status=2)
    for order, highest in HIGHEST.items():
        does('create', '--order', order, '--limit', str(highest), '--value', str(highest), '/highest')
        does('limit', '/highest', prints='%d\n' % highest)
        if highest < 4294967295:
            says('/highest: its limit is at most %d' % highest, 'limit', '/highest', str(highest + 1))
        says('/highest: the value would exceed %d' % highest, 'post', '/highest')
        does('unlink', '/highest')
    for made in ((), ('--order', 'fifo'), ('--metrics',)):
        does('create', *made, '/unlimited')
        does('limit', '/unlimited', prints='none\n')
        says('/unlimited: it was made without a limit', 'limit', '/unlimited', '5')
        does('unlink', '/unlimited')
    does('unlink', '/limit')


def counts():
    """Several permits come at once, or none; in the semaphore's order."""
    for order in HIGHEST:
        does('create', '--order', order, '--limit', '9', '/count')
        three = start('wait', '--count', '3', '/count')
        until('/count', 'waiters', 1)
        one = start('wait', '/count')
        until('/count', 'waiters', 2)
        does('post', '--count', '2', '/count')
        if order == 'fifo': # whoever waits for three is first
            does('post', '/count')
            ended(three, 0)
            does('post', '/count')
            ended(one, 0)
        else:
            ended(one, 0)
            does('post', '--count', '2', '/count')
            ended(three, 0)
        until('/count', 'value', 0)
        does('wait', '--count', '0', '/count')
        if run('wait', '--count', '2', '--timeout', '0.01', '/count').returncode != 3:
            fail('no permits came, and the status is not 3')
        does('unlink', '/count')
    does('create', '--value', '5', '/default')
    does('wait', '--count', '5', '/default')
    if run('wait', '--count', '2', '--timeout', '0.01', '/default').returncode != 3:
        fail('no permits came to one with default attributes, and the status is not 3')
    two = start('wait', '--count', '2', '/default')
    until('/default', 'waiters', 1)
    does('post', '--count', '2', '/default')
    ended(two, 0)
    does('unlink', '/default')


def shutdown():
    """It ends waits, now and later, and says why; permits can still be taken."""
    does('create', '--order', 'fifo', '/shut')
    waits = [start('wait', '/shut'), start('wait', '--count', '2', '--timeout', '50', '/shut'), start('run', '--name', '/shut', 'true')]
    until('/shut', 'waiters', 3)
    does('shutdown', '/shut')
    for wait in waits:
        ended(wait, 1, '/shut: it is shut down')
    does('shutdown', '/shut')
    says('/shut: it is shut down', 'wait', '/shut')
    does('post', '/shut')
    does('wait', '/shut')
    says('/shut: it is shut down', 'run', '--name', '/shut', '--timeout', '1', 'true')
    does('create', '/default')
    wait = start('wait', '/default')
    until('/default', 'waiters', 1)
    does('shutdown', '/default')
    ended(wait, 1, '/default: it is shut down')
    does('unlink', '/shut', '/default')


def columns(*arguments):
    """The table as a list of dictionaries; names have no spaces here."""
    head, *rows = (line.split() for line in run(*arguments).stdout.splitlines())
    return [dict(zip(head, row)) for row in rows]


def shows():
    """ls and show say what semaphores were made with; columns of what none has are left out."""
    always = ['value', 'waiters', 'refs', 'uid', 'gid', 'mode', 'age', 'pids', 'name']
    does('create', '/z')
    if [list(row) for row in columns('ls')] != [always]:
        fail('a default semaphore has more: %r' % columns('ls'))
    for made, more in ((('--limit', '3'), ['limit']), (('--order', 'lifo'), ['order']), (('--metrics',), ['waits', 'timeouts', 'mean', 'max'])):
        does('create', *made, '/a')
        for row in columns('ls') + columns('show', '/a'):
            if set(row) != set(always + more):
                fail('%r: other columns: %r' % (made, row))
        if [row['name'] for row in columns('ls')] != ['/a', '/z'] or set(columns('show', '/z')[0]) != set(always):
            fail('%r: %r' % (made, columns('ls')))
        if [columns('ls')[1][column] for column in more] != ['barging' if column == 'order' else '-' for column in more]:
            fail('of what it lacks: %r' % columns('ls'))
        does('unlink', '/a')
    does('create', '--limit', '3', '--order', 'fifo', '--metrics', '/a')
    run('wait', '--timeout', '0.5', '/a')
    does('limit', '/a', '1')
    does('shutdown', '/a')
    row, = columns('show', '/a')
    if [row[column] for column in ('limit', 'debt', 'order', 'shut', 'waits', 'timeouts')] != ['1', '2', 'fifo', 'shut', '1', '1']:
        fail('show: %r' % row)
    if row['mean'] != row['max'] or not re.fullmatch(r'[1-9]\S*[a-z]', row['mean']):
        fail('show: the time of a wait: %r' % row)
    whole, plain = shown('/a'), shown('/z')
    metrics = whole['metrics']
    wanted = {'limit': 1, 'debt': 2, 'order': 'fifo', 'shut': True, 'waits': 1}
    if {member: whole[member] for member in wanted} != wanted:
        fail('JSON: %r' % whole)
    wanted = {'waits': 1, 'timeouts': 1, 'interrupts': 0, 'cancels': 0, 'shutdowns': 0, 'waiters_max': 1}
    if {member: metrics[member] for member in wanted} != wanted or not 0 < metrics['wait'] == metrics['wait_max'] < 60:
        fail('JSON: %r' % metrics)
    if len(metrics['histogram']) != 64 or sum(metrics['histogram']) != 1 or metrics['histogram'][int(metrics['wait'] * 1e9).bit_length() - 1] != 1:
        fail('histogram: %r' % metrics)
    wanted = {'limit': None, 'debt': 0, 'order': 'barging', 'shut': False, 'waits': 0, 'metrics': None}
    if {member: plain[member] for member in wanted} != wanted:
        fail('JSON: %r' % plain)
    run('wait', '--timeout', '0.5', '/z')
    run('wait', '--timeout', '0.5', '/z')
    if shown('/z')['waits'] != 2: # of processes that have ended
        fail('waits: %r' % shown('/z'))
    does('unlink', '/a', '/z')


def holders(name):
    """What show says of who has it: a table behind the first one."""
    head, *rows = (line.split() for line in run('show', name).stdout.split('\n\n')[1].splitlines())
    return {int(row[0]): dict(zip(head, row)) for row in rows}


def who():
    """show says who has a semaphore, what each holds, since when, and who waits; the dead hold nothing."""
    does('create', '/nobody')
    if run('show', '/nobody').stdout.count('\n') != 2 or shown('/nobody')['holders']:
        fail('nobody has it: %r' % run('show', '/nobody'))
    does('create', '--undo', '--limit', '2', '--metrics', '/w')
    program = subprocess.Popen([KSEM, 'run', '--name', '/w', '--', 'sh', '-c', 'echo runs; exec sleep 60'], start_new_session=True,
                               stdout=subprocess.PIPE)
    program.stdout.readline()
    holder, = shown('/w')['pids']  # the program
    while shown('/w')['holders'][0]['oldest'] < 1:
        time.sleep(0.01)
    waiter = start('wait', '--count', '2', '/w')
    until('/w', 'waiters', 1)
    row, = columns('show', '/w')[:1]
    if (row['value'], row['limit'], row['held'], row['undone']) != ('1', '2', '1', '0'):
        fail('held: %r' % row)
    found = holders('/w')
    if found.keys() != {waiter.pid, holder} or tuple(
            found[waiter.pid][column] for column in ('refs', 'held', 'oldest', 'waiting', 'command')) != ('1', '0', '-', '1', 'ksem'):
        fail('holders: %r' % found)
    if (found[holder]['held'], found[holder]['command']) != ('1', 'sleep') or not re.fullmatch(
            r'[1-9][0-9]*[sm]', found[holder]['oldest']):
        fail('who holds: %r' % found[holder])
    whole = shown('/w')
    of = {holder['pid']: holder for holder in whole['holders']}
    if of[waiter.pid] != {'pid': waiter.pid, 'command': 'ksem', 'refs': 1, 'held': 0, 'oldest': None, 'waiting': 1}:
        fail('JSON: %r' % of)
    if of[holder]['held'] != 1 or of[holder]['oldest'] < 1 or (whole['undo'], whole['held'], whole['more_holders']) != (True, 1, False):
        fail('JSON: %r' % whole)
    watched = run('watch', '--times', '1', '/w').stdout.splitlines()
    if not {'held', 'undone'} <= set(watched[2].split()) or watched[3].split()[3:5] != ['1', '0']:
        fail('watch: %r' % watched)
    # Nobody looks for the dead here but show, which changes nothing.
    waiter.kill()
    waiter.communicate()
    os.killpg(program.pid, 9)
    program.communicate()
    while os.path.exists('/proc/%d' % holder):  # nobody's child
        time.sleep(0.01)
    row, = columns('show', '/w')
    if (row['value'], row['held'], row['undone'], row['pids']) != ('2', '0', '0', '-'):
        fail('what the dead held: %r' % row)
    if '/w: it was made' in run('wait', '--count', '2', '/w').stderr or columns('show', '/w')[0]['undone'] == '0':
        fail('undone: %r' % columns('show', '/w'))
    does('unlink', '/nobody', '/w')


def undo():
    """The permits of a semaphore with --undo come back: from a wait, from run, and when all of run is killed."""
    does('create', '--undo', '--limit', '1', '/u')
    does('wait', '/u')
    does('wait', '/u')  # what the first one took came back
    says('/u: it was made with --undo, and this command holds no permit of it', 'post', '/u')
    does('run', '--name', '/u', '--', 'true')
    with subprocess.Popen([KSEM, 'run', '--name', '/u', '--', 'sh', '-c', 'echo runs; exec sleep 60'], start_new_session=True,
                          stdout=subprocess.PIPE, text=True) as run_command:
        run_command.stdout.readline()
        if run('wait', '--timeout', '0.01', '/u').returncode != 3:
            fail('a permit beside that of run')
        pids = [int(pid) for pid in columns('show', '/u')[0]['pids'].split(',')]
        for pid in pids:
            os.kill(pid, 9)
        os.killpg(run_command.pid, 9)
    does('wait', '--timeout', '10', '/u')
    does('unlink', '/u')


def files():
    """A file that is too short, or may not be long enough, is no semaphore with a limit."""
    says('/small: the limit on the size of files (ulimit -f) is too low', 'create', '--limit', '1', '/small',
         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    does('create', '--limit', '1', '/damaged')
    os.truncate(WORK + '/damaged', 1 << 20)
    says("/damaged: its file is damaged, or has attributes that this library doesn't know", 'limit', '/damaged')
    says("/damaged: its file is damaged, or has attributes that this library doesn't know", 'shutdown', '/damaged')
    os.remove(WORK + '/damaged')
    if os.getuid() == 0 and shutil.which('setpriv'):
        does('create', '--limit', '1', '/private')
        os.chmod(WORK, 0o755)
        for arguments in (('limit', '/private'), ('limit', '/private', '5'), ('shutdown', '/private')):
            answer = subprocess.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', KSEM, *arguments],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if answer.returncode != 1 or answer.stderr != 'ksem: /private: permission denied\n':
                fail('%r by another user: %r' % (arguments, answer))
        does('unlink', '/private')


check_all(arguments, mixed, limits, counts, shutdown, shows, who, undo, files)
