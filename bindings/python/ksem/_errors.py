# SPDX-License-Identifier: BSD-2-Clause
"""The exceptions of ksem, and which of them stands for which error number of the library."""
from __future__ import annotations

import errno
import os
from typing import Any, Optional, Union

_MESSAGES = {
    errno.EBUSY: "a thread or task waits on the semaphore",
    errno.ENFILE: "the namespace has as many semaphores as it may have",
    errno.ENOTSUP: "a semaphore with these attributes can't do this",
    errno.EOVERFLOW: "the value would pass its limit",
    errno.ESHUTDOWN: "the semaphore was shut down",
}


class Shutdown(OSError):
    """The semaphore was shut down, and has too few permits. ``errno`` is ESHUTDOWN.

    If wait_any raised it, ``semaphore`` is the first in its list that was shut down.
    """

    semaphore: Any = None


class LimitReached(OSError, ValueError):
    """A release would raise the value above the limit. ``errno`` is EOVERFLOW.

    It is a ValueError, too, as threading.BoundedSemaphore raises.
    """


_CLASSES = {errno.ESHUTDOWN: Shutdown, errno.EOVERFLOW: LimitReached}


def exception(number: int, about: Optional[Union[str, bytes]]) -> Exception:
    """The exception for an error number. ``about`` is a name or a path, or None."""
    if number == errno.ENOMEM:
        return MemoryError()
    if isinstance(about, bytes):
        about = os.fsdecode(about)
    if number == errno.EINVAL:
        at = "" if about is None else f" for {about!r}"
        return ValueError(f"the library refuses these arguments{at}")
    message = _MESSAGES.get(number) or os.strerror(number)
    if number == errno.EPERM and about is None:
        message = "this process holds fewer permits"
    made = _CLASSES.get(number, OSError)
    return made(number, message) if about is None else made(number, message, about)
