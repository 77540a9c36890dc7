"""Reading, writing, and descriptors."""

from __future__ import annotations

import os
from errno import EINVAL
from typing import TYPE_CHECKING, Annotated

from pywasmjit.wali.abi import fcntl as abi
from pywasmjit.wali.table import (
    Fd,
    Flags,
    GuestFd,
    In,
    Int,
    IovecList,
    Long,
    Out,
    Pointer,
    Restart,
    Size,
    Vector,
    syscall,
)

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process


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
    return process.kernel.write(fd, buf, count)


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
    process.kernel.close(process.files.host(fd))
    process.files.close(fd)
    return 0


@syscall("dup")
def dup(process: Process, oldfd: GuestFd) -> int:
    """Linux: dup(2)."""
    return process.files.duplicate(oldfd)


@syscall("dup2")
def dup2(process: Process, oldfd: GuestFd, newfd: GuestFd) -> int:
    """Linux: dup2(2)."""
    return process.files.duplicate_to(oldfd, newfd)


@syscall("dup3")
def dup3(process: Process, oldfd: GuestFd, newfd: GuestFd, flags: Annotated[int, Flags(abi.OPEN_FLAGS)]) -> int:
    """Linux: dup3(2)."""
    if flags & ~abi.O_CLOEXEC or oldfd == newfd:
        raise OSError(EINVAL, "dup3")
    return process.files.duplicate_to(oldfd, newfd, bool(flags))


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
