"""Paths in a sandbox: the guest's file system is made of granted directories, and nothing else exists.

Each grant is seen at its guest path; the directories above them exist in name only.  A path is resolved in these
terms, links included: an absolute link starts at the guest's root, and `..` never leaves it.  Two ways lead there:

* quick: one openat2 with BENEATH, NO_SYMLINKS and NO_MAGICLINKS, from the grant with the longest matching guest
  path, or from an open directory.  Any answer but "there is a link" or "this leads out" is the answer;
* slow: a walk over one component at a time (`walk`), over links too, 40 at most.

Neither follows a magic link (/proc/self/fd/3): the quick way refuses it, the slow way takes its text for a path.

What a file may be used for goes by the grant that it was opened through, which its record holds together with its
descriptor.  No file gets from one grant into another while it is open, as renaming and linking stay within one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from errno import EACCES, EAGAIN, ELOOP, ENOENT, ENOTDIR, EXDEV
from stat import S_IFDIR, S_IFMT, S_ISDIR
from typing import TYPE_CHECKING, Final, NoReturn

from pywasmjit.display import for_shell, quoted
from pywasmjit.guest.abi.fcntl import (
    AT_EACCESS,
    AT_SYMLINK_NOFOLLOW,
    BENEATH,
    NO_MAGICLINKS,
    NO_SYMLINKS,
    O_CREAT,
    O_NOFOLLOW,
    O_PATH,
    X_OK,
)
from pywasmjit.guest.files.descriptors import OpenFile, Origin, WorkingDirectory, hold, holder
from pywasmjit.guest.files.paths import Place, itself, require_open
from pywasmjit.guest.files.procfs import refuse_engine_files
from pywasmjit.guest.files.walk import (
    Grant,
    NameOnly,
    Names,
    Outside,
    Walk,
    ends_name_with_slash,
    means_directory,
    open_in,
    split,
)
from pywasmjit.guest.kernel.descriptors import move_high
from pywasmjit.guest.kernel.portable_calls import by_descriptor
from pywasmjit.guest.policy.policy import DirGrant

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.interface import Kernel
    from pywasmjit.guest.policy.denials import Denials

_RESOLVE: Final = BENEATH | NO_SYMLINKS | NO_MAGICLINKS
_REMOVED: Final = b" (deleted)"
"""How the host's name for an open file ends that has no name any more."""
_TAKE_THE_SLOW_WAY: Final = frozenset({ELOOP, EXDEV, EAGAIN})


class GrantedPaths:
    """The file system of a sandboxed guest."""

    def __init__(self, kernel: Kernel, denials: Denials, dirs: tuple[DirGrant, ...], cwd: str | None = None) -> None:
        """Open the granted directories.

        cwd: the guest's working directory, None for the host's if a grant holds it, else the root.
        Raises OSError if a granted directory cannot be opened.
        """
        self.kernel, self._denials = kernel, denials
        self.grants: dict[Names, Grant] = {}
        self.above: set[Names] = {()}
        self.cwd = _NOWHERE
        try:
            for each in dirs:
                self._open_grant(each)
            wanted = _initial_cwd(dirs) if cwd is None else os.fsencode(cwd)
            with suppress(OSError) if cwd is None else nullcontext():
                self.chdir(self.cwd, wanted)
        except BaseException:
            self.close()
            raise

    def _open_grant(self, each: DirGrant) -> None:
        names = tuple(split(os.fsencode(each.guest)))
        fd = move_high(os.open(each.host, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        self.grants[names] = Grant(fd, names, each.read_only, holder(fd))
        self.above.update(names[:length] for length in range(len(names)))

    def close(self) -> None:
        """Grant nothing any more; a call of another thread that is under way keeps the directory that it has found."""
        self.cwd = _NOWHERE
        self.grants.clear()

    @contextmanager
    def _walk(self, path: bytes) -> Iterator[Walk]:
        """Walk from the root; a way out of all grants is denied."""
        try:
            with Walk(self) as walk:
                yield walk
        except Outside as way_out:
            self._deny(way_out.path or path)

    # -- the quick way --------------------------------------------------------------------------------------------

    def _start(self, start: OpenFile | None, path: bytes) -> OpenFile:
        """Return the directory that a path starts from, which has names.  Raises EBADF, ENOTDIR."""
        if path.startswith(b"/"):
            return _NOWHERE
        file = require_open(start)
        if file.origin is None or file.origin.names is None:
            raise OSError(ENOTDIR, "no directory")
        return file

    def _now(self, start: OpenFile) -> Names:
        """Return what an open directory is called now.

        It may have been renamed since it was opened; if it is in its grant no longer, or the host does not tell, it
        keeps its names.  Raises ENOENT if it was removed.
        """
        names, grant = _names_of(start), start.grant
        if grant is None:
            return names
        try:
            top, here = (os.readlink(by_descriptor(each)) for each in (grant.fd, start.host))
        except OSError:
            return names
        if here.endswith(_REMOVED) and not os.fstat(start.host).st_nlink:
            raise OSError(ENOENT, "the directory was removed")
        inside = here == top or here.startswith(top.rstrip(b"/") + b"/")
        return (*grant.names, *split(here[len(top) :])) if inside else names

    def _grant_of(self, names: Names) -> Grant | None:
        """Return the grant with the longest guest path that begins `names`."""
        for length in range(len(names), -1, -1):
            grant = self.grants.get(names[:length])
            if grant is not None:
                return grant
        return None

    def _quick(self, start: OpenFile, path: bytes) -> tuple[Grant, Names, Callable[..., int]] | None:
        """Return the grant, the names, and a function (flags, mode) that opens; None if only the slow way is open."""
        kernel = self.kernel
        if not kernel.resolves or b".." in path:
            return None
        rest = tuple(split(path))
        names = _names_of(start) + rest
        grant = self._grant_of(names)
        if grant is None:
            return None
        if grant is not start.grant:
            base, rest = grant.fd, names[len(grant.names) :]
        else:
            base = start.host
        relative = b"/".join(rest)
        if rest and means_directory(path):
            relative += b"/" if ends_name_with_slash(path) else b"/."

        def open_there(flags: int, mode: int = 0) -> int:
            return kernel.open_resolving(base, relative or b".", flags, mode, _RESOLVE)

        return grant, names, open_there

    # -- what handlers ask ----------------------------------------------------------------------------------------

    def open(self, start: OpenFile | None, path: bytes, flags: int, mode: int) -> OpenFile:
        directory = self._start(start, path)
        quick = self._quick(directory, path)
        if quick is not None and not (flags & O_CREAT and quick[0].read_only):
            grant, names, open_there = quick
            try:
                return self._admit(open_in(grant, open_there, flags, mode), grant, names, flags)
            except OSError as error:
                if error.errno not in _TAKE_THE_SLOW_WAY:
                    raise
        try:
            with self._walk(path) as walk:
                fd, grant, names = walk.open(self._now(directory), path, flags, mode)
        except NameOnly:
            self._deny(path)
        return self._admit(fd, grant, names, flags)

    def _admit(self, fd: int, grant: Grant, names: Names, flags: int) -> OpenFile:
        try:
            found = os.fstat(fd)
            refuse_engine_files(self.kernel, fd, found, sandbox=True)
        except BaseException:
            os.close(fd)
            raise
        kind = S_IFMT(found.st_mode)
        origin = Origin(grant, names if S_ISDIR(kind) else None, not flags & O_NOFOLLOW)
        return hold(fd, kind=kind, origin=origin)

    def locate(self, start: OpenFile | None, path: bytes, *, follow: bool = True) -> Place:
        if not path:
            return itself(start)
        directory = self._start(start, path)
        flags = O_PATH if follow else O_PATH | O_NOFOLLOW
        quick = self._quick(directory, path)
        if quick is not None:
            try:
                fd = quick[2](flags)
            except OSError as error:
                if error.errno not in _TAKE_THE_SLOW_WAY:
                    raise
            else:
                return self._place(fd, quick[0])
        try:
            with self._walk(path) as walk:
                fd, grant, _ = walk.open(self._now(directory), path, flags, 0)
        except NameOnly:
            return Place(-1, virtual=True)
        return self._place(fd, grant)

    def _place(self, fd: int, grant: Grant) -> Place:
        try:
            refuse_engine_files(self.kernel, fd, os.fstat(fd), sandbox=True)
        except BaseException:
            os.close(fd)
            raise
        return Place(fd, grant=grant, owned=True)

    def entry(self, start: OpenFile | None, path: bytes) -> Place:
        names = [*self._now(self._start(start, path)), *split(path)]
        if not names:
            return Place(-1, virtual=True, fixed=True)
        is_dot = path.rstrip(b"/").rpartition(b"/")[2] == b"."
        with self._walk(path) as walk:
            walk.down(names if is_dot else names[:-1])
            name = b"." if is_dot else names[-1]
            here = (*walk.names, name)
            fixed = here in self.grants or here in self.above
            if walk.grant is not None:
                slash = b"/" if path.endswith(b"/") else b""
                return Place(os.dup(walk.fd), name + slash, AT_SYMLINK_NOFOLLOW, walk.grant, owned=True, fixed=fixed)
            if not fixed:
                self._deny(path)
            return Place(-1, virtual=True, fixed=True)

    def take_over_cwd(self, names: Names, fd: int | None) -> None:
        """Make an open directory, which is ours from now on, the working directory."""
        self.cwd = self._directory(names, None if fd is None else move_high(fd), self._grant_of(names))

    def _directory(self, names: Names, fd: int | None, grant: Grant | None) -> WorkingDirectory:
        """Return the record of a directory; fd: a descriptor for it alone, None if it exists in name only."""
        if fd is None:
            return WorkingDirectory(-1, S_IFDIR, Origin(None, names, True))
        return WorkingDirectory(fd, S_IFDIR, Origin(grant, names, True), holder=holder(fd))

    def chdir(self, start: OpenFile | None, path: bytes) -> None:
        directory = self._start(start, path)
        if not path and directory.host >= 0:
            self._enter(_names_of(directory), directory.host, directory.grant)
            return
        with self._walk(path) as walk:
            walk.down([*(self._now(directory) if path else _names_of(directory)), *split(path)])
            self._enter(walk.names, None if walk.grant is None else walk.fd, walk.grant)

    def _enter(self, names: Names, fd: int | None, grant: Grant | None) -> None:
        """Make a directory that somebody else holds open the working directory.  Raises EACCES."""
        if fd is not None:
            self.kernel.access(fd, b"", X_OK, AT_EACCESS)
            fd = move_high(os.dup(fd))
        self.cwd = self._directory(names, fd, grant)

    def getcwd(self) -> bytes:
        return b"/" + b"/".join(self._now(self.cwd))

    def _deny(self, path: bytes) -> NoReturn:
        """Report a path outside of all grants, and raise EACCES."""
        text = os.fsdecode(path)
        directory = os.path.dirname(text) or "."
        word = for_shell(directory) or "DIRECTORY"
        self._denials.tell("dir", f"access to {quoted(text)}", f"--dir {word}")
        raise OSError(EACCES, "not in a granted directory")


_NOWHERE: Final = WorkingDirectory(-1, S_IFDIR, Origin(None, (), True))
"""The guest's root as a place to start from: in name only."""


def _names_of(directory: OpenFile) -> Names:
    """Return the names that a directory was opened by."""
    assert directory.origin is not None
    assert directory.origin.names is not None
    return directory.origin.names


def _initial_cwd(dirs: tuple[DirGrant, ...]) -> bytes:
    """Return the guest's path of the host's working directory if a grant holds it, else b"/"."""
    try:
        here = os.getcwd()
    except OSError:
        return b"/"
    best = b"/"
    longest = -1
    for each in dirs:
        host = each.host.rstrip("/")
        if (here == each.host or here.startswith(host + "/")) and len(host) > longest:
            best, longest = os.fsencode(each.guest + here[len(host) :]), len(host)
    return best
