"""Calls that block: how they let the thread's deadline end them, and what an interruption comes to.

Without a deadline a call blocks in the kernel.  With one it is made so that it does not block, and what it waits for
is waited for in slices, between which the deadline is looked at (`patiently`).  The calls that wait for descriptors
(poll, select, epoll) have a time limit of their own; `wait` makes them in slices of that.

A signal that interrupts a wait ends the call where a handler of the guest's has run (`Interrupted`: that was found
out, and is not to be asked again); else the call goes on with what is left of its time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from errno import EAGAIN, EINTR
from math import inf
from struct import Struct
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from pywasmjit.guest.abi.poll import POLLFD, POLLIN, POLLOUT
from pywasmjit.guest.abi.signal import SIGSET, SIGSET_SIZE
from pywasmjit.guest.abi.socket import SOL_SOCKET
from pywasmjit.guest.abi.sockopt import SO_RCVTIMEO, SO_SNDTIMEO
from pywasmjit.guest.restart import Restart
from pywasmjit.runtime.deadlines import check, remaining, wait_slice

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

Result = TypeVar("Result")

READING: Final = POLLIN
WRITING: Final = POLLOUT

_TIMEVAL: Final = Struct("=qq")


class Interrupted(OSError):
    """EINTR that the guest is to see.  `OSError(EINTR)` is an InterruptedError, which asks whether it is."""

    def __init__(self) -> None:
        super().__init__(EINTR, "a handler has run")


def has_deadline() -> bool:
    """Tell whether the thread's time is limited."""
    return remaining() != inf


def wait(process: Process, attempt: Callable[[float], Result], seconds: float) -> Result:
    """Call `attempt(most seconds to wait)` until its result is true or `seconds` are over, and return the last.

    Raises Interrupted after a handler of the guest's.
    """
    end = monotonic() + seconds
    while True:
        left = max(0.0, end - monotonic())
        part = min(left, wait_slice()) if has_deadline() else left
        interrupted = process.signals.interrupting()
        try:
            found = attempt(0.0 if interrupted else part)  # what is ready comes before a signal
            if interrupted and not found:
                if process.interrupted(Restart.NEVER):
                    raise Interrupted
                continue
        except InterruptedError:
            if process.interrupted(Restart.NEVER):
                raise Interrupted from None
            continue
        if found or part == left:
            return found
        check()


def patiently(process: Process, fd: int, events: int, attempt: Callable[[bool], Result], *, dontwait: bool) -> Result:
    """Make a call on a socket that may block, and return what it returns.

    attempt: called with False to block, with True where it must not and raises EAGAIN instead.  events: what it waits
    for.  dontwait: the guest itself wants no waiting.  The socket's own time limit holds.
    """
    if dontwait:
        return attempt(True)
    if not has_deadline() or not os.get_blocking(fd):
        return _blocking(process, fd, events, attempt)
    end = monotonic() + socket_timeout(process, fd, events)
    while True:
        try:
            return attempt(True)
        except BlockingIOError:
            if not await_ready(process, fd, events, end):
                raise


def _blocking(process: Process, fd: int, events: int, attempt: Callable[[bool], Result]) -> Result:
    """Block; where the socket has a time limit, an interruption by a handler is final."""
    while True:
        try:
            return attempt(False)
        except InterruptedError:
            if socket_timeout(process, fd, events) == inf:
                raise
            if process.interrupted(Restart.NEVER):
                raise Interrupted from None


def await_ready(process: Process, fd: int, events: int, end: float) -> bool:
    """Wait for a descriptor until the time `end`; False if it came to that.  Raises InterruptedError."""
    pollfd = bytearray(POLLFD.pack(fd, events, 0))
    while True:
        check()
        if process.signals.interrupting():
            raise OSError(EINTR, "a signal")
        left = end - monotonic()
        if process.kernel.poll(pollfd, max(0.0, min(left, wait_slice()))):
            return True
        if left <= 0:
            return False


def socket_timeout(process: Process, fd: int, events: int) -> float:
    """Return the seconds that SO_RCVTIMEO or SO_SNDTIMEO allows, infinity for no limit."""
    option = SO_RCVTIMEO if events == READING else SO_SNDTIMEO
    seconds, microseconds = _TIMEVAL.unpack(process.kernel.get_option(fd, SOL_SOCKET, option, _TIMEVAL.size))
    return float(seconds + microseconds / 1e6) or inf


def would_block() -> OSError:
    """Return the error of a call that has run out of time."""
    return OSError(EAGAIN, "would block")


def signal_mask(process: Process, mask: int | None) -> AbstractContextManager[None]:
    """Block another set of signals for the time of a call; None for no change."""
    return process.signals.masked(mask)


def read_signal_set(process: Process, address: int, size: int) -> int | None:
    """Return a set of signals that a call is given; None for NULL.  Raises EINVAL for a wrong size, EFAULT."""
    if not address:
        return None
    if size != SIGSET_SIZE:
        from errno import EINVAL

        raise OSError(EINVAL, "sigsetsize")
    return int(process.memory.unpack(SIGSET, address)[0])
