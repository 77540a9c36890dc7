"""Futexes, on the wait queues of `memory.atomic.wait32` and `notify`."""

from __future__ import annotations

from errno import EAGAIN, EFAULT, EINVAL, ENOSYS, ETIMEDOUT
from typing import TYPE_CHECKING, Final

from pywasmjit.errors import Trap
from pywasmjit.wali.abi.futex import FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE, FUTEX_WAIT, FUTEX_WAKE
from pywasmjit.wali.abi.time import GIGA, TIMESPEC
from pywasmjit.wali.table import Int, Pointer, Restart, Unsigned, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process

_LONGEST: Final = 1 << 62


@syscall("futex", restart=Restart.ALWAYS, support=partial("WAIT and WAKE; other operations give ENOSYS"))
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
    if operation not in (FUTEX_WAIT, FUTEX_WAKE):
        raise OSError(ENOSYS, "futex operation")
    if uaddr % 4:
        raise OSError(EINVAL, "futex address")
    process.memory.check(uaddr, 4)
    memory = process.memory.memory
    if memory is None:
        raise OSError(EFAULT, "no memory")
    if operation == FUTEX_WAKE:
        return memory.notify(uaddr, val)
    timeout_ns = _timeout(process, timeout) if timeout else -1
    try:
        outcome = memory.wait32(uaddr, val, timeout_ns)
    except Trap:  # memory that is not shared: nobody could wake us
        outcome = _wait_alone(process, uaddr, val, timeout_ns)
    if outcome:
        raise OSError(EAGAIN if outcome == 1 else ETIMEDOUT, "futex")
    return 0


def _timeout(process: Process, address: int) -> int:
    seconds, nanoseconds = process.memory.unpack(TIMESPEC, address)
    if seconds < 0 or not 0 <= nanoseconds < GIGA:
        raise OSError(EINVAL, "timespec")
    return int(min(seconds * GIGA + nanoseconds, _LONGEST))


def _wait_alone(process: Process, address: int, expected: int, timeout_ns: int) -> int:
    if int.from_bytes(process.memory.read(address, 4), "little") != expected:
        return 1
    process.sleep(timeout_ns / GIGA if timeout_ns >= 0 else float("inf"))
    return 2
