"""Sockets on Python's `socket`: addresses and messages of the families Unix and IP.

Addresses are bytes as Linux lays them out; control messages come apart.  Constants that differ between hosts are
looked up by name, so this part also runs where the kernel is not Linux.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EAFNOSUPPORT, EINVAL
from struct import pack
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pywasmjit.guest.abi import socket as abi
from pywasmjit.guest.abi.sockopt import SO_ACCEPTCONN
from pywasmjit.records import record

if TYPE_CHECKING:
    import socket

    from pywasmjit.guest.memory.guest_memory import GuestMemory

Parts: TypeAlias = "list[tuple[int, int]]"
"""Pieces of linear memory: (address, length)."""

_OPTION_MAX: Final = 1024
CONTROL_MAX: Final = 1 << 20
"""Bytes of control messages that are sent or received at once; no message of the kernel's brings that many."""


@record()
class Received:
    """What recvmsg brought, `size` bytes; descriptors in `control` are new ones of the host's."""

    size: int
    name: bytes
    control: list[abi.ControlMessage]
    flags: int


class PortableSockets:
    """The part of the kernel interface about sockets.  Descriptors are the host's, and close-on-exec."""

    memory: GuestMemory

    def socket(self, family: int, kind: int, protocol: int) -> int:
        import socket

        if family < 0 or protocol < 0:  # Python would choose
            raise OSError(EAFNOSUPPORT if family < 0 else EINVAL, "socket")
        return socket.socket(family, kind, protocol).detach()

    def socketpair(self, family: int, kind: int, protocol: int) -> tuple[int, int]:
        import socket

        one, other = socket.socketpair(family, kind, protocol)
        return one.detach(), other.detach()

    def bind(self, fd: int, name: bytes) -> None:
        with _opened(fd) as socket:
            socket.bind(_place(name, socket.family))

    def connect(self, fd: int, name: bytes) -> None:
        with _opened(fd) as socket:
            socket.connect(_place(name, socket.family))

    def listen(self, fd: int, backlog: int) -> None:
        with _opened(fd) as socket:
            socket.listen(backlog)

    def accept(self, fd: int, nonblock: bool) -> tuple[int, bytes]:
        with _opened(fd) as socket:
            connection, place = socket.accept()
            os.set_blocking(connection.fileno(), not nonblock)
            return connection.detach(), _name(socket.family, place)

    def shutdown(self, fd: int, how: int) -> None:
        with _opened(fd) as socket:
            socket.shutdown(how)

    def socket_name(self, fd: int) -> bytes:
        with _opened(fd) as socket:
            return _name(socket.family, socket.getsockname())

    def peer_name(self, fd: int) -> bytes:
        with _opened(fd) as socket:
            return _name(socket.family, socket.getpeername())

    def send(self, fd: int, parts: Parts, flags: int, name: bytes | None, control: Sequence[abi.ControlMessage]) -> int:
        with _opened(fd) as socket:
            messages = [(each.level, each.type, each.data) for each in control]
            return socket.sendmsg(self._views(parts), messages, flags, _place(name, socket.family) if name else None)

    def receive(self, fd: int, parts: Parts, flags: int, room: int) -> Received:
        with _opened(fd) as socket:
            count, messages, found, place = socket.recvmsg_into(self._views(parts), min(room, CONTROL_MAX), flags)
            control = [abi.ControlMessage(*each) for each in messages]
            return Received(count, _name(socket.family, place), control, found)

    def receive_from(self, fd: int, address: int, size: int, flags: int, named: bool) -> tuple[int, bytes]:
        with _opened(fd) as socket:
            count, place = socket.recvfrom_into(self.memory.view(address, size) if size else bytearray(1), size, flags)
            return count, _name(socket.family, place)

    def _views(self, parts: Parts) -> list[memoryview]:
        return [self.memory.view(*part) for part in parts]

    def get_option(self, fd: int, level: int, option: int, size: int) -> bytes:
        with _opened(fd) as socket:
            return socket.getsockopt(level, option, max(1, min(size, _OPTION_MAX)))[:size]

    def refuses_transfer(self, fd: int) -> bool:
        from stat import S_IFMT, S_ISSOCK

        mode = os.fstat(fd).st_mode
        if S_ISSOCK(mode):
            return any(self.get_option(fd, abi.SOL_SOCKET, SO_ACCEPTCONN, 4))
        if S_IFMT(mode):
            return False
        try:
            return os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:[eventpoll]"
        except OSError:
            return False

    def set_option(self, fd: int, level: int, option: int, value: bytes) -> None:
        with _opened(fd) as socket:
            socket.setsockopt(level, option, value)


@contextmanager
def _opened(fd: int) -> Iterator[socket.socket]:
    """Lend a descriptor to an object of Python's; what is not fit for it gives EINVAL, not an exception of its own."""
    import socket

    lent = socket.socket(fileno=fd)
    try:
        yield lent
    except (TypeError, ValueError, OverflowError):
        raise OSError(EINVAL, "socket call") from None
    finally:
        lent.detach()


# -- addresses: Linux's bytes and Python's tuples ---------------------------------------------------------------------


def _place(name: bytes, wanted: int) -> Any:
    """Return an address as Python's `socket` takes it.  Raises EINVAL; EAFNOSUPPORT for one of another family."""
    import socket

    family = int.from_bytes(name[:2], "little")
    if family != wanted and len(name) >= abi.SOCKADDR_IN_SIZE:
        raise OSError(EINVAL if wanted == socket.AF_UNIX else EAFNOSUPPORT, "address family")
    if family == abi.AF_UNIX and abi.SUN_PATH <= len(name) <= abi.SOCKADDR_UN_SIZE:
        path = name[abi.SUN_PATH :]
        return path if path.startswith(b"\0") else path.partition(b"\0")[0]
    if family == abi.AF_INET and len(name) >= abi.SOCKADDR_IN_SIZE:
        return socket.inet_ntop(socket.AF_INET, name[4:8]), int.from_bytes(name[2:4], "big")
    if family == abi.AF_INET6 and len(name) >= abi.SOCKADDR_IN6_SIZE:
        scope = int.from_bytes(name[24:28], "little")
        flow = int.from_bytes(name[4:8], "big")
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), int.from_bytes(name[2:4], "big"), flow, scope
    raise OSError(EINVAL, "address")


def _name(family: int, place: Any) -> bytes:
    """Return Python's form of an address as Linux's bytes; b"" for none."""
    import socket

    if place is None:
        return b""
    if family == socket.AF_UNIX:
        path = os.fsencode(place)
        end = b"\0" if path and not path.startswith(b"\0") else b""
        return abi.FAMILY.pack(abi.AF_UNIX) + path + end
    if not place:
        return b""
    pton: Callable[[int, str], bytes] = socket.inet_pton
    if family == socket.AF_INET:
        return abi.FAMILY.pack(abi.AF_INET) + pack(">H", place[1]) + pton(family, place[0]) + bytes(8)
    if family == socket.AF_INET6:
        host, port, flow, scope = place
        address = pton(family, host.partition("%")[0])
        return abi.FAMILY.pack(abi.AF_INET6) + pack(">HI", port, flow) + address + pack("<I", scope)
    return b""
