"""The threads of a guest program: each runs an instance of its own, on the program's one memory.

The guest's main thread is whatever thread called `run_main`; its number is the process's.  A thread ends by
`SYS_exit` (`ThreadExit` unwinds it), the process with its last thread, by `exit_group` from any of them, or by a trap
in any of them.  In a process of the guest's own the host's `_exit` then ends all at once.  Inside a larger program
every thread runs in a scope that can be interrupted (`deadlines.interruptible`): whoever ends the process fires the
main thread's, which fires and awaits the others before `run_main` returns; no thread of the guest outlives it.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from _thread import get_ident
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from errno import EAGAIN, EINVAL, ENOSYS
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pywasmjit.errors import Exit, ResourceLimit, TimedOut, Trap
from pywasmjit.guest.abi.signal import ALL_SIGNALS
from pywasmjit.runtime.deadlines import interruptible, remaining, wait_slice
from pywasmjit.runtime.depth import register_after_fork, start_guest_thread
from pywasmjit.wasm.types import FuncType

if TYPE_CHECKING:
    from pywasmjit.guest.signals.signals import Signals
    from pywasmjit.runtime.functions import Func
    from pywasmjit.runtime.instance import Instance

START_TYPE: Final = FuncType(("i32", "i32"), ())
MOST_THREADS: Final = 512
_SOON, _LATE = 0.001, 0.02
"""Seconds from one kick to the next, at first and at last."""
_AGES: Final = 1e9
"""Seconds.  A time limit, however far, makes blocking calls look up from time to time, so that `fire` reaches them."""


class ThreadExit(Exit):
    """The end of one thread by its own wish."""


class GuestThread:
    """What the system keeps for one thread.

    mask: blocked signals, bit n-1 for signal n.  held: further ones that it blocks for the engine's sake
    (`signals`).  suspended_mask: what `mask` will be again after a call that waits with another one, else None.
    stack: sigaltstack's (address, flags, size).
    """

    __slots__ = ("held", "host", "instance", "mask", "native_id", "scope", "stack", "suspended_mask")

    def __init__(self, mask: int = 0, held: int = 0) -> None:
        self.mask = mask
        self.held = held
        self.suspended_mask: int | None = None
        self.stack = 0, 2, 0
        self.native_id = 0
        self.instance: Instance | None = None
        self.host: threading.Thread | None = None
        self.scope: interruptible | None = None

    @property
    def tid(self) -> int:
        """The thread's number: the host's, and the process's for the main thread."""
        return self.native_id or os.getpid()


class _Start:
    """What a thread that is being started tells the one that waits for it: its number, or an error."""

    def __init__(self) -> None:
        self._told = threading.Lock()
        self._told.acquire()
        self._outcome: int | OSError = 0

    def tell(self, outcome: int | OSError) -> None:
        """Say how it went; only the first word counts."""
        if self._told.locked():
            self._outcome = outcome
            self._told.release()

    def wait(self) -> int:
        """Return the number, or raise the error."""
        while not self._told.acquire(True, wait_slice()):
            pass
        if isinstance(self._outcome, OSError):
            raise self._outcome
        return self._outcome


_all: Final[list[weakref.ref[Threads]]] = []
"""All that are alive.  A plain list: each thing that a child process touches costs it a page."""


def _alive() -> list[Threads]:
    return [threads for reference in _all if (threads := reference()) is not None]


class Threads:
    """The threads of one process.

    main: the main thread; calls that no known thread makes are taken for its.  forked: whether this is a child of the
    process in which the program was started.  have_host_numbers: whether the host's kernel knows all threads, the main
    one too, by their numbers.  main_is_pythons: whether CPython runs its handlers of signals in the main thread; 3.13
    does not in a child that another thread than the first has made.

    Set once, by the process, before the program starts: signals; before_end, what is called before the host's process
    ends at once; renewals, what is called in a child to make the parts' locks free; may_be_interrupted, whether the
    main thread may be needed elsewhere while it runs.
    """

    signals: Signals

    def __init__(self, *, owns_host: bool) -> None:
        """owns_host: whether the host's process is the guest's own."""
        self._owns_host = owns_host
        self.before_end: tuple[Callable[[], object], ...] = ()
        self.renewals: tuple[Callable[[], object], ...] = ()
        self.may_be_interrupted = False
        self.main = GuestThread()
        self.forked = False
        self.main_is_pythons = True
        self.have_host_numbers = False
        self._time = self._end_of_time = float("inf")
        self._by_ident: dict[int, GuestThread] = {}
        self._lock = threading.Lock()
        self._end: BaseException | None = None
        _all[:] = [*(reference for reference in _all if reference() is not None), weakref.ref(self)]

    @property
    def current(self) -> GuestThread:
        """The calling thread."""
        return self._by_ident.get(get_ident(), self.main)

    @property
    def has_current(self) -> bool:
        """Whether the calling thread is one of these, and knows it."""
        return get_ident() in self._by_ident

    def find(self, tid: int) -> GuestThread | None:
        """Return the thread of that number."""
        return next((thread for thread in self.all() if thread.tid == tid), None)

    def all(self) -> list[GuestThread]:
        """Return the threads that run, the main one first even if it has ended."""
        return [self.main, *[each for each in list(self._by_ident.values()) if each is not self.main]]

    def others(self) -> list[GuestThread]:
        """Return all but the calling thread."""
        here = get_ident()
        return [thread for ident, thread in list(self._by_ident.items()) if ident != here]

    # -- start ----------------------------------------------------------------------------------------------------

    def run_main(self, instance: Instance, entry: Callable[[], object]) -> int:
        """Call `entry` as the main thread, wait for the end of the process, return its exit status, 0 to 255.

        Raises what ended the program from outside or in any thread: Trap, TimedOut and so on.
        """
        self.main.instance = instance
        self._time = remaining()
        self._end_of_time = time.monotonic() + self._time
        self.have_host_numbers = threading.get_native_id() == os.getpid()
        self._by_ident[get_ident()] = self.main
        try:
            with self._scope(self.main, self._reason):
                return self._call_main(entry)
        except Exit as end:
            return end.code & 0xFF
        finally:
            self._by_ident.pop(get_ident(), None)
            self._stop_others()

    def _call_main(self, entry: Callable[[], object]) -> int:
        try:
            entry()
        except ThreadExit as end:
            self._await_others()
            return end.code & 0xFF
        return 0

    def _await_others(self) -> None:
        """Wait, as a main thread that has ended, for the end of all other threads.

        It takes no more signals: they are for those who are left, and wait until one lets them through.
        """
        self._by_ident.pop(get_ident(), None)
        self.signals.mask = ALL_SIGNALS
        while others := self.others():
            self._join(others[0])

    def spawn(self, function: int, argument: int) -> int:
        """Start a thread at element `function` of table 0; return its number when it is about to run.

        Raises EAGAIN if there can be no more threads, EINVAL for an element that is no such function.
        """
        current = self.current
        if current.instance is None or current.scope is None:
            raise OSError(ENOSYS, "no threads here")
        if len(self._by_ident) >= MOST_THREADS:
            raise OSError(EAGAIN, "too many threads")
        self.signals.listen()
        start = _Start()
        thread = GuestThread(current.mask, current.held)
        try:
            start_guest_thread(self._run, (thread, current.instance, function, argument, start), name="guest")
        except (RuntimeError, MemoryError):
            raise OSError(EAGAIN, "no more threads") from None
        return start.wait()

    def _run(self, thread: GuestThread, parent: Instance, function: int, argument: int, start: _Start) -> None:
        """Live: what a new host thread does."""
        thread.native_id, thread.host = threading.get_native_id(), threading.current_thread()
        self._by_ident[get_ident()] = thread
        self.signals.hold_all()  # others may have missed it when there came to be more
        status = 0
        try:
            with self._scope(thread, self._end_of_thread):
                self._call(thread, parent, function, argument, start)
        except ThreadExit as end:
            status = end.code & 0xFF
        except BaseException as error:
            if self.forked:
                _end_child(error)
            self._end_process(error)
        finally:
            self._by_ident.pop(get_ident(), None)
            start.tell(OSError(EAGAIN, "the thread could not be started"))
        if thread is self.main:  # since it has forked: nobody else is left who could end this child process
            self._outlive(status)
        self.signals.forget(thread)

    def _outlive(self, status: int) -> NoReturn:
        """End a child process when its last thread has ended, or its time is over."""
        left = self.seconds_left
        try:
            with interruptible(None if left == float("inf") else left, self._end_of_thread):
                self._await_others()
        except TimedOut as error:
            _end_child(error)
        self._end_host(status)

    def _call(self, thread: GuestThread, parent: Instance, function: int, argument: int, start: _Start) -> None:
        try:
            thread.instance = parent.sibling()
        except (MemoryError, ResourceLimit):
            start.tell(OSError(EAGAIN, "no memory for a thread"))
            return
        func: Func | None = None
        with suppress(Trap):
            func = thread.instance.element(0, function)
        if func is None or func.type != START_TYPE:
            start.tell(OSError(EINVAL, "not a function that a thread can run"))
            return
        start.tell(thread.tid)
        func(thread.tid, argument)

    def _scope(self, thread: GuestThread, error: Callable[[], BaseException]) -> AbstractContextManager[Any]:
        """Return the scope in which a thread runs, so that others can end it."""
        thread.scope = None
        if thread is self.main and not self.may_be_interrupted:
            return nullcontext()
        thread.scope = interruptible(None if self._owns_host else _AGES, error)
        scope: Any = thread.scope
        return scope  # type: ignore[no-any-return]

    # -- end ------------------------------------------------------------------------------------------------------

    @property
    def seconds_left(self) -> float:
        """The time that the program still has, whichever thread asks; infinity if it is not limited."""
        return max(0.0, self._end_of_time - time.monotonic())

    def exit(self, status: int) -> NoReturn:
        """End the calling thread, and the process if it is the last."""
        if self.forked and not self.others():
            self._end_host(status)
        raise ThreadExit(status)

    def exit_group(self, status: int) -> NoReturn:
        """End the process."""
        if self.forked or (self._owns_host and self.others()):
            self._end_host(status)
        if self.current is not self.main:
            self._end_process(Exit(status))
            raise ThreadExit(0)
        raise Exit(status)

    def _end_host(self, status: int) -> NoReturn:
        """End the host's process at once; what is mapped has its last word in its file."""
        for action in self.before_end:
            action()
        os._exit(status & 0xFF)

    def _end_process(self, error: BaseException) -> None:
        """Have `run_main` raise `error`; called in another thread."""
        with self._lock:
            if self._end is None:
                self._end = error
        pause = _SOON
        while self.main.scope is not None and self.main.scope.fire():
            self.signals.arrivals.kick(self.main)  # again: it may just be about to sleep in the kernel
            time.sleep(pause)
            pause = min(2 * pause, _LATE)

    def _reason(self) -> BaseException:
        return self._end or ThreadExit(0)

    def _end_of_thread(self) -> BaseException:
        """Return what ends another thread than the first: the program's end, or its time limit in a child process."""
        return TimedOut(self._time) if self.forked else ThreadExit(0)

    def _stop_others(self) -> None:
        """End all other threads; not where the end of the host's process will do so."""
        if self._owns_host:
            return
        for thread in self.others():
            self._stop(thread)

    def _stop(self, thread: GuestThread) -> None:
        while thread.host is not None and thread.host.is_alive():
            if thread.scope is not None:
                thread.scope.fire()
            self._join(thread)

    def _join(self, thread: GuestThread) -> None:
        if thread.host is None:
            return
        thread.host.join(wait_slice())

    # -- fork -----------------------------------------------------------------------------------------------------

    def after_fork(self) -> None:
        """In a child process: locks are free, and the calling thread is the main and only one if it is the guest's."""
        self._lock = threading.Lock()
        for renew in self.renewals:
            renew()
        here = get_ident()
        thread = self._by_ident.get(here)
        self._by_ident.clear()
        if thread is None:
            return  # the caller's own child, in a thread that is none of the guest's
        self.main_is_pythons = self.main_is_pythons and thread is self.main
        self.main = thread
        thread.native_id = 0
        thread.host = None
        self._by_ident[here] = thread
        self.forked = True
        self.have_host_numbers = True
        if thread.scope is not None:  # the limit was the main thread's
            thread.scope.end_at(self._end_of_time)
        self.signals.after_fork()


def _end_child(error: BaseException) -> NoReturn:
    """End a child process that was made by a thread other than the first: no caller is left to be told of `error`."""
    kind = "trap: " if isinstance(error, Trap) else ""
    with suppress(OSError):
        os.write(2, f"pywasmjit: {kind}{error}\n".encode("utf-8", "backslashreplace"))
    os._exit(134 if isinstance(error, Trap) else 124 if isinstance(error, TimedOut) else 1)


def _after_fork() -> None:
    for threads in _alive():
        threads.after_fork()


register_after_fork(_after_fork)
