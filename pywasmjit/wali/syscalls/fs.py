"""Files by name: opening, looking, making, removing."""

from __future__ import annotations

from errno import EACCES, EINVAL, ENOENT, ENOTDIR, ERANGE
from stat import S_IFDIR, S_IFREG
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.abi.dirent import pack_dirents
from pywasmjit.guest.abi.stat import SIZE as STAT_SIZE
from pywasmjit.guest.abi.stat import pack_stat
from pywasmjit.guest.files import operations
from pywasmjit.guest.restart import Restart
from pywasmjit.wali.table import (
    DirFd,
    Fd,
    File,
    Flags,
    Int,
    Out,
    Path,
    PathOrEmpty,
    Pointer,
    Size,
    Unsigned,
    syscall,
)

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import OpenFile
    from pywasmjit.guest.process import Process
    from pywasmjit.wali.provider import WaliProcess

OpenFlags = Annotated[int, Flags(abi.OPEN_FLAGS)]
AtFlags = Annotated[int, Flags(abi.AT_FLAGS)]
AccessMode = Annotated[int, Flags(abi.ACCESS_FLAGS)]
StatBuffer = Annotated[Pointer, Out(STAT_SIZE)]


# -- opening ----------------------------------------------------------------------------------------------------------


@syscall("open", restart=Restart.ALWAYS)
def open(process: WaliProcess, pathname: Path, flags: OpenFlags, mode: Unsigned) -> int:
    """Linux: open(2)."""
    return _open(process, process.paths.cwd, pathname, flags, mode)


@syscall("openat", restart=Restart.ALWAYS)
def openat(process: WaliProcess, dirfd: DirFd, pathname: Path, flags: OpenFlags, mode: Unsigned) -> int:
    """Linux: openat(2)."""
    return _open(process, dirfd, pathname, flags, mode)


def _open(process: WaliProcess, start: OpenFile | None, path: bytes, flags: int, mode: int) -> int:
    close_on_exec = bool(flags & abi.O_CLOEXEC)
    if process.environment.names(path) and not flags & abi.O_ACCMODE:
        return process.files.add(process.environment.open(), kind=S_IFREG, close_on_exec=close_on_exec)
    return process.files.enter(
        process.paths.open(start, path, flags, process.attributes.creation_mode(mode)), close_on_exec=close_on_exec
    )


# -- looking ----------------------------------------------------------------------------------------------------------


@syscall("stat")
def stat(process: Process, pathname: Path, statbuf: StatBuffer) -> int:
    """Linux: stat(2)."""
    return _stat(process, process.paths.cwd, pathname, statbuf, follow=True)


@syscall("lstat")
def lstat(process: Process, pathname: Path, statbuf: StatBuffer) -> int:
    """Linux: lstat(2)."""
    return _stat(process, process.paths.cwd, pathname, statbuf, follow=False)


@syscall("fstat")
def fstat(process: Process, fd: Fd, statbuf: StatBuffer) -> int:
    """Linux: fstat(2)."""
    process.memory.write(statbuf, pack_stat(process.kernel.fstat(fd)))
    return 0


_STAT_FLAGS = abi.AT_EMPTY_PATH | abi.AT_SYMLINK_NOFOLLOW | abi.AT_NO_AUTOMOUNT


@syscall("newfstatat", aliases=("fstatat",))
def newfstatat(process: Process, dirfd: DirFd, pathname: PathOrEmpty, statbuf: StatBuffer, flags: AtFlags) -> int:
    """Linux: fstatat(2)."""
    if flags & ~_STAT_FLAGS:
        raise OSError(EINVAL, "fstatat: flags")
    if not pathname and not flags & abi.AT_EMPTY_PATH:
        raise OSError(ENOENT, "empty path")
    return _stat(process, dirfd, pathname, statbuf, follow=not flags & abi.AT_SYMLINK_NOFOLLOW)


def _stat(process: Process, start: OpenFile | None, path: bytes, statbuf: int, *, follow: bool) -> int:
    process.memory.write(statbuf, pack_stat(operations.stat(process, start, path, follow=follow)))
    return 0


@syscall("access")
def access(process: WaliProcess, pathname: Path, mode: AccessMode) -> int:
    """Linux: access(2)."""
    return _access(process, process.paths.cwd, pathname, mode)


@syscall("faccessat")
def faccessat(process: WaliProcess, dirfd: DirFd, pathname: Path, mode: AccessMode, flags: AtFlags) -> int:
    """Linux: faccessat(2); as in the kernel's call of this name, the flags are not looked at (`faccessat2`)."""
    return _access(process, dirfd, pathname, mode)


def _access(process: WaliProcess, start: OpenFile | None, path: bytes, mode: int) -> int:
    if mode & ~(abi.R_OK | abi.W_OK | abi.X_OK):
        raise OSError(EINVAL, "access: mode")
    if process.environment.names(path):
        if mode & ~abi.R_OK:
            raise OSError(EACCES, "read-only")
        return 0
    operations.access(process, start, path, mode, 0)
    return 0


@syscall("readlink")
def readlink(process: Process, pathname: Path, buf: Annotated[Pointer, Out("bufsiz")], bufsiz: Int) -> int:
    """Linux: readlink(2)."""
    return _readlink(process, process.paths.cwd, pathname, buf, bufsiz)


@syscall("readlinkat")
def readlinkat(
    process: Process, dirfd: DirFd, pathname: PathOrEmpty, buf: Annotated[Pointer, Out("bufsiz")], bufsiz: Int
) -> int:
    """Linux: readlinkat(2)."""
    return _readlink(process, dirfd, pathname, buf, bufsiz)


def _readlink(process: Process, start: OpenFile | None, path: bytes, buf: int, size: int) -> int:
    if size <= 0:
        raise OSError(EINVAL, "readlink: size")
    text = operations.readlink(process, start, path)[:size]
    process.memory.write(buf, text)
    return len(text)


@syscall("getdents64", aliases=("getdents",))
def getdents64(process: Process, fd: Fd, dirp: Annotated[Pointer, Out("count")], count: Size) -> int:
    """Linux: getdents64(2)."""
    records = pack_dirents(process.kernel.list_directory(fd, count))
    process.memory.write(dirp, records)
    return len(records)


# -- the working directory --------------------------------------------------------------------------------------------


@syscall("getcwd")
def getcwd(process: Process, buf: Annotated[Pointer, Out("size")], size: Size) -> int:
    """Linux: getcwd(2); the result counts the NUL."""
    text = process.paths.getcwd() + b"\0"
    if len(text) > size:
        raise OSError(ERANGE, "getcwd: size")
    process.memory.write(buf, text)
    return len(text)


@syscall("chdir")
def chdir(process: Process, path: Path) -> int:
    """Linux: chdir(2)."""
    process.paths.chdir(process.paths.cwd, path)
    return 0


@syscall("fchdir")
def fchdir(process: Process, fd: File) -> int:
    """Linux: fchdir(2)."""
    if fd.kind != S_IFDIR:
        raise OSError(ENOTDIR, "no directory")
    process.paths.chdir(fd, b"")
    return 0


# -- making and removing names ----------------------------------------------------------------------------------------


@syscall("mkdir")
def mkdir(process: Process, pathname: Path, mode: Unsigned) -> int:
    """Linux: mkdir(2)."""
    operations.mkdir(process, process.paths.cwd, pathname, mode)
    return 0


@syscall("mkdirat")
def mkdirat(process: Process, dirfd: DirFd, pathname: Path, mode: Unsigned) -> int:
    """Linux: mkdirat(2)."""
    operations.mkdir(process, dirfd, pathname, mode)
    return 0


@syscall("rmdir")
def rmdir(process: Process, pathname: Path) -> int:
    """Linux: rmdir(2)."""
    operations.rmdir(process, process.paths.cwd, pathname)
    return 0


@syscall("unlink")
def unlink(process: Process, pathname: Path) -> int:
    """Linux: unlink(2)."""
    operations.unlink(process, process.paths.cwd, pathname)
    return 0


@syscall("unlinkat")
def unlinkat(process: Process, dirfd: DirFd, pathname: Path, flags: AtFlags) -> int:
    """Linux: unlinkat(2)."""
    if flags & ~abi.AT_REMOVEDIR:
        raise OSError(EINVAL, "unlinkat: flags")
    remove = operations.rmdir if flags else operations.unlink
    remove(process, dirfd, pathname)
    return 0
