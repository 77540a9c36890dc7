"""Conventions belong to the interface: one module, another interface, other code."""

from __future__ import annotations

import pytest

import pywasmjit as wj
from pywasmjit.codegen.conventions import NO_CONVENTIONS, Conventions
from pywasmjit.runtime.functions import Direct
from pywasmjit.wasm.decoder import decode
from tests.wat import assemble

TEXT = """(module (import "e" "f" (func $f (result i32))) (global (mut i32) (i32.const 64)) (table 3 funcref)
  (elem (i32.const 1) $g)
  (func $g (export "g") (result i32) (loop (drop (call $f))) (global.get 0)))"""
TWICE = Conventions(returning_twice=frozenset({("e", "f")}), stack_pointer=0)


def instance(module: wj.Module, conventions: Conventions | None) -> wj.Instance:
    return wj.Instance(module, {"e": {"f": Direct(lambda: 0, conventions=conventions)}})


def test_only_what_makes_a_difference_to_a_module_counts() -> None:
    module = decode(assemble(TEXT))
    others = Conventions(frozenset({("e", "h")}), frozenset({("h", "f")}), 0)
    assert others.relevant_to(module) == NO_CONVENTIONS
    assert TWICE.relevant_to(module) == TWICE
    assert Conventions(TWICE.returning_twice, stack_pointer=1).relevant_to(module).stack_pointer is None


def test_instances_of_one_module_may_have_different_interfaces() -> None:
    module = wj.Module(assemble(TEXT))
    tables = []
    for conventions in (None, TWICE, None):
        made = instance(module, conventions)
        assert made.exports.g() == 64
        tables.append(made.exports.g.function.__code__.co_exceptiontable)
    assert tables[0] == tables[2] == b""
    assert tables[1] != b""


def test_the_stack_pointer_of_an_instance() -> None:
    module = wj.Module(assemble(TEXT))
    made = instance(module, Conventions(stack_pointer=0))
    assert made.stack_pointer == 64
    made.stack_pointer = -16
    assert made.stack_pointer == made.exports.g() & 0xFFFF_FFFF == 0xFFFF_FFF0
    without = instance(module, None)
    without.stack_pointer = 8
    assert (without.stack_pointer, without.exports.g()) == (0, 64)


def test_an_element_is_found_as_an_indirect_call_finds_it() -> None:
    made = instance(wj.Module(assemble(TEXT)), None)
    assert made.element(0, 1) is made.exports.g
    for table, index, code in (
        (0, 0, wj.TrapCode.UNINITIALIZED_ELEMENT),
        (0, 3, wj.TrapCode.UNDEFINED_ELEMENT),
        (1, 0, wj.TrapCode.UNDEFINED_ELEMENT),
    ):
        with pytest.raises(wj.Trap) as raised:
            made.element(table, index)
        assert raised.value.code == code
