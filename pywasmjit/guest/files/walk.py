"""The slow way along a path in a sandbox: one component at a time, each opened in the descriptor of the one before.

No component holds a slash or is `..` (which goes back to the directory met before), and none is opened over a link;
so nothing can lead elsewhere, whatever is renamed meanwhile.  A link's text is read and its components are walked in
turn; a magic link (/proc/self/fd/3) has a text like any other, and that is taken for a guest path.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EEXIST, EISDIR, ELOOP, ENOENT, ENOTDIR, EROFS
from stat import S_ISDIR, S_ISLNK
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias

from pywasmjit.guest.abi.fcntl import O_ACCMODE, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_TMPFILE, O_TRUNC
from pywasmjit.guest.files.paths import MAX_LINKS, closing_descriptor, link_text
from pywasmjit.records import record

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.interface import Kernel

Names: TypeAlias = tuple[bytes, ...]
"""Components of an absolute guest path."""


@record(frozen=True, eq=False)
class Grant:
    """A granted directory, open: `fd` is an O_PATH descriptor of the engine's.

    holder: closes it when it goes; whoever refers to the grant has it pinned.
    """

    fd: int
    names: Names
    read_only: bool
    holder: object = None


def split(path: bytes) -> list[bytes]:
    return [name for name in path.split(b"/") if name not in (b"", b".")]


def means_directory(path: bytes) -> bool:
    """Tell whether a path can only name a directory: "a/", "a/.", "a/.."."""
    return path.rpartition(b"/")[2] in (b"", b".", b"..")


def ends_name_with_slash(path: bytes) -> bool:
    """Tell whether a path ends in a name and slashes: "a/", but not "a/./" or "/"."""
    return path.endswith(b"/") and path.rstrip(b"/").rpartition(b"/")[2] not in (b"", b".", b"..")


class FileSystem(Protocol):
    """What a walk needs of the file system.

    kernel: the way to the host.  grants: by guest path.  above: the guest paths that exist in name only, unless they
    are granted themselves.
    """

    grants: dict[Names, Grant]
    above: set[Names]
    kernel: Kernel


# -- opening with the rules of a read-only grant ----------------------------------------------------------------------


def open_in(grant: Grant, open_there: Callable[..., int], flags: int, mode: int) -> int:
    """Open by `open_there(flags, mode)`, as on a file system that is mounted read-only if the grant is."""
    if not grant.read_only or flags & O_PATH:
        return open_there(flags, mode)
    creates_new = flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL
    if creates_new or flags & (O_ACCMODE | O_TRUNC) or flags & O_TMPFILE == O_TMPFILE:
        return _refuse_to_write(open_there, flags)
    if not flags & O_CREAT:
        return open_there(flags)
    try:
        fd = open_there(flags & ~O_CREAT)
    except FileNotFoundError:
        raise OSError(EROFS, "read-only grant") from None
    if S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(EISDIR, "a directory")
    return fd


def _refuse_to_write(open_there: Callable[..., int], flags: int) -> NoReturn:
    """Raise what the kernel would, in its order, for a wish to write; ELOOP where there is a link to follow."""
    try:
        fd = open_there(O_PATH | flags & (O_DIRECTORY | O_NOFOLLOW))
    except FileNotFoundError:
        if flags & O_CREAT:
            raise OSError(EROFS, "read-only grant") from None
        raise
    try:
        mode = os.fstat(fd).st_mode
    finally:
        os.close(fd)
    if flags & O_CREAT and flags & O_EXCL:
        raise OSError(EEXIST, "exists")
    if S_ISLNK(mode):
        raise OSError(ELOOP, "a link")
    if S_ISDIR(mode) and flags & O_TMPFILE != O_TMPFILE:
        raise OSError(EISDIR, "a directory")
    raise OSError(EROFS, "read-only grant")


# -- the slow way -----------------------------------------------------------------------------------------------------


class NameOnly(Exception):
    """A path names a directory that exists for the guest in name only."""


class Outside(Exception):
    """A path leads out of all grants.  path: where to, None if that is what the guest asked for itself."""

    def __init__(self, path: bytes | None) -> None:
        super().__init__(path)
        self.path = path


@record()
class _Step:
    """A directory on the way: fd -1 and no grant if it exists in name only."""

    name: bytes
    fd: int
    grant: Grant | None
    owned: bool


class Walk:
    """A walk from the guest's root; a context that closes what it opened."""

    def __init__(self, system: FileSystem) -> None:
        self._system = system
        self._steps = [self._root()]
        self._links = 0
        self._rest: list[bytes] = []
        """What is still to be gone, the next name last; for the report of a way out."""

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *_: object) -> None:
        while self._steps:
            self._leave()

    def _root(self) -> _Step:
        grant = self._system.grants.get(())
        return _Step(b"", grant.fd if grant else -1, grant, owned=False)

    def _leave(self) -> None:
        step = self._steps.pop()
        if step.owned:
            os.close(step.fd)

    @property
    def names(self) -> Names:
        """The path of the directory that was reached; no component of it was a link when it was met."""
        return tuple(step.name for step in self._steps[1:])

    @property
    def fd(self) -> int:
        return self._steps[-1].fd

    @property
    def grant(self) -> Grant | None:
        return self._steps[-1].grant

    def down(self, names: list[bytes]) -> None:
        """Go down a path of directories, over links.  Raises ENOENT, ENOTDIR, ELOOP; Outside."""
        rest = self._rest
        goal = len(rest)
        rest += names[::-1]
        while len(rest) > goal:
            text = self._step(rest.pop())
            if text is not None:
                self._follow(text)
                rest += split(text)[::-1]

    def _step(self, name: bytes) -> bytes | None:
        """Enter a directory; for a link, stay and return its text."""
        if name == b"..":
            if len(self._steps) > 1:
                self._leave()
            return None
        if self._enter_fixed(name):
            return None
        fd = self._open_name(name, O_PATH)
        mode = os.fstat(fd).st_mode
        if S_ISDIR(mode):
            self._steps.append(_Step(name, fd, self.grant, owned=True))
            return None
        try:
            if S_ISLNK(mode):
                return os.readlink(b"", dir_fd=fd)
        finally:
            os.close(fd)
        raise OSError(ENOTDIR, "not a directory")

    def _enter_fixed(self, name: bytes) -> bool:
        """Enter a grant's own directory, or one above a grant that exists in name only."""
        here = (*self.names, name)
        grant = self._system.grants.get(here)
        if grant is None and not (here in self._system.above and self._is_missing(name)):
            return False
        self._steps.append(_Step(name, grant.fd if grant else -1, grant, owned=False))
        return True

    def _is_missing(self, name: bytes) -> bool:
        """Tell whether the directory that was reached has no such name."""
        try:
            if self.grant is not None:
                os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return True
        return self.grant is None

    def _follow(self, text: bytes) -> None:
        """Count a link, and go to the root if it is absolute."""
        self._links += 1
        if self._links > MAX_LINKS:
            raise OSError(ELOOP, "too many links")
        if not text:
            raise OSError(ENOENT, "empty link")
        if text.startswith(b"/"):
            while self._steps:
                self._leave()
            self._steps.append(self._root())

    def _open_name(self, name: bytes, flags: int, mode: int = 0) -> int:
        """Open one component in the directory that was reached, never over a link."""
        if self.grant is None:
            self._deny(name)
        assert b"/" not in name
        assert name != b".."
        return self._system.kernel.open(self.fd, name, flags | O_NOFOLLOW, mode)

    def open(self, start: Names, path: bytes, flags: int, mode: int) -> tuple[int, Grant, Names]:
        """Open a path with the guest's flags; return the descriptor, its grant and its names.

        Raises Outside; NameOnly where the path names a directory that exists in name only.
        """
        names, is_directory = [*start, *split(path)], means_directory(path)
        while True:
            if flags & O_CREAT and ends_name_with_slash(path):
                self._down_before(names)
                raise OSError(EISDIR, "a directory's name")
            name = self._down_to_last(names, is_directory)
            if name is None:
                return *self._open_reached(flags, mode), self.names
            text = self._open_last(name, flags, mode)
            if isinstance(text, int):
                assert self.grant is not None
                return text, self.grant, (*self.names, name)
            self._follow(text)
            path = text + b"/" if path.endswith(b"/") else text
            names, is_directory = split(path), is_directory or means_directory(path)

    def _down_to_last(self, names: list[bytes], is_directory: bool) -> bytes | None:
        """Go down all but the last name and return that; None if the path names the directory that was reached."""
        if not names:
            return None
        last = self._down_before(names)
        if is_directory or last == b"..":
            self.down([last])
            return None
        return None if self._enter_fixed(last) else last

    def _down_before(self, names: list[bytes]) -> bytes:
        """Go down all but the last name, and return that."""
        self._rest.append(names[-1])
        self.down(names[:-1])
        return self._rest.pop()

    def _open_reached(self, flags: int, mode: int) -> tuple[int, Grant]:
        grant, fd = self.grant, self.fd
        if grant is None:
            raise NameOnly

        def open_there(flags: int, mode: int = 0) -> int:
            return self._system.kernel.open(fd, b".", flags, mode)

        return open_in(grant, open_there, flags, mode), grant

    def _open_last(self, name: bytes, flags: int, mode: int) -> int | bytes:
        """Open the last name; return a descriptor, or the text of a link that is to be followed."""

        def open_there(flags: int, mode: int = 0) -> int:
            return self._open_name(name, flags, mode)

        follows = not flags & O_NOFOLLOW
        try:
            fd = open_in(self.grant or self._deny(name), open_there, flags, mode)
        except OSError as error:
            text = link_text(self.fd, name) if follows and error.errno in (ELOOP, ENOTDIR) else None
            if text is None:
                raise
            return text
        if follows and flags & O_PATH and S_ISLNK(os.fstat(fd).st_mode):
            with closing_descriptor(fd):
                return os.readlink(b"", dir_fd=fd)
        return fd

    def _deny(self, name: bytes) -> NoReturn:
        raise Outside(b"/" + b"/".join((*self.names, name, *self._rest[::-1])) if self._links else None)
