"""Deadlines: any code of a thread is interrupted when its time is over, without a check in any loop.

A scope is open while a `with deadline(...)` runs.  One daemon thread, the watchdog, sleeps until the next scope
expires and then has CPython raise the private class `Interrupt` in the scope's thread (an asynchronous exception:
it arrives at a backward jump or at the start of a function).  The end of the scope that was fired turns it into
`TimedOut`.  The races between firing and ending are decided by these rules:

* every scope has two flags, `open` and `fired`, and there is one lock.  Firing is: under the lock, if the scope is
  open, set `fired` and raise in its thread.  Ending is: `open = False`; under the lock, if the scope was fired, take
  back what CPython has not delivered yet.  So nothing arrives after the end: never late;
* an ending scope that is itself hit ends again.  The function that ends scopes has even its first instruction
  inside its exception handler (`cover_start`), because an asynchronous exception may arrive just there;
* scopes of one thread form a stack and the outermost expired one is fired first.  CPython holds one pending
  exception per thread; so an inner scope leaves what is pending, and passes on what hit it, if an enclosing scope
  was fired too: never lost;
* somebody may swallow the exception (a bare `except`, a `__del__`): a scope still open after a second is fired again;
* the `with` statement alone holds the scope's guard.  If an exception leaves the statement without calling `__exit__`
  (CPython 3.13 leaves the back edge of a `while` directly inside `with` outside of the protected range), the guard
  dies and ends the scope.  In that one case `Interrupt` is seen outside; a loop in a function of its own avoids it;
* after `fork` the lock is new, the scopes of other threads are gone and the watchdog starts again if there is a limit.

A call that blocks inside C is not interrupted; ours wait in slices of at most `SLICE` seconds (`wait_slice`).  Those
that cannot, such as opening a FIFO, are ended by a signal where the process is the guest's own (`_waker`).  All
asynchronous exceptions of the engine go through this module: CPython has one place per thread for them.
Without `ctypes`, the main thread uses the process's interval timer and SIGALRM instead, and other threads cannot
have deadlines.
"""

from __future__ import annotations

import math
import threading
import weakref
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.codegen.target import FORGETS_WITHDRAWN_EXCEPTIONS
from pywasmjit.errors import TimedOut
from pywasmjit.runtime.depth import register_after_fork, start_engine_thread
from pywasmjit.runtime.first_instruction import cover_start

SLICE: Final = 0.02
"""Longest uninterrupted wait of the engine's own blocking calls, in seconds."""

_AGAIN: Final = 1.0
_SOON: Final = 0.001
_GRACE: Final = 0.05
"""Seconds that a child process has to itself after `fork`: CPython swallows what interrupts the actions there."""
_NEVER: Final = math.inf


class Interrupt(BaseException):
    """What is raised in a thread whose time is over; only the scope that was fired may catch it for good."""

    def __str__(self) -> str:
        return "a deadline has passed"


class _Withdrawn(BaseException):
    """Delivered in place of an interrupt that came too late; see `_Watchdog.take_back`."""


def _linger() -> None:
    """Wait for an exception that is on its way to this thread."""
    while True:
        pass


class _Scope:
    """One running `with` statement: what the watchdog knows of it."""

    __slots__ = ("due", "end", "error", "fired", "guard", "open", "stack", "thread")

    def __init__(self, end: float, error: Callable[[], BaseException], thread: int, stack: list[_Scope]) -> None:
        self.open = False
        self.fired = False
        self.end = end
        self.due = end
        self.error = error
        self.thread = thread
        self.stack = stack
        self.guard: _GuardReference | None = None


_lock = threading.RLock()  # reentrant: a signal handler of the user's may open a scope while this thread holds it
_stacks: dict[int, list[_Scope]] = {}
"""Thread identifier -> its scopes, outermost first; changed under the lock only."""


def _fire_due(stack: list[_Scope], now: float, watch: _Watchdog | _Alarm) -> float:
    """Fire the outermost scope of one thread that is due; return when to look at the thread again.

    A scope that is due and not open is just being opened or ended; it is looked at again soon.
    """
    for scope in stack:
        if scope.due <= now and scope.open:
            scope.due = now + _AGAIN
            watch.fire(scope)
            break
    return _next_due(stack, now)


def _next_due(stack: list[_Scope], now: float) -> float:
    return max(now + _SOON, min([scope.due for scope in stack], default=_NEVER))


_waker: Callable[[int], None] | None = None


def wake_blocked_threads(waker: Callable[[int], None]) -> None:
    """Have `waker(thread identifier)` called whenever a thread is interrupted, to end a call that it is blocked in."""
    global _waker
    _waker = waker


class _Watchdog:
    """Fires scopes from a daemon thread of its own."""

    def __init__(self) -> None:
        import ctypes

        prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)
        self._raise_in = prototype(("PyThreadState_SetAsyncExc", ctypes.pythonapi))
        self._nothing = ctypes.py_object()
        self._planned = _NEVER
        self._wake = threading.Lock()
        self._wake.acquire()
        self.start()

    def start(self) -> None:
        self._stopping = False
        self._thread = start_engine_thread(self._watch, name="pywasmjit-deadlines")

    def stop(self) -> None:
        """End the thread until the next `start`."""
        self._stopping = True
        with _lock:
            self.plan(-_NEVER)
        self._thread.join()

    def fire(self, scope: _Scope) -> None:
        """Interrupt the scope's thread; the lock is held and the scope open."""
        scope.fired = True
        if self._raise_in(scope.thread, Interrupt) == 0:
            scope.due = _NEVER  # the thread is gone
        elif _waker is not None:
            _waker(scope.thread)

    def take_back(self, scope: _Scope) -> None:
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
        if due < self._planned:
            self._planned = due
            if self._wake.locked():
                self._wake.release()

    def _watch(self) -> None:
        while not self._stopping:
            seconds = self._look()
            self._wake.acquire(True, min(max(seconds, 0), threading.TIMEOUT_MAX))

    def _look(self) -> float:
        """Fire what is due in every thread and return the seconds until the next look."""
        try:
            with _lock:
                now = monotonic()
                self._planned = min([_fire_due(stack, now, self) for stack in _stacks.values()], default=_NEVER)
                return self._planned - now
        except MemoryError:
            return SLICE


class _Alarm:
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

    def fire(self, scope: _Scope) -> None:
        if scope.thread == get_ident():
            scope.fired = True
            raise Interrupt
        scope.due = monotonic()
        self._arm(scope.due)

    def take_back(self, scope: _Scope) -> None:
        pass

    def plan(self, due: float) -> None:
        self._check_thread()
        self._arm(min(due, *[scope.due for scope in _stacks[get_ident()]], _NEVER))

    def _arm(self, due: float) -> None:
        if due < _NEVER and self._set_timer is not None:
            self._set_timer(self._timer, max(due - monotonic(), _SOON))

    def _handle(self, number: int, frame: object) -> None:
        now = monotonic()
        stack = _stacks.get(get_ident(), [])
        try:
            _fire_due(stack, now, self)
        finally:
            self._arm(_next_due(stack, now))


_watch: _Watchdog | _Alarm | None = None


@contextmanager
def watchdog_stopped() -> Iterator[None]:
    """Run a `with` block while the engine has no thread of its own; nobody is interrupted meanwhile."""
    watch = _watch
    if not isinstance(watch, _Watchdog):
        yield
        return
    watch.stop()
    try:
        yield
    finally:
        watch.start()


def _start_watch() -> _Watchdog | _Alarm:
    """Start whatever fires scopes here; the lock is held."""
    global _watch
    try:
        import ctypes  # noqa: F401 - whether it exists
    except ImportError:
        _watch = _Alarm()
    else:
        _watch = _Watchdog()
    return _watch


def _end(scope: _Scope) -> bool:
    """End a scope and all that an exception left above it; return whether an enclosing scope was fired.

    Afterwards nothing that the scope caused is pending.  May be interrupted anywhere and called again.
    """
    scope.open = False
    with _lock:
        stack = scope.stack
        ended = stack[stack.index(scope) :] if scope in stack else []
        del stack[len(stack) - len(ended) :]
        enclosing_fired = bool(stack) and bool([outer for outer in stack if outer.fired and outer.open])
        if not enclosing_fired and _watch is not None and (scope.fired or [inner for inner in ended if inner.fired]):
            _watch.take_back(scope)
    return enclosing_fired


class _Guard:
    """What a `with` statement holds, and nothing else does while it runs."""

    scope: _Scope | None = None


class _GuardReference(weakref.ref[_Guard]):
    """Ends the scope when the guard dies first.

    Not a `__del__`: that would run each time, and Python code that runs on behalf of the interpreter swallows whatever
    interrupts it.
    """

    __slots__ = ("scope",)
    scope: _Scope


def _abandon(reference: Any) -> None:
    """End the scope of a guard that died.  What interrupts this cannot be passed on, so it is fired once more."""
    try:
        scope = reference.scope
        _end(scope)
    except Interrupt:
        scope = reference.scope
        _end(scope)
        _fire_again(scope.stack)
    scope.guard = None


def _fire_again(stack: list[_Scope]) -> None:
    """Have the scopes of a thread that were fired before fired again as soon as possible."""
    with _lock:
        now = monotonic()
        for scope in stack:
            if scope.fired:
                scope.due = now
        if _watch is not None:
            _watch.plan(now)


def _exit(guard: Any, kind: type[BaseException] | None, value: BaseException | None, traceback: Any) -> bool:
    """End the guard's scope; the `__exit__` of every `with`.  Covered by its handler from the first instruction."""
    try:
        guard.scope.open = False
        hit = None
        enclosing_fired = _end(guard.scope)
    except BaseException as error:  # while ending; the second time only an enclosing scope's or the user's can come
        guard.scope.open = False
        hit = error
        enclosing_fired = _end(guard.scope)
    scope, guard.scope = guard.scope, None
    scope.guard = None
    return _settle(scope, kind, traceback, hit, enclosing_fired)


def _settle(
    scope: _Scope, kind: type[BaseException] | None, traceback: Any, hit: BaseException | None, enclosing_fired: bool
) -> bool:
    """Decide what leaves the `with` statement: True is never returned, False keeps the exception that came."""
    if hit is not None and not isinstance(hit, Interrupt):
        raise hit
    if enclosing_fired:
        if hit is not None and kind is not Interrupt:
            raise hit
        return False
    if scope.fired and (kind is None or kind is Interrupt):
        raise scope.error().with_traceback(traceback) from None
    return False


cover_start(_exit)  # type: ignore[arg-type]
cover_start(_abandon)  # type: ignore[arg-type]


class _Exit:
    """`__exit__` of `interruptible`: makes a guard that lives as long as the `with` statement."""

    def __get__(self, handle: interruptible | None, owner: type | None = None) -> Any:
        if handle is None:
            return self
        if handle._kept is not None:
            return MethodType(_exit, handle._kept)
        handle._guard = _Guard()
        return MethodType(_exit, handle._guard)

    def __call__(self, handle: interruptible, kind: Any, value: Any, traceback: Any) -> bool:
        """Serve `contextlib.ExitStack`, which takes the method from the class."""
        guard, handle._kept = handle._kept, None
        return _exit(guard, kind, value, traceback)


class interruptible:
    """Run a `with` block that the watchdog, or `fire` from another thread, can interrupt anywhere.

    timeout: seconds, None for none.  error: called for the exception that is raised where the block ends.
    Usable again and again, nested as well.  Not across `await` or `yield`: it is the thread that is interrupted.
    Raises RuntimeError where the platform can interrupt nothing (no `ctypes`, and not the main thread).
    """

    __slots__ = ("_error", "_guard", "_kept", "_scope", "_timeout")

    def __init__(self, timeout: float | None, error: Callable[[], BaseException]) -> None:
        if timeout is not None and math.isnan(timeout):
            raise ValueError("a timeout is a number of seconds, not NaN")
        self._timeout = _NEVER if timeout is None else timeout
        self._error = error
        self._guard: _Guard | None = None
        self._kept: _Guard | None = None
        self._scope: _Scope | None = None

    def __enter__(self) -> None:
        if self._guard is None:  # not a `with` statement: the guard stays with this object
            self._guard = self._kept = _Guard()
        thread = get_ident()
        with _lock:
            watch = _watch or _start_watch()
            stack = _stacks.get(thread)
            if stack is None:
                stack = _stacks[thread] = []
            scope = _Scope(monotonic() + self._timeout, self._error, thread, stack)
            scope.guard = _GuardReference(self._guard, _abandon)
            scope.guard.scope = self._guard.scope = scope
            stack.append(scope)
            watch.plan(scope.end)
            self._guard = None
        self._scope = scope
        scope.open = True  # nothing can arrive between here and the block

    if TYPE_CHECKING:

        def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: object) -> None: ...

    else:
        __exit__ = _Exit()

    def fire(self) -> bool:
        """Interrupt the block from any thread, now; False if none runs."""
        with _lock:
            scope = self._scope
            if scope is None or not scope.open:
                return False
            if not scope.fired:
                watch = _watch or _start_watch()
                scope.due = monotonic() + _AGAIN
                watch.fire(scope)
                watch.plan(scope.due)
            return True


class deadline(interruptible):
    """Let a `with` block run for `timeout` seconds at most, then raise TimedOut.

    Any Python or WebAssembly code is interrupted, whatever loop it is in, typically within 6 ms; so are the engine's
    own waits, within 20 ms.  A host function that blocks inside C is not: the deadline then ends late.
    On CPython 3.13 a `while` directly inside the block may end with `Interrupt` instead: put it into a function.
    """

    __slots__ = ()

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout, lambda: TimedOut(timeout))


def remaining() -> float:
    """Return the seconds until the next deadline of the calling thread, at least 0; infinity if there is none."""
    stack = _stacks.get(get_ident())
    if not stack:
        return _NEVER
    return max(0.0, min([scope.end for scope in stack], default=_NEVER) - monotonic())


def wait_slice() -> float:
    """Return how long a blocking call may wait before it lets the interpreter look for interrupts, in seconds."""
    return min(SLICE, remaining() + _SOON)


def check() -> None:
    """Raise at once if a deadline of the calling thread has passed; for code that cannot wait to be interrupted."""
    now = monotonic()
    with _lock:
        for scope in _stacks.get(get_ident(), ()):
            if scope.open and scope.end <= now:
                scope.fired = True
                raise Interrupt


def _restart_after_fork() -> None:
    """Start afresh in a child: the thread that forked is the only one, and its scopes go on."""
    global _lock, _watch
    _lock = threading.RLock()
    _watch = None
    thread = get_ident()
    stack = _stacks.get(thread)
    _stacks.clear()
    if stack:
        _stacks[thread] = stack
        due = min(scope.due for scope in stack)
        if due < _NEVER:  # else the watchdog starts when somebody fires a scope
            soonest = monotonic() + _GRACE
            for scope in stack:
                scope.due = max(scope.due, soonest)
            with _lock:
                _start_watch().plan(max(due, soonest))


register_after_fork(_restart_after_fork)
