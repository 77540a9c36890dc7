"""Sockets by Linux system calls: the kernel gets addresses of linear memory for what is sent and received.

Everything else that it reads or writes (addresses of sockets, headers, control messages) lies in buffers of our own,
so nothing can change between a check and its use.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof, c_int, c_uint, create_string_buffer
from errno import ENOBUFS
from struct import Struct
from typing import Any, Final

from pywasmjit.guest.abi import socket as abi
from pywasmjit.guest.kernel.sockets import CONTROL_MAX, Parts, PortableSockets, Received

_MSGHDR: Final = Struct("=QI4xQQQQi4x")
"""The kernel's msghdr: name, namelen, iov, iovlen, control, controllen, flags."""
_NAMELEN_OFFSET: Final = 8
_CONTROLLEN_OFFSET: Final = 40
_FLAGS_OFFSET: Final = 48
_U32: Final = Struct("=I")
_U64: Final = Struct("=Q")

_OPTION_MAX: Final = 1 << 18


class RawSockets(PortableSockets):
    """The part of the raw kernel about sockets."""

    def _call(self, name: str, *arguments: Any) -> int:
        raise NotImplementedError

    def _pointer(self, address: int) -> Any:
        raise NotImplementedError

    def _iovecs(self, parts: Parts) -> bytes:
        raise NotImplementedError

    def socket(self, family: int, kind: int, protocol: int) -> int:
        return self._call("socket", family, kind | abi.SOCK_CLOEXEC, protocol)

    def socketpair(self, family: int, kind: int, protocol: int) -> tuple[int, int]:
        pair = (c_int * 2)()
        self._call("socketpair", family, kind | abi.SOCK_CLOEXEC, protocol, pair)
        return pair[0], pair[1]

    def bind(self, fd: int, name: bytes) -> None:
        self._call("bind", fd, name, len(name))

    def connect(self, fd: int, name: bytes) -> None:
        self._call("connect", fd, name, len(name))

    def listen(self, fd: int, backlog: int) -> None:
        self._call("listen", fd, backlog)

    def accept(self, fd: int, nonblock: bool) -> tuple[int, bytes]:
        name = create_string_buffer(abi.ADDRESS_MAX)
        size = (c_uint * 1)(abi.ADDRESS_MAX)
        flags = abi.SOCK_CLOEXEC | (abi.SOCK_NONBLOCK if nonblock else 0)
        connection = self._call("accept4", fd, name, size, flags)
        return connection, name.raw[: size[0]]

    def shutdown(self, fd: int, how: int) -> None:
        self._call("shutdown", fd, how)

    def socket_name(self, fd: int) -> bytes:
        return self._name("getsockname", fd)

    def peer_name(self, fd: int) -> bytes:
        return self._name("getpeername", fd)

    def _name(self, call: str, fd: int) -> bytes:
        name = create_string_buffer(abi.ADDRESS_MAX)
        size = (c_uint * 1)(abi.ADDRESS_MAX)
        self._call(call, fd, name, size)
        return name.raw[: size[0]]

    def send(self, fd: int, parts: Parts, flags: int, name: bytes | None, control: Sequence[abi.ControlMessage]) -> int:
        if len(parts) == 1 and not control:
            address, size = parts[0]
            return self._call("sendto", fd, self._pointer(address), size, flags, name, len(name) if name else 0)
        packed = abi.HOST_CONTROL.pack(control)
        if len(packed) > CONTROL_MAX:
            raise OSError(ENOBUFS, "control messages")
        buffers = [create_string_buffer(each, max(1, len(each))) for each in (name or b"", self._iovecs(parts), packed)]
        lengths = len(name) if name else 0, len(parts), len(packed)
        return self._call("sendmsg", fd, _header(buffers, lengths), flags)

    def receive(self, fd: int, parts: Parts, flags: int, room: int) -> Received:
        room = min(room, CONTROL_MAX)
        iovecs = self._iovecs(parts)
        name, control = create_string_buffer(abi.ADDRESS_MAX), create_string_buffer(max(1, room))
        buffers = [name, create_string_buffer(iovecs, max(1, len(iovecs))), control]
        header = create_string_buffer(_header(buffers, (abi.ADDRESS_MAX, len(parts), room)))
        size = self._call("recvmsg", fd, header, flags | abi.MSG_CMSG_CLOEXEC)
        (name_size,) = _U32.unpack_from(header, _NAMELEN_OFFSET)
        (used,) = _U64.unpack_from(header, _CONTROLLEN_OFFSET)
        (found,) = _U32.unpack_from(header, _FLAGS_OFFSET)
        messages = list(abi.HOST_CONTROL.unpack(control.raw[:used]))
        return Received(size, name.raw[: min(name_size, abi.ADDRESS_MAX)], messages, found)

    def receive_from(self, fd: int, address: int, size: int, flags: int, named: bool) -> tuple[int, bytes]:
        if not named:
            return self._call("recvfrom", fd, self._pointer(address), size, flags, None, None), b""
        name = create_string_buffer(abi.ADDRESS_MAX)
        name_size = (c_uint * 1)(abi.ADDRESS_MAX)
        count = self._call("recvfrom", fd, self._pointer(address), size, flags, name, name_size)
        return count, name.raw[: name_size[0]]

    def get_option(self, fd: int, level: int, option: int, size: int) -> bytes:
        size = min(size, _OPTION_MAX)
        value = create_string_buffer(max(1, size))
        used = (c_int * 1)(size)
        self._call("getsockopt", fd, level, option, value, used)
        return value.raw[: used[0]]

    def set_option(self, fd: int, level: int, option: int, value: bytes) -> None:
        self._call("setsockopt", fd, level, option, value, len(value))


def _header(buffers: Sequence[Any], lengths: tuple[int, int, int]) -> bytes:
    """Return a msghdr; buffers, which must live as long: name, iovecs, control."""
    name, iovecs, control = (addressof(each) if length else 0 for each, length in zip(buffers, lengths, strict=True))
    return _MSGHDR.pack(name, lengths[0], iovecs, lengths[1], control, lengths[2], 0)
