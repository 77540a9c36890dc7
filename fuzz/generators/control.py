"""Statements and expressions of control flow: blocks, branches, calls, selections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.generators.choices import chance, pick
from fuzz.generators.shape import NUMBERS, random_type
from pywasmjit.wasm.types import FUNCREF, FuncType, ValType

if TYPE_CHECKING:
    from fuzz.generators.bodies import Body


def select_of(body: Body, type_: ValType) -> None:
    """Write a selection between two values of a type."""
    body.need((type_, type_))
    body.condition()
    if type_ in NUMBERS and not chance(body.choices, 25):
        body.apply("select", pops=3, pushes=(type_,))
    else:
        body.apply("select_t", (type_,), pops=3, pushes=(type_,))


def select(body: Body) -> None:
    select_of(body, random_type(body.choices))


def plain_block(body: Body) -> None:
    body.block("block", body.random_block_type())


def plain_loop(body: Body) -> None:
    body.block("loop", body.random_block_type())


def plain_if(body: Body) -> None:
    type_ = body.random_block_type()
    body.condition()
    body.block("if", type_)


def counted_loop(body: Body) -> None:
    """Write a loop with a counter of its own."""
    counter = body.new_local("i32")
    body.emit("i32.const", 1 + body.choices.choose(6))
    body.emit("local.set", counter)
    body.open("loop", FuncType())
    body.burn()
    body.statements(1 + body.choices.choose(5))
    body.leave(())
    body.emit("local.get", counter)
    body.emit("i32.const", 1)
    body.emit("i32.sub")
    body.emit("local.tee", counter)
    body.emit("br_if", 0)
    body.close()


def branch_if(body: Body) -> None:
    label = body.choices.choose(len(body.frames))
    types = body.frames[-1 - label].label_types
    body.need(types)
    body.condition()
    body.apply("br_if", label, pops=1 + len(types), pushes=types)


def branch(body: Body) -> None:
    if len(body.frames) == 1 and not chance(body.choices, 10):
        return
    label = body.choices.choose(len(body.frames))
    body.need(body.frames[-1 - label].label_types)
    body.emit("br", label)
    body.branched()


def branch_table(body: Body) -> None:
    if len(body.frames) == 1 and not chance(body.choices, 10):
        return
    default = body.choices.choose(len(body.frames))
    types = body.frames[-1 - default].label_types
    fitting = [i for i in range(len(body.frames)) if body.frames[-1 - i].label_types == types]
    most = 40 if chance(body.choices, 5) else 6
    labels = tuple(pick(body.choices, fitting) for _ in range(body.choices.choose(most)))
    body.need(types)
    body.bounded(len(labels) + 2)
    body.emit("br_table", (labels, default))
    body.branched()


def return_(body: Body) -> None:
    if len(body.frames) == 1 and not chance(body.choices, 10):
        return
    body.need(body.type.results)
    body.emit("return")
    body.branched()


def unreachable(body: Body) -> None:
    if not body.shape.risky():
        body.emit("nop")
        return
    body.emit("unreachable")
    body.branched()


def call(body: Body) -> None:
    _call(body, body.choices.choose(len(body.shape.functions)))


def _call(body: Body, function: int) -> None:
    type_ = body.shape.functions[function]
    body.observable(type_.params)
    body.apply("call", function, pops=len(type_.params), pushes=type_.results)


def call_value(body: Body, type_: ValType) -> None:
    """Push the result of a function that returns just one value of this type."""
    fitting = [i for i, f in enumerate(body.shape.functions) if f.results == (type_,)]
    if fitting:
        _call(body, pick(body.choices, fitting))
    else:
        body.leaf(type_)


def call_indirect(body: Body) -> None:
    """Call through a table, mostly a slot that is known to hold a function of the type."""
    shape = body.shape
    tables = [i for i, t in enumerate(shape.tables) if t.type.element == FUNCREF and (t.slots or shape.risk)]
    stable = [i for i in tables if not shape.tables[i].writable and shape.tables[i].slots]
    if not tables or (not stable and not shape.risky()):
        return
    table = pick(body.choices, stable if stable and not shape.risky() else tables)
    slots = shape.tables[table].slots
    if slots and not shape.risky():
        slot = pick(body.choices, sorted(slots))
        type_ = shape.functions[slots[slot]]
        body.observable(type_.params)
        _push_slot(body, slot, type_, slots)
    else:
        type_ = pick(body.choices, shape.functions)
        body.observable(type_.params)
        body.bounded(shape.tables[table].type.minimum)
    index = shape.type_index(type_)
    body.apply("call_indirect", index, table, pops=1 + len(type_.params), pushes=type_.results)


def _push_slot(body: Body, slot: int, type_: FuncType, slots: dict[int, int]) -> None:
    """Push a table index: a constant, or a choice at run time between two slots of one type."""
    others = [i for i in sorted(slots) if body.shape.functions[slots[i]] == type_ and i != slot]
    body.constant("i32", slot)
    if others and chance(body.choices, 70):
        body.constant("i32", pick(body.choices, others))
        body.condition()
        body.apply("select", pops=3, pushes=("i32",))
