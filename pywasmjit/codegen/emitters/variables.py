"""Constants, locals and globals."""

from __future__ import annotations

from pywasmjit.codegen.baseline import FunctionCompiler, emits
from pywasmjit.codegen.stack import IMPURE, READS_STATE
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import GLOBAL, GLOBAL_BOX
from pywasmjit.wasm import numerics


@emits("i32.const")
def i32_const(c: FunctionCompiler, value: int) -> None:
    c.push_constant("i32", value)


@emits("i64.const")
def i64_const(c: FunctionCompiler, value: int) -> None:
    c.push_constant("i64", value)


@emits("f32.const")
def f32_const(c: FunctionCompiler, bits: int) -> None:
    c.push_constant("f32", numerics.f32_from_bits(bits))


@emits("f64.const")
def f64_const(c: FunctionCompiler, bits: int) -> None:
    c.push_constant("f64", numerics.f64_from_bits(bits))


# --------------------------------------------------------------------------- locals


@emits("local.get")
def local_get(c: FunctionCompiler, local: int) -> None:
    place = c.spill_index(local)
    if place is None:
        c.push_local(local, c.local_types[local])
        return
    value = c.push_result(c.spilled_type(place), effects=READS_STATE)
    value.start = len(c.code)
    c.emit(t.LOAD_FAST, c.spill_slot)
    c.emit(t.LOAD_CONST, place)
    c.emit(t.SUBSCRIPT)


@emits("local.set")
def local_set(c: FunctionCompiler, local: int) -> None:
    (value,) = c.pop_normal(1)
    place = c.spill_index(local)
    if place is not None:
        c.emit(t.LOAD_FAST, c.spill_slot)
        c.emit(t.LOAD_CONST, place)
        c.emit(t.STORE_SUBSCRIPT)
        return
    c.assign(local, value)


@emits("local.tee")
def local_tee(c: FunctionCompiler, local: int) -> None:
    value = c.stack[-1]
    start, effects, reads, writes = value.start, value.effects, value.reads, value.writes
    quiet = value.quiet
    place = c.spill_index(local)
    if place is not None:
        c.normalise([value])
        c.emit(t.COPY, 1)
        c.emit(t.LOAD_FAST, c.spill_slot)
        c.emit(t.LOAD_CONST, place)
        c.emit(t.STORE_SUBSCRIPT)
        value.effects |= IMPURE
        value.slot, value.constant = -1, None
        return
    local_set(c, local)
    result = c.push_local(local, c.local_types[local])
    # What was computed and the load of it are one piece of code; it can be loaded again.
    result.start = start
    result.effects |= effects
    result.reads |= reads
    result.writes |= writes | 1 << local
    result.quiet = quiet


# --------------------------------------------------------------------------- globals


@emits("global.get")
def global_get(c: FunctionCompiler, index: int) -> None:
    type = c.module.global_type(index)
    constant = c.module_constant(index)
    if constant is not None:
        c.push_constant(type.content, constant)
        return
    value = c.push_result(type.content)
    if not type.mutable:
        c.emit(t.LOAD_GLOBAL, c.refer(GLOBAL, index))
        return
    value.effects |= READS_STATE
    if index in c.cells:
        c.emit(t.LOAD_CELL, c.cells[index])
        return
    c.emit(t.LOAD_GLOBAL, c.refer(GLOBAL_BOX, index))
    c.emit(t.LOAD_CONST, 0)
    c.emit(t.SUBSCRIPT)


@emits("global.set")
def global_set(c: FunctionCompiler, index: int) -> None:
    c.pop_normal(1)
    if index in c.cells:
        c.emit(t.STORE_CELL, c.cells[index])
        return
    c.emit(t.LOAD_GLOBAL, c.refer(GLOBAL_BOX, index))
    c.emit(t.LOAD_CONST, 0)
    c.emit(t.STORE_SUBSCRIPT)
