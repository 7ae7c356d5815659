# SPDX-License-Identifier: BSD-2-Clause
"""In place of multiprocessing's Semaphore, BoundedSemaphore and Lock.

    >>> from ksem.mp import BoundedSemaphore
    >>> semaphore = BoundedSemaphore(2)
    >>> semaphore.acquire(), semaphore.get_value()
    (True, 1)
    >>> semaphore.release()

They have the calls of multiprocessing's. They can also be pickled at any time, not only while a process starts, and a
process that multiprocessing didn't start opens one by its name: ``Semaphore(2, name="/encoders")``.

Without a name, a semaphore gets one that nobody else has. Its maker removes that name when the object is deleted, or at
its exit. A maker that is killed leaves it. With a name it stays until somebody calls unlink().

With ``undo=True`` the permits of a process that is killed come back.
"""
from __future__ import annotations

import os
import secrets
from multiprocessing import util
from types import TracebackType
from typing import Any, Optional, Tuple, Type, TypeVar

import ksem

__all__ = ["BoundedSemaphore", "Lock", "Semaphore"]

_Self = TypeVar("_Self", bound="_Shared")


def _forget(name: str, dir: Optional[str]) -> None:
    try:
        ksem.unlink(name, dir)
    except FileNotFoundError:
        pass  # somebody called unlink()


class _Shared:
    """What the classes have in common."""

    _semaphore: ksem.Semaphore

    def _make(self, value: int, limit: Optional[int], name: Optional[str], dir: Any, undo: bool) -> None:
        if value == 0 and limit == 0:
            if name is not None:  # another program may have made it, or may open it before its limit is 0
                raise ValueError("a bounded semaphore with a name can't begin with 0")
            self._make(1, 1, name, dir, undo)
            self._semaphore.set_limit(0)
        elif name is not None:
            self._semaphore = ksem.Semaphore(value, limit=limit, name=name, dir=dir, undo=undo)
        else:
            name = f"/mp-{os.getpid()}-{secrets.token_hex(8)}"
            self._semaphore = ksem.Semaphore(value, limit=limit, name=name, dir=dir, undo=undo, exclusive=True)
            util.Finalize(self, _forget, (name, self._semaphore.dir), exitpriority=0)

    def acquire(self, block: bool = True, timeout: Optional[float] = None) -> bool:
        """Take a permit; wait for it if block, at most timeout seconds."""
        return self._semaphore.acquire(True, timeout) if block else self._semaphore.try_acquire()

    def release(self) -> None:
        """Add a permit. A bounded one that has all its permits: ValueError."""
        self._semaphore.release()

    def __enter__(self) -> bool:
        return self._semaphore.acquire()

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._semaphore.release()

    @property
    def name(self) -> str:
        """The name by which any process can open it."""
        return self._semaphore.name or ""

    @property
    def semaphore(self) -> ksem.Semaphore:
        """The semaphore itself, with all its calls."""
        return self._semaphore

    def unlink(self) -> None:
        """Remove the name. Those who have it open keep it."""
        self._semaphore.unlink()

    def __reduce__(self) -> Tuple[Any, ...]:
        return _find, (type(self), self._semaphore)


def _find(kind: Type[_Self], semaphore: ksem.Semaphore) -> _Self:
    """For pickle: the semaphore that another process has."""
    found = kind.__new__(kind)
    found._semaphore = semaphore
    return found


class Semaphore(_Shared):
    """In place of multiprocessing.Semaphore. ctx has no effect: it works with each way to start processes."""

    def __init__(self, value: int = 1, *, ctx: Any = None, name: Optional[str] = None, dir: Any = None) -> None:
        self._make(value, None, name, dir, False)

    def get_value(self) -> int:
        """How many permits can be taken now."""
        return self._semaphore.value

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()})>"


class BoundedSemaphore(Semaphore):
    """In place of multiprocessing.BoundedSemaphore: its value never passes the first one."""

    def __init__(self, value: int = 1, *, ctx: Any = None, name: Optional[str] = None, dir: Any = None,
                 undo: bool = False) -> None:
        self._make(value, value, name, dir, undo)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self._semaphore.info().limit})>"


class Lock(_Shared):
    """In place of multiprocessing.Lock: any process may release it, but with undo only the one that acquired it."""

    def __init__(self, *, ctx: Any = None, name: Optional[str] = None, dir: Any = None, undo: bool = False) -> None:
        self._make(1, 1, name, dir, undo)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({'unlocked' if self._semaphore.value else 'locked'})>"
