#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ksem metrics prints OpenMetrics text, as another's parser reads it (Debian's python3-prometheus-client): all names come
back exactly, the numbers are those of the semaphores, and text that isn't whole is no OpenMetrics. Skipped without it.

    tests/tool/tool_metrics.py KSEM"""
import json
import os
import pty
import subprocess
import sys
import time

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    print('tool_metrics: skipped: no parser (Debian: python3-prometheus-client)')
    sys.exit(77)

sys.dont_write_bytecode = True
from tool_support import KSEM, check_all, does, fail, run

TYPES = {
    'ksem_semaphore': 'info', 'ksem_value': 'gauge', 'ksem_limit': 'gauge', 'ksem_debt': 'gauge', 'ksem_waiters': 'gauge',
    'ksem_references': 'gauge', 'ksem_shut': 'gauge', 'ksem_made_timestamp_seconds': 'gauge', 'ksem_waits': 'counter',
    'ksem_wait_timeouts': 'counter', 'ksem_wait_interrupts': 'counter', 'ksem_wait_cancels': 'counter',
    'ksem_wait_shutdowns': 'counter', 'ksem_wait_max_seconds': 'gauge', 'ksem_waiters_max': 'gauge', 'ksem_wait_seconds': 'histogram',
    'ksem_held': 'gauge', 'ksem_undone': 'counter',
}
ALL = {'ksem_semaphore', 'ksem_value', 'ksem_waiters', 'ksem_references', 'ksem_shut', 'ksem_made_timestamp_seconds', 'ksem_waits'}
LIMITED = {'ksem_limit', 'ksem_debt'}
UNDO = {'ksem_held', 'ksem_undone'}
MEASURED = set(TYPES) - ALL - LIMITED - UNDO


def families_in(text):
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def families(*names):
    answer = run('metrics', *names)
    if answer.returncode or answer.stderr:
        fail('metrics %r: %r' % (names, answer))
    return families_in(answer.stdout)


def samples(found, name):
    """Of the semaphore, by the names of samples; those of buckets by their bounds."""
    return {sample.name + sample.labels.get('le', ''): sample.value
            for family in found.values() for sample in family.samples if sample.labels['name'] == name}


def families_of(found, name):
    return {family.name for family in found.values() if any(sample.labels['name'] == name for sample in family.samples)}


def none():
    """Without semaphores there are families without samples."""
    found = families()
    if {name: family.type for name, family in found.items()} != TYPES or any(family.samples for family in found.values()):
        fail('none: %r' % found)
    for name, family in found.items():
        if not family.documentation.endswith('.') or (family.unit == 'seconds') != name.endswith('_seconds'):
            fail('%s: %r' % (name, family))


def numbers():
    """A semaphore has the samples of what it was made with, and their values are right."""
    began = time.time()
    does('create', '--value', '7', '/plain')
    does('create', '--value', '1', '--limit', '5', '/limited')
    does('create', '--order', 'lifo', '--limit', '4', '--metrics', '--mode', '0640', '/all')
    run('wait', '--timeout', '0.5', '/all')
    run('wait', '--timeout', '1', '--count', '3', '/all')
    waiter = subprocess.Popen([KSEM, 'wait', '/all'], stderr=subprocess.PIPE)
    while samples(families('/all'), '/all')['ksem_waiters'] != 1:
        time.sleep(0.01)
    does('limit', '/all', '2')
    does('shutdown', '/all')
    if b'shut down' not in waiter.communicate(timeout=60)[1]:
        fail('the waiter was not shut down')
    does('limit', '/limited', '2')
    found = families()
    for name, wanted in (('/plain', ALL), ('/limited', ALL | LIMITED), ('/all', set(TYPES) - UNDO)):
        if families_of(found, name) != wanted:
            fail('%s has %r' % (name, families_of(found, name) ^ wanted))
    of_all, of_limited = samples(found, '/all'), samples(found, '/limited')
    if samples(found, '/plain')['ksem_value'] != 7 or (of_limited['ksem_value'], of_limited['ksem_debt'], of_limited['ksem_limit']) != (0, 2, 2):
        fail('values: %r' % found)
    wanted = {'ksem_value': 0, 'ksem_limit': 2, 'ksem_debt': 2, 'ksem_waiters': 0, 'ksem_references': 0, 'ksem_shut': 1, 'ksem_waits_total': 3,
              'ksem_wait_timeouts_total': 2, 'ksem_wait_interrupts_total': 0, 'ksem_wait_cancels_total': 0, 'ksem_wait_shutdowns_total': 1,
              'ksem_waiters_max': 1, 'ksem_wait_seconds_count': 3, 'ksem_wait_seconds_bucket+Inf': 3, 'ksem_semaphore_info': 1}
    got = {name: of_all[name] for name in wanted}
    if got != wanted or samples(found, '/plain')['ksem_shut'] != 0:
        fail('numbers: %r' % got)
    if not began - 1 < of_all['ksem_made_timestamp_seconds'] < time.time() + 1:
        fail('made: %r' % of_all)
    # A deadline counts from before the wait begins. So on a machine that is busy, the wait that is measured may be of any length.
    longest = of_all['ksem_wait_max_seconds']
    if not 0 < longest <= of_all['ksem_wait_seconds_sum'] <= 3 * longest:
        fail('times: %r' % of_all)
    buckets = {float(name[len('ksem_wait_seconds_bucket'):]): value for name, value in of_all.items() if '_bucket' in name}
    if len(buckets) != 28 or any((value == 3) != (upper >= longest) for upper, value in buckets.items()):
        fail('buckets: longest %r: %r' % (longest, buckets))
    facts = found['ksem_semaphore'].samples
    wanted = {'name': '/all', 'order': 'lifo', 'mode': '0640', 'uid': str(os.getuid()), 'gid': str(os.getgid()),
              'id': json.loads(run('show', '--json', '/all').stdout)['id']}
    if [s.labels for s in facts if s.labels['name'] == '/all'] != [wanted]:
        fail('facts: %r' % facts)
    shown = json.loads(run('show', '--json', '/all').stdout)['metrics']
    if (shown['waits'], shown['timeouts'], shown['shutdowns'], shown['waiters_max'], sum(shown['histogram'])) != (3, 2, 1, 1, 3):
        fail('JSON: %r' % shown)


def undo():
    """What the living hold, and what came back from the dead: of semaphores with --undo."""
    does('create', '--undo', '--limit', '5', '/unmeasured')
    does('create', '--undo', '--limit', '5', '--metrics', '/undo')
    if families_of(families('/unmeasured'), '/unmeasured') != ALL | LIMITED | {'ksem_held'}:
        fail('--undo without --metrics: %r' % families('/unmeasured'))
    if families_of(families('/undo'), '/undo') != set(TYPES):
        fail('--undo: %r' % families('/undo'))
    with subprocess.Popen([KSEM, 'run', '--name', '/undo', '--', 'sh', '-c', 'echo runs; read x'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        for undone in (0, 3): # permits count as undone when a command that lacks them has looked
            does('wait', '--count', '3', '/undo')
            of = samples(families('/undo'), '/undo')
            if (of['ksem_held'], of['ksem_undone_total'], of['ksem_value']) != (1, undone, 4):
                fail('held: %r' % of)
    of = samples(families('/undo'), '/undo')
    if (of['ksem_held'], of['ksem_value']) != (0, 5):
        fail('held after the end: %r' % of)
    does('unlink', '/unmeasured', '/undo')


def chosen():
    """Names choose semaphores; that one isn't there is said, and the others are printed."""
    found = families('/all', '/plain')
    if families_of(found, '/limited') or not families_of(found, '/all') or not families_of(found, '/plain'):
        fail('chosen: %r' % found)
    for bad, why in (('/none', b'/none: not found'), ('', b": not a name: a name is one '/' and then other bytes"),
                     ('/a\nb', b'/a\\x0ab: not found')):
        answer = run('metrics', '/plain', bad)
        if answer.returncode != 1 or answer.stderr != b'ksem: ' + why + b'\n' or \
                families_of(families_in(answer.stdout), '/plain') != ALL:
            fail('metrics of %r: %r' % (bad, answer))
    for arguments in (('/all', '/all'), ('--json', '/all'), ('--interval', '1')):
        answer = run('metrics', *arguments)
        if answer.returncode != 2 or answer.stdout or answer.stderr.count(b'\n') != 1:
            fail('metrics %r: %r' % (arguments, answer))


def names():
    """Each name comes back as it is; if it isn't UTF-8, its bytes do."""
    made = [b'/' + name for name in (
        b'a b', b'a"b', b'a\\b', b'a\nb', b'\n', b'\\n', b'\\\\n', b'"', b'\\', b'a\\', b'a"', b'{', b'}', b'a}b 1', b',', b'=', b'a="b",c="d', b' # ',
        b'# EOF', b'\n# EOF\n', b'a # {b="c"} 1', b'\x01\x1b[31m\x7f', b'\r', b'\t', b'\r\n', b'\x0b\x0c\x1c\x1d\x1e', b'\xc2\x85', b'\xe2\x80\xa8',
        'größe'.encode(), '日本'.encode(), '\U0001f600'.encode(), '\u202eabc'.encode(), b'\xff', b'a\xc3', b'\xfe', b'\xed\xa0\x80', b'n' * 254)]
    for name in made:
        does('create', '--metrics', name)
    found = families()
    for family in found.values():
        labels = [sample.labels for sample in family.samples if sample.labels.get('le') in (None, '+Inf')]
        listed = {bytes.fromhex(label['name_bytes']) if 'name_bytes' in label else label['name'].encode() for label in labels}
        if family.name not in LIMITED | UNDO and listed - {b'/plain', b'/limited', b'/all'} != set(made):
            fail('%s: other names: %r' % (family.name, listed ^ set(made)))
        for label in labels:
            if ('name_bytes' in label) != ('\ufffd' in label['name']):
                fail('bytes of %r' % label)
    for name in made:
        if len(families(name)['ksem_value'].samples) != 1:
            fail('metrics of %r: %r' % (name, families(name)))
    check_terminal()
    does('unlink', *made)


def check_terminal():
    """A terminal gets nothing that it would obey."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(KSEM, [KSEM, 'metrics'], dict(os.environ, LC_ALL='C'))
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
    text = seen.replace(b'\r\n', b'\n')
    if any(byte != 10 and not 32 <= byte < 127 for byte in text) or rb'name="/\\x01\\x1b[31m\\x7f"' not in text:
        fail('on a terminal: %r' % text)
    families_in(text)


def writing():
    """What can't be written is said; it can't be taken for whole."""
    with open('/dev/full', 'wb') as full:
        answer = run('metrics', stdout=full)
    if answer.returncode != 1 or b"can't write: No space" not in answer.stderr:
        fail('/dev/full: %r' % answer)
    text = run('metrics').stdout
    for end in (0, len(text) // 2, len(text) - len(b'# EOF\n')):
        try:
            families_in(text[:end])
        except ValueError:
            continue
        fail('%d of %d bytes pass for a whole' % (end, len(text)))


check_all(none, numbers, undo, chosen, names, writing)
