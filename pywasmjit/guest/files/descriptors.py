"""The guest's descriptors: a table from its numbers to open files, one record each.

A guest number is the lowest free one, as Linux gives it; behind each stands an `OpenFile`: a host descriptor of its
own, close-on-exec, that nobody else in the process uses, and what is known of it.  The standard streams are the
caller's: they are used, never closed.

A guest has threads, and one may close, replace or reopen a number while another's call is under way.  So:

* a record never changes, and a number gets another one in a single step (`slots`): whoever looks a number up has
  rights and host descriptor of the same file;
* who holds a record has pinned it: the host descriptor is closed when the last reference to the record goes, be it the
  table's or a call's, in whatever way the call ends.  So its number cannot come to mean another file meanwhile;
* a call looks each number up once (`dispatch`).

The last numbers below the host's limit are the engine's (`reserved`): it needs some for calls about other files too.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from errno import EBADF, EINVAL, EMFILE
from stat import S_IFMT, S_IFREG
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.guest.kernel.descriptors import descriptor_limit, reserved
from pywasmjit.records import record, replace

if TYPE_CHECKING:
    from pywasmjit.guest.files.walk import Grant

_LAST_STREAM: Final = 2


# -- what closes by itself --------------------------------------------------------------------------------------------


def _fallback() -> Any:
    class Holder:
        """Closes a descriptor at its own end."""

        def __init__(self, fd: int) -> None:
            self._fd = fd

        def __del__(self) -> None:
            with suppress(OSError):
                os.close(self._fd)

    return Holder


def _choose_holder() -> Any:
    """Return what makes an object of a descriptor that closes it when the object goes, and does nothing else.

    No method written in Python may do that: the deadlines' interrupt, or Ctrl-C, could come at its first instruction,
    be printed and forgotten, and the descriptor be lost.  The objects of `select` for a kernel's own queues take any
    number, and close it in C, without a word.
    """
    import select

    for name in ("epoll", "kqueue"):
        if hasattr(select, name):
            return getattr(select, name).fromfd
    return _fallback()


holder: Final[Callable[[int], object]] = _choose_holder()
"""Returns what closes a descriptor when nobody refers to it any more."""


# -- records ----------------------------------------------------------------------------------------------------------


@record(frozen=True)
class Origin:
    """Where a descriptor came from, in guest terms.

    grant: the granted directory through which it was opened, None for a directory that exists in name only.  names: the
    components of its path if it is a directory, else None.  follows: whether it was opened without O_NOFOLLOW, which
    the host's descriptor may have all the same: the way through granted directories follows no link but itself.
    """

    grant: Grant | None
    names: tuple[bytes, ...] | None
    follows: bool


@record(frozen=True, eq=False)
class OpenFile:
    """What stands behind one number of the guest's: a host descriptor, and all that is decided by.

    host: the host's number, which stays this file's as long as somebody refers to the record.  kind: the S_IFMT bits of
    its mode, 0 for what is no file.  origin: None for what was not opened through a granted directory.  close_on_exec:
    whether the number is closed in an executed program.  holder: closes the host's descriptor when it goes, None if
    that is not ours to close.
    """

    host: int
    kind: int
    origin: Origin | None = None
    close_on_exec: bool = False
    holder: object = None

    @property
    def grant(self) -> Grant | None:
        """The granted directory through which it was opened."""
        return None if self.origin is None else self.origin.grant

    @property
    def is_read_only(self) -> bool:
        """Whether it lies in a granted directory that is read-only."""
        grant = self.grant
        return grant is not None and grant.read_only


class WorkingDirectory(OpenFile):
    """What AT_FDCWD stands for.

    host: AT_FDCWD for the host process's own, -1 for a directory that exists in name only.
    """

    __slots__ = ()


def hold(host: int, *, kind: int | None = None, origin: Origin | None = None) -> OpenFile:
    """Return the record of a new host descriptor, which is closed from now on when that goes.

    kind: None if it is to be found out.
    """
    closing = holder(host)
    return OpenFile(host, S_IFMT(os.fstat(host).st_mode) if kind is None else kind, origin, False, closing)


# -- the table --------------------------------------------------------------------------------------------------------


class Files:
    """The descriptor table of one process."""

    def __init__(self, streams: tuple[int, int, int] = (0, 1, 2)) -> None:
        self.slots: list[OpenFile | None] = [_stream(each) for each in streams]
        """Open file by guest number, None where free; this list is never replaced: bound calls hold it."""
        self._lock = RLock()
        self.limit = descriptor_limit()
        """How many descriptors the guest may have."""
        self.ceiling = 0
        """Host numbers from here on are the engine's."""
        self.follow_host_limit()

    def follow_host_limit(self) -> None:
        """Look how many descriptors the host allows: the last ones are the engine's."""
        limit = descriptor_limit()
        self.ceiling = limit - reserved(limit)

    def find(self, guest: int) -> OpenFile | None:
        """Return what a number stands for, None for nothing; it stays open as long as the caller refers to it."""
        slots = self.slots
        return slots[guest] if 0 <= guest < len(slots) else None

    def file(self, guest: int) -> OpenFile:
        """Return what a number stands for, as `find` does.  Raises EBADF."""
        file = self.find(guest)
        if file is None:
            raise OSError(EBADF, "no such descriptor")
        return file

    def add(
        self,
        host: int,
        *,
        kind: int | None = None,
        lowest: int = 0,
        close_on_exec: bool = False,
        origin: Origin | None = None,
    ) -> int:
        """Enter a new host descriptor, as `enter` does."""
        return self.enter(hold(host, kind=kind, origin=origin), lowest=lowest, close_on_exec=close_on_exec)

    def enter(self, file: OpenFile, *, lowest: int = 0, close_on_exec: bool = False) -> int:
        """Enter an open file under the lowest free number >= lowest; that is told.  Raises EMFILE."""
        if file.close_on_exec != close_on_exec:
            file = replace(file, close_on_exec=close_on_exec)
        with self._lock:
            guest = self._lowest_free(lowest)
            if guest < self.limit and file.host < self.ceiling:
                self._reach(guest)
                self.slots[guest] = file
                return guest
        del file  # whoever keeps the error does not keep it open
        raise OSError(EMFILE, "too many descriptors")

    def close(self, guest: int) -> OpenFile:
        """Free a number and return what it stood for, which is closed when no call uses it any more.

        Raises EBADF, and what the host's close has to tell of what was written.
        """
        with self._lock:
            file = self.file(guest)
            self.slots[guest] = None
        _last_words(file)
        return file

    def duplicate(self, file: OpenFile, *, lowest: int = 0, close_on_exec: bool = False) -> int:
        """Make another number for the same open file.  Raises EINVAL for a bad `lowest`, EMFILE."""
        if not 0 <= lowest < self.limit:
            raise OSError(EINVAL, "descriptor out of range")
        return self.enter(_copy(file), lowest=lowest, close_on_exec=close_on_exec)

    def duplicate_to(self, file: OpenFile, wanted: int, close_on_exec: bool = False) -> OpenFile | None:
        """Make `wanted` stand for the same open file; return what it stood for, closed as by `close`.

        Raises EBADF, EMFILE.
        """
        if not 0 <= wanted < self.limit:
            raise OSError(EBADF, "descriptor out of range")
        copy = _copy(file)
        if copy.host >= self.ceiling:
            del copy
            raise OSError(EMFILE, "too many descriptors")
        if close_on_exec:
            copy = replace(copy, close_on_exec=True)
        with self._lock:
            self._reach(wanted)
            before, self.slots[wanted] = self.slots[wanted], copy
        if before is not None:
            with suppress(OSError):
                _last_words(before)
        return before

    def set_close_on_exec(self, guest: int, close_on_exec: bool) -> None:
        """Say whether a number is closed in an executed program.  Raises EBADF."""
        with self._lock:
            self.slots[guest] = replace(self.file(guest), close_on_exec=close_on_exec)

    def close_all(self) -> None:
        """Close everything that the table owns."""
        for guest, file in enumerate(self.slots):
            if file is not None:
                with suppress(OSError):
                    self.close(guest)

    def keep_open(self) -> None:
        """Have everything stay open until the host's process ends, whatever becomes of the table."""
        for file in self.slots:
            if file is not None and file.holder is not None:
                with suppress(OSError):
                    os.dup(file.host)

    def inherited(self) -> dict[int, OpenFile]:
        """Return by guest number what stays open in an executed program."""
        with self._lock:
            slots = [*self.slots]
        return {guest: file for guest, file in enumerate(slots) if file is not None and not file.close_on_exec}

    def take_over(self, origins: dict[int, Origin | None]) -> None:
        """Take the descriptors that an executed program was given, whose host numbers are the guest's, for the table.

        origins: where each came from; a standard stream that is not among them is closed for the guest.
        """
        for guest in [guest for guest in range(len(self.slots)) if guest not in origins]:
            self.slots[guest] = None
        for guest, origin in origins.items():
            self._reach(guest)
            if guest > _LAST_STREAM:
                os.set_inheritable(guest, False)
                self.slots[guest] = hold(guest, origin=origin)
            else:
                self.slots[guest] = replace(_stream(guest), origin=origin)

    def whole(self) -> AbstractContextManager[object]:
        """Return a context in which no other thread changes the table, so that a child process finds it whole."""
        return self._lock

    def after_fork(self) -> None:
        """In a child process: the lock is free, and no file is pinned but by the table.

        Calls of other threads stay in the middle there for ever, and would keep open what the child closes.  What the
        only thread that lives on was doing is over too, or is done anew (`dispatch`), once its handler has returned.
        """
        self._lock = RLock()
        for guest, file in enumerate(self.slots):
            if file is not None and file.holder is not None:
                self.slots[guest] = replace(file)
                object.__setattr__(file, "holder", None)

    def _lowest_free(self, lowest: int) -> int:
        try:
            return self.slots.index(None, lowest)
        except ValueError:
            return max(lowest, len(self.slots))

    def _reach(self, guest: int) -> None:
        missing = guest + 1 - len(self.slots)
        if missing > 0:
            self.slots.extend([None] * missing)


def _stream(host: int) -> OpenFile:
    """Return the record of a caller's descriptor, which may be closed."""
    kind = 0
    with suppress(OSError):
        kind = S_IFMT(os.fstat(host).st_mode)
    return OpenFile(host, kind)


def _copy(file: OpenFile) -> OpenFile:
    """Return the record of another descriptor of the same open file."""
    return hold(os.dup(file.host), kind=file.kind, origin=file.origin)


def _last_words(file: OpenFile) -> None:
    """Have happen at once what close(2) does even if a call still uses the file.

    That is: record locks are given up, and the file system may tell of an error in what was written.
    """
    if file.kind == S_IFREG and file.holder is not None:
        from fcntl import F_DUPFD_CLOEXEC, fcntl

        try:
            copy = fcntl(file.host, F_DUPFD_CLOEXEC, 0)
        except OSError:
            return  # no number is free: then nobody can be told
        os.close(copy)


def _references(item: object) -> int:
    return sys.getrefcount(item)


def _references_of_one_variable() -> int:
    item = object()
    return _references(item)


_ALONE: Final = _references_of_one_variable()
_PATIENCE: Final = (*(0.0,) * 4, *(0.0002,) * 20)
"""Seconds to wait for others, again and again."""


def await_others(file: OpenFile) -> None:
    """Wait a moment for calls that are over in the kernel, and only wait for the interpreter to let go of a file.

    A file that was closed would stay in sets of epoll meanwhile, and a program that goes by those would see it come up
    again and again.  Who waits in the kernel for long is not waited for.  The caller has the file in one variable.
    """
    for seconds in _PATIENCE:
        if _references(file) <= _ALONE + 1:  # the caller's variable, and the parameter
            return
        sleep(seconds)
