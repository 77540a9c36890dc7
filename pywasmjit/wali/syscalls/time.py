"""Clocks and sleeping."""

from __future__ import annotations

import time as host
from errno import EINVAL, EOPNOTSUPP
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi.time import CLOCKS, GIGA, TIMESPEC, TIMEVAL, TIMEZONE
from pywasmjit.guest.waiting import Interrupted
from pywasmjit.wali.table import In, Int, Number, Out, Pointer, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

ClockId = Annotated[int, Number(names=CLOCKS)]
TimespecOut = Annotated[Pointer, Out(TIMESPEC.size)]
TimespecIn = Annotated[Pointer, In(TIMESPEC.size)]


def _check_clock(clock: int) -> None:
    """Refuse negative numbers: they stand for host descriptors and for other processes."""
    if clock < 0:
        raise OSError(EINVAL, "dynamic clock")


@syscall("clock_gettime")
def clock_gettime(process: Process, clockid: ClockId, tp: TimespecOut) -> int:
    """Linux: clock_gettime(2).  Deviation: no dynamic clocks."""
    _check_clock(clockid)
    process.memory.pack(TIMESPEC, tp, *divmod(process.kernel.clock_gettime(clockid), GIGA))
    return 0


@syscall("clock_getres")
def clock_getres(process: Process, clockid: ClockId, res: TimespecOut) -> int:
    """Linux: clock_getres(2).  Deviation: no dynamic clocks."""
    _check_clock(clockid)
    seconds = host.clock_getres(clockid)
    if res:
        process.memory.pack(TIMESPEC, res, *divmod(round(seconds * GIGA), GIGA))
    return 0


@syscall("gettimeofday")
def gettimeofday(process: Process, tv: Annotated[Pointer, Out(16)], tz: Annotated[Pointer, Out(8)]) -> int:
    """Linux: gettimeofday(2).  Deviation: the time zone is 0, as libc documents it."""
    now = host.time_ns() // 1000
    if tv:
        process.memory.pack(TIMEVAL, tv, *divmod(now, 1_000_000))
    if tz:
        process.memory.pack(TIMEZONE, tz, 0, 0)
    return 0


def _duration(process: Process, address: int) -> float:
    """Read a timespec that says how long, in seconds.  Raises EFAULT, EINVAL."""
    seconds, nanoseconds = process.memory.unpack(TIMESPEC, address)
    if seconds < 0 or not 0 <= nanoseconds < GIGA:
        raise OSError(EINVAL, "timespec")
    return float(seconds + nanoseconds / GIGA)


def _sleep(process: Process, seconds: float, remain: int) -> int:
    left = process.sleep(seconds)
    if left:
        if remain:
            process.memory.pack(TIMESPEC, remain, *divmod(int(left * GIGA), GIGA))
        raise Interrupted
    return 0


@syscall("nanosleep")
def nanosleep(process: Process, req: TimespecIn, rem: TimespecOut) -> int:
    """Linux: nanosleep(2)."""
    return _sleep(process, _duration(process, req), rem)


TIMER_ABSTIME = 1
_NOT_SLEPT_BY = frozenset(
    CLOCKS[f"CLOCK_{name}"] for name in ("THREAD_CPUTIME_ID", "MONOTONIC_RAW", "REALTIME_COARSE", "MONOTONIC_COARSE")
)


@syscall("clock_nanosleep")
def clock_nanosleep(process: Process, clockid: ClockId, flags: Int, request: TimespecIn, remain: TimespecOut) -> int:
    """Linux: clock_nanosleep(2).  Deviation: no dynamic clocks; the process's CPU time is slept for in real time."""
    _check_clock(clockid)
    host.clock_getres(clockid)
    if clockid in _NOT_SLEPT_BY:
        raise OSError(EOPNOTSUPP, "nobody sleeps by this clock")
    seconds = _duration(process, request)
    if flags & TIMER_ABSTIME:
        return _sleep(process, seconds - host.clock_gettime(clockid), 0)
    return _sleep(process, seconds, remain)
