"""Loads and stores: their order, their views, their addresses, and the bits that they move."""

from __future__ import annotations

import dis

import pytest

import pywasmjit as wj
from pywasmjit.codegen.baseline.views import VIEWS_PER_MEMORY
from tests.unit.codegen.compiled import code_of
from tests.wat import exports, instance


def test_a_store_whose_address_is_set_again_by_its_value() -> None:
    inst = instance("""(module (memory (export "m") 1)
      (func (export "f") (param i32) (local.get 0) (local.tee 0 (i32.const 8)) (i32.store)))""")
    inst.exports.f(64)
    assert inst.exports.m.unpack("<I", 64) == (8,)
    assert inst.exports.m.unpack("<I", 8) == (0,)


def test_a_load_stays_behind_a_store_with_an_operand_below_it() -> None:
    """The outer store's address is computed first, so the inner store lies between it and the load."""
    f = exports("""(module (memory 1)
      (func (export "f") (param i32) (result i32)
        (local.get 0)
        (i32.store (i32.const 8) (i32.const 7))
        (i32.load (i32.const 8))
        (i32.store)
        (i32.load (local.get 0))))""").f
    assert f(16) == 7


def test_an_address_local_that_changes_before_the_access_teaches_nothing() -> None:
    f = exports("""(module (memory 1)
      (func (export "f") (param i32 i32) (result i32)
        (local.get 0) (local.set 0 (local.get 1)) (drop (i32.load))
        (i32.lt_s (local.get 0) (i32.const 0))))""").f
    assert f(0, -1) == 1
    assert f(0, 1) == 0


def test_an_address_that_calls_does_not_read_through_a_stale_view() -> None:
    f = exports("""(module (memory 1)
      (func $grow (result i32) (drop (memory.grow (i32.const 1))) (i32.const 65536))
      (func (export "load") (result i32) (i32.load (call $grow)))
      (func (export "store") (result i32) (i32.store (call $grow) (i32.const 7)) (i32.load (i32.const 65536))))""")
    assert f.load() == 0
    assert f.store() == 7


def test_a_view_is_loaded_after_every_call_in_its_address() -> None:
    """In a call another thread may grow the memory, and the address may then lie in the new part."""
    inst = instance("""(module (memory 1 9)
      (func (export "f") (result i32)
        (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8))))
      (func (export "g") (param i32) (i32.store (i32.ctz (local.get 0)) (i32.const 1))))""")
    for name in ("f", "g"):
        instructions = dis.get_instructions(code_of(inst, name))
        found = [i.opname for i in instructions if i.opname == "CALL" or "view" in i.argrepr]
        assert found == ["CALL", "LOAD_GLOBAL"], name


def test_more_offsets_than_views() -> None:
    count = VIEWS_PER_MEMORY + 60
    stores = "".join(f"(i32.store8 offset={n} (local.get 0) (i32.const {n & 127}))" for n in range(count))
    loads = "".join(f"(i32.add (i32.load8_u offset={n} (local.get 0)))" for n in range(count))
    text = (
        f'(module (memory (export "m") 1) (func (export "f") (param i32) (result i32) {stores} (i32.const 0) {loads}))'
    )
    inst = instance(text)
    assert inst.exports.f(1000) == sum(n & 127 for n in range(count))
    views = [name for name in inst._linkage.namespace if name.startswith("view:")]
    assert len(views) <= VIEWS_PER_MEMORY + 1
    with pytest.raises(wj.Trap, match="out of bounds memory access"):
        inst.exports.f(65536 - count + 1)


def test_a_constant_address_below_a_computed_float() -> None:
    inst = instance("""(module (memory (export "m") 1)
      (func (export "f") (f32.store (i32.const 4) (f32.load (i32.const 0)))))""")
    inst.exports.m.pack("<f", 0, 1.5)
    inst.exports.f()
    assert inst.exports.m.unpack("<f", 4) == (1.5,)


def test_signalling_nans_survive_moves_and_arithmetic_quiets_them() -> None:
    inst = instance("""(module (memory (export "m") 1) (global $g (mut f32) (f32.const 0))
      (func (export "copy") (f32.store (i32.const 4) (f32.load (i32.const 0))))
      (func (export "local") (local f32) (local.set 0 (f32.load (i32.const 0))) (global.set $g (local.get 0))
        (f32.store (i32.const 4) (global.get $g)))
      (func (export "bits") (result i32) (i32.reinterpret_f32 (f32.load (i32.const 0))))
      (func (export "same") (param f32) (result f32) (local.get 0))
      (func (export "negated") (f32.store (i32.const 4) (f32.neg (f32.load (i32.const 0)))))
      (func (export "added") (f32.store (i32.const 4) (f32.add (f32.const 1) (f32.load (i32.const 0)))))
      (func (export "promoted") (result i64) (i64.reinterpret_f64 (f64.promote_f32 (f32.load (i32.const 0)))))
      (func (export "d") (f64.store (i32.const 8) (f64.load (i32.const 16)))))""")
    memory, bits = inst.exports.m, 0x7FA12345
    for name in ("copy", "local"):
        memory.pack("<II", 0, bits, 0)
        inst.exports[name]()
        assert memory.unpack("<I", 4) == (bits,), name
    assert inst.exports.bits() == bits
    assert inst.exports.same.call_bits(bits) == (bits,)
    inst.exports.negated()
    assert memory.unpack("<I", 4) == (bits | 0x80000000,)
    inst.exports.added()
    assert memory.unpack("<I", 4)[0] & 0x7FC00000 == 0x7FC00000
    assert inst.exports.promoted.call_bits()[0] & 0x7FF8000000000000 == 0x7FF8000000000000
    memory.pack("<Q", 16, 0x7FF4000000000001)
    inst.exports.d()
    assert memory.unpack("<Q", 8) == (0x7FF4000000000001,)
