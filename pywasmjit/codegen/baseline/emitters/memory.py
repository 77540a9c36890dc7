"""Loads, stores, bulk operations.

A load is one subscript of a view whose length is the bounds check.  The view
goes before the address where the address's code can be preceded, else one SWAP
brings it there.  A store wants value, view, address: the address's code moves
behind the value's where nobody can notice, else two SWAPs.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.baseline.operands import MASKS, Value, may_swap
from pywasmjit.codegen.bounds import Bounds
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import MEMORY, SEGMENT
from pywasmjit.wasm.opcodes import BY_NAME
from pywasmjit.wasm.types import ValType

PAGE: Final = 65536
GREATEST_MEMORY: Final = 65535 * PAGE
"""Bytes; the engine's memories stay below 4 GiB, so an address that was accessed leaves room for small offsets."""


class Access(NamedTuple):
    """How a load or store touches memory: value type, format of the view, bytes, bounds of what is read."""

    type: ValType
    format: str
    width: int
    bounds: Bounds


def _float(type: ValType, format: str, width: int) -> Access:
    return Access(type, format, width, (0, 0))


def _integer(type: ValType, format: str, width: int) -> Access:
    return Access(type, format, width, bounds.loaded(width, format.islower()))


def greatest_size(c: Context, memory: int) -> int:
    """Return the most bytes that a memory can have."""
    maximum = c.module.memory_type(memory).maximum
    return GREATEST_MEMORY if maximum is None else min(maximum * PAGE, GREATEST_MEMORY)


def fold_offset(c: Context, memory: int, access: Access, address: Value, offset: int) -> str:
    """Fold the offset into the address on top, which is normal and off the stack, or into the view; return its name."""
    if address.constant is not None:
        address.constant += offset
        c.code.replace_last(t.LOAD_CONST, address.constant)
        offset = 0
    name = c.view(memory, access.format, offset)
    if name is None:
        c.emit(t.LOAD_CONST, offset)
        c.emit(t.BINARY, "+")
        name = c.view(memory, access.format, 0)
        assert name is not None
    return name


def learn(c: Context, memory: int, address: Value, offset: int) -> None:
    """A trap implies a range: after the access, the address was inside the memory."""
    if c.facts.is_current(address):
        c.facts.narrow(address.slot, bounds.after_access(address.bounds, offset, greatest_size(c, memory)))


def subscript(c: Context, address: Value, name: str) -> None:
    """Replace the address on top by what the view holds there."""
    if c.movable(address) and not c.calls(address):
        c.code.insert_before(address.start, (t.LOAD_GLOBAL, name))
    else:
        c.emit(t.LOAD_GLOBAL, name)
        c.emit(t.SWAP, 2)
    c.emit(t.SUBSCRIPT)


def _load(access: Access) -> Emitter:
    def emit(c: Context, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        (address,) = c.pop_normal(1)
        name = fold_offset(c, memory, access, address, offset)
        subscript(c, address, name)
        learn(c, memory, address, offset)
        result = c.push_result(access.type, [address])
        result.bounds = access.bounds

    return emit


_QUIETING: Final = frozenset(
    BY_NAME[name]
    for name in (
        *("f32.add", "f32.sub", "f32.mul", "f32.div", "f32.sqrt"),
        *("f32.eq", "f32.ne", "f32.lt", "f32.gt", "f32.le", "f32.ge"),
    )
)
"""Instructions that cannot tell a signalling NaN on top of the stack from a quiet one."""

_F32: Final = _float("f32", "f", 4)
_F32_BITS: Final = _integer("i32", "I", 4)


def f32_load(c: Context, memarg: tuple[int, int, int]) -> None:
    """Load through a float view, which makes a signalling NaN quiet; where that shows, a NaN is read again as bits."""
    _, offset, memory = memarg
    if c.next_op in _QUIETING:
        return _load(_F32)(c, memarg)
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
    c.push_result("f32", [address])
    return None


def _push_element(
    c: Context, memory: int, access: Access, push: tuple[str, Any], offset: int, *, store: bool = False
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


def _store(access: Access) -> Emitter:
    def emit(c: Context, memarg: tuple[int, int, int]) -> None:
        _, offset, memory = memarg
        value = c.pop()
        address = c.pop()
        _fit(c, access, address, value)
        if c.movable(address) and c.movable(value) and may_swap(address, value):
            value.start, address.start = address.start, c.code.exchange(address.start, value.start)
            name = fold_offset(c, memory, access, address, offset)
            if c.calls(address):
                c.emit(t.LOAD_GLOBAL, name)
                c.emit(t.SWAP, 2)
            else:
                c.code.insert_before(address.start, (t.LOAD_GLOBAL, name))
        else:
            name = _swapped_address(c, memory, access, offset)
        c.emit(t.STORE_SUBSCRIPT)
        learn(c, memory, address, offset)

    return emit


def _swapped_address(c: Context, memory: int, access: Access, offset: int) -> str:
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


def _fit(c: Context, access: Access, address: Value, value: Value) -> None:
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
            c.code.replace_last(t.LOAD_CONST, value.constant)
        else:
            c.emit(t.LOAD_CONST, size)
            c.emit(t.BINARY, "&")
            value.slot = -1
        value.bounds = bounds.reduced(value.bounds, 8 * access.width)
    c.normalise([address, value])


def f32_store(c: Context, memarg: tuple[int, int, int]) -> None:
    """Store through a float view, which rounds; a NaN that may be signalling is written as bits."""
    _, offset, memory = memarg
    value = c.stack[-1]
    if value.quiet:
        value.rounded = True  # the view rounds
        return _store(_F32)(c, memarg)
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


def call_method(c: Context, name: str, count: int, result: ValType | None) -> None:
    """Call a live object with the topmost `count` operands."""
    operands = c.pop_normal(count)
    start = operands[0].start if operands else len(c.code)
    c.call(name, operands)
    if result is None:
        c.emit(t.POP)
    else:
        c.push_result(result, operands).start = start


def memory_size(c: Context, memory: int) -> None:
    start = len(c.code)
    c.emit(t.LOAD_CALLEE, c.refer(MEMORY, memory, "size"))
    c.emit(t.CALL, 0)
    value = c.push_result("i32")
    value.start, value.bounds = start, bounds.PAGES


def memory_grow(c: Context, memory: int) -> None:
    call_method(c, c.refer(MEMORY, memory, "grow_u32"), 1, "i32")


def memory_fill(c: Context, memory: int) -> None:
    call_method(c, c.refer(MEMORY, memory, "fill"), 3, None)


def memory_copy(c: Context, memories: tuple[int, int]) -> None:
    call_method(c, c.refer(SEGMENT, "memory.copy", *memories), 3, None)


def memory_init(c: Context, immediate: tuple[int, int]) -> None:
    call_method(c, c.refer(SEGMENT, "memory.init", *immediate), 3, None)


def data_drop(c: Context, segment: int) -> None:
    call_method(c, c.refer(SEGMENT, "data.drop", segment), 0, None)


EMITTERS: Final[dict[str, Emitter]] = {
    "i32.load": _load(_integer("i32", "I", 4)),
    "i32.load8_s": _load(_integer("i32", "b", 1)),
    "i32.load8_u": _load(_integer("i32", "B", 1)),
    "i32.load16_s": _load(_integer("i32", "h", 2)),
    "i32.load16_u": _load(_integer("i32", "H", 2)),
    "i64.load": _load(_integer("i64", "Q", 8)),
    "i64.load8_s": _load(_integer("i64", "b", 1)),
    "i64.load8_u": _load(_integer("i64", "B", 1)),
    "i64.load16_s": _load(_integer("i64", "h", 2)),
    "i64.load16_u": _load(_integer("i64", "H", 2)),
    "i64.load32_s": _load(_integer("i64", "i", 4)),
    "i64.load32_u": _load(_integer("i64", "I", 4)),
    "f64.load": _load(_float("f64", "d", 8)),
    "i32.store": _store(_integer("i32", "I", 4)),
    "i32.store8": _store(_integer("i32", "B", 1)),
    "i32.store16": _store(_integer("i32", "H", 2)),
    "i64.store": _store(_integer("i64", "Q", 8)),
    "i64.store8": _store(_integer("i64", "B", 1)),
    "i64.store16": _store(_integer("i64", "H", 2)),
    "i64.store32": _store(_integer("i64", "I", 4)),
    "f64.store": _store(_float("f64", "d", 8)),
    "f32.load": f32_load,
    "f32.store": f32_store,
    "memory.size": memory_size,
    "memory.grow": memory_grow,
    "memory.fill": memory_fill,
    "memory.copy": memory_copy,
    "memory.init": memory_init,
    "data.drop": data_drop,
}
