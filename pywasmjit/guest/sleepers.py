"""Threads that sleep on words of the guest's memory, by the futex call or by memory.atomic.wait32: both are futexes.

A deadline must end a sleep, and a signal's handler must run in it.  Where the process is the guest's own, kicks end a
sleep with EINTR, and nothing else needs to: it lasts until the deadline, if there is one.  Inside a larger program a
thread with a deadline sleeps in slices.  Between two slices it does not sleep: a wake-up that comes just then does not
find it, and is told so; the thread then compares the word anew, as if it had only come to sleep.

`memory.atomic.wait32` is no system call and does not end with EINTR: handlers run, and the thread sleeps on.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from errno import EFAULT
from math import inf
from time import monotonic_ns
from typing import TYPE_CHECKING, Final, TypeVar

from pywasmjit.guest.abi.futex import FUTEX_BITSET_MATCH_ANY
from pywasmjit.guest.abi.time import GIGA
from pywasmjit.guest.restart import Restart
from pywasmjit.guest.waiting import has_deadline
from pywasmjit.runtime.deadlines import check, remaining, wait_slice

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.raw_futexes import KernelFutexes
    from pywasmjit.guest.process import Process

Result = TypeVar("Result")

_WOKEN, _NOT_EQUAL, _TIMED_OUT = 0, 1, 2
_SOON: Final = 0.001
"""Seconds after a deadline: it has surely passed then."""


def patience(process: Process) -> float:
    """Return the seconds for which a call may block that signals and kicks end; infinity for as long as it likes."""
    if process.signals.host is not None:
        return remaining() + _SOON
    return wait_slice() if has_deadline() else inf


def sleep(
    attempt: Callable[[int | None], None],
    clock: Callable[[], int],
    end_ns: int | None,
    most: Callable[[], float],
    look_up: Callable[[], object],
) -> None:
    """Call `attempt(when to stop)`, and again whenever it stops before the time `end_ns` (None for never).

    clock: what times are measured by, in nanoseconds.  most: returns the seconds that an attempt may last.  look_up:
    called between two attempts; what it raises ends the sleep.  Raises what `attempt` does, but for InterruptedError.
    """
    while True:
        seconds = most()
        until = None if seconds == inf else clock() + int(seconds * GIGA)
        if end_ns is not None and (until is None or until > end_ns):
            until = end_ns
        try:
            attempt(until)
            return
        except TimeoutError:
            if until == end_ns:
                raise
        except InterruptedError:
            pass
        look_up()
        check()


class FutexSleepers:
    """The `runtime.waiting.Sleepers` of a memory in a program that can use the kernel's futexes.

    It may outlive the process, whose threads it sees to.
    """

    def __init__(self, process: Process, futexes: KernelFutexes) -> None:
        self._process = weakref.ref(process)
        self._futexes = futexes

    def wait(self, address: int, expected: int, end_ns: int | None) -> int:
        """Sleep until woken if the word is `expected`: 0 if so, 1 if not, 2 when the time is over."""
        process = self._of_this_thread()

        def attempt(until: int | None) -> None:
            self._reaching(address, lambda: self._futexes.wait(address, expected, until, FUTEX_BITSET_MATCH_ANY))

        def most() -> float:
            return wait_slice() if process is None or process.signals.host is None else patience(process)

        try:
            sleep(attempt, monotonic_ns, end_ns, most, self.look_up)
        except BlockingIOError:
            return _NOT_EQUAL
        except TimeoutError:
            return _TIMED_OUT
        return _WOKEN

    def wake(self, address: int, count: int) -> int:
        """Wake up to `count` threads, in whatever way they sleep."""
        return self._reaching(address, lambda: self._futexes.wake(address, count))

    def _reaching(self, address: int, action: Callable[[], Result]) -> Result:
        """Call `action`, again if the kernel does not reach the word: its page of a mapped file may be gone.

        An access by the host brings zeros there, as one by compiled code would (`kernel.faults`).
        """
        try:
            return action()
        except OSError as error:
            if error.errno != EFAULT:
                raise
        self._futexes.touch(address)
        return action()

    def look_up(self) -> None:
        """Run the handlers of signals that the calling thread lets through."""
        process = self._of_this_thread()
        if process is not None:
            process.interrupted(Restart.ALWAYS)

    def _of_this_thread(self) -> Process | None:
        process = self._process()
        return process if process is not None and process.threads.has_current else None
