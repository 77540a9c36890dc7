"""The watchdog of the deadlines: who is interrupted, when, and what of it is taken back.  The theory is in `deadlines`.

One daemon thread sleeps until the next scope expires and has CPython raise `Interrupt` in the scope's thread.  Any
function here may be interrupted itself, by a scope further out or by what a signal handler raises; so a plan is written
down only after the watchdog was told of it, and a watchdog whose start was interrupted is started again by the next
plan.
"""

from __future__ import annotations

import math
import threading
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from pywasmjit.codegen.target.cpython import FORGETS_WITHDRAWN_EXCEPTIONS
from pywasmjit.runtime.depth import register_after_fork, start_engine_thread

SLICE: Final = 0.02
"""Longest uninterrupted wait of the engine's own blocking calls, in seconds."""

AGAIN = 1.0
"""Seconds until a scope that is still open is fired once more; tests put that off."""

SOON: Final = 0.001
GRACE: Final = 0.05
"""Seconds that a child process has to itself after `fork`: CPython swallows what interrupts the actions there."""
NEVER: Final = math.inf


class Interrupt(BaseException):
    """What is raised in a thread whose time is over; only the scope that was fired may catch it for good."""

    def __str__(self) -> str:
        return "a deadline has passed"


class _Withdrawn(BaseException):
    """Delivered in place of an interrupt that came too late; see `Watchdog.take_back`."""


def _linger() -> None:
    """Wait for an exception that is on its way to this thread."""
    while True:
        pass


class Scope:
    """One running `with` statement: what the watchdog knows of it."""

    __slots__ = ("due", "end", "error", "fired", "guard", "open", "stack", "thread")

    def __init__(self, end: float, error: Callable[[], BaseException], thread: int, stack: list[Scope]) -> None:
        self.open = False
        self.fired = False
        self.end = end
        self.due = end
        self.error = error
        self.thread = thread
        self.stack = stack
        self.guard: object | None = None


lock = threading.RLock()
"""Reentrant: a signal handler of the user's may open a scope while this thread holds it.

No loop and no comprehension stands directly in a `with` of it: what arrives at the jump back leaves a `with` on 3.13
without calling `__exit__`, and the lock would be held for ever.  So it is for every lock of the engine.
"""
stacks: dict[int, list[Scope]] = {}
"""Thread identifier -> its scopes, outermost first; changed under the lock only."""


def _fire_due(stack: list[Scope], now: float, watch: Watchdog | Alarm) -> float:
    """Fire the outermost scope of one thread that is due; return when to look at the thread again.

    A scope that is due and not open is just being opened or ended; it is looked at again soon.
    """
    for scope in stack:
        if scope.due <= now and scope.open:
            scope.due = now + AGAIN
            watch.fire(scope)
            break
    return _next_due(stack, now)


def _next_due(stack: list[Scope], now: float) -> float:
    return max(now + SOON, min([scope.due for scope in stack], default=NEVER))


_waker: Callable[[int], None] | None = None


def wake_blocked_threads(waker: Callable[[int], None]) -> None:
    """Have `waker(thread identifier)` called whenever a thread is interrupted, to end a call that it is blocked in."""
    global _waker
    _waker = waker


class Watchdog:
    """Fires scopes from a daemon thread of its own."""

    def __init__(self) -> None:
        import ctypes

        prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)
        self._raise_in = prototype(("PyThreadState_SetAsyncExc", ctypes.pythonapi))
        self._nothing = ctypes.py_object()
        self._planned = NEVER
        self._wake = threading.Lock()
        self._wake.acquire()
        self._thread: threading.Thread | None = None
        self.held = False

    def start(self) -> None:
        """Start the thread; one whose start was interrupted ends."""
        self._renew_wake()
        self._thread = start_engine_thread(self._watch, name="pywasmjit-deadlines")

    def stop(self) -> None:
        """End the thread until the next `start`; `held` keeps `plan` from starting it."""
        thread, self._thread = self._thread, None
        self._renew_wake()
        if thread is not None:
            thread.join()

    def _renew_wake(self) -> None:
        """Tell the thread to end, by taking its lock from it."""
        old = self._wake
        self._wake = threading.Lock()
        self._wake.acquire()
        if old.locked():
            old.release()

    def fire(self, scope: Scope) -> None:
        """Interrupt the scope's thread; the lock is held and the scope open."""
        scope.fired = True
        if self._raise_in(scope.thread, Interrupt) == 0:
            scope.due = NEVER  # the thread is gone
        elif _waker is not None:
            _waker(scope.thread)

    def take_back(self, scope: Scope) -> None:
        """Forget what was not delivered yet; the lock is held.

        Until 3.12 CPython goes on looking for an exception that was withdrawn, for ever: each call gets slower, and on
        3.11 the first one under a debugger hangs.  Delivering one ends that, so this thread delivers one to itself.
        """
        if FORGETS_WITHDRAWN_EXCEPTIONS or scope.thread != get_ident():
            self._raise_in(scope.thread, self._nothing)
            return
        try:
            self._raise_in(scope.thread, _Withdrawn)
            _linger()
        except _Withdrawn:
            pass
        except BaseException:
            self._raise_in(scope.thread, self._nothing)
            raise

    def plan(self, due: float) -> None:
        """Have the watchdog look again at `due`, at the latest; the lock is held."""
        if self._thread is None and not self.held:
            self.start()
        if due < self._planned:
            if self._wake.locked():
                self._wake.release()
            self._planned = due  # last: who is interrupted before must not leave a plan that the watchdog does not know

    def _watch(self) -> None:
        wake = self._wake
        while self._wake is wake:
            seconds = self._look()
            wake.acquire(True, min(max(seconds, 0), threading.TIMEOUT_MAX))

    def _look(self) -> float:
        """Fire what is due in every thread and return the seconds until the next look."""
        try:
            with lock:
                now = monotonic()
                self._planned = self._fire_all(now)
                return self._planned - now
        except MemoryError:
            return SLICE

    def _fire_all(self, now: float) -> float:
        """Fire what is due and return when to look again; the lock is held."""
        return min([_fire_due(stack, now, self) for stack in stacks.values()], default=NEVER)


class Alarm:
    """Fires scopes of the main thread by the interval timer; for Pythons without `ctypes`.

    The handler raises on the spot, so there is never anything to take back, and takes no lock: the thread that
    it interrupts may hold it.
    """

    def __init__(self) -> None:
        import signal

        self._set_timer = getattr(signal, "setitimer", None)
        self._timer = getattr(signal, "ITIMER_REAL", 0)
        self._check_thread()
        signal.signal(signal.SIGALRM, self._handle)

    def _check_thread(self) -> None:
        if self._set_timer is None or threading.current_thread() is not threading.main_thread():
            raise RuntimeError("deadlines need ctypes, or the main thread and signal.setitimer")

    def fire(self, scope: Scope) -> None:
        if scope.thread == get_ident():
            scope.fired = True
            raise Interrupt
        scope.due = monotonic()
        self._arm(scope.due)

    def take_back(self, scope: Scope) -> None:
        pass

    def plan(self, due: float) -> None:
        self._check_thread()
        self._arm(min(due, *[scope.due for scope in stacks[get_ident()]], NEVER))

    def _arm(self, due: float) -> None:
        if due < NEVER and self._set_timer is not None:
            self._set_timer(self._timer, max(due - monotonic(), SOON))

    def _handle(self, number: int, frame: object) -> None:
        now = monotonic()
        stack = stacks.get(get_ident(), [])
        try:
            _fire_due(stack, now, self)
        finally:
            self._arm(_next_due(stack, now))


running: Watchdog | Alarm | None = None
"""What fires scopes in this process, None before the first one."""


@contextmanager
def watchdog_stopped() -> Iterator[None]:
    """Run a `with` block while the engine has no thread of its own; nobody is interrupted meanwhile."""
    watch = running
    if not isinstance(watch, Watchdog):
        yield
        return
    watch.held = True
    try:
        watch.stop()
        yield
    finally:
        watch.held = False
        watch.start()


def start() -> Watchdog | Alarm:
    """Start whatever fires scopes here; the lock is held."""
    global running
    try:
        import ctypes  # noqa: F401 - whether it exists
    except ImportError:
        running = Alarm()
    else:
        running = Watchdog()
        running.start()  # where that is interrupted, the next plan does it
    return running


def _restart_after_fork() -> None:
    """Start afresh in a child: the thread that forked is the only one, and its scopes go on."""
    global lock, running
    lock = threading.RLock()
    running = None
    thread = get_ident()
    stack = stacks.get(thread)
    stacks.clear()
    if stack:
        stacks[thread] = stack
        due = min(scope.due for scope in stack)
        if due < NEVER:  # else the watchdog starts when somebody fires a scope
            soonest = monotonic() + GRACE
            for scope in stack:
                scope.due = max(scope.due, soonest)
            with lock:
                start().plan(max(due, soonest))


register_after_fork(_restart_after_fork)
