"""Calls keep the order of what their operands do."""

from __future__ import annotations

import pytest

import pywasmjit as wj
from tests.wat import exports


def test_operands_keep_their_order_of_traps_and_calls() -> None:
    seen: list[int] = []
    f = exports(
        """(module (import "e" "log" (func $log (param i32) (result i32))) (table 2 funcref) (elem (i32.const 0) $g)
      (type $t (func (param i32 i32)))
      (func $g (param i32 i32) (drop (call $log (i32.add (local.get 0) (local.get 1)))))
      (func (export "f") (call_indirect (type $t)
        (call $log (i32.const 1)) (call $log (i32.const 2)) (call $log (i32.const 0))))
      (func (export "late") (call_indirect (type $t)
        (call $log (i32.const 1)) (call $log (i32.const 2)) (i32.const 9))))""",
        {"e": {"log": lambda x: seen.append(x) or x}},
    )
    f.f()
    assert seen == [1, 2, 0, 3]
    with pytest.raises(wj.Trap, match="undefined element"):
        f.late()
    assert seen[4:] == [1, 2]
