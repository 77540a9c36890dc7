"""Tables, references, element segments: calls of methods of live tables."""

from __future__ import annotations

from typing import Final

from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.emitters.comparisons import push_condition
from pywasmjit.codegen.baseline.emitters.memory import call_method
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import REFERENCE, SEGMENT, TABLE
from pywasmjit.wasm.types import FUNCREF, RefType


def table_get(c: Context, table: int) -> None:
    operands = c.pop_normal(1)
    c.call(c.refer(TABLE, table, "get"), operands)
    c.push_result(c.module.table_type(table).element, operands)


def table_set(c: Context, table: int) -> None:
    call_method(c, c.refer(TABLE, table, "set"), 2, None)


def table_size(c: Context, table: int) -> None:
    call_method(c, c.refer(TABLE, table, "size"), 0, "i32")


def table_grow(c: Context, table: int) -> None:
    call_method(c, c.refer(TABLE, table, "grow_u32"), 2, "i32")


def table_fill(c: Context, table: int) -> None:
    call_method(c, c.refer(TABLE, table, "fill"), 3, None)


def table_copy(c: Context, tables: tuple[int, int]) -> None:
    call_method(c, c.refer(SEGMENT, "table.copy", *tables), 3, None)


def table_init(c: Context, immediate: tuple[int, int]) -> None:
    call_method(c, c.refer(SEGMENT, "table.init", *immediate), 3, None)


def elem_drop(c: Context, segment: int) -> None:
    call_method(c, c.refer(SEGMENT, "elem.drop", segment), 0, None)


def ref_null(c: Context, type: RefType) -> None:
    c.emit(t.LOAD_CONST, None)
    c.push_result(type).start = len(c.code) - 1


def ref_func(c: Context, index: int) -> None:
    c.emit(t.LOAD_GLOBAL, c.refer(REFERENCE, index))
    c.push_result(FUNCREF).start = len(c.code) - 1


def ref_is_null(c: Context, _: None) -> None:
    """Compare with None by identity, through two jumps: a host's object may define any equality it likes."""
    value = c.pop()
    is_null, done = t.Label(), t.Label()
    c.emit(t.JUMP_IF_NONE, is_null)
    c.emit(t.LOAD_CONST, False)
    c.emit(t.JUMP, done)
    c.emit(t.LABEL, is_null)
    c.emit(t.LOAD_CONST, True)
    c.emit(t.LABEL, done)
    push_condition(c, [value], total=False)


EMITTERS: Final[dict[str, Emitter]] = {
    "table.get": table_get,
    "table.set": table_set,
    "table.size": table_size,
    "table.grow": table_grow,
    "table.fill": table_fill,
    "table.copy": table_copy,
    "table.init": table_init,
    "elem.drop": elem_drop,
    "ref.null": ref_null,
    "ref.func": ref_func,
    "ref.is_null": ref_is_null,
}
