"""Code that checks the compiler's claims: it computes the same, and raises where a claim is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pywasmjit as wj
from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.facts import Facts
from pywasmjit.runtime.support import WrongClaim
from tests.wat import assemble

EXAMPLES = Path(__file__).parents[4] / "examples"

TEXT = """(module (memory 1)
  (func (export "sum") (param i32 i32) (result i32) (i32.and (i32.add (local.get 0) (local.get 1)) (i32.const 255)))
  (func (export "load") (param i32) (result i32) (drop (i32.load8_u offset=8 (local.get 0))) (local.get 0))
  (func (export "join") (param i32) (result i32) (local i32)
    (if (local.get 0) (then (local.set 1 (i32.const 9))) (else (local.set 1 (i32.const 5))))
    (local.get 1))
  (func (export "loop") (param i32) (result i32) (local i32 i32)
    (local.set 2 (i32.const 3))
    (loop (local.set 1 (i32.add (local.get 1) (local.get 2)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))"""


def exports(*, asserting: bool = True) -> Any:
    module = wj.Module(assemble(TEXT))
    module._unit.asserting = asserting
    return wj.Instance(module).exports


@pytest.mark.parametrize("asserting", [False, True])
def test_the_results_are_the_same(asserting: bool) -> None:
    e = exports(asserting=asserting)
    assert (e.sum(250, 7), e.sum(-1, -1)) == (1, 254)
    assert (e.load(65527), e.join(0), e.join(1), e.loop(4)) == (65527, 5, 9, 12)
    with pytest.raises(wj.Trap):
        e.load(65528)


def test_a_wrong_bound_of_a_value_is_noticed_where_it_is_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "add", lambda a, b: (a[0] + b[0], a[1]))
    e = exports()
    assert e.sum(1, 2) == 3
    with pytest.raises(WrongClaim):
        e.sum(-1, 1)


def test_a_wrong_fact_of_an_access_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "after_access", lambda address, offset, size: (0, 100))
    e = exports()
    assert e.load(100) == 100
    with pytest.raises(WrongClaim):
        e.load(101)


def test_a_wrong_fact_of_a_label_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Facts, "join", lambda self, there: dict(self.known))
    e = exports()
    assert e.join(0) == 5
    with pytest.raises(WrongClaim):
        e.join(1)


def test_a_wrong_fact_at_a_loop_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Facts, "forget", lambda self, slots: None)
    with pytest.raises(WrongClaim):
        exports().loop(4)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.wasm")), ids=lambda path: path.name)
def test_programs_compile_with_checks(path: Path) -> None:
    module = wj.Module(path.read_bytes())
    module._unit.asserting = True
    module.compile()
