"""Waiting for descriptors, and event descriptors, by Linux system calls.  EINTR comes back at once."""

from __future__ import annotations

import os
from ctypes import Array, c_char, create_string_buffer
from math import inf
from struct import Struct
from typing import Any, Final

from pywasmjit.wali.abi.epoll import EPOLL_CTL_DEL, EPOLL_EVENT
from pywasmjit.wali.abi.poll import POLLFD
from pywasmjit.wali.abi.select import members, pack_set
from pywasmjit.wali.abi.signal import SIGSET, SIGSET_SIZE
from pywasmjit.wali.abi.time import GIGA, TIMESPEC
from pywasmjit.wali.kernel.events import Descriptors, PortableEvents

_HOST_EVENT: Final = EPOLL_EVENT if os.uname().machine == "x86_64" else Struct("=I4xQ")
"""The host's epoll_event: packed on x86-64 alone."""
_LONGEST: Final = 1e9
_LONGEST_MS: Final = 0x7FFF_FFFF
_MOST_EVENTS: Final = 4096
"""So many events are converted at once; a further call brings the rest."""


class RawEvents(PortableEvents):
    """The part of the raw kernel that waits."""

    def _call(self, name: str, *arguments: Any) -> int:
        raise NotImplementedError

    def _pointer(self, address: int) -> Any:
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

    def epoll_ctl(self, epoll: int, operation: int, fd: int, event: int) -> None:
        if operation == EPOLL_CTL_DEL or _HOST_EVENT is EPOLL_EVENT:
            argument: Any = self._pointer(event)
        else:
            argument = _HOST_EVENT.pack(*self.memory.unpack(EPOLL_EVENT, event))
        self._call("epoll_ctl", epoll, operation, fd, argument)

    def epoll_wait(self, epoll: int, events: int, count: int, seconds: float) -> int:
        timeout = -1 if seconds == inf else min(_LONGEST_MS, -int(-seconds * 1000 // 1))
        if _HOST_EVENT is EPOLL_EVENT:
            return self._call("epoll_pwait", epoll, self._pointer(events), count, timeout, None, 8)
        count = min(count, _MOST_EVENTS)
        buffer = create_string_buffer(_HOST_EVENT.size * count)
        found = self._call("epoll_pwait", epoll, buffer, count, timeout, None, 8)
        host = buffer.raw[: _HOST_EVENT.size * found]
        self.memory.write(events, b"".join(EPOLL_EVENT.pack(*each) for each in _HOST_EVENT.iter_unpack(host)))
        return found

    def eventfd(self, initial: int, flags: int) -> int:
        return self._call("eventfd2", initial, flags | os.O_CLOEXEC)

    def timerfd_create(self, clock: int, flags: int) -> int:
        return self._call("timerfd_create", clock, flags | os.O_CLOEXEC)

    def timerfd_settime(self, fd: int, flags: int, new: int, old: int) -> None:
        self._call("timerfd_settime", fd, flags, self._pointer(new), self._pointer(old))

    def timerfd_gettime(self, fd: int, current: int) -> None:
        self._call("timerfd_gettime", fd, self._pointer(current))

    def signalfd(self, fd: int, mask: int, flags: int) -> int:
        return self._call("signalfd4", fd, SIGSET.pack(mask), SIGSET_SIZE, flags | os.O_CLOEXEC)


def _timespec(seconds: float) -> Array[c_char] | None:
    """Return a timespec, which the kernel changes; rounded up, so that no wait ends early; None for ever."""
    if seconds == inf:
        return None
    nanoseconds = -int(-min(seconds, _LONGEST) * GIGA // 1)
    return create_string_buffer(TIMESPEC.pack(*divmod(nanoseconds, GIGA)))
