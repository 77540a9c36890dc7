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
from pywasmjit.codegen.baseline import FunctionCompiler, emits
from pywasmjit.codegen.stack import IMPURE, MASKS, Value
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import MEMORY

ATOMIC_INLINE: Final[bool] = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether a run of instructions without call or back edge is atomic."""

_UNSIGNED: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_OPERATORS: Final = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^"}


def _pop_address(c: FunctionCompiler, width: int, offset: int) -> tuple[str, Any]:
    """Pop the address on top (normal, off the stack), add the offset, trap if it is not aligned."""
    if offset:
        c.emit(t.LOAD_CONST, offset)
        c.emit(t.BINARY, "+")
    slot = c.scratch()
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


def _name(c: FunctionCompiler, memory: int, width: int) -> str:
    name = c.view(memory, _UNSIGNED[width], 0)
    assert name is not None
    return name


def _push_old(c: FunctionCompiler, type: str, width: int, operands: list[Value]) -> None:
    result = c.push_result(type, operands, effects=IMPURE)
    result.bounds = bounds.loaded(width, False)


def _load(type: str, width: int) -> Any:
    def emit(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        operands = c.pop_normal(1)
        push = _pop_address(c, width, offset)
        c.emit(t.LOAD_GLOBAL, _name(c, memory, width))
        c.emit(*push)
        c.emit(t.SUBSCRIPT)
        _push_old(c, type, width, operands)

    return emit


def _fit(c: FunctionCompiler, type: str, width: int, value: Value) -> None:
    """Cut the normal value on top to the width accessed."""
    size = (1 << 8 * width) - 1
    if size < MASKS[type] and value.high > size:
        c.emit(t.LOAD_CONST, size)
        c.emit(t.BINARY, "&")


def _store(type: str, width: int) -> Any:
    def emit(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
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
            slot = c.scratch()
            c.emit(t.STORE_FAST, slot)
            _locked(c, memory, width, "xchg", push, [slot])
            c.emit(t.POP)

    return emit


def _modify(type: str, width: int, operation: str) -> Any:
    def emit(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        operands = c.pop_normal(2)
        _fit(c, type, width, operands[1])
        operand = c.scratch()
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


def _compare_exchange(type: str, width: int) -> Any:
    def emit(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        operands = c.pop_normal(3)
        expected, replacement = c.scratch(), c.scratch()
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


def _locked(
    c: FunctionCompiler, memory: int, width: int, operation: str, push: tuple[str, Any], slots: list[int]
) -> None:
    """Call the memory's method that does the operation under its lock."""
    c.emit(t.LOAD_CALLEE, c.refer(MEMORY, memory, "atomic"))
    c.emit(t.LOAD_CONST, operation)
    c.emit(t.LOAD_CONST, width)
    c.emit(*push)
    for slot in slots:
        c.emit(t.LOAD_FAST, slot)
    c.emit(t.CALL, 3 + len(slots))


def _declare() -> None:
    for type, widths in (("i32", (4, 1, 2)), ("i64", (8, 1, 2, 4))):
        for width in widths:
            full = width == widths[0]
            size, suffix = ("", "") if full else (str(8 * width), "_u")
            emits(f"{type}.atomic.load{size}{suffix}")(_load(type, width))
            emits(f"{type}.atomic.store{size}")(_store(type, width))
            for operation in (*_OPERATORS, "xchg"):
                emits(f"{type}.atomic.rmw{size}.{operation}{suffix}")(_modify(type, width, operation))
            emits(f"{type}.atomic.rmw{size}.cmpxchg{suffix}")(_compare_exchange(type, width))


_declare()


def _with_offset(c: FunctionCompiler, memarg: tuple[int, int, int], method: str, count: int) -> None:
    _, offset, memory = memarg
    operands = c.pop_normal(count)
    slots = [c.scratch() for _ in operands]
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
    c.push_result("i32", operands, effects=IMPURE)


@emits("memory.atomic.wait32")
def wait32(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
    _with_offset(c, memarg, "atomic_wait32", 3)


@emits("memory.atomic.wait64")
def wait64(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
    _with_offset(c, memarg, "atomic_wait64", 3)


@emits("memory.atomic.notify")
def notify(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
    _with_offset(c, memarg, "atomic_notify", 2)


@emits("atomic.fence")
def fence(c: FunctionCompiler, _: None) -> None:
    """Nothing to do: every access of the interpreter is sequentially consistent."""
