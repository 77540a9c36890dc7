"""Constants, locals and globals."""

from __future__ import annotations

from typing import Final

from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import GLOBAL, GLOBAL_BOX
from pywasmjit.wasm import numerics


def i32_const(c: Context, value: int) -> None:
    c.push_constant("i32", value)


def i64_const(c: Context, value: int) -> None:
    c.push_constant("i64", value)


def f32_const(c: Context, bits: int) -> None:
    c.push_constant("f32", numerics.f32_from_bits(bits))


def f64_const(c: Context, bits: int) -> None:
    c.push_constant("f64", numerics.f64_from_bits(bits))


def local_get(c: Context, local: int) -> None:
    place = c.slots.spill_index(local)
    if place is None:
        c.push_local(local, c.slots.types[local])
        return
    value = c.push_result(c.slots.spilled_type(place))
    value.start = len(c.code)
    c.emit(t.LOAD_FAST, c.slots.spill_slot)
    c.emit(t.LOAD_CONST, place)
    c.emit(t.SUBSCRIPT)


def local_set(c: Context, local: int) -> None:
    (value,) = c.pop_normal(1)
    place = c.slots.spill_index(local)
    if place is not None:
        c.emit(t.LOAD_FAST, c.slots.spill_slot)
        c.emit(t.LOAD_CONST, place)
        c.emit(t.STORE_SUBSCRIPT)
        return
    c.assign(local, value)


def local_tee(c: Context, local: int) -> None:
    value = c.stack[-1]
    start, effects, reads, writes = value.start, value.effects, value.reads, value.writes
    quiet = value.quiet
    place = c.slots.spill_index(local)
    if place is not None:
        c.normalise([value])
        c.emit(t.COPY, 1)
        c.emit(t.LOAD_FAST, c.slots.spill_slot)
        c.emit(t.LOAD_CONST, place)
        c.emit(t.STORE_SUBSCRIPT)
        value.effects |= c.effects
        value.slot, value.constant = -1, None
        return
    local_set(c, local)
    result = c.push_local(local, c.slots.types[local])
    # What was computed and the load of it are one piece of code; it can be loaded again.
    result.start = start
    result.effects |= effects
    result.reads |= reads
    result.writes |= writes | 1 << local
    result.quiet = quiet


def global_get(c: Context, index: int) -> None:
    type = c.module.global_type(index)
    constant = c.module_constant(index)
    if constant is not None:
        c.push_constant(type.content, constant)
        return
    c.push_result(type.content, effects=None if type.mutable else 0)
    if not type.mutable:
        c.emit(t.LOAD_GLOBAL, c.refer(GLOBAL, index))
        return
    if index in c.cells:
        c.emit(t.LOAD_CELL, c.cells[index])
        return
    c.emit(t.LOAD_GLOBAL, c.refer(GLOBAL_BOX, index))
    c.emit(t.LOAD_CONST, 0)
    c.emit(t.SUBSCRIPT)


def global_set(c: Context, index: int) -> None:
    c.pop_normal(1)
    if index in c.cells:
        c.emit(t.STORE_CELL, c.cells[index])
        return
    c.emit(t.LOAD_GLOBAL, c.refer(GLOBAL_BOX, index))
    c.emit(t.LOAD_CONST, 0)
    c.emit(t.STORE_SUBSCRIPT)


EMITTERS: Final[dict[str, Emitter]] = {
    "i32.const": i32_const,
    "i64.const": i64_const,
    "f32.const": f32_const,
    "f64.const": f64_const,
    "local.get": local_get,
    "local.set": local_set,
    "local.tee": local_tee,
    "global.get": global_get,
    "global.set": global_set,
}
