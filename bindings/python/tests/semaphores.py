# SPDX-License-Identifier: BSD-2-Clause
"""ksem.Semaphore: each call, each argument, each exception; private and shared, between threads and processes."""
import copy
import errno
import os
import pickle
import sys
import tempfile
import time
import unittest

import support
from support import Thread, in_child, waits

directory = support.private_directory()

import ksem  # noqa: E402


class Arguments(unittest.TestCase):
    def test_defaults(self):
        semaphore = ksem.Semaphore()
        self.assertEqual(semaphore.value, 1)
        self.assertIsNone(semaphore.name)
        self.assertIsNone(semaphore.dir)
        info = semaphore.info()
        self.assertEqual((info.limit, info.order, info.undo, info.metrics, info.shutdown),
                         (2 ** 32 - 1, "barging", False, False, False))

    def test_the_value_is_the_limit_if_not_given(self):
        self.assertEqual(ksem.Semaphore(limit=7).value, 7)

    def test_wrong_values(self):
        for value in (-1, -sys.maxsize, 2 ** 32, 10 ** 30, -(10 ** 30)):
            with self.assertRaises(ValueError):
                ksem.Semaphore(value)
        for value in ("1", 1.5, b"", object()):
            with self.assertRaises(TypeError):
                ksem.Semaphore(value)

    def test_wrong_limits_and_orders(self):
        for limit in (0, -1, 2 ** 32):
            with self.assertRaises(ValueError):
                ksem.Semaphore(1, limit=limit)
        with self.assertRaisesRegex(ValueError, "over the limit"):
            ksem.Semaphore(3, limit=2)
        with self.assertRaisesRegex(ValueError, "barging, fifo, lifo"):
            ksem.Semaphore(order="random")
        with self.assertRaises(ValueError):
            ksem.Semaphore(order="fifo", limit=2 ** 32 - 1)  # over what that order allows

    def test_undo_needs_a_limit(self):
        with self.assertRaises(ValueError):
            ksem.Semaphore(1, undo=True, name="/undo")
        with self.assertRaises(ValueError):
            ksem.Semaphore(1, limit=2, undo=True, name="/undo")
        with self.assertRaises(ValueError):
            ksem.Semaphore(1, undo=True)
        sem = ksem.Semaphore(limit=2, undo=True)
        with sem:
            self.assertEqual(sem.info().held, 1)
            self.assertRaises(PermissionError, sem.release, 2)

    def test_only_a_name_can_be_found(self):
        with self.assertRaises(ValueError):
            ksem.Semaphore(create=False)
        with self.assertRaises(ValueError):
            ksem.Semaphore(name="/name", create=False, exclusive=True)

    def test_a_failed_init_leaves_an_object_that_is_closed(self):
        semaphore = ksem.Semaphore.__new__(ksem.Semaphore)
        for call in (semaphore.acquire, semaphore.release, semaphore.try_acquire, semaphore.shutdown, semaphore.info,
                     semaphore.metrics, semaphore.__enter__, semaphore.__exit__, lambda: semaphore.value,
                     lambda: semaphore.set_limit(1), lambda: semaphore.try_acquire_upto(1)):
            self.assertRaisesRegex(ValueError, "closed", call)
        semaphore.close()

    def test_no_second_init(self):
        semaphore = ksem.Semaphore(4)
        with self.assertRaises(RuntimeError):
            semaphore.__init__(5)
        self.assertEqual(semaphore.value, 4)

    def test_counts(self):
        semaphore = ksem.Semaphore(1)
        for count in (0, -1, 2 ** 32, 10 ** 30):
            for call in (semaphore.release, semaphore.try_acquire, semaphore.try_acquire_upto,
                         lambda count: semaphore.acquire(count=count)):
                with self.assertRaises(ValueError):
                    call(count)
        self.assertEqual(semaphore.value, 1)

    def test_more_than_the_limit_can_never_be_had(self):
        semaphore = ksem.Semaphore(limit=2)
        for call in (lambda: semaphore.acquire(count=3), lambda: semaphore.try_acquire(3),
                     lambda: semaphore.try_acquire_upto(3), lambda: semaphore.acquire(False, count=3)):
            self.assertRaisesRegex(ValueError, "limit", call)
        self.assertEqual(semaphore.value, 2)

    def test_timeouts(self):
        semaphore = ksem.Semaphore(0)
        for timeout in (0, -1, -1e300, 0.0, 1e-12, float("-inf")):
            self.assertFalse(semaphore.acquire(timeout=timeout))
        for timeout in (float("nan"),):
            with self.assertRaises(ValueError):
                semaphore.acquire(timeout=timeout)
        for timeout in ("1", [], object()):
            with self.assertRaises(TypeError):
                semaphore.acquire(timeout=timeout)
        with self.assertRaises(ValueError):
            semaphore.acquire(False, 1)
        semaphore.release(3)
        for timeout in (1e300, float("inf"), 2 ** 62):
            self.assertTrue(semaphore.acquire(timeout=timeout))

    def test_a_timeout_takes_as_long_as_it_says(self):
        semaphore = ksem.Semaphore(0)
        begin = time.monotonic()
        self.assertFalse(semaphore.acquire(timeout=0.05))
        self.assertGreaterEqual(time.monotonic() - begin, 0.05)


class Private(unittest.TestCase):
    def test_acquire_and_release(self):
        semaphore = ksem.Semaphore(2)
        self.assertIs(semaphore.acquire(), True)
        self.assertIs(semaphore.acquire(), True)
        self.assertIs(semaphore.acquire(False), False)
        self.assertIs(semaphore.try_acquire(), False)
        self.assertIsNone(semaphore.release(2))
        self.assertIs(semaphore.try_acquire(2), True)

    def test_upto(self):
        semaphore = ksem.Semaphore(3)
        self.assertEqual([semaphore.try_acquire_upto(2) for _ in range(3)], [2, 1, 0])

    def test_several_permits_come_at_one_instant(self):
        semaphore = ksem.Semaphore(0)
        thread = Thread(lambda: semaphore.acquire(count=3))
        waits(semaphore)
        semaphore.release(2)
        self.assertEqual(semaphore.value, 2)
        self.assertTrue(thread.is_alive())
        semaphore.release()
        self.assertTrue(thread.join())
        self.assertEqual(semaphore.value, 0)

    def test_with(self):
        semaphore = ksem.Semaphore(5)
        with semaphore:
            with semaphore.permits(3):
                self.assertEqual(semaphore.value, 1)
                with self.assertRaises(TimeoutError):
                    with semaphore.permits(2, timeout=0.001):
                        self.fail("no permits")
                self.assertEqual(semaphore.value, 1)
        self.assertEqual(semaphore.value, 5)

    def test_an_exception_gives_the_permits_back(self):
        semaphore = ksem.Semaphore(5)
        for held in (semaphore, semaphore.permits(4)):
            with self.assertRaises(KeyError):
                with held:
                    raise KeyError
            self.assertEqual(semaphore.value, 5)

    def test_the_limit(self):
        semaphore = ksem.Semaphore(1, limit=2)
        semaphore.release()
        with self.assertRaises(ksem.LimitReached) as caught:
            semaphore.release()
        self.assertIsInstance(caught.exception, ValueError)
        self.assertIsInstance(caught.exception, OSError)
        self.assertEqual(caught.exception.errno, errno.EOVERFLOW)
        semaphore.set_limit(5)
        self.assertEqual((semaphore.value, semaphore.info().limit), (5, 5))
        self.assertTrue(semaphore.acquire(count=5))
        for wrong in (-1, 2 ** 32):
            with self.assertRaises(ValueError):
                semaphore.set_limit(wrong)
        with self.assertRaisesRegex(ValueError, "without a limit"):
            ksem.Semaphore(1).set_limit(2)
        self.assertRaises(ksem.LimitReached, ksem.Semaphore(2 ** 32 - 1).release)

    def test_a_bounded_one(self):
        semaphore = ksem.BoundedSemaphore(2)
        self.assertRaises(ValueError, semaphore.release)
        with semaphore:
            self.assertEqual(semaphore.value, 1)
        nothing = ksem.BoundedSemaphore(0)
        self.assertEqual(nothing.value, 0)
        self.assertRaises(ValueError, nothing.release)
        self.assertFalse(nothing.acquire(False))
        self.assertRaises(ValueError, ksem.BoundedSemaphore, 0, name="/bounded")
        self.assertRaises(ValueError, ksem.BoundedSemaphore, -1)

    def test_first_in_first_out(self):
        semaphore, served = ksem.Semaphore(0, order="fifo"), []
        threads = []
        for number in range(4):
            threads.append(Thread(lambda number=number: semaphore.acquire() and served.append(number)))
            waits(semaphore, number + 1)
        for number in range(4):
            semaphore.release()
            support.until(lambda: len(served) == number + 1)
        for thread in threads:
            thread.join()
        self.assertEqual(served, [0, 1, 2, 3])

    def test_shutdown(self):
        semaphore = ksem.Semaphore(0, metrics=True)
        threads = [Thread(semaphore.acquire) for _ in range(3)]
        waits(semaphore, 3)
        semaphore.shutdown()
        semaphore.shutdown()
        for thread in threads:
            with self.assertRaises(ksem.Shutdown) as caught:
                thread.join()
            self.assertEqual(caught.exception.errno, errno.ESHUTDOWN)
        self.assertRaises(ksem.Shutdown, semaphore.acquire)
        self.assertRaises(ksem.Shutdown, semaphore.__enter__)
        self.assertRaises(ksem.Shutdown, semaphore.permits(2).__enter__)
        self.assertFalse(semaphore.try_acquire())
        self.assertTrue(semaphore.info().shutdown)
        self.assertEqual(semaphore.metrics().shutdowns, 3)
        semaphore.release()
        self.assertTrue(semaphore.acquire())

    def test_metrics(self):
        semaphore = ksem.Semaphore(0, metrics=True)
        self.assertFalse(semaphore.acquire(timeout=0.5))  # a wait isn't measured from its very beginning
        metrics = semaphore.metrics()
        self.assertEqual((metrics.waits, metrics.timeouts, metrics.waiters_max), (1, 1, 1))
        self.assertGreaterEqual(metrics.wait_ns, 10 ** 7)
        self.assertEqual(metrics.wait_max_ns, metrics.wait_ns)
        self.assertEqual((len(metrics.histogram), sum(metrics.histogram)), (64, 1))
        with self.assertRaises(OSError) as caught:
            ksem.Semaphore().metrics()
        self.assertEqual(caught.exception.errno, errno.ENOTSUP)

    def test_close(self):
        semaphore = ksem.Semaphore(0)
        thread = Thread(semaphore.acquire)
        waits(semaphore)
        with self.assertRaises(OSError) as caught:
            semaphore.close()
        self.assertEqual(caught.exception.errno, errno.EBUSY)
        semaphore.release()
        self.assertTrue(thread.join())
        support.until(lambda: semaphore.info().waiters == 0)
        semaphore.close()
        semaphore.close()
        self.assertTrue(semaphore.closed)
        self.assertIn("closed", repr(semaphore))
        self.assertRaisesRegex(ValueError, "closed", semaphore.acquire)
        self.assertRaisesRegex(ValueError, "closed", semaphore.release)

    def test_repr(self):
        self.assertRegex(repr(ksem.Semaphore(3)), r"^<ksem\.Semaphore at 0x[0-9a-f]+: value=3>$")
        self.assertRegex(repr(ksem.BoundedSemaphore(3)), r"^<ksem\.BoundedSemaphore at 0x[0-9a-f]+: value=3/3>$")

    def test_it_cannot_leave_the_process(self):
        self.assertRaises(TypeError, pickle.dumps, ksem.Semaphore())
        self.assertRaises(ValueError, ksem.Semaphore().unlink)

    def test_a_child_of_fork_has_its_own(self):
        semaphore = ksem.Semaphore(2)

        def child():
            assert semaphore.acquire(count=2) and not semaphore.acquire(timeout=0.001)
            Thread(lambda: semaphore.release()).join()
            assert semaphore.acquire()

        in_child(self, child)
        self.assertEqual(semaphore.value, 2)

    def test_a_fork_while_threads_wait(self):
        semaphore = ksem.Semaphore(0, order="fifo")
        threads = [Thread(semaphore.acquire) for _ in range(3)]
        waits(semaphore, 3)

        def child():
            semaphore.release()
            assert semaphore.acquire(timeout=support.LIMIT)

        in_child(self, child)
        semaphore.release(3)
        self.assertTrue(all(thread.join() for thread in threads))

    def test_many_threads(self):
        semaphore, inside, most = ksem.Semaphore(3, limit=3), [], []

        def work():
            for _ in range(300):
                with semaphore.permits(2):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                with semaphore:
                    pass

        threads = [Thread(work) for _ in range(16)]
        for thread in threads:
            thread.join()
        self.assertEqual((semaphore.value, max(most)), (3, 1))


class Shared(unittest.TestCase):
    name = "/shared"

    def tearDown(self):
        for name in (self.name, "/other"):
            try:
                ksem.unlink(name)
            except FileNotFoundError:
                pass

    def test_two_objects_of_one_name(self):
        one, two = ksem.Semaphore(3, name=self.name), ksem.Semaphore(9, name=self.name)
        self.assertEqual(one.info().id, two.info().id)
        with one:
            self.assertEqual(two.value, 2)
        one.close()
        self.assertRaises(ValueError, one.release)
        self.assertEqual(two.value, 3)
        self.assertEqual(two.info().refs, 1)

    def test_what_opening_answers(self):
        with self.assertRaises(FileNotFoundError) as caught:
            ksem.Semaphore(name=self.name, create=False)
        self.assertEqual(caught.exception.filename, self.name)
        semaphore = ksem.Semaphore(name=self.name, exclusive=True)
        self.assertRaises(FileExistsError, ksem.Semaphore, name=self.name, exclusive=True)
        self.assertEqual(ksem.Semaphore(name=self.name, create=False).info().id, semaphore.info().id)
        semaphore.unlink()
        self.assertRaises(FileNotFoundError, semaphore.unlink)
        self.assertTrue(semaphore.acquire())
        for name in ("", "pool", "/", "/a/b", "/nu\0ll"):
            with self.assertRaises(ValueError):
                ksem.Semaphore(name=name)
        with self.assertRaises(OSError) as caught:
            ksem.Semaphore(name="/" + "x" * 255)
        self.assertEqual(caught.exception.errno, errno.ENAMETOOLONG)
        self.assertRaises(TypeError, ksem.Semaphore, name=7)

    def test_the_mode(self):
        self.assertEqual(ksem.Semaphore(name=self.name, mode=0o640).info().mode, 0o640)
        self.assertEqual(ksem.Semaphore(name="/other").info().mode, 0o600)
        for mode in (-1, 0o1000, 2 ** 40 + 0o640):
            with self.assertRaisesRegex(ValueError, "mode"):
                ksem.Semaphore(name="/third", mode=mode)
        with self.assertRaises(TypeError):
            ksem.Semaphore(name="/third", mode="640")

    def test_directories(self):
        with tempfile.TemporaryDirectory(dir=directory) as one, tempfile.TemporaryDirectory(dir=directory) as two:
            first = ksem.Semaphore(1, name=self.name, dir=one)
            second = ksem.Semaphore(2, name=self.name, dir=two)
            again = ksem.Semaphore(3, name=self.name, dir=os.path.join(one, "..", os.path.basename(one)))
            self.assertEqual((first.value, second.value, again.value), (1, 2, 1))
            self.assertEqual(first._place, again._place)
            self.assertNotEqual(first._place, second._place)
            self.assertEqual(first.dir, one)
            ksem.unlink(self.name, os.fsencode(one))
            self.assertEqual((os.listdir(one), len(os.listdir(two))), ([], 1))
            second.unlink()
            nameless = ksem.Semaphore(1, dir=one)
            in_child(self, lambda: nameless.release(2))
            self.assertEqual(nameless.value, 3)
        for missing in ("/nowhere/at/all", b"/nowhere"):
            with self.assertRaises(FileNotFoundError) as caught:
                ksem.Semaphore(name=self.name, dir=missing)
            self.assertEqual(caught.exception.filename, os.fsdecode(missing))
        self.assertRaises(NotADirectoryError, ksem.Semaphore, name=self.name, dir=__file__)

    def test_no_default_directory(self):
        with support.program("import ksem\ntry: ksem.Semaphore(name='/name')\nexcept OSError as error: print(error)") as run:
            said, errors = run.communicate(timeout=support.LIMIT)
        self.assertEqual((said, errors), ("", ""))
        environment = dict(os.environ, KSEM_DIR="/dev/null")
        import subprocess
        said = subprocess.run([sys.executable, "-c", "import ksem\nksem.Semaphore(name='/name')"], env=environment,
                              stderr=subprocess.PIPE, text=True, timeout=support.LIMIT).stderr
        self.assertIn("OSError: the default directory of semaphores can't be opened", said)

    def test_pickle_and_copy(self):
        semaphore = ksem.Semaphore(3, name=self.name)
        for other in (pickle.loads(pickle.dumps(semaphore)), copy.copy(semaphore)):
            self.assertEqual(type(other), ksem.Semaphore)
            with other:
                self.assertEqual(semaphore.value, 2)
        bounded = ksem.BoundedSemaphore(2, name="/other")
        self.assertRaises(ValueError, pickle.loads(pickle.dumps(bounded)).release)
        text = pickle.dumps(semaphore)
        semaphore.unlink()
        self.assertRaises(FileNotFoundError, pickle.loads, text)

    def test_between_processes(self):
        go, done = ksem.Semaphore(0, name=self.name), ksem.Semaphore(0, name="/other")
        with support.program("import ksem\nwith ksem.Semaphore(name='/shared', create=False):\n"
                             "    ksem.Semaphore(name='/other').release(3)") as run:
            waits(go)
            self.assertFalse(done.try_acquire())
            go.release()
            self.assertTrue(all(done.acquire(timeout=support.LIMIT) for _ in range(3)))
            self.assertEqual(run.wait(support.LIMIT), 0)

    def test_forked(self):
        semaphore = ksem.Semaphore(0, name=self.name)
        in_child(self, lambda: semaphore.release(2))
        self.assertTrue(semaphore.acquire(count=1, timeout=support.LIMIT))
        self.assertEqual(semaphore.value, 1)

    def test_permits_of_the_dead_come_back(self):
        semaphore = ksem.Semaphore(limit=2, undo=True, name=self.name)
        text = ("import ksem\nsemaphore = ksem.Semaphore(name='/shared', create=False)\n"
                "semaphore.acquire(count=2)\nprint('taken', flush=True)\nksem.Semaphore(0).acquire()")
        with support.program(text) as run:
            self.assertEqual(run.stdout.readline(), "taken\n")
            self.assertFalse(semaphore.try_acquire())
            self.assertEqual(semaphore.info().held, 2)
            run.kill()
            self.assertTrue(semaphore.acquire(timeout=support.LIMIT, count=2))
        semaphore.release(2)
        with self.assertRaises(PermissionError) as caught:
            semaphore.release()
        self.assertIn("fewer permits", str(caught.exception))

    def test_shutdown(self):
        semaphore = ksem.Semaphore(1, name=self.name)
        thread = Thread(lambda: semaphore.acquire(count=2))
        waits(semaphore)
        ksem.Semaphore(name=self.name).shutdown()
        self.assertRaises(ksem.Shutdown, thread.join)
        self.assertTrue(semaphore.acquire())

    def test_holders(self):
        semaphore = ksem.Semaphore(limit=3, undo=True, name=self.name)
        semaphore.acquire(count=2)
        [holder] = semaphore.holders()
        self.assertEqual((holder.pid, holder.refs, holder.held, holder.waiting), (os.getpid(), 1, 2, 0))
        semaphore.release(2)


if __name__ == "__main__":
    support.main()
