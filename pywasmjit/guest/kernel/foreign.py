"""The raw kernel on machines whose kernels lay out structures in another way than x86-64's does.

Each of these calls uses a buffer of our own, from or to which the fields are moved.  Machines that share the guest's
layouts have `RawKernel` itself, which pays nothing for the difference.
"""

from __future__ import annotations

from ctypes import create_string_buffer
from typing import Final

from pywasmjit.guest.abi.epoll import EPOLL_CTL_DEL, EPOLL_EVENT
from pywasmjit.guest.abi.fcntl import AT_EMPTY_PATH
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.kernel.raw import RawKernel
from pywasmjit.guest.kernel.raw_events import milliseconds

_MOST_EVENTS: Final = 4096
"""So many events are converted at once; a further call brings the rest."""


class ForeignKernel(RawKernel):
    """Host calls for one guest, on a machine whose layouts are not the guest's."""

    def fstat(self, fd: int, address: int) -> None:
        layout = self.machine.stat
        if layout is None:
            PortableKernel.fstat(self, fd, address)
            return
        buffer = create_string_buffer(layout.size)
        self._call("fstat", fd, buffer)
        self.memory.write(address, layout.to_guest(buffer.raw))

    def stat(self, dir_fd: int, name: bytes, address: int, flags: int) -> None:
        layout = self.machine.stat
        if layout is None:
            PortableKernel.stat(self, dir_fd, name, address, flags)
            return
        buffer = create_string_buffer(layout.size)
        self._call("newfstatat", dir_fd, name, buffer, flags if name else flags | AT_EMPTY_PATH)
        self.memory.write(address, layout.to_guest(buffer.raw))

    def epoll_ctl(self, epoll: int, operation: int, fd: int, event: int) -> None:
        argument = None
        if operation != EPOLL_CTL_DEL and event:
            argument = self.machine.epoll_event.pack(*self.memory.unpack(EPOLL_EVENT, event))
        self._call("epoll_ctl", epoll, operation, fd, argument)

    def epoll_wait(self, epoll: int, events: int, count: int, seconds: float) -> int:
        layout = self.machine.epoll_event
        count = min(count, _MOST_EVENTS)
        buffer = create_string_buffer(layout.size * count)
        target = buffer if events else None
        found = self._call("epoll_pwait", epoll, target, count, milliseconds(seconds), None, 8)
        host = buffer.raw[: layout.size * found]
        self.memory.write(events, b"".join(EPOLL_EVENT.pack(*each) for each in layout.iter_unpack(host)))
        return found
