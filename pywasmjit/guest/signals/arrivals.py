"""The way of a signal from where it arrives to a thread that takes it: nothing is lost between the two.

What has arrived at the host is collected into `Signals.pending` by whoever looks first: a thread after a call of its
own, Python's main thread when CPython tells it (`arrived`), or the watcher, a thread of the engine's that sleeps until
there is something.  A guest's thread may be about to enter the kernel just then, and would not look again for long: so
the watcher kicks whoever should take a signal, again and again until that is done.

A kick interrupts a call in the kernel, and makes the main thread run handlers at its next loop edge or call.  CPython
does that for no other thread: those look at `alerted` in the loops of modules that can have threads (`at_loop_edge`).
Inside a larger program there are no kicks: loops of such modules look at `alerted` in the main thread too, and
blocking calls look up every 20 ms.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from struct import unpack_from
from threading import get_ident
from typing import TYPE_CHECKING, Final

from pywasmjit.guest.abi.signal import (
    SI_KERNEL,
    SI_TKILL,
    SI_USER,
    SIGALRM,
    SIGPIPE,
    SIGTTIN,
    SIGTTOU,
    SIGXFSZ,
    pack_siginfo,
)
from pywasmjit.runtime.depth import start_engine_thread
from pywasmjit.runtime.traps import LINKAGE

if TYPE_CHECKING:
    from types import FrameType

    from pywasmjit.guest.kernel.host_signals import HostSignals
    from pywasmjit.guest.signals.signals import Signals
    from pywasmjit.guest.threads import GuestThread, Threads

_MOST_TAKEN: Final = 32
"""Held signals that wait here for a thread that lets them through.

More are left to the kernel, which refuses its senders more than it allows.
"""
_SOON, _LATE = 0.001, 0.02
"""Seconds from one kick to the next, at first and at last."""
_KERNELS: Final = frozenset((SIGALRM, SIGTTIN, SIGTTOU, 26, 27))
"""Signals that most often come from the kernel: timers' and terminals'."""
_OWN: Final = frozenset((SIGPIPE, SIGXFSZ))
"""Signals that the kernel sends in the name of the process that wrote."""


class Arrivals:
    """What reaches the host's process, and the threads that are to take it.

    host: set when the process is the guest's own.  alerted: true while threads should look up that CPython does not
    interrupt; never replaced, for compiled code knows it.  watched: whether a signal may have a handler.
    """

    def __init__(self, signals: Signals, threads: Threads) -> None:
        self._signals = signals
        self._threads = threads
        self._collecting = 0
        self._came_again = False
        self.watched = False
        self.host: HostSignals | None = None
        self.alerted: list[bool] = []

    # -- collecting -----------------------------------------------------------------------------------------------

    def arrived(self, number: int, frame: FrameType | None) -> None:
        """Run handlers if compiled code was interrupted; what CPython calls in the main thread."""
        if self.host is None or self.host.silent:
            return
        with self.host.errno_kept():
            self._signals.hold_all()
            found = self._take_arrivals()
            if frame is None or LINKAGE not in frame.f_globals:
                if found:
                    self.host.alert()  # this thread may be about to enter the kernel
                return
        if self._signals.pending:
            self._signals.deliver()

    def collect(self) -> None:
        """Note what has arrived at the host; nothing does before a signal is handled.

        The watcher is alerted: who collects may be about to enter the kernel, and what it has taken wakes nobody else.
        """
        if self._take_arrivals() and self.host is not None:
            self.host.alert()

    def _take_arrivals(self) -> bool:
        """Note what has arrived, in the order in which it came; tell whether there was something.

        One thread at a time: what a second one has taken from the kernel could be noted first.  The same goes for the
        main thread, which CPython may interrupt between the two to run this once more (`arrived`): then it starts over.
        """
        host, here = self.host, get_ident()
        if host is None or not self.watched:
            return False
        if self._collecting == here:
            self._came_again = True
            return False
        with self._signals.lock:  # the only one: an interrupted thread may hold it already
            self._collecting = here
            try:
                found = self._take_all_from(host)
            finally:
                self._collecting = 0
        return found

    def _take_all_from(self, host: HostSignals) -> bool:
        """Take until nothing came meanwhile; a loop may not stand in the `with` of a lock, see `watchdog.lock`."""
        found = False
        self._came_again = True
        while self._came_again:
            self._came_again = False
            found |= self._take_from(host)
        return found

    def _take_from(self, host: HostSignals) -> bool:
        signals, found = self._signals, False
        for number in host.drain():
            if not signals.ignores(number) and not signals.is_virtual(number):  # it had a handler when it came
                signals.note(number, _likely_info(number))
                found = True
        while host.held and self._has_room(host) and (info := host.take_held()) is not None:
            number, _, code = unpack_from("<3i", info)
            alone = code == SI_TKILL and self._threads.has_current
            signals.note(number, info, self._threads.current if alone else None)
            found = True
        return found

    def _has_room(self, host: HostSignals) -> bool:
        """Tell whether one more held signal may wait here; what every thread blocks, in a long handler say, is no bar.

        Else the watcher would be told of signals again and again that it may not take.
        """
        return sum(host.looks_for(each.number) for each in list(self._signals.pending)) < _MOST_TAKEN

    # -- kicks ----------------------------------------------------------------------------------------------------

    def kick(self, thread: GuestThread) -> None:
        """Have a thread look up soon, wherever it is, and again until it has taken what is pending for it."""
        self._alert(thread)
        if self.host is not None:
            self.watch()
            self._kick_once(thread)
            self.host.alert()

    def _alert(self, thread: GuestThread) -> None:
        """Have loops look up for a thread that CPython does not interrupt."""
        if thread is not self._threads.main or self.host is None or not self._threads.main_is_pythons:
            self.alerted[:] = (True,)

    def _kick_once(self, thread: GuestThread) -> None:
        assert self.host is not None
        self.host.kick_number(thread.tid)

    def at_loop_edge(self) -> None:
        """Look up; what compiled loops call while `alerted` is true."""
        self._signals.deliver()
        self._signals.hold_all()
        self.alerted.clear()  # first: whoever kicks from now on says so again
        if any(self._signals.concerns(thread) for thread in self._threads.all()):
            self.alerted[:] = (True,)

    # -- the watcher ----------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """See to it that the watcher runs."""
        host = self.host
        if self.watched or host is None:
            return
        import select  # noqa: F401 - here, not in the thread: a fork meanwhile would leave the import unfinished

        host.listen()
        if self.watched:
            return  # another thread was quicker
        self.watched = True
        with suppress(RuntimeError):  # no more threads: then a signal just before a call blocks may be seen late
            start_engine_thread(partial(self._watch, host), name="pywasmjit-signals")

    def _watch(self, host: HostSignals) -> None:
        import select

        some, all = select.poll(), select.poll()
        for each in (host.pipe, host.bell):
            some.register(each, select.POLLIN)
            all.register(each, select.POLLIN)
        all.register(host.information, select.POLLIN)
        pause = _LATE
        waiting = False
        while True:
            if some.poll(pause * 1000) if waiting else all.poll():  # who is being chased collects what is held
                pause = _SOON / 2
            host.answer()
            waiting = self._chase()
            pause = min(2 * pause, _LATE)

    def _chase(self) -> bool:
        """Kick each thread that could take a signal; tell whether there are such."""
        self._take_arrivals()
        found = False
        for thread in self._threads.all():
            if self._signals.concerns(thread):
                found = True
                self._alert(thread)
                self._kick_once(thread)
        return found

    def after_fork(self) -> None:
        """In a child process: the watcher is gone."""
        self.alerted.clear()
        self._collecting = 0
        watched, self.watched = self.watched, False
        if self.host is not None:
            self.host.after_fork()
            if watched:
                self.watch()


def _likely_info(number: int) -> bytes:
    """Return the siginfo of a signal that came without one."""
    if number in _OWN:
        return pack_siginfo(number, SI_USER, os.getpid(), os.getuid())
    return pack_siginfo(number, SI_KERNEL if number in _KERNELS else SI_USER)
