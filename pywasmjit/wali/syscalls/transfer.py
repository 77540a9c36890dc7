"""Reading and writing at a place with several buffers, between descriptors, and what makes files durable or locked."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EINVAL
from struct import Struct
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.abi.uio import MAX_TRANSFER
from pywasmjit.guest.files.streams import require_for_callers
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.restart import Restart
from pywasmjit.runtime.deadlines import remaining, wait_slice
from pywasmjit.wali.table import (
    Fd,
    Flags,
    InOut,
    Int,
    IovecList,
    Long,
    Number,
    Pointer,
    Size,
    Vector,
    syscall,
)

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

OFFSET: Final = Struct("<q")
_SHORTEST_WAIT: Final = 0.0005


@syscall("preadv", restart=Restart.ALWAYS)
def preadv(
    process: Process, fd: Fd, iov: Annotated[IovecList, Vector("iovcnt")], iovcnt: Int, pos_l: Long, pos_h: Long
) -> int:
    """Linux: preadv(2); the whole offset is in `pos_l`, as on every 64-bit kernel."""
    _check_offset(pos_l)
    return process.kernel.preadv(fd, iov, pos_l)


@syscall("pwritev", restart=Restart.ALWAYS)
def pwritev(
    process: Process, fd: Fd, iov: Annotated[IovecList, Vector("iovcnt")], iovcnt: Int, pos_l: Long, pos_h: Long
) -> int:
    """Linux: pwritev(2); the whole offset is in `pos_l`, as on every 64-bit kernel."""
    _check_offset(pos_l)
    return process.kernel.pwritev(fd, iov, pos_l)


def _check_offset(offset: int) -> None:
    if offset < 0:
        raise OSError(EINVAL, "offset")


@syscall("sendfile", restart=Restart.ALWAYS)
def sendfile(
    process: Process, out_fd: Fd, in_fd: Fd, offset: Annotated[Pointer, InOut(OFFSET.size)], count: Size
) -> int:
    """Linux: sendfile(2)."""
    start = process.memory.unpack(OFFSET, offset)[0] if offset else None
    process.wait_writable(out_fd)
    moved = process.kernel.sendfile(out_fd, in_fd, start, min(count, MAX_TRANSFER))
    if start is not None:
        process.memory.pack(OFFSET, offset, start + moved)
    return moved


@syscall("fallocate")
def fallocate(
    process: Process, fd: Fd, mode: Annotated[int, Flags(abi.FALLOC_FLAGS)], offset: Long, length: Long
) -> int:
    """Linux: fallocate(2)."""
    process.kernel.fallocate(fd, mode, offset, length)
    return 0


@syscall("fadvise", aliases=("fadvise64",))
def fadvise(
    process: Process, fd: Fd, offset: Long, length: Long, advice: Annotated[int, Number(names=abi.FADVICE)]
) -> int:
    """Linux: posix_fadvise(2)."""
    os.posix_fadvise(fd, offset, length, advice)
    return 0


@syscall("sync")
def sync(process: Process) -> int:
    """Linux: sync(2).  A guest that can have changed no file has nothing to be written."""
    policy = process.policy
    if policy.everything or any(not grant.read_only for grant in policy.dirs):
        os.sync()
    return 0


@syscall("flock", restart=Restart.ALWAYS)
def flock(process: Process, fd: Fd, operation: Annotated[int, Flags(abi.FLOCK_OPERATIONS)]) -> int:
    """Linux: flock(2)."""
    require_for_callers(process, fd, Capability.SYSTEM, "flock")
    kernel = process.kernel
    patiently(
        process,
        lambda: kernel.flock(fd, operation),
        None if operation & abi.LOCK_NB else lambda: kernel.flock(fd, operation | abi.LOCK_NB),
    )
    return 0


def patiently(process: Process, attempt: Callable[[], object], attempt_now: Callable[[], object] | None) -> None:
    """Make a call that waits for a lock, so that a deadline of the thread ends the wait.

    attempt_now: the same without waiting, which raises EAGAIN or EACCES instead; None if `attempt` does not wait.
    """
    if attempt_now is None or remaining() == float("inf"):
        attempt()
        return
    pause = _SHORTEST_WAIT
    while True:
        try:
            attempt_now()
            return
        except (BlockingIOError, PermissionError):
            process.sleep(pause)
            pause = min(2 * pause, wait_slice())
