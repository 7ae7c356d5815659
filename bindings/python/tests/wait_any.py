# SPDX-License-Identifier: BSD-2-Clause
"""ksem.wait_any: a permit of one of several semaphores."""
import errno
import tempfile
import time
import unittest
import weakref
from unittest import mock

import support
from support import Thread, in_child, waits

directory = support.private_directory()

import ksem  # noqa: E402


class Takes(unittest.TestCase):
    def test_the_first_that_has_a_permit(self):
        empty, one, two = ksem.Semaphore(0), ksem.Semaphore(1), ksem.Semaphore(2, limit=2)
        self.assertIs(ksem.wait_any([empty, two, one]), two)
        self.assertIs(ksem.wait_any((empty, one, two), timeout=0), one)
        self.assertIs(ksem.wait_any(iter([empty, one, two]), 5), two)
        self.assertEqual((empty.value, one.value, two.value), (0, 0, 0))

    def test_it_waits_for_any(self):
        for order in ("barging", "fifo", "lifo"):
            semaphores = [ksem.Semaphore(0, order=order) for _ in range(3)]
            for semaphore in semaphores:
                thread = Thread(lambda: ksem.wait_any(semaphores))
                for each in semaphores:
                    waits(each)
                self.assertTrue(thread.is_alive())
                semaphore.release()
                self.assertIs(thread.join(), semaphore)
                self.assertEqual([each.value for each in semaphores], [0, 0, 0])

    def test_one_of_one_and_one_that_is_there_twice(self):
        semaphore = ksem.Semaphore(2)
        self.assertIs(ksem.wait_any([semaphore]), semaphore)
        self.assertIs(ksem.wait_any([semaphore, semaphore]), semaphore)
        thread = Thread(lambda: ksem.wait_any([semaphore] * 64, timeout=support.LIMIT))
        waits(semaphore)
        semaphore.release()
        self.assertIs(thread.join(), semaphore)
        self.assertEqual(semaphore.value, 0)

    def test_the_time_passes(self):
        semaphores = [ksem.Semaphore(0), ksem.Semaphore(0, metrics=True)]
        begin = time.monotonic()
        self.assertIsNone(ksem.wait_any(semaphores, timeout=0.05))
        self.assertGreaterEqual(time.monotonic() - begin, 0.05)
        for timeout in (0, -1, float("-inf")):
            self.assertIsNone(ksem.wait_any(semaphores, timeout))
        self.assertEqual([one.info().waiters for one in semaphores], [0, 0])
        for timeout in (1e300, float("inf"), None):
            semaphores[1].release()
            self.assertIs(ksem.wait_any(semaphores, timeout), semaphores[1])

    def test_subclasses_are_semaphores(self):
        bounded = ksem.BoundedSemaphore(1)
        self.assertIs(ksem.wait_any([ksem.Semaphore(0), bounded]), bounded)

    def test_threads_that_wait_share_what_is_released(self):
        semaphores = [ksem.Semaphore(0), ksem.Semaphore(0, order="fifo")]
        threads = [Thread(lambda: [ksem.wait_any(semaphores) for _ in range(100)]) for _ in range(4)]
        for _ in range(200):
            for semaphore in semaphores:
                semaphore.release()
        for thread in threads:
            self.assertEqual(len(thread.join()), 100)
        self.assertEqual([one.value for one in semaphores], [0, 0])


class Fails(unittest.TestCase):
    def test_wrong_arguments(self):
        semaphore = ksem.Semaphore(1)
        for wrong in ([], [semaphore] * 65):
            with self.assertRaisesRegex(ValueError, "1 to 64"):
                ksem.wait_any(wrong)
        pretends = mock.Mock(spec=semaphore)
        self.assertIsInstance(pretends, ksem.Semaphore)
        for wrong in (semaphore, None, 1, [None], [semaphore, "text"], [weakref.proxy(semaphore)], [pretends]):
            self.assertRaises(TypeError, ksem.wait_any, wrong)
        self.assertRaises(ValueError, ksem.wait_any, [semaphore], float("nan"))
        self.assertRaises(TypeError, ksem.wait_any, [semaphore], "1")
        self.assertRaises(TypeError, ksem._ksem.wait_any, [semaphore])

        def raises():
            yield semaphore
            raise KeyError

        self.assertRaises(KeyError, ksem.wait_any, raises())
        self.assertEqual(semaphore.value, 1)

    def test_a_closed_one(self):
        closed, semaphore = ksem.Semaphore(1), ksem.Semaphore(1)
        closed.close()
        self.assertRaisesRegex(ValueError, "closed", ksem.wait_any, [semaphore, closed])
        self.assertEqual(semaphore.value, 1)

    def test_semaphores_of_several_places(self):
        with tempfile.TemporaryDirectory(dir=directory) as other:
            private, shared = ksem.Semaphore(1), ksem.Semaphore(1, name="/place")
            elsewhere = ksem.Semaphore(1, name="/place", dir=other)
            shared.unlink()
            for wrong in ([private, shared], [shared, private], [shared, elsewhere]):
                with self.assertRaisesRegex(ValueError, "one directory"):
                    ksem.wait_any(wrong)
            self.assertEqual((private.value, shared.value, elsewhere.value), (1, 1, 1))

    def test_shutdown(self):
        semaphores = [ksem.Semaphore(0), ksem.Semaphore(0), ksem.Semaphore(0)]
        thread = Thread(lambda: ksem.wait_any(semaphores))
        waits(semaphores[2])
        semaphores[1].shutdown()
        with self.assertRaises(ksem.Shutdown) as caught:
            thread.join()
        self.assertIs(caught.exception.semaphore, semaphores[1])
        self.assertEqual(caught.exception.errno, errno.ESHUTDOWN)
        for timeout in (0, None):
            self.assertRaises(ksem.Shutdown, ksem.wait_any, semaphores, timeout)
        semaphores[2].release()
        self.assertIs(ksem.wait_any(semaphores), semaphores[2])
        with self.assertRaises(ksem.Shutdown) as caught:
            semaphores[1].acquire()
        self.assertIsNone(caught.exception.semaphore)


class Shared(unittest.TestCase):
    def setUp(self):
        self.semaphores = [ksem.Semaphore(0, name="/urgent"), ksem.Semaphore(0, name="/normal", order="fifo"),
                           ksem.Semaphore(limit=1, undo=True, name="/undo")]
        for semaphore in self.semaphores:
            self.addCleanup(semaphore.unlink)

    def test_another_process_releases(self):
        urgent, normal, undo = self.semaphores
        self.assertIs(ksem.wait_any(self.semaphores), undo)
        thread = Thread(lambda: ksem.wait_any(self.semaphores))
        waits(normal)
        in_child(self, normal.release)
        self.assertIs(thread.join(), normal)
        undo.release()

    def test_a_holder_is_killed(self):
        text = ("import ksem\nsemaphore = ksem.Semaphore(name='/undo', create=False)\nksem.wait_any([semaphore])\n"
                "print('taken', flush=True)\nksem.Semaphore(0).acquire()")
        with support.program(text) as run:
            self.assertEqual(run.stdout.readline(), "taken\n")
            self.assertIsNone(ksem.wait_any(self.semaphores, timeout=0))
            thread = Thread(lambda: ksem.wait_any(self.semaphores, support.LIMIT))
            waits(self.semaphores[2])
            run.kill()
            self.assertIs(thread.join(), self.semaphores[2])
        self.semaphores[2].release()  # whichever thread took it

    def test_a_child_of_fork_waits(self):
        urgent = self.semaphores[0]
        urgent.release()

        def child():
            assert ksem.wait_any(self.semaphores) is urgent

        in_child(self, child)
        self.assertEqual(urgent.value, 0)


if __name__ == "__main__":
    support.main()
