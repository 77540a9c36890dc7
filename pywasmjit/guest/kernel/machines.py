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

from collections.abc import Mapping
from struct import Struct
from typing import Final

from pywasmjit.guest.abi.epoll import ALIGNED_EPOLL_EVENT, EPOLL_EVENT
from pywasmjit.guest.abi.fcntl import OPEN_FLAGS, OpenFlags
from pywasmjit.guest.kernel.numbers import BY_MACHINE
from pywasmjit.records import record


@record(frozen=True)
class Machine:
    """The kernel's interface on one machine.

    name: what `os.uname().machine` says.  numbers: name of a call -> its number.  open_flags: the kernel's own, not
    those of the host's C library.
    """

    name: str
    numbers: Mapping[str, int]
    open_flags: OpenFlags
    epoll_event: Struct


_ARM_FLAGS: Final = {
    "O_DIRECTORY": 0o40000,
    "O_NOFOLLOW": 0o100000,
    "O_DIRECT": 0o200000,
    "O_LARGEFILE": 0o400000,
    "O_TMPFILE": 0o20040000,
}
"""Flags of open that have other values on ARM; O_TMPFILE holds O_DIRECTORY."""


def _machine(
    name: str,
    *,
    flags: Mapping[str, int] | None = None,
    epoll_event: Struct = ALIGNED_EPOLL_EVENT,
) -> Machine:
    return Machine(name, BY_MACHINE[name], OpenFlags({**OPEN_FLAGS, **(flags or {})}), epoll_event)


X86_64: Final = _machine("x86_64", epoll_event=EPOLL_EVENT)

MACHINES: Final[Mapping[str, Machine]] = {
    each.name: each
    for each in (
        X86_64,
        _machine("aarch64", flags=_ARM_FLAGS),
        _machine("riscv64"),
        _machine("loongarch64"),
    )
}
"""By what `os.uname().machine` says; only machines with 64-bit registers and little-endian memory."""
