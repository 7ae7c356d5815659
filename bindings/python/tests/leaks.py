# SPDX-License-Identifier: BSD-2-Clause
"""Nothing is left behind: references, memory, descriptors, semaphores; whatever succeeded or failed."""
import asyncio
import gc
import os
import pickle
import sys
import tracemalloc
import unittest

import support

directory = support.private_directory()

import ksem  # noqa: E402
import ksem.aio  # noqa: E402
import ksem.mp  # noqa: E402

ROUNDS = 300


class Refused:
    """Neither a number nor a path."""


def raises(call, *args, **keywords):
    try:
        call(*args, **keywords)
    except Exception:
        return
    raise AssertionError("it succeeded")


def private():
    semaphore = ksem.Semaphore(5, limit=5, metrics=True)
    with semaphore, semaphore.permits(2, timeout=1):
        semaphore.try_acquire(1)
        semaphore.try_acquire_upto(3)
        semaphore.acquire(False)
        semaphore.acquire(timeout=1e-6)
        semaphore.release(2)
    ksem.wait_any([ksem.Semaphore(0), semaphore]).release()
    ksem.wait_any(iter([ksem.Semaphore(0)]), 1e-6)
    semaphore.info(), semaphore.holders(), semaphore.metrics(), semaphore.value, semaphore.closed, semaphore._place, repr(semaphore)
    semaphore.set_limit(6)
    semaphore.acquire(count=6)
    semaphore.shutdown()
    raises(ksem.wait_any, [ksem.Semaphore(0), semaphore])


def shared():
    semaphore = ksem.Semaphore(5, name="/leaks", dir=os.fsencode(directory))
    again = pickle.loads(pickle.dumps(semaphore))
    with again:
        repr(again), again.info()
    semaphore.unlink()
    semaphore.close()


def refused():
    semaphore = ksem.Semaphore(1, limit=1)
    for arguments in ((-1,), (Refused(),), (2 ** 99,)):
        raises(ksem.Semaphore, *arguments)
        raises(semaphore.release, *arguments)
        raises(semaphore.try_acquire, *arguments)
        raises(semaphore.try_acquire_upto, *arguments)
        raises(semaphore.acquire, True, None, *arguments)
        raises(semaphore.set_limit, *arguments)
    raises(semaphore.acquire, timeout=Refused())
    raises(semaphore.acquire, timeout=float("nan"))
    raises(semaphore.acquire, False, 1)
    raises(semaphore.acquire, wrong=1)
    raises(semaphore.acquire, count=2)
    raises(semaphore.release)
    raises(semaphore.metrics)
    raises(ksem.Semaphore, name="bad")
    raises(ksem.Semaphore, name="/none", create=False)
    raises(ksem.Semaphore, name="/none", dir="/nowhere")
    raises(ksem.Semaphore, name="/none", dir=__file__)
    raises(ksem.unlink, "/none")
    raises(ksem._ksem.Semaphore, 1, "/text", None, 0, 0, 0, 0, 0)
    raises(ksem._ksem.Semaphore, 1, None, "/text", 0, 0, 0, 0, 0)
    raises(ksem._ksem.Semaphore, wrong=1)
    raises(ksem._ksem.submit, 1, 2)
    raises(ksem._ksem.queue, 1)
    for arguments in (([],), ([semaphore, Refused()],), (Refused(),), ([semaphore] * 65,), ([semaphore], Refused())):
        raises(ksem.wait_any, *arguments)
    semaphore.shutdown()
    semaphore.acquire()
    raises(semaphore.acquire)


def queues():
    semaphore = ksem.Semaphore(0, order="fifo")
    queue = ksem._ksem.queue(semaphore)
    for token in range(4):
        ksem._ksem.submit(queue, semaphore, 1, 10, token)
    raises(ksem._ksem.submit, queue, semaphore, 0, None, 9)
    raises(queue.cancel, "1")
    queue.cancel(1)
    semaphore.release()
    while queue.reap():
        pass
    type(queue)()  # one that is closed
    queue.fileno()


def tasks():
    async def main():
        semaphore = ksem.aio.Semaphore(1)
        async with semaphore:
            waiting = asyncio.create_task(semaphore.acquire())
            assert not await semaphore.acquire(timeout=1e-6)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with semaphore.permits(1):
            pass

    loop.run_until_complete(main())


def loops():
    global loop
    loop.close()
    loop = asyncio.new_event_loop()
    tasks()


def of_multiprocessing():
    for kind in (ksem.mp.Semaphore, ksem.mp.BoundedSemaphore, ksem.mp.Lock):
        semaphore = kind()
        with pickle.loads(pickle.dumps(semaphore)):
            repr(semaphore)


loop = asyncio.new_event_loop()


class Leaks(unittest.TestCase):
    def descriptors(self):
        return len(os.listdir("/proc/self/fd"))

    def grown_in(self, function, rounds):
        """By how much memory has grown, in bytes and in blocks."""
        before, blocks = tracemalloc.get_traced_memory()[0], sys.getallocatedblocks()
        for _ in range(rounds):
            function()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, sys.getallocatedblocks() - blocks

    def measure(self, function, rounds=ROUNDS, objects=0.5):
        """What leaks that many objects a round grows each time. Caches that fill do not."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.grown_in(function, 20)
        descriptors, names = self.descriptors(), len(os.listdir(directory))
        for _ in range(5):
            grown, blocks = self.grown_in(function, rounds)
            if grown < 32 * objects * rounds and blocks < objects * rounds:
                break
        else:
            self.fail(f"{grown} bytes and {blocks} blocks in {rounds} rounds")
        self.assertLessEqual(self.descriptors(), descriptors)
        self.assertEqual(len(os.listdir(directory)), names)

    def test_private(self):
        self.measure(private)

    def test_shared(self):
        self.measure(shared)

    def test_refused(self):
        self.measure(refused)

    def test_queues(self):
        self.measure(queues)

    def test_tasks(self):
        self.measure(tasks)

    def test_loops(self):
        self.measure(loops, 60, 5)  # Python keeps some 250 contexts of asyncio for later; a loop is far more objects

    def test_of_multiprocessing(self):
        self.measure(of_multiprocessing, 60)

    def test_references(self):
        """The objects that the calls are given and give have as many references afterwards as before."""
        watched = [None, True, False, ksem._ksem.Semaphore, ksem.Semaphore, ksem.Shutdown, ksem.LimitReached,
                   type(ksem._ksem.queue(ksem.Semaphore()))]
        for function in (private, shared, refused, queues):
            function()
            gc.collect()
            before = [sys.getrefcount(one) for one in watched]
            for _ in range(100):
                function()
            gc.collect()
            for one, count in zip(watched, before):
                self.assertLess(abs(sys.getrefcount(one) - count), 50, f"{one} in {function.__name__}")

    def test_the_library_has_no_more_semaphores(self):
        """Ids of private semaphores tell how many there are: the memory of one that ended is used again."""
        def resident():
            with open("/proc/self/statm", encoding="ascii") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

        def make(times):
            for _ in range(times):
                ksem.Semaphore(1, limit=1)

        make(20000)
        before = resident()
        make(100000)
        self.assertLess(resident() - before, 4 << 20)  # 100,000 that stayed would take more than twice as much


def tearDownModule():
    loop.close()


if __name__ == "__main__":
    support.main()
