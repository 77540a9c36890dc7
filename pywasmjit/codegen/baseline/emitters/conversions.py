"""Conversions between number types that are simple enough to be emitted in place."""

from __future__ import annotations

from typing import Final

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.emitters.integers import make_signed
from pywasmjit.codegen.baseline.operands import MASKS, SMALL
from pywasmjit.codegen.target import operations as t
from pywasmjit.wasm.types import ValType


def wrap(c: Context, _: None) -> None:
    value = c.pop()
    result = c.push_result("i32", [value])
    result.bounds = value.bounds
    result.wild = value.wild or value.high > MASKS["i32"]
    result.is_bool = value.is_bool
    if value.constant is not None:
        c.code.drop_last()
        c.pop()
        c.push_constant("i32", value.constant & MASKS["i32"])


def extend_unsigned(c: Context, _: None) -> None:
    (value,) = c.pop_normal(1)
    result = c.push_result("i64", [value])
    result.bounds = value.bounds
    result.wild, result.is_bool = value.wild, value.is_bool


def extend_signed(c: Context, _: None) -> None:
    value = c.pop()
    if value.inverted or value.condition is not None:
        c.materialise(value)
    make_signed(c, value)
    result = c.push_result("i64", [value])
    result.bounds = value.bounds
    result.wild, result.is_bool = value.wild, value.is_bool


def _extend(bits: int) -> Emitter:
    """(x & (2**n - 1) ^ 2**(n-1)) - 2**(n-1), in signed form."""
    half = 1 << (bits - 1)

    def emit(c: Context, _: None) -> None:
        value = c.pop()
        if not bounds.within(value.bounds, bounds.signed(bits)):
            if not bounds.within(value.bounds, bounds.normal(bits)):
                c.emit(t.LOAD_CONST, 2 * half - 1)
                c.emit(t.BINARY, "&")
            c.emit(t.LOAD_CONST, half)
            c.emit(t.BINARY, "^")
            c.emit(t.LOAD_CONST, half)
            c.emit(t.BINARY, "-")
        result = c.push_result(value.type, [value])
        result.bounds = bounds.sign_extended(value.bounds, bits)

    return emit


def _convert(target: ValType, *, signed: bool) -> Emitter:
    """int * 1.0 rounds once, to nearest even, as the conversion does."""

    def emit(c: Context, _: None) -> None:
        value = c.pop()
        if signed:
            make_signed(c, value)
        else:
            c.normalise([value])
        c.emit(t.LOAD_CONST, 1.0)
        c.emit(t.BINARY, "*")
        result = c.push_result(target, [value])
        result.quiet = True
        result.rounded = target == "f64" or max(-value.low, value.high) <= SMALL >> 6

    return emit


def promote(c: Context, _: None) -> None:
    (value,) = c.pop_normal(1)
    if not value.quiet:
        c.emit(t.LOAD_CONST, 1.0)
        c.emit(t.BINARY, "*")  # makes a signalling NaN quiet and keeps all else
    c.push_result("f64", [value]).quiet = True


def demote(c: Context, _: None) -> None:
    value = c.pop()
    result = c.push_result("f32", [value])
    result.rounded, result.quiet = False, True


def _reinterpret(source: str, target: str, type: str) -> Emitter:
    def emit(c: Context, _: None) -> None:
        (value,) = c.pop_normal(1)
        for cell, operation in ((source, t.STORE_SUBSCRIPT), (target, t.SUBSCRIPT)):
            c.emit(t.LOAD_GLOBAL, c.support(cell))
            c.emit(t.LOAD_CONST, 0)
            c.emit(operation)
        c.push_result(type, [value]).wild = True

    return emit


EMITTERS: Final[dict[str, Emitter]] = {
    "i32.wrap_i64": wrap,
    "i64.extend_i32_u": extend_unsigned,
    "i64.extend_i32_s": extend_signed,
    "f64.promote_f32": promote,
    "f32.demote_f64": demote,
    "f64.reinterpret_i64": _reinterpret("bits_cell", "f64_cell", "f64"),
    "i64.reinterpret_f64": _reinterpret("f64_cell", "bits_cell", "i64"),
    "i32.extend8_s": _extend(8),
    "i32.extend16_s": _extend(16),
    "i64.extend8_s": _extend(8),
    "i64.extend16_s": _extend(16),
    "i64.extend32_s": _extend(32),
    "f64.convert_i32_s": _convert("f64", signed=True),
    "f64.convert_i32_u": _convert("f64", signed=False),
    "f64.convert_i64_s": _convert("f64", signed=True),
    "f64.convert_i64_u": _convert("f64", signed=False),
    "f32.convert_i32_s": _convert("f32", signed=True),
    "f32.convert_i32_u": _convert("f32", signed=False),
}
