"""Loads, stores, bulk operations.

A load is one subscript of a view whose length is the bounds check.  The view
goes before the address where the address's code can be preceded, else one SWAP
brings it there.  A store wants value, view, address: the address's code moves
behind the value's where nobody can notice, else two SWAPs.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline import GREATEST_MEMORY, PAGE, FunctionCompiler, emits
from pywasmjit.codegen.bounds import Bounds
from pywasmjit.codegen.stack import IMPURE, MASKS, READS_MEMORY, READS_STATE, Value, may_swap
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import MEMORY, SEGMENT
from pywasmjit.wasm.opcodes import BY_NAME


class Access(NamedTuple):
    """How a load or store touches memory: value type, format of the view, bytes, bounds of what is read."""

    type: str
    format: str
    width: int
    bounds: Bounds


_WHOLE: Final = {"i32": ("I", 4), "i64": ("Q", 8), "f32": ("f", 4), "f64": ("d", 8)}
_FORMATS: Final = {
    "8_s": ("b", 1),
    "8_u": ("B", 1),
    "8": ("B", 1),
    "16_s": ("h", 2),
    "16_u": ("H", 2),
    "16": ("H", 2),
    "32_s": ("i", 4),
    "32_u": ("I", 4),
    "32": ("I", 4),
}


def _access(mnemonic: str) -> Access:
    type, _, operation = mnemonic.partition(".")
    suffix = operation.removeprefix("load").removeprefix("store")
    format, width = _FORMATS[suffix] if suffix else _WHOLE[type]
    if format in "fd":
        return Access(type, format, width, (0, 0))
    return Access(type, format, width, bounds.loaded(width, format.islower()))


def greatest_size(c: FunctionCompiler, memory: int) -> int:
    """Return the most bytes that a memory can have."""
    maximum = c.module.memory_type(memory).maximum
    return GREATEST_MEMORY if maximum is None else min(maximum * PAGE, GREATEST_MEMORY)


def pop_address(c: FunctionCompiler, memory: int, access: Access, offset: int) -> tuple[Value, str]:
    """Pop the address, now on top, with its offset folded into it or the view; return it and the view's name."""
    (address,) = c.pop_normal(1)
    if address.constant is not None:
        address.constant += offset
        c.code[-1] = (t.LOAD_CONST, address.constant, c.line)
        offset = 0
    name = c.view(memory, access.format, offset)
    if name is None:
        c.emit(t.LOAD_CONST, offset)
        c.emit(t.BINARY, "+")
        name = c.view(memory, access.format, 0)
        assert name is not None
    return address, name


def learn(c: FunctionCompiler, memory: int, address: Value, offset: int) -> None:
    """A trap implies a range: after the access, the address was inside the memory."""
    if c.is_current(address):
        c.narrow(address.slot, bounds.after_access(address.bounds, offset, greatest_size(c, memory)))


def subscript(c: FunctionCompiler, address: Value, name: str) -> None:
    """Replace the address on top by what the view holds there."""
    if c.movable(address) and not c.calls(address):
        c.insert(address.start, (t.LOAD_GLOBAL, name))
    else:
        c.emit(t.LOAD_GLOBAL, name)
        c.emit(t.SWAP, 2)
    c.emit(t.SUBSCRIPT)


def _load(access: Access) -> Any:
    def emit(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        address, name = pop_address(c, memory, access, offset)
        subscript(c, address, name)
        learn(c, memory, address, offset)
        result = c.push_result(access.type, [address], effects=READS_MEMORY)
        result.bounds = access.bounds

    return emit


_INTEGER_LOADS: Final = (
    *("i32.load", "i32.load8_s", "i32.load8_u", "i32.load16_s", "i32.load16_u"),
    *("i64.load", "i64.load8_s", "i64.load8_u", "i64.load16_s", "i64.load16_u", "i64.load32_s", "i64.load32_u"),
)

for _name in (*_INTEGER_LOADS, "f64.load"):
    emits(_name)(_load(_access(_name)))

_QUIETING: Final = frozenset(
    BY_NAME[f"f32.{name}"] for name in ("add", "sub", "mul", "div", "sqrt", "eq", "ne", "lt", "gt", "le", "ge")
)
"""Instructions that cannot tell a signalling NaN on top of the stack from a quiet one."""

_F32: Final = _access("f32.load")
_F32_BITS: Final = _access("i32.load")


@emits("f32.load")
def f32_load(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
    """Load through a float view, which makes a signalling NaN quiet; where that shows, a NaN is read again as bits."""
    _, offset, memory = memarg
    if c.next_op in _QUIETING:
        return _load(_F32)(c, memarg)  # type: ignore[no-any-return]
    (address,) = c.pop_normal(1)
    push = c.duplicable(address)
    done = t.Label()
    _push_element(c, memory, _F32, push, offset)
    c.emit(t.COPY, 1)
    c.emit(t.COPY, 1)
    c.emit(t.COMPARE, "!=")
    c.emit(t.JUMP_UNLESS, done)
    c.emit(t.POP)
    c.emit(t.LOAD_CALLEE, c.support("f32_from_bits"))
    _push_element(c, memory, _F32_BITS, push, offset)
    c.emit(t.CALL, 1)
    c.emit(t.LABEL, done)
    learn(c, memory, address, offset)
    c.push_result("f32", [address], effects=READS_MEMORY)
    return None


def _push_element(
    c: FunctionCompiler, memory: int, access: Access, push: tuple[str, Any], offset: int, *, store: bool = False
) -> None:
    """Read (or write the value on top to) the element at an address that can be pushed again."""
    operation, argument = push
    if operation is t.LOAD_CONST:
        argument, offset = argument + offset, 0
    name = c.view(memory, access.format, offset)
    c.emit(t.LOAD_GLOBAL, name or c.view(memory, access.format, 0))
    c.emit(operation, argument)
    if name is None:
        c.emit(t.LOAD_CONST, offset)
        c.emit(t.BINARY, "+")
    c.emit(t.STORE_SUBSCRIPT if store else t.SUBSCRIPT)


# --------------------------------------------------------------------------- stores


def _store(access: Access) -> Any:
    def emit(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        value = c.pop()
        address = c.pop()
        _fit(c, access, address, value)
        if c.movable(address) and c.movable(value) and may_swap(address, value):
            tail = c.code[value.start :]
            moved = c.code[address.start : value.start]
            del c.code[address.start :]
            value.start = address.start
            c.code.extend(tail)
            address.start = len(c.code)
            c.code.extend(moved)
            c.push(address)
            address, name = pop_address(c, memory, access, offset)
            if c.calls(address):
                c.emit(t.LOAD_GLOBAL, name)
                c.emit(t.SWAP, 2)
            else:
                c.insert(address.start, (t.LOAD_GLOBAL, name))
        else:
            name = _swapped_address(c, memory, access, offset)
        c.emit(t.STORE_SUBSCRIPT)
        learn(c, memory, address, offset)

    return emit


def _swapped_address(c: FunctionCompiler, memory: int, access: Access, offset: int) -> str:
    """Turn address and value, on top, into value, view, address; return the view's name."""
    name = c.view(memory, access.format, offset)
    if name is None:
        c.emit(t.SWAP, 2)
        c.emit(t.LOAD_CONST, offset)
        c.emit(t.BINARY, "+")
        name = c.view(memory, access.format, 0)
        assert name is not None
        c.emit(t.LOAD_GLOBAL, name)
        c.emit(t.SWAP, 2)
    else:
        c.emit(t.LOAD_GLOBAL, name)
        c.emit(t.SWAP, 2)
        c.emit(t.SWAP, 3)
    return name


def _fit(c: FunctionCompiler, access: Access, address: Value, value: Value) -> None:
    """Bring the address into normal form, and the value on top into the range of the view."""
    if access.format in "fd":
        c.normalise([address, value])
        return
    size = (1 << 8 * access.width) - 1
    if value.inverted or value.condition is not None:
        c.materialise(value)
    if value.low < 0 or value.high > size:
        if size == MASKS[access.type]:
            c.normalise([value])
        elif value.constant is not None:
            value.constant &= size
            c.code[-1] = (t.LOAD_CONST, value.constant, c.line)
        else:
            c.emit(t.LOAD_CONST, size)
            c.emit(t.BINARY, "&")
            value.slot = -1
        value.bounds = bounds.reduced(value.bounds, 8 * access.width)
    c.normalise([address, value])


for _name in ("i32.store", "i32.store8", "i32.store16", "i64.store", "i64.store8", "i64.store16", "i64.store32"):
    emits(_name)(_store(_access(_name)))
emits("f64.store")(_store(_access("f64.store")))


@emits("f32.store")
def f32_store(c: FunctionCompiler, memarg: tuple[int, int, int]) -> None:
    """Store through a float view, which rounds; a NaN that may be signalling is written as bits."""
    _, offset, memory = memarg
    value = c.stack[-1]
    if value.quiet:
        value.rounded = True  # the view rounds
        return _store(_F32)(c, memarg)  # type: ignore[no-any-return]
    value = c.pop()
    address = c.pop()
    c.normalise([address, value])
    value_push = c.duplicable(value)
    push = c.duplicable(address)
    slow, done = t.Label(), t.Label()
    c.emit(*value_push)
    c.emit(*value_push)
    c.emit(t.COMPARE, "!=")
    c.emit(t.JUMP_IF, slow)
    c.emit(*value_push)
    _push_element(c, memory, _F32, push, offset, store=True)
    c.emit(t.JUMP, done)
    c.emit(t.LABEL, slow)
    c.emit(t.LOAD_CALLEE, c.support("f32_to_bits"))
    c.emit(*value_push)
    c.emit(t.CALL, 1)
    _push_element(c, memory, _F32_BITS, push, offset, store=True)
    c.emit(t.LABEL, done)
    learn(c, memory, address, offset)
    return None


# --------------------------------------------------------------------------- size, growth, bulk operations


def call_method(c: FunctionCompiler, name: str, count: int, result: str | None, *, effects: int = IMPURE) -> None:
    """Call a live object with the topmost `count` operands."""
    operands = c.pop_normal(count)
    start = operands[0].start if operands else len(c.code)
    c.call(name, operands)
    if result is None:
        c.emit(t.POP)
    else:
        c.push_result(result, operands, effects=effects).start = start


@emits("memory.size")
def memory_size(c: FunctionCompiler, memory: int) -> None:
    start = len(c.code)
    c.emit(t.LOAD_CALLEE, c.refer(MEMORY, memory, "size"))
    c.emit(t.CALL, 0)
    value = c.push_result("i32", effects=READS_STATE)
    value.start, value.bounds = start, bounds.PAGES


@emits("memory.grow")
def memory_grow(c: FunctionCompiler, memory: int) -> None:
    call_method(c, c.refer(MEMORY, memory, "grow_u32"), 1, "i32")


@emits("memory.fill")
def memory_fill(c: FunctionCompiler, memory: int) -> None:
    call_method(c, c.refer(MEMORY, memory, "fill"), 3, None)


@emits("memory.copy")
def memory_copy(c: FunctionCompiler, memories: tuple[int, int]) -> None:
    call_method(c, c.refer(SEGMENT, "memory.copy", *memories), 3, None)


@emits("memory.init")
def memory_init(c: FunctionCompiler, immediate: tuple[int, int]) -> None:
    call_method(c, c.refer(SEGMENT, "memory.init", *immediate), 3, None)


@emits("data.drop")
def data_drop(c: FunctionCompiler, segment: int) -> None:
    call_method(c, c.refer(SEGMENT, "data.drop", segment), 0, None)
