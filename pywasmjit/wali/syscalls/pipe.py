"""Pipes."""

from __future__ import annotations

from contextlib import suppress
from errno import EINVAL
from stat import S_IFIFO
from struct import Struct
from typing import TYPE_CHECKING, Annotated, Final

from pywasmjit.guest.abi import fcntl as abi
from pywasmjit.guest.files.descriptors import hold
from pywasmjit.wali.table import Flags, Out, Pointer, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

PAIR: Final = Struct("<ii")
_PIPE_FLAGS: Final = abi.O_CLOEXEC | abi.O_NONBLOCK | abi.O_DIRECT


def enter_pair(process: Process, hosts: tuple[int, int], kind: int, target: int, close_on_exec: bool) -> None:
    """Enter two new host descriptors into the table and store the guest's numbers.  Raises EMFILE, having neither."""
    one, other = (hold(host, kind=kind) for host in hosts)
    first = process.files.enter(one, close_on_exec=close_on_exec)
    try:
        second = process.files.enter(other, close_on_exec=close_on_exec)
    except BaseException:
        with suppress(OSError):
            process.files.close(first)
        raise
    process.memory.pack(PAIR, target, first, second)


@syscall("pipe")
def pipe(process: Process, pipefd: Annotated[Pointer, Out(PAIR.size)]) -> int:
    """Linux: pipe(2)."""
    return _pipe(process, pipefd, 0)


@syscall("pipe2")
def pipe2(
    process: Process, pipefd: Annotated[Pointer, Out(PAIR.size)], flags: Annotated[int, Flags(abi.OPEN_FLAGS)]
) -> int:
    """Linux: pipe2(2).  Deviation: no pipes for the kernel's notifications."""
    if flags & ~_PIPE_FLAGS:
        raise OSError(EINVAL, "pipe2: flags")
    return _pipe(process, pipefd, flags)


def _pipe(process: Process, target: int, flags: int) -> int:
    process.memory.view(target, PAIR.size)
    ends = process.kernel.pipe(flags & ~abi.O_CLOEXEC)
    enter_pair(process, ends, S_IFIFO, target, bool(flags & abi.O_CLOEXEC))
    return 0
