"""The guest's signals: dispositions, masks, what is pending, and when handlers run.

A handler is an ordinary nested call of a guest function, made at a safe point of the thread that takes the signal:
after a system call (`dispatch`), when a system call was interrupted (`Process.interrupted`), and, in a main thread
that is Python's too, at any loop edge or call of compiled code, where the interpreter runs Python's handlers; that is
why no compiled loop of a program without threads looks at a flag.  Engine code is never interrupted by a guest's
handler.

Where the process is the guest's own (`kernel.host_signals`) the kernel knows dispositions and masks, and delivers;
default actions are its own.  What arrives for a handler is collected in `pending` (`arrivals`) and taken by a thread
whose mask lets it through.  What the guest sends to itself for a handler goes straight to `pending`, so that handlers
have run when the call returns.  Signals whose handlers have SA_SIGINFO are held by the kernel until they are collected;
`thread.held` says which ones a thread blocks for that reason.

Inside a larger program nothing of this touches the host: signals come from the guest's own calls and timers only,
blocking calls look up every 20 ms, and loops do in modules that can have threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from errno import EAGAIN, EINVAL
from struct import unpack_from
from typing import TYPE_CHECKING, Final, NamedTuple

from pywasmjit.guest.abi.signal import (
    BUS_ADRERR,
    IGNORED_BY_DEFAULT,
    NSIG,
    SA_NODEFER,
    SA_RESETHAND,
    SA_RESTART,
    SA_SIGINFO,
    SI_TKILL,
    SIG_BLOCK,
    SIG_DFL,
    SIG_IGN,
    SIG_SETMASK,
    SIG_UNBLOCK,
    SIGBUS,
    SIGKILL,
    SIGRTMIN,
    SIGSTOP,
    STOPPING,
    UNBLOCKABLE,
    bit,
    pack_siginfo,
)
from pywasmjit.guest.signals.arrivals import Arrivals
from pywasmjit.guest.signals.guard import Guard
from pywasmjit.guest.signals.handlers import run_handler
from pywasmjit.guest.signals.timers import Timer
from pywasmjit.runtime.watchdog import wake_blocked_threads

if TYPE_CHECKING:
    from pywasmjit.guest.files.streams import CallersStreams
    from pywasmjit.guest.kernel.host_signals import HostSignals
    from pywasmjit.guest.memory.guest_memory import GuestMemory
    from pywasmjit.guest.threads import GuestThread, Threads

Action = tuple[int, int, int, int]
"""handler, flags, restorer, mask: the fields of the guest's sigaction."""

_DEFAULT: Final[Action] = (SIG_DFL, 0, 0, 0)

_MOST_QUEUED: Final = 1024
"""Real-time signals that the guest may have sent to itself and not taken yet."""


class Pending(NamedTuple):
    """A signal on its way; thread: the one that it was sent to, None for whichever lets it through."""

    number: int
    info: bytes
    thread: GuestThread | None


class Signals:
    """Signals 1 to 64 of one process.

    pending: what waits for a handler; never replaced, for every bound call looks whether it is empty.
    """

    def __init__(self, threads: Threads, streams: CallersStreams, memory: GuestMemory, *, owns_host: bool) -> None:
        """owns_host: whether the host's process is the guest's own."""
        self._threads, self._streams, self._memory, self._owns_host = threads, streams, memory, owns_host
        self._actions: dict[int, Action] = {}
        self._lock = threading.RLock()
        self._virtual: frozenset[int] = frozenset()
        self.pending: list[Pending] = []
        self.arrivals = Arrivals(self, threads)
        self.timer = Timer(self)
        self.guard = Guard(self)

    def begin(self) -> None:
        """Take the process's signals over if it is the guest's own; in its main thread, before the guest starts."""
        if not self._owns_host or threading.current_thread() is not threading.main_thread():
            return
        try:
            from pywasmjit.guest.kernel.host_signals import VIRTUAL, HostSignals

            self.arrivals.host = HostSignals(self.arrivals.arrived)
        except (ImportError, NotImplementedError):
            return
        self._virtual = VIRTUAL
        wake_blocked_threads(self.arrivals.host.kick)
        self._threads.current.mask = self.arrivals.host.initial_mask
        for number in self.arrivals.host.ignored:
            self._actions[number] = (SIG_IGN, 0, 0, 0)

    @property
    def host(self) -> HostSignals | None:
        """The host's signals, None inside a larger program."""
        return self.arrivals.host

    @property
    def lock(self) -> AbstractContextManager[object]:
        """What guards dispositions and `pending`; a thread may take it again."""
        return self._lock

    def is_virtual(self, number: int) -> bool:
        """Tell whether a signal is the engine's own affair, and never the kernel's."""
        return number in self._virtual

    def listen(self) -> None:
        """Get ready for more than one thread; before the first of them starts."""
        if self.host is not None:
            self.host.listen()

    def delayed(self) -> AbstractContextManager[object]:
        """Keep signals that have handlers from the calling thread, and from a child process that it makes meanwhile.

        Else the child would tell its parent of one that arrives before it has a pipe of its own.  No other thread
        changes a disposition meanwhile, so that what the child knows of them is what its kernel knows.
        """
        return self._blocking_all() if self.arrivals.watched else self._lock

    @contextmanager
    def _blocking_all(self) -> Iterator[None]:
        assert self.host is not None
        with self._lock:
            self.host.block(-1)
            try:
                yield
            finally:
                self.host.block(self.mask)

    def close(self) -> None:
        """Stop the timer; kick nobody any more, for Python soon gives up its handlers, that of kicks too."""
        if self.host is None:
            self.timer.set(0, 0)
        else:
            self.host.be_silent()

    # -- dispositions ---------------------------------------------------------------------------------------------

    def action(self, number: int) -> Action:
        """Return the disposition of a signal.  Raises EINVAL for a number that is none."""
        if not 1 <= number <= NSIG:
            raise OSError(EINVAL, "no such signal")
        return self._actions.get(number, _DEFAULT)

    def set_action(self, number: int, action: Action) -> None:
        """Change a disposition.  Raises EINVAL for SIGKILL, SIGSTOP, and numbers that are none."""
        if not 1 <= number <= NSIG or number in (SIGKILL, SIGSTOP):
            raise OSError(EINVAL, "this signal's disposition cannot be changed")
        if action[0] not in (SIG_DFL, SIG_IGN) and number not in self._virtual:
            self.arrivals.watch()
        with self._lock:
            self._actions[number] = action
            if self.ignores(number):
                self._drop(lambda each: each.number == number)
            if self.host is not None and number not in self._virtual:
                self._tell_host(self.host, number, action)

    def _tell_host(self, host: HostSignals, number: int, action: Action) -> None:
        before = host.held
        informed = self.handles(number) and action[1] & SA_SIGINFO
        if not informed or not host.hold(number):
            host.release(number)
        if host.held & ~before:
            self._hold_everywhere()  # while it has the old disposition: nothing comes without its siginfo
        if action[0] == SIG_DFL and not self.guard.covers(number):
            host.default(number, action[1])
        elif action[0] == SIG_IGN:
            host.ignore(number)
        else:
            host.handle(number, action[1])
        if before & ~host.held:
            self._hold_everywhere()

    def _hold_everywhere(self) -> None:
        """Have all threads block what is held, and nothing that is held no longer."""
        self.hold_all()
        self._look_for()
        for thread in self._threads.others():
            self.arrivals.kick(thread)

    def hold_all(self) -> None:
        """Have the calling thread block what is held."""
        thread, host = self._threads.current, self.host
        if host is not None and thread.held != host.held:
            thread.held = host.held
            host.block(thread.mask)

    def _look_for(self) -> None:
        """Look for the held signals that some thread lets through."""
        host = self.host
        if host is not None and host.held:
            with self._lock:  # whoever comes last has seen all masks
                host.look_for(~self._blocked_everywhere())

    def _blocked_everywhere(self) -> int:
        blocked = -1
        for thread in self._threads.all():
            blocked &= thread.mask
        return blocked

    def handles(self, number: int) -> bool:
        """Tell whether a signal has a handler of the guest's."""
        return self._actions.get(number, _DEFAULT)[0] not in (SIG_DFL, SIG_IGN)

    def ignores(self, number: int) -> bool:
        """Tell whether a signal has no effect."""
        handler = self._actions.get(number, _DEFAULT)[0]
        return handler == SIG_IGN or (handler == SIG_DFL and number in IGNORED_BY_DEFAULT)

    # -- masks ----------------------------------------------------------------------------------------------------

    @property
    def mask(self) -> int:
        """The calling thread's blocked signals; assigning lets through what is pending at the next safe point."""
        return self._threads.current.mask

    @mask.setter
    def mask(self, mask: int) -> None:
        thread = self._threads.current
        before, thread.mask = thread.mask, mask & ~UNBLOCKABLE
        host = self.host
        if host is not None and thread.mask != before:
            self._take_own(before & ~mask)
            thread.held = host.held
            host.block(thread.mask)
            if host.held & (mask ^ before):
                self._look_for()
            if before & ~mask:
                self.arrivals.collect()

    def _take_own(self, unblocked: int) -> None:
        """Note what the kernel holds back for the calling thread alone, before it lets go of it.

        Afterwards nobody could tell for whom it was.  The kernel gives a thread's own signals first.
        """
        host, thread = self.host, self._threads.current
        if host is None or not unblocked:
            return
        wanted = unblocked & host.pending()
        wanted &= sum(bit(number) for number in list(self._actions) if self.handles(number))
        own = True
        while wanted and own:
            try:
                info = host.dequeue(wanted, 0)
            except BlockingIOError:
                return
            except InterruptedError:
                continue
            number, _, code = unpack_from("<3i", info)
            own = code == SI_TKILL
            self.note(number, info, thread if own else None)

    def change_mask(self, how: int, signals: int) -> None:
        """Block, unblock or set; SIGKILL and SIGSTOP are left out.  Raises EINVAL for another `how`."""
        if self.pending:
            self.deliver()  # what was sent before is not held back
        if how == SIG_BLOCK:
            self.mask |= signals
        elif how == SIG_UNBLOCK:
            self.mask &= ~signals
        elif how == SIG_SETMASK:
            self.mask = signals
        else:
            raise OSError(EINVAL, "how")

    @contextmanager
    def masked(self, mask: int | None) -> Iterator[None]:
        """Block another set of signals while a call waits; None for no change.

        Handlers that `Process.interrupted` runs inside leave the mask as it was before.  Signals that the set lets
        through and that have arrived already do not interrupt the kernel's wait: look at `interrupting` first.
        """
        if mask is None:
            yield
            return
        thread = self._threads.current
        thread.suspended_mask = self.mask
        self.mask = mask
        try:
            yield
        except OSError:
            self._unsuspend(thread)
            raise
        self._unsuspend(thread)

    def _unsuspend(self, thread: GuestThread) -> None:
        mask, thread.suspended_mask = thread.suspended_mask, None
        if mask is not None:
            self.mask = mask

    # -- arrivals -------------------------------------------------------------------------------------------------

    def note(self, number: int, info: bytes, thread: GuestThread | None = None) -> None:
        """Make a signal pending; one below 32 only once."""
        item = Pending(number, info, thread)
        with self._lock:
            if item.number >= SIGRTMIN or not self._is_pending(item):
                self.pending.append(item)

    def _is_pending(self, item: Pending) -> bool:
        return any(each.number == item.number and each.thread is item.thread for each in self.pending)

    def _takeable(self, thread: GuestThread) -> Pending | None:
        """Return the signal that a thread is to take next: those sent to it alone first, then the lowest number."""
        best = None
        for item in list(self.pending):  # a copy: others take theirs meanwhile, and none must be missed
            if item.thread not in (None, thread) or thread.mask & bit(item.number):
                continue
            if best is None or _order(item) < _order(best):
                best = item
        return best

    def _fitting(self, thread: GuestThread, wanted: int) -> Pending | None:
        """Return the thread's next signal out of a set, blocked or not."""
        fitting = [i for i in self.pending if i.thread in (None, thread) and wanted & bit(i.number)]
        return min(fitting, key=_order, default=None)

    def take(self, wanted: int | None = None) -> Pending | None:
        """Remove and return the calling thread's next signal.  wanted: the set that it must be in, blocked or not."""
        thread = self._threads.current
        with self._lock:
            if wanted is None:
                found = self._takeable(thread)
            else:
                found = self._fitting(thread, wanted)
            if found is not None:
                self._remove(found)
        return found

    def forget(self, thread: GuestThread) -> None:
        """Drop what was for a thread alone that has ended."""
        if self.pending:
            with self._lock:
                self._drop(lambda each: each.thread is thread)

    def _drop(self, unwanted: Callable[[Pending], bool]) -> None:
        """Remove some of what is pending; what arrives meanwhile, in this very thread perhaps, stays."""
        for each in list(self.pending):
            if unwanted(each):
                self._remove(each)

    def _remove(self, item: Pending) -> None:
        for place, each in enumerate(self.pending):
            if each is item:
                del self.pending[place]
                return

    def interrupting(self) -> bool:
        """Tell whether something is pending that the calling thread lets through."""
        self.arrivals.collect()
        self.hold_all()
        return bool(self.pending) and self._takeable(self._threads.current) is not None

    def concerns(self, thread: GuestThread) -> bool:
        """Tell whether there is something that a thread should look up for."""
        if self.pending and self._takeable(thread) is not None:
            return True
        return self.host is not None and thread.held != self.host.held

    def pending_set(self) -> int:
        """Return what is blocked and pending for the calling thread."""
        thread = self._threads.current
        found = 0 if self.host is None else self.host.pending()
        for item in list(self.pending):
            if item.thread in (None, thread):
                found |= bit(item.number)
        return found & thread.mask

    # -- delivery -------------------------------------------------------------------------------------------------

    def deliver(self) -> bool | None:
        """Take all signals that the calling thread lets through; what `dispatch` does after a call.

        Returns None if no handler ran, else whether the first has SA_RESTART.
        """
        restarts: bool | None = None
        while (item := self.take()) is not None:
            ran = self._deliver_one(item)
            if restarts is None:
                restarts = ran
            self.arrivals.collect()
        return restarts

    def _deliver_one(self, item: Pending) -> bool | None:
        number = item.number
        action = self._actions.get(number, _DEFAULT)
        handler, flags, _, blocked = action
        if self.ignores(number):
            return None
        if handler == SIG_DFL:
            self._suffer(number)
            return None
        if flags & SA_RESETHAND:
            self.set_action(number, (SIG_DFL, *action[1:]))
        thread = self._threads.current
        outer, thread.suspended_mask = thread.suspended_mask, None
        before = thread.mask if outer is None else outer
        self.mask |= blocked | (0 if flags & SA_NODEFER else bit(number))
        after = run_handler(self, self._memory, thread, item.number, item.info, handler, flags, before)
        self.mask = after
        if outer is not None:
            thread.suspended_mask = after
        return bool(flags & SA_RESTART)

    def _suffer(self, number: int) -> None:
        """Let a signal have its default action."""
        if self.host is not None:
            if number not in STOPPING:
                self._streams.restore()
            self.host.suffer(number)
        elif number not in STOPPING:
            self._threads.exit_group(128 + number)

    # -- sending --------------------------------------------------------------------------------------------------

    def send(self, number: int, info: bytes) -> None:
        """Send a signal to the guest's process; if the calling thread handles it, it will when the call returns."""
        lets_through = [thread for thread in self._threads.all() if not thread.mask & bit(number)]
        noticed = self.handles(number) or self.guard.covers(number)
        if number == SIGKILL:
            self._streams.restore()
        if self.host is not None and number not in self._virtual and not (noticed and lets_through):
            self.host.send(number, info)
        elif not self.ignores(number):
            self._check_room(number)
            self.note(number, info)
            threads = self._threads  # a timer's thread, too, sends inside a larger program
            if lets_through and not (threads.has_current and threads.current in lets_through):
                self.arrivals.kick(lets_through[0])

    def send_thread(self, thread: GuestThread, number: int, info: bytes) -> None:
        """Send a signal to one thread of the guest's."""
        host = self.host
        held_back = thread.mask & bit(number)
        noticed = self.handles(number) or self.guard.covers(number)
        if number == SIGKILL:
            self._streams.restore()
        if host is not None and number not in self._virtual and (held_back or not noticed):
            host.send_thread(thread.tid, number)
        elif not self.ignores(number):
            self._check_room(number)
            self.note(number, info, thread)
            if thread is not self._threads.current:
                self.arrivals.kick(thread)

    def _check_room(self, number: int) -> None:
        if number >= SIGRTMIN and len(self.pending) >= _MOST_QUEUED:
            raise OSError(EAGAIN, "too many signals")

    def fault(self, address: int) -> None:
        """Send SIGBUS to the calling thread: what it has accessed at a guest's address is no longer in the file.

        As on the kernel, a fault that is blocked or ignored ends the process.
        """
        thread = self._threads.current
        if thread.mask & bit(SIGBUS) or self.ignores(SIGBUS):
            thread.mask &= ~bit(SIGBUS)
            self.set_action(SIGBUS, _DEFAULT)
        self.note(SIGBUS, pack_siginfo(SIGBUS, BUS_ADRERR, address), thread)
        self.arrivals.kick(thread)

    # -- other programs and processes -----------------------------------------------------------------------------

    def go_on(self) -> None:
        """Be ready for signals again in a thread that was about to execute another program; note what has arrived."""
        thread, host = self._threads.current, self.host
        if host is not None:
            thread.held = host.held
            host.block(thread.mask)
            self._look_for()
            self.arrivals.collect()

    def renew_locks(self) -> None:
        """Forget who held locks: only the forking thread lives on in a child process."""
        self._lock = threading.RLock()
        self.timer.renew_lock()
        if self.host is not None:
            self.host.renew_lock()

    def after_fork(self) -> None:
        """In a child process of a guest's: nothing is pending, and the watcher is gone."""
        self.pending.clear()
        self.guard.end()
        self.arrivals.after_fork()  # first: what the parent looks for is its own affair
        self._look_for()


def _order(item: Pending) -> tuple[bool, int]:
    return item.thread is None, item.number
