"""Comparison of integers, and the conditions that branches consume.

A signed comparison that cannot be made as it stands is left to the branch behind it (`SignedLess`).
"""

from __future__ import annotations

from typing import Final

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.emitters.integers import signed_constant
from pywasmjit.codegen.baseline.operands import MASKS, SignedLess, Value
from pywasmjit.codegen.target import operations as t
from pywasmjit.wasm.opcodes import BY_NAME

CONSUMES_CONDITION: Final = frozenset(BY_NAME[name] for name in ("br_if", "if", "select", "i32.eqz"))


def push_condition(c: Context, operands: list[Value], *, total: bool = True) -> Value:
    """Push the bool that the last COMPARE left."""
    result = c.push_result("i32", operands)
    result.bounds = bounds.BOOL
    result.is_bool = True
    result.total = total
    return result


def eqz(c: Context, _: None) -> None:
    a = c.pop()
    if a.is_bool:
        a.type = "i32"
        a.inverted = not a.inverted
        result = c.push(a)
    else:
        c.normalise([a])
        result = c.push_result("i32", [a])
        result.inverted = True
        result.bounds = bounds.BOOL
    if c.next_op not in CONSUMES_CONDITION:
        c.materialise(result)


def _equality(operator: str) -> Emitter:
    def emit(c: Context, _: None) -> None:
        b, a = c.pop(), c.pop()
        if b.constant is not None and a.is_signed and not a.is_normal:
            c.code.replace_last(t.LOAD_CONST, signed_constant(a.type, b.constant))
        else:
            c.normalise([a, b])
        c.emit(t.COMPARE, operator)
        push_condition(c, [a, b])

    return emit


def _unsigned(operator: str) -> Emitter:
    def emit(c: Context, _: None) -> None:
        b, a = c.pop(), c.pop()
        c.normalise([a, b])
        c.emit(t.COMPARE, operator)
        push_condition(c, [a, b])

    return emit


def _signed(operator: str) -> Emitter:
    """Compare directly where the bounds allow it; else by guards if a branch follows, by flipped signs if not."""

    def emit(c: Context, _: None) -> None:
        b, a = c.pop(), c.pop()
        type = a.type
        half = (MASKS[type] + 1) >> 1
        if b.constant is not None and a.is_signed:
            c.code.replace_last(t.LOAD_CONST, signed_constant(type, b.constant))
        elif not (a.is_signed and b.is_signed):
            c.normalise([a, b])
            if not (a.high < half and b.high < half):
                return _defer(c, operator, a, b)
        c.emit(t.COMPARE, operator)
        push_condition(c, [a, b])
        return None

    return emit


def _defer(c: Context, operator: str, a: Value, b: Value) -> None:
    """Leave `a operator b`, both normal and taken as signed, to the branch that follows."""
    right = (*c.duplicable(b), b.low, b.high)
    left = (*c.duplicable(a), a.low, a.high)
    if operator in (">", "<="):
        left, right = right, left
    result = Value("i32", a.start, 0, 1)
    result.absorb(a, b)
    result.is_bool = True
    result.condition = SignedLess(a.type, left, right)
    result.inverted = operator in ("<=", ">=")
    c.push(result)
    if c.next_op not in CONSUMES_CONDITION:
        c.materialise(result)


EMITTERS: Final[dict[str, Emitter]] = {
    "i32.eqz": eqz,
    "i64.eqz": eqz,
    "i32.eq": _equality("=="),
    "i64.eq": _equality("=="),
    "i32.ne": _equality("!="),
    "i64.ne": _equality("!="),
    "i32.lt_u": _unsigned("<"),
    "i64.lt_u": _unsigned("<"),
    "i32.le_u": _unsigned("<="),
    "i64.le_u": _unsigned("<="),
    "i32.gt_u": _unsigned(">"),
    "i64.gt_u": _unsigned(">"),
    "i32.ge_u": _unsigned(">="),
    "i64.ge_u": _unsigned(">="),
    "i32.lt_s": _signed("<"),
    "i64.lt_s": _signed("<"),
    "i32.le_s": _signed("<="),
    "i64.le_s": _signed("<="),
    "i32.gt_s": _signed(">"),
    "i64.gt_s": _signed(">"),
    "i32.ge_s": _signed(">="),
    "i64.ge_s": _signed(">="),
}
