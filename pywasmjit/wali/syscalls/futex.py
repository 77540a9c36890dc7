"""Futexes: the kernel's, on the real address.

So they work between processes that share memory, and a signal ends a wait.  `memory.atomic.wait32` and `notify` have
queues of their own; a FUTEX_WAKE wakes those waiters too, after the kernel's.  Where memory has no address, or system
calls cannot be made, only WAIT and WAKE work, on these queues.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from errno import EAGAIN, EFAULT, EINVAL, ENOSYS, ETIMEDOUT
from math import inf
from typing import TYPE_CHECKING, Final

from pywasmjit.errors import Trap
from pywasmjit.runtime.deadlines import check, wait_slice
from pywasmjit.wali.abi.futex import (
    FUTEX_CLOCK_REALTIME,
    FUTEX_CMP_REQUEUE,
    FUTEX_PRIVATE,
    FUTEX_REQUEUE,
    FUTEX_WAIT,
    FUTEX_WAIT_BITSET,
    FUTEX_WAKE,
    FUTEX_WAKE_BITSET,
    FUTEX_WAKE_OP,
)
from pywasmjit.wali.abi.time import GIGA, TIMESPEC
from pywasmjit.wali.table import Int, Pointer, Restart, Unsigned, partial, syscall
from pywasmjit.wali.waiting import Interrupted, has_deadline

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process

_LONGEST: Final = 1 << 62
_TWO_WORDS: Final = (FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP)
_NO_PI: Final = "no priority inheritance (LOCK_PI and its like give ENOSYS)"


@syscall("futex", restart=Restart.ALWAYS, support=partial(_NO_PI))
def futex(
    process: Process,
    uaddr: Pointer,
    futex_op: Int,
    val: Unsigned,
    timeout: Pointer,
    uaddr2: Pointer,
    val3: Unsigned,
) -> int:
    """Linux: futex(2)."""
    operation = futex_op & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME)
    known = (FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET, *_TWO_WORDS)
    if operation not in known or (operation not in known[:2] and not process.kernel.has_futex):
        raise OSError(ENOSYS, "futex operation")
    if operation in (FUTEX_WAIT, FUTEX_WAIT_BITSET):
        end = _end(process, futex_op, timeout) if timeout else inf
        return _wait(process, uaddr, futex_op, val, end, val3)
    _check(process, uaddr)
    if operation in _TWO_WORDS:
        _check(process, uaddr2)
        return process.kernel.futex(uaddr, futex_op, val, timeout, uaddr2, val3)
    woken = process.kernel.futex(uaddr, futex_op, val, 0, 0, val3) if process.kernel.has_futex else 0
    memory = process.memory.memory
    if woken < val and operation == FUTEX_WAKE and memory is not None:
        woken += memory.notify(uaddr, val - woken)
    return woken


def _check(process: Process, address: int) -> None:
    if address % 4:
        raise OSError(EINVAL, "futex address")
    if not address:
        raise OSError(EFAULT, "futex address")
    process.memory.check(address, 4)


def _end(process: Process, futex_op: int, address: int) -> float:
    """Return the time, of the monotonic clock, when a wait ends: WAIT says how long, WAIT_BITSET until when."""
    seconds, nanoseconds = process.memory.unpack(TIMESPEC, address)
    if seconds < 0 or not 0 <= nanoseconds < GIGA:
        raise OSError(EINVAL, "timespec")
    given = float(seconds + nanoseconds / GIGA)
    if futex_op & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME) == FUTEX_WAIT:
        return time.monotonic() + given
    return given + (time.monotonic() - time.time()) if futex_op & FUTEX_CLOCK_REALTIME else given


def _wait(process: Process, address: int, futex_op: int, expected: int, end: float, bits: int) -> int:
    """Wait in parts: none longer than the thread's deadline allows."""
    _check(process, address)
    attempt: Callable[[float], None]
    if process.kernel.has_futex:
        operation = futex_op & ~FUTEX_CLOCK_REALTIME

        def attempt(at: float) -> None:
            process.kernel.futex_wait(address, operation, expected, at, bits)
    else:

        def attempt(at: float) -> None:
            _wait_in_queue(process, address, expected, at)

    while True:
        now = time.monotonic()
        part = min(end, now + wait_slice()) if has_deadline() else end
        try:
            attempt(part)
            return 0
        except TimeoutError:
            if part == end:
                raise
        except InterruptedError:
            pass
        if process.interrupted(Restart.ALWAYS if end == inf else Restart.NEVER):
            raise Interrupted
        check()


def _wait_in_queue(process: Process, address: int, expected: int, end: float) -> None:
    memory = process.memory.memory
    if memory is None:
        raise OSError(EFAULT, "no memory")
    timeout_ns = -1 if end == inf else max(0, int(min((end - time.monotonic()) * GIGA, _LONGEST)))
    try:
        outcome = memory.wait32(address, expected, timeout_ns)
    except Trap:  # memory that is not shared: nobody could wake us
        outcome = 1 if int.from_bytes(process.memory.read(address, 4), "little") != expected else 2
        if outcome == 2:
            process.sleep(end - time.monotonic())
    if outcome:
        raise OSError(EAGAIN if outcome == 1 else ETIMEDOUT, "futex")
