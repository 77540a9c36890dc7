"""Futexes on the words of one linear memory: the kernel's, at real addresses.

All of them are shared ones, also where the guest says FUTEX_PRIVATE.  The kernel keeps the two kinds apart, but
`memory.atomic.wait32` and `notify` name none and must meet both; to the threads of one program the difference is a
fifth of a microsecond.  (The engine has the private ones left for a use of its own, see `await_owner`.)

Compiled code reads, computes and writes a word in several steps, which are one for everybody who needs the GIL in
order to write.  So an operation by which the kernel itself changes a word is made with the GIL held (`change`).

Knows addresses only, nothing of the memory's object: the object holds this one.
"""

from __future__ import annotations

import os
from ctypes import PyDLL, addressof, byref, c_char, get_errno
from errno import ETIMEDOUT
from typing import Final

from pywasmjit.guest.abi.futex import (
    FUTEX_BITSET_MATCH_ANY,
    FUTEX_CLOCK_REALTIME,
    FUTEX_LOCK_PI,
    FUTEX_PRIVATE,
    FUTEX_WAIT_BITSET,
    FUTEX_WAKE,
)
from pywasmjit.guest.abi.time import GIGA, TIMESPEC
from pywasmjit.guest.kernel.host import open_host

_ALL: Final = 0x7FFF_FFFF
_MOST_SECONDS: Final = 1 << 40
"""The kernel refuses no time below; nobody lives to see the end."""


class KernelFutexes:
    """The kernel's futexes for the memory at `base`.  Addresses are the guest's, checked.

    Raises NotImplementedError where the host's system calls are not known; all methods OSError with the kernel's errno.
    """

    __slots__ = ("_anchor", "_holding", "_number", "_releasing")

    def __init__(self, base: int) -> None:
        self._anchor = c_char.from_address(base)
        machine, self._releasing = open_host()
        _, self._holding = open_host(PyDLL)
        self._number = machine.numbers["futex"]

    def wait(self, address: int, expected: int, until_ns: int | None, bits: int, realtime: bool = False) -> None:
        """Sleep while the word is `expected`, until woken by one whose bits meet `bits`.

        until_ns: a time of CLOCK_MONOTONIC or CLOCK_REALTIME, None for ever.  Raises EAGAIN, ETIMEDOUT, EINTR; EINVAL
        if there are no bits.
        """
        self._wait(address, FUTEX_WAIT_BITSET | (FUTEX_CLOCK_REALTIME if realtime else 0), expected, until_ns, bits)

    def await_owner(self, address: int, expected: int, until_ns: int) -> None:
        """Sleep while the word of a lock is `expected`, until `tell_owner_gone`; times of CLOCK_MONOTONIC."""
        self._wait(address, FUTEX_WAIT_BITSET | FUTEX_PRIVATE, expected, until_ns, FUTEX_BITSET_MATCH_ANY)

    def tell_owner_gone(self, address: int) -> None:
        """Wake all who sleep in `await_owner`."""
        self._releasing(self._number, byref(self._anchor, address), FUTEX_WAKE | FUTEX_PRIVATE, _ALL, None, None, 0)

    def _wait(self, address: int, operation: int, expected: int, until_ns: int | None, bits: int) -> None:
        until = None if until_ns is None else pack_time(until_ns)
        word = byref(self._anchor, address)
        if self._releasing(self._number, word, operation, expected, until, None, bits) < 0:
            raise _error()

    def wake(self, address: int, count: int) -> int:
        """Wake up to `count` threads, 1 or more, in order of arrival; return how many there were.

        Without the GIL, though it takes no time: who is woken can have it at once, which saves half of all switches.
        """
        count = min(count, _ALL)
        woken: int = self._releasing(self._number, byref(self._anchor, address), FUTEX_WAKE, count, None, None, 0)
        if woken < 0:
            raise _error()
        return woken

    def touch(self, address: int) -> None:
        """Read from an address."""
        _ = c_char.from_address(addressof(self._anchor) + address).value

    def change(self, address: int, operation: int, value: int, second: int, address2: int, value3: int) -> int:
        """Make another call of futex(2), one that does not wait.

        second: the number that takes the place of a timeout.  address2: 0 if there is no second word.
        """
        other = byref(self._anchor, address2) if address2 else None
        word = byref(self._anchor, address)
        result: int = self._holding(self._number, word, operation, value, second, other, value3)
        if result < 0:
            raise _error()
        return result

    def try_lock(self, address: int) -> bool:
        """Do FUTEX_LOCK_PI without waiting: take the lock, or (False) have its owner call when it lets go."""
        word = byref(self._anchor, address)
        if self._holding(self._number, word, FUTEX_LOCK_PI, 0, _LONG_AGO, None, 0) < 0:
            error = _error()
            if error.errno == ETIMEDOUT:
                return False
            raise error
        return True


def pack_time(time_ns: int) -> bytes:
    """Return a host's timespec."""
    return TIMESPEC.pack(*divmod(max(0, min(time_ns, _MOST_SECONDS * GIGA)), GIGA))


_LONG_AGO: Final = pack_time(1)


def _error() -> OSError:
    number = get_errno()
    return OSError(number, os.strerror(number))
