# SPDX-License-Identifier: BSD-2-Clause
"""ksem.mp in place of multiprocessing's: each way to start processes, pickles, names, workers that are killed."""
import gc
import multiprocessing
import os
import pickle
import signal
import unittest

import support
from support import Thread, in_child, waits

directory = support.private_directory()

import ksem  # noqa: E402
import ksem.mp  # noqa: E402
from ksem.mp import BoundedSemaphore, Lock, Semaphore  # noqa: E402


def names():
    return sorted(os.listdir(directory))


def post(semaphore, times):
    for _ in range(times):
        semaphore.release()


def take_and_post(limit, inside, times, results):
    for _ in range(times):
        with limit:
            inside.release()
            results.put(inside.get_value())
            inside.acquire()


def take_for_ever(semaphore, taken):
    semaphore.acquire()
    taken.release()
    signal.pause()


class Calls(unittest.TestCase):
    def test_semaphore(self):
        semaphore = Semaphore(1)
        self.assertIs(semaphore.acquire(), True)
        self.assertIs(semaphore.acquire(False), False)
        self.assertIs(semaphore.acquire(block=False, timeout=1000), False)
        self.assertIs(semaphore.acquire(True, 0.001), False)
        self.assertIs(semaphore.acquire(timeout=-1), False)
        self.assertIsNone(semaphore.release())
        semaphore.release()
        self.assertEqual(semaphore.get_value(), 2)
        self.assertEqual(repr(semaphore), "<Semaphore(value=2)>")
        with semaphore as got:
            self.assertIs(got, True)
            self.assertEqual(semaphore.get_value(), 1)
        self.assertRaises(ValueError, Semaphore, -1)

    def test_bounded(self):
        semaphore = BoundedSemaphore(2)
        self.assertRaises(ValueError, semaphore.release)
        self.assertEqual(repr(semaphore), "<BoundedSemaphore(value=2, maxvalue=2)>")
        nothing = BoundedSemaphore(0)
        self.assertEqual(nothing.get_value(), 0)
        self.assertRaises(ValueError, nothing.release)
        self.assertRaises(ValueError, BoundedSemaphore, -1)

    def test_lock(self):
        lock = Lock()
        self.assertRaises(ValueError, lock.release)
        with lock:
            self.assertFalse(lock.acquire(False))
            self.assertEqual(repr(lock), "<Lock(locked)>")
        self.assertEqual(repr(lock), "<Lock(unlocked)>")

    def test_the_same_arguments_as_multiprocessing_has(self):
        context = multiprocessing.get_context("spawn")
        for kind in (Semaphore, BoundedSemaphore):
            self.assertEqual(kind(2, ctx=context).get_value(), 2)
            self.assertEqual(kind().get_value(), 1)
        Lock(ctx=context)

    def test_a_thread_waits(self):
        semaphore = Semaphore(0)
        thread = Thread(semaphore.acquire)
        waits(semaphore.semaphore)
        semaphore.release()
        self.assertTrue(thread.join())


class Names(unittest.TestCase):
    def setUp(self):
        gc.collect()
        self.before = names()

    def test_a_name_of_its_own_goes_with_the_object(self):
        semaphore = Semaphore(3)
        self.assertEqual(len(names()), len(self.before) + 1)
        other = pickle.loads(pickle.dumps(semaphore))
        other.acquire()
        self.assertEqual(semaphore.get_value(), 2)
        del other
        self.assertEqual(len(names()), len(self.before) + 1)
        del semaphore
        self.assertEqual(names(), self.before)

    def test_a_name_of_its_own_goes_at_exit(self):
        with support.program("import ksem.mp\nkept = ksem.mp.Semaphore(3)\nprint(kept.name)") as run:
            said, errors = run.communicate(timeout=support.LIMIT)
        self.assertTrue(said.startswith("/mp-"))
        self.assertEqual((errors, names()), ("", self.before))

    def test_a_child_does_not_remove_it(self):
        semaphore = Semaphore(0)

        def child():
            nonlocal semaphore
            semaphore.release()
            del semaphore
            gc.collect()

        in_child(self, child)
        self.assertEqual(len(names()), len(self.before) + 1)
        self.assertTrue(semaphore.acquire(timeout=support.LIMIT))

    def test_a_name_that_is_gone_is_no_error(self):
        semaphore = Semaphore()
        semaphore.unlink()
        del semaphore
        self.assertEqual(names(), self.before)

    def test_unrelated_processes_meet_by_name(self):
        semaphore = BoundedSemaphore(2, name="/meet")
        try:
            with support.program("import ksem.mp\nksem.mp.BoundedSemaphore(7, name='/meet').acquire()") as run:
                self.assertEqual(run.wait(support.LIMIT), 0)
            self.assertEqual(repr(semaphore), "<BoundedSemaphore(value=1, maxvalue=2)>")
            del semaphore
            self.assertIn("meet", "".join(names()))
        finally:
            ksem.unlink("/meet")

    def test_none_changes_the_limit_of_a_name(self):
        semaphore = BoundedSemaphore(2, name="/theirs")
        self.addCleanup(semaphore.unlink)
        self.assertRaises(ValueError, BoundedSemaphore, 0, name="/theirs")
        self.assertEqual(repr(semaphore), "<BoundedSemaphore(value=2, maxvalue=2)>")

    def test_pickles(self):
        for made in (Semaphore(2), BoundedSemaphore(2), Lock()):
            found = pickle.loads(pickle.dumps(made))
            self.assertIs(type(found), type(made))
            found.acquire()
            self.assertEqual(made.semaphore.value, found.semaphore.value)
        bounded = BoundedSemaphore(2)
        self.assertRaises(ValueError, pickle.loads(pickle.dumps(bounded)).release)


class Workers:
    """The tests for one way to start processes."""

    method = ""

    def setUp(self):
        self.context = multiprocessing.get_context(self.method)

    def starts(self, function, *args):
        process = self.context.Process(target=function, args=args, daemon=True)
        process.start()
        self.addCleanup(self.ends, process)
        return process

    def ends(self, process):
        if process.is_alive():
            process.kill()
        process.join(support.LIMIT)
        process.close()

    def test_a_worker_posts(self):
        semaphore = Semaphore(0)
        worker = self.starts(post, semaphore, 3)
        for _ in range(3):
            self.assertTrue(semaphore.acquire(timeout=support.LIMIT))
        worker.join(support.LIMIT)
        self.assertEqual((worker.exitcode, semaphore.get_value()), (0, 0))

    def test_a_limit_holds(self):
        limit, inside, results = BoundedSemaphore(2), Semaphore(0), self.context.SimpleQueue()
        workers = [self.starts(take_and_post, limit, inside, 20, results) for _ in range(4)]
        most = [results.get() for _ in range(80)]
        for worker in workers:
            worker.join(support.LIMIT)
            self.assertEqual(worker.exitcode, 0)
        self.assertLessEqual(max(most), 2)
        self.assertEqual((limit.get_value(), inside.get_value()), (2, 0))

    def test_a_killed_worker(self):
        semaphore, taken = BoundedSemaphore(1, undo=True), Semaphore(0)
        worker = self.starts(take_for_ever, semaphore, taken)
        self.assertTrue(taken.acquire(timeout=support.LIMIT))
        self.assertFalse(semaphore.acquire(False))
        worker.kill()
        self.assertTrue(semaphore.acquire(timeout=support.LIMIT))
        semaphore.release()


class Fork(Workers, unittest.TestCase):
    method = "fork"


class Spawn(Workers, unittest.TestCase):
    method = "spawn"


class Forkserver(Workers, unittest.TestCase):
    method = "forkserver"


if __name__ == "__main__":
    support.main()
