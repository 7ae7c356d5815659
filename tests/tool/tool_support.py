# SPDX-License-Identifier: BSD-2-Clause
"""For tests of ksem(1): runs the program that the first argument names, in a directory of the test's own."""
import os
import random
import shutil
import subprocess
import sys
import tempfile

KSEM = os.path.realpath(sys.argv[1])
WORK = tempfile.mkdtemp(prefix='ksem-tool-', dir=os.environ.get('KSEM_TEST_SHM', '/dev/shm'))
os.environ['KSEM_DIR'] = WORK
_failed = False


def fail(what):
    global _failed
    _failed = True
    print('FAILED:', what)


def run(*arguments, **more):
    """Its answer; of bytes, unless text=True."""
    more.setdefault('stdout', subprocess.PIPE)
    more.setdefault('stderr', subprocess.PIPE)
    return subprocess.run([KSEM, *arguments], timeout=60, **more)


def share_of(things):
    """All if KSEM_TEST_WIDE is set, else each fourth, of a sanitized ksem each sixteenth: which of them is by chance."""
    share = 16 if 'KSEM_TEST_SANITIZED' in os.environ else 4
    return things if 'KSEM_TEST_WIDE' in os.environ else things[random.randrange(share)::share]


def does(*arguments, prints=b''):
    """It succeeds, and prints that."""
    answer = run(*arguments)
    if answer.returncode or answer.stdout != prints or answer.stderr:
        fail('%r: %r' % (arguments, answer))


def check_all(*checks):
    """Does all of them, and ends the test."""
    try:
        for check in checks:
            check()
    finally:
        shutil.rmtree(WORK)
    sys.exit(_failed)
