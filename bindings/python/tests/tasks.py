# SPDX-License-Identifier: BSD-2-Clause
"""ksem.aio: tasks wait, are cancelled, time out, and share with threads; no permit is lost, and none is made."""
import asyncio
import errno
import gc
import os
import random
import time
import unittest
import weakref
from unittest import mock

import support
from support import Thread, in_child

support.private_directory()

import ksem  # noqa: E402
import ksem.aio  # noqa: E402
from ksem.aio import Semaphore  # noqa: E402


def queue_works(**arguments):
    """Whether the library has completion queues for such semaphores; those with a limit or an order it always has."""
    semaphore = Semaphore(0, **arguments)
    try:
        asyncio.run(semaphore.acquire(timeout=0))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return False
    finally:
        if semaphore.semaphore.name:
            semaphore.unlink()
    return True


async def until_waiters(semaphore, count):
    end = time.monotonic() + support.LIMIT
    while semaphore.info().waiters != count:
        if time.monotonic() > end:
            raise AssertionError(f"{semaphore.info().waiters} waiters, not {count}")
        await asyncio.sleep(0)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


class Tasks(unittest.TestCase):
    arguments = {"order": "fifo"}

    def make(self, value, **others):
        made = Semaphore(value, **{**self.arguments, **others})
        if made.semaphore.name:
            made.unlink()
        return made

    def run_in_loop(self, main):
        return asyncio.run(asyncio.wait_for(main(), support.LIMIT), debug=True)

    def test_acquire_and_release(self):
        async def main():
            semaphore = self.make(1)
            self.assertFalse(semaphore.locked())
            self.assertIs(await semaphore.acquire(), True)
            self.assertTrue(semaphore.locked())
            self.assertIs(await semaphore.acquire(timeout=0), False)
            self.assertIs(await semaphore.acquire(timeout=0.01), False)
            task = asyncio.create_task(semaphore.acquire())
            await until_waiters(semaphore, 1)
            semaphore.release()
            self.assertIs(await task, True)
            self.assertEqual((semaphore.value, semaphore.info().waiters), (0, 0))

        self.run_in_loop(main)

    def test_async_with(self):
        async def main():
            semaphore = self.make(3, limit=3)
            async with semaphore as same:
                self.assertIs(same, semaphore)
                async with semaphore.permits(2):
                    self.assertEqual(semaphore.value, 0)
                    with self.assertRaises(TimeoutError):
                        async with semaphore.permits(timeout=0.001):
                            self.fail("no permits")
            self.assertEqual(semaphore.value, 3)
            with self.assertRaises(KeyError):
                async with semaphore.permits(3):
                    raise KeyError
            self.assertEqual(semaphore.value, 3)

        self.run_in_loop(main)

    def test_several_permits_in_order(self):
        async def main():
            semaphore, served = self.make(0, order="fifo"), []

            async def work(number):
                async with semaphore.permits(2):
                    served.append(number)

            tasks = []
            for number in range(5):
                tasks.append(asyncio.create_task(work(number)))
                await until_waiters(semaphore, number + 1)
            semaphore.release(2)
            await asyncio.gather(*tasks)
            self.assertEqual((served, semaphore.value), ([0, 1, 2, 3, 4], 2))

        self.run_in_loop(main)

    def test_wrong_arguments(self):
        async def main():
            semaphore = self.make(2, limit=2)
            for count in (0, -1, 2 ** 32, 3):
                with self.assertRaises(ValueError):
                    await semaphore.acquire(count)
            await semaphore.acquire(2)
            for count in (0, -1, 2 ** 32, 3):
                with self.assertRaises(ValueError):
                    await semaphore.acquire(count)
            self.assertFalse(ksem.aio._waits_for(semaphore.semaphore)._waits)
            with self.assertRaises(ValueError):
                await semaphore.acquire(timeout=float("nan"))
            with self.assertRaises(TypeError):
                await semaphore.acquire(timeout="1")
            self.assertEqual((semaphore.value, semaphore.info().waiters), (0, 0))
            semaphore.close()
            with self.assertRaises(ValueError):
                await semaphore.acquire()

        self.run_in_loop(main)

    def test_cancelled_while_it_waits(self):
        async def main():
            semaphore = self.make(0)
            tasks = [asyncio.create_task(semaphore.acquire()) for _ in range(3)]
            await until_waiters(semaphore, 3)
            tasks[1].cancel()
            with self.assertRaises(asyncio.CancelledError):
                await tasks[1]
            await until_waiters(semaphore, 2)
            semaphore.release(3)
            self.assertEqual(await asyncio.gather(tasks[0], tasks[2]), [True, True])
            self.assertEqual(semaphore.value, 1)

        self.run_in_loop(main)

    async def cancelled_after_the_grant(self, semaphore, loop_has_seen_it, meanwhile=lambda: None):
        taken = 2 - semaphore.value
        task = asyncio.create_task(semaphore.acquire(2))
        await until_waiters(semaphore, 1)
        semaphore.release(taken)
        waits = ksem.aio._waits_for(semaphore.semaphore)
        end = time.monotonic() + support.LIMIT
        while loop_has_seen_it and waits._waits and time.monotonic() < end:
            waits._reap()  # as the loop does; the task hasn't run yet
        self.assertFalse(task.done())
        meanwhile()
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task

    def test_cancelled_after_the_grant(self):
        async def main():
            for loop_has_seen_it in (False, True):
                semaphore = self.make(0)
                await self.cancelled_after_the_grant(semaphore, loop_has_seen_it)
                self.assertEqual((semaphore.value, semaphore.info().waiters), (2, 0))

        self.run_in_loop(main)

    def test_cancelled_after_the_grant_and_there_is_less_to_give_back(self):
        async def main():
            for loop_has_seen_it in (False, True):
                semaphore = self.make(0)
                await self.cancelled_after_the_grant(semaphore, loop_has_seen_it, semaphore.close)
                semaphore = self.make(2, limit=2, undo=True)
                await semaphore.acquire(2)
                await self.cancelled_after_the_grant(semaphore, loop_has_seen_it, semaphore.release)
                self.assertEqual(semaphore.value, 2)

        self.run_in_loop(main)

    def test_locked(self):
        async def main():
            semaphore = self.make(1)
            task = asyncio.create_task(semaphore.acquire(2))
            await until_waiters(semaphore, 1)
            self.assertIs(semaphore.locked(), semaphore.info().order == "fifo")
            semaphore.release()
            await task
            self.assertTrue(semaphore.locked())

        self.run_in_loop(main)

    def test_an_exception_just_after_it_began(self):
        """As that of a signal handler."""
        begin = ksem._ksem.submit

        def submit(*arguments):
            begin(*arguments)
            raise KeyError

        async def main():
            semaphore = self.make(0)
            waits = ksem.aio._waits_for(semaphore.semaphore)
            with mock.patch.object(ksem._ksem, "submit", submit):
                with self.assertRaises(KeyError):
                    await semaphore.acquire()
            while waits._waits:
                await asyncio.sleep(0)
            self.assertEqual(semaphore.info().waiters, 0)
            semaphore.release()
            self.assertEqual(semaphore.value, 1)

        self.run_in_loop(main)

    def test_a_timeout_of_asyncio(self):
        async def main():
            semaphore = self.make(0)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(semaphore.acquire(), 0.01)
            self.assertEqual((semaphore.value, semaphore.info().waiters), (0, 0))

        self.run_in_loop(main)

    def test_shutdown(self):
        async def main():
            semaphore = self.make(0)
            tasks = [asyncio.create_task(semaphore.acquire()) for _ in range(3)]
            await until_waiters(semaphore, 3)
            semaphore.shutdown()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                self.assertIsInstance(result, ksem.Shutdown)
            with self.assertRaises(ksem.Shutdown):
                await semaphore.acquire()

        self.run_in_loop(main)

    def test_a_raised_limit_lets_tasks_go_on(self):
        async def main():
            semaphore = self.make(1, limit=1)
            await semaphore.acquire()
            task = asyncio.create_task(semaphore.acquire())
            await until_waiters(semaphore, 1)
            semaphore.set_limit(2)
            self.assertTrue(await task)

        self.run_in_loop(main)

    def test_threads_and_tasks_share(self):
        semaphore = self.make(2, limit=2)
        plain, inside, most, tasks_done = semaphore.semaphore, [], [], []

        def enter():
            inside.append(1)
            most.append(len(inside))

        def thread():
            for _ in range(200):
                with plain:
                    enter()
                    inside.pop()

        async def task():
            for _ in range(50):
                async with Semaphore.of(plain):
                    enter()
                    await asyncio.sleep(0)
                    inside.pop()
            tasks_done.append(1)

        async def main():
            threads = [Thread(thread) for _ in range(3)]
            await asyncio.gather(*[task() for _ in range(20)])
            for one in threads:
                await asyncio.get_running_loop().run_in_executor(None, one.join)

        self.run_in_loop(main)
        self.assertLessEqual(max(most), 2)
        self.assertEqual((len(tasks_done), plain.value, plain.info().waiters), (20, 2, 0))

    def test_loops_in_several_threads(self):
        semaphore = self.make(1, limit=1)

        async def main():
            async def task():
                for _ in range(20):
                    async with semaphore:
                        await asyncio.sleep(0)
            await asyncio.gather(*[task() for _ in range(10)])

        threads = [Thread(self.run_in_loop, main) for _ in range(4)]
        for thread in threads:
            thread.join()
        self.assertEqual((semaphore.value, semaphore.info().waiters), (1, 0))

    def test_a_storm_of_cancellations(self):
        seed = int(os.environ.get("KSEM_SEED", random.randrange(2 ** 32)))
        chance = random.Random(seed)
        semaphore = self.make(3, limit=3)

        async def guarded():
            for _ in range(20):
                try:
                    async with semaphore.permits(chance.randint(1, 3), chance.choice((None, 0.001, 0.01))):
                        await asyncio.sleep(chance.choice((0, 0, 0.001)))
                except TimeoutError:
                    pass

        async def main():
            tasks = [asyncio.create_task(guarded()) for _ in range(40)]
            while not all(task.done() for task in tasks):
                await asyncio.sleep(0.0005)
                if chance.random() < 0.3:
                    chance.choice(tasks).cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in tasks:
                if not task.cancelled():
                    self.assertIsNone(task.exception(), f"KSEM_SEED={seed}")

        self.run_in_loop(main)
        self.assertEqual((semaphore.value, semaphore.info().waiters), (3, 0), f"KSEM_SEED={seed}")

    def test_what_a_closed_loop_leaves_goes_with_it(self):
        """A loop that is closed with tasks that wait: their waits end, and take no permit."""
        semaphore = self.make(0)

        def abandon():
            loop = asyncio.new_event_loop()
            loop.set_exception_handler(lambda *_: None)  # that a task was destroyed
            task = loop.create_task(semaphore.acquire())
            while semaphore.info().waiters < 1:
                loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            return weakref.ref(loop), weakref.ref(task)

        before = descriptors()
        loop, task = abandon()
        gc.collect()
        self.assertIsNone(task())
        self.assertIsNone(loop())
        self.assertEqual(semaphore.info().waiters, 0)
        semaphore.release()
        self.assertEqual(semaphore.value, 1)
        self.assertLessEqual(descriptors(), before)

    def test_descriptors_are_not_used_up(self):
        async def main():
            semaphore = self.make(0)
            self.assertFalse(await semaphore.acquire(timeout=0.001))

        self.run_in_loop(main)
        gc.collect()
        before = descriptors()
        for _ in range(20):
            self.run_in_loop(main)
        gc.collect()
        self.assertLessEqual(descriptors(), before)

    def test_fork(self):
        """The child has a new loop; the parent's waits go on."""
        semaphore = self.make(0)

        async def child_main():
            own = self.make(0)
            task = asyncio.create_task(own.acquire())
            await until_waiters(own, 1)
            own.release()
            assert await task

        def child():
            asyncio.set_event_loop(None)
            asyncio._set_running_loop(None)
            self.run_in_loop(child_main)

        async def main():
            task = asyncio.create_task(semaphore.acquire())
            await until_waiters(semaphore, 1)
            in_child(self, child)
            semaphore.release()
            self.assertTrue(await task)

        self.run_in_loop(main)
        self.assertEqual((semaphore.value, semaphore.info().waiters), (0, 0))

    def test_repr(self):
        self.assertRegex(repr(self.make(2)), r"^<ksem\.aio\.Semaphore at .*: value=2>$")


class Limited(Tasks):
    arguments = {"order": "barging", "limit": 1000}


class LastFirst(Tasks):
    arguments = {"order": "lifo"}


@unittest.skipUnless(queue_works(order="barging"), "the library has no queues for semaphores with default attributes")
class Default(Tasks):
    arguments = {"order": "barging"}


@unittest.skipUnless(queue_works(name="/tasks-probe", limit=1000), "the library has no queues for shared semaphores")
class Shared(Tasks):
    arguments = {"order": "fifo", "name": "/tasks"}


@unittest.skipUnless(queue_works(name="/tasks-probe", order="barging"), "the library has no queues for shared semaphores")
class SharedDefault(Tasks):
    arguments = {"order": "barging", "name": "/tasks"}


class Places(unittest.TestCase):
    def test_the_queue_of_another_place(self):
        private, shared = ksem.Semaphore(0, order="fifo"), ksem.Semaphore(0, name="/place")
        shared.unlink()
        queue = ksem._ksem.queue(private)
        self.assertRaises(ValueError, ksem._ksem.submit, queue, shared, 1, None, 1)
        self.assertRaises(TypeError, ksem._ksem.submit, private, queue, 1, None, 1)
        self.assertRaises(TypeError, ksem._ksem.submit, queue, 7, 1, None, 1)
        self.assertRaises(IndexError, ksem._ksem.submit)
        self.assertRaises(TypeError, ksem._ksem.queue, queue)
        self.assertFalse(queue.cancel(1))
        queue.close()
        for call in (queue.fileno, queue.reap, lambda: queue.cancel(1)):
            self.assertRaises(ValueError, call)

    def test_a_closed_queue_gives_back_what_nobody_took(self):
        semaphore = ksem.Semaphore(0, order="fifo")
        queue = ksem._ksem.queue(semaphore)
        for token in range(3):
            ksem._ksem.submit(queue, semaphore, 1, None, token)
        semaphore.release(3)
        self.assertEqual(semaphore.value, 0)
        self.assertEqual(queue.reap(), (0, 0))
        queue.close()
        self.assertEqual(semaphore.value, 2)

    def test_a_closed_queue_gives_back_what_was_not_posted_meanwhile(self):
        semaphore = ksem.Semaphore(7, limit=7, name="/place", undo=True)
        semaphore.unlink()
        for posted in range(8):
            queue = ksem._ksem.queue(semaphore)
            self.assertTrue(semaphore.try_acquire(7))
            for token in range(2):
                ksem._ksem.submit(queue, semaphore, 1 + 5 * token, None, token)
            semaphore.release(7)
            self.assertEqual(semaphore.value, 0)
            self.assertEqual(queue.reap(), (0, 0))  # the first; the queue has the other's six
            if posted:
                semaphore.release(posted)
            queue.close()
            self.assertEqual(semaphore.value, 7 if posted else 6)
            if not posted:
                semaphore.release()


if __name__ == "__main__":
    support.main()
