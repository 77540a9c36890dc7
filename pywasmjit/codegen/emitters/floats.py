"""Floating-point arithmetic and comparison.

An f32 operation is the f64 operation and one rounding: exact for the five
basic ones, since 53 >= 2 * 24 + 2 bits.  The rounding waits for a consumer that
needs it; `f32.store` rounds by itself.
"""

from __future__ import annotations

from pywasmjit.codegen.baseline import Emitter, FunctionCompiler, emits
from pywasmjit.codegen.emitters.integers import push_condition
from pywasmjit.codegen.stack import Value
from pywasmjit.codegen.target import operations as t


def _push_float(c: FunctionCompiler, operands: list[Value]) -> None:
    result = c.push_result(operands[0].type, operands)
    result.rounded = result.type == "f64"
    result.quiet = True


def _arithmetic(operator: str) -> Emitter:
    def emit(c: FunctionCompiler, _: None) -> None:
        operands = c.pop_normal(2)
        c.emit(t.BINARY, operator)
        _push_float(c, operands)

    return emit


for _name, _operator in (("add", "+"), ("sub", "-"), ("mul", "*")):
    emits(f"f32.{_name}", f"f64.{_name}")(_arithmetic(_operator))


@emits("f32.div", "f64.div")
def div(c: FunctionCompiler, _: None) -> None:
    """Divide in place; Python's exception for a zero divisor is avoided by a test."""
    operands = a, b = c.pop_normal(2)
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
        slots = [c.scratch(), c.scratch()]
        c.emit(t.STORE_FAST, slots[1])
        c.emit(t.STORE_FAST, slots[0])
        c.emit(t.LOAD_CALLEE, c.meaning(f"{a.type}.div"))
        c.emit(t.LOAD_FAST, slots[0])
        c.emit(t.LOAD_FAST, slots[1])
        c.emit(t.CALL, 2)
        c.emit(t.LABEL, done)
    _push_float(c, operands)


@emits("f32.neg", "f64.neg")
def neg(c: FunctionCompiler, _: None) -> None:
    """Flip the sign; of a NaN too, and exactly, so an operand not rounded yet may stay so."""
    value = c.pop()
    c.emit(t.NEGATE)
    result = c.push_result(value.type, [value])
    result.rounded, result.quiet = value.rounded, value.quiet


@emits("f32.abs", "f64.abs")
def absolute(c: FunctionCompiler, _: None) -> None:
    value = c.pop()
    c.call(c.support("fabs"), [value])
    result = c.push_result(value.type, [value])
    result.rounded, result.quiet = value.rounded, value.quiet


def _comparison(operator: str) -> Emitter:
    def emit(c: FunctionCompiler, _: None) -> None:
        operands = c.pop_normal(2)
        c.emit(t.COMPARE, operator)
        push_condition(c, operands, total=operator in ("==", "!="))

    return emit


for _name, _operator in (("eq", "=="), ("ne", "!="), ("lt", "<"), ("gt", ">"), ("le", "<="), ("ge", ">=")):
    emits(f"f32.{_name}", f"f64.{_name}")(_comparison(_operator))
