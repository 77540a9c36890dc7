"""Descriptors that stand for events: counters, timers, signals.  They are read and written like files."""

from __future__ import annotations

from errno import EINVAL, ENOSYS, EPERM
from typing import TYPE_CHECKING, Annotated

from pywasmjit.wali.abi import events as abi
from pywasmjit.wali.abi.signal import SIGSET
from pywasmjit.wali.abi.time import CLOCKS
from pywasmjit.wali.table import Fd, Flags, GuestFd, In, Number, Out, Pointer, Size, Unsigned, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process

Timer = Annotated[Pointer, Out(abi.ITIMERSPEC_SIZE)]


@syscall("eventfd")
def eventfd(process: Process, initval: Unsigned) -> int:
    """Linux: eventfd(2)."""
    return _eventfd(process, initval, 0)


@syscall("eventfd2")
def eventfd2(process: Process, initval: Unsigned, flags: Annotated[int, Flags(abi.EVENTFD_FLAGS)]) -> int:
    """Linux: eventfd(2)."""
    if flags & ~(abi.EFD_SEMAPHORE | abi.NONBLOCK | abi.CLOEXEC):
        raise OSError(EINVAL, "eventfd2: flags")
    return _eventfd(process, initval, flags)


def _eventfd(process: Process, initial: int, flags: int) -> int:
    host = process.kernel.eventfd(initial, flags & ~abi.CLOEXEC)
    return process.files.add(host, close_on_exec=bool(flags & abi.CLOEXEC))


@syscall("timerfd_create")
def timerfd_create(
    process: Process,
    clockid: Annotated[int, Number(names=CLOCKS)],
    flags: Annotated[int, Flags(abi.TIMERFD_FLAGS)],
) -> int:
    """Linux: timerfd_create(2); in a sandbox no timers that wake the machine."""
    if flags & ~(abi.NONBLOCK | abi.CLOEXEC):
        raise OSError(EINVAL, "timerfd_create: flags")
    if clockid in abi.ALARM_CLOCKS and not process.policy.everything:
        raise OSError(EPERM, "timerfd_create: clock")
    host = process.kernel.timerfd_create(clockid, flags & ~abi.CLOEXEC)
    return process.files.add(host, close_on_exec=bool(flags & abi.CLOEXEC))


@syscall("timerfd_settime")
def timerfd_settime(
    process: Process,
    fd: Fd,
    flags: Annotated[int, Flags(abi.TIMERFD_SETTIME_FLAGS)],
    new_value: Annotated[Pointer, In(abi.ITIMERSPEC_SIZE)],
    old_value: Timer,
) -> int:
    """Linux: timerfd_settime(2)."""
    process.kernel.timerfd_settime(fd, flags, new_value, old_value)
    return 0


@syscall("timerfd_gettime")
def timerfd_gettime(process: Process, fd: Fd, curr_value: Timer) -> int:
    """Linux: timerfd_gettime(2)."""
    process.kernel.timerfd_gettime(fd, curr_value)
    return 0


_NO_SIGNALFD = partial("ENOSYS: programs fall back to handlers")


@syscall("signalfd", support=_NO_SIGNALFD)
def signalfd(process: Process, fd: GuestFd, mask: Annotated[Pointer, In(SIGSET.size)], sizemask: Size) -> int:
    """Linux: signalfd(2).  Deviation: not there."""
    raise OSError(ENOSYS, "signalfd")


@syscall("signalfd4", support=_NO_SIGNALFD)
def signalfd4(
    process: Process,
    fd: GuestFd,
    mask: Annotated[Pointer, In(SIGSET.size)],
    sizemask: Size,
    flags: Annotated[int, Flags(abi.SIGNALFD_FLAGS)],
) -> int:
    """Linux: signalfd4(2).  Deviation: not there."""
    raise OSError(ENOSYS, "signalfd4")
