"""Locals and globals beyond those that are fast."""

from __future__ import annotations

import pywasmjit as wj
from pywasmjit.codegen.baseline.slots import FAST_LOCALS
from tests.unit.codegen.compiled import code_of
from tests.wat import exports, instance


def test_more_locals_than_fast_slots() -> None:
    count = FAST_LOCALS + 500
    f = exports(f"""(module (func (export "f") (param i32) (result i32)
      (local {"i32 " * count}) (local f64)
      (local.set {count} (local.get 0))
      (drop (local.tee {count - 1} (i32.add (local.get {count}) (i32.const 1))))
      (i32.add (local.get {count - 1}) (i32.trunc_f64_s (local.get {count + 1})))))""").f
    assert f(41) == 42


def test_closures_have_at_most_four_cells_and_globals_work_beyond() -> None:
    count = 7
    text = "(module " + "".join(f"(global $g{n} (mut i64) (i64.const {n}))" for n in range(count))
    text += '(func (export "f") (result i64) ' + "".join(
        f"(global.set $g{n} (i64.add (global.get $g{n}) (i64.const 10)))" for n in range(count)
    )
    text += "(i64.const 0)" + "".join(f"(i64.add (global.get $g{n}))" for n in range(count)) + "))"
    inst = instance(text)
    assert len(code_of(inst, "f").co_freevars) == 4
    assert inst.exports.f() == sum(range(count)) + 10 * count
    assert inst.exports.f() == sum(range(count)) + 20 * count
    other = wj.Instance(inst.module)
    assert other.exports.f() == sum(range(count)) + 10 * count
