"""fcntl: what is known of a descriptor, locks, owners of signals, leases, pipes, seals, hints."""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.files.streams import require_for_callers
from pywasmjit.guest.kernel.descriptors import require_access
from pywasmjit.guest.policy.gate import require
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.restart import Restart
from pywasmjit.wali.syscalls.transfer import patiently
from pywasmjit.wali.table import GuestFd, Long, Number, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

_NUMBERS: Final = frozenset(
    {
        abi.F_SETOWN,
        abi.F_GETOWN,
        abi.F_SETSIG,
        abi.F_GETSIG,
        abi.F_SETLEASE,
        abi.F_GETLEASE,
        abi.F_NOTIFY,
        abi.F_SETPIPE_SZ,
        abi.F_GETPIPE_SZ,
        abi.F_ADD_SEALS,
        abi.F_GET_SEALS,
    }
)
"""Commands whose argument is a number, or nothing."""
_STRUCTURES: Final = {
    abi.F_GETLK: abi.FLOCK_SIZE,
    abi.F_SETLK: abi.FLOCK_SIZE,
    abi.F_SETLKW: abi.FLOCK_SIZE,
    abi.F_OFD_GETLK: abi.FLOCK_SIZE,
    abi.F_OFD_SETLK: abi.FLOCK_SIZE,
    abi.F_OFD_SETLKW: abi.FLOCK_SIZE,
    abi.F_SETOWN_EX: abi.OWNER_EX_SIZE,
    abi.F_GETOWN_EX: abi.OWNER_EX_SIZE,
    abi.F_GET_RW_HINT: abi.HINT_SIZE,
    abi.F_SET_RW_HINT: abi.HINT_SIZE,
    abi.F_GET_FILE_RW_HINT: abi.HINT_SIZE,
    abi.F_SET_FILE_RW_HINT: abi.HINT_SIZE,
}
"""Commands whose argument is the address of so many bytes; they are the same on every 64-bit Linux."""
_WRITTEN: Final = frozenset({abi.F_GETLK, abi.F_OFD_GETLK, abi.F_GETOWN_EX, abi.F_GET_RW_HINT, abi.F_GET_FILE_RW_HINT})
_RECORD_LOCKS: Final = frozenset({abi.F_SETLK, abi.F_SETLKW})
_WITHOUT_WAITING: Final = {abi.F_SETLKW: abi.F_SETLK, abi.F_OFD_SETLKW: abi.F_OFD_SETLK}
_LASTING: Final = frozenset(
    {
        abi.F_OFD_SETLK,
        abi.F_OFD_SETLKW,
        abi.F_SETPIPE_SZ,
        abi.F_ADD_SEALS,
        abi.F_SET_RW_HINT,
        abi.F_SET_FILE_RW_HINT,
    }
)
"""Commands whose effect stays with an open file; that of record locks does where the process goes on."""
_BRINGS_SIGNALS: Final = frozenset({abi.F_SETOWN, abi.F_SETOWN_EX, abi.F_SETSIG, abi.F_SETLEASE, abi.F_NOTIFY})
"""Commands after which the kernel sends signals, to whomever they name."""


@syscall(
    "fcntl",
    restart=Restart.ALWAYS,
    support=partial('commands of the table; those that bring signals, and O_ASYNC, need the capability "signals"'),
)
def fcntl(process: Process, fd: GuestFd, cmd: Annotated[int, Number(names=abi.FCNTL_COMMANDS)], arg: Long) -> int:
    """Linux: fcntl(2)."""
    file = process.files.file(fd)
    host = file.host
    number = (arg & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
    if cmd in (abi.F_DUPFD, abi.F_DUPFD_CLOEXEC):
        return process.files.duplicate(file, lowest=number, close_on_exec=cmd == abi.F_DUPFD_CLOEXEC)
    if cmd == abi.F_GETFD:
        return int(file.close_on_exec)
    if cmd == abi.F_SETFD:
        process.files.set_close_on_exec(fd, bool(number & abi.FD_CLOEXEC))
        return 0
    if cmd == abi.F_GETFL:
        follows = file.origin is not None and file.origin.follows
        return process.kernel.status_flags(host) & ~(abi.O_NOFOLLOW if follows else 0)
    if cmd == abi.F_SETFL:
        if number & abi.O_ASYNC:
            require(process, Capability.SIGNALS, "fcntl(F_SETFL, O_ASYNC)")
        process.streams.change_flags(host, lambda: process.kernel.set_status_flags(host, number))
        return 0
    if cmd in _BRINGS_SIGNALS:
        require(process, Capability.SIGNALS, "signals about a descriptor")
    if cmd in _LASTING or (cmd in _RECORD_LOCKS and not process.owns_host):
        require_for_callers(process, host, Capability.SYSTEM, "locks, sizes and seals")
    if cmd in _NUMBERS:
        return process.kernel.fcntl(host, cmd, number)
    if cmd in _STRUCTURES:
        return _with_structure(process, host, cmd, arg & 0xFFFF_FFFF)
    require_access(host)
    raise OSError(EINVAL, "fcntl command")


def _with_structure(process: Process, host: int, cmd: int, address: int) -> int:
    """Make a call with a copy of the structure in memory."""
    kernel, memory = process.kernel, process.memory
    copy = bytearray(memory.view(address, _STRUCTURES[cmd]))
    at_once = _WITHOUT_WAITING.get(cmd)
    patiently(
        process,
        lambda: kernel.fcntl(host, cmd, copy),
        None if at_once is None else lambda: kernel.fcntl(host, at_once, copy),
    )
    if cmd in _WRITTEN:
        memory.write(address, bytes(copy))
    return 0
