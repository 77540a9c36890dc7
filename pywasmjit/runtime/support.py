"""Helpers that compiled code calls by name, apart from the meanings of instructions."""

from __future__ import annotations

from collections.abc import Sequence
from math import fabs
from operator import itemgetter
from sys import getrefcount
from typing import Any, Final, NoReturn

from pywasmjit.errors import StackExhausted, Trap, TrapCode
from pywasmjit.runtime.jumps import arrive, new_activation
from pywasmjit.wasm.numerics import f32_from_bits, f32_to_bits

_scratch = memoryview(bytearray(8))


def spilled_locals(runs: Sequence[tuple[int, Any]]) -> list[Any]:
    """Return the list of the locals that have no fast slot: `count` times each initial value."""
    values: list[Any] = []
    for count, zero in runs:
        values += [zero] * count
    return values


LARGE_FRAMES: Final = 256 << 20
"""Most bytes that the locals and operands of all active functions with very many of them may take in the process."""

_KIBIBYTE: Final = object()
"""Referred to once for each KiB of those frames, so its reference count is their total and falls when they end."""


def large_frame(slots: int) -> tuple[object, ...]:
    """Return what the frame keeps as long as it lives; StackExhausted if there is no room for so many slots."""
    size = slots >> 7
    if getrefcount(_KIBIBYTE) + size > LARGE_FRAMES >> 10:
        raise StackExhausted(f"active functions with many locals need more than {LARGE_FRAMES >> 20} MiB")
    return (_KIBIBYTE,) * size


def trap_unreachable() -> NoReturn:
    """Execute `unreachable`."""
    raise Trap(TrapCode.UNREACHABLE)


def trap_unaligned() -> NoReturn:
    """Refuse an atomic access whose address is not a multiple of its width."""
    raise Trap(TrapCode.UNALIGNED_ATOMIC)


def trap_uninitialized(*_: object) -> NoReturn:
    """Stand in a table's list of callables where the element is null."""
    raise Trap(TrapCode.UNINITIALIZED_ELEMENT)


def trap_type_mismatch(*_: object) -> NoReturn:
    """Stand in a table's list of callables where the element has another type."""
    raise Trap(TrapCode.INDIRECT_CALL_TYPE_MISMATCH)


class WrongClaim(AssertionError):
    """A number is not what the compiler claims it to be; only code that is compiled to check that raises it."""


SUPPORT: Final[dict[str, Any]] = {
    # One-element views: between a store into one and the load that follows no other thread runs (see emitters.atomics).
    "f32_cell": memoryview(bytearray(4)).cast("f"),
    "f64_cell": _scratch.cast("d"),
    "bits_cell": _scratch.cast("Q"),
    "backwards": itemgetter(slice(None, None, -1)),
    "fabs": fabs,
    "large_frame": large_frame,
    "bit_length": int.bit_length,
    "f32_from_bits": f32_from_bits,
    "f32_to_bits": f32_to_bits,
    "arrive": arrive,
    "new_activation": new_activation,
    "spilled_locals": spilled_locals,
    "trap_unreachable": trap_unreachable,
    "trap_unaligned": trap_unaligned,
    "WrongClaim": WrongClaim,
}
