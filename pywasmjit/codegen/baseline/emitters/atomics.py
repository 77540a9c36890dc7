"""Atomic instructions.

Between the load and the store of a read-modify-write there is no call and no
back edge, hence no place where CPython lets another thread run: under the GIL
it is atomic without a lock.  `ATOMIC_INLINE` is the one switch; where there is
no GIL, the same instructions call methods of the memory that take its lock.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.operands import MASKS, Value
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import MEMORY
from pywasmjit.wasm.types import ValType

ATOMIC_INLINE: Final[bool] = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether a run of instructions without call or back edge is atomic."""

_UNSIGNED: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_OPERATORS: Final = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^"}


def _pop_address(c: Context, width: int, offset: int) -> tuple[str, Any]:
    """Pop the address on top (normal, off the stack), add the offset, trap if it is not aligned."""
    if offset:
        c.emit(t.LOAD_CONST, offset)
        c.emit(t.BINARY, "+")
    slot = c.slots.scratch()
    c.emit(t.STORE_FAST, slot)
    if width > 1:
        aligned = t.Label()
        c.emit(t.LOAD_FAST, slot)
        c.emit(t.LOAD_CONST, width - 1)
        c.emit(t.BINARY, "&")
        c.emit(t.JUMP_IF_ZERO, aligned)
        c.emit(t.LOAD_CALLEE, c.support("trap_unaligned"))
        c.emit(t.CALL, 0)
        c.emit(t.POP)
        c.emit(t.LABEL, aligned)
    return t.LOAD_FAST, slot


def _name(c: Context, memory: int, width: int) -> str:
    name = c.view(memory, _UNSIGNED[width], 0)
    assert name is not None
    return name


def _push_old(c: Context, type: ValType, width: int, operands: list[Value]) -> None:
    result = c.push_result(type, operands)
    result.bounds = bounds.loaded(width, False)


def _load(type: ValType, width: int) -> Emitter:
    def emit(c: Context, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        operands = c.pop_normal(1)
        push = _pop_address(c, width, offset)
        c.emit(t.LOAD_GLOBAL, _name(c, memory, width))
        c.emit(*push)
        c.emit(t.SUBSCRIPT)
        _push_old(c, type, width, operands)

    return emit


def _fit(c: Context, type: ValType, width: int, value: Value) -> None:
    """Cut the normal value on top to the width accessed."""
    size = (1 << 8 * width) - 1
    if size < MASKS[type] and value.high > size:
        c.emit(t.LOAD_CONST, size)
        c.emit(t.BINARY, "&")


def _store(type: ValType, width: int) -> Emitter:
    def emit(c: Context, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        _, value = c.pop_normal(2)
        _fit(c, type, width, value)
        c.emit(t.SWAP, 2)
        push = _pop_address(c, width, offset)
        if ATOMIC_INLINE:
            c.emit(t.LOAD_GLOBAL, _name(c, memory, width))
            c.emit(*push)
            c.emit(t.STORE_SUBSCRIPT)
        else:
            slot = c.slots.scratch()
            c.emit(t.STORE_FAST, slot)
            _locked(c, memory, width, "xchg", push, [slot])
            c.emit(t.POP)

    return emit


def _modify(type: ValType, width: int, operation: str) -> Emitter:
    def emit(c: Context, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        operands = c.pop_normal(2)
        _fit(c, type, width, operands[1])
        operand = c.slots.scratch()
        c.emit(t.STORE_FAST, operand)
        push = _pop_address(c, width, offset)
        name = _name(c, memory, width)
        if not ATOMIC_INLINE:
            _locked(c, memory, width, operation, push, [operand])
        else:
            c.emit(t.LOAD_GLOBAL, name)
            c.emit(*push)
            c.emit(t.SUBSCRIPT)
            if operation == "xchg":
                c.emit(t.LOAD_FAST, operand)
            else:
                c.emit(t.COPY, 1)
                c.emit(t.LOAD_FAST, operand)
                c.emit(t.BINARY, _OPERATORS[operation])
                c.emit(t.LOAD_CONST, (1 << 8 * width) - 1)
                c.emit(t.BINARY, "&")
            c.emit(t.LOAD_GLOBAL, name)
            c.emit(*push)
            c.emit(t.STORE_SUBSCRIPT)
        _push_old(c, type, width, operands)

    return emit


def _compare_exchange(type: ValType, width: int) -> Emitter:
    def emit(c: Context, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        operands = c.pop_normal(3)
        expected, replacement = c.slots.scratch(), c.slots.scratch()
        _fit(c, type, width, operands[2])
        c.emit(t.STORE_FAST, replacement)
        _fit(c, type, width, operands[1])  # both are wrapped before anything is compared
        c.emit(t.STORE_FAST, expected)
        push = _pop_address(c, width, offset)
        name = _name(c, memory, width)
        if not ATOMIC_INLINE:
            _locked(c, memory, width, "cmpxchg", push, [expected, replacement])
        else:
            differs = t.Label()
            c.emit(t.LOAD_GLOBAL, name)
            c.emit(*push)
            c.emit(t.SUBSCRIPT)
            c.emit(t.COPY, 1)
            c.emit(t.LOAD_FAST, expected)
            c.emit(t.COMPARE, "==")
            c.emit(t.JUMP_UNLESS, differs)
            c.emit(t.LOAD_FAST, replacement)
            c.emit(t.LOAD_GLOBAL, name)
            c.emit(*push)
            c.emit(t.STORE_SUBSCRIPT)
            c.emit(t.LABEL, differs)
        _push_old(c, type, width, operands)

    return emit


def _locked(c: Context, memory: int, width: int, operation: str, push: tuple[str, Any], slots: list[int]) -> None:
    """Call the memory's method that does the operation under its lock."""
    c.emit(t.LOAD_CALLEE, c.refer(MEMORY, memory, "atomic"))
    c.emit(t.LOAD_CONST, operation)
    c.emit(t.LOAD_CONST, width)
    c.emit(*push)
    for slot in slots:
        c.emit(t.LOAD_FAST, slot)
    c.emit(t.CALL, 3 + len(slots))


def _with_offset(c: Context, memarg: tuple[int, int, int], method: str, count: int) -> None:
    _, offset, memory = memarg
    operands = c.pop_normal(count)
    slots = [c.slots.scratch() for _ in operands]
    for slot in reversed(slots):
        c.emit(t.STORE_FAST, slot)
    c.emit(t.LOAD_CALLEE, c.refer(MEMORY, memory, method))
    c.emit(t.LOAD_FAST, slots[0])
    if offset:
        c.emit(t.LOAD_CONST, offset)
        c.emit(t.BINARY, "+")
    for slot in slots[1:]:
        c.emit(t.LOAD_FAST, slot)
    c.emit(t.CALL, count)
    c.push_result("i32", operands)


def wait32(c: Context, memarg: tuple[int, int, int]) -> None:
    _with_offset(c, memarg, "atomic_wait32", 3)


def wait64(c: Context, memarg: tuple[int, int, int]) -> None:
    _with_offset(c, memarg, "atomic_wait64", 3)


def notify(c: Context, memarg: tuple[int, int, int]) -> None:
    _with_offset(c, memarg, "atomic_notify", 2)


def fence(c: Context, _: None) -> None:
    """Nothing to do: every access of the interpreter is sequentially consistent."""


EMITTERS: Final[dict[str, Emitter]] = {
    "i32.atomic.load": _load("i32", 4),
    "i32.atomic.store": _store("i32", 4),
    "i32.atomic.rmw.add": _modify("i32", 4, "add"),
    "i32.atomic.rmw.sub": _modify("i32", 4, "sub"),
    "i32.atomic.rmw.and": _modify("i32", 4, "and"),
    "i32.atomic.rmw.or": _modify("i32", 4, "or"),
    "i32.atomic.rmw.xor": _modify("i32", 4, "xor"),
    "i32.atomic.rmw.xchg": _modify("i32", 4, "xchg"),
    "i32.atomic.rmw.cmpxchg": _compare_exchange("i32", 4),
    "i32.atomic.load8_u": _load("i32", 1),
    "i32.atomic.store8": _store("i32", 1),
    "i32.atomic.rmw8.add_u": _modify("i32", 1, "add"),
    "i32.atomic.rmw8.sub_u": _modify("i32", 1, "sub"),
    "i32.atomic.rmw8.and_u": _modify("i32", 1, "and"),
    "i32.atomic.rmw8.or_u": _modify("i32", 1, "or"),
    "i32.atomic.rmw8.xor_u": _modify("i32", 1, "xor"),
    "i32.atomic.rmw8.xchg_u": _modify("i32", 1, "xchg"),
    "i32.atomic.rmw8.cmpxchg_u": _compare_exchange("i32", 1),
    "i32.atomic.load16_u": _load("i32", 2),
    "i32.atomic.store16": _store("i32", 2),
    "i32.atomic.rmw16.add_u": _modify("i32", 2, "add"),
    "i32.atomic.rmw16.sub_u": _modify("i32", 2, "sub"),
    "i32.atomic.rmw16.and_u": _modify("i32", 2, "and"),
    "i32.atomic.rmw16.or_u": _modify("i32", 2, "or"),
    "i32.atomic.rmw16.xor_u": _modify("i32", 2, "xor"),
    "i32.atomic.rmw16.xchg_u": _modify("i32", 2, "xchg"),
    "i32.atomic.rmw16.cmpxchg_u": _compare_exchange("i32", 2),
    "i64.atomic.load": _load("i64", 8),
    "i64.atomic.store": _store("i64", 8),
    "i64.atomic.rmw.add": _modify("i64", 8, "add"),
    "i64.atomic.rmw.sub": _modify("i64", 8, "sub"),
    "i64.atomic.rmw.and": _modify("i64", 8, "and"),
    "i64.atomic.rmw.or": _modify("i64", 8, "or"),
    "i64.atomic.rmw.xor": _modify("i64", 8, "xor"),
    "i64.atomic.rmw.xchg": _modify("i64", 8, "xchg"),
    "i64.atomic.rmw.cmpxchg": _compare_exchange("i64", 8),
    "i64.atomic.load8_u": _load("i64", 1),
    "i64.atomic.store8": _store("i64", 1),
    "i64.atomic.rmw8.add_u": _modify("i64", 1, "add"),
    "i64.atomic.rmw8.sub_u": _modify("i64", 1, "sub"),
    "i64.atomic.rmw8.and_u": _modify("i64", 1, "and"),
    "i64.atomic.rmw8.or_u": _modify("i64", 1, "or"),
    "i64.atomic.rmw8.xor_u": _modify("i64", 1, "xor"),
    "i64.atomic.rmw8.xchg_u": _modify("i64", 1, "xchg"),
    "i64.atomic.rmw8.cmpxchg_u": _compare_exchange("i64", 1),
    "i64.atomic.load16_u": _load("i64", 2),
    "i64.atomic.store16": _store("i64", 2),
    "i64.atomic.rmw16.add_u": _modify("i64", 2, "add"),
    "i64.atomic.rmw16.sub_u": _modify("i64", 2, "sub"),
    "i64.atomic.rmw16.and_u": _modify("i64", 2, "and"),
    "i64.atomic.rmw16.or_u": _modify("i64", 2, "or"),
    "i64.atomic.rmw16.xor_u": _modify("i64", 2, "xor"),
    "i64.atomic.rmw16.xchg_u": _modify("i64", 2, "xchg"),
    "i64.atomic.rmw16.cmpxchg_u": _compare_exchange("i64", 2),
    "i64.atomic.load32_u": _load("i64", 4),
    "i64.atomic.store32": _store("i64", 4),
    "i64.atomic.rmw32.add_u": _modify("i64", 4, "add"),
    "i64.atomic.rmw32.sub_u": _modify("i64", 4, "sub"),
    "i64.atomic.rmw32.and_u": _modify("i64", 4, "and"),
    "i64.atomic.rmw32.or_u": _modify("i64", 4, "or"),
    "i64.atomic.rmw32.xor_u": _modify("i64", 4, "xor"),
    "i64.atomic.rmw32.xchg_u": _modify("i64", 4, "xchg"),
    "i64.atomic.rmw32.cmpxchg_u": _compare_exchange("i64", 4),
    "memory.atomic.wait32": wait32,
    "memory.atomic.wait64": wait64,
    "memory.atomic.notify": notify,
    "atomic.fence": fence,
}
