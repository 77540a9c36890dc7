"""Waiting for descriptors, and event descriptors, by Linux system calls.  EINTR comes back at once."""

from __future__ import annotations

import os
from ctypes import Array, c_char, c_int, create_string_buffer
from math import inf
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.guest.abi.fcntl import O_CLOEXEC
from pywasmjit.guest.abi.poll import POLLFD
from pywasmjit.guest.abi.select import members, pack_set
from pywasmjit.guest.abi.signal import SIGSET, SIGSET_SIZE
from pywasmjit.guest.abi.time import GIGA, ITIMERSPEC, TIMESPEC
from pywasmjit.guest.kernel.events import Descriptors, Event, PortableEvents, TimerValue

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.machines import Machine

_LONGEST: Final = 1e9
_LONGEST_MS: Final = 0x7FFF_FFFF
_MOST_EVENTS: Final = 4096
"""So many events come at once; a further call brings the rest."""


class RawEvents(PortableEvents):
    """The part of the raw kernel that waits."""

    machine: Machine

    def _call(self, name: str, *arguments: Any) -> int:
        raise NotImplementedError

    def poll(self, fds: bytearray, seconds: float) -> int:
        array = (c_char * len(fds)).from_buffer(fds)
        return self._call("ppoll", array, len(fds) // POLLFD.size, _timespec(seconds), None, 8)

    def select(
        self, reading: Descriptors, writing: Descriptors, exceptional: Descriptors, seconds: float
    ) -> tuple[Descriptors, Descriptors, Descriptors]:
        wanted = (reading, writing, exceptional)
        nfds = max((each[-1] for each in wanted if each), default=-1) + 1
        buffers = [create_string_buffer(pack_set(each, nfds)) if each else None for each in wanted]
        self._call("pselect6", nfds, *buffers, _timespec(seconds), None)
        found = [list(members(buffer.raw, nfds)) if buffer is not None else [] for buffer in buffers]
        return found[0], found[1], found[2]

    def epoll_create(self) -> int:
        return self._call("epoll_create1", os.O_CLOEXEC)

    def epoll_ctl(self, epoll: int, operation: int, fd: int, event: Event | None) -> None:
        packed = None if event is None else self.machine.epoll_event.pack(*event)
        self._call("epoll_ctl", epoll, operation, fd, packed)

    def epoll_wait(self, epoll: int, count: int, seconds: float) -> list[Event]:
        layout = self.machine.epoll_event
        buffer = create_string_buffer(layout.size * min(count, _MOST_EVENTS))
        found = self._call(
            "epoll_pwait", epoll, buffer, min(count, _MOST_EVENTS), milliseconds(seconds), None, SIGSET_SIZE
        )
        return list(layout.iter_unpack(buffer.raw[: layout.size * found]))

    def pipe(self, flags: int) -> tuple[int, int]:
        ends = (c_int * 2)()
        self._call("pipe2", ends, self.open_flags.to_host(flags | O_CLOEXEC))
        return ends[0], ends[1]

    def eventfd(self, initial: int, flags: int) -> int:
        return self._call("eventfd2", initial, flags | os.O_CLOEXEC)

    def timerfd_create(self, clock: int, flags: int) -> int:
        return self._call("timerfd_create", clock, flags | os.O_CLOEXEC)

    def timerfd_settime(self, fd: int, flags: int, new: TimerValue) -> TimerValue:
        before = create_string_buffer(ITIMERSPEC.size)
        self._call("timerfd_settime", fd, flags, ITIMERSPEC.pack(*new), before)
        return ITIMERSPEC.unpack(before)

    def timerfd_gettime(self, fd: int) -> TimerValue:
        current = create_string_buffer(ITIMERSPEC.size)
        self._call("timerfd_gettime", fd, current)
        return ITIMERSPEC.unpack(current)

    def signalfd(self, fd: int, mask: int, flags: int) -> int:
        return self._call("signalfd4", fd, SIGSET.pack(mask), SIGSET_SIZE, flags | os.O_CLOEXEC)


def milliseconds(seconds: float) -> int:
    """Return a time to wait as epoll_wait takes it, rounded up; -1 for ever."""
    return -1 if seconds == inf else min(_LONGEST_MS, -int(-seconds * 1000 // 1))


def _timespec(seconds: float) -> Array[c_char] | None:
    """Return a timespec, which the kernel changes; rounded up, so that no wait ends early; None for ever."""
    if seconds == inf:
        return None
    nanoseconds = -int(-min(seconds, _LONGEST) * GIGA // 1)
    return create_string_buffer(TIMESPEC.pack(*divmod(nanoseconds, GIGA)))
