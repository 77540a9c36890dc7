"""Sockets, but for the messages that go through them (`message`).

`process.network` decides what may be made and named; addresses that come from the kernel go through it as well.
"""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EAFNOSUPPORT, EFAULT, EINVAL
from stat import S_IFSOCK, S_ISSOCK
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.guest.abi import socket as abi
from pywasmjit.guest.abi.sockopt import SO_SNDTIMEO
from pywasmjit.guest.abi.time import TIMEVAL
from pywasmjit.guest.files.streams import require_for_callers
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.restart import Restart
from pywasmjit.guest.waiting import READING, WRITING, has_deadline, patiently, socket_timeout, would_block
from pywasmjit.wali.syscalls.pipe import PAIR, enter_pair
from pywasmjit.wali.table import Fd, Flags, In, InOut, Int, Number, Out, Pointer, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

Domain = Annotated[int, Number(names=abi.FAMILIES)]
SocketType = Annotated[int, Flags(abi.SOCK_FLAGS)]
Address = Annotated[Pointer, In("addrlen")]
AddressLength = Annotated[Pointer, InOut(abi.SOCKLEN.size)]

_FLAGS: Final = abi.SOCK_CLOEXEC | abi.SOCK_NONBLOCK
_FIRST_WAIT_US: Final = 20_000

# -- making -----------------------------------------------------------------------------------------------------------


def _kind(type: int, family: int, protocol: int, process: Process) -> int:
    """Check what kind of a socket is wanted, and return its type without flags."""
    kind = type & abi.SOCK_TYPE_MASK
    if type & ~(abi.SOCK_TYPE_MASK | _FLAGS):
        raise OSError(EINVAL, "socket: flags")
    process.network.check_socket(family, kind, protocol)
    return kind


@syscall("socket")
def socket(process: Process, domain: Domain, type: SocketType, protocol: Int) -> int:
    """Linux: socket(2); in a sandbox Unix sockets, and those of IP that a network grant is for."""
    kind = _kind(type, domain, protocol, process)
    host = process.kernel.socket(domain, kind | type & abi.SOCK_NONBLOCK, protocol)
    return process.files.add(host, kind=S_IFSOCK, close_on_exec=bool(type & abi.SOCK_CLOEXEC))


@syscall("socketpair")
def socketpair(
    process: Process, domain: Domain, type: SocketType, protocol: Int, sv: Annotated[Pointer, Out(PAIR.size)]
) -> int:
    """Linux: socketpair(2)."""
    kind = type & abi.SOCK_TYPE_MASK
    if type & ~(abi.SOCK_TYPE_MASK | _FLAGS):
        raise OSError(EINVAL, "socketpair: flags")
    process.memory.view(sv, PAIR.size)
    if domain not in (abi.AF_UNIX, abi.AF_INET, abi.AF_INET6):
        raise OSError(EAFNOSUPPORT, "socketpair: domain")
    pair = process.kernel.socketpair(domain, kind | type & abi.SOCK_NONBLOCK, protocol)
    enter_pair(process, pair, S_IFSOCK, sv, bool(type & abi.SOCK_CLOEXEC))
    return 0


def _require_own(process: Process, fd: int, request: str) -> None:
    """Raise EPERM, and report it, for what would outlast the guest on a socket of its caller's, without a grant."""
    if S_ISSOCK(os.fstat(fd).st_mode):
        require_for_callers(process, fd, Capability.NET, request)


# -- names ------------------------------------------------------------------------------------------------------------


def read_name(process: Process, address: int, size: int) -> bytes:
    """Copy in a socket's address.  Raises EINVAL, EFAULT."""
    if not 0 <= size <= abi.ADDRESS_MAX:
        raise OSError(EINVAL, "addrlen")
    return process.memory.read(address, size)


def write_name(process: Process, name: bytes, address: int, length: int) -> None:
    """Store an address from the kernel, cut to the room that the integer at `length` says, and its whole size there."""
    name = process.network.shown(name)
    (room,) = process.memory.unpack(abi.SOCKLEN, length)
    if room < 0:
        raise OSError(EINVAL, "addrlen")
    process.memory.write(address, name[:room])
    process.memory.pack(abi.SOCKLEN, length, len(name))


@syscall("bind")
def bind(process: Process, sockfd: Fd, addr: Address, addrlen: Int) -> int:
    """Linux: bind(2).  Deviation: in a sandbox the last name of a Unix socket's path has 85 bytes at most."""
    _require_own(process, sockfd, "bind")
    with process.network.own_name(sockfd, read_name(process, addr, addrlen)) as name:
        process.kernel.bind(sockfd, name)
    return 0


@syscall("getsockname")
def getsockname(process: Process, sockfd: Fd, addr: Pointer, addrlen: AddressLength) -> int:
    """Linux: getsockname(2)."""
    write_name(process, process.kernel.socket_name(sockfd), addr, addrlen)
    return 0


@syscall("getpeername")
def getpeername(process: Process, sockfd: Fd, addr: Pointer, addrlen: AddressLength) -> int:
    """Linux: getpeername(2)."""
    write_name(process, process.kernel.peer_name(sockfd), addr, addrlen)
    return 0


# -- connections ------------------------------------------------------------------------------------------------------


@syscall("connect", restart=Restart.ALWAYS)
def connect(process: Process, sockfd: Fd, addr: Address, addrlen: Int) -> int:
    """Linux: connect(2)."""
    _require_own(process, sockfd, "connect")
    with process.network.peer_name(sockfd, read_name(process, addr, addrlen), connecting=True) as name:
        if has_deadline() and os.get_blocking(sockfd):
            _connect_in_slices(process, sockfd, name)
        else:
            process.kernel.connect(sockfd, name)
    return 0


def _connect_in_slices(process: Process, fd: int, name: bytes) -> None:
    """Connect, giving up the wait now and then: a further call goes on with the same attempt."""
    from pywasmjit.runtime.deadlines import check

    kernel = process.kernel
    before = kernel.get_option(fd, abi.SOL_SOCKET, SO_SNDTIMEO, TIMEVAL.size)
    end = monotonic() + socket_timeout(process, fd, WRITING)
    try:
        kernel.set_option(fd, abi.SOL_SOCKET, SO_SNDTIMEO, TIMEVAL.pack(0, _FIRST_WAIT_US))
        while True:
            try:
                return kernel.connect(fd, name)
            except BlockingIOError:
                if monotonic() >= end:
                    raise
                check()
    finally:
        with suppress(OSError):
            kernel.set_option(fd, abi.SOL_SOCKET, SO_SNDTIMEO, before)


@syscall("listen")
def listen(process: Process, sockfd: Fd, backlog: Int) -> int:
    """Linux: listen(2).

    Deviation: where addresses are granted one by one, only a socket that was bound, unless a port that the kernel
    chooses is granted for every address; and what listens already when the program gets it keeps its backlog.
    """
    _require_own(process, sockfd, "listen")
    process.network.listen(sockfd, backlog)
    return 0


@syscall("accept", restart=Restart.ALWAYS)
def accept(process: Process, sockfd: Fd, addr: Pointer, addrlen: AddressLength) -> int:
    """Linux: accept(2)."""
    return _accept(process, sockfd, addr, addrlen, 0)


@syscall("accept4", restart=Restart.ALWAYS)
def accept4(process: Process, sockfd: Fd, addr: Pointer, addrlen: AddressLength, flags: SocketType) -> int:
    """Linux: accept(2)."""
    if flags & ~_FLAGS:
        raise OSError(EINVAL, "accept4: flags")
    return _accept(process, sockfd, addr, addrlen, flags)


def _accept(process: Process, fd: int, address: int, length: int, flags: int) -> int:
    def attempt(dontwait: bool) -> tuple[int, bytes]:
        if dontwait and not _is_readable(process, fd):
            raise would_block()
        return process.kernel.accept(fd, bool(flags & abi.SOCK_NONBLOCK))

    host, name = patiently(process, fd, READING, attempt, dontwait=False)
    try:
        if address:
            if not length:
                raise OSError(EFAULT, "addrlen")
            write_name(process, name, address, length)
    except BaseException:
        os.close(host)
        raise
    return process.files.add(host, kind=S_IFSOCK, close_on_exec=bool(flags & abi.SOCK_CLOEXEC))


def _is_readable(process: Process, fd: int) -> bool:
    from pywasmjit.guest.abi.poll import POLLFD, POLLIN

    return bool(process.kernel.poll(bytearray(POLLFD.pack(fd, POLLIN, 0)), 0))


@syscall("shutdown")
def shutdown(process: Process, sockfd: Fd, how: Annotated[int, Number(names=abi.SHUT_HOW)]) -> int:
    """Linux: shutdown(2)."""
    _require_own(process, sockfd, "shutdown")
    process.kernel.shutdown(sockfd, how)
    return 0


# -- options ----------------------------------------------------------------------------------------------------------

_OPTIONS = partial("options of plain bytes, by a table; any other gives ENOPROTOOPT")
_OPTION_MAX: Final = 1 << 16


@syscall("setsockopt", support=_OPTIONS)
def setsockopt(
    process: Process, sockfd: Fd, level: Int, optname: Int, optval: Annotated[Pointer, In("optlen")], optlen: Int
) -> int:
    """Linux: setsockopt(2)."""
    if optlen < 0:
        raise OSError(EINVAL, "optlen")
    process.network.check_option(sockfd, level, optname)
    _require_own(process, sockfd, "setsockopt")
    process.kernel.set_option(sockfd, level, optname, process.memory.read(optval, min(optlen, _OPTION_MAX)))
    return 0


@syscall("getsockopt", support=_OPTIONS)
def getsockopt(
    process: Process,
    sockfd: Fd,
    level: Int,
    optname: Int,
    optval: Pointer,
    optlen: Annotated[Pointer, InOut(abi.SOCKLEN.size)],
) -> int:
    """Linux: getsockopt(2)."""
    (size,) = process.memory.unpack(abi.SOCKLEN, optlen)
    if size < 0:
        raise OSError(EINVAL, "optlen")
    process.network.check_option(sockfd, level, optname)
    value = process.kernel.get_option(sockfd, level, optname, size)
    process.memory.write(optval, value)
    process.memory.pack(abi.SOCKLEN, optlen, len(value))
    return 0
