"""Floating-point arithmetic and comparison.

An f32 operation is the f64 operation and one rounding: exact for the five
basic ones, since 53 >= 2 * 24 + 2 bits.  The rounding waits for a consumer that
needs it; `f32.store` rounds by itself.
"""

from __future__ import annotations

from typing import Final

from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.emitters.comparisons import push_condition
from pywasmjit.codegen.baseline.operands import Value
from pywasmjit.codegen.target import operations as t


def _push_float(c: Context, operands: list[Value]) -> None:
    result = c.push_result(operands[0].type, operands)
    result.rounded = result.type == "f64"
    result.quiet = True


def _arithmetic(operator: str) -> Emitter:
    def emit(c: Context, _: None) -> None:
        operands = c.pop_normal(2)
        c.emit(t.BINARY, operator)
        _push_float(c, operands)

    return emit


def _divide(mnemonic: str) -> Emitter:
    """Divide in place; Python's exception for a zero divisor is avoided by a test."""

    def emit(c: Context, _: None) -> None:
        operands = c.pop_normal(2)
        b = operands[1]
        if b.constant:
            c.emit(t.BINARY, "/")
        else:
            slow, done = t.Label(), t.Label()
            c.emit(t.COPY, 1)
            c.emit(t.LOAD_CONST, 0.0)
            c.emit(t.COMPARE, "==")
            c.emit(t.JUMP_IF, slow)
            c.emit(t.BINARY, "/")
            c.emit(t.JUMP, done)
            c.emit(t.LABEL, slow)
            slots = [c.slots.scratch(), c.slots.scratch()]
            c.emit(t.STORE_FAST, slots[1])
            c.emit(t.STORE_FAST, slots[0])
            c.emit(t.LOAD_CALLEE, c.meaning(mnemonic))
            c.emit(t.LOAD_FAST, slots[0])
            c.emit(t.LOAD_FAST, slots[1])
            c.emit(t.CALL, 2)
            c.emit(t.LABEL, done)
        _push_float(c, operands)

    return emit


def neg(c: Context, _: None) -> None:
    """Flip the sign; of a NaN too, and exactly, so an operand not rounded yet may stay so."""
    value = c.pop()
    c.emit(t.NEGATE)
    result = c.push_result(value.type, [value])
    result.rounded, result.quiet = value.rounded, value.quiet


def absolute(c: Context, _: None) -> None:
    value = c.pop()
    c.call(c.support("fabs"), [value])
    result = c.push_result(value.type, [value])
    result.rounded, result.quiet = value.rounded, value.quiet


def _comparison(operator: str) -> Emitter:
    def emit(c: Context, _: None) -> None:
        operands = c.pop_normal(2)
        c.emit(t.COMPARE, operator)
        push_condition(c, operands, total=operator in ("==", "!="))

    return emit


EMITTERS: Final[dict[str, Emitter]] = {
    "f32.neg": neg,
    "f64.neg": neg,
    "f32.abs": absolute,
    "f64.abs": absolute,
    "f32.add": _arithmetic("+"),
    "f64.add": _arithmetic("+"),
    "f32.sub": _arithmetic("-"),
    "f64.sub": _arithmetic("-"),
    "f32.mul": _arithmetic("*"),
    "f64.mul": _arithmetic("*"),
    "f32.div": _divide("f32.div"),
    "f64.div": _divide("f64.div"),
    "f32.eq": _comparison("=="),
    "f64.eq": _comparison("=="),
    "f32.ne": _comparison("!="),
    "f64.ne": _comparison("!="),
    "f32.lt": _comparison("<"),
    "f64.lt": _comparison("<"),
    "f32.gt": _comparison(">"),
    "f64.gt": _comparison(">"),
    "f32.le": _comparison("<="),
    "f64.le": _comparison("<="),
    "f32.ge": _comparison(">="),
    "f64.ge": _comparison(">="),
}
