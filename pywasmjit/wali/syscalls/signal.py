"""Signals: dispositions and masks are kept; nothing is delivered yet (`signals`)."""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING, Annotated

from pywasmjit.wali.abi.signal import SIGACTION, SIGSET, SIGSET_SIZE
from pywasmjit.wali.table import In, Int, Out, Pointer, Size, partial, syscall

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process


@syscall("rt_sigaction", support=partial("handlers are kept and read back, not called yet"))
def rt_sigaction(
    process: Process,
    signum: Int,
    act: Annotated[Pointer, In(SIGACTION.size)],
    oldact: Annotated[Pointer, Out(SIGACTION.size)],
    sigsetsize: Size,
) -> int:
    """Linux: rt_sigaction(2); the handler is an index into table 0, -2 ignores."""
    _check_size(sigsetsize)
    before = process.signals.action(signum)
    if act:
        process.signals.set_action(signum, _action(process.memory.unpack(SIGACTION, act)))
    if oldact:
        process.memory.pack(SIGACTION, oldact, *before)
    return 0


def _action(fields: tuple[int, ...]) -> tuple[int, int, int, int]:
    handler, flags, restorer, mask = fields
    return handler, flags, restorer, mask


@syscall("rt_sigprocmask", support=partial("the mask is kept and read back; no signal is held back by it yet"))
def rt_sigprocmask(
    process: Process,
    how: Int,
    set: Annotated[Pointer, In(SIGSET.size)],
    oldset: Annotated[Pointer, Out(SIGSET.size)],
    sigsetsize: Size,
) -> int:
    """Linux: rt_sigprocmask(2)."""
    _check_size(sigsetsize)
    before = process.signals.mask
    if set:
        process.signals.change_mask(how, *process.memory.unpack(SIGSET, set))
    if oldset:
        process.memory.pack(SIGSET, oldset, before)
    return 0


def _check_size(size: int) -> None:
    if size != SIGSET_SIZE:
        raise OSError(EINVAL, "sigsetsize")
