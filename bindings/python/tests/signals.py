# SPDX-License-Identifier: BSD-2-Clause
"""Signals, the GIL, and the end of the interpreter, while threads wait."""
import os
import signal
import sys
import threading
import time
import unittest

import support
from support import Thread, sleeps

support.private_directory()

import ksem  # noqa: E402


class Signals(unittest.TestCase):
    def interrupted(self, semaphore, wait, handler=signal.default_int_handler):
        """wait(), with a SIGINT as soon as it sleeps."""
        def interrupt():
            sleeps(semaphore)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        before = signal.signal(signal.SIGINT, handler)
        thread = Thread(interrupt)
        try:
            return wait()
        finally:
            thread.join()
            signal.signal(signal.SIGINT, before)

    def test_control_c_ends_a_wait(self):
        for semaphore in (ksem.Semaphore(0, metrics=True), ksem.Semaphore(0), ksem.Semaphore(0, order="fifo"),
                          ksem.Semaphore(0, name="/signals")):
            for wait in (semaphore.acquire, lambda: semaphore.acquire(timeout=support.LIMIT), semaphore.__enter__,
                         lambda: ksem.wait_any([semaphore]), lambda: ksem.wait_any([semaphore], support.LIMIT)):
                self.assertRaises(KeyboardInterrupt, self.interrupted, semaphore, wait)
                self.assertEqual((semaphore.value, semaphore.info().waiters), (0, 0))
            semaphore.release()
            self.assertTrue(semaphore.acquire(False))
        semaphore.unlink()

    def test_a_handler_that_returns_ends_no_wait(self):
        semaphore, runs = ksem.Semaphore(0), []

        def handler(number, frame):
            runs.append(number)
            semaphore.release()

        self.assertTrue(self.interrupted(semaphore, semaphore.acquire, handler))
        self.assertEqual((runs, semaphore.value), ([signal.SIGINT], 0))
        other = ksem.Semaphore(0)
        self.assertIs(self.interrupted(semaphore, lambda: ksem.wait_any([other, semaphore]), handler), semaphore)
        self.assertEqual((runs, semaphore.value), ([signal.SIGINT] * 2, 0))

    def test_a_handler_does_not_prolong_a_wait(self):
        semaphore, runs = ksem.Semaphore(0), []
        before = signal.signal(signal.SIGALRM, lambda *_: runs.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        try:
            begin = time.monotonic()
            self.assertFalse(semaphore.acquire(timeout=0.3))
            took = time.monotonic() - begin
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        self.assertTrue(runs)
        self.assertGreaterEqual(took, 0.3)
        self.assertLess(took, support.LIMIT)

    def test_a_handler_that_closes_the_semaphore(self):
        semaphore = ksem.Semaphore(0, name="/closed")
        semaphore.unlink()
        with self.assertRaises(ValueError):
            self.interrupted(semaphore, semaphore.acquire, lambda *_: semaphore.close())
        semaphore = ksem.Semaphore(0, name="/closed")
        semaphore.unlink()
        with self.assertRaisesRegex(ValueError, "closed"):
            self.interrupted(semaphore, lambda: ksem.wait_any([semaphore]), lambda *_: semaphore.close())

    def test_an_interrupt_in_a_with_gives_the_permit_back(self):
        semaphore, blocked = ksem.Semaphore(1), ksem.Semaphore(0)

        def wait():
            with semaphore:
                blocked.acquire()

        self.assertRaises(KeyboardInterrupt, self.interrupted, blocked, wait)
        self.assertEqual(semaphore.value, 1)

    def test_control_c_from_a_terminal(self):
        text = ("import ksem\nprint('waits', flush=True)\n"
                "try: ksem.Semaphore(0, name='/terminal').acquire()\nexcept KeyboardInterrupt: print('interrupted')")
        semaphore = ksem.Semaphore(0, name="/terminal")
        with support.program(text) as run:
            self.assertEqual(run.stdout.readline(), "waits\n")
            sleeps(semaphore, run.pid)
            run.send_signal(signal.SIGINT)
            said, errors = run.communicate(timeout=support.LIMIT)
        semaphore.unlink()
        self.assertEqual((said, errors, run.returncode), ("interrupted\n", "", 0))


class Gil(unittest.TestCase):
    """With a switch interval of hours, another Python thread runs only where a call releases the GIL."""

    def others_run_in(self, calls, patience):
        may_begin, ran = threading.Lock(), []
        may_begin.acquire()

        def other():
            with may_begin:
                ran.append(1)

        thread = Thread(other)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(10000)
        try:
            may_begin.release()  # from here on the other thread wants the GIL
            end = time.monotonic() + patience
            while not ran and time.monotonic() < end:
                calls()
            return bool(ran)
        finally:
            sys.setswitchinterval(interval)
            thread.join()

    def test_it_is_kept_where_a_permit_is_there(self):
        private, fifo = ksem.Semaphore(2, limit=2), ksem.Semaphore(3, order="fifo")
        shared = ksem.Semaphore(2, name="/gil")
        shared.unlink()
        empty = ksem.Semaphore(0, metrics=True)

        def calls():
            for semaphore in (private, fifo, shared):
                for _ in range(100):
                    semaphore.acquire()
                    semaphore.acquire(timeout=1)
                    semaphore.release(2)
                    with semaphore:
                        pass
                    semaphore.try_acquire(2)
                    semaphore.release(2)
                    ksem.wait_any([semaphore])
                    ksem.wait_any([semaphore], 1)
                    semaphore.release(2)
            ksem.wait_any([empty, private]).release()
            empty.acquire(False)
            empty.try_acquire()
            empty.info(), empty.metrics(), empty.value

        self.assertFalse(self.others_run_in(calls, 0.1))

    def test_it_is_released_where_a_wait_sleeps(self):
        empty = ksem.Semaphore(0)
        self.assertTrue(self.others_run_in(lambda: empty.acquire(timeout=0.02), support.LIMIT))
        self.assertTrue(self.others_run_in(lambda: ksem.wait_any([empty], 0.02), support.LIMIT))


class Ends(unittest.TestCase):
    def ends(self, text, status=0):
        with support.program(text) as run:
            said, errors = run.communicate(timeout=support.LIMIT)
        self.assertEqual((run.returncode, errors), (status, ""))
        return said

    def test_the_interpreter_ends_while_daemons_wait(self):
        for made in ("ksem.Semaphore(0)", "ksem.Semaphore(0, order='fifo')", "ksem.Semaphore(0, name='/ends')",
                     "ksem.Semaphore(0, limit=1, name='/ends-limit')"):
            self.ends(f"import ksem, threading, time\nsemaphore = {made}\n"
                      "for _ in range(5):\n"
                      "    threading.Thread(target=semaphore.acquire, daemon=True).start()\n"
                      "    threading.Thread(target=semaphore.acquire, args=(True, 0.001), daemon=True).start()\n"
                      "while semaphore.info().waiters < 5: time.sleep(0.001)\n"
                      "if semaphore.name: semaphore.unlink()\n")

    def test_the_interpreter_ends_while_tasks_wait(self):
        self.ends("import asyncio, ksem.aio\n"
                  "semaphore = ksem.aio.Semaphore(0)\n"
                  "async def main():\n"
                  "    global task\n"
                  "    task = asyncio.create_task(semaphore.acquire())\n"
                  "    await asyncio.sleep(0)\n"
                  "    await asyncio.sleep(0)\n"
                  "    assert semaphore.info().waiters == 1\n"
                  "asyncio.run(main())\n")

    def test_a_permit_comes_as_the_interpreter_ends(self):
        self.ends("import atexit, ksem, threading, time\nsemaphore = ksem.Semaphore(0)\n"
                  "for _ in range(5): threading.Thread(target=semaphore.acquire, daemon=True).start()\n"
                  "while semaphore.info().waiters < 5: time.sleep(0.001)\n"
                  "atexit.register(semaphore.release, 5)\n")


if __name__ == "__main__":
    support.main()
