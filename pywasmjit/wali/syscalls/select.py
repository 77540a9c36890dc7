"""Waiting for descriptors: select."""

from __future__ import annotations

from errno import EFAULT, EINVAL
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.guest.abi.select import SIGMASK_PAIR, members, pack_set, set_size
from pywasmjit.guest.abi.time import TIMESPEC, TIMEVAL
from pywasmjit.guest.waiting import read_signal_set, signal_mask, wait
from pywasmjit.wali.syscalls.durations import Duration, read_timespec, read_timeval
from pywasmjit.wali.table import In, InOut, Int, Pointer, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import OpenFile
    from pywasmjit.guest.process import Process

_SMALLEST_TABLE: Final = 64
_NEXT_TABLE: Final = 128


@syscall("select")
def select(
    process: Process,
    nfds: Int,
    readfds: Pointer,
    writefds: Pointer,
    exceptfds: Pointer,
    timeout: Annotated[Pointer, InOut(TIMEVAL.size)],
) -> int:
    """Linux: select(2); what is left of the time is written back."""
    duration = Duration(process, timeout, TIMEVAL, read_timeval)
    with duration:
        return _select(process, nfds, (readfds, writefds, exceptfds), duration.seconds)


@syscall("pselect6")
def pselect6(
    process: Process,
    nfds: Int,
    readfds: Pointer,
    writefds: Pointer,
    exceptfds: Pointer,
    timeout: Annotated[Pointer, InOut(TIMESPEC.size)],
    sigmask: Annotated[Pointer, In(SIGMASK_PAIR.size)],
) -> int:
    """Linux: pselect(2); sigmask: {address of a signal set, its size}, 64 bits each, or NULL."""
    address, size = process.memory.unpack(SIGMASK_PAIR, sigmask) if sigmask else (0, 0)
    duration = Duration(process, timeout, TIMESPEC, read_timespec)
    if address > 0xFFFF_FFFF:
        raise OSError(EFAULT, "sigmask")
    mask = read_signal_set(process, address, size)
    with duration, signal_mask(process, mask):
        return _select(process, nfds, (readfds, writefds, exceptfds), duration.seconds)


def _select(process: Process, nfds: int, sets: tuple[int, int, int], seconds: float) -> int:
    if nfds < 0:
        raise OSError(EINVAL, "nfds")
    nfds = min(nfds, _table_size(process))
    size = set_size(nfds)
    files: dict[int, OpenFile] = {}

    def noted(fd: int) -> int:
        if fd not in files:
            files[fd] = process.files.file(fd)  # at once: a set may name more than the guest has
        return fd

    wanted = [[noted(fd) for fd in members(process.memory.read(each, size), nfds)] if each else [] for each in sets]
    asked = [sorted({files[fd].host for fd in fds}) for fds in wanted]

    def attempt(part: float) -> tuple[list[int], list[int], list[int]] | None:
        found = process.kernel.select(asked[0], asked[1], asked[2], part)
        return found if any(found) else None

    found = wait(process, attempt, seconds) or ([], [], [])
    ready = 0
    for address, fds, ready_hosts in zip(sets, wanted, found, strict=True):
        ready_fds = [fd for fd in fds if files[fd].host in ready_hosts]
        ready += len(ready_fds)
        if address:
            process.memory.write(address, pack_set(ready_fds, nfds))
    return ready


def _table_size(process: Process) -> int:
    """Return how many descriptors the kernel's table would have room for; what a set says of more is not looked at."""
    used = len(process.files.slots)
    if used <= _SMALLEST_TABLE:
        return _SMALLEST_TABLE
    return max(_NEXT_TABLE, 1 << (used - 1).bit_length())
