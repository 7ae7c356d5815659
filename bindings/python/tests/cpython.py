# SPDX-License-Identifier: BSD-2-Clause
"""CPython's own tests of its semaphores, of ksem's: those of threading, multiprocessing and asyncio.

They are in Debian's package libpython3.11-testsuite, and skipped without it.
"""
import asyncio
import multiprocessing
import unittest

import support

support.private_directory()

import ksem  # noqa: E402
import ksem.aio  # noqa: E402
import ksem.mp  # noqa: E402

try:
    from test import _test_multiprocessing, lock_tests
except ImportError:
    support.skip("no tests of CPython (Debian: libpython3.11-testsuite)")
try:
    from test.test_asyncio import test_locks
except ImportError:
    test_locks = None


class ThreadingSemaphore(lock_tests.SemaphoreTests):
    semtype = staticmethod(ksem.Semaphore)


class ThreadingBoundedSemaphore(lock_tests.BoundedSemaphoreTests):
    semtype = staticmethod(ksem.BoundedSemaphore)


class InOrder(lock_tests.BaseSemaphoreTests):
    @staticmethod
    def semtype(value=1):
        return ksem.Semaphore(value, order="fifo")


class Multiprocessing(_test_multiprocessing._TestSemaphore, unittest.TestCase):
    TYPE = "processes"
    Process = multiprocessing.Process
    Semaphore = staticmethod(ksem.mp.Semaphore)
    BoundedSemaphore = staticmethod(ksem.mp.BoundedSemaphore)


class MultiprocessingLock(_test_multiprocessing._TestLock, unittest.TestCase):
    TYPE = "processes"
    Lock = staticmethod(ksem.mp.Lock)
    test_rlock = None  # ksem.mp has no RLock


class Asyncio:
    """What asyncio's tests take for asyncio: its semaphores are ours, and the rest its own."""

    Semaphore = ksem.aio.Semaphore

    @staticmethod
    def BoundedSemaphore(value=1):
        return ksem.aio.Semaphore(value, limit=value)

    def __getattr__(self, name):
        return getattr(asyncio, name)


if test_locks:
    test_locks.asyncio = Asyncio()

    class Tasks(test_locks.SemaphoreTests):
        # These look at what is inside of asyncio's.
        test_acquire = test_acquire_cancel = test_repr = test_semaphore = None
        # A task has released and acquired again before another, which has its permit already, runs. Ours may do that.
        test_acquire_fifo_order_2 = None


if __name__ == "__main__":
    support.main()
