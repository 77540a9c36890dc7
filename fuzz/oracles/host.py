"""The host objects that fuzzed modules import: the same for every engine, known by name and type alone."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from fuzz.oracles.outcome import Value, as_value
from pywasmjit.wasm.types import FuncType, RefType, ValType

_ANSWERS: dict[ValType, tuple[int | float, ...]] = {
    "i32": (0, 1, -1, 7, 0x7FFF_FFFF),
    "i64": (3, -1, 1 << 40, -(1 << 63), 0),
    "f32": (0.5, -0.0, 3.0, float("inf"), 1e-40),
    "f64": (-1.5, 0.1, 1e300, -0.0, 12.0),
}


def float_bits(type_: ValType, x: float) -> int:
    """Return the bits of a float; Python makes an f32 NaN quiet on its way."""
    return int.from_bytes(struct.pack("<f" if type_ == "f32" else "<d", x), "little")


def float_from_bits(type_: ValType, bits: int) -> float:
    """Return the float with these bits; an f32 NaN becomes quiet."""
    size, form = (4, "<f") if type_ == "f32" else (8, "<d")
    number: float = struct.unpack(form, bits.to_bytes(size, "little"))[0]
    return number


def to_host(type_: ValType, item: Any) -> Any:
    """Return the Python value a host passes for recorded bits: signed integers, floats, references."""
    if type_ in ("f32", "f64"):
        return float_from_bits(type_, item)
    if isinstance(type_, RefType):
        return item
    half = 1 << (31 if type_ == "i32" else 63)
    return (item + half) % (2 * half) - half


def from_host(type_: ValType, item: Any) -> Value:
    """Return what to record of a Python value that an engine passed to the host."""
    return as_value(type_, float_bits(type_, item) if type_ in ("f32", "f64") else item)


def host_function(name: str, type_: FuncType, log: list[tuple[str, tuple[Value, ...]]]) -> Callable[..., Any]:
    """Return a callable that logs its arguments and answers by turns from a fixed list."""

    def function(*arguments: Any) -> Any:
        turn = len(log)
        log.append((name, tuple(from_host(t, a) for t, a in zip(type_.params, arguments, strict=True))))
        results = [_ANSWERS[t][(turn + i) % 5] for i, t in enumerate(type_.results)]
        return None if not results else results[0] if len(results) == 1 else tuple(results)

    return function


def global_value(name: str, type_: ValType) -> Any:
    """Return the initial value of an imported global."""
    if isinstance(type_, RefType):
        return "one" if str(type_) == "externref" else None
    return _ANSWERS[type_][int(name[1:]) % 5]
