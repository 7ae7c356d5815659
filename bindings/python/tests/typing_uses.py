# SPDX-License-Identifier: BSD-2-Clause
"""What a user's type checker sees: mypy must find each mistake that a line marks, and nothing else."""
from __future__ import annotations

import asyncio
from typing import Optional

import ksem
import ksem.aio
import ksem.mp

semaphore = ksem.Semaphore(2, limit=2, order="fifo", metrics=True)
got: bool = semaphore.acquire(timeout=1.5, count=2)
semaphore.release(2)
value: int = semaphore.value
name: Optional[str] = semaphore.info().name
held: int = semaphore.info().held
again = ksem.Semaphore(order=semaphore.info().order)
counts: tuple[int, ...] = semaphore.metrics().histogram
with semaphore, semaphore.permits(2):
    pass
bounded: ksem.Semaphore = ksem.BoundedSemaphore(3)
number: int = ksem.Shutdown(1, "text").errno or 0

either: Optional[ksem.Semaphore] = ksem.wait_any([semaphore, bounded], timeout=0.5)
one: Optional[ksem.BoundedSemaphore] = ksem.wait_any((ksem.BoundedSemaphore(1),))

semaphore.acquire("yes", "no")  # mistake
semaphore.value = 3  # mistake
wrong: str = semaphore.try_acquire()  # mistake
ksem.Semaphore(order=1)  # mistake
ksem.Semaphore(order="filo")  # mistake
semaphore.nothing()  # mistake
ksem.wait_any(semaphore)  # mistake
ksem.wait_any([semaphore]).release()  # mistake


async def main() -> None:
    tasks = ksem.aio.Semaphore(2, order="lifo")
    ksem.aio.Semaphore(2, order="filo")  # mistake
    async with tasks, tasks.permits(1, timeout=2):
        taken: bool = await tasks.acquire(2, timeout=0.5)
        print(taken)
    unawaited: bool = tasks.acquire()  # mistake
    print(unawaited)
    with tasks:  # mistake
        pass


asyncio.run(main())
lock = ksem.mp.Lock()
with lock:
    lock.acquire(block=False)
left: int = ksem.mp.BoundedSemaphore(3, undo=True, name="/name").get_value()
ksem.mp.Semaphore(2).acquire(count=2)  # mistake
