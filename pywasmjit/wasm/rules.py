"""The typing rule of every instruction.

An instruction whose row in the table has a type follows that; the others have
one function each here, found by name.  `step` validates any one instruction
with all checks; the fast loop hands it whatever is not plainly right.

A rule that returns is satisfied.  Spec: Validation, Instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pywasmjit.wasm.binary_types import I32
from pywasmjit.wasm.instructions import read_immediate, read_opcode
from pywasmjit.wasm.opcodes import Op
from pywasmjit.wasm.operands import BLOCK, BOTTOM, ELSE, IF, LOOP, Operands, distinct
from pywasmjit.wasm.types import FUNCREF, FuncType, MemoryType, RefType, TableType, ValType

Rule = Callable[[Operands, Any], None]


def step(operands: Operands, position: int) -> int:
    """Validate the instruction at `position`; return the position behind it."""
    reader = operands.reader
    operands.at = reader.position = position
    op = read_opcode(reader)
    immediate = read_immediate(reader, op)
    if op.params is not None and op.results is not None:
        _apply(operands, op, immediate)
    else:
        RULES[op.mnemonic](operands, immediate)
    return reader.position


# Instructions that the table types: here only their immediates need a look.


def _apply(operands: Operands, op: Op, immediate: Any) -> None:
    assert op.params is not None
    assert op.results is not None
    params = op.params
    if op.immediates and op.immediates[0] in _IMMEDIATE_CHECKS:
        params = _IMMEDIATE_CHECKS[op.immediates[0]](operands, op, immediate)
    operands.pop_all(params)
    operands.push_all(op.results)


def _memory(operands: Operands, index: int) -> MemoryType:
    memory: MemoryType = operands.item("memory", operands.context.memories, index)
    return memory


def _check_memarg(operands: Operands, op: Op, immediate: Any) -> tuple[ValType, ...]:
    align, offset, index = immediate if op.immediates == ("memarg",) else immediate[0]
    assert op.params is not None
    memory = _memory(operands, index)
    if 1 << align > op.width:
        operands.fail("alignment must not be larger than natural")
    if op.feature == "threads" and 1 << align != op.width:
        operands.fail("atomic alignment must be natural")
    if offset >> 32 and memory.address == I32:
        operands.fail(f"offset out of range: {offset}")
    return memory.address, *op.params[1:]


def _check_memory(operands: Operands, op: Op, immediate: Any) -> tuple[ValType, ...]:
    _memory(operands, immediate)
    assert op.params is not None
    return op.params


def _check_data(operands: Operands, op: Op, immediate: Any) -> tuple[ValType, ...]:
    _data_segment(operands, immediate)
    assert op.params is not None
    return op.params


def _check_elem(operands: Operands, op: Op, immediate: Any) -> tuple[ValType, ...]:
    operands.item("elem segment", operands.context.elements, immediate)
    assert op.params is not None
    return op.params


_IMMEDIATE_CHECKS: Final[dict[str, Callable[[Operands, Op, Any], tuple[ValType, ...]]]] = {
    "memarg": _check_memarg,
    "memory": _check_memory,
    "data": _check_data,
    "elem": _check_elem,
}


# Control


def _unreachable(operands: Operands, immediate: Any) -> None:
    operands.set_unreachable()


def _block(operands: Operands, type: FuncType) -> None:
    operands.pop_all(type.params)
    operands.open_block(BLOCK, type)


def _loop(operands: Operands, type: FuncType) -> None:
    operands.pop_all(type.params)
    operands.open_block(LOOP, type)


def _if(operands: Operands, type: FuncType) -> None:
    operands.pop(I32)
    operands.pop_all(type.params)
    operands.open_block(IF, type)


def _else(operands: Operands, immediate: Any) -> None:
    if operands.frames[-1].opener != IF:
        operands.malformed("END opcode expected: else without if")
    operands.open_block(ELSE, operands.close_block().type)


def _end(operands: Operands, immediate: Any) -> None:
    frame = operands.frames[-1]
    if frame.opener == IF and frame.type.params != frame.type.results:
        operands.fail("type mismatch: if without else must give what it takes")
    operands.close_block()
    operands.push_all(frame.type.results)


def _br(operands: Operands, label: int) -> None:
    operands.pop_all(operands.label_types(label))
    operands.set_unreachable()


def _br_if(operands: Operands, label: int) -> None:
    operands.pop(I32)
    types = operands.label_types(label)
    operands.pop_all(types)
    operands.push_all(types)


def _br_table(operands: Operands, immediate: tuple[tuple[int, ...], int]) -> None:
    """All labels must carry equally many operands, those on the stack; equal tuples of types are looked at once."""
    labels, default = immediate
    operands.pop(I32)
    arity = len(operands.label_types(default))
    for types in distinct(operands.label_types(label) for label in {*labels, default}):
        if len(types) != arity:
            operands.fail("type mismatch: labels of br_table carry different numbers of operands")
        operands.check_top(types)
    operands.set_unreachable()


def _return(operands: Operands, immediate: Any) -> None:
    operands.pop_all(operands.frames[0].label_types)
    operands.set_unreachable()


def _call(operands: Operands, index: int) -> None:
    operands.item("function", operands.context.function_types, index)
    type = operands.context.function_type(index)
    operands.pop_all(type.params)
    operands.push_all(type.results)


def _call_indirect(operands: Operands, immediate: tuple[int, int]) -> None:
    type_index, table_index = immediate
    table = _table(operands, table_index)
    if table.element != FUNCREF:
        operands.fail(f"type mismatch: call_indirect through a table of {table.element}")
    type: FuncType = operands.item("type", operands.context.types, type_index)
    operands.pop(table.address)
    operands.pop_all(type.params)
    operands.push_all(type.results)


# Parametric and variables


def _drop(operands: Operands, immediate: Any) -> None:
    operands.pop_any()


def _select(operands: Operands, immediate: Any) -> None:
    operands.pop(I32)
    first, second = operands.pop_any(), operands.pop_any()
    if isinstance(first, RefType) or isinstance(second, RefType):
        operands.fail("type mismatch: select without a type takes numbers only")
    if first is not BOTTOM and second is not BOTTOM and first != second:
        operands.fail(f"type mismatch: select between {second} and {first}")
    operands.push(first if second is BOTTOM else second)


def _select_t(operands: Operands, types: tuple[ValType, ...]) -> None:
    if len(types) != 1:
        operands.fail("invalid result arity")
    operands.pop(I32)
    operands.pop(types[0])
    operands.pop(types[0])
    operands.push(types[0])


def _local_get(operands: Operands, index: int) -> None:
    operands.push(operands.local_type(index))


def _local_set(operands: Operands, index: int) -> None:
    operands.pop(operands.local_type(index))


def _local_tee(operands: Operands, index: int) -> None:
    operands.pop(operands.local_type(index))
    operands.push(operands.local_type(index))


def _global_get(operands: Operands, index: int) -> None:
    operands.push(operands.item("global", operands.context.globals, index).content)


def _global_set(operands: Operands, index: int) -> None:
    type = operands.item("global", operands.context.globals, index)
    if not type.mutable:
        operands.fail(f"immutable global {index}")
    operands.pop(type.content)


# Memories


def _data_segment(operands: Operands, index: int) -> None:
    count = operands.context.data_count
    if count is None:
        operands.malformed("data count section required")
    if index >= count:
        operands.fail(f"unknown data segment {index}")


def _memory_init(operands: Operands, immediate: tuple[int, int]) -> None:
    data_index, memory_index = immediate
    memory = _memory(operands, memory_index)
    _data_segment(operands, data_index)
    operands.pop_all((memory.address, I32, I32))


def _memory_copy(operands: Operands, immediate: tuple[int, int]) -> None:
    target, source = (_memory(operands, index).address for index in immediate)
    operands.pop_all((target, source, I32 if I32 in (target, source) else target))


# Tables and references


def _table(operands: Operands, index: int) -> TableType:
    table: TableType = operands.item("table", operands.context.tables, index)
    return table


def _table_get(operands: Operands, index: int) -> None:
    table = _table(operands, index)
    operands.pop(table.address)
    operands.push(table.element)


def _table_set(operands: Operands, index: int) -> None:
    table = _table(operands, index)
    operands.pop_all((table.address, table.element))


def _table_size(operands: Operands, index: int) -> None:
    operands.push(_table(operands, index).address)


def _table_grow(operands: Operands, index: int) -> None:
    table = _table(operands, index)
    operands.pop_all((table.element, table.address))
    operands.push(table.address)


def _table_fill(operands: Operands, index: int) -> None:
    table = _table(operands, index)
    operands.pop_all((table.address, table.element, table.address))


def _table_init(operands: Operands, immediate: tuple[int, int]) -> None:
    segment_index, table_index = immediate
    table = _table(operands, table_index)
    if operands.item("elem segment", operands.context.elements, segment_index) != table.element:
        operands.fail("type mismatch: the segment's elements do not fit the table")
    operands.pop_all((table.address, I32, I32))


def _table_copy(operands: Operands, immediate: tuple[int, int]) -> None:
    target, source = (_table(operands, index) for index in immediate)
    if target.element != source.element:
        operands.fail(f"type mismatch: copy from a table of {source.element} to one of {target.element}")
    size = I32 if I32 in (target.address, source.address) else target.address
    operands.pop_all((target.address, source.address, size))


def _ref_null(operands: Operands, type: RefType) -> None:
    operands.push(type)


def _ref_is_null(operands: Operands, immediate: Any) -> None:
    found = operands.pop_any()
    if found is not BOTTOM and not isinstance(found, RefType):
        operands.fail(f"type mismatch: expected a reference, found {found}")
    operands.push(I32)


def _ref_func(operands: Operands, index: int) -> None:
    operands.item("function", operands.context.function_types, index)
    if index not in operands.context.declared_functions:
        operands.fail(f"undeclared function reference {index}")
    operands.push(FUNCREF)


RULES: Final[dict[str, Rule]] = {
    "unreachable": _unreachable,
    "block": _block,
    "loop": _loop,
    "if": _if,
    "else": _else,
    "end": _end,
    "br": _br,
    "br_if": _br_if,
    "br_table": _br_table,
    "return": _return,
    "call": _call,
    "call_indirect": _call_indirect,
    "drop": _drop,
    "select": _select,
    "select_t": _select_t,
    "local.get": _local_get,
    "local.set": _local_set,
    "local.tee": _local_tee,
    "global.get": _global_get,
    "global.set": _global_set,
    "memory.init": _memory_init,
    "memory.copy": _memory_copy,
    "table.get": _table_get,
    "table.set": _table_set,
    "table.size": _table_size,
    "table.grow": _table_grow,
    "table.fill": _table_fill,
    "table.init": _table_init,
    "table.copy": _table_copy,
    "ref.null": _ref_null,
    "ref.is_null": _ref_is_null,
    "ref.func": _ref_func,
}
"""Mnemonic -> typing rule, for the implemented instructions that the table does not type."""
