"""Calls that return twice: `setjmp` and its like.

A function that calls one has a handler round its whole body.  Each call is a
site: the operands below it are put aside in locals of their own, so that the
stack is empty where the call returns, the first time or again.  A `longjmp`
raises `runtime.jumps.LongJump`; the handler asks whether it is meant for this
activation, restores the stack pointer and goes on behind the site, with all
locals as they are.

Memory holds what the guest may copy about (activation, site, stack pointer);
an activation lives as long as the frame whose local holds it.
"""

from __future__ import annotations

from pywasmjit.codegen.baseline.context import Context
from pywasmjit.codegen.baseline.frames import JumpSites
from pywasmjit.codegen.baseline.operands import Value
from pywasmjit.codegen.baseline.slots import ZERO
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import GLOBAL_BOX, RETURNS_TWICE
from pywasmjit.wasm.types import ValType


def _load_stack_pointer(c: Context) -> None:
    index = c.conventions.stack_pointer
    if index is None:
        c.emit(t.LOAD_CONST, 0)
    elif index in c.cells:
        c.emit(t.LOAD_CELL, c.cells[index])
    else:
        c.emit(t.LOAD_GLOBAL, c.refer(GLOBAL_BOX, index))
        c.emit(t.LOAD_CONST, 0)
        c.emit(t.SUBSCRIPT)


def _store_stack_pointer(c: Context) -> None:
    index = c.conventions.stack_pointer
    if index is None:
        c.emit(t.POP)
    elif index in c.cells:
        c.emit(t.STORE_CELL, c.cells[index])
    else:
        c.emit(t.LOAD_GLOBAL, c.refer(GLOBAL_BOX, index))
        c.emit(t.LOAD_CONST, 0)
        c.emit(t.STORE_SUBSCRIPT)


def call_returning_twice(c: Context, sites: JumpSites, index: int) -> None:
    """Call function `index`, which gets the activation, the site and the stack pointer before its arguments."""
    type = c.module.function_type(index)
    arguments = c.pop_normal(len(type.params))
    c.normalise_top(len(c.stack))
    kept = c.pop_many(len(c.stack))
    slots = [c.slots.scratch() for _ in arguments]
    for slot in reversed(slots):
        c.emit(t.STORE_FAST, slot)
    kept_slots = _slots_for(c, sites, kept)
    for slot in reversed(kept_slots):
        c.emit(t.STORE_FAST, slot)
    c.emit(t.LOAD_CALLEE, c.refer(RETURNS_TWICE, index))
    c.emit(t.LOAD_FAST, sites.activation)
    c.emit(t.LOAD_CONST, len(sites.labels))
    _load_stack_pointer(c)
    for slot in slots:
        c.emit(t.LOAD_FAST, slot)
    c.emit(t.CALL, 3 + len(slots))
    c.emit(t.STORE_FAST, sites.value)
    label = t.Label()
    sites.labels.append(label)
    c.emit(t.NOP)
    c.emit(t.LABEL, label)
    c.facts.known.clear()
    for slot, value in zip(kept_slots, kept, strict=True):
        c.emit(t.LOAD_FAST, slot)
        c.push_unknown(value.type)
    c.settle()
    if type.results:
        c.push_local(sites.value, type.results[0])


def _slots_for(c: Context, sites: JumpSites, values: list[Value]) -> list[int]:
    """Return where the operands below a site are kept.

    Each slot has one type: the guest may jump to a site after another one has put its own operands aside, or to one
    that it never came to, and finds some values then, but of the right types.
    """
    used: dict[ValType, int] = {}
    slots: list[int] = []
    for value in values:
        known = sites.kept.setdefault(value.type, [])
        place = used.get(value.type, 0)
        if place == len(known):
            known.append(c.slots.new(f"kept {value.type} {place}"))
        used[value.type] = place + 1
        slots.append(known[place])
    return slots


def wrap_body(c: Context, sites: JumpSites, start: int) -> None:
    """Put the handler behind the body, whose code begins at `start`, and what it needs in front."""
    handler, other = t.Label(), t.Label()
    front: list[tuple[str, object]] = [
        (t.LOAD_CALLEE, c.support("new_activation")),
        (t.CALL, 0),
        (t.STORE_FAST, sites.activation),
    ]
    kept = [(slot, ZERO.get(type)) for type, slots in sites.kept.items() for slot in slots]
    for slot, zero in ((sites.value, 0), *kept):
        front += [(t.LOAD_CONST, zero), (t.STORE_FAST, slot)]
    c.code.line = 1
    c.code.insert_before(start, *front, (t.TRY, (handler, 0)))
    c.emit(t.END_TRY, handler)
    c.emit(t.LABEL, handler)
    c.emit(t.LOAD_CALLEE, c.support("arrive"))
    c.emit(t.COPY, 3)  # the exception stays on the stack: in a local it would keep this very frame alive
    c.emit(t.LOAD_FAST, sites.activation)
    c.emit(t.CALL, 2)
    c.emit(t.COPY, 1)
    c.emit(t.JUMP_IF_NONE, other)
    c.emit(t.UNPACK, 3)
    site = c.slots.new("site")
    c.emit(t.STORE_FAST, site)
    _store_stack_pointer(c)
    c.emit(t.STORE_FAST, sites.value)
    c.emit(t.POP)
    for number, label in enumerate(sites.labels[:-1]):
        c.emit(t.LOAD_FAST, site)
        c.emit(t.LOAD_CONST, number)
        c.emit(t.COMPARE, "==")
        c.emit(t.JUMP_IF, label)
    c.emit(t.JUMP, sites.labels[-1])
    c.emit(t.LABEL, other)
    c.emit(t.POP)
    c.emit(t.RERAISE)
