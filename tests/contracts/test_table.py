"""The instruction table is complete, and so is everything that it must be answered by."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from pywasmjit.codegen.baseline import emitters
from pywasmjit.codegen.baseline.driver import EMITTERS, TABLES
from pywasmjit.codegen.baseline.emitters.meanings import MEANINGS
from pywasmjit.wasm import numerics
from pywasmjit.wasm.features import Features
from pywasmjit.wasm.opcodes import FEATURES, IMMEDIATES, IMPLEMENTED, OPS, Effect, Op

RUN = [op for op in OPS if op.feature in IMPLEMENTED]
NUMERIC = [
    op
    for op in RUN
    if op.params is not None and not op.immediates and op.results and op.effect in (Effect.NONE, Effect.TRAPS)
]


def test_no_code_and_no_name_twice() -> None:
    assert [code for code, count in Counter(op.code for op in OPS).items() if count > 1] == []
    assert [name for name, count in Counter(op.mnemonic for op in OPS).items() if count > 1] == []


@pytest.mark.parametrize(
    ("feature", "count"),
    [
        ("mvp", 172),
        ("sign-extension", 5),
        ("saturating-conversion", 8),
        ("threads", 67),
        ("simd", 236),
        ("relaxed-simd", 20),
        ("tail-call", 2),
        ("gc", 32),
        ("wide-arithmetic", 4),
    ],
)
def test_features_have_all_their_instructions(feature: str, count: int) -> None:
    """Counts are those of the specification."""
    assert sum(op.feature == feature for op in OPS) == count


def test_features_and_immediates_are_declared() -> None:
    assert {op.feature for op in OPS} <= set(FEATURES)
    assert {kind for op in OPS for kind in op.immediates} <= set(IMMEDIATES)
    assert {field.name.replace("_", "-") for field in fields(Features)} == set(FEATURES) - {"mvp"}


@pytest.mark.parametrize("op", NUMERIC, ids=lambda op: op.mnemonic)
def test_every_numeric_instruction_has_a_meaning(op: Op) -> None:
    assert op.mnemonic in numerics.FUNCTIONS


def test_every_meaning_is_of_an_instruction() -> None:
    assert set(numerics.FUNCTIONS) <= {op.mnemonic for op in OPS}


def test_every_instruction_that_runs_has_an_emitter() -> None:
    assert [op.mnemonic for op in RUN if op not in EMITTERS] == []


def test_no_instruction_has_two_emitters() -> None:
    assert [name for name, count in Counter(name for table in TABLES for name in table).items() if count > 1] == []


def test_only_numeric_instructions_become_a_call_of_their_meaning() -> None:
    assert set(MEANINGS) <= set(numerics.FUNCTIONS)


def test_mnemonics_stand_in_full_where_they_are_emitted() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in Path(emitters.__file__).parent.glob("*.py"))
    assert [op.mnemonic for op in EMITTERS if f'"{op.mnemonic}"' not in texts] == []


def test_no_emitter_is_of_a_feature_that_does_not_run() -> None:
    assert [op.mnemonic for op in EMITTERS if op.feature not in IMPLEMENTED] == []
