"""What is known of a file beside its content: mode, owner, times, file system, length by name.

In a sandbox these work on what a path was resolved to, an O_PATH descriptor inside a granted directory, and on
descriptors that were opened there; standard streams and other things without a grant give EPERM.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, EISDIR, ENOENT, EPERM, EROFS
from stat import S_ISDIR, S_ISREG, S_ISUID
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.abi import statfs as statfs_abi
from pywasmjit.guest.abi import statx as statx_abi
from pywasmjit.guest.abi.time import GIGA, TIMESPEC, TIMEVAL, UTIME_NOW, UTIME_OMIT
from pywasmjit.guest.files.descriptors import OpenFile, WorkingDirectory
from pywasmjit.guest.files.paths import Place, closing_descriptor, require_open
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


@contextmanager
def _changing(process: Process, start: OpenFile | None, path: bytes, *, follow: bool = True) -> Iterator[Place]:
    """Find what is to be changed.  Raises EROFS in a read-only grant, EPERM for what no grant holds."""
    with process.paths.locate(start, path, follow=follow) as place:
        if place.read_only:
            raise OSError(EROFS, "read-only grant")
        if place.grant is None and not process.policy.everything:
            raise OSError(EPERM, "not in a granted directory")
        yield place


def _changeable(process: Process, file: OpenFile) -> int:
    """Return the host's descriptor of a file that is to be changed.  Raises EROFS, EPERM."""
    if not process.policy.everything:
        if file.grant is None:
            raise OSError(EPERM, "not in a granted directory")
        if file.is_read_only:
            raise OSError(EROFS, "read-only grant")
    return file.host


@contextmanager
def _opened(process: Process, path: bytes) -> Iterator[tuple[int, Place]]:
    """Find what a path names, and open it with O_PATH; -1 for a directory that exists in name only."""
    cwd = process.paths.cwd
    with process.paths.locate(cwd, path) as place:
        if place.virtual or not place.name:
            yield place.dir_fd, place
            return
        file = process.paths.open(cwd, path, abi.O_PATH, 0)
        yield file.host, place


def _check_flags(flags: int, allowed: int, path: bytes) -> None:
    if flags & ~allowed:
        raise OSError(EINVAL, "flags")
    if not path and not flags & abi.AT_EMPTY_PATH:
        raise OSError(ENOENT, "empty path")


# -- mode -------------------------------------------------------------------------------------------------------------


@syscall("chmod", support=_NO_SET_IDS)
def chmod(process: Process, pathname: Path, mode: Unsigned) -> int:
    """Linux: chmod(2)."""
    return _chmod(process, process.paths.cwd, pathname, mode)


@syscall("fchmodat", support=_NO_SET_IDS)
def fchmodat(process: Process, dirfd: DirFd, pathname: Path, mode: Unsigned, flags: AtFlags) -> int:
    """Linux: fchmodat(2); as in the kernel's call of this name, the flags are not looked at."""
    return _chmod(process, dirfd, pathname, mode)


def _chmod(process: Process, start: OpenFile | None, path: bytes, mode: int) -> int:
    with _changing(process, start, path) as place:
        if mode & 0o6000 and not process.attributes.may_set_ids:
            fd, name = place.dir_fd, place.name
            _refuse_set_ids(mode, os.stat(name, dir_fd=fd).st_mode if name else os.fstat(fd).st_mode)
        process.kernel.chmod(place.dir_fd, place.name, mode & 0o7777)
    return 0


@syscall("fchmod", support=_NO_SET_IDS)
def fchmod(process: Process, fd: File, mode: Unsigned) -> int:
    """Linux: fchmod(2)."""
    host = _changeable(process, fd)
    if mode & 0o6000 and not process.attributes.may_set_ids:
        _refuse_set_ids(mode, fd.kind)
    os.fchmod(host, mode & 0o7777)
    return 0


def _refuse_set_ids(mode: int, before: int) -> None:
    """Raise EPERM where whoever executes a file would get the rights of the host's user.

    Directories may have set-group-id, which their files inherit; set-user-id says nothing there, and walls refuse it.
    """
    if mode & S_ISUID or not S_ISDIR(before):
        raise OSError(EPERM, "set-user-id, set-group-id")


@syscall("umask", support=partial("in a sandbox inside a larger program, the host's own mask holds as well"))
def umask(process: Process, mask: Unsigned) -> int:
    """Linux: umask(2)."""
    return process.attributes.umask(mask)


# -- owner ------------------------------------------------------------------------------------------------------------


@syscall("chown")
def chown(process: Process, pathname: Path, owner: Int, group: Int) -> int:
    """Linux: chown(2)."""
    return _chown(process, process.paths.cwd, pathname, owner, group, follow=True)


@syscall("lchown")
def lchown(process: Process, pathname: Path, owner: Int, group: Int) -> int:
    """Linux: lchown(2)."""
    return _chown(process, process.paths.cwd, pathname, owner, group, follow=False)


@syscall("fchownat")
def fchownat(process: Process, dirfd: DirFd, pathname: PathOrEmpty, owner: Int, group: Int, flags: AtFlags) -> int:
    """Linux: fchownat(2)."""
    _check_flags(flags, _EMPTY_OR_NOFOLLOW, pathname)
    return _chown(process, dirfd, pathname, owner, group, follow=not flags & abi.AT_SYMLINK_NOFOLLOW)


def _chown(process: Process, start: OpenFile | None, path: bytes, owner: int, group: int, *, follow: bool) -> int:
    with _changing(process, start, path, follow=follow) as place:
        process.kernel.chown(place.dir_fd, place.name, owner, group, place.flags)
    return 0


@syscall("fchown")
def fchown(process: Process, fd: File, owner: Int, group: Int) -> int:
    """Linux: fchown(2)."""
    # Python takes -1 and numbers up to 2**32 - 1, but no other negative ones.
    numbers = (each if each == -1 else each & 0xFFFF_FFFF for each in (owner, group))
    os.fchown(_changeable(process, fd), *numbers)
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
        process.kernel.utimens(_changeable(process, require_open(start)), None, times, 0)
        return 0
    if flags & ~_EMPTY_OR_NOFOLLOW:
        raise OSError(EINVAL, "utimensat: flags")
    path = process.memory.string(pathname)
    _check_flags(flags, _EMPTY_OR_NOFOLLOW, path)
    with _changing(process, start, path, follow=not flags & abi.AT_SYMLINK_NOFOLLOW) as place:
        process.kernel.utimens(place.dir_fd, place.name, times, place.flags)
    return 0


# -- looking ----------------------------------------------------------------------------------------------------------


@syscall("faccessat2")
def faccessat2(process: Process, dirfd: DirFd, pathname: PathOrEmpty, mode: AccessMode, flags: AtFlags) -> int:
    """Linux: faccessat2(2)."""
    if mode & ~(abi.R_OK | abi.W_OK | abi.X_OK):
        raise OSError(EINVAL, "faccessat2: mode")
    _check_flags(flags, _EMPTY_OR_NOFOLLOW | abi.AT_EACCESS, pathname)
    with process.paths.locate(dirfd, pathname, follow=not flags & abi.AT_SYMLINK_NOFOLLOW) as place:
        if not place.virtual:
            chosen = place.flags | flags & abi.AT_EACCESS
            process.kernel.accessible(place.dir_fd, place.name, mode, chosen)
        if mode & abi.W_OK and place.read_only:
            raise OSError(EROFS, "read-only grant")
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
    with process.paths.locate(dirfd, pathname, follow=not flags & abi.AT_SYMLINK_NOFOLLOW) as place:
        if place.virtual:
            fields = statx_abi.virtual_fields(os.getuid(), os.getgid())
        else:
            chosen = place.flags | flags & ~_EMPTY_OR_NOFOLLOW
            fields = process.kernel.statx(place.dir_fd, place.name, chosen, mask)
    process.memory.pack(statx_abi.STATX, statxbuf, *fields)
    return 0


@syscall("statfs")
def statfs(process: Process, path: Path, buf: StatfsBuffer) -> int:
    """Linux: statfs(2); granted directories that are read-only look like mounts that are."""
    with _opened(process, path) as (fd, place):
        if place.virtual:
            found = statfs_abi.VIRTUAL
        else:
            found = process.kernel.fstatfs(fd)
        return _tell_file_system(process, buf, found, read_only=place.read_only)


@syscall("fstatfs")
def fstatfs(process: Process, fd: File, buf: StatfsBuffer) -> int:
    """Linux: fstatfs(2)."""
    return _tell_file_system(process, buf, process.kernel.fstatfs(fd.host), read_only=fd.is_read_only)


def _tell_file_system(process: Process, buf: int, found: statfs_abi.FileSystem, *, read_only: bool) -> int:
    flags = found.flags | (statfs_abi.ST_RDONLY if read_only else 0)
    process.memory.write(buf, statfs_abi.STATFS.pack(*found[:-1], flags))
    return 0


# -- length by name ---------------------------------------------------------------------------------------------------


@syscall("truncate")
def truncate(process: Process, path: Path, length: Long) -> int:
    """Linux: truncate(2)."""
    if length < 0:
        raise OSError(EINVAL, "truncate: length")
    with _opened(process, path) as (fd, place):
        if place.virtual:
            raise OSError(EISDIR, "a directory")
        _truncate(process, place, fd, length)
    return 0


def _truncate(process: Process, place: Place, fd: int, length: int) -> None:
    mode = os.fstat(fd).st_mode
    if not S_ISREG(mode):
        raise OSError(EISDIR if S_ISDIR(mode) else EINVAL, "no regular file")
    if place.read_only:
        raise OSError(EROFS, "read-only grant")
    try:
        process.kernel.truncate(fd, length)
    except FileNotFoundError:  # no /proc to be seen, as after chroot, where everything is allowed and there is a name
        fd = process.kernel.open(place.dir_fd, place.name, abi.O_WRONLY | abi.O_NONBLOCK, 0)
        with closing_descriptor(fd):
            os.ftruncate(fd, length)
