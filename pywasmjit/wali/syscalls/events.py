"""Descriptors that stand for events: counters, timers, signals.  They are read and written like files."""

from __future__ import annotations

from errno import EINVAL, ENOSYS, EPERM
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import events as abi
from pywasmjit.guest.abi.signal import SIGSET, SIGSET_SIZE, bit
from pywasmjit.guest.abi.time import CLOCKS, ITIMERSPEC
from pywasmjit.wali.table import Fd, Flags, GuestFd, In, Number, Out, Pointer, Size, Unsigned, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

Timer = Annotated[Pointer, Out(ITIMERSPEC.size)]


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
    return process.files.add(host, kind=0, close_on_exec=bool(flags & abi.CLOEXEC))


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
    return process.files.add(host, kind=0, close_on_exec=bool(flags & abi.CLOEXEC))


@syscall("timerfd_settime")
def timerfd_settime(
    process: Process,
    fd: Fd,
    flags: Annotated[int, Flags(abi.TIMERFD_SETTIME_FLAGS)],
    new_value: Annotated[Pointer, In(ITIMERSPEC.size)],
    old_value: Timer,
) -> int:
    """Linux: timerfd_settime(2)."""
    before = process.kernel.timerfd_settime(fd, flags, process.memory.unpack(ITIMERSPEC, new_value))
    if old_value:
        process.memory.pack(ITIMERSPEC, old_value, *before)
    return 0


@syscall("timerfd_gettime")
def timerfd_gettime(process: Process, fd: Fd, curr_value: Timer) -> int:
    """Linux: timerfd_gettime(2)."""
    process.memory.pack(ITIMERSPEC, curr_value, *process.kernel.timerfd_gettime(fd))
    return 0


_SIGNALFD = partial("ENOSYS inside a larger program; signals 4, 7, 8, 11, 16, 32 and 33 never come")
SignalSet = Annotated[Pointer, In(SIGSET.size)]


@syscall("signalfd", support=_SIGNALFD)
def signalfd(process: Process, fd: GuestFd, mask: SignalSet, sizemask: Size) -> int:
    """Linux: signalfd(2)."""
    return _signalfd(process, fd, mask, sizemask, 0)


@syscall("signalfd4", support=_SIGNALFD)
def signalfd4(
    process: Process,
    fd: GuestFd,
    mask: SignalSet,
    sizemask: Size,
    flags: Annotated[int, Flags(abi.SIGNALFD_FLAGS)],
) -> int:
    """Linux: signalfd(2)."""
    return _signalfd(process, fd, mask, sizemask, flags)


def _signalfd(process: Process, fd: int, mask: int, size: int, flags: int) -> int:
    """Make a descriptor, or change the set of one: what all threads block waits in the kernel, which fills it.

    Inside a larger program blocked signals wait in the engine, where the kernel sees nothing of them.
    """
    if process.signals.host is None:
        raise OSError(ENOSYS, "signalfd")
    from pywasmjit.guest.kernel.host_signals import VIRTUAL

    if size != SIGSET_SIZE or flags & ~(abi.NONBLOCK | abi.CLOEXEC):
        raise OSError(EINVAL, "signalfd")
    signals = process.memory.unpack(SIGSET, mask)[0] & ~sum(bit(number) for number in VIRTUAL)
    if fd != -1:
        file = process.files.file(fd)
        process.kernel.signalfd(file.host, signals, 0)
        return fd
    host = process.kernel.signalfd(-1, signals, flags & ~abi.CLOEXEC)
    return process.files.add(host, kind=0, close_on_exec=bool(flags & abi.CLOEXEC))
