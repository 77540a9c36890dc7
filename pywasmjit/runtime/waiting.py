"""memory.atomic.wait and notify: the threads that sleep on addresses of one shared memory.

A memory may have `sleepers`: the host's own way to sleep on words, where others may sleep too that know nothing of
Wasm.  Then wait32 is theirs, and notify wakes them first.  Everything else goes by the queue:

A `WaitQueue` belongs to one memory.  A thread joins it, and compares the value then; who stored another value looks
at the queue afterwards: so no wake-up falls between the two.  A waiter is a locked lock; waking it is releasing that.
Who was woken left the queue in the same moment, so each waiter is counted by one `notify` only.

A sleeping thread looks up every 20 ms (`deadlines.wait_slice`) to let CPython deliver what interrupts it; a
waiter that ends by an exception leaves the queue.  Addresses are never keys of a dict: guests choose them.

Spec: Threads proposal, memory.atomic.wait and memory.atomic.notify.
"""

from __future__ import annotations

import os
import threading
from time import monotonic_ns
from typing import TYPE_CHECKING, Final, Protocol

from pywasmjit.errors import Trap, TrapCode
from pywasmjit.runtime.deadlines import wait_slice
from pywasmjit.runtime.depth import register_after_fork

if TYPE_CHECKING:
    from pywasmjit.runtime.memories import Memory

WOKEN: Final = 0
NOT_EQUAL: Final = 1
TIMED_OUT: Final = 2

_lock = threading.RLock()
"""Guards all queues: held for microseconds.  Reentrant, because a signal handler of the host's may call a guest."""


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


register_after_fork(_renew_lock)


class Sleepers(Protocol):
    """What a memory may be given: the host's way to sleep on its words.  Addresses are checked."""

    def wait(self, address: int, expected: int, end_ns: int | None, /) -> int:
        """Do what `WaitQueue.wait` does for 4 bytes; end_ns: a time of `monotonic_ns`, None for no end."""

    def wake(self, address: int, count: int, /) -> int:
        """Wake the first `count` sleepers, 1 or more; return how many there were."""

    def look_up(self) -> None:
        """Let happen what cannot while a thread sleeps; called by one that sleeps in the queue, from time to time."""


class _Waiter:
    """One sleeping thread."""

    __slots__ = ("address", "asleep")

    def __init__(self, address: int) -> None:
        self.address = address
        self.asleep = threading.Lock()
        self.asleep.acquire()


class WaitQueue:
    """The waiters of one memory, in order of arrival."""

    __slots__ = ("_process", "_waiters")

    def __init__(self) -> None:
        self._waiters: dict[_Waiter, None] = {}
        self._process = os.getpid()

    def wait(self, memory: Memory, width: int, address: int, expected: int, timeout_ns: int) -> int:
        """Sleep until `notify` if the integer of `width` bytes at `address` equals `expected`.

        All unsigned but timeout_ns, where a negative number means no end.  Return 0 when woken, 1 if the value
        differs, 2 when the time is over.  Raises Trap: UNALIGNED_ATOMIC, MEMORY_OUT_OF_BOUNDS, EXPECTED_SHARED_MEMORY.
        """
        check_atomic(memory, width, address)
        if not memory.shared:
            raise Trap(TrapCode.EXPECTED_SHARED_MEMORY)
        if int.from_bytes(memory.read(address, width), "little") != expected:
            return NOT_EQUAL  # the cheapest answer first; whoever sleeps compares once more
        end_ns = None if timeout_ns < 0 else monotonic_ns() + timeout_ns
        if width == 4 and memory.sleepers is not None:
            return memory.sleepers.wait(address, expected, end_ns)
        waiter = _Waiter(address)
        try:
            if not self._enter(waiter, memory, width, expected):
                return NOT_EQUAL
            woken = _sleep(waiter, end_ns, memory)
        except BaseException:
            self._leave_surely(waiter)
            raise
        if woken or not self._leave(waiter):  # the second: woken just when the time was over
            return WOKEN
        return TIMED_OUT

    def _enter(self, waiter: _Waiter, memory: Memory, width: int, expected: int) -> bool:
        """Join the queue if the value is the expected one; tell whether it is."""
        with _lock:
            if self._process != os.getpid():  # the others did not survive the fork
                self._waiters.clear()
                self._process = os.getpid()
            self._waiters[waiter] = None
            if int.from_bytes(memory.read(waiter.address, width), "little") == expected:
                return True
            del self._waiters[waiter]
            return False

    def _leave(self, waiter: _Waiter) -> bool:
        """Quit the queue; False if a `notify` had already taken the waiter out."""
        with _lock:
            return self._waiters.pop(waiter, waiter) is None

    def _leave_surely(self, waiter: _Waiter) -> None:
        """Quit the queue even if a second interrupt comes in between."""
        try:
            self._leave(waiter)
        except BaseException:
            self._leave(waiter)
            raise

    def notify(self, memory: Memory, address: int, count: int) -> int:
        """Wake the first `count` waiters of `address` (both unsigned); return how many there were.

        Raises Trap: UNALIGNED_ATOMIC, MEMORY_OUT_OF_BOUNDS.  An unshared memory has no waiters.
        """
        check_atomic(memory, 4, address)
        woken = 0
        if count and memory.sleepers is not None:
            woken = memory.sleepers.wake(address, count)
        return woken + self._wake(address, count - woken) if self._waiters else woken

    def _wake(self, address: int, count: int) -> int:
        if self._process != os.getpid():
            return 0
        with _lock:
            return self._wake_first(address, count)

    def _wake_first(self, address: int, count: int) -> int:
        """Do what `_wake` says; the lock is held.  Its loops may not stand in the `with`: see `watchdog.lock`."""
        woken = 0
        for waiter in [waiter for waiter in self._waiters if waiter.address == address]:
            if woken == count:
                break
            if self._waiters.pop(waiter, waiter) is None:
                waiter.asleep.release()
                woken += 1
        return woken


def _sleep(waiter: _Waiter, end_ns: int | None, memory: Memory) -> bool:
    """Sleep until the waiter is woken (True) or the time is over (False)."""
    while True:
        seconds = wait_slice()
        if end_ns is not None:
            seconds = min(seconds, (end_ns - monotonic_ns()) / 1e9)
            if seconds <= 0:
                return False
        if waiter.asleep.acquire(True, seconds):
            return True
        if memory.sleepers is not None:
            memory.sleepers.look_up()


def check_atomic(memory: Memory, width: int, address: int) -> None:
    """Raise the Trap of an atomic access that is not aligned or not inside the memory."""
    if address % width:
        raise Trap(TrapCode.UNALIGNED_ATOMIC)
    if address + width > memory.size_bytes:
        raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS)
