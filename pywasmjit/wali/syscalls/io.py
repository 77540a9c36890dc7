"""Reading, writing, and descriptors."""

from __future__ import annotations

import os
from errno import EINVAL
from stat import S_ISCHR, S_ISFIFO, S_ISSOCK
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.abi.socket import INT, SOCK_STREAM, SOL_SOCKET
from pywasmjit.guest.abi.sockopt import SO_TYPE
from pywasmjit.guest.files.descriptors import await_others
from pywasmjit.guest.restart import Restart
from pywasmjit.guest.waiting import has_deadline
from pywasmjit.wali.table import (
    Fd,
    File,
    Flags,
    GuestFd,
    In,
    Int,
    IovecList,
    Long,
    Out,
    Pointer,
    Size,
    Vector,
    syscall,
)

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import OpenFile
    from pywasmjit.guest.process import Process

_PIECE: Final = 4096
"""Bytes that a pipe takes without waiting once it can be written at all."""


@syscall("read", restart=Restart.ALWAYS)
def read(process: Process, fd: Fd, buf: Annotated[Pointer, Out("count")], count: Size) -> int:
    """Linux: read(2)."""
    if count:
        process.wait_readable(fd)
    return process.kernel.read(fd, buf, count)


@syscall("write", restart=Restart.ALWAYS)
def write(process: Process, fd: Fd, buf: Annotated[Pointer, In("count")], count: Size) -> int:
    """Linux: write(2)."""
    if count:
        process.wait_writable(fd)
    if count > _PIECE and _needs_pieces(process, fd):
        return _write_in_pieces(process, fd, [(buf, count)])
    return process.kernel.write(fd, buf, count)


def _needs_pieces(process: Process, fd: int) -> bool:
    """Tell whether a long write could wait past the thread's deadline: no signal ends it inside a larger program."""
    if not has_deadline() or process.signals.host is not None or not os.get_blocking(fd):
        return False
    mode = os.fstat(fd).st_mode
    if S_ISSOCK(mode):
        kind = process.kernel.get_option(fd, SOL_SOCKET, SO_TYPE, INT.size)
        return bool(INT.unpack(kind)[0] == SOCK_STREAM)
    return S_ISFIFO(mode) or S_ISCHR(mode)


def _write_in_pieces(process: Process, fd: int, parts: IovecList) -> int:
    """Write piece by piece, each when there is room for it, as far as that goes."""
    done = 0
    for address, size in parts:
        for at in range(0, size, _PIECE):
            length = min(_PIECE, size - at)
            try:
                process.wait_writable(fd)
                written = process.kernel.write(fd, address + at, length)
            except OSError:
                if done:
                    return done
                raise
            done += written
            if written < length:
                return done
    return done


@syscall("readv", restart=Restart.ALWAYS)
def readv(process: Process, fd: Fd, iov: Annotated[IovecList, Vector("iovcnt")], iovcnt: Int) -> int:
    """Linux: readv(2)."""
    if iov:
        process.wait_readable(fd)
    return process.kernel.readv(fd, iov)


@syscall("writev", restart=Restart.ALWAYS)
def writev(process: Process, fd: Fd, iov: Annotated[IovecList, Vector("iovcnt")], iovcnt: Int) -> int:
    """Linux: writev(2)."""
    if iov:
        process.wait_writable(fd)
    if sum(size for _, size in iov) > _PIECE and _needs_pieces(process, fd):
        return _write_in_pieces(process, fd, iov)
    return process.kernel.writev(fd, iov)


@syscall("pread64", restart=Restart.ALWAYS)
def pread64(process: Process, fd: Fd, buf: Annotated[Pointer, Out("count")], count: Size, offset: Long) -> int:
    """Linux: pread(2)."""
    return process.kernel.pread(fd, buf, count, offset)


@syscall("pwrite64", restart=Restart.ALWAYS)
def pwrite64(process: Process, fd: Fd, buf: Annotated[Pointer, In("count")], count: Size, offset: Long) -> int:
    """Linux: pwrite(2)."""
    return process.kernel.pwrite(fd, buf, count, offset)


@syscall("lseek")
def lseek(process: Process, fd: Fd, offset: Long, whence: Int) -> int:
    """Linux: lseek(2)."""
    return process.kernel.lseek(fd, offset, whence)


@syscall("close")
def close(process: Process, fd: GuestFd) -> int:
    """Linux: close(2)."""
    file = process.files.close(fd)
    process.kernel.close(file.host)
    await_others(file)
    return 0


@syscall("dup")
def dup(process: Process, oldfd: File) -> int:
    """Linux: dup(2)."""
    return process.files.duplicate(oldfd)


@syscall("dup2")
def dup2(process: Process, oldfd: GuestFd, newfd: GuestFd) -> int:
    """Linux: dup2(2)."""
    file = process.files.file(oldfd)
    return newfd if oldfd == newfd else _replace(process, file, newfd, False)


@syscall("dup3")
def dup3(process: Process, oldfd: GuestFd, newfd: GuestFd, flags: Annotated[int, Flags(abi.OPEN_FLAGS)]) -> int:
    """Linux: dup3(2)."""
    if flags & ~abi.O_CLOEXEC or oldfd == newfd:
        raise OSError(EINVAL, "dup3")
    return _replace(process, process.files.file(oldfd), newfd, bool(flags))


def _replace(process: Process, file: OpenFile, number: int, close_on_exec: bool) -> int:
    before = process.files.duplicate_to(file, number, close_on_exec)
    if before is not None:
        process.kernel.close(before.host)
        await_others(before)
    return number


@syscall("ftruncate")
def ftruncate(process: Process, fd: Fd, length: Long) -> int:
    """Linux: ftruncate(2)."""
    os.ftruncate(fd, length)
    return 0


@syscall("fsync")
def fsync(process: Process, fd: Fd) -> int:
    """Linux: fsync(2)."""
    os.fsync(fd)
    return 0


@syscall("fdatasync")
def fdatasync(process: Process, fd: Fd) -> int:
    """Linux: fdatasync(2)."""
    getattr(os, "fdatasync", os.fsync)(fd)
    return 0
