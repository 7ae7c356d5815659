# SPDX-License-Identifier: BSD-2-Clause
"""Semaphores for asyncio: a task waits, and the event loop runs on.

    >>> import asyncio, ksem.aio
    >>> async def main():
    ...     async with ksem.aio.Semaphore(2) as semaphore:
    ...         return semaphore.value
    >>> asyncio.run(main())
    1

How it works: each event loop has a completion queue of the library for each place of semaphores (this process's memory,
or a directory). A task that must wait submits a wait to it. The loop watches the queue's descriptor, and reaps what is
complete. No thread of the program runs for it. Threads and other processes may use the same semaphore.

A task that is cancelled cancels its wait. If the permits were granted just before, they go back to the semaphore,
unless it was closed meanwhile.
"""
from __future__ import annotations

import asyncio
import errno
import itertools
import weakref
from types import TracebackType
from typing import Any, Dict, List, Optional, Type

import ksem

from . import _ksem
from ._errors import exception

__all__ = ["Permits", "Semaphore"]


class _Wait:
    """One that was submitted and isn't complete."""

    __slots__ = ("future", "semaphore", "count")

    def __init__(self, future: asyncio.Future[bool], semaphore: ksem.Semaphore, count: int) -> None:
        self.future: Optional[asyncio.Future[bool]] = future  # None: the task won't have the permits
        self.semaphore = semaphore  # it lives at least as long as a wait on it
        self.count = count


def _give_back(semaphore: ksem.Semaphore, count: int) -> None:
    """As many as go: none if the semaphore was closed, and with undo no more than the process still holds."""
    step = count
    while step > 0:
        try:
            semaphore.release(step)
        except (OSError, ValueError):
            step //= 2
        else:
            count -= step
            step = min(step, count)


class _Waits:
    """The waits of one event loop for semaphores of one place.

    The loop holds this object, by its callback, until it is closed; nothing global does. So what an abandoned loop
    leaves is freed with it, and the queue then cancels its waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, semaphore: ksem.Semaphore) -> None:
        self._queue = _ksem.queue(semaphore)
        self._tokens = itertools.count(1)
        self._waits: Dict[int, _Wait] = {}
        loop.add_reader(self._queue.fileno(), self._reap)

    def __del__(self) -> None:
        queue = self.__dict__.get("_queue")
        if queue is not None:  # before the semaphores: no wait on them is pending then
            queue.close()

    async def wait(self, semaphore: ksem.Semaphore, count: int, timeout: Optional[float]) -> bool:
        token = next(self._tokens)
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waits[token] = wait = _Wait(future, semaphore, count)  # first: an exception may follow at once
        try:
            _ksem.submit(self._queue, semaphore, count, timeout, token)
        except BaseException:
            wait.future = None
            if not self._queue.cancel(token):  # nothing was submitted, or it was granted before a signal's exception
                self._reap()
                self._waits.pop(token, None)
            raise
        try:
            return await future
        except BaseException:
            if token in self._waits:
                self._abandon(token, wait)
            elif not future.cancelled() and future.exception() is None and future.result():
                _give_back(semaphore, count)  # granted, and then the task was cancelled before it ran
            raise

    def _abandon(self, token: int, wait: _Wait) -> None:
        wait.future = None
        self._queue.cancel(token)
        self._reap()

    def _reap(self) -> None:
        completion = self._queue.reap()
        while completion is not None:
            token, error = completion
            self._complete(self._waits.pop(token), error)
            completion = self._queue.reap()

    def _complete(self, wait: _Wait, error: int) -> None:
        if wait.future is None or wait.future.done():
            if error == 0:
                _give_back(wait.semaphore, wait.count)
        elif error in (0, errno.ETIMEDOUT):
            wait.future.set_result(error == 0)
        else:
            wait.future.set_exception(exception(error, None))


# By loop, and then by place.
_all_waits: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakValueDictionary[int, _Waits]]
_all_waits = weakref.WeakKeyDictionary()


def _waits_for(semaphore: ksem.Semaphore) -> _Waits:
    loop = asyncio.get_running_loop()
    places = _all_waits.get(loop)
    if places is None:
        places = _all_waits[loop] = weakref.WeakValueDictionary()
    place = semaphore._place
    waits = places.get(place)
    if waits is None:
        waits = places[place] = _Waits(loop, semaphore)  # its queue keeps the place: no other gets that number
    return waits


class Permits:
    """An asynchronous context manager that takes several permits at one instant. See Semaphore.permits."""

    __slots__ = ("_semaphore", "_count", "_timeout")

    def __init__(self, semaphore: Semaphore, count: int, timeout: Optional[float]) -> None:
        self._semaphore = semaphore
        self._count = count
        self._timeout = timeout

    async def __aenter__(self) -> Permits:
        if not await self._semaphore.acquire(self._count, self._timeout):
            raise TimeoutError(f"{self._count} permits weren't there in {self._timeout} seconds")
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        self._semaphore.release(self._count)


class Semaphore:
    """A semaphore on which tasks wait. Any event loop and any thread may use it.

    The arguments are those of ksem.Semaphore, but the order is "fifo" by default, as in asyncio. With ``of``, tasks use
    a ksem.Semaphore that threads use as well.
    """

    __slots__ = ("_semaphore", "__weakref__")

    def __init__(self, value: Optional[int] = None, *, order: ksem._Order = "fifo", **others: Any) -> None:
        self._semaphore = ksem.Semaphore(value, order=order, **others)

    @classmethod
    def of(cls, semaphore: ksem.Semaphore) -> Semaphore:
        """The same semaphore, for tasks."""
        self = cls.__new__(cls)
        self._semaphore = semaphore
        return self

    @property
    def semaphore(self) -> ksem.Semaphore:
        """The same semaphore, for threads."""
        return self._semaphore

    async def acquire(self, count: int = 1, timeout: Optional[float] = None) -> bool:
        """Take count permits at one instant; wait for them at most timeout seconds, and then return False."""
        if self._semaphore.try_acquire(count):
            return True
        return await _waits_for(self._semaphore).wait(self._semaphore, count, timeout)

    def permits(self, count: int = 1, timeout: Optional[float] = None) -> Permits:
        """For ``async with``: count permits, taken at one instant. TimeoutError if they don't come in time."""
        return Permits(self, count, timeout)

    async def __aenter__(self) -> Semaphore:
        await self.acquire()
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        self._semaphore.release()

    def release(self, count: int = 1) -> None:
        """As ksem.Semaphore.release."""
        self._semaphore.release(count)

    def try_acquire(self, count: int = 1) -> bool:
        """As ksem.Semaphore.try_acquire."""
        return self._semaphore.try_acquire(count)

    def locked(self) -> bool:
        """Whether a task that wants a permit would have to wait now, as in asyncio: with "fifo", also behind others."""
        info = self._semaphore.info()
        return info.value == 0 or (info.order == "fifo" and info.waiters > 0)

    def shutdown(self) -> None:
        """As ksem.Semaphore.shutdown."""
        self._semaphore.shutdown()

    def set_limit(self, limit: int) -> None:
        """As ksem.Semaphore.set_limit."""
        self._semaphore.set_limit(limit)

    @property
    def value(self) -> int:
        """How many permits can be taken now."""
        return self._semaphore.value

    def info(self) -> ksem.Info:
        """As ksem.Semaphore.info."""
        return self._semaphore.info()

    def holders(self) -> List[ksem.Holder]:
        """As ksem.Semaphore.holders."""
        return self._semaphore.holders()

    def metrics(self) -> ksem.Metrics:
        """As ksem.Semaphore.metrics."""
        return self._semaphore.metrics()

    def unlink(self) -> None:
        """As ksem.Semaphore.unlink."""
        self._semaphore.unlink()

    def close(self) -> None:
        """As ksem.Semaphore.close."""
        self._semaphore.close()

    def __repr__(self) -> str:
        return repr(self._semaphore).replace("<ksem.", "<ksem.aio.", 1)
