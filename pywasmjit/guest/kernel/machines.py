"""What differs between the machines that Linux runs on, one record for each.

A guest's numbers and layouts are x86-64's.  The kernels of aarch64, riscv64 and loongarch64 were written against one
common description of the interface, which agrees with x86-64's in nearly everything (errors, signals, ioctl requests,
socket options, clocks, limits, termios, flock, statfs, siginfo).  What does not agree is listed here, and nowhere else
may anything depend on the machine:

* numbers of system calls;
* flags of open, also as F_GETFL tells and F_SETFL takes them: aarch64 keeps four of the 32-bit ARM's;
* struct stat, which has 144 bytes on x86-64 and 128 elsewhere; loongarch64 had no call for it before Linux 6.11;
* struct epoll_event, which has no padding on x86-64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Final

from pywasmjit.guest.abi.epoll import ALIGNED_EPOLL_EVENT, EPOLL_EVENT
from pywasmjit.guest.abi.fcntl import OPEN_FLAGS, OpenFlags
from pywasmjit.guest.abi.stat import GENERIC_STAT, STAT, from_generic
from pywasmjit.guest.kernel.numbers import BY_MACHINE
from pywasmjit.records import record


@record(frozen=True)
class StatLayout:
    """A kernel's struct stat: its size in bytes, and how a guest's is made from it."""

    size: int
    to_guest: Callable[[bytes], bytes]


@record(frozen=True)
class Machine:
    """The kernel's interface on one machine.

    name: what `os.uname().machine` says.  numbers: name of a call -> its number.  open_flags: the kernel's own, not
    those of the host's C library.  stat: None if the kernel may have no such call.
    """

    name: str
    numbers: Mapping[str, int]
    open_flags: OpenFlags
    stat: StatLayout | None
    epoll_event: Struct

    @property
    def is_guests(self) -> bool:
        """Whether all layouts are the guest's own."""
        return self.stat is _GUESTS_LAYOUT and self.epoll_event is EPOLL_EVENT


_ARM_FLAGS: Final = {
    "O_DIRECTORY": 0o40000,
    "O_NOFOLLOW": 0o100000,
    "O_DIRECT": 0o200000,
    "O_LARGEFILE": 0o400000,
    "O_TMPFILE": 0o20040000,
}
"""Flags of open that have other values on ARM; O_TMPFILE holds O_DIRECTORY."""

_GUESTS_LAYOUT: Final = StatLayout(STAT.size, bytes)
_GENERIC_LAYOUT: Final = StatLayout(GENERIC_STAT.size, from_generic)


def _machine(
    name: str,
    *,
    flags: Mapping[str, int] | None = None,
    stat: StatLayout | None = _GENERIC_LAYOUT,
    epoll_event: Struct = ALIGNED_EPOLL_EVENT,
) -> Machine:
    return Machine(name, BY_MACHINE[name], OpenFlags({**OPEN_FLAGS, **(flags or {})}), stat, epoll_event)


X86_64: Final = _machine("x86_64", stat=_GUESTS_LAYOUT, epoll_event=EPOLL_EVENT)

MACHINES: Final[Mapping[str, Machine]] = {
    each.name: each
    for each in (
        X86_64,
        _machine("aarch64", flags=_ARM_FLAGS),
        _machine("riscv64"),
        _machine("loongarch64", stat=None),
    )
}
"""By what `os.uname().machine` says; only machines with 64-bit registers and little-endian memory."""
