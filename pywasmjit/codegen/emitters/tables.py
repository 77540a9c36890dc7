"""Tables, references, element segments: calls of methods of live tables."""

from __future__ import annotations

from pywasmjit.codegen.baseline import FunctionCompiler, emits
from pywasmjit.codegen.emitters.integers import push_condition
from pywasmjit.codegen.emitters.memory import call_method
from pywasmjit.codegen.stack import READS_STATE, TRAPS
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import REFERENCE, SEGMENT, TABLE
from pywasmjit.wasm.types import FUNCREF, RefType


@emits("table.get")
def table_get(c: FunctionCompiler, table: int) -> None:
    operands = c.pop_normal(1)
    c.call(c.refer(TABLE, table, "get"), operands)
    c.push_result(c.module.table_type(table).element, operands, effects=READS_STATE | TRAPS)


@emits("table.set")
def table_set(c: FunctionCompiler, table: int) -> None:
    call_method(c, c.refer(TABLE, table, "set"), 2, None)


@emits("table.size")
def table_size(c: FunctionCompiler, table: int) -> None:
    call_method(c, c.refer(TABLE, table, "size"), 0, "i32")


@emits("table.grow")
def table_grow(c: FunctionCompiler, table: int) -> None:
    call_method(c, c.refer(TABLE, table, "grow_u32"), 2, "i32")


@emits("table.fill")
def table_fill(c: FunctionCompiler, table: int) -> None:
    call_method(c, c.refer(TABLE, table, "fill"), 3, None)


@emits("table.copy")
def table_copy(c: FunctionCompiler, tables: tuple[int, int]) -> None:
    call_method(c, c.refer(SEGMENT, "table.copy", *tables), 3, None)


@emits("table.init")
def table_init(c: FunctionCompiler, immediate: tuple[int, int]) -> None:
    call_method(c, c.refer(SEGMENT, "table.init", *immediate), 3, None)


@emits("elem.drop")
def elem_drop(c: FunctionCompiler, segment: int) -> None:
    call_method(c, c.refer(SEGMENT, "elem.drop", segment), 0, None)


@emits("ref.null")
def ref_null(c: FunctionCompiler, type: RefType) -> None:
    c.emit(t.LOAD_CONST, None)
    c.push_result(type).start = len(c.code) - 1


@emits("ref.func")
def ref_func(c: FunctionCompiler, index: int) -> None:
    c.emit(t.LOAD_GLOBAL, c.refer(REFERENCE, index))
    c.push_result(FUNCREF).start = len(c.code) - 1


@emits("ref.is_null")
def ref_is_null(c: FunctionCompiler, _: None) -> None:
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
