"""Waiting for descriptors, pipes and event descriptors, on Python's `select` and `os`."""

from __future__ import annotations

import os
from errno import EINVAL, ENOSYS
from math import inf
from typing import TYPE_CHECKING, Final, NoReturn

from pywasmjit.guest.abi.poll import POLLERR, POLLFD, POLLHUP, REVENTS, REVENTS_OFFSET

if TYPE_CHECKING:
    from pywasmjit.guest.abi.fcntl import OpenFlags
    from pywasmjit.guest.memory.guest_memory import GuestMemory

Descriptors = list[int]
"""Host descriptors, ascending."""

_LONGEST: Final = 1 << 31
"""Most milliseconds that `select` takes at once; who waits for ever asks again."""


class PortableEvents:
    """The part of the kernel interface that waits."""

    memory: GuestMemory
    open_flags: OpenFlags

    def poll(self, fds: bytearray, seconds: float) -> int:
        """poll(2) on an array of pollfd with host descriptors; those below 0 are passed over."""
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
        """select(2) on host descriptors; returns those that are ready."""
        import select

        try:
            return select.select(reading, writing, exceptional, None if seconds == inf else min(seconds, _LONGEST))
        except ValueError:
            raise OSError(EINVAL, "a descriptor that select cannot take") from None

    def epoll_create(self) -> int:
        """epoll_create1(2), close-on-exec."""
        self._absent()

    def epoll_ctl(self, epoll: int, operation: int, fd: int, event: int) -> None:
        """epoll_ctl(2); event: the address of a guest's epoll_event."""
        self._absent()

    def epoll_wait(self, epoll: int, events: int, count: int, seconds: float) -> int:
        """epoll_wait(2) into `count` guest epoll_events at the address `events`."""
        self._absent()

    def pipe(self, flags: int) -> tuple[int, int]:
        """pipe2(2), close-on-exec."""
        flags = self.open_flags.to_host(flags)
        if hasattr(os, "pipe2"):
            return os.pipe2(flags | os.O_CLOEXEC)
        ends = os.pipe()
        if flags & os.O_NONBLOCK:
            for end in ends:
                os.set_blocking(end, False)
        return ends

    def eventfd(self, initial: int, flags: int) -> int:
        """eventfd2(2), close-on-exec."""
        if not hasattr(os, "eventfd"):
            self._absent()
        return os.eventfd(initial, flags | os.O_CLOEXEC)

    def timerfd_create(self, clock: int, flags: int) -> int:
        """timerfd_create(2), close-on-exec."""
        self._absent()

    def timerfd_settime(self, fd: int, flags: int, new: int, old: int) -> None:
        """timerfd_settime(2); new, old: addresses of itimerspec."""
        self._absent()

    def timerfd_gettime(self, fd: int, current: int) -> None:
        """timerfd_gettime(2)."""
        self._absent()

    def signalfd(self, fd: int, mask: int, flags: int) -> int:
        """signalfd4(2), close-on-exec; fd: -1 for a new descriptor.  The mask's signals are the kernel's."""
        self._absent()

    def _absent(self) -> NoReturn:
        raise OSError(ENOSYS, "not without Linux system calls")
