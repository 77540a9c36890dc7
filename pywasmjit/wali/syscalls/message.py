"""Messages through sockets, with names and control messages.

A guest's control messages lie at multiples of 4, the kernel's at multiples of 8; they are taken apart and put together
again, and the padding in a header is never read.  Descriptors in them are translated both ways: what arrives is
entered into the guest's table, or closed where there is no room for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import EINVAL, EMSGSIZE, ENOBUFS
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from pywasmjit.guest.abi import socket as abi
from pywasmjit.guest.abi.sockopt import SO_TYPE
from pywasmjit.guest.abi.uio import IOV_MAX, MAX_TRANSFER
from pywasmjit.guest.files.descriptors import OpenFile
from pywasmjit.guest.kernel.sockets import CONTROL_MAX, Parts, Received
from pywasmjit.guest.restart import Restart
from pywasmjit.guest.waiting import READING, WRITING, has_deadline, patiently
from pywasmjit.wali.syscalls.socket import read_name, write_name
from pywasmjit.wali.table import Fd, Flags, In, InOut, Int, Out, Pointer, Size, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

MessageFlags = Annotated[int, Flags(abi.MSG_FLAGS)]

_RIGHTS: Final = (abi.SOL_SOCKET, abi.SCM_RIGHTS)
_PIDFD: Final = (abi.SOL_SOCKET, abi.SCM_PIDFD)
_USUAL_OPTMEM: Final = 1 << 17


def _check_flags(flags: int) -> None:
    if flags & abi.MSG_CMSG_COMPAT:
        raise OSError(EINVAL, "flags")


def _waits(fd: int, flags: int) -> bool:
    """Tell whether a call must go on where a call that does not block has stopped."""
    return not flags & abi.MSG_DONTWAIT and has_deadline() and os.get_blocking(fd)


def _rest(parts: Parts, done: int) -> Parts:
    """Return what is left of pieces of memory after `done` bytes."""
    rest = []
    for address, size in parts:
        skipped = min(done, size)
        done -= skipped
        if size > skipped:
            rest.append((address + skipped, size - skipped))
    return rest


# -- sending ----------------------------------------------------------------------------------------------------------


@syscall("sendto", restart=Restart.ALWAYS)
def sendto(
    process: Process,
    sockfd: Fd,
    buf: Annotated[Pointer, In("size")],
    size: Size,
    flags: MessageFlags,
    dest_addr: Annotated[Pointer, In("addrlen")],
    addrlen: Int,
) -> int:
    """Linux: sendto(2)."""
    _check_flags(flags)
    name = read_name(process, dest_addr, addrlen) if dest_addr else None
    with _peer(process, sockfd, name) as peer:
        return _send(process, sockfd, [(buf, min(size, MAX_TRANSFER))], flags, peer, ())


@syscall("sendmsg", restart=Restart.ALWAYS)
def sendmsg(process: Process, sockfd: Fd, msg: Annotated[Pointer, In(abi.MSGHDR.size)], flags: MessageFlags) -> int:
    """Linux: sendmsg(2)."""
    _check_flags(flags)
    header = _read_header(process, msg)
    name = read_name(process, header.name, header.name_size) if header.name and header.name_size else None
    parts = process.memory.iovecs(header.iov, header.iov_count)
    control, _pinned = _outgoing(process, header)
    with _peer(process, sockfd, name) as peer:
        return _send(process, sockfd, parts, flags, peer, control)


@contextmanager
def _peer(process: Process, fd: int, name: bytes | None) -> Iterator[bytes | None]:
    if name is None:
        yield None
    else:
        with process.network.peer_name(fd, name, connecting=False) as peer:
            yield peer


def _send(
    process: Process,
    fd: int,
    parts: Parts,
    flags: int,
    name: bytes | None,
    control: Sequence[abi.ControlMessage],
) -> int:
    """Send everything as the kernel does it, which goes on after a part has found room."""
    total = sum(size for _, size in parts)
    done = 0
    while True:
        left, first = (_rest(parts, done), ()) if done else (parts, control)

        def attempt(dontwait: bool, left: Parts = left, first: Sequence[abi.ControlMessage] = first) -> int:
            return process.kernel.send(fd, left, flags | (abi.MSG_DONTWAIT if dontwait else 0), name, first)

        try:
            done += patiently(process, fd, WRITING, attempt, dontwait=bool(flags & abi.MSG_DONTWAIT))
        except OSError:
            if not done:
                raise
            return done
        if done >= total or not _waits(fd, flags):
            return done


def _outgoing(process: Process, header: _Header) -> tuple[list[abi.ControlMessage], list[OpenFile]]:
    """Copy in and check control messages; descriptors become the host's.

    Return the messages, and the files that must stay open until they are sent.
    """
    files: list[OpenFile] = []
    if not header.control_size:
        return [], files
    if header.control_size >= _most_control():  # the kernel looks at its limit before it looks at memory
        raise OSError(ENOBUFS, "controllen")
    control = process.memory.read(header.control, header.control_size)
    messages = []
    for message in abi.GUEST_CONTROL.unpack(control):
        process.network.check_control(message)
        if (message.level, message.type) == _PIDFD:
            raise OSError(EINVAL, "control message")
        if (message.level, message.type) == _RIGHTS:
            message = _translated_rights(process, message, files)
        messages.append(message)
    return messages, files


def _translated_rights(process: Process, message: abi.ControlMessage, files: list[OpenFile]) -> abi.ControlMessage:
    """Replace the guest's descriptors by the host's, whose files are added.  Raises EINVAL for too many, EBADF."""
    count = len(message.data) // abi.INT.size
    if count > abi.SCM_MAX_FD:
        raise OSError(EINVAL, "too many descriptors")
    numbers = abi.INT.iter_unpack(message.data[: count * abi.INT.size])
    passed = [process.files.file(number) for (number,) in numbers]
    files += passed
    return abi.ControlMessage(message.level, message.type, b"".join(abi.INT.pack(file.host) for file in passed))


@cache
def _most_control() -> int:
    """Return how many bytes of control messages the kernel takes: its optmem_max, by default what it has since 6.8."""
    try:
        with open("/proc/sys/net/core/optmem_max", "rb") as file:
            return min(int(file.read()), CONTROL_MAX)
    except (OSError, ValueError):  # walls may stand before it; the kernel then has the last word
        return _USUAL_OPTMEM


# -- receiving --------------------------------------------------------------------------------------------------------


@syscall("recvfrom", restart=Restart.ALWAYS)
def recvfrom(
    process: Process,
    sockfd: Fd,
    buf: Annotated[Pointer, Out("size")],
    size: Size,
    flags: MessageFlags,
    src_addr: Pointer,
    addrlen: Annotated[Pointer, InOut(abi.SOCKLEN.size)],
) -> int:
    """Linux: recvfrom(2)."""
    _check_flags(flags)
    size = min(size, MAX_TRANSFER)

    def attempt(dontwait: bool) -> tuple[int, bytes]:
        chosen = flags | (abi.MSG_DONTWAIT if dontwait else 0)
        return process.kernel.receive_from(sockfd, buf, size, chosen, bool(src_addr))

    if flags & abi.MSG_WAITALL and _waits(sockfd, flags):
        received = _receive(process, sockfd, [(buf, size)], flags, 0)
        count, name = received.size, received.name
    else:
        count, name = patiently(process, sockfd, READING, attempt, dontwait=bool(flags & abi.MSG_DONTWAIT))
    if src_addr:
        write_name(process, name, src_addr, addrlen)
    return count


@syscall("recvmsg", restart=Restart.ALWAYS)
def recvmsg(process: Process, sockfd: Fd, msg: Annotated[Pointer, InOut(abi.MSGHDR.size)], flags: MessageFlags) -> int:
    """Linux: recvmsg(2); namelen, controllen and flags of the header are written back."""
    _check_flags(flags)
    header = _read_header(process, msg)
    parts = process.memory.iovecs(header.iov, header.iov_count)
    room = header.control_size if header.control else 0
    process.memory.check(header.control, room)
    process.memory.check(header.name, max(0, min(header.name_size, abi.ADDRESS_MAX)) if header.name else 0)
    received = _receive(process, sockfd, parts, flags, abi.host_room(room) if room else 0)
    control, cut = _incoming(process, received.control, room, bool(flags & abi.MSG_CMSG_CLOEXEC))
    process.memory.write(header.control, control)
    if header.name:
        write_name(process, received.name, header.name, msg + abi.MSGHDR_NAMELEN)
    found = received.flags & ~abi.MSG_CMSG_CLOEXEC | flags & abi.MSG_CMSG_CLOEXEC | (abi.MSG_CTRUNC if cut else 0)
    process.memory.pack(abi.INT, msg + abi.MSGHDR_FLAGS, found)
    process.memory.pack(abi.INT, msg + abi.MSGHDR_CONTROLLEN, len(control))
    return received.size


def _receive(process: Process, fd: int, parts: Parts, flags: int, room: int) -> Received:
    """Receive as the kernel does it, which with MSG_WAITALL fills everything."""
    dontwait_flag = bool(flags & abi.MSG_DONTWAIT)

    def receive(parts: Parts) -> Received:
        def attempt(dontwait: bool) -> Received:
            return process.kernel.receive(fd, parts, flags | (abi.MSG_DONTWAIT if dontwait else 0), room)

        return patiently(process, fd, READING, attempt, dontwait=dontwait_flag)

    first = receive(parts)
    if flags & abi.MSG_PEEK or not flags & abi.MSG_WAITALL or not _waits(fd, flags) or not _is_stream(process, fd):
        return first
    total = sum(size for _, size in parts)
    more = first
    while more.size and first.size < total and not first.control:
        try:
            more = receive(_rest(parts, first.size))
        except OSError:
            break
        first.size += more.size
        first.control = more.control
    return first


def _is_stream(process: Process, fd: int) -> bool:
    kind = process.kernel.get_option(fd, abi.SOL_SOCKET, SO_TYPE, abi.INT.size)
    return int.from_bytes(kind, "little") == abi.SOCK_STREAM


def _incoming(
    process: Process, messages: Sequence[abi.ControlMessage], room: int, close_on_exec: bool
) -> tuple[bytes, bool]:
    """Return control messages as the guest gets them in `room` bytes, and whether something was cut off."""
    kept: list[abi.ControlMessage] = []
    cut = False
    for message in messages:
        place = message.level, message.type
        if place not in (_RIGHTS, _PIDFD):
            kept.append(message)
            continue
        hosts = [host for (host,) in abi.INT.iter_unpack(message.data)]
        places = abi.GUEST_CONTROL.room_for_data(kept, room) // abi.INT.size if place == _RIGHTS else 0
        numbers = _enter(process, hosts, max(0, places), close_on_exec)
        cut = cut or len(numbers) < len(hosts)
        if numbers:
            kept.append(abi.ControlMessage(*_RIGHTS, b"".join(map(abi.INT.pack, numbers))))
    control, cut_more = abi.GUEST_CONTROL.pack_into(kept, room)
    return control, cut or cut_more


def _enter(process: Process, hosts: list[int], places: int, close_on_exec: bool) -> list[int]:
    """Enter received descriptors, as many as have places and fit into the table; close the others."""
    numbers: list[int] = []
    left = iter(hosts)
    try:
        for host in left:
            if len(numbers) == places:
                os.close(host)
                break
            numbers.append(process.files.add(host, close_on_exec=close_on_exec))
    except OSError:
        pass
    for host in left:
        os.close(host)
    return numbers


# -- headers ----------------------------------------------------------------------------------------------------------


class _Header(NamedTuple):
    """A guest's msghdr; addresses may be 0."""

    name: int
    name_size: int
    iov: int
    iov_count: int
    control: int
    control_size: int


def _read_header(process: Process, address: int) -> _Header:
    header = _Header(*process.memory.unpack(abi.MSGHDR, address)[:6])
    if not 0 <= header.iov_count <= IOV_MAX:
        raise OSError(EMSGSIZE, "iovlen")
    if not header.name:
        return header._replace(name_size=0)
    if header.name_size < 0:
        raise OSError(EINVAL, "namelen")
    return header._replace(name_size=min(header.name_size, abi.ADDRESS_MAX))
