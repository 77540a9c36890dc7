"""Calls: of functions, through tables, and of an instruction's meaning.

A callee goes below its arguments: in front of their code where that can be
preceded, else they are put aside and pushed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.emitters.jumps import call_returning_twice
from pywasmjit.codegen.baseline.operands import IMPURE, TRAPS, Value, may_swap
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import CALLEES, FUNCTION
from pywasmjit.wasm.types import FuncType, ValType


def push_results(c: Context, types: Sequence[ValType], operands: Sequence[Value], start: int) -> None:
    """Push what a call left: nothing, a value, or a tuple, which is unpacked."""
    if not types:
        c.emit(t.POP)
        return
    if len(types) == 1:
        result = c.push_result(types[0], operands)
        result.start = start
        return
    c.emit(t.UNPACK, len(types))
    if len(types) == 2:
        c.emit(t.SWAP, 2)
    else:
        slots = [c.slots.scratch() for _ in types]
        for slot in slots:
            c.emit(t.STORE_FAST, slot)
        for slot in slots:
            c.emit(t.LOAD_FAST, slot)
    for type in types:
        c.push_unknown(type)
    c.settle()


def call(c: Context, index: int) -> None:
    if c.jump_sites is not None and c.returns_twice(index):
        call_returning_twice(c, c.jump_sites, index)
        return
    type = c.module.function_type(index)
    operands = c.pop_normal(len(type.params))
    start = operands[0].start if operands else len(c.code)
    c.call(c.refer(FUNCTION, index), operands)
    push_results(c, type.results, operands, start)


def call_indirect(c: Context, immediate: tuple[int, int]) -> None:
    """Call through the list of callables that the table keeps for the signature: a subscript is the whole check."""
    type_index, table = immediate
    type: FuncType = c.module.types[type_index]
    *operands, selector = c.pop_normal(len(type.params) + 1)
    name = c.refer(CALLEES, table, type_index)
    start = operands[0].start if operands else selector.start
    if not operands:
        _subscript_callee(c, name, selector)
        c.emit(t.MAKE_CALLEE)
    elif c.movable(operands[0]) and _may_lead(selector, operands):
        _lead(c, name, selector, operands[0])
    else:
        _spill_arguments(c, name, len(operands))
    c.emit(t.CALL, len(operands))
    push_results(c, type.results, [*operands, selector], start)


def _subscript_callee(c: Context, name: str, selector: Value) -> None:
    """Replace the selector on top by the callable."""
    if c.movable(selector) and not selector.effects & IMPURE:
        c.code.insert_before(selector.start, (t.LOAD_GLOBAL, name))
    else:
        c.emit(t.LOAD_GLOBAL, name)
        c.emit(t.SWAP, 2)
    c.emit(t.SUBSCRIPT)


def _may_lead(selector: Value, operands: Sequence[Value]) -> bool:
    """Return whether the selector's code, and the check of the selector, may go before the arguments'."""
    arguments = Value("i32", 0)
    arguments.absorb(*operands)
    check = Value("i32", 0)
    check.absorb(selector)
    check.effects |= TRAPS
    return not selector.effects & IMPURE and may_swap(arguments, check) and not arguments.effects & IMPURE


def _lead(c: Context, name: str, selector: Value, first: Value) -> None:
    code = c.code.take_tail(selector.start)
    arguments = c.code.take_tail(first.start)
    c.emit(t.LOAD_GLOBAL, name)
    c.code.put_back(code)
    c.emit(t.SUBSCRIPT)
    c.emit(t.MAKE_CALLEE)
    c.code.put_back(arguments)


def _spill_arguments(c: Context, name: str, count: int) -> None:
    callee = c.slots.scratch()
    c.emit(t.LOAD_GLOBAL, name)
    c.emit(t.SWAP, 2)
    c.emit(t.SUBSCRIPT)
    c.emit(t.STORE_FAST, callee)
    slots = [c.slots.scratch() for _ in range(count)]
    for slot in reversed(slots):
        c.emit(t.STORE_FAST, slot)
    c.emit(t.LOAD_FAST, callee)
    c.emit(t.MAKE_CALLEE)
    for slot in slots:
        c.emit(t.LOAD_FAST, slot)


EMITTERS: Final[dict[str, Emitter]] = {
    "call": call,
    "call_indirect": call_indirect,
}
