"""Waiting for descriptors: poll."""

from __future__ import annotations

from errno import EINVAL
from math import inf
from typing import TYPE_CHECKING, Annotated

from pywasmjit.guest.abi.poll import POLLFD, POLLNVAL, REVENTS, REVENTS_OFFSET
from pywasmjit.guest.abi.signal import SIGSET
from pywasmjit.guest.abi.time import TIMESPEC
from pywasmjit.guest.waiting import read_signal_set, signal_mask, wait
from pywasmjit.wali.syscalls.durations import Duration, read_timespec
from pywasmjit.wali.table import In, InOut, Int, Long, Pointer, Size, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import OpenFile
    from pywasmjit.guest.process import Process

PollFds = Annotated[Pointer, InOut("nfds", POLLFD.size)]


@syscall("poll")
def poll(process: Process, fds: PollFds, nfds: Long, timeout: Int) -> int:
    """Linux: poll(2)."""
    return _poll(process, fds, nfds, timeout / 1000 if timeout >= 0 else inf)


@syscall("ppoll")
def ppoll(
    process: Process,
    fds: PollFds,
    nfds: Long,
    tmo_p: Annotated[Pointer, InOut(TIMESPEC.size)],
    sigmask: Annotated[Pointer, In(SIGSET.size)],
    sigsetsize: Size,
) -> int:
    """Linux: ppoll(2); what is left of the time is written back."""
    duration = Duration(process, tmo_p, TIMESPEC, read_timespec)
    mask = read_signal_set(process, sigmask, sigsetsize)
    with duration, signal_mask(process, mask):
        return _poll(process, fds, nfds, duration.seconds)


def _poll(process: Process, fds: int, nfds: int, seconds: float) -> int:
    nfds &= 0xFFFF_FFFF
    if nfds > process.files.limit:
        raise OSError(EINVAL, "nfds")
    guest = process.memory.read(fds, POLLFD.size * nfds)
    host, invalid, _pinned = _translated(process, guest)
    wait(process, lambda part: process.kernel.poll(host, part), 0 if any(invalid) else seconds)
    ready = 0
    target = process.memory.view(fds, POLLFD.size * nfds)
    for index in range(nfds):
        place = index * POLLFD.size + REVENTS_OFFSET
        revents = POLLNVAL if invalid[index] else REVENTS.unpack_from(host, place)[0]
        REVENTS.pack_into(target, place, revents)
        ready += bool(revents)
    return ready


def _translated(process: Process, guest: bytes) -> tuple[bytearray, bytearray, list[OpenFile]]:
    """Return the array with the host's descriptors, for each whether the guest does not have it, and the files."""
    host = bytearray(len(guest))
    invalid = bytearray(len(guest) // POLLFD.size)
    files = []
    for index, (fd, events, _) in enumerate(POLLFD.iter_unpack(guest)):
        file = process.files.find(fd)
        if file is not None:
            files.append(file)
        elif fd >= 0:
            invalid[index] = 1
        POLLFD.pack_into(host, index * POLLFD.size, -1 if file is None else file.host, events, 0)
    return host, invalid, files
