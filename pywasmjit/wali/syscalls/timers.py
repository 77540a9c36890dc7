"""Interval timers: the kernel's in a process of the guest's own, else one of the engine's (`timers`)."""

from __future__ import annotations

from errno import EINVAL, ENOSYS
from struct import Struct
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.wali.table import In, Int, Out, Pointer, Unsigned, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

ITIMERVAL: Final = Struct("<qqqq")
"""it_interval and it_value, seconds and microseconds."""
ITIMER_REAL: Final = 0
_MEGA: Final = 1_000_000
_SECONDS_IN_LONG: Final = 1 << 62
_SHORTEST_INTERVAL: Final = 500
"""Microseconds between the signals of one timer: what comes faster than it is handled leaves no time for the rest."""


@syscall("setitimer")
def setitimer(
    process: Process,
    which: Int,
    new_value: Annotated[Pointer, In(ITIMERVAL.size)],
    old_value: Annotated[Pointer, Out(ITIMERVAL.size)],
) -> int:
    """Linux: setitimer(2).  Deviation: no interval below 500 µs; inside a larger program only ITIMER_REAL."""
    words = process.memory.unpack(ITIMERVAL, new_value) if new_value else (0, 0, 0, 0)
    before = _set(process, which, words)
    if old_value:
        process.memory.pack(ITIMERVAL, old_value, *before)
    return 0


@syscall("getitimer")
def getitimer(process: Process, which: Int, curr_value: Annotated[Pointer, Out(ITIMERVAL.size)]) -> int:
    """Linux: getitimer(2).  Deviation: inside a larger program only ITIMER_REAL."""
    host = process.signals.host
    if host is not None:
        words = ITIMERVAL.unpack(host.getitimer(which))
    else:
        _check(which)
        words = _words(*process.signals.timer.get())
    process.memory.pack(ITIMERVAL, curr_value, *words)
    return 0


@syscall("alarm")
def alarm(process: Process, seconds: Unsigned) -> int:
    """Linux: alarm(2)."""
    *_, left, microseconds = _set(process, ITIMER_REAL, (0, 0, seconds, 0))
    return left + (microseconds >= _MEGA // 2 or (microseconds > 0 and left == 0))


def _set(process: Process, which: int, words: tuple[int, ...]) -> tuple[int, ...]:
    if words[0] == 0 < words[1] < _SHORTEST_INTERVAL:
        words = (0, _SHORTEST_INTERVAL, *words[2:])
    host = process.signals.host
    if host is not None:
        return ITIMERVAL.unpack(host.setitimer(which, ITIMERVAL.pack(*words)))
    _check(which)
    if not all(0 <= each < limit for each, limit in zip(words, (_SECONDS_IN_LONG, _MEGA) * 2, strict=True)):
        raise OSError(EINVAL, "timeval")
    return _words(*process.signals.timer.set(words[0] + words[1] / _MEGA, words[2] + words[3] / _MEGA))


def _check(which: int) -> None:
    if which != ITIMER_REAL:
        raise OSError(ENOSYS if which in (1, 2) else EINVAL, "which")


def _words(interval: float, value: float) -> tuple[int, ...]:
    return *divmod(round(interval * _MEGA), _MEGA), *divmod(round(value * _MEGA), _MEGA)
