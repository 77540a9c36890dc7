"""Time limits that a call reads from memory, and writes back what is left of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from errno import EINVAL
from math import inf
from struct import Struct
from time import monotonic
from typing import TYPE_CHECKING

from pywasmjit.guest.abi.time import GIGA

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

_MEGA = 1_000_000


def read_timespec(seconds: int, nanoseconds: int) -> float:
    """Return a timespec in seconds.  Raises EINVAL."""
    if seconds < 0 or not 0 <= nanoseconds < GIGA:
        raise OSError(EINVAL, "timespec")
    return seconds + nanoseconds / GIGA


def read_timeval(seconds: int, microseconds: int) -> float:
    """Return a timeval in seconds; more than a million microseconds are taken.  Raises EINVAL."""
    seconds += int(microseconds / _MEGA)
    if seconds < 0 or microseconds < 0:
        raise OSError(EINVAL, "timeval")
    return seconds + microseconds % _MEGA / _MEGA


class Duration:
    """A time limit at an address, infinite for NULL; a context at whose end what is left of it is written back."""

    def __init__(self, process: Process, address: int, layout: Struct, read: Callable[[int, int], float]) -> None:
        """Read it.  Raises EFAULT, EINVAL."""
        self._process = process
        self._address = address
        self._layout = layout
        self.seconds = read(*process.memory.unpack(layout, address)) if address else inf
        self._fraction = GIGA if read is read_timespec else _MEGA

    def __enter__(self) -> None:
        self._end = monotonic() + self.seconds

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._address or not self.seconds or not (kind is None or issubclass(kind, OSError)):
            return
        left = max(0, int((self._end - monotonic()) * self._fraction))
        with suppress(OSError):
            self._process.memory.pack(self._layout, self._address, *divmod(left, self._fraction))
