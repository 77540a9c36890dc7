"""What can be done with files by name, and with their metadata: each with the rules of the grants, written once.

The rules: in a read-only grant nothing changes, and errors come in the order of a file system that is mounted so
(`Place.require_free`, `walk.open_in`); a granted directory itself, and what exists in name only, cannot be removed or
renamed; a file of one grant gets no name in another, as if they were file systems; set-id bits are refused; what no
grant holds keeps its mode, owner and times.

`start` is the file that a relative path starts from, None if there is none of that number; flags are the guest's and
known to be allowed.  All raise OSError.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, EISDIR, ENOENT, EPERM, EROFS, EXDEV
from stat import S_IFDIR, S_ISDIR, S_ISLNK, S_ISREG, S_ISUID
from typing import TYPE_CHECKING, Final

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.abi import statfs as statfs_abi
from pywasmjit.guest.abi import statx as statx_abi
from pywasmjit.guest.files.paths import Place, closing_descriptor, require_open
from pywasmjit.guest.kernel.portable_calls import by_descriptor, directory

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import OpenFile
    from pywasmjit.guest.process import Process

_SET_ID_BITS: Final = 0o6000
_MODE_BITS: Final = 0o7777
_BLOCK: Final = 4096

# -- looking ----------------------------------------------------------------------------------------------------------


def stat(process: Process, start: OpenFile | None, path: bytes, *, follow: bool) -> os.stat_result:
    """Return what is known of a file.  follow: whether a link stands for what it leads to."""
    with process.paths.locate(start, path, follow=follow) as place:
        if place.virtual:
            return _virtual_stat()
        return process.kernel.stat(place.dir_fd, place.name, place.flags)


def _virtual_stat() -> os.stat_result:
    """Return the stat of a directory that exists for the guest alone: read-only, empty, of time 0."""
    times = dict.fromkeys(("st_atime_ns", "st_mtime_ns", "st_ctime_ns", "st_blocks", "st_rdev"), 0)
    fields = (S_IFDIR | 0o555, 1, 0, 2, os.getuid(), os.getgid(), 0, 0, 0, 0)
    return os.stat_result(fields, {**times, "st_blksize": _BLOCK})


def statx(process: Process, start: OpenFile | None, path: bytes, mask: int, flags: int) -> tuple[int, ...]:
    """Return the fields of `abi.statx.STATX`.  flags: AT_SYMLINK_NOFOLLOW, and those that the kernel is to see."""
    with process.paths.locate(start, path, follow=not flags & abi.AT_SYMLINK_NOFOLLOW) as place:
        if place.virtual:
            return statx_abi.statx_fields(_virtual_stat())
        passed_on = flags & ~(abi.AT_EMPTY_PATH | abi.AT_SYMLINK_NOFOLLOW)
        return process.kernel.statx(place.dir_fd, place.name, place.flags | passed_on, mask)


def access(process: Process, start: OpenFile | None, path: bytes, mode: int, flags: int) -> None:
    """Raise what denies an access.  flags: AT_EACCESS, AT_SYMLINK_NOFOLLOW."""
    with process.paths.locate(start, path, follow=not flags & abi.AT_SYMLINK_NOFOLLOW) as place:
        if not place.virtual:
            process.kernel.access(place.dir_fd, place.name, mode, place.flags | flags & abi.AT_EACCESS)
        if mode & abi.W_OK and place.read_only:
            raise OSError(EROFS, "read-only grant")


def readlink(process: Process, start: OpenFile | None, path: bytes) -> bytes:
    """Return a link's text."""
    with process.paths.locate(start, path, follow=False) as place:
        if place.virtual or not (place.name or S_ISLNK(os.fstat(place.dir_fd).st_mode)):
            raise OSError(EINVAL if path else ENOENT, "no link")
        return os.readlink(place.name, dir_fd=directory(place.dir_fd))


def statfs(process: Process, path: bytes) -> statfs_abi.FileSystem:
    """Return what is known of the file system that a path leads to."""
    with _opened(process, path) as (fd, place):
        found = statfs_abi.VIRTUAL if place.virtual else process.kernel.fstatfs(fd)
        return _as_granted(found, read_only=place.read_only)


def fstatfs(process: Process, file: OpenFile) -> statfs_abi.FileSystem:
    """Return what is known of the file system that an open file lies in."""
    return _as_granted(process.kernel.fstatfs(file.host), read_only=file.is_read_only)


def _as_granted(found: statfs_abi.FileSystem, *, read_only: bool) -> statfs_abi.FileSystem:
    """Return a file system as one that is mounted read-only if the grant is."""
    return found._replace(flags=found.flags | statfs_abi.ST_RDONLY) if read_only else found


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


# -- making and removing names ----------------------------------------------------------------------------------------


def mkdir(process: Process, start: OpenFile | None, path: bytes, mode: int) -> None:
    """Make a directory."""
    with process.paths.entry(start, path) as place:
        place.require_free(for_directory=True)
        os.mkdir(place.name, process.attributes.creation_mode(mode & _MODE_BITS), dir_fd=directory(place.dir_fd))


def mknod(process: Process, start: OpenFile | None, path: bytes, mode: int, device: int) -> None:
    """Make a file, a FIFO, a socket, a device.  mode: its kind, too.  device: the kernel's 32-bit form."""
    wanted = mode & ~_MODE_BITS | process.attributes.creation_mode(mode & _MODE_BITS)
    with process.paths.entry(start, path) as place:
        place.require_free()
        process.kernel.mknod(place.dir_fd, place.name, wanted, device)


def symlink(process: Process, target: bytes, start: OpenFile | None, path: bytes) -> None:
    """Make a link.  target: its text, which may be anything: it is resolved where it is followed."""
    with process.paths.entry(start, path) as place:
        place.require_free()
        os.symlink(target, place.name, dir_fd=directory(place.dir_fd))


def unlink(process: Process, start: OpenFile | None, path: bytes) -> None:
    """Remove a name that is no directory's."""
    with process.paths.entry(start, path) as place:
        if place.fixed:
            raise OSError(EISDIR, "a granted directory")
        place.require_writable()
        os.unlink(place.name, dir_fd=directory(place.dir_fd))


def rmdir(process: Process, start: OpenFile | None, path: bytes) -> None:
    """Remove an empty directory."""
    with process.paths.entry(start, path) as place:
        place.require_writable()
        os.rmdir(place.name, dir_fd=directory(place.dir_fd))


def link(
    process: Process, old_start: OpenFile | None, old_path: bytes, new_start: OpenFile | None, new_path: bytes,
    *, follow: bool,
) -> None:  # fmt: skip
    """Give a file a second name.  follow: whether a link stands for what it leads to."""
    with (
        process.paths.locate(old_start, old_path, follow=follow) as old,
        process.paths.entry(new_start, new_path) as new,
    ):
        new.require_free()
        if old.grant is not new.grant or old.virtual:
            raise OSError(EXDEV, "another grant")
        if old.grant is not None and not old.name:
            _link_found(process, old, new)
        else:
            flags = abi.AT_SYMLINK_FOLLOW if follow else 0
            process.kernel.link(old.dir_fd, old.name, new.dir_fd, new.name, flags)


def _link_found(process: Process, old: Place, new: Place) -> None:
    """Link what a descriptor stands for; by /proc, for that the kernel asks no capability, and walls let it pass.

    A granted directory itself is beyond a wall, which answers EXDEV before the kernel sees what it is.
    """
    try:
        process.kernel.link(abi.AT_FDCWD, by_descriptor(old.dir_fd), new.dir_fd, new.name, abi.AT_SYMLINK_FOLLOW)
    except OSError as error:
        found = os.fstat(old.dir_fd)
        if error.errno == EXDEV and S_ISDIR(found.st_mode) and found.st_dev == os.fstat(new.dir_fd).st_dev:
            raise OSError(EPERM, "a directory") from None
        raise


def rename(
    process: Process, old_start: OpenFile | None, old_path: bytes, new_start: OpenFile | None, new_path: bytes,
    flags: int = 0,
) -> None:  # fmt: skip
    """Give a file another name.  flags: RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT."""
    with process.paths.entry(old_start, old_path) as old, process.paths.entry(new_start, new_path) as new:
        if old.grant is not new.grant and not (old.fixed or new.fixed):
            raise OSError(EXDEV, "another grant")
        if old.virtual or new.virtual or not (old.is_dot or new.is_dot):  # else the kernel refuses, for a better reason
            old.require_writable()
            new.require_writable()
        process.kernel.rename(old.dir_fd, old.name, new.dir_fd, new.name, flags)


# -- changing what is known of a file ---------------------------------------------------------------------------------


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


def chmod(process: Process, start: OpenFile | None, path: bytes, mode: int) -> None:
    """Change a mode, links followed."""
    with _changing(process, start, path) as place:
        if mode & _SET_ID_BITS and not process.attributes.may_set_ids:
            fd, name = place.dir_fd, place.name
            _refuse_set_ids(mode, os.stat(name, dir_fd=fd).st_mode if name else os.fstat(fd).st_mode)
        process.kernel.chmod(place.dir_fd, place.name, mode & _MODE_BITS)


def fchmod(process: Process, file: OpenFile, mode: int) -> None:
    """Change the mode of an open file."""
    host = _changeable(process, file)
    if mode & _SET_ID_BITS and not process.attributes.may_set_ids:
        _refuse_set_ids(mode, file.kind)
    os.fchmod(host, mode & _MODE_BITS)


def _refuse_set_ids(mode: int, before: int) -> None:
    """Raise EPERM where whoever executes a file would get the rights of the host's user.

    Directories may have set-group-id, which their files inherit; set-user-id says nothing there, and walls refuse it.
    """
    if mode & S_ISUID or not S_ISDIR(before):
        raise OSError(EPERM, "set-user-id, set-group-id")


def chown(process: Process, start: OpenFile | None, path: bytes, owner: int, group: int, *, follow: bool) -> None:
    """Change owner and group; -1 leaves them."""
    with _changing(process, start, path, follow=follow) as place:
        process.kernel.chown(place.dir_fd, place.name, owner, group, place.flags)


def fchown(process: Process, file: OpenFile, owner: int, group: int) -> None:
    """Change owner and group of an open file; -1 leaves them."""
    # Python takes -1 and numbers up to 2**32 - 1, but no other negative ones.
    numbers = (each if each == -1 else each & 0xFFFF_FFFF for each in (owner, group))
    os.fchown(_changeable(process, file), *numbers)


def utimens(
    process: Process, start: OpenFile | None, path: bytes, times: tuple[int, ...] | None, *, follow: bool
) -> None:
    """Set the times of access and change: seconds and nanoseconds each, None for now."""
    with _changing(process, start, path, follow=follow) as place:
        process.kernel.utimens(place.dir_fd, place.name, times, place.flags)


def futimens(process: Process, file: OpenFile | None, times: tuple[int, ...] | None) -> None:
    """Set the times of an open file."""
    process.kernel.utimens(_changeable(process, require_open(file)), None, times, 0)


def truncate(process: Process, path: bytes, length: int) -> None:
    """Set a regular file's length."""
    with _opened(process, path) as (fd, place):
        if place.virtual:
            raise OSError(EISDIR, "a directory")
        mode = os.fstat(fd).st_mode
        if not S_ISREG(mode):
            raise OSError(EISDIR if S_ISDIR(mode) else EINVAL, "no regular file")
        if place.read_only:
            raise OSError(EROFS, "read-only grant")
        try:
            process.kernel.truncate(fd, length)
        except FileNotFoundError:  # no /proc to be seen, as after chroot, where everything is allowed and has a name
            fd = process.kernel.open(place.dir_fd, place.name, abi.O_WRONLY | abi.O_NONBLOCK, 0)
            with closing_descriptor(fd):
                os.ftruncate(fd, length)
