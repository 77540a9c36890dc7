"""Where a guest's path leads, with everything allowed (`HostPaths`) or in a sandbox (`grants.GrantedPaths`).

Both answer the same questions.  `open` opens; `locate` finds what a path names, for stat and its kind; `entry` finds
the directory and the name in it, for calls that make or remove a name.  The answers are `Place`s.  The working
directory is a record like that of any open file, swapped in one step; the process's own is never changed.

Paths start from an open file that was looked up once (`dispatch`).  Whoever holds it, or a place that was found from
it, has it pinned: what was checked there is what is acted on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from errno import EBADF, EBUSY, EEXIST, ELOOP, ENOENT, EROFS
from stat import S_IFDIR, S_IFMT, S_ISLNK
from typing import TYPE_CHECKING, Final, Protocol

from pywasmjit.guest.abi.fcntl import (
    AT_EACCESS,
    AT_FDCWD,
    AT_SYMLINK_NOFOLLOW,
    NO_MAGICLINKS,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_PATH,
    X_OK,
)
from pywasmjit.guest.files.descriptors import OpenFile, WorkingDirectory, hold, holder
from pywasmjit.guest.files.procfs import is_descriptor_directory, own_descriptor, refuse_engine_files
from pywasmjit.guest.hostwide import one_at_a_time
from pywasmjit.guest.kernel.descriptors import move_high
from pywasmjit.guest.kernel.portable_calls import directory
from pywasmjit.records import record

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import Files
    from pywasmjit.guest.files.walk import Grant
    from pywasmjit.guest.kernel.interface import Kernel

MAX_LINKS: Final = 40


@record()
class Place:
    """A host directory and a name in it, to be passed to a call of the *at family; a context that closes it.

    name: a path relative to `dir_fd` as the kernel may resolve it, b"" for `dir_fd` itself.
    flags: AT_SYMLINK_NOFOLLOW if a link is meant itself.  fixed: the name is one that a sandbox has made, so it cannot
    be removed or renamed.  virtual: a directory that exists for the guest alone, `dir_fd` is -1.  pin: what keeps
    `dir_fd`, or a descriptor that `name` speaks of, the file that it is.
    """

    dir_fd: int
    name: bytes = b""
    flags: int = 0
    grant: Grant | None = None
    owned: bool = False
    fixed: bool = False
    virtual: bool = False
    pin: object = None

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        if self.owned:
            os.close(self.dir_fd)

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed here."""
        return self.virtual or (self.grant is not None and self.grant.read_only)

    @property
    def is_dot(self) -> bool:
        """Whether the name is `.` or `..`, which no call can make, remove or rename."""
        return self.name.rstrip(b"/") in (b".", b"..")

    def exists(self) -> bool:
        """Tell whether there is something of this name, be it a link; slashes behind it do not count."""
        if self.virtual:
            return False
        try:
            os.stat(self.name.rstrip(b"/"), dir_fd=directory(self.dir_fd), follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def require_free(self, *, for_directory: bool = False) -> None:
        """Raise what making a name gives where none can be made, in the kernel's order: EEXIST, ENOENT, EROFS.

        for_directory: only a directory's name may end in a slash.
        """
        if self.fixed or (self.read_only and self.exists()):
            raise OSError(EEXIST, "exists")
        if self.read_only and self.name.endswith(b"/") and not for_directory:
            raise OSError(ENOENT, "a directory's name")
        if self.read_only:
            raise OSError(EROFS, "read-only grant")

    def require_writable(self) -> None:
        """Raise EROFS if nothing may be changed here, EBUSY if the name is fixed; `.` and `..` the kernel refuses."""
        if self.fixed:
            raise OSError(EBUSY, "a granted directory itself")
        if self.read_only and not self.is_dot:
            raise OSError(EROFS, "read-only grant")


class Paths(Protocol):
    """What handlers ask; `start` is the file that a relative path starts from, None if the guest's number is none."""

    @property
    def cwd(self) -> WorkingDirectory:
        """The working directory."""

    def open(self, start: OpenFile | None, path: bytes, flags: int, mode: int) -> OpenFile:
        """Open a path with the guest's flags."""

    def locate(self, start: OpenFile | None, path: bytes, *, follow: bool = True) -> Place:
        """Find what a path names; b"" names `start` itself."""

    def entry(self, start: OpenFile | None, path: bytes) -> Place:
        """Find the directory of a path and its last name, which need not exist."""

    def chdir(self, start: OpenFile | None, path: bytes) -> None:
        """Change the working directory; b"" names `start` itself."""

    def getcwd(self) -> bytes:
        """Return the working directory's path.  Raises ENOENT if it was removed."""

    def close(self) -> None:
        """Close what is held open."""


def require_open(start: OpenFile | None) -> OpenFile:
    """Return the file that a path starts from.  Raises EBADF if there is none."""
    if start is None:
        raise OSError(EBADF, "no such descriptor")
    return start


def itself(start: OpenFile | None) -> Place:
    """Return the place that an open file, or the working directory, is itself.  Raises EBADF."""
    file = require_open(start)
    if file.host == AT_FDCWD:
        return Place(AT_FDCWD, b".")
    return Place(file.host, grant=file.grant, virtual=file.host == -1, pin=file)


class HostPaths:
    """The host's file system as it is, but for the engine's own memory and descriptors.

    Paths to the process's descriptors (/dev/fd/3, /dev/stdin, /proc/self/fd/3) mean the guest's.
    """

    def __init__(self, kernel: Kernel, files: Files, cwd: str | None = None) -> None:
        """Start in `cwd`, None for the process's own working directory.  Raises OSError if it cannot be opened."""
        self._kernel, self._files = kernel, files
        self.cwd = _OWN_DIRECTORY
        if cwd is not None:
            self.chdir(self.cwd, os.fsencode(cwd))

    def _base(self, start: OpenFile | None, path: bytes) -> OpenFile:
        return self.cwd if path.startswith(b"/") else require_open(start)

    def open(self, start: OpenFile | None, path: bytes, flags: int, mode: int) -> OpenFile:
        number = own_descriptor(path)
        if number is not None:
            return hold(self._reopen(number, flags))
        base = self._base(start, path)
        fd = self._open(base.host, path, flags, mode)
        try:
            found = os.fstat(fd)
            refuse_engine_files(self._kernel, fd, found, sandbox=False)
        except BaseException:
            os.close(fd)
            raise
        return hold(fd, kind=S_IFMT(found.st_mode))

    def _open(self, base: int, path: bytes, flags: int, mode: int) -> int:
        kernel = self._kernel
        if not kernel.resolves or flags & O_NOFOLLOW:
            return kernel.open(base, path, flags, mode)
        try:
            return kernel.open_resolving(base, path, flags, mode, NO_MAGICLINKS)
        except OSError as error:
            if error.errno != ELOOP:
                raise
        return self._open_magic(base, path, flags, mode)

    def _open_magic(self, base: int, path: bytes, flags: int, mode: int) -> int:
        """Open a path that leads over a magic link: one to a descriptor of ours means the guest's of that number."""
        kernel = self._kernel
        with ExitStack() as directories:
            for _ in range(MAX_LINKS):
                parent, _, name = path.rstrip(b"/").rpartition(b"/")
                above = parent or (b"/" if path.startswith(b"/") else b".")
                base = kernel.open(base, above, O_PATH | O_DIRECTORY, 0)
                directories.callback(os.close, base)
                number = int(name) if name.isdigit() and is_descriptor_directory(base) else own_descriptor(path)
                if number is not None:
                    return self._reopen(number, flags)
                text = None if kernel.is_procfs(base, os.fstat(base)) else link_text(base, name)
                if text is None or path.endswith(b"/"):
                    slash = b"/" if path.endswith(b"/") else b""
                    return kernel.open(base, (name or b".") + slash, flags, mode)
                path = text
        raise OSError(ELOOP, "too many links")

    def _reopen(self, number: int, flags: int) -> int:
        file = self._files.find(number)
        if file is None:
            raise OSError(ENOENT, "no such descriptor")
        return self._kernel.open(AT_FDCWD, b"/proc/self/fd/%d" % file.host, flags, 0)

    def locate(self, start: OpenFile | None, path: bytes, *, follow: bool = True) -> Place:
        if not path:
            return itself(start)
        flags = 0 if follow else AT_SYMLINK_NOFOLLOW
        number = own_descriptor(path)
        file = None if number is None else self._files.find(number)
        if file is not None:
            return Place(AT_FDCWD, b"/proc/self/fd/%d" % file.host, flags, pin=file)
        base = self._base(start, path)
        return Place(base.host, path, flags, pin=base)

    def entry(self, start: OpenFile | None, path: bytes) -> Place:
        base = self._base(start, path)
        return Place(base.host, path, AT_SYMLINK_NOFOLLOW, pin=base)

    def chdir(self, start: OpenFile | None, path: bytes) -> None:
        kernel = self._kernel
        path = path or b"."
        base = self._base(start, path)
        fd = kernel.open(base.host, path, O_PATH | O_DIRECTORY, 0)
        try:
            kernel.access(fd, b"", X_OK, AT_EACCESS)
        except BaseException:
            os.close(fd)
            raise
        fd = move_high(fd)
        self.cwd = WorkingDirectory(fd, S_IFDIR, holder=holder(fd))

    def getcwd(self) -> bytes:
        cwd = self.cwd
        if cwd.host == AT_FDCWD:
            return os.getcwdb()
        if not os.fstat(cwd.host).st_nlink:
            raise OSError(ENOENT, "the working directory was removed")
        with suppress(FileNotFoundError):
            return os.readlink(b"/proc/self/fd/%d" % cwd.host)
        with inside(cwd.host):  # no /proc to be seen, as after chroot
            return os.getcwdb()

    def close(self) -> None:
        self.cwd = _OWN_DIRECTORY


_OWN_DIRECTORY: Final = WorkingDirectory(AT_FDCWD, S_IFDIR)


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Make an open directory the host process's own working directory during a `with`."""
    with one_at_a_time():
        before = os.open(".", os.O_PATH | os.O_DIRECTORY)
        try:
            os.fchdir(fd)
            yield
        finally:
            os.fchdir(before)
            os.close(before)


@contextmanager
def closing_descriptor(fd: int) -> Iterator[None]:
    """Close a descriptor at the end of a `with`."""
    try:
        yield
    finally:
        os.close(fd)


def link_text(dir_fd: int, name: bytes) -> bytes | None:
    """Return what a link says, None if the name is none."""
    with suppress(OSError):
        if S_ISLNK(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            return os.readlink(name, dir_fd=dir_fd)
    return None
