"""<sys/socket.h>, <sys/un.h>, <netinet/in.h>: addresses, messages, control messages.

Constants and addresses are the same on every Linux that we run on (x86-64, aarch64, riscv64, loongarch64); a guest's
msghdr and the alignment of its control messages are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from errno import EINVAL
from struct import Struct
from typing import Final

from pywasmjit.records import record

AF_UNSPEC: Final = 0
AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 10
AF_NETLINK: Final = 16
AF_PACKET: Final = 17

FAMILIES: Final[dict[str, int]] = {
    "AF_UNSPEC": AF_UNSPEC,
    "AF_UNIX": AF_UNIX,
    "AF_INET": AF_INET,
    "AF_INET6": AF_INET6,
    "AF_NETLINK": AF_NETLINK,
    "AF_PACKET": AF_PACKET,
    "AF_VSOCK": 40,
}

SOCK_STREAM: Final = 1
SOCK_DGRAM: Final = 2
SOCK_RAW: Final = 3
SOCK_SEQPACKET: Final = 5
SOCK_NONBLOCK: Final = 0o4000
SOCK_CLOEXEC: Final = 0o2000000
SOCK_TYPE_MASK: Final = 0xF

SOCK_FLAGS: Final[dict[str, int]] = {"SOCK_CLOEXEC": SOCK_CLOEXEC, "SOCK_NONBLOCK": SOCK_NONBLOCK}

IPPROTO_TCP: Final = 6
IPPROTO_UDP: Final = 17

MSG_CTRUNC: Final = 0x8
MSG_PEEK: Final = 0x2
MSG_DONTWAIT: Final = 0x40
MSG_WAITALL: Final = 0x100
MSG_CMSG_CLOEXEC: Final = 0x40000000
MSG_CMSG_COMPAT: Final = 0x80000000
"""The kernel's own mark for 32-bit programs."""

MSG_FLAGS: Final[dict[str, int]] = {
    "MSG_OOB": 0x1,
    "MSG_PEEK": MSG_PEEK,
    "MSG_DONTROUTE": 0x4,
    "MSG_CTRUNC": MSG_CTRUNC,
    "MSG_TRUNC": 0x20,
    "MSG_DONTWAIT": MSG_DONTWAIT,
    "MSG_EOR": 0x80,
    "MSG_WAITALL": MSG_WAITALL,
    "MSG_CONFIRM": 0x800,
    "MSG_ERRQUEUE": 0x2000,
    "MSG_NOSIGNAL": 0x4000,
    "MSG_MORE": 0x8000,
    "MSG_FASTOPEN": 0x20000000,
    "MSG_CMSG_CLOEXEC": MSG_CMSG_CLOEXEC,
}

SHUT_HOW: Final[dict[str, int]] = {"SHUT_RD": 0, "SHUT_WR": 1, "SHUT_RDWR": 2}

# -- addresses --------------------------------------------------------------------------------------------------------

ADDRESS_MAX: Final = 128
"""Size of sockaddr_storage."""
FAMILY: Final = Struct("<H")
SOCKADDR_IN: Final = Struct(">HHI")
"""What matters of sockaddr_in; sin_family is little-endian, see `FAMILY`."""
SOCKADDR_IN_SIZE: Final = 16
SOCKADDR_IN6: Final = Struct(">HHI16s")
SOCKADDR_IN6_SIZE: Final = 24
"""Smallest sockaddr_in6 that the kernel takes; with the scope it has 28 bytes."""
SOCKADDR_UN_SIZE: Final = 110
SUN_PATH: Final = 2
"""Offset of sun_path."""

# -- messages ---------------------------------------------------------------------------------------------------------

MSGHDR: Final = Struct("<IiIi4xII4xi")
"""A guest's msghdr, 36 bytes: name, namelen, iov, iovlen, control, controllen, flags."""
MSGHDR_NAMELEN: Final = 4
MSGHDR_CONTROLLEN: Final = 24
MSGHDR_FLAGS: Final = 32
SOCKLEN: Final = Struct("<i")

SOL_SOCKET: Final = 1
SOL_IP: Final = 0
SOL_IPV6: Final = 41
SOL_TCP: Final = 6
SOL_UDP: Final = 17

SCM_RIGHTS: Final = 1
SCM_CREDENTIALS: Final = 2
SCM_PIDFD: Final = 4
SCM_MAX_FD: Final = 253
UCRED: Final = Struct("<iII")
INT: Final = Struct("<i")

_HEADER_SIZE: Final = 16


@record(frozen=True)
class ControlMessage:
    """One control message; data: what follows the header, without padding."""

    level: int
    type: int
    data: bytes


@record(frozen=True)
class ControlLayout:
    """How control messages lie in memory: a header of 16 bytes, and each next one at a multiple of `alignment`."""

    header: Struct
    alignment: int

    def _aligned(self, size: int) -> int:
        return size + self.alignment - 1 & -self.alignment

    def space(self, size: int) -> int:
        """Return how much room a message with `size` bytes of data takes."""
        return _HEADER_SIZE + self._aligned(size)

    def unpack(self, control: bytes) -> Iterator[ControlMessage]:
        """Yield the messages as the kernel finds them.  Raises EINVAL for a length that cannot be."""
        at = 0
        while at + _HEADER_SIZE <= len(control):
            length, level, type = self.header.unpack_from(control, at)
            if not _HEADER_SIZE <= length <= len(control) - at:
                raise OSError(EINVAL, "cmsg_len")
            yield ControlMessage(level, type, control[at + _HEADER_SIZE : at + length])
            at += self._aligned(length)

    def pack(self, messages: Iterable[ControlMessage]) -> bytes:
        """Return the messages one after the other, each padded."""
        return b"".join(self._packed(each) for each in messages)

    def _packed(self, message: ControlMessage) -> bytes:
        size = len(message.data)
        header = self.header.pack(_HEADER_SIZE + size, message.level, message.type)
        return header + message.data + bytes(self._aligned(size) - size)

    def pack_into(self, messages: Iterable[ControlMessage], room: int) -> tuple[bytes, bool]:
        """Return the messages as the kernel puts them into `room` bytes, and whether something was cut off."""
        control = b""
        cut = False
        for message in messages:
            left = room - len(control)
            if left < _HEADER_SIZE:
                cut = True
                continue
            size = min(len(message.data), left - _HEADER_SIZE)
            cut = cut or size < len(message.data)
            packed = self._packed(ControlMessage(message.level, message.type, message.data[:size]))
            control += packed[:left]
        return control, cut

    def room_for_data(self, messages: Iterable[ControlMessage], room: int) -> int:
        """Return how many bytes of data one more message could have after `messages`, below 0 if it has no place."""
        used = sum(self.space(len(each.data)) for each in messages)
        return room - used - _HEADER_SIZE


GUEST_CONTROL: Final = ControlLayout(Struct("<I4xii"), 4)
"""cmsg_len has 4 bytes and 4 of padding, which are nobody's; the next header is at a multiple of 4."""
HOST_CONTROL: Final = ControlLayout(Struct("=Qii"), 8)


def host_room(room: int) -> int:
    """Return how much room the kernel needs for as many messages as a guest may have in `room` bytes."""
    return room + (room // _HEADER_SIZE + 1) * (HOST_CONTROL.alignment - GUEST_CONTROL.alignment)
