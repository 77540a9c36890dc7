"""Statements and expressions on locals, globals, memories, tables and segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fuzz.generators.choices import chance, pick
from fuzz.generators.shape import NUMBERS, ROWS
from pywasmjit.wasm.opcodes import Effect, Op
from pywasmjit.wasm.types import EXTERNREF, FUNCREF, ValType

if TYPE_CHECKING:
    from fuzz.generators.bodies import Body

_MEMORY_ROWS: Final = tuple(
    op for op in ROWS if op.params and op.immediates == ("memarg",) and {*op.params, *(op.results or ())} <= {*NUMBERS}
)
ATOMICS: Final = tuple(op for op in _MEMORY_ROWS if op.effect & Effect.SYNCHRONIZES)
LOADS: Final = tuple(op for op in _MEMORY_ROWS if op.results and op not in ATOMICS)
STORES: Final = tuple(op for op in _MEMORY_ROWS if not op.results and op not in ATOMICS)

PAGE: Final = 65536
OFFSETS: Final = 256
"""Offsets of accesses meant to succeed are below this."""


# Locals and globals


def set_local(body: Body) -> None:
    if not body.writable:
        return
    local = pick(body.choices, body.writable)
    type_ = body.locals[local]
    body.need((type_,))
    if chance(body.choices, 30):
        body.apply("local.tee", local, pops=1, pushes=(type_,))
    else:
        body.apply("local.set", local, pops=1)


def set_global(body: Body) -> None:
    shape = body.shape
    places = [i for i, g in enumerate(shape.globals) if g.mutable and i != shape.fuel]
    if places:
        place = pick(body.choices, places)
        body.observable((shape.globals[place].content,))
        body.apply("global.set", place, pops=1)


# Memories: single accesses


def pick_memory(body: Body) -> int | None:
    """Return a memory to access, None if there is none."""
    shape = body.shape
    usable = shape.usable_memories()
    if shape.memories and (not usable or shape.risky()):
        usable = [*range(len(shape.memories))] if shape.risk else usable
    return pick(body.choices, usable) if usable else None


def address(body: Body, memory: int, op: Op) -> tuple[int, int, int]:
    """Push an address, mostly one that is in bounds, and return the memarg."""
    atomic = op in ATOMICS
    size = min(body.shape.memories[memory].minimum, 2) * PAGE
    step = op.width if atomic and not body.shape.risky() else 1
    align = op.width.bit_length() - 1
    natural = align if atomic else body.choices.choose(align + 1)
    offset = body.choices.choose(OFFSETS) // step * step
    one_fault = op.mnemonic.startswith("memory.atomic") and (step == 1 or not size)
    if not one_fault and body.shape.risky():
        _risky_address(body, size)
        offset = pick(body.choices, (offset, offset, PAGE - 1, 4 * PAGE, 0x7FFF_FFFF, 0xFFFF_FFFF))
        if op.mnemonic.startswith("memory.atomic"):
            _align(body, op.width)
            offset = offset // op.width * op.width
    elif not size or not chance(body.choices, 60):
        near = size - OFFSETS - 16 if chance(body.choices, 10) else 256
        body.constant("i32", body.choices.choose(max(near, 1)) // step * step)
    else:
        body.value("i32")
        body.constant("i32", (size // 2 - 1) // step * step)
        body.apply("i32.and", pops=2, pushes=("i32",))
        if chance(body.choices, 30):
            body.constant("i32", pick(body.choices, (8, 16, 64, 1000)))
            body.apply("i32.add", pops=2, pushes=("i32",))
    return natural, offset, memory


def _align(body: Body, width: int) -> None:
    """Round the address on top down: of wait and notify, engines check bounds and alignment in either order."""
    body.constant("i32", -width % (1 << 32))
    body.apply("i32.and", pops=2, pushes=("i32",))


def _risky_address(body: Body, size: int) -> None:
    """Push an address near the end of the memory, or any."""
    kind = body.choices.choose(4)
    if kind == 3:
        body.value("i32")
        body.constant("i32", pick(body.choices, (1, 8, 0xFFFF_FFFF, 0xFFFF_FFF8, 0xFFFF_0000)))
        body.apply("i32.add", pops=2, pushes=("i32",))
    elif kind == 0:
        body.constant("i32", max(size - body.choices.choose(24), 0))
    elif kind == 1:
        body.constant("i32", -body.choices.choose(16) % (1 << 32))
    else:
        body.value("i32")


def access(body: Body, op: Op) -> None:
    """Write a load, a store or an atomic instruction with its operands, and push its result."""
    assert op.params is not None
    assert op.results is not None
    memory = pick_memory(body)
    if memory is None:
        for result in op.results:
            body.leaf(result)
        return
    waits = "wait" in op.mnemonic
    if waits and not body.shape.memories[memory].shared and not body.shape.risky():
        body.leaf("i32")
        return
    memarg = address(body, memory, op)
    for type_ in op.params[1 : -1 if waits else None]:
        body.observable_value(type_)
    if waits:
        body.constant("i64", pick(body.choices, (0, 1, 1000)))
    body.apply_op(op, memarg)


def load(body: Body) -> None:
    access(body, pick(body.choices, LOADS))


def store(body: Body) -> None:
    access(body, pick(body.choices, STORES))


def atomic(body: Body) -> None:
    if chance(body.choices, 5):
        body.emit("atomic.fence")
    else:
        access(body, pick(body.choices, ATOMICS))


def load_value(body: Body, type_: ValType) -> None:
    access(body, pick(body.choices, [op for op in LOADS if op.results == (type_,)]))


def atomic_value(body: Body, type_: ValType) -> None:
    access(body, pick(body.choices, [op for op in ATOMICS if op.results == (type_,)]))


def size_value(body: Body, type_: ValType) -> None:
    if body.shape.memories:
        body.apply("memory.size", body.choices.choose(len(body.shape.memories)), pushes=(type_,))
    else:
        body.leaf(type_)


def grow_memory(body: Body) -> None:
    """Grow by a few pages where a maximum says when to stop, else by nothing or by too much."""
    if not body.shape.memories:
        return
    memory = body.choices.choose(len(body.shape.memories))
    if body.shape.memories[memory].maximum is not None:
        body.bounded(3)
    else:
        body.constant("i32", pick(body.choices, (0, 0x1_0001, 0xFFFF_FFFF)))
    body.apply("memory.grow", memory, pops=1, pushes=("i32",))


# Memories: many bytes


def span(body: Body, destination: int, source: int | None, most: int) -> int:
    """Push the place to write to, that to read from (or a value to fill with), and a length."""
    length = body.choices.choose(min(most, destination, destination if source is None else source) + 1)
    body.bounded(destination - length + 1)
    if source is None:
        body.value("i32")
    else:
        body.bounded(source - length + 1)
    if body.shape.risky():
        body.value("i32")
    elif chance(body.choices, 30):
        body.bounded(length + 1)
    else:
        body.constant("i32", length)
    return length


def fill_memory(body: Body) -> None:
    if (memory := pick_memory(body)) is not None:
        span(body, body.shape.memories[memory].minimum * PAGE, None, 300)
        body.apply("memory.fill", memory, pops=3)


def copy_memory(body: Body) -> None:
    memories = body.shape.memories
    if (to := pick_memory(body)) is not None and (of := pick_memory(body)) is not None:
        span(body, memories[to].minimum * PAGE, memories[of].minimum * PAGE, 300)
        body.apply("memory.copy", to, of, pops=3)


def init_memory(body: Body) -> None:
    segments = [i for i, d in enumerate(body.shape.datas) if d.usable or body.shape.risk]
    if segments and (memory := pick_memory(body)) is not None:
        segment = pick(body.choices, segments)
        plan = body.shape.datas[segment]
        span(body, body.shape.memories[memory].minimum * PAGE, plan.size if plan.usable else 0, 300)
        body.apply("memory.init", segment, memory, pops=3)


def drop_data(body: Body) -> None:
    if body.shape.datas and body.shape.risk:
        body.emit("data.drop", body.choices.choose(len(body.shape.datas)))


# Tables


def tables(body: Body, type_: ValType | None = None, writable: bool = False) -> list[int]:
    """Return the tables of an element type, or all; only those that bodies may change if asked."""
    plans = enumerate(body.shape.tables)
    return [i for i, t in plans if type_ in (None, t.type.element) and (t.writable or not writable)]


def table_get_value(body: Body, type_: ValType) -> None:
    found = [i for i in tables(body, type_) if body.shape.tables[i].type.minimum or body.shape.risk]
    if not found:
        body.leaf(type_)
        return
    table = pick(body.choices, found)
    body.bounded(body.shape.tables[table].type.minimum)
    body.apply("table.get", table, pops=1, pushes=(type_,))


def table_size_value(body: Body, type_: ValType) -> None:
    if body.shape.tables:
        body.apply("table.size", body.choices.choose(len(body.shape.tables)), pushes=(type_,))
    else:
        body.leaf(type_)


def is_null_value(body: Body, type_: ValType) -> None:
    body.value(pick(body.choices, (FUNCREF, EXTERNREF)))
    body.apply("ref.is_null", pops=1, pushes=(type_,))


def set_table(body: Body) -> None:
    if found := [i for i in tables(body, writable=True) if body.shape.tables[i].type.minimum or body.shape.risk]:
        table = pick(body.choices, found)
        body.bounded(body.shape.tables[table].type.minimum)
        body.value(body.shape.tables[table].type.element)
        body.apply("table.set", table, pops=2)


def grow_table(body: Body) -> None:
    if found := tables(body, writable=True):
        table = pick(body.choices, found)
        type_ = body.shape.tables[table].type
        body.value(type_.element)
        body.bounded(3) if type_.maximum is not None else body.constant("i32", 0)
        body.apply("table.grow", table, pops=2, pushes=("i32",))


def fill_table(body: Body) -> None:
    if found := tables(body, writable=True):
        table = pick(body.choices, found)
        type_ = body.shape.tables[table].type
        length = body.choices.choose(type_.minimum + 1)
        body.bounded(type_.minimum - length + 1)
        body.value(type_.element)
        body.bounded(length + 1)
        body.apply("table.fill", table, pops=3)


def copy_table(body: Body) -> None:
    if found := tables(body, writable=True):
        to = pick(body.choices, found)
        plan = body.shape.tables[to].type
        of = pick(body.choices, tables(body, plan.element))
        span(body, plan.minimum, body.shape.tables[of].type.minimum, 20)
        body.apply("table.copy", to, of, pops=3)


def init_table(body: Body) -> None:
    if not (found := tables(body, writable=True)):
        return
    table = pick(body.choices, found)
    type_ = body.shape.tables[table].type
    plans = enumerate(body.shape.elements)
    if segments := [i for i, e in plans if e.type == type_.element and (e.usable or body.shape.risk)]:
        segment = pick(body.choices, segments)
        plan = body.shape.elements[segment]
        span(body, type_.minimum, plan.size if plan.usable else 0, 20)
        body.apply("table.init", segment, table, pops=3)


def drop_elements(body: Body) -> None:
    if body.shape.elements and body.shape.risk:
        body.emit("elem.drop", body.choices.choose(len(body.shape.elements)))
