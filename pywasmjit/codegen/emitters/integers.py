"""Integer arithmetic and comparison.

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
from pywasmjit.codegen.baseline import Emitter, FunctionCompiler, emits
from pywasmjit.codegen.bounds import Bounds
from pywasmjit.codegen.stack import BITS, LOG_BITS, MASKS, SMALL, TRAPS, WIDEST, SignedLess, Value
from pywasmjit.codegen.target import operations as t
from pywasmjit.wasm.opcodes import BY_NAME
from pywasmjit.wasm.types import ValType

CONSUMES_CONDITION: Final = frozenset(BY_NAME[name] for name in ("br_if", "if", "select", "i32.eqz"))


def _both(name: str) -> tuple[str, str]:
    return f"i32.{name}", f"i64.{name}"


def fold(c: FunctionCompiler, type: ValType, count: int, constant: int) -> None:
    """Replace the code of the last `count` constants by one constant; they are popped already."""
    del c.code[-count:]
    c.push_constant(type, constant & MASKS[type])


def pop_open(c: FunctionCompiler, count: int, limit: int = WIDEST) -> list[Value]:
    """Pop operands of an operation that commutes with reduction, reduced only where they are too wide."""
    values = c.pop_many(count)
    if any(value.low <= -limit or value.high >= limit for value in values):
        c.normalise(values)
    return values


# --------------------------------------------------------------------------- add, sub, mul


def _add_constant(c: FunctionCompiler, a: Value, delta: int) -> None:
    """Add a signed constant; the constant's code, the last item, is replaced."""
    c.code.pop()
    if delta:
        c.emit(t.LOAD_CONST, abs(delta))
        c.emit(t.BINARY, "+" if delta > 0 else "-")
    result = c.push_result(a.type, [a])
    result.bounds = bounds.add(a.bounds, bounds.exactly(delta))
    result.wild = a.wild or abs(delta) > SMALL
    if not delta:
        result.slot, result.is_bool = a.slot, a.is_bool


def _signed_constant(type: ValType, constant: int) -> int:
    return constant if constant < (MASKS[type] + 1) >> 1 else constant - MASKS[type] - 1


@emits(*_both("add"))
def add(c: FunctionCompiler, _: None) -> None:
    a, b = pop_open(c, 2)
    if b.constant is not None:
        if a.constant is not None:
            return fold(c, a.type, 2, a.constant + b.constant)
        return _add_constant(c, a, _signed_constant(a.type, b.constant))
    c.emit(t.BINARY, "+")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.add(a.bounds, b.bounds)
    result.wild = a.wild or b.wild
    return None


@emits(*_both("sub"))
def sub(c: FunctionCompiler, _: None) -> None:
    a, b = pop_open(c, 2)
    if b.constant is not None:
        if a.constant is not None:
            return fold(c, a.type, 2, a.constant - b.constant)
        return _add_constant(c, a, -_signed_constant(a.type, b.constant))
    c.emit(t.BINARY, "-")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.subtract(a.bounds, b.bounds)
    result.wild = a.wild or b.wild
    return None


@emits(*_both("mul"))
def mul(c: FunctionCompiler, _: None) -> None:
    a, b = pop_open(c, 2, 1 << 64)
    if b.constant is not None and a.constant is not None:
        return fold(c, a.type, 2, a.constant * b.constant)
    c.emit(t.BINARY, "*")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.multiply(a.bounds, b.bounds)
    result.wild = a.wild or b.wild or max(a.constant or 0, b.constant or 0) > 0xFFFF
    return None


# --------------------------------------------------------------------------- bitwise


@emits(*_both("and"))
def bit_and(c: FunctionCompiler, _: None) -> None:
    a, b = pop_open(c, 2)
    if a.constant is not None and b.constant is not None:
        return fold(c, a.type, 2, a.constant & b.constant)
    c.emit(t.BINARY, "&")
    result = c.push_result(a.type, [a, b])
    result.bounds = bounds.bit_and(a.bounds, b.bounds)
    result.wild = a.wild and b.wild
    return None


def _or_xor(operator: str) -> Emitter:
    def emit(c: FunctionCompiler, _: None) -> None:
        a, b = pop_open(c, 2)
        if a.constant is not None and b.constant is not None:
            x, y = a.constant, b.constant
            return fold(c, a.type, 2, x | y if operator == "|" else x ^ y)
        c.emit(t.BINARY, operator)
        result = c.push_result(a.type, [a, b])
        result.bounds = bounds.bit_or(a.bounds, b.bounds) if operator == "|" else bounds.bit_xor(a.bounds, b.bounds)
        result.wild = a.wild or b.wild
        return None

    return emit


emits(*_both("or"))(_or_xor("|"))
emits(*_both("xor"))(_or_xor("^"))


# --------------------------------------------------------------------------- shifts and rotations


def _masked_count(c: FunctionCompiler, count: Value) -> None:
    """Reduce the shift count on top modulo the width."""
    if count.low < 0 or count.high >= BITS[count.type]:
        c.emit(t.LOAD_CONST, BITS[count.type] - 1)
        c.emit(t.BINARY, "&")


@emits(*_both("shl"))
def shl(c: FunctionCompiler, _: None) -> None:
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
    c.code.pop()
    if count:
        c.emit(t.LOAD_CONST, 1 << count)
        c.emit(t.BINARY, "*")  # specialised for small integers, unlike <<
    result = c.push_result(a.type, [a])
    result.bounds = bounds.shift_left(a.bounds, bounds.exactly(count))
    result.wild = a.wild or count > 12
    return None


@emits(*_both("shr_u"))
def shr_u(c: FunctionCompiler, _: None) -> None:
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
        c.code[-1] = (t.LOAD_CONST, count, c.line)
        c.emit(t.BINARY, ">>")
    else:
        c.code.pop()
    result = c.push_result(a.type, [a])
    result.bounds = bounds.shift_right(a.bounds, bounds.exactly(count))
    result.wild = result.high > SMALL and a.wild


def make_signed(c: FunctionCompiler, value: Value) -> None:
    """Turn the integer on top into the signed form of its type."""
    half = (MASKS[value.type] + 1) >> 1
    if value.is_signed:
        return
    if value.constant is not None and c.code[-1][0] is t.LOAD_CONST:  # not so if it was swapped to the top
        value.low = value.high = _signed_constant(value.type, value.constant & MASKS[value.type])
        c.code[-1] = (t.LOAD_CONST, value.low, c.line)
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


@emits(*_both("shr_s"))
def shr_s(c: FunctionCompiler, _: None) -> None:
    b, a = c.pop(), c.pop()
    if b.constant is not None and c.movable(b):
        c.code.pop()
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

    def emit(c: FunctionCompiler, _: None) -> None:
        b, a = c.pop(), c.pop()
        c.normalise([a, b])
        bits = BITS[a.type]
        twice = (1 << bits) + 1
        count: int | None = None
        if b.constant is not None:
            c.code.pop()
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


emits(*_both("rotl"))(_rotate(True))
emits(*_both("rotr"))(_rotate(False))


# --------------------------------------------------------------------------- division


def _divide_unsigned(operator: str, outcome: Callable[[Bounds, Bounds], Bounds]) -> Emitter:
    def emit(c: FunctionCompiler, _: None) -> None:
        b, a = c.pop(), c.pop()
        c.normalise([a, b])
        c.emit(t.BINARY, operator)
        result = c.push_result(a.type, [a, b], effects=0 if b.low > 0 else TRAPS)
        result.bounds = outcome(a.bounds, b.bounds)
        result.wild = a.wild and result.high > SMALL

    return emit


emits(*_both("div_u"))(_divide_unsigned("//", bounds.divide_unsigned))
emits(*_both("rem_u"))(_divide_unsigned("%", bounds.remainder_unsigned))


def _divide_signed(name: str, operator: str, outcome: Callable[[Bounds, Bounds, int], Bounds]) -> Emitter:
    """Positive operands are divided in place; the others call the instruction's meaning."""

    def emit(c: FunctionCompiler, _: None) -> None:
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
            c.emit(t.LOAD_CALLEE, c.meaning(f"{type}.{name}"))
            c.emit(*left)
            c.emit(*right)
            c.emit(t.CALL, 2)
            c.emit(t.LABEL, done)
        result = c.push_result(type, [a, b], effects=TRAPS)
        result.bounds = outcome(a.bounds, b.bounds, BITS[type])
        result.wild = a.wild

    return emit


for _type in ("i32", "i64"):
    emits(f"{_type}.div_s")(_divide_signed("div_s", "//", bounds.divide_signed))
    emits(f"{_type}.rem_s")(_divide_signed("rem_s", "%", bounds.remainder_signed))


# --------------------------------------------------------------------------- counting bits


@emits(*_both("clz"))
def clz(c: FunctionCompiler, _: None) -> None:
    (a,) = c.pop_normal(1)
    bits = BITS[a.type]
    name = c.support("bit_length")
    if c.movable(a):
        a_code = c.insert(a.start, (t.LOAD_CONST, bits), (t.LOAD_CALLEE, name))
        assert a_code == 2
    else:
        slot = c.scratch()
        c.emit(t.STORE_FAST, slot)
        c.emit(t.LOAD_CONST, bits)
        c.emit(t.LOAD_CALLEE, name)
        c.emit(t.LOAD_FAST, slot)
    c.emit(t.CALL, 1)
    c.emit(t.BINARY, "-")
    result = c.push_result(a.type, [a])
    result.bounds = bounds.leading_zeros(a.bounds, bits)


# --------------------------------------------------------------------------- comparisons


def push_condition(c: FunctionCompiler, operands: list[Value], *, total: bool = True) -> Value:
    """Push the bool that the last COMPARE left."""
    result = c.push_result("i32", operands)
    result.bounds = bounds.BOOL
    result.is_bool = True
    result.total = total
    return result


@emits("i32.eqz", "i64.eqz")
def eqz(c: FunctionCompiler, _: None) -> None:
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
    def emit(c: FunctionCompiler, _: None) -> None:
        b, a = c.pop(), c.pop()
        if b.constant is not None and a.is_signed and not a.is_normal:
            c.code[-1] = (t.LOAD_CONST, _signed_constant(a.type, b.constant), c.line)
        else:
            c.normalise([a, b])
        c.emit(t.COMPARE, operator)
        push_condition(c, [a, b])

    return emit


emits(*_both("eq"))(_equality("=="))
emits(*_both("ne"))(_equality("!="))


def _unsigned(operator: str) -> Emitter:
    def emit(c: FunctionCompiler, _: None) -> None:
        b, a = c.pop(), c.pop()
        c.normalise([a, b])
        c.emit(t.COMPARE, operator)
        push_condition(c, [a, b])

    return emit


for _name, _operator in (("lt_u", "<"), ("le_u", "<="), ("gt_u", ">"), ("ge_u", ">=")):
    emits(*_both(_name))(_unsigned(_operator))


def _signed(operator: str) -> Emitter:
    """Compare directly where the bounds allow it; else by guards if a branch follows, by flipped signs if not."""

    def emit(c: FunctionCompiler, _: None) -> None:
        b, a = c.pop(), c.pop()
        type = a.type
        half = (MASKS[type] + 1) >> 1
        if b.constant is not None and a.is_signed:
            c.code[-1] = (t.LOAD_CONST, _signed_constant(type, b.constant), c.line)
        elif not (a.is_signed and b.is_signed):
            c.normalise([a, b])
            if not (a.high < half and b.high < half):
                return _defer(c, operator, a, b)
        c.emit(t.COMPARE, operator)
        push_condition(c, [a, b])
        return None

    return emit


def _defer(c: FunctionCompiler, operator: str, a: Value, b: Value) -> None:
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


for _name, _operator in (("lt_s", "<"), ("le_s", "<="), ("gt_s", ">"), ("ge_s", ">=")):
    emits(*_both(_name))(_signed(_operator))
