"""Constants worth trying, as bits."""

from __future__ import annotations

from typing import Final

from fuzz.generators.choices import Choices, pick
from pywasmjit.wasm.types import ValType

WIDTH: Final[dict[ValType, int]] = {"i32": 32, "i64": 64, "f32": 32, "f64": 64, "v128": 128}

_POSITIVE: Final = (1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000)
_EDGES: Final = tuple((1 << k) + d for k in (24, 29, 30, 31, 32, 52, 53, 62, 63, 64) for d in (-1, 0, 1))


def _integers(width: int) -> tuple[int, ...]:
    fitting = [v for v in (*_POSITIVE, *_EDGES) if v < 1 << width]
    return (0, *fitting, *((-v) % (1 << width) for v in fitting))


def _floats(width: int, fraction: int) -> tuple[int, ...]:
    """Return zeros, small numbers, bounds of conversions, subnormals, infinities and every kind of NaN."""
    bias = (1 << (width - fraction - 2)) - 1
    powers = [bias + k << fraction for k in (-2, -1, 0, 1, 2, 3, 10, 22, 23, 24, 30, 31, 32, 52, 53, 62, 63, 64)]
    infinity = (1 << (width - fraction - 1)) - 1 << fraction
    quiet = infinity | 1 << (fraction - 1)
    halves = [p | 1 << (fraction - 1) for p in powers]
    near = [p + d for p in (*powers, infinity) for d in (-1, 1)]
    special = [1, 2, (1 << fraction) - 1, 1 << fraction, infinity, quiet, quiet + 1, quiet - 1]
    positive = [0, *powers, *halves, *near, *special]
    return (*positive, *(v | 1 << (width - 1) for v in positive))


EDGES: Final[dict[ValType, tuple[int, ...]]] = {
    "i32": _integers(32),
    "i64": _integers(64),
    "f32": _floats(32, 23),
    "f64": _floats(64, 52),
}

CANONICAL_NAN: Final[dict[ValType, int]] = {"f32": 0x7FC0_0000, "f64": 0x7FF8_0000_0000_0000}
_INFINITY: Final[dict[ValType, int]] = {"f32": 0x7F80_0000, "f64": 0x7FF0_0000_0000_0000}


def is_nan(type_: ValType, bits: int) -> bool:
    """Return whether `bits` are a NaN of a float type."""
    return type_ in _INFINITY and bits & ((1 << WIDTH[type_] - 1) - 1) > _INFINITY[type_]


def constant(choices: Choices, type_: ValType) -> int:
    """Return the bits of a constant: small, an edge, or anything."""
    width = WIDTH[type_]
    kind = choices.choose(8)
    if kind < 3 and type_ in ("i32", "i64"):
        return choices.choose(16)
    if kind < 6 and type_ in EDGES:
        return pick(choices, EDGES[type_])
    bits = 0
    for _ in range(width // 32):
        bits = bits << 32 | choices.choose(1 << 32)
    return bits >> choices.choose(width) if kind == 6 else bits
