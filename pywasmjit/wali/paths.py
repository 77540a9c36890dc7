"""Where a guest's path leads, with everything allowed (`HostPaths`) or in a sandbox (`grants.GrantedPaths`).

Both answer the same questions.  `open` opens; `locate` finds what a path names, for stat and its kind; `entry` finds
the directory and the name in it, for calls that make or remove a name.  The answers are `Place`s.  The working
directory is a descriptor of the engine's; the process's own is never changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from errno import EBUSY, ELOOP, ENOENT, EROFS
from stat import S_ISLNK
from typing import TYPE_CHECKING, Final, Protocol

from pywasmjit.records import record
from pywasmjit.wali.abi.fcntl import AT_FDCWD, AT_SYMLINK_NOFOLLOW, NO_MAGICLINKS, O_DIRECTORY, O_NOFOLLOW, O_PATH, X_OK
from pywasmjit.wali.files import Origin, move_high
from pywasmjit.wali.procfs import is_descriptor_directory, own_descriptor, refuse_engine_files

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process
    from pywasmjit.wali.walk import Grant

MAX_LINKS: Final = 40


@record()
class Place:
    """A host directory and a name in it, to be passed to a call of the *at family; a context that closes it.

    name: a path relative to `dir_fd` as the kernel may resolve it, b"" for `dir_fd` itself.
    flags: AT_SYMLINK_NOFOLLOW if a link is meant itself.  fixed: the name is one that a sandbox has made, so it cannot
    be removed or renamed.  virtual: a directory that exists for the guest alone, `dir_fd` is -1.
    """

    dir_fd: int
    name: bytes = b""
    flags: int = 0
    grant: Grant | None = None
    owned: bool = False
    fixed: bool = False
    virtual: bool = False

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        if self.owned:
            os.close(self.dir_fd)

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed here."""
        return self.virtual or (self.grant is not None and self.grant.read_only)

    def require_writable(self) -> None:
        """Raise EROFS if nothing may be changed here, EBUSY if the name is fixed."""
        if self.fixed:
            raise OSError(EBUSY, "a granted directory itself")
        if self.read_only:
            raise OSError(EROFS, "read-only grant")


class Paths(Protocol):
    """What handlers ask; `dir_fd` is the guest's number or AT_FDCWD."""

    def open(self, dir_fd: int, path: bytes, flags: int, mode: int) -> tuple[int, Origin | None]:
        """Open a path with the guest's flags; return the host's descriptor."""

    def locate(self, dir_fd: int, path: bytes, *, follow: bool = True) -> Place:
        """Find what a path names; b"" names `dir_fd` itself."""

    def entry(self, dir_fd: int, path: bytes) -> Place:
        """Find the directory of a path and its last name, which need not exist."""

    @property
    def cwd_fd(self) -> int | None:
        """The working directory, open; None if it is the host process's own, or exists in name only."""

    def chdir(self, dir_fd: int, path: bytes) -> None:
        """Change the working directory; b"" names `dir_fd` itself."""

    def getcwd(self) -> bytes:
        """Return the working directory's path.  Raises ENOENT if it was removed."""

    def close(self) -> None:
        """Close what is held open."""


def describe_descriptor(process: Process, dir_fd: int) -> Place:
    """Return the place that an open descriptor, or the working directory, is itself."""
    if dir_fd == AT_FDCWD:
        return process.paths.locate(AT_FDCWD, b".")
    origin = process.files.entry(dir_fd).origin
    return Place(process.files.host(dir_fd), grant=origin.grant if origin else None)


class HostPaths:
    """The host's file system as it is, but for the engine's own memory and descriptors.

    Paths to the process's descriptors (/dev/fd/3, /dev/stdin, /proc/self/fd/3) mean the guest's.
    """

    def __init__(self, process: Process, cwd: str | None = None) -> None:
        """Start in `cwd`, None for the process's own working directory.  Raises OSError if it cannot be opened."""
        self._process = process
        self._cwd = AT_FDCWD
        if cwd is not None:
            self.chdir(AT_FDCWD, os.fsencode(cwd))

    def _base(self, dir_fd: int, path: bytes) -> int:
        if dir_fd == AT_FDCWD or path.startswith(b"/"):
            return self._cwd
        return self._process.files.host(dir_fd)

    def open(self, dir_fd: int, path: bytes, flags: int, mode: int) -> tuple[int, Origin | None]:
        number = own_descriptor(path)
        if number is not None:
            return self._reopen(number, flags), None
        fd = self._open(self._base(dir_fd, path), path, flags, mode)
        try:
            refuse_engine_files(self._process.kernel, fd, os.fstat(fd), sandbox=False)
        except BaseException:
            os.close(fd)
            raise
        return fd, None

    def _open(self, base: int, path: bytes, flags: int, mode: int) -> int:
        kernel = self._process.kernel
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
        kernel = self._process.kernel
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
        host = self._process.files.host(number) if number < len(self._process.files.slots) else -1
        if host < 0:
            raise OSError(ENOENT, "no such descriptor")
        return self._process.kernel.open(AT_FDCWD, b"/proc/self/fd/%d" % host, flags, 0)

    def locate(self, dir_fd: int, path: bytes, *, follow: bool = True) -> Place:
        if not path:
            return describe_descriptor(self._process, dir_fd)
        flags = 0 if follow else AT_SYMLINK_NOFOLLOW
        number = own_descriptor(path)
        if number is not None and number < len(self._process.files.slots) and self._process.files.slots[number] >= 0:
            return Place(AT_FDCWD, b"/proc/self/fd/%d" % self._process.files.slots[number], flags)
        return Place(self._base(dir_fd, path), path, flags)

    def entry(self, dir_fd: int, path: bytes) -> Place:
        return Place(self._base(dir_fd, path), path, AT_SYMLINK_NOFOLLOW)

    @property
    def cwd_fd(self) -> int | None:
        return None if self._cwd == AT_FDCWD else self._cwd

    def chdir(self, dir_fd: int, path: bytes) -> None:
        kernel = self._process.kernel
        path = path or b"."
        fd = kernel.open(self._base(dir_fd, path), path, O_PATH | O_DIRECTORY, 0)
        try:
            kernel.access(fd, b"", X_OK, effective=True)
        except BaseException:
            os.close(fd)
            raise
        self.close()
        self._cwd = move_high(fd)

    def getcwd(self) -> bytes:
        if self._cwd == AT_FDCWD:
            return os.getcwdb()
        if not os.fstat(self._cwd).st_nlink:
            raise OSError(ENOENT, "the working directory was removed")
        with suppress(FileNotFoundError):
            return os.readlink(b"/proc/self/fd/%d" % self._cwd)
        with inside(self._cwd):  # no /proc to be seen, as after chroot
            return os.getcwdb()

    def close(self) -> None:
        if self._cwd != AT_FDCWD:
            cwd, self._cwd = self._cwd, AT_FDCWD
            os.close(cwd)


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Make an open directory the host process's own working directory during a `with`."""
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
