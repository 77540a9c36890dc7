"""Waiting for descriptors: epoll.  The kernel watches the host's descriptors; the data of events is the guest's own.

Behind each guest number stands a host descriptor of its own, so one that the guest closes, duplicates or passes on
leaves or keeps its place in a set just as on Linux.
"""

from __future__ import annotations

from errno import EINVAL
from math import inf
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import epoll as abi
from pywasmjit.guest.abi.signal import SIGSET
from pywasmjit.guest.waiting import read_signal_set, signal_mask, wait
from pywasmjit.wali.table import Fd, Flags, In, Int, Number, Out, Pointer, Size, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

Events = Annotated[Pointer, Out("maxevents", abi.EPOLL_EVENT.size)]


@syscall("epoll_create")
def epoll_create(process: Process, size: Int) -> int:
    """Linux: epoll_create(2)."""
    if size <= 0:
        raise OSError(EINVAL, "epoll_create: size")
    return process.files.add(process.kernel.epoll_create(), kind=0)


@syscall("epoll_create1")
def epoll_create1(process: Process, flags: Annotated[int, Flags(abi.EPOLL_FLAGS)]) -> int:
    """Linux: epoll_create1(2)."""
    if flags & ~abi.EPOLL_CLOEXEC:
        raise OSError(EINVAL, "epoll_create1: flags")
    return process.files.add(process.kernel.epoll_create(), kind=0, close_on_exec=bool(flags))


@syscall("epoll_ctl")
def epoll_ctl(
    process: Process,
    epfd: Fd,
    op: Annotated[int, Number(names=abi.EPOLL_OPERATIONS)],
    fd: Fd,
    event: Pointer,
) -> int:
    """Linux: epoll_ctl(2); event is not looked at where something is removed."""
    wanted = None if op == abi.EPOLL_CTL_DEL else process.memory.unpack(abi.EPOLL_EVENT, event)
    process.kernel.epoll_ctl(epfd, op, fd, wanted)
    return 0


@syscall("epoll_wait")
def epoll_wait(process: Process, epfd: Fd, events: Events, maxevents: Int, timeout: Int) -> int:
    """Linux: epoll_wait(2)."""
    return _wait(process, epfd, events, maxevents, timeout)


@syscall("epoll_pwait")
def epoll_pwait(
    process: Process,
    epfd: Fd,
    events: Events,
    maxevents: Int,
    timeout: Int,
    sigmask: Annotated[Pointer, In(SIGSET.size)],
    sigsetsize: Size,
) -> int:
    """Linux: epoll_pwait(2)."""
    with signal_mask(process, read_signal_set(process, sigmask, sigsetsize)):
        return _wait(process, epfd, events, maxevents, timeout)


def _wait(process: Process, epoll: int, events: int, count: int, timeout_ms: int) -> int:
    if not 0 < count <= abi.MAX_EVENTS:
        raise OSError(EINVAL, "maxevents")
    seconds = timeout_ms / 1000 if timeout_ms >= 0 else inf
    found = wait(process, lambda part: process.kernel.epoll_wait(epoll, count, part), seconds)
    process.memory.write(events, b"".join(abi.EPOLL_EVENT.pack(*each) for each in found))
    return len(found)
