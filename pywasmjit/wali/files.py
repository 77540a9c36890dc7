"""The guest's descriptors: a table of its own, from guest numbers to the host's.

A guest number is the lowest free one, as Linux gives it; behind each stands a host descriptor of its own, close-on-
exec, that nobody else in the process uses.  The standard streams are the caller's: they are used, never closed.
Whether a descriptor stays open in an executed program (FD_CLOEXEC) is the table's business.

In a process of the guest's own, guest numbers can be the host's; that table will have the same methods.

A call of one thread may go on with a host number that another thread closes meanwhile.  It must not meet a file that
the engine opens there for itself, or one that the guest may not have (`procfs`).  So, once there are threads, a host
number that a guest has used is never free again: it is parked, with nothing behind it, and given to the guest's next
file.  The number where that file was opened is then closed; or kept until the guest closes the file, if the guest
uses record locks, all of which a process loses when it closes any descriptor of a file.

The last numbers below the host's limit are the engine's (`_reserve`): it needs some for calls about other files too.
"""

from __future__ import annotations

import os
from _thread import RLock
from contextlib import AbstractContextManager, suppress
from errno import EBADF, EINVAL, EMFILE, ENOTSOCK
from stat import S_ISSOCK
from typing import TYPE_CHECKING, Final

from pywasmjit.records import record

if TYPE_CHECKING:
    from pywasmjit.wali.walk import Grant

_MOST: Final = 1 << 20
_FREE: Final = -1
_LAST_STREAM: Final = 2
RESERVED: Final = 64
"""Descriptors that are kept for the engine, where the host allows many."""


@record(frozen=True)
class Origin:
    """Where a descriptor came from, in guest terms.

    grant: the granted directory through which it was opened.  names: the components of its path if it is a directory,
    else None.  follows: whether it was opened without O_NOFOLLOW, which the host's descriptor may have all the same:
    the way through granted directories follows no link but itself.
    """

    grant: Grant
    names: tuple[bytes, ...] | None
    follows: bool


@record()
class Entry:
    """What the table knows of a descriptor beside its host number."""

    owned: bool = True
    close_on_exec: bool = False
    origin: Origin | None = None
    spare: int | None = None
    """Another host descriptor of the same open file, which nobody uses."""


class Files:
    """The descriptor table of one process."""

    def __init__(self, streams: tuple[int, int, int] = (0, 1, 2)) -> None:
        self.slots: list[int] = list(streams)
        """Host descriptor by guest number, -1 where free; this list is never replaced: bound calls hold it."""
        self._entries: list[Entry | None] = [Entry(owned=False) for _ in streams]
        self._lock = RLock()
        self.limit = _descriptor_limit()
        """How many descriptors the guest may have."""
        self.ceiling = 0
        """Host numbers from here on are the engine's."""
        self.follow_host_limit()
        self.locks_records = False
        """Whether the guest has used record locks (fcntl)."""
        self._shared = False
        self._parked: list[int] = []
        self._nothing = _FREE

    def follow_host_limit(self) -> None:
        """Look how many descriptors the host allows: the last ones are the engine's."""
        limit = _descriptor_limit()
        self.ceiling = limit - _reserve(limit)

    def share(self) -> None:
        """Be ready for several threads that use the table at once, from now on."""
        if not self._shared:
            self._nothing = move_high(_open_nothing())
            self._shared = True

    def host(self, guest: int) -> int:
        """Return the host's number.  Raises EBADF."""
        slots = self.slots
        host = slots[guest] if 0 <= guest < len(slots) else _FREE
        if host < 0:
            raise OSError(EBADF, "no such descriptor")
        return host

    def entry(self, guest: int) -> Entry:
        """Return what is known of a descriptor.  Raises EBADF."""
        self.host(guest)
        entry = self._entries[guest]
        assert entry is not None
        return entry

    def add(self, host: int, *, lowest: int = 0, close_on_exec: bool = False, origin: Origin | None = None) -> int:
        """Enter a host descriptor, which the table owns from now on, under the lowest free number >= lowest.

        Raises EMFILE after closing it if the guest has too many.
        """
        entry = Entry(True, close_on_exec, origin)
        with self._lock:
            guest = self._lowest_free(lowest)
            if guest < self.limit and (host < self.ceiling or self._parked):
                self._reach(guest)
                self._entries[guest] = entry
                self.slots[guest] = self._settled(host, entry)
                return guest
        os.close(host)
        raise OSError(EMFILE, "too many descriptors")

    def close(self, guest: int) -> None:
        """Free a number and close what it stands for.  Raises EBADF, and what the host's close raises."""
        with self._lock:
            entry = self.entry(guest)
            host = self.slots[guest]
            self.slots[guest] = _FREE
            self._entries[guest] = None
        if entry.owned:
            self._release(host, entry)

    def _release(self, host: int, entry: Entry) -> None:
        """Close the file of a host number; keep the number if another thread may be about to use it."""
        if not self._shared:
            os.close(host)
            return
        os.dup2(self._nothing, host, inheritable=False)
        if entry.spare is not None:
            os.close(entry.spare)
        with self._lock:
            self._parked.append(host)

    def _settled(self, host: int, entry: Entry) -> int:
        """Return the host number under which the guest gets a file that was opened as `host`."""
        if not self._parked:
            return host
        number = self._parked.pop()
        os.dup2(host, number, inheritable=False)
        if self.locks_records:
            entry.spare = host
        else:
            os.close(host)
        return number

    def duplicate(self, guest: int, *, lowest: int = 0, close_on_exec: bool = False) -> int:
        """Make another number for the same open file.  Raises EBADF, EINVAL for a bad `lowest`, EMFILE."""
        origin, host = self.entry(guest).origin, self.host(guest)
        if not 0 <= lowest < self.limit:
            raise OSError(EINVAL, "descriptor out of range")
        return self.add(os.dup(host), lowest=lowest, close_on_exec=close_on_exec, origin=origin)

    def duplicate_to(self, guest: int, wanted: int, close_on_exec: bool = False) -> int:
        """Make `wanted` stand for the same open file, closing what it stood for.  Raises EBADF."""
        origin, host = self.entry(guest).origin, self.host(guest)
        if not 0 <= wanted < self.limit:
            raise OSError(EBADF, "descriptor out of range")
        if wanted == guest:
            return wanted
        copy = os.dup(host)
        with self._lock:
            if copy >= self.ceiling and not self._parked:
                os.close(copy)
                raise OSError(EMFILE, "too many descriptors")
            self._reach(wanted)
            before, old = self._entries[wanted], self.slots[wanted]
            entry = self._entries[wanted] = Entry(True, close_on_exec, origin)
            self.slots[wanted] = self._settled(copy, entry)
        if before is not None and before.owned:
            with suppress(OSError):
                self._release(old, before)
        return wanted

    def close_all(self) -> None:
        """Close everything that the table owns."""
        for guest, host in enumerate(self.slots):
            if host >= 0:
                with suppress(OSError):
                    self.close(guest)
        with self._lock:
            for host in self._parked if self._nothing == _FREE else [*self._parked, self._nothing]:
                os.close(host)
            self._parked.clear()
            self._nothing, self._shared = _FREE, False

    def inherited(self) -> dict[int, int]:
        """Return host number by guest number of those that stay open in an executed program."""
        with self._lock:
            pairs = zip(self.slots, self._entries, strict=True)
            return {n: host for n, (host, entry) in enumerate(pairs) if entry is not None and not entry.close_on_exec}

    def take_over(self, origins: dict[int, Origin | None]) -> None:
        """Take the descriptors that an executed program was given, whose host numbers are the guest's, for the table.

        origins: where each came from; a standard stream that is not among them is closed for the guest.
        """
        for guest in [guest for guest in range(len(self.slots)) if guest not in origins]:
            self.slots[guest], self._entries[guest] = _FREE, None
        for guest, origin in origins.items():
            self._reach(guest)
            self.slots[guest] = guest
            self._entries[guest] = Entry(guest > _LAST_STREAM, False, origin)
            if guest > _LAST_STREAM:
                os.set_inheritable(guest, False)

    def whole(self) -> AbstractContextManager[object]:
        """Return a context in which no other thread changes the table, so that a child process finds it whole."""
        return self._lock

    def renew_lock(self) -> None:
        """Forget who held the lock: only the forking thread lives on in a child process."""
        self._lock = RLock()

    def _lowest_free(self, lowest: int) -> int:
        try:
            return self.slots.index(_FREE, lowest)
        except ValueError:
            return max(lowest, len(self.slots))

    def _reach(self, guest: int) -> None:
        missing = guest + 1 - len(self.slots)
        if missing > 0:
            self._entries.extend([None] * missing)
            self.slots.extend([_FREE] * missing)


def require_access(host: int) -> int:
    """Return the flags of a host's descriptor.  Raises EBADF for one that stands for a path only (O_PATH)."""
    import fcntl

    flags = fcntl.fcntl(host, fcntl.F_GETFL)
    if flags & getattr(os, "O_PATH", 0):
        raise OSError(EBADF, "opened for its path only")
    return flags


def require_socket(host: int) -> None:
    """Raise ENOTSOCK for a host's descriptor that is no socket, EBADF if it stands for a path only."""
    if not S_ISSOCK(os.fstat(host).st_mode):
        require_access(host)
        raise OSError(ENOTSOCK, "no socket")


def _descriptor_limit() -> int:
    """Return how many descriptors the process may have, at most 2**20."""
    try:
        import resource
    except ImportError:
        return 1024
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if soft == resource.RLIM_INFINITY else min(soft, _MOST)


def _reserve(limit: int) -> int:
    """Return how many of the host's numbers are kept for the engine."""
    return min(RESERVED, limit // 4)


def _open_nothing() -> int:
    """Return a descriptor that can neither be read, written, nor searched."""
    try:
        fd = os.memfd_create("nothing")
    except (AttributeError, OSError):
        fd, end = os.pipe()
        os.close(end)
        return fd
    try:
        return os.open(b"/proc/self/fd/%d" % fd, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # no /proc to be seen, as after chroot
        return os.dup(fd)
    finally:
        os.close(fd)


def move_high(descriptor: int) -> int:
    """Move an engine's own descriptor near the top of the allowed numbers, close-on-exec; return the new one."""
    import fcntl

    try:
        limit = _descriptor_limit()
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(3, limit - _reserve(limit)))
    except (OSError, AttributeError):
        return descriptor
    os.close(descriptor)
    return high
