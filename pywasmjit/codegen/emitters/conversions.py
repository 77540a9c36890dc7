"""Conversions between number types that are simple enough to be emitted in place."""

from __future__ import annotations

from typing import Final

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline import Emitter, FunctionCompiler, emits
from pywasmjit.codegen.emitters.integers import make_signed
from pywasmjit.codegen.stack import MASKS, SMALL
from pywasmjit.codegen.target import operations as t


@emits("i32.wrap_i64")
def wrap(c: FunctionCompiler, _: None) -> None:
    value = c.pop()
    result = c.push_result("i32", [value])
    result.bounds = value.bounds
    result.wild = value.wild or value.high > MASKS["i32"]
    result.is_bool = value.is_bool
    if value.constant is not None:
        c.code.pop()
        c.pop()
        c.push_constant("i32", value.constant & MASKS["i32"])


@emits("i64.extend_i32_u")
def extend_unsigned(c: FunctionCompiler, _: None) -> None:
    (value,) = c.pop_normal(1)
    result = c.push_result("i64", [value])
    result.bounds = value.bounds
    result.wild, result.is_bool = value.wild, value.is_bool


@emits("i64.extend_i32_s")
def extend_signed(c: FunctionCompiler, _: None) -> None:
    value = c.pop()
    if value.inverted or value.condition is not None:
        c.materialise(value)
    make_signed(c, value)
    result = c.push_result("i64", [value])
    result.bounds = value.bounds
    result.wild, result.is_bool = value.wild, value.is_bool


_EXTENSIONS: Final = {"extend8_s": 8, "extend16_s": 16, "extend32_s": 32}


def _extend(bits: int) -> Emitter:
    """(x & (2**n - 1) ^ 2**(n-1)) - 2**(n-1), in signed form."""
    half = 1 << (bits - 1)

    def emit(c: FunctionCompiler, _: None) -> None:
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


for _type, _name in (("i32", "extend8_s"), ("i32", "extend16_s"), *(("i64", name) for name in _EXTENSIONS)):
    emits(f"{_type}.{_name}")(_extend(_EXTENSIONS[_name]))


def _convert(mnemonic: str) -> Emitter:
    """int * 1.0 rounds once, to nearest even, as the conversion does."""
    target, _, rest = mnemonic.partition(".")
    signed = rest.endswith("_s")

    def emit(c: FunctionCompiler, _: None) -> None:
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


for _name in (
    *("f64.convert_i32_s", "f64.convert_i32_u", "f64.convert_i64_s", "f64.convert_i64_u"),
    *("f32.convert_i32_s", "f32.convert_i32_u"),
):
    emits(_name)(_convert(_name))


@emits("f64.promote_f32")
def promote(c: FunctionCompiler, _: None) -> None:
    (value,) = c.pop_normal(1)
    if not value.quiet:
        c.emit(t.LOAD_CONST, 1.0)
        c.emit(t.BINARY, "*")  # makes a signalling NaN quiet and keeps all else
    c.push_result("f64", [value]).quiet = True


@emits("f32.demote_f64")
def demote(c: FunctionCompiler, _: None) -> None:
    value = c.pop()
    result = c.push_result("f32", [value])
    result.rounded, result.quiet = False, True


def _reinterpret(source: str, target: str, type: str) -> Emitter:
    def emit(c: FunctionCompiler, _: None) -> None:
        (value,) = c.pop_normal(1)
        for cell, operation in ((source, t.STORE_SUBSCRIPT), (target, t.SUBSCRIPT)):
            c.emit(t.LOAD_GLOBAL, c.support(cell))
            c.emit(t.LOAD_CONST, 0)
            c.emit(operation)
        c.push_result(type, [value]).wild = True

    return emit


emits("f64.reinterpret_i64")(_reinterpret("bits_cell", "f64_cell", "f64"))
emits("i64.reinterpret_f64")(_reinterpret("f64_cell", "bits_cell", "i64"))
