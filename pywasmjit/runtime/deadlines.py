"""Deadlines: any code of a thread is interrupted when its time is over, without a check in any loop.

A scope is open while a `with deadline(...)` runs.  One daemon thread (`watchdog`) sleeps until the next scope
expires and then has CPython raise the private class `Interrupt` in the scope's thread (an asynchronous exception:
it arrives at a backward jump, at the start of a function, or after a call).  The end of the scope that was fired
turns it into `TimedOut`.  The races between firing and ending are decided by these rules:

* every scope has two flags, `open` and `fired`, and there is one lock.  Firing is: under the lock, if the scope is
  open, set `fired` and raise in its thread.  Ending is: `open = False`; under the lock, if the scope was fired, take
  back what CPython has not delivered yet.  So nothing arrives after the end: never late;
* an ending scope that is hit ends again, as often as it is hit: a Ctrl-C may come first and the scope's own
  interrupt in its handler.  What ends scopes has every instruction inside its exception handler (`cover_start`,
  `cover_whole`), because an asynchronous exception may arrive at the first one and at the jump back as well;
* each step of ending leaves a state from which ending works anew: a scope leaves its stack last;
* scopes of one thread form a stack and the outermost expired one is fired first.  CPython holds one pending
  exception per thread; so an inner scope leaves what is pending, and passes on what hit it, if an enclosing scope
  was fired too: never lost;
* somebody may swallow the exception (a bare `except`, a `__del__`): a scope still open after a second is fired again;
* the `with` statement alone holds the scope's guard.  If an exception leaves the statement without calling `__exit__`
  (CPython 3.13 leaves the back edge of a `while` directly inside `with` outside of the protected range), the guard
  dies and ends the scope.  In that one case `Interrupt` is seen outside; a loop in a function of its own avoids it;
* after `fork` the lock is new, the scopes of other threads are gone and the watchdog starts again if there is a limit.

A call that blocks inside C is not interrupted; ours wait in slices of at most `SLICE` seconds (`wait_slice`).  Those
that cannot, such as opening a FIFO, are ended by a signal where the process is the guest's own
(`wake_blocked_threads`).  All asynchronous exceptions of the engine go through these two modules: CPython has one
place per thread for them.
Without `ctypes`, the main thread uses the process's interval timer and SIGALRM instead, and other threads cannot
have deadlines.
"""

from __future__ import annotations

import math
import weakref
from _thread import get_ident
from collections.abc import Callable, Iterable
from time import monotonic
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.errors import TimedOut
from pywasmjit.runtime import watchdog
from pywasmjit.runtime.first_instruction import cover_start, cover_whole
from pywasmjit.runtime.watchdog import NEVER, SLICE, SOON, Interrupt, Scope


def _end(scope: Scope) -> bool:
    """End a scope and all that an exception left above it; return whether an enclosing scope was fired.

    Afterwards nothing that the scope caused is pending.  May be interrupted anywhere and called again.
    """
    scope.open = False
    with watchdog.lock:
        return _remove(scope)


def _remove(scope: Scope) -> bool:
    """Do what `_end` says; the lock is held.  A function of its own because of its loops, see `watchdog.lock`."""
    stack = scope.stack
    ended = stack[stack.index(scope) :] if scope in stack else []
    for inner in ended:
        inner.open = False
    for inner in [*ended, scope]:
        inner.guard = None  # whose death does not matter any more
    enclosing = stack[: len(stack) - len(ended)]
    enclosing_fired = bool([outer for outer in enclosing if outer.fired and outer.open])
    if not enclosing_fired and watchdog.running is not None and [inner for inner in ended if inner.fired]:
        watchdog.running.take_back(scope)
    del stack[len(enclosing) :]  # last: whoever is interrupted before comes back and finds the scope
    return enclosing_fired


_TRIES: Final = 100
"""How often a scope is ended anew after an error; no number of interrupts is too many."""


def _end_surely(scope: Scope, hit: BaseException | None, tries: int = _TRIES) -> tuple[BaseException | None, bool]:
    """End a scope whatever arrives meanwhile; return what arrived, and whether an enclosing scope was fired.

    hit: what arrived before, None for nothing.  What is not an `Interrupt` is kept rather than one: those of enclosing
    scopes are sent again.  No instruction of this function is outside of its handler, which calls nothing and uses
    arguments only: it may run before anything else does.
    """
    while True:
        try:
            return hit, _end(scope)
        except Exception as error:  # a signal handler's, or one that would come for ever, such as RecursionError
            hit = error
            tries -= 1
            if not tries:
                return hit, False
        except BaseException as error:
            if hit is None or error.__class__ is not Interrupt:
                hit = error


cover_whole(_end_surely)  # type: ignore[arg-type]


class _Guard:
    """What a `with` statement holds, and nothing else does while it runs."""

    scope: Scope | None = None


class _GuardReference(weakref.ref[_Guard]):
    """Ends the scope when the guard dies first.

    Not a `__del__`: that would run each time, and Python code that runs on behalf of the interpreter swallows whatever
    interrupts it.
    """

    __slots__ = ("scope",)
    scope: Scope


def _abandon(reference: Any) -> None:
    """End the scope of a guard that died.  What interrupts this cannot be passed on, so it is fired once more."""
    try:
        hit = None
    except BaseException as error:
        hit, _ = _end_surely(reference.scope, error)
    else:
        hit, _ = _end_surely(reference.scope, None)
    if hit is None:
        return
    if not isinstance(hit, Interrupt):
        raise hit
    _fire_again(reference.scope.stack)


def _fire_again(stack: list[Scope]) -> None:
    """Have the scopes of a thread that were fired before fired again as soon as possible."""
    with watchdog.lock:
        now = monotonic()
        _make_due(stack, now)
        if watchdog.running is not None:
            watchdog.running.plan(now)


def _make_due(scopes: list[Scope], now: float) -> None:
    for scope in scopes:
        if scope.fired:
            scope.due = now


def _exit(guard: Any, kind: type[BaseException] | None, value: BaseException | None, traceback: Any) -> bool:
    """End the guard's scope; the `__exit__` of every `with`.  Covered by its handler from the first instruction.

    Until the scope is over, that is the only one where CPython looks for what it has to deliver: there is no jump and
    no return of C's between it and `_end_surely`.
    """
    try:
        hit = None
    except BaseException as error:
        hit, enclosing_fired = _end_surely(guard.scope, error)
    else:
        hit, enclosing_fired = _end_surely(guard.scope, None)
    scope, guard.scope = guard.scope, None
    return _settle(scope, kind, traceback, hit, enclosing_fired)


def _settle(
    scope: Scope, kind: type[BaseException] | None, traceback: Any, hit: BaseException | None, enclosing_fired: bool
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
        guard = _Guard()
        method = MethodType(_exit, guard)
        handle._guard = guard  # last: nothing can arrive between here and `__enter__`
        return method

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
        self._timeout = NEVER if timeout is None else timeout
        self._error = error
        self._guard: _Guard | None = None
        self._kept: _Guard | None = None
        self._scope: Scope | None = None

    def __enter__(self) -> None:
        try:
            self._open()
        except BaseException as error:
            guard, self._guard, self._kept = self._guard, None, None
            scope = None if guard is None else guard.scope
            if scope is None:
                raise
            hit, _ = _end_surely(scope, error)
            assert hit is not None
            raise hit  # noqa: B904 - usually the same one

    def _open(self) -> None:
        if self._guard is None:  # not a `with` statement: the guard stays with this object
            self._guard = self._kept = _Guard()
        thread = get_ident()
        with watchdog.lock:
            watch = watchdog.running or watchdog.start()
            stack = watchdog.stacks.get(thread)
            if stack is None:
                stack = watchdog.stacks[thread] = []
            scope = Scope(monotonic() + self._timeout, self._error, thread, stack)
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
        with watchdog.lock:
            scope = self._scope
            if scope is None or not scope.open:
                return False
            if not scope.fired:
                watch = watchdog.running or watchdog.start()
                scope.due = monotonic() + watchdog.AGAIN
                watch.fire(scope)
                watch.plan(scope.due)
            return True

    def end_at(self, end: float) -> None:
        """Have the block that runs end at a time of `monotonic` at the latest; for a child process just made."""
        with watchdog.lock:
            scope = self._scope
            if scope is not None and end < scope.end:
                scope.end = end
                scope.due = max(end, monotonic() + watchdog.GRACE)
                (watchdog.running or watchdog.start()).plan(scope.due)


cover_start(interruptible.__enter__)  # type: ignore[arg-type]


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
    stack = watchdog.stacks.get(get_ident())
    if not stack:
        return NEVER
    return max(0.0, min([scope.end for scope in stack], default=NEVER) - monotonic())


def wait_slice() -> float:
    """Return how long a blocking call may wait before it lets the interpreter look for interrupts, in seconds."""
    return min(SLICE, remaining() + SOON)


def check() -> None:
    """Raise at once if a deadline of the calling thread has passed; for code that cannot wait to be interrupted."""
    with watchdog.lock:
        _check(watchdog.stacks.get(get_ident(), ()), monotonic())


def _check(scopes: Iterable[Scope], now: float) -> None:
    for scope in scopes:
        if scope.open and scope.end <= now:
            scope.fired = True
            raise Interrupt
