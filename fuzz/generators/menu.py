"""Which instruction next: the statements and expressions a body is made of.

Instructions whose row gives a type and at most a memarg are taken from the table
as they are; `GUARDS` keeps most of the trapping ones from trapping.  The others
each have a function in `control` or `storage`.  `COVERED` is what can be emitted:
a test compares it with the table, so a new row without a rule is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from fuzz.generators import control, storage
from fuzz.generators.choices import Choices, pick
from fuzz.generators.shape import ROWS, VALUE_TYPES, random_type
from fuzz.generators.values import CANONICAL_NAN
from pywasmjit.wasm.opcodes import Effect, Op
from pywasmjit.wasm.types import FuncType, RefType, ValType

if TYPE_CHECKING:
    from fuzz.generators.bodies import Body

Statement: TypeAlias = "Callable[[Body], None]"
Maker: TypeAlias = "Callable[[Body, ValType], None]"

NUMERIC: Final[tuple[Op, ...]] = tuple(
    op for op in ROWS if op.params and op.results and not op.immediates and {*op.params, *op.results} <= {*VALUE_TYPES}
)
"""Instructions that compute results from operands alone."""

COMPARISONS: Final[tuple[Op, ...]] = tuple(
    op for op in NUMERIC if re.search(r"\.(eqz?|ne|[lg][te](_[su])?)$", op.mnemonic)
)
"""Instructions that make a condition."""

_KEEPS_NAN_BITS: Final = frozenset(
    f"{t}.{name}" for t in ("f32", "f64") for name in ("abs", "neg", "copysign", "reinterpret_i32", "reinterpret_i64")
)


def makes_nan(op: Op) -> bool:
    """Return whether the result may be a NaN of unknown payload."""
    assert op.params is not None
    assert op.results is not None
    floats = any(t in CANONICAL_NAN for t in op.params) and any(t in CANONICAL_NAN for t in op.results)
    return floats and op.mnemonic not in _KEEPS_NAN_BITS


def shows_bits(op: Op) -> bool:
    """Return whether the payload or the sign of a NaN operand is visible in the result."""
    return "reinterpret_f" in op.mnemonic or "copysign" in op.mnemonic


def numeric(body: Body, op: Op) -> None:
    """Write a numeric instruction and make its operands."""
    assert op.params is not None
    if shows_bits(op):
        body.observable(op.params)
    else:
        body.need(op.params)
    if op.effect & Effect.TRAPS and body.visible() and not body.shape.risky():
        guard(body, op)
    body.apply_op(op)
    if body.canonical_at_source and makes_nan(op):
        body.canonicalise()


def guard(body: Body, op: Op) -> None:
    """Change the operand on top so that the instruction will hardly trap."""
    type_ = body.stack[-1]
    if type_ in CANONICAL_NAN:
        if op.mnemonic.endswith("_u"):
            body.emit(f"{type_}.abs")
        local = body.scratch(type_)
        one, bound = (0x3F80_0000, 0x4E80_0000) if type_ == "f32" else (0x3FF0 << 48, 0x41D0 << 48)
        body.emit("local.tee", local)
        body.emit(f"{type_}.const", one)
        body.emit("local.get", local)
        body.emit(f"{type_}.abs")
        body.emit(f"{type_}.const", bound)
        body.emit(f"{type_}.lt")
        body.emit("select")
    else:
        body.emit(f"{type_}.const", 1)
        body.emit(f"{type_}.or")


# Statements


def push(body: Body) -> None:
    body.value(random_type(body.choices))


def compute(body: Body) -> None:
    numeric(body, pick(body.choices, NUMERIC))


def consume(body: Body) -> None:
    if body.visible():
        body.consume()


def do_nothing(body: Body) -> None:
    body.emit("nop")


STATEMENTS: Final[tuple[tuple[int, Statement], ...]] = (
    (2, do_nothing),
    (30, push),
    (70, compute),
    (18, consume),
    (34, storage.set_local),
    (14, storage.set_global),
    (12, storage.load),
    (30, storage.store),
    (20, storage.atomic),
    (4, storage.grow_memory),
    (3, storage.fill_memory),
    (4, storage.copy_memory),
    (4, storage.init_memory),
    (1, storage.drop_data),
    (5, storage.set_table),
    (2, storage.grow_table),
    (2, storage.fill_table),
    (3, storage.copy_table),
    (3, storage.init_table),
    (1, storage.drop_elements),
    (10, control.select),
    (12, control.plain_block),
    (9, control.plain_loop),
    (16, control.plain_if),
    (8, control.counted_loop),
    (14, control.branch_if),
    (3, control.branch),
    (5, control.branch_table),
    (2, control.return_),
    (4, control.unreachable),
    (14, control.call),
    (12, control.call_indirect),
)

_DEALT: Final = tuple(statement for weight, statement in STATEMENTS for _ in range(weight))


def statement(choices: Choices) -> Statement:
    """Return a statement by weight."""
    return pick(choices, _DEALT)


# Expressions


def compute_value(body: Body, type_: ValType) -> None:
    numeric(body, pick(body.choices, _BY_RESULT[type_]))


_BY_RESULT: Final[dict[ValType, tuple[Op, ...]]] = {
    type_: tuple(op for op in NUMERIC if op.results == (type_,)) for type_ in VALUE_TYPES
}


def tee_value(body: Body, type_: ValType) -> None:
    body.value(type_)
    places = [i for i in body.writable if body.locals[i] == type_]
    if places:
        body.emit("local.tee", pick(body.choices, places))


def select_value(body: Body, type_: ValType) -> None:
    control.select_of(body, type_)


def if_value(body: Body, type_: ValType) -> None:
    body.condition()
    body.block("if", FuncType((), (type_,)))


def loop_value(body: Body, type_: ValType) -> None:
    body.block("loop", FuncType((), (type_,)))


def _makers(type_: ValType) -> tuple[Maker, ...]:
    common: list[Maker] = [tee_value, tee_value, select_value, if_value, control.call_value, loop_value]
    if isinstance(type_, RefType):
        return (storage.table_get_value, *common)
    number: list[Maker] = [*[compute_value] * 16, *[storage.load_value] * 4, *common]
    if type_ in ("i32", "i64"):
        number += [storage.atomic_value] * 2
    if type_ == "i32":
        number += [storage.size_value, storage.table_size_value, storage.is_null_value]
    return tuple(number)


MAKERS: Final[dict[ValType, tuple[Maker, ...]]] = {type_: _makers(type_) for type_ in VALUE_TYPES}
"""Type -> the ways to make a value of it, besides leaves."""

COVERED: Final = frozenset(
    {op.mnemonic for op in (*NUMERIC, *storage.LOADS, *storage.STORES, *storage.ATOMICS)}
    | {"i32.const", "i64.const", "f32.const", "f64.const", "local.get", "local.set", "local.tee"}
    | {"global.get", "global.set", "ref.null", "ref.func", "ref.is_null", "drop", "select", "select_t", "nop"}
    | {"memory.size", "memory.grow", "memory.fill", "memory.copy", "memory.init", "data.drop", "atomic.fence"}
    | {"table.get", "table.set", "table.size", "table.grow", "table.fill", "table.copy", "table.init", "elem.drop"}
    | {"block", "loop", "if", "else", "end", "br", "br_if", "br_table", "return", "unreachable"}
    | {"call", "call_indirect"}
)
"""Mnemonics that bodies can contain."""
