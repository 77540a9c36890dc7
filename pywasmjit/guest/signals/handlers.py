"""One call of a guest's signal handler: its frame on the guest's stack, the call, and what it leaves behind.

The interrupted function may be a leaf that keeps up to 128 bytes below the stack pointer (the red zone): the frame
begins below them.  A handler with SA_SIGINFO finds a siginfo and a ucontext there, of which only the mask means
anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywasmjit.errors import Trap, TrapCode
from pywasmjit.guest.abi.signal import (
    SA_SIGINFO,
    SIGINFO_SIZE,
    SIGSET,
    STACK_T,
    UCONTEXT_MASK,
    UCONTEXT_SIZE,
    UCONTEXT_STACK,
)
from pywasmjit.runtime.functions import call_raw
from pywasmjit.wasm.types import FuncType

if TYPE_CHECKING:
    from pywasmjit.guest.memory.guest_memory import GuestMemory
    from pywasmjit.guest.signals.signals import Signals
    from pywasmjit.guest.threads import GuestThread

RED_ZONE: Final = 128
_PLAIN: Final = FuncType(("i32",), ())
_INFORMED: Final = FuncType(("i32", "i32", "i32"), ())


def run_handler(
    signals: Signals,
    memory: GuestMemory,
    thread: GuestThread,
    number: int,
    info: bytes,
    handler: int,
    flags: int,
    mask: int,
) -> int:
    """Call a handler and return the mask that holds from now on.

    mask: what the mask is to be after it; with SA_SIGINFO the handler may change that.  Signals that the present mask
    lets through run their handlers first, as they would on the kernel: they interrupt this one where it begins.
    Raises Trap for a table element that is no handler, or a stack that is full; and all that the guest raises.
    """
    instance = thread.instance
    if instance is None:
        return mask
    func = instance.element(0, handler)
    if func.type not in (_PLAIN, _INFORMED):
        raise Trap(TrapCode.INDIRECT_CALL_TYPE_MISMATCH)
    before = instance.stack_pointer
    pointer = (before - RED_ZONE) & ~15
    if flags & SA_SIGINFO:
        pointer -= SIGINFO_SIZE + (UCONTEXT_SIZE + 15 & ~15)
    arguments = [number, pointer, pointer + SIGINFO_SIZE]
    try:
        if flags & SA_SIGINFO:
            memory.write(pointer, info)
            memory.write(pointer + SIGINFO_SIZE, _context(thread, mask))
    except OSError:
        raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS) from None
    instance.stack_pointer = pointer
    signals.deliver()
    call_raw(func, arguments[: len(func.type.params)])
    instance.stack_pointer = before
    if flags & SA_SIGINFO:
        mask = memory.unpack(SIGSET, pointer + SIGINFO_SIZE + UCONTEXT_MASK)[0]
    return mask


def _context(thread: GuestThread, mask: int) -> bytes:
    context = bytearray(UCONTEXT_SIZE)
    STACK_T.pack_into(context, UCONTEXT_STACK, *thread.stack)
    SIGSET.pack_into(context, UCONTEXT_MASK, mask)
    return bytes(context)
