"""Integer arithmetic.

Addition, subtraction, multiplication, left shifts and the bitwise operations
commute with reduction modulo 2**N, so they take operands as they come and
leave the reduction to whoever looks at the result.  Everything else wants the
normal form.  Constants of 2**(N-1) and more are taken for the negative numbers
that they mostly are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.operands import BITS, LOG_BITS, MASKS, SMALL, WIDEST, Value
from pywasmjit.codegen.bounds import Bounds
from pywasmjit.codegen.target import operations as t
from pywasmjit.wasm.types import ValType


def fold(c: Context, type: ValType, count: int, constant: int) -> None:
    """Replace the code of the last `count` constants by one constant; they are popped already."""
    c.code.drop_last(count)
    c.push_constant(type, constant & MASKS[type])


def pop_open(c: Context, count: int, limit: int = WIDEST) -> list[Value]:
    """Pop operands of an operation that commutes with reduction, reduced only where they are too wide."""
    values = c.pop_many(count)
    if any(value.low <= -limit or value.high >= limit for value in values):
        c.normalise(values)
    return values


def _add_constant(c: Context, a: Value, delta: int) -> None:
    """Add a signed constant; the constant's code, the last item, is replaced."""
    c.code.drop_last()
    if delta:
        c.emit(t.LOAD_CONST, abs(delta))
        c.emit(t.BINARY, "+" if delta > 0 else "-")
    result = c.push_result(a.type, [a])
    result.bounds = bounds.add(a.bounds, bounds.exactly(delta))
    result.wild = a.wild or abs(delta) > SMALL
    if not delta:
        result.slot, result.is_bool = a.slot, a.is_bool


def signed_constant(type: ValType, constant: int) -> int:
    """Return a normal constant as the negative number that it mostly is."""
    return constant if constant < (MASKS[type] + 1) >> 1 else constant - MASKS[type] - 1


def add(c: Context, _: None) -> None:
    a, b = pop_open(c, 2)
    if b.constant is not None:
        if a.constant is not None:
            return fold(c, a.type, 2, a.constant + b.constant)
        return _add_constant(c, a, signed_constant(a.type, b.constant))
    c.emit(t.BINARY, "+")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.add(a.bounds, b.bounds)
    result.wild = a.wild or b.wild
    return None


def sub(c: Context, _: None) -> None:
    a, b = pop_open(c, 2)
    if b.constant is not None:
        if a.constant is not None:
            return fold(c, a.type, 2, a.constant - b.constant)
        return _add_constant(c, a, -signed_constant(a.type, b.constant))
    c.emit(t.BINARY, "-")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.subtract(a.bounds, b.bounds)
    result.wild = a.wild or b.wild
    return None


def mul(c: Context, _: None) -> None:
    a, b = pop_open(c, 2, 1 << 64)
    if b.constant is not None and a.constant is not None:
        return fold(c, a.type, 2, a.constant * b.constant)
    c.emit(t.BINARY, "*")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.multiply(a.bounds, b.bounds)
    result.wild = a.wild or b.wild or max(a.constant or 0, b.constant or 0) > 0xFFFF
    return None


def bit_and(c: Context, _: None) -> None:
    a, b = pop_open(c, 2)
    if a.constant is not None and b.constant is not None:
        return fold(c, a.type, 2, a.constant & b.constant)
    c.emit(t.BINARY, "&")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.bit_and(a.bounds, b.bounds)
    result.wild = a.wild and b.wild
    return None


def _or_xor(operator: str, outcome: Callable[[Bounds, Bounds], Bounds]) -> Emitter:
    def emit(c: Context, _: None) -> None:
        a, b = pop_open(c, 2)
        if a.constant is not None and b.constant is not None:
            x, y = a.constant, b.constant
            return fold(c, a.type, 2, x | y if operator == "|" else x ^ y)
        c.emit(t.BINARY, operator)
        result = c.push_result(a.type, [a, b])
        result.bounds = outcome(a.bounds, b.bounds)
        result.wild = a.wild or b.wild
        return None

    return emit


def _masked_count(c: Context, count: Value) -> None:
    """Reduce the shift count on top modulo the width."""
    if count.low < 0 or count.high >= BITS[count.type]:
        c.emit(t.LOAD_CONST, BITS[count.type] - 1)
        c.emit(t.BINARY, "&")


def shl(c: Context, _: None) -> None:
    a, b = pop_open(c, 2, 1 << 64)
    bits = BITS[a.type]
    if b.constant is None:
        _masked_count(c, b)
        c.emit(t.BINARY, "<<")
        result = c.push_result(a.type, [a, b])
        result.bounds = bounds.shift_left(a.bounds, bounds.reduced(b.bounds, LOG_BITS[b.type]))
        result.wild = True
        return None
    count = b.constant & (bits - 1)
    if a.constant is not None:
        return fold(c, a.type, 2, a.constant << count)
    c.code.drop_last()
    if count:
        c.emit(t.LOAD_CONST, 1 << count)
        c.emit(t.BINARY, "*")  # specialised for small integers, unlike <<
    result = c.push_result(a.type, [a])
    result.bounds = bounds.shift_left(a.bounds, bounds.exactly(count))
    result.wild = a.wild or count > 12
    return None


def shr_u(c: Context, _: None) -> None:
    b, a = c.pop(), c.pop()
    c.normalise([a, b])
    if b.constant is None:
        _masked_count(c, b)
        c.emit(t.BINARY, ">>")
        result = c.push_result(a.type, [a, b])
        result.bounds = bounds.shift_right(a.bounds, bounds.reduced(b.bounds, LOG_BITS[b.type]))
        result.wild = a.wild
        return
    count = b.constant & (BITS[a.type] - 1)
    if count:
        c.code.replace_last(t.LOAD_CONST, count)
        c.emit(t.BINARY, ">>")
    else:
        c.code.drop_last()
    result = c.push_result(a.type, [a])
    result.bounds = bounds.shift_right(a.bounds, bounds.exactly(count))
    result.wild = result.high > SMALL and a.wild


def make_signed(c: Context, value: Value) -> None:
    """Turn the integer on top into the signed form of its type."""
    half = (MASKS[value.type] + 1) >> 1
    if value.is_signed:
        return
    if value.constant is not None and c.code.ends_with(t.LOAD_CONST):  # not so if it was swapped to the top
        value.low = value.high = signed_constant(value.type, value.constant & MASKS[value.type])
        c.code.replace_last(t.LOAD_CONST, value.low)
        value.constant = None
        return
    c.normalise([value])
    if value.high >= half:
        skip = t.Label()
        c.emit(t.COPY, 1)
        c.emit(t.LOAD_CONST, half)
        c.emit(t.COMPARE, "<")
        c.emit(t.JUMP_IF, skip)
        c.emit(t.LOAD_CONST, 2 * half)
        c.emit(t.BINARY, "-")
        c.emit(t.LABEL, skip)
        value.bounds = bounds.sign_extended(value.bounds, BITS[value.type])
        value.slot = -1


def shr_s(c: Context, _: None) -> None:
    b, a = c.pop(), c.pop()
    if b.constant is not None and c.movable(b):
        c.code.drop_last()
        count = b.constant & (BITS[a.type] - 1)
        make_signed(c, a)
        c.emit(t.LOAD_CONST, count)
        c.emit(t.BINARY, ">>")
        result = c.push_result(a.type, [a])
        result.bounds = bounds.shift_right(a.bounds, bounds.exactly(count))
        result.wild = a.wild
        return
    c.normalise([a, b])
    _masked_count(c, b)
    c.emit(t.SWAP, 2)
    a.constant = None  # the last code is no longer its own
    make_signed(c, a)
    c.emit(t.SWAP, 2)
    c.emit(t.BINARY, ">>")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.shift_right(a.bounds, bounds.reduced(b.bounds, LOG_BITS[b.type]))
    result.wild = a.wild


def _rotate(left: bool) -> Emitter:
    """x * (2**N + 1) holds x twice; the wanted N bits are cut out by one shift, the rest by the consumer's mask."""

    def emit(c: Context, _: None) -> None:
        b, a = c.pop(), c.pop()
        c.normalise([a, b])
        bits = BITS[a.type]
        twice = (1 << bits) + 1
        count: int | None = None
        if b.constant is not None:
            c.code.drop_last()
            count = b.constant % bits
            shift = bits - count if left else count
            c.emit(t.LOAD_CONST, twice)
            c.emit(t.BINARY, "*")
            c.emit(t.LOAD_CONST, shift)
            c.emit(t.BINARY, ">>")
            result = c.push_result(a.type, [a])
            result.bounds = bounds.rotated(a.bounds, bounds.exactly(shift), bits)
        else:
            c.emit(t.LOAD_CONST, bits - 1)
            c.emit(t.BINARY, "&")
            if left:
                c.emit(t.LOAD_CONST, bits)
                c.emit(t.SWAP, 2)
                c.emit(t.BINARY, "-")
            c.emit(t.SWAP, 2)
            c.emit(t.LOAD_CONST, twice)
            c.emit(t.BINARY, "*")
            c.emit(t.SWAP, 2)
            c.emit(t.BINARY, ">>")
            result = c.push_result(a.type, [a, b])
            result.bounds = bounds.rotated(a.bounds, (1, bits) if left else (0, bits - 1), bits)
        result.wild = True

    return emit


def _divide_unsigned(operator: str, outcome: Callable[[Bounds, Bounds], Bounds]) -> Emitter:
    def emit(c: Context, _: None) -> None:
        b, a = c.pop(), c.pop()
        c.normalise([a, b])
        c.emit(t.BINARY, operator)
        result = c.push_result(a.type, [a, b], effects=0 if b.low > 0 else None)
        result.bounds = outcome(a.bounds, b.bounds)
        result.wild = a.wild and result.high > SMALL

    return emit


def _divide_signed(mnemonic: str, operator: str, outcome: Callable[[Bounds, Bounds, int], Bounds]) -> Emitter:
    """Positive operands are divided in place; the others call the instruction's meaning."""

    def emit(c: Context, _: None) -> None:
        b, a = c.pop(), c.pop()
        c.normalise([a, b])
        type = a.type
        half = (MASKS[type] + 1) >> 1
        if (b.high < half and a.high < half) or not b.high:
            c.emit(t.BINARY, operator)
        else:
            slow, done = t.Label(), t.Label()
            right = c.duplicable(b)
            left = c.duplicable(a)
            for value, push in ((a, left), (b, right)):
                if value.high >= half:
                    c.emit(*push)
                    c.emit(t.LOAD_CONST, half)
                    c.emit(t.COMPARE, "<")
                    c.emit(t.JUMP_UNLESS, slow)
            c.emit(*left)
            c.emit(*right)
            c.emit(t.BINARY, operator)
            c.emit(t.JUMP, done)
            c.emit(t.LABEL, slow)
            c.emit(t.LOAD_CALLEE, c.meaning(mnemonic))
            c.emit(*left)
            c.emit(*right)
            c.emit(t.CALL, 2)
            c.emit(t.LABEL, done)
        result = c.push_result(type, [a, b])
        result.bounds = outcome(a.bounds, b.bounds, BITS[type])
        result.wild = a.wild

    return emit


def clz(c: Context, _: None) -> None:
    (a,) = c.pop_normal(1)
    bits = BITS[a.type]
    name = c.support("bit_length")
    if c.movable(a):
        a_code = c.code.insert_before(a.start, (t.LOAD_CONST, bits), (t.LOAD_CALLEE, name))
        assert a_code == 2
    else:
        slot = c.slots.scratch()
        c.emit(t.STORE_FAST, slot)
        c.emit(t.LOAD_CONST, bits)
        c.emit(t.LOAD_CALLEE, name)
        c.emit(t.LOAD_FAST, slot)
    c.emit(t.CALL, 1)
    c.emit(t.BINARY, "-")
    result = c.push_result(a.type, [a])
    result.bounds = bounds.leading_zeros(a.bounds, bits)


EMITTERS: Final[dict[str, Emitter]] = {
    "i32.add": add,
    "i64.add": add,
    "i32.sub": sub,
    "i64.sub": sub,
    "i32.mul": mul,
    "i64.mul": mul,
    "i32.and": bit_and,
    "i64.and": bit_and,
    "i32.shl": shl,
    "i64.shl": shl,
    "i32.shr_u": shr_u,
    "i64.shr_u": shr_u,
    "i32.shr_s": shr_s,
    "i64.shr_s": shr_s,
    "i32.clz": clz,
    "i64.clz": clz,
    "i32.or": _or_xor("|", bounds.bit_or),
    "i64.or": _or_xor("|", bounds.bit_or),
    "i32.xor": _or_xor("^", bounds.bit_xor),
    "i64.xor": _or_xor("^", bounds.bit_xor),
    "i32.rotl": _rotate(True),
    "i64.rotl": _rotate(True),
    "i32.rotr": _rotate(False),
    "i64.rotr": _rotate(False),
    "i32.div_u": _divide_unsigned("//", bounds.divide_unsigned),
    "i64.div_u": _divide_unsigned("//", bounds.divide_unsigned),
    "i32.rem_u": _divide_unsigned("%", bounds.remainder_unsigned),
    "i64.rem_u": _divide_unsigned("%", bounds.remainder_unsigned),
    "i32.div_s": _divide_signed("i32.div_s", "//", bounds.divide_signed),
    "i32.rem_s": _divide_signed("i32.rem_s", "%", bounds.remainder_signed),
    "i64.div_s": _divide_signed("i64.div_s", "//", bounds.divide_signed),
    "i64.rem_s": _divide_signed("i64.rem_s", "%", bounds.remainder_signed),
}
