# SPDX-License-Identifier: BSD-2-Clause
"""Semaphores for threads, tasks and processes: the library ksem in Python.

    >>> import ksem
    >>> connections = ksem.Semaphore(2, limit=2)
    >>> with connections:
    ...     connections.value
    1
    >>> connections.release()
    Traceback (most recent call last):
        ...
    ksem.LimitReached: [Errno 75] the value would pass its limit

A semaphore without a name is in the memory of this process. One with a name is shared by all processes that open the
name. ksem.aio has semaphores for asyncio, and ksem.mp those of multiprocessing. docs/python.md is the manual.
"""
from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Iterable, List, Literal, NamedTuple, Optional, Tuple, Type, TypeVar, Union

from . import _ksem
from ._errors import LimitReached, Shutdown

__all__ = ["BoundedSemaphore", "Holder", "Info", "LimitReached", "Metrics", "Permits", "Semaphore", "Shutdown",
           "unlink", "wait_any"]
__version__ = _ksem.version

for _class in (LimitReached, Shutdown):  # what messages and pickles name them
    _class.__module__ = "ksem"

_Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
_Self = TypeVar("_Self", bound="Semaphore")

_Order = Literal["barging", "fifo", "lifo"]
_ORDERS: Tuple[_Order, ...] = ("barging", "fifo", "lifo")


class Info(NamedTuple):
    """What a semaphore is like at an instant."""

    id: int
    name: str  # "" if it has none, or no longer
    value: int
    waiters: int
    refs: int
    uid: int
    gid: int
    mode: int
    limit: int  # the present one; without one, the highest that the order allows
    order: _Order
    undo: bool
    metrics: bool
    shutdown: bool
    held: int  # with undo: permits that living processes hold


class Holder(NamedTuple):
    """A process that has a semaphore."""

    pid: int  # 0: it is in another pid namespace, or has just been forked
    refs: int
    held: int  # with undo: permits that it holds
    waiting: int
    oldest: int  # seconds since it took the oldest permit that it holds


class Metrics(NamedTuple):
    """What the waits on a semaphore have been like. A wait that got its permits at once isn't counted."""

    waits: int
    timeouts: int
    interrupts: int
    cancels: int
    shutdowns: int
    wait_ns: int
    wait_max_ns: int
    undone: int
    waiters_max: int
    histogram: Tuple[int, ...]  # [i]: waits of 2**i to 2**(i+1) - 1 nanoseconds


class Permits:
    """A context manager that takes several permits at one instant, and gives them back. See Semaphore.permits."""

    __slots__ = ("_semaphore", "_count", "_timeout")

    def __init__(self, semaphore: Semaphore, count: int, timeout: Optional[float]) -> None:
        self._semaphore = semaphore
        self._count = count
        self._timeout = timeout

    def __enter__(self) -> Permits:
        if not self._semaphore.acquire(True, self._timeout, self._count):
            raise TimeoutError(f"{self._count} permits weren't there in {self._timeout} seconds")
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._semaphore.release(self._count)


class Semaphore(_ksem.Semaphore):
    """A semaphore: threads, and processes if it has a name, acquire its permits and release them.

    value    permits at first; default: the limit, or else 1
    name     "/" and then other characters: the semaphore of that name, which is made if there is none
    dir      the directory of the name; default: $KSEM_DIR, or /dev/shm/ksem
    limit    the value never passes it
    order    which waiter is served first: "barging" (whoever comes first, waiter or not), "fifo" (the one that has
             waited longest) or "lifo" (the one that has waited shortest)
    undo     permits come back when the process that took them ends; needs a limit, and value must be that limit
    metrics  waits are measured
    create   False: a FileNotFoundError, if the name doesn't exist
    exclusive  True: a FileExistsError, if the name exists
    mode     the permission bits of a semaphore with a name

    If the name exists, its maker's value, limit, order, undo, metrics and mode count, and these are ignored.
    """

    def __init__(self, value: Optional[int] = None, *, name: Optional[str] = None, dir: Optional[_Path] = None,
                 limit: Optional[int] = None, order: _Order = "barging", undo: bool = False, metrics: bool = False,
                 create: bool = True, exclusive: bool = False, mode: int = 0o600) -> None:
        if order not in _ORDERS:
            raise ValueError(f"order is {order!r}, and not one of {', '.join(_ORDERS)}")
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit!r}, and must be 1 or more")
        if not create and (name is None or exclusive):
            raise ValueError("only the semaphore of a name can be found, and not exclusively")
        if not 0 <= mode <= 0o777:
            raise ValueError(f"mode is {mode!r}, and not from 0 to 0o777")
        if value is None:
            value = 1 if limit is None else limit
        if limit is not None and value > limit:
            raise ValueError(f"value is {value!r}, over the limit of {limit!r}")
        if undo and (limit is None or value != limit):
            raise ValueError("with undo, the semaphore needs a limit, and begins with that value")
        self._name = name
        self._dir = None if dir is None else os.path.abspath(os.fsdecode(dir))
        super().__init__(value, None if name is None else _encoded(name),
                         None if self._dir is None else _encoded(self._dir), limit or 0, _ORDERS.index(order),
                         (_ksem.UNDO if undo else 0) | (_ksem.METRICS if metrics else 0),
                         (os.O_CREAT if create else 0) | (os.O_EXCL if exclusive else 0), mode)

    @property
    def name(self) -> Optional[str]:
        """The name by which it was made or opened, or None."""
        return self._name

    @property
    def dir(self) -> Optional[str]:
        """The directory that it was given, or None: the default one, or this process's own memory."""
        return self._dir

    def permits(self, count: int = 1, timeout: Optional[float] = None) -> Permits:
        """For ``with``: count permits, taken at one instant. TimeoutError if they don't come in time."""
        return Permits(self, count, timeout)

    def info(self) -> Info:
        """Describe the semaphore."""
        *first, order, flags, held = self._info()
        return Info._make((*first, _ORDERS[order], bool(flags & _ksem.UNDO), bool(flags & _ksem.METRICS),
                           bool(flags & _ksem.SHUTDOWN), held))

    def holders(self) -> List[Holder]:
        """The processes that have the semaphore."""
        return [Holder._make(holder) for holder in self._holders()]

    def metrics(self) -> Metrics:
        """What the waits have been like. OSError (ENOTSUP) if the semaphore was made without metrics."""
        return Metrics._make(self._metrics())

    def unlink(self) -> None:
        """Remove the name. Those who have the semaphore open keep it."""
        if self._name is None:
            raise ValueError("the semaphore has no name")
        unlink(self._name, self._dir)

    def __repr__(self) -> str:
        return f"<ksem.{type(self).__name__} at {self._name or hex(id(self))}: {self._state()}>"

    def _state(self) -> str:
        return "closed" if self.closed else f"value={self.value}"

    def __reduce__(self) -> Tuple[Any, ...]:
        if self._name is None:
            raise TypeError("a semaphore without a name can't leave its process")
        return _find, (type(self), self._name, self._dir)


class BoundedSemaphore(Semaphore):
    """A Semaphore with its value as its limit: it can't be released more often than it was acquired.

    >>> import ksem
    >>> semaphore = ksem.BoundedSemaphore(3)
    >>> semaphore.acquire()
    True
    >>> semaphore
    <ksem.BoundedSemaphore at 0x...: value=2/3>
    """

    def __init__(self, value: int = 1, **others: Any) -> None:
        if value == 0 and others.get("name") is not None:
            raise ValueError("a bounded semaphore with a name can't begin with 0")
        super().__init__(value or 1, limit=value or 1, **others)
        if value == 0:
            self.set_limit(0)

    def _state(self) -> str:
        return super()._state() if self.closed else f"{super()._state()}/{self.info().limit}"


def wait_any(semaphores: Iterable[_Self], timeout: Optional[float] = None) -> Optional[_Self]:
    """Take a permit of one of the semaphores, and return that semaphore.

    The first one that has a permit is taken from. If none has, wait until one gets a permit, at most timeout seconds;
    return None then. There are 1 to 64 semaphores, all without a name, or all in one directory.

    Raises Shutdown if none has a permit and one was shut down; the exception's attribute semaphore is that one.

    >>> import ksem
    >>> urgent, normal = ksem.Semaphore(0), ksem.Semaphore(1)
    >>> ksem.wait_any([urgent, normal]) is normal
    True
    >>> ksem.wait_any([urgent, normal], timeout=0.01)
    """
    return _ksem.wait_any(semaphores, timeout)


def _encoded(text: str) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError("a name or a path has a null byte")
    return encoded


def _find(kind: Type[_Self], name: str, dir: Optional[str]) -> _Self:
    """For pickle: the semaphore that another process has."""
    found = kind.__new__(kind)
    Semaphore.__init__(found, name=name, dir=dir, create=False)
    return found


def unlink(name: str, dir: Optional[_Path] = None) -> None:
    """Remove the name of a semaphore. Those who have it open keep it."""
    _ksem.unlink(_encoded(name), None if dir is None else _encoded(os.path.abspath(os.fsdecode(dir))))
