#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A job runner: `ksem run` with a semaphore made with --undo, under xargs -P and under make -j. Compilers, the programs that
call them, and ksem itself are killed at random. No more jobs than permits run at any instant, all jobs that weren't killed are
done, and no permit is lost or made.

A job that begins takes a free lock, of which there are as many as permits. The kernel drops the lock when the job's process
ends, before the permit comes back. So a job that finds no lock free has a permit too many. The test is the job's program, too.
"""
import fcntl
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time

LIMIT = 3
JOBS = 24
AT_ONCE = 8
SECONDS = 0.05  # of a job where there is no compiler
SOURCE = 'int job_%s(int n) { int sum = 0; for (int i = 0; i < n; i++) sum += i * %s; return sum; }\n'


def job(work, number):
    """A program that ksem runs."""
    for slot in range(LIMIT):
        lock = open('%s/.slot%d' % (work, slot), 'w')  # not inherited, as such locks are not
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            lock.close()
    else:
        open('%s/.too_many' % work, 'w').close()
    name = '%s/.job%s' % (work, number)
    with open(name + '.c', 'w') as source:
        source.write(SOURCE % (number, number))
    if shutil.which('cc'):
        subprocess.run(['cc', '-O2', '-c', name + '.c', '-o', name + '.o'], check=True, stderr=subprocess.DEVNULL)
    else:
        time.sleep(SECONDS)
    os.rename(name + '.c', name + '.done')


if sys.argv[1] == 'job':
    job(*sys.argv[2:])
    sys.exit()

from tool_support import KSEM, WORK, check_all, does, fail, run  # noqa: E402

# LeakSanitizer has a process for its look, and waits for ever if that is killed.
os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
chance = random.Random()
ONE = [KSEM, 'run', '--name', '/jobs', '--', sys.executable, os.path.realpath(__file__), 'job', WORK]


def victims():
    """The processes of jobs, with the number of their job: of ksem, of its program, of the compiler."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            words = open('/proc/%s/cmdline' % pid, errors='replace').read().split('\0')[:-1]
        except OSError:
            continue
        if words[:1] == ['make'] or words[:1] == ['xargs'] or words[:2] == ['sh', '-c']:
            continue
        if WORK in words and words.index(WORK) + 1 < len(words):
            found.append((int(pid), words[words.index(WORK) + 1]))
        else:
            found += [(int(pid), word.rpartition('/.job')[2].split('.')[0]) for word in words
                      if word.startswith(WORK + '/.job') and word.endswith('.c')][:1]
    return found


def kill_at_random(runner):
    """Until the runner has ended. The numbers of the jobs of which a process was killed."""
    killed = set()
    while runner.poll() is None:
        time.sleep(chance.uniform(0, 0.1))
        found = victims()
        if found and len(killed) < JOBS / 3:
            pid, number = chance.choice(found)
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(number)
            except ProcessLookupError:
                pass
    return killed


def check_jobs(name, killed):
    """ksem may have been killed while its program runs on. Then that still has its permit."""
    if run('wait', '--count', str(LIMIT), '--timeout', '30', '/jobs').returncode:
        fail('%s: permits are lost: %r' % (name, run('show', '--json', '/jobs')))
    if victims():
        fail('%s: all permits are back, but jobs run: %r' % (name, victims()))
    missing = [number for number in map(str, range(JOBS)) if number not in killed and not os.path.exists('%s/.job%s.done' % (WORK, number))]
    if missing:
        fail('%s: not killed, and not done: %r of %r' % (name, missing, killed))
    if os.path.exists(WORK + '/.too_many'):
        fail('%s: more jobs than permits ran at once' % name)
    print('%s: a process of %d jobs was killed' % (name, len(killed)))
    for file in os.listdir(WORK):
        if file.startswith('.job'):
            os.remove('%s/%s' % (WORK, file))


def xargs():
    command = shlex.join(ONE) + ' "$0" 2>/dev/null; exit 0'  # xargs gives up if a command is killed
    runner = subprocess.Popen(['xargs', '-P', str(AT_ONCE), '-n', '1', 'sh', '-c', command], stdin=subprocess.PIPE, text=True)
    runner.stdin.write('\n'.join(map(str, range(JOBS))))
    runner.stdin.close()
    killed = kill_at_random(runner)
    if runner.returncode:
        fail('xargs: %d' % runner.returncode)
    check_jobs('xargs', killed)


def make():
    with open(WORK + '/.makefile', 'w') as rules:
        rules.write('all: %s\n' % ' '.join(map(str, range(JOBS))))
        rules.write('%s:\n\t@%s $@\n' % (' '.join(map(str, range(JOBS))), shlex.join(ONE)))
    runner = subprocess.Popen(['make', '-k', '-j', str(AT_ONCE), '-f', WORK + '/.makefile'], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    killed = kill_at_random(runner)
    if runner.returncode and not killed:
        fail('make: %d' % runner.returncode)
    check_jobs('make', killed)


def begin():
    seed = os.environ.get('KSEM_SEED', str(random.randrange(1 << 32)))
    print('KSEM_SEED=' + seed)
    chance.seed(seed)
    does('create', '--undo', '--limit', str(LIMIT), '/jobs')


check_all(begin, xargs, *([make] if shutil.which('make') else []))
