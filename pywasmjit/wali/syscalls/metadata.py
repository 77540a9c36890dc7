"""What is known of a file beside its content: mode, owner, times, file system, length by name.

In a sandbox these work on what a path was resolved to, an O_PATH descriptor inside a granted directory, and on
descriptors that were opened there; standard streams and other things without a grant give EPERM (`operations`).
"""

from __future__ import annotations

from errno import EINVAL, ENOENT
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.abi import statfs as statfs_abi
from pywasmjit.guest.abi import statx as statx_abi
from pywasmjit.guest.abi.time import GIGA, TIMESPEC, TIMEVAL, UTIME_NOW, UTIME_OMIT
from pywasmjit.guest.files import operations
from pywasmjit.guest.files.descriptors import OpenFile, WorkingDirectory
from pywasmjit.wali.table import (
    DirFd,
    File,
    Flags,
    In,
    Int,
    Long,
    Number,
    Out,
    Path,
    PathOrEmpty,
    Pointer,
    Unsigned,
    partial,
    syscall,
)

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

AtFlags = Annotated[int, Flags(abi.AT_FLAGS)]
AccessMode = Annotated[int, Flags(abi.ACCESS_FLAGS)]
StatfsBuffer = Annotated[Pointer, Out(statfs_abi.SIZE)]
TwoTimes = Annotated[Pointer, In(2 * TIMESPEC.size)]

_EMPTY_OR_NOFOLLOW = abi.AT_EMPTY_PATH | abi.AT_SYMLINK_NOFOLLOW
_NO_SET_IDS = partial("a sandbox refuses set-user-id, and set-group-id on files, with EPERM")


def _check_flags(flags: int, allowed: int, path: bytes) -> None:
    if flags & ~allowed:
        raise OSError(EINVAL, "flags")
    if not path and not flags & abi.AT_EMPTY_PATH:
        raise OSError(ENOENT, "empty path")


# -- mode -------------------------------------------------------------------------------------------------------------


@syscall("chmod", support=_NO_SET_IDS)
def chmod(process: Process, pathname: Path, mode: Unsigned) -> int:
    """Linux: chmod(2)."""
    operations.chmod(process, process.paths.cwd, pathname, mode)
    return 0


@syscall("fchmodat", support=_NO_SET_IDS)
def fchmodat(process: Process, dirfd: DirFd, pathname: Path, mode: Unsigned, flags: AtFlags) -> int:
    """Linux: fchmodat(2); as in the kernel's call of this name, the flags are not looked at."""
    operations.chmod(process, dirfd, pathname, mode)
    return 0


@syscall("fchmod", support=_NO_SET_IDS)
def fchmod(process: Process, fd: File, mode: Unsigned) -> int:
    """Linux: fchmod(2)."""
    operations.fchmod(process, fd, mode)
    return 0


@syscall("umask", support=partial("in a sandbox inside a larger program, the host's own mask holds as well"))
def umask(process: Process, mask: Unsigned) -> int:
    """Linux: umask(2)."""
    return process.attributes.umask(mask)


# -- owner ------------------------------------------------------------------------------------------------------------


@syscall("chown")
def chown(process: Process, pathname: Path, owner: Int, group: Int) -> int:
    """Linux: chown(2)."""
    operations.chown(process, process.paths.cwd, pathname, owner, group, follow=True)
    return 0


@syscall("lchown")
def lchown(process: Process, pathname: Path, owner: Int, group: Int) -> int:
    """Linux: lchown(2)."""
    operations.chown(process, process.paths.cwd, pathname, owner, group, follow=False)
    return 0


@syscall("fchownat")
def fchownat(process: Process, dirfd: DirFd, pathname: PathOrEmpty, owner: Int, group: Int, flags: AtFlags) -> int:
    """Linux: fchownat(2)."""
    _check_flags(flags, _EMPTY_OR_NOFOLLOW, pathname)
    operations.chown(process, dirfd, pathname, owner, group, follow=not flags & abi.AT_SYMLINK_NOFOLLOW)
    return 0


@syscall("fchown")
def fchown(process: Process, fd: File, owner: Int, group: Int) -> int:
    """Linux: fchown(2)."""
    operations.fchown(process, fd, owner, group)
    return 0


# -- times ------------------------------------------------------------------------------------------------------------


@syscall("utimensat")
def utimensat(process: Process, dirfd: DirFd, pathname: Pointer, times: TwoTimes, flags: AtFlags) -> int:
    """Linux: utimensat(2); a path of NULL means `dirfd` itself."""
    wanted = None
    if times:
        wanted = (*process.memory.unpack(TIMESPEC, times), *process.memory.unpack(TIMESPEC, times + TIMESPEC.size))
        if wanted[1] == wanted[3] == UTIME_OMIT:
            return 0
        if any(part not in (UTIME_NOW, UTIME_OMIT) and not 0 <= part < GIGA for part in wanted[1::2]):
            raise OSError(EINVAL, "nanoseconds")
    return _utimens(process, dirfd, pathname, wanted, flags)


@syscall("futimesat")
def futimesat(process: Process, dirfd: DirFd, pathname: Pointer, times: TwoTimes) -> int:
    """Linux: futimesat(2); a path of NULL means `dirfd` itself."""
    return _utimens(process, dirfd, pathname, _timevals(process, times), 0)


@syscall("utimes")
def utimes(process: Process, filename: Pointer, times: TwoTimes) -> int:
    """Linux: utimes(2)."""
    return _utimens(process, process.paths.cwd, filename, _timevals(process, times), 0)


@syscall("utime")
def utime(process: Process, filename: Pointer, times: Annotated[Pointer, In(16)]) -> int:
    """Linux: utime(2)."""
    wanted = None
    if times:
        access, change = process.memory.unpack(TIMEVAL, times)  # two numbers of 8 bytes
        wanted = (access, 0, change, 0)
    return _utimens(process, process.paths.cwd, filename, wanted, 0)


def _timevals(process: Process, address: int) -> tuple[int, ...] | None:
    if not address:
        return None
    first = process.memory.unpack(TIMEVAL, address)
    second = process.memory.unpack(TIMEVAL, address + TIMEVAL.size)
    if not (0 <= first[1] < 1_000_000 and 0 <= second[1] < 1_000_000):
        raise OSError(EINVAL, "microseconds")
    return first[0], first[1] * 1000, second[0], second[1] * 1000


def _utimens(process: Process, start: OpenFile | None, pathname: int, times: tuple[int, ...] | None, flags: int) -> int:
    if not pathname and not isinstance(start, WorkingDirectory):
        if flags:
            raise OSError(EINVAL, "utimensat: flags")
        operations.futimens(process, start, times)
        return 0
    if flags & ~_EMPTY_OR_NOFOLLOW:
        raise OSError(EINVAL, "utimensat: flags")
    path = process.memory.string(pathname)
    _check_flags(flags, _EMPTY_OR_NOFOLLOW, path)
    operations.utimens(process, start, path, times, follow=not flags & abi.AT_SYMLINK_NOFOLLOW)
    return 0


# -- looking ----------------------------------------------------------------------------------------------------------


@syscall("faccessat2")
def faccessat2(process: Process, dirfd: DirFd, pathname: PathOrEmpty, mode: AccessMode, flags: AtFlags) -> int:
    """Linux: faccessat2(2)."""
    if mode & ~(abi.R_OK | abi.W_OK | abi.X_OK):
        raise OSError(EINVAL, "faccessat2: mode")
    _check_flags(flags, _EMPTY_OR_NOFOLLOW | abi.AT_EACCESS, pathname)
    operations.access(process, dirfd, pathname, mode, flags)
    return 0


_STATX_FLAGS = _EMPTY_OR_NOFOLLOW | abi.AT_NO_AUTOMOUNT | statx_abi.AT_STATX_SYNC_TYPE


@syscall("statx")
def statx(
    process: Process,
    dirfd: DirFd,
    pathname: PathOrEmpty,
    flags: AtFlags,
    mask: Annotated[int, Number(signed=False, names=statx_abi.STATX_MASK)],
    statxbuf: Annotated[Pointer, Out(statx_abi.SIZE)],
) -> int:
    """Linux: statx(2)."""
    if mask & statx_abi.STATX_RESERVED or flags & statx_abi.AT_STATX_SYNC_TYPE == statx_abi.AT_STATX_SYNC_TYPE:
        raise OSError(EINVAL, "statx: mask, flags")
    _check_flags(flags, _STATX_FLAGS, pathname)
    fields = operations.statx(process, dirfd, pathname, mask, flags)
    process.memory.pack(statx_abi.STATX, statxbuf, *fields)
    return 0


@syscall("statfs")
def statfs(process: Process, path: Path, buf: StatfsBuffer) -> int:
    """Linux: statfs(2); granted directories that are read-only look like mounts that are."""
    return _tell_file_system(process, buf, operations.statfs(process, path))


@syscall("fstatfs")
def fstatfs(process: Process, fd: File, buf: StatfsBuffer) -> int:
    """Linux: fstatfs(2)."""
    return _tell_file_system(process, buf, operations.fstatfs(process, fd))


def _tell_file_system(process: Process, buf: int, found: statfs_abi.FileSystem) -> int:
    process.memory.write(buf, statfs_abi.STATFS.pack(*found))
    return 0


# -- length by name ---------------------------------------------------------------------------------------------------


@syscall("truncate")
def truncate(process: Process, path: Path, length: Long) -> int:
    """Linux: truncate(2)."""
    if length < 0:
        raise OSError(EINVAL, "truncate: length")
    operations.truncate(process, path, length)
    return 0
