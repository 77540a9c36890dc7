"""setjmp and its like: the guest's buffer says where to go back to, `codegen` and `runtime.jumps` do the going.

A buffer begins with (number of the activation, site, stack pointer), 16 bytes that the guest may copy about; at 208
stands whether the mask at 216 was saved (manual, section 8).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct
from typing import TYPE_CHECKING, Final, NoReturn

from pywasmjit.errors import Trap, TrapCode
from pywasmjit.guest.abi.signal import SIG_SETMASK
from pywasmjit.runtime.jumps import Activation, LongJump, live_activation
from pywasmjit.wali.table import Int, Pointer, auxiliary

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

PLACE: Final = Struct("<QII")
"""Activation, site, stack pointer."""
SAVED: Final = Struct("<QQ")
"""Whether the mask was saved, and the mask."""
SAVED_AT: Final = 208
SIZE: Final = SAVED_AT + SAVED.size


def note_place(
    process: Process, activation: Activation, site: int, pointer: int, buffer: int, save_mask: int = 0
) -> int:
    """Note where to return to, and the mask if that is asked for; return 0.  What compiled code calls."""
    with _trapping():
        process.memory.pack(PLACE, buffer, activation.number, site, pointer)
        process.memory.pack(SAVED, buffer + SAVED_AT, save_mask and 1, process.signals.mask if save_mask else 0)
    return 0


@contextmanager
def _trapping() -> Iterator[None]:
    """Trap for a buffer outside of memory: these functions can tell nobody of an error, and a jump cannot return."""
    try:
        yield
    except OSError:
        raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS) from None


def _plain(process: Process, buffer: Pointer) -> int:
    """Return 0; compiled code calls `note_place` instead, this is for indirect calls, which cannot return twice."""
    with _trapping():
        process.memory.pack(PLACE, buffer, 0, 0, 0)
        process.memory.pack(SAVED, buffer + SAVED_AT, 0, 0)
    return 0


for _name in ("setjmp", "_setjmp"):
    auxiliary(_name, returns_twice=note_place)(_plain)


@auxiliary("sigsetjmp", returns_twice=note_place)
def sigsetjmp(process: Process, buffer: Pointer, save_mask: Int) -> int:
    """Note this place, and the mask of blocked signals if `save_mask` is not 0; return 0, and again on a jump."""
    return _plain(process, buffer)


def _jump(process: Process, buffer: Pointer, value: Int) -> NoReturn:
    """Return from the setjmp of this buffer once more, with `value` (1 for 0).

    Traps if the function that called setjmp has returned, or runs on another thread.
    """
    with _trapping():
        number, site, pointer = process.memory.unpack(PLACE, buffer)
        saved, mask = process.memory.unpack(SAVED, buffer + SAVED_AT)
    activation = live_activation(number)
    if activation is None:
        raise Trap(TrapCode.HOST, "longjmp to a function that has returned")
    if saved:
        process.signals.change_mask(SIG_SETMASK, mask)
    raise LongJump(activation, site, pointer, (value or 1) & 0xFFFF_FFFF)


for _name in ("longjmp", "_longjmp", "siglongjmp"):
    auxiliary(_name, result=None)(_jump)
