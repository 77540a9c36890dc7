"""The pass over a body as a whole."""

from __future__ import annotations

import pywasmjit as wj
from tests.unit.codegen.compiled import code_of
from tests.wat import assemble, instance


def test_compiling_is_deterministic() -> None:
    text = """(module (memory 1) (func (export "f") (param i32) (result i32)
      (loop (result i32) (i32.store (local.get 0) (i32.const 1))
        (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (i32.const 100))) (local.get 0))))"""
    first, second = (wj.Module(assemble(text), name="same") for _ in range(2))
    a, b = (code_of(wj.Instance(m), "f") for m in (first, second))
    assert a.co_code == b.co_code
    assert a.co_consts == b.co_consts


def test_statements_between_operands_stay_where_they_are() -> None:
    inst = instance("""(module (memory (export "m") 1)
      (func (export "constant") (param i32) (result i32)
        (local.get 0) (i32.const 5) (i32.const 1) (local.set 0) (i32.add) (i32.add (local.get 0)))
      (func (export "store") (param i32 i64) (local i64)
        (local.get 0) (local.set 2 (i64.mul (local.get 1) (i64.const 3)))
        (i64.store (i64.add (local.get 2) (local.get 1))))
      (func (export "reads") (param i32 i32) (local i32)
        (local.get 0) (local.get 1) (local.set 2) (i32.store (local.tee 1 (i32.const 9)))
        (i32.store offset=4 (local.get 0) (local.get 2)))
      (func (export "dropped") (param i32) (result i32)
        (local.get 0) (drop (i32.load (i32.const 0))) (i32.load)))""")
    e = inst.exports
    assert e.constant(10) == 16
    e.store(8, 7)
    assert e.m.unpack("<Q", 8) == (28,)
    e.reads(64, 33)
    assert e.m.unpack("<II", 64) == (9, 33)
    assert e.dropped(64) == 9
