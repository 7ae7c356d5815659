# SPDX-License-Identifier: BSD-2-Clause
"""What the tests have in common. Each test is a program, and Meson says where the package is (PYTHONPATH)."""
import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

LIMIT = 60  # seconds for what should take none


def private_directory():
    """Semaphores of this test are in a directory of its own, which goes at its end. Its children have the same."""
    made = os.environ.get("KSEM_PYTHON_TEST")
    if made is None:
        made = tempfile.mkdtemp(prefix="ksem-python-", dir=os.environ.get("KSEM_TEST_SHM", "/dev/shm"))
        os.environ["KSEM_PYTHON_TEST"] = os.environ["KSEM_DIR"] = made
        atexit.register(remove, made, os.getpid())
    return made


def remove(directory, maker):
    if os.getpid() == maker:
        shutil.rmtree(directory, ignore_errors=True)


def skip(why):
    """Ends a program whose tests can't run here, as Meson knows it."""
    print(f"skipped: {why}")
    sys.exit(77)


def until(condition, what="it"):
    """Waits for what another thread or process does."""
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} didn't happen in {LIMIT} seconds")
        time.sleep(0.001)


def waits(semaphore, count=1):
    """Until that many waiters are in line."""
    until(lambda: semaphore.info().waiters >= count, f"{count} waiters")


def sleeps(semaphore, process=None):
    """Until the main thread of the process, by default this one, waits and sleeps: a signal then ends its sleep.

    A signal that comes a few microseconds earlier doesn't; its handler runs when the wait ends.
    """
    process = process or os.getpid()
    waits(semaphore)

    def asleep():
        with open(f"/proc/{process}/task/{process}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "S"

    until(asleep, "the sleep")


class Thread(threading.Thread):
    """A daemon, so that a test that fails doesn't hang; join() raises what the function raised."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args = function, args
        self.result = self.error = None
        self.start()

    def run(self):
        try:
            self.result = self.function(*self.args)
        except BaseException as error:
            self.error = error

    def join(self, timeout=LIMIT):
        super().join(timeout)
        if self.is_alive():
            raise AssertionError("the thread didn't end")
        if self.error is not None:
            raise self.error
        return self.result


@contextlib.contextmanager
def program(text, *args):
    """Another Python runs that text; it is killed at the end, if it still runs."""
    run = subprocess.Popen([sys.executable, "-c", text, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def in_child(test, function):
    """Runs the function in a child of fork(), and tells the test how that ended."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException as error:
            print(f"in the child: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    end = time.monotonic() + LIMIT
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.kill(child, 9)
            os.waitpid(child, 0)
            test.fail("the child didn't end")
        time.sleep(0.001)
    test.assertEqual(os.waitstatus_to_exitcode(status), 0)


def main():
    unittest.main(verbosity=1)
