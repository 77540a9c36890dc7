"""Loops of modules that can start threads look whether their thread is wanted; no other loop does."""

from __future__ import annotations

import dis

import pytest

import pywasmjit as wj
from pywasmjit.codegen.conventions import Conventions
from pywasmjit.runtime.functions import Direct, SafePoint
from tests.wat import instance

COUNT = """(module
  {import}
  (func (export "count") (param i32) (result i32)
    (local i32)
    (i32.const 7)
    (loop
      (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get 1) (local.get 0))))
    (i32.add (local.get 1))))"""
SPAWN = '(import "threads" "spawn" (func (param i32 i32) (result i32)))'

CONVENTIONS = Conventions(starting_threads=frozenset({("threads", "spawn")}))


class Providing:
    """Imports of a provider whose threads can be wanted: after so many looks nobody wants them."""

    def __init__(self, wanted: int, error: Exception | None = None) -> None:
        self.alerted = [True] if wanted else []
        self.left, self.looks, self.error = wanted, 0, error

    def resolve_import(self, _: object) -> object:
        return Direct(lambda function, argument: 0, None, SafePoint(self.alerted, self.look), CONVENTIONS)

    def look(self) -> None:
        self.looks += 1
        if self.error is not None:
            raise self.error
        self.left -= 1
        if not self.left:
            self.alerted.clear()


def test_a_loop_looks_up_while_it_is_wanted() -> None:
    provider = Providing(3)
    count = instance(COUNT.format(**{"import": SPAWN}), provider).exports.count
    assert count(10) == 17
    assert provider.looks == 3
    assert count(10) == 17
    assert provider.looks == 3
    provider.left = 2
    provider.alerted.append(True)
    assert count(5) == 12
    assert provider.looks == 5


def test_what_looking_up_raises_leaves_the_loop() -> None:
    provider = Providing(1, wj.Exit(3))
    count = instance(COUNT.format(**{"import": SPAWN}), provider).exports.count
    with pytest.raises(wj.Exit):
        count(10)


def test_a_module_without_threads_has_no_test_in_its_loops() -> None:
    module = instance(COUNT.format(**{"import": '(import "wali" "SYS_getpid" (func (result i64)))'}), Providing(1))
    count = module.exports.count
    assert count(10) == 17
    names = {each.argval for each in dis.get_instructions(count.function.__code__) if each.opname == "LOAD_GLOBAL"}
    assert not names


def test_a_plain_host_function_may_stand_for_the_start_of_threads() -> None:
    imports = {"threads": {"spawn": lambda function, argument: -1}}
    assert instance(COUNT.format(**{"import": SPAWN}), imports).exports.count(4) == 11
