"""Waiting for descriptors, pipes and event descriptors, on Python's `select` and `os`."""

from __future__ import annotations

import os
from errno import EINVAL, ENOSYS
from math import inf
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from pywasmjit.guest.abi.poll import POLLERR, POLLFD, POLLHUP, REVENTS, REVENTS_OFFSET

if TYPE_CHECKING:
    from pywasmjit.guest.abi.fcntl import OpenFlags

Descriptors = list[int]
"""Host descriptors, ascending."""

Event: TypeAlias = tuple[int, int]
"""The events of an epoll_event, and the data that whoever asked for them gave."""

TimerValue: TypeAlias = tuple[int, ...]
"""The fields of `abi.time.ITIMERSPEC`."""

_LONGEST: Final = 1 << 31
"""Most milliseconds that `select` takes at once; who waits for ever asks again."""


class PortableEvents:
    """The part of the kernel interface that waits."""

    open_flags: OpenFlags

    def poll(self, fds: bytearray, seconds: float) -> int:
        import select

        events: dict[int, int] = {}
        for fd, mask, _ in POLLFD.iter_unpack(fds):
            if fd >= 0:
                events[fd] = events.get(fd, 0) | mask & 0xFFFF
        poller = select.poll()
        for fd, mask in events.items():
            poller.register(fd, mask)
        found = dict(poller.poll(None if seconds == inf else min(seconds * 1000, _LONGEST - 1)))
        ready = 0
        for index, (fd, mask, _) in enumerate(POLLFD.iter_unpack(fds)):
            revents = found.get(fd, 0) & (mask & 0xFFFF | POLLERR | POLLHUP)
            REVENTS.pack_into(fds, index * POLLFD.size + REVENTS_OFFSET, revents)
            ready += bool(revents)
        return ready

    def select(
        self, reading: Descriptors, writing: Descriptors, exceptional: Descriptors, seconds: float
    ) -> tuple[Descriptors, Descriptors, Descriptors]:
        import select

        try:
            return select.select(reading, writing, exceptional, None if seconds == inf else min(seconds, _LONGEST))
        except ValueError:
            raise OSError(EINVAL, "a descriptor that select cannot take") from None

    def epoll_create(self) -> int:
        self._absent()

    def epoll_ctl(self, epoll: int, operation: int, fd: int, event: Event | None) -> None:
        self._absent()

    def epoll_wait(self, epoll: int, count: int, seconds: float) -> list[Event]:
        self._absent()

    def pipe(self, flags: int) -> tuple[int, int]:
        flags = self.open_flags.to_host(flags)
        if hasattr(os, "pipe2"):
            return os.pipe2(flags | os.O_CLOEXEC)
        ends = os.pipe()
        if flags & os.O_NONBLOCK:
            for end in ends:
                os.set_blocking(end, False)
        return ends

    def eventfd(self, initial: int, flags: int) -> int:
        if not hasattr(os, "eventfd"):
            self._absent()
        return os.eventfd(initial, flags | os.O_CLOEXEC)

    def timerfd_create(self, clock: int, flags: int) -> int:
        self._absent()

    def timerfd_settime(self, fd: int, flags: int, new: TimerValue) -> TimerValue:
        self._absent()

    def timerfd_gettime(self, fd: int) -> TimerValue:
        self._absent()

    def signalfd(self, fd: int, mask: int, flags: int) -> int:
        self._absent()

    def _absent(self) -> NoReturn:
        raise OSError(ENOSYS, "not without Linux system calls")
