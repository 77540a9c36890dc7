"""Waiting for descriptors."""

from __future__ import annotations

import select
from errno import EINVAL
from time import monotonic
from typing import TYPE_CHECKING, Annotated

from pywasmjit.runtime.deadlines import check, remaining, wait_slice
from pywasmjit.wali.abi.poll import POLLFD, POLLNVAL
from pywasmjit.wali.table import InOut, Int, Long, Pointer, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process


@syscall("poll", support=partial("no signal interrupts it yet"))
def poll(process: Process, fds: Annotated[Pointer, InOut("nfds", POLLFD.size)], nfds: Long, timeout: Int) -> int:
    """Linux: poll(2)."""
    if not 0 <= nfds <= process.files.limit:
        raise OSError(EINVAL, "nfds")
    view = process.memory.view(fds, POLLFD.size * nfds)
    wanted = list(POLLFD.iter_unpack(view.tobytes()))
    events, invalid = _registered(process, wanted)
    found = _wait(events, 0 if invalid else timeout)
    ready = 0
    for index, (fd, mask, _) in enumerate(wanted):
        revents = POLLNVAL if fd in invalid else 0
        if fd >= 0 and not revents:
            always = select.POLLERR | select.POLLHUP
            revents = found.get(process.files.host(fd), 0) & (mask | always)
        POLLFD.pack_into(view, index * POLLFD.size, fd, mask, revents)
        ready += bool(revents)
    return ready


def _registered(process: Process, wanted: list[tuple[int, int, int]]) -> tuple[dict[int, int], set[int]]:
    """Return host descriptor -> events asked of it by anyone, and the guest's numbers that stand for nothing."""
    events: dict[int, int] = {}
    invalid = set()
    for fd, mask, _ in wanted:
        if fd >= 0:
            try:
                host = process.files.host(fd)
            except OSError:
                invalid.add(fd)
            else:
                events[host] = events.get(host, 0) | mask & 0xFFFF
    return events, invalid


def _wait(events: dict[int, int], timeout_ms: int) -> dict[int, int]:
    """Wait until a descriptor is ready, the time is over (negative: never), or the thread's deadline ends the wait."""
    poller = select.poll()
    for host, mask in events.items():
        poller.register(host, mask)
    end = monotonic() + timeout_ms / 1000 if timeout_ms >= 0 else float("inf")
    while True:
        left = max(0.0, end - monotonic())
        part = min(left, wait_slice()) if remaining() != float("inf") else left
        found = dict(poller.poll(None if part == float("inf") else part * 1000))
        if found or part == left:
            return found
        check()
