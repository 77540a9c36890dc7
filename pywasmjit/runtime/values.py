"""The border between host values and the engine's own form of them.

Engine form: see `pywasmjit.wasm.types`.  Host form: signed ints, floats, `Func`
or None, any object for an externref.  Bits: unsigned ints for numbers, objects
for references.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.wasm import numerics
from pywasmjit.wasm.types import RefType, ValType

if TYPE_CHECKING:
    from types import FunctionType

FUNCTION_ATTRIBUTE: Final = "wasm"
"""Attribute of an engine function that holds its `Func`; set when a reference to it is made."""


def _to_int(bits: int, name: str) -> Callable[[Any], int]:
    low, high, mask = -(1 << (bits - 1)), (1 << bits) - 1, (1 << bits) - 1

    def convert(value: Any) -> int:
        number = index(value)
        if not low <= number <= high:
            size = number.bit_length()  # Python refuses to print very long numbers
            raise OverflowError(f"{name} out of range: {number if size < 256 else f'a number of {size} bits'}")
        return number & mask

    return convert


def to_f64(value: Any) -> float:
    """Return a float; TypeError for what is neither float nor integer."""
    if isinstance(value, float):
        return float.__pos__(value)  # a subclass could bring arithmetic of its own
    try:
        return float(index(value))
    except TypeError:
        convert = getattr(value, "__float__", None)
        if convert is None:
            raise TypeError(f"a float or int is needed, not {type(value).__name__}") from None
        return float(value)


def to_f32(value: Any) -> float:
    """Return the nearest binary32 number."""
    return numerics.f32_demote_f64(to_f64(value))


def to_funcref(value: Any) -> Any:
    """Return the engine function of a `Func`, None for None."""
    if value is None:
        return None
    function = getattr(value, "function", None)
    if getattr(function, FUNCTION_ATTRIBUTE, None) is not value:
        raise TypeError(f"a Func or None is needed, not {type(value).__name__}")
    return function


def from_funcref(function: FunctionType | None) -> Any:
    """Return the `Func` of an engine function, None for None."""
    return None if function is None else getattr(function, FUNCTION_ATTRIBUTE)


def same(value: Any) -> Any:
    """Return the value: an externref has one form only."""
    return value


def signed_32(value: int) -> int:
    """Return the host form of an i32; a bool becomes an int."""
    return (value ^ 0x80000000) - 0x80000000


def signed_64(value: int) -> int:
    """Return the host form of an i64; a bool becomes an int."""
    return (value ^ 0x8000000000000000) - 0x8000000000000000


to_i32: Final = _to_int(32, "i32")
to_i64: Final = _to_int(64, "i64")

_TO_ENGINE: Final[dict[ValType, Callable[[Any], Any]]] = {"i32": to_i32, "i64": to_i64, "f32": to_f32, "f64": to_f64}
_FROM_ENGINE: Final[dict[ValType, Callable[[Any], Any]]] = {
    "i32": signed_32,
    "i64": signed_64,
    "f32": same,
    "f64": same,
}
_FROM_BITS: Final[dict[ValType, Callable[[Any], Any]]] = {
    "i32": to_i32,
    "i64": to_i64,
    "f32": numerics.f32_from_bits,
    "f64": numerics.f64_from_bits,
}
_TO_BITS: Final[dict[ValType, Callable[[Any], Any]]] = {
    "i32": int,
    "i64": int,
    "f32": numerics.f32_to_bits,
    "f64": numerics.f64_to_bits,
}


def _reference(type: ValType, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return function if isinstance(type, RefType) and type.heap == "func" else same


def to_engine(type: ValType) -> Callable[[Any], Any]:
    """Return the function that takes a host value of `type` to engine form, or raises TypeError or OverflowError."""
    return _TO_ENGINE.get(type) or _reference(type, to_funcref)


def from_engine(type: ValType) -> Callable[[Any], Any]:
    """Return the function that takes an engine value of `type` to host form."""
    return _FROM_ENGINE.get(type) or _reference(type, from_funcref)


def from_bits(type: ValType) -> Callable[[Any], Any]:
    """Return the function that takes the bits of a value of `type` to engine form."""
    return _FROM_BITS.get(type) or _reference(type, to_funcref)


def to_bits(type: ValType) -> Callable[[Any], Any]:
    """Return the function that takes an engine value of `type` to its bits."""
    return _TO_BITS.get(type) or _reference(type, from_funcref)
