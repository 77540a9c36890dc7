"""What a guest changes of its caller's streams is undone at its end; what could not be undone needs a grant.

Standard input, output and error are the caller's own open files: their status flags (O_NONBLOCK) and, of a terminal,
its modes and its window's size are seen by whoever has them open, before and after the guest.  They are saved before
the first change, and restored once the guest has ended in whatever way: at the end of the process's `close`, before
it dies by a signal, before another program takes its place.  With everything allowed nothing is undone.

What stands for one of these files is found out by what it is, not by its number: a duplicate has the same inode, and
a terminal may have several.  Saving one too many does no harm.

Only the process in which the program was started restores.  A child by `fork` does not, for its parent goes on with
what it has changed, as after `stty`; so everything is saved before the first child is made.
"""

from __future__ import annotations

import os
import signal
from _thread import RLock
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from errno import EPERM
from stat import S_ISCHR
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pywasmjit.guest.abi.ioctl import NAMES
from pywasmjit.guest.kernel.descriptors import move_high
from pywasmjit.guest.policy.gate import require
from pywasmjit.records import record

if TYPE_CHECKING:
    from pywasmjit.guest.policy.policy import Capability
    from pywasmjit.guest.process import Process

_TIOCGDEV: Final = NAMES["TIOCGDEV"]
_TIOCGWINSZ, _TIOCSWINSZ, _WINDOW_SIZE = 0x5413, 0x5414, 8
_MODES: Final = ((0x802C_542A, 0x402C_542B, 44), (0x5401, 0x5402, 36))
"""TCGETS2 and TCGETS: the request, the one that sets, and the size; the first that the host knows is used."""
_ALL_BITS: Final = -1
_NOBODY: Final = -1
"""No process's number."""

Identity: TypeAlias = "tuple[int, ...]"
"""What a file is: the device and inode that it has, or the device that a terminal is."""
State: TypeAlias = "dict[str, Any]"


def _inode(fd: int) -> Identity | None:
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _ask(fd: int, request: int, size: int) -> bytes | None:
    """Return what a request of a terminal's writes, None if it is none or the host does not know the request."""
    import fcntl

    try:
        return fcntl.ioctl(fd, request, bytes(size))
    except OSError:
        return None


def _terminal(fd: int) -> Identity | None:
    found = _ask(fd, _TIOCGDEV, 4)
    return None if found is None else tuple(found)


@record()
class Appearance:
    """What of an open file others can see: status flags, modes of a terminal (by the request that sets them), size."""

    flags: int
    modes: tuple[int, bytes] | None
    size: bytes | None

    @classmethod
    def of(cls, fd: int) -> Appearance:
        """Look.  Raises OSError."""
        import fcntl

        modes = None
        for get, put, size in _MODES:
            found = _ask(fd, get, size)
            if found is not None:
                modes = put, found
                break
        return cls(fcntl.fcntl(fd, fcntl.F_GETFL), modes, _ask(fd, _TIOCGWINSZ, _WINDOW_SIZE))

    def apply(self, fd: int, bits: int = _ALL_BITS, *, sized: bool) -> None:
        """Make a file like this again, as far as that can be; bits: which status flags.  sized: the window too."""
        import fcntl

        with suppress(OSError):
            present = fcntl.fcntl(fd, fcntl.F_GETFL)
            wanted = present & ~bits | self.flags & bits
            if wanted != present:
                fcntl.fcntl(fd, fcntl.F_SETFL, wanted)
        with suppress(OSError), _no_stop():
            if self.modes is not None and _is_ours(fd) and Appearance.of(fd).modes != self.modes:
                fcntl.ioctl(fd, *self.modes)
        with suppress(OSError), _no_stop():
            if sized and self.size is not None:
                fcntl.ioctl(fd, _TIOCSWINSZ, self.size)


def _is_ours(fd: int) -> bool:
    """Tell whether nobody else's job has the terminal: a shell that has taken it back has restored its modes itself."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True  # nobody's in this session


@contextmanager
def _no_stop() -> Iterator[None]:
    """Let a process that lost the terminal a moment ago change it all the same: SIGTTOU would stop it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        yield
    finally:
        if signal.SIGTTOU not in before:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})


@record(eq=False)
class Saved:
    """A stream as it was; fd: a descriptor of it that the guest cannot close.

    changed: bits of the status flags that the guest has changed.  wanted_size: the window's size that it has set.
    """

    fd: int
    before: Appearance
    changed: int = 0
    wanted_size: bytes | None = None

    def restore(self) -> None:
        """Undo what the guest has changed; not a size that somebody else has changed since."""
        sized = self.wanted_size is not None and _ask(self.fd, _TIOCGWINSZ, _WINDOW_SIZE) == self.wanted_size
        self.before.apply(self.fd, self.changed, sized=sized)


class CallersStreams:
    """The caller's streams of one program.

    on_change: called before the first change, and where a program goes on that has changed something; the process sets
    it.
    """

    def __init__(self, descriptors: Sequence[int], *, kept: bool) -> None:
        """Note what they are.  kept: whether they are to be restored at all."""
        self.on_change: Callable[[], object] = int
        self._lock = RLock()
        self._pid = os.getpid()
        self._descriptors = tuple(descriptors) if kept else ()
        self._inodes = {inode for fd in self._descriptors if (inode := _inode(fd)) is not None}
        self._terminals: set[Identity | None] | None = None
        self._ended = False
        self._saved: list[Saved] | None = None
        """None while nothing was changed."""

    def renew_lock(self) -> None:
        """Forget who held the lock: only the forking thread lives on in a child process."""
        self._lock = RLock()

    @property
    def _restores(self) -> bool:
        return bool(self._descriptors) and self._pid == os.getpid()

    # -- whose a file is ------------------------------------------------------------------------------------------

    def has(self, host: int) -> bool:
        """Tell whether a host's descriptor stands for one of the streams, or may do so."""
        if not self._inodes:
            return False
        try:
            found = os.fstat(host)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) in self._inodes or (S_ISCHR(found.st_mode) and self._has_terminal(host))

    def _has_terminal(self, host: int) -> bool:
        terminal = _terminal(host)
        if terminal is None:
            return False
        if self._terminals is None:
            self._terminals = {_terminal(fd) for fd in self._descriptors}
        return terminal in self._terminals

    # -- changes --------------------------------------------------------------------------------------------------

    def change(self, host: int, action: Callable[[], object]) -> None:
        """Make a change, unless the end comes first; action: must not wait, or the end would wait for it."""
        with self._lock:
            self._saved_for(host)
            action()

    def _saved_for(self, host: int) -> list[Saved]:
        """Before something of `host` is changed: save the streams if it is one, and return them.

        Raises EMFILE; EPERM once the end has begun, for nobody would undo it.
        """
        if not self._restores or not self.has(host):
            return []
        if self._ended:
            raise OSError(EPERM, "the program is ending")
        saved = self._save()
        self.on_change()
        return saved

    def _save(self) -> list[Saved]:
        if self._saved is None:
            saved: list[Saved] = []
            try:
                for fd in self._descriptors:
                    with suppress(OSError):
                        before = Appearance.of(fd)
                        saved.append(Saved(move_high(os.dup(fd)), before))
            except BaseException:
                _close(saved)
                raise
            self._saved = saved
        return self._saved

    def change_flags(self, host: int, action: Callable[[], object]) -> None:
        """Make a change of status flags, and note which bits of the streams it has changed."""
        with self._lock:
            saved = self._saved_for(host)
            before = _flags(saved)
            action()
            _note_changes(saved, before)

    def change_size(self, host: int, size: bytes, action: Callable[[], object]) -> None:
        """Make a change of a window's size."""
        with self._lock:
            saved = self._saved_for(host)
            action()
            _note_size(saved, size)

    def before_fork(self) -> None:
        """Save everything: what children change is restored here."""
        if self._restores:
            with self._lock:
                _note_all(self._save())

    # -- the end --------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Undo what was changed, for good: the guest has ended, or is about to."""
        if not self._restores:
            return
        with self._lock:
            self._ended = True
            saved, self._saved = self._saved, None
            _restore(saved or ())
            _close(saved or ())

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """Undo what was changed while another program is about to take this one's place; redo it should that fail."""
        if not self._restores or self._saved is None:
            yield
            return
        with self._lock:
            saved = self._saved
            present = _appearances(saved)
            _restore(saved)
        try:
            yield
        finally:
            with self._lock:
                _apply(saved, present)

    # -- another engine -------------------------------------------------------------------------------------------

    def hand_over(self, copy: Callable[[int], int]) -> State:
        """Return what `take_over` needs in the engine that comes next; copy: makes a descriptor that stays open."""
        with self._lock:
            saved = self._saved if self._restores else None
            kept = None if saved is None else _packed_all(saved, copy)
        return {"inodes": list(self._inodes), "restores": self._restores, "saved": kept}

    def take_over(self, state: Mapping[str, Any], descriptors: Iterable[int]) -> None:
        """Go on where another engine has stopped: the streams are its caller's, whatever this one was given.

        descriptors: all that it was given.
        """
        self._inodes = {tuple(each) for each in state["inodes"]}
        saved = state["saved"] if state["saved"] is None else [_unpacked(*each) for each in state["saved"]]
        given = descriptors if saved is None else [each.fd for each in saved]
        self._descriptors = tuple(fd for fd in given if _inode(fd) in self._inodes)
        self._saved = saved
        if not state["restores"]:
            self._pid = _NOBODY

    def begin(self) -> None:
        """Be ready for the end by a signal, if something was changed before this engine has begun."""
        if self._restores and self._saved is not None:
            self.on_change()


def _close(saved: Sequence[Saved]) -> None:
    for each in saved:
        with suppress(OSError):
            os.close(each.fd)


# No loop stands in the `with` of a lock itself (`tests/contracts/test_locks.py`).


def _flags(saved: Sequence[Saved]) -> list[int]:
    import fcntl

    return [fcntl.fcntl(each.fd, fcntl.F_GETFL) for each in saved]


def _note_changes(saved: Sequence[Saved], before: Sequence[int]) -> None:
    for each, old, new in zip(saved, before, _flags(saved), strict=True):
        each.changed |= old ^ new


def _note_size(saved: Sequence[Saved], size: bytes) -> None:
    for each in saved:
        each.wanted_size = size


def _note_all(saved: Sequence[Saved]) -> None:
    for each in saved:
        each.changed = _ALL_BITS


def _restore(saved: Sequence[Saved]) -> None:
    for each in saved:
        each.restore()


def _appearances(saved: Sequence[Saved]) -> list[tuple[Appearance, bool]]:
    """Return what each stream is like now, and whether the guest has set its window's size."""
    return [(Appearance.of(each.fd), each.wanted_size is not None) for each in saved]


def _apply(saved: Sequence[Saved], present: Sequence[tuple[Appearance, bool]]) -> None:
    for each, (appearance, sized) in zip(saved, present, strict=True):
        appearance.apply(each.fd, sized=sized)


def _packed_all(saved: Sequence[Saved], copy: Callable[[int], int]) -> list[list[Any]]:
    return [[copy(each.fd), *_packed(each)] for each in saved]


def _packed(saved: Saved) -> list[Any]:
    before = saved.before
    modes = None if before.modes is None else [before.modes[0], before.modes[1].hex()]
    sizes = [None if each is None else each.hex() for each in (before.size, saved.wanted_size)]
    return [before.flags, modes, saved.changed, *sizes]


def _unpacked(
    fd: int, flags: int, modes: tuple[int, str] | None, changed: int, size: str | None, wanted: str | None
) -> Saved:
    shown = None if modes is None else (modes[0], bytes.fromhex(modes[1]))
    sizes = [None if each is None else bytes.fromhex(each) for each in (size, wanted)]
    return Saved(move_high(fd), Appearance(flags, shown, sizes[0]), changed, sizes[1])


# -- what cannot be undone --------------------------------------------------------------------------------------------


def is_callers(process: Process, host: int) -> bool:
    """Tell whether a host's descriptor is the caller's open file; one that the guest has opened itself is not."""
    if not process.streams.has(host):
        return False
    known = (file for file in [*process.files.slots] if file is not None and file.host == host)
    return all(file.origin is None for file in known)


def require_for_callers(process: Process, host: int, capability: Capability, request: str) -> None:
    """Raise EPERM, and report it, for what would outlast the guest on a stream of its caller's, without a grant."""
    if not process.policy.allows(capability) and is_callers(process, host):
        require(process, capability, f"{request} on a stream of the caller's")
