"""Futexes: the kernel's, on the real address.

So they work between processes that share memory, and with threads that sleep in `memory.atomic.wait32`; those in
`memory.atomic.wait64` have a queue, which FUTEX_WAKE looks at last.  Where memory has no address, or system calls
cannot be made, only WAIT and WAKE work, on the memory's queue.

The kernel hands a lock with priority inheritance over to whoever sleeps there first, by writing to its word at any
moment; to compiled code that would be no atomic operation.  So nobody sleeps in the kernel's FUTEX_LOCK_PI: each tries
with no time to wait, which takes the lock or has its owner call FUTEX_UNLOCK_PI, and sleeps elsewhere until then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from errno import EAGAIN, EFAULT, EINVAL, ENOSYS, ETIMEDOUT
from math import inf
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.errors import Trap
from pywasmjit.guest.abi.futex import (
    FUTEX_BITSET_MATCH_ANY,
    FUTEX_CLOCK_REALTIME,
    FUTEX_CMP_REQUEUE,
    FUTEX_LOCK_PI,
    FUTEX_LOCK_PI2,
    FUTEX_OWNER_DIED,
    FUTEX_PRIVATE,
    FUTEX_REQUEUE,
    FUTEX_TID_MASK,
    FUTEX_TRYLOCK_PI,
    FUTEX_UNLOCK_PI,
    FUTEX_WAIT,
    FUTEX_WAIT_BITSET,
    FUTEX_WAITERS,
    FUTEX_WAKE,
    FUTEX_WAKE_BITSET,
    FUTEX_WAKE_OP,
    OPERATION_NAMES,
)
from pywasmjit.guest.abi.time import GIGA, TIMESPEC
from pywasmjit.guest.restart import Restart
from pywasmjit.guest.sleepers import patience, sleep
from pywasmjit.guest.waiting import Interrupted
from pywasmjit.runtime.deadlines import check, wait_slice
from pywasmjit.wali.table import Number, Pointer, Unsigned, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.raw_futexes import KernelFutexes
    from pywasmjit.guest.memory.guest_memory import Memory
    from pywasmjit.guest.process import Process

_LONGEST_NS: Final = 1 << 62
_SIGN: Final = 1 << 31
_WAITS: Final = (FUTEX_WAIT, FUTEX_WAIT_BITSET)
_TWO_WORDS: Final = (FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP)
_LOCKS: Final = (FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI)
_BY_CLOCK: Final = (FUTEX_WAIT_BITSET, FUTEX_LOCK_PI2)
"""Operations whose clock FUTEX_CLOCK_REALTIME chooses."""
_MISSING: Final = (
    "locks with priority inheritance raise nobody's priority and find no circle of waiting threads; no WAIT_REQUEUE_PI"
)


@syscall("futex", restart=Restart.ALWAYS, support=partial(_MISSING))
def futex(
    process: Process,
    uaddr: Pointer,
    futex_op: Annotated[int, Number(names=OPERATION_NAMES)],
    val: Unsigned,
    timeout: Pointer,
    uaddr2: Pointer,
    val3: Unsigned,
) -> int:
    """Linux: futex(2).  Deviation: FUTEX_PRIVATE makes no difference."""
    operation = futex_op & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME)
    realtime = bool(futex_op & FUTEX_CLOCK_REALTIME)
    if realtime and operation not in _BY_CLOCK:
        raise OSError(ENOSYS, "futex operation")
    if operation in _WAITS:
        end = _end(process, operation, timeout, realtime) if timeout else None
        bits = FUTEX_BITSET_MATCH_ANY if operation == FUTEX_WAIT else val3
        return _wait(process, uaddr, val, end, bits, realtime)
    if operation == FUTEX_WAKE:
        count = val if 0 < val < _SIGN else 1  # the kernel counts a waiter before it compares
        return _memory(process, uaddr).notify(uaddr, count)
    futexes = process.kernel.futexes
    if futexes is None:
        raise OSError(ENOSYS, "futex operation")
    if operation in _LOCKS:
        return _lock(process, futexes, uaddr, operation, timeout, realtime)
    memory = _memory(process, uaddr)
    if operation == FUTEX_WAKE_BITSET:
        return futexes.change(uaddr, operation, val, 0, 0, val3)
    if operation in _TWO_WORDS:
        _memory(process, uaddr2)
        return memory.exclusively(lambda: futexes.change(uaddr, operation, val, timeout, uaddr2, val3))
    raise OSError(ENOSYS, "futex operation")


def _memory(process: Process, address: int) -> Memory:
    """Return the memory in which a word lies.  Raises EINVAL, EFAULT."""
    if address % 4:
        raise OSError(EINVAL, "futex address")
    if not address:
        raise OSError(EFAULT, "futex address")
    process.memory.check(address, 4)
    memory = process.memory.memory
    assert memory is not None
    return memory


def _end(process: Process, operation: int, address: int, realtime: bool) -> int:
    """Return the time in nanoseconds when a call ends: WAIT says how long it lasts, the others until when."""
    seconds, nanoseconds = process.memory.unpack(TIMESPEC, address)
    if seconds < 0 or not 0 <= nanoseconds < GIGA:
        raise OSError(EINVAL, "timespec")
    given = int(seconds * GIGA + nanoseconds)
    return given + time.monotonic_ns() if operation == FUTEX_WAIT else given


# -- words ------------------------------------------------------------------------------------------------------------


def _wait(process: Process, address: int, expected: int, end: int | None, bits: int, realtime: bool) -> int:
    memory = _memory(process, address)
    futexes = process.kernel.futexes

    def attempt(until: int | None) -> None:
        if futexes is not None:
            futexes.wait(address, expected, until, bits, realtime)
        elif bits == FUTEX_BITSET_MATCH_ANY and not realtime:
            _wait_in_queue(process, memory, address, expected, until)
        else:
            raise OSError(ENOSYS, "futex operation")

    def look_up() -> None:
        if process.interrupted(Restart.ALWAYS if end is None else Restart.NEVER):
            raise Interrupted

    sleep(attempt, time.time_ns if realtime else time.monotonic_ns, end, lambda: patience(process), look_up)
    return 0


def _wait_in_queue(process: Process, memory: Memory, address: int, expected: int, until: int | None) -> None:
    left_ns = -1 if until is None else max(0, min(until - time.monotonic_ns(), _LONGEST_NS))
    try:
        outcome = memory.wait32(address, expected, left_ns)
    except Trap:  # memory that is not shared: nobody could wake us
        outcome = 1 if int.from_bytes(process.memory.read(address, 4), "little") != expected else 2
        if outcome == 2:
            process.sleep(inf if until is None else left_ns / GIGA)
    if outcome:
        raise OSError(EAGAIN if outcome == 1 else ETIMEDOUT, "futex")


# -- locks ------------------------------------------------------------------------------------------------------------


def _lock(process: Process, futexes: KernelFutexes, address: int, operation: int, timeout: int, realtime: bool) -> int:
    """Do one of the operations on locks, whose words hold the numbers of host threads."""
    if not process.threads.have_host_numbers:
        raise OSError(ENOSYS, "futex operation")
    if operation in (FUTEX_LOCK_PI, FUTEX_LOCK_PI2):
        clock = time.time_ns if realtime or operation == FUTEX_LOCK_PI else time.monotonic_ns
        end = _end(process, operation, timeout, realtime) if timeout else None
        _take_lock(process, futexes, address, clock, end)
        return 0
    _memory(process, address).exclusively(lambda: futexes.change(address, operation, 0, 0, 0, 0))
    if operation == FUTEX_UNLOCK_PI:
        futexes.tell_owner_gone(address)
    return 0


def _take_lock(
    process: Process, futexes: KernelFutexes, address: int, clock: Callable[[], int], end: int | None
) -> None:
    """Take a lock by the time `end` of a clock.  Raises ETIMEDOUT, and what the kernel says of the word."""
    memory = _memory(process, address)
    awaited = 0
    while True:
        try:
            if memory.exclusively(lambda: futexes.try_lock(address)):
                return
        except ProcessLookupError:  # the owner has ended: those who slept then inherit
            if not awaited:
                raise
            if memory.exclusively(lambda: _inherit(process, address, awaited)):  # noqa: B023 - called at once
                return
        awaited = _await_owner(process, futexes, address, None if end is None else end - clock())


def _inherit(process: Process, address: int, awaited: int) -> bool:
    """Take the lock of an owner that has ended; False if it is another's by now.  The kernel marks such a word so."""
    if _word(process, address) & FUTEX_TID_MASK != awaited & FUTEX_TID_MASK:
        return False
    word = process.threads.current.tid | FUTEX_WAITERS | FUTEX_OWNER_DIED
    process.memory.write(address, word.to_bytes(4, "little"))
    return True


def _word(process: Process, address: int) -> int:
    return int.from_bytes(process.memory.read(address, 4), "little")


def _await_owner(process: Process, futexes: KernelFutexes, address: int, left_ns: int | None) -> int:
    """Sleep for a while, until a lock's owner lets go at best; return its word.  Raises ETIMEDOUT if no time is left.

    Not for long: an owner may have ended, or be another process's.
    """
    if left_ns is not None and left_ns <= 0:
        raise OSError(ETIMEDOUT, "futex")
    word = _word(process, address)
    if word & FUTEX_WAITERS:
        slice_ns = int(wait_slice() * GIGA)
        until = time.monotonic_ns() + (slice_ns if left_ns is None else min(slice_ns, left_ns))
        with suppress(BlockingIOError, InterruptedError, TimeoutError):
            futexes.await_owner(address, word, until)
    process.interrupted(Restart.ALWAYS)  # whatever handlers say: the kernel begins such a call again
    check()
    return word
